/**
 * Server and client on this machine.
 *
 * @module
 */

import type { Connect, StartServer } from "./app/api.ts";
import { connect as connectOn } from "./app/client/client.ts";
import { startServer as startServerOn } from "./app/server/server.ts";
import { systemPlatform } from "./io/platform.ts";

/** Starts a server; rejects with SluiceError when the address or the folder cannot be used. */
export const startServer: StartServer = (options) => startServerOn(options, systemPlatform);

/** Connects to a server; rejects with SluiceError. */
export const connect: Connect = (options) => connectOn(options, systemPlatform);
