/**
 * Connects a client that goes on by itself when its connection is lost.
 *
 * @module
 */

import { SluiceError } from "../api.ts";
import type { Platform } from "../platform.ts";
import { requireSendPolicy } from "../rate.ts";
import type { Client, ClientOptions } from "./api.ts";
import { connectOnce } from "./connect_once.ts";
import { ReconnectingClient } from "./reconnecting_client.ts";

/** Connects to a server; rejects with SluiceError. */
export async function connect(options: ClientOptions, platform: Platform): Promise<Client> {
  requireSendPolicy(options.sendPolicy);
  const { retryForMs = 0 } = options;
  if (!(retryForMs >= 0)) throw new SluiceError("usage", `retryForMs is ${retryForMs}: it must be 0 or more`);
  return await ReconnectingClient.connect(options, {
    platform,
    connectOnce: (oneOptions) => connectOnce(oneOptions, platform),
  });
}
