/**
 * Sluice as a library: a server that keeps files in a folder, and a client that sends and gets them, over UDP, verified
 * by SHA-256. `examples/send_and_get.ts` shows both.
 *
 * ```ts
 * const server = await startServer({ host: "127.0.0.1", port: 0, root: "storage", onEvent: () => {} });
 * const client = await connect({ host: server.host, port: server.port });
 * const report = await client.send("report.pdf");
 * console.log(`${report.savedAs}: ${report.sizeBytes} bytes, SHA-256 ${report.serverSha256}`);
 * await client.close();
 * await server.stop({ graceMs: 0 });
 * ```
 *
 * Every promise of a client or server rejects with {@link SluiceError}, whose `kind` says why. The library keeps no
 * state of its own: keys, tokens and lists of authorized clients are arguments.
 *
 * @module
 */

import type { Connect } from "./app/client/api.ts";
import { connect as connectOn } from "./app/client/connect.ts";
import type { StartServer } from "./app/server/api.ts";
import { startServer as startServerOn } from "./app/server/server.ts";
import { systemPlatform } from "./io/platform.ts";

/** Starts a server on this machine; rejects with {@link SluiceError} when the address or the folder cannot be used. */
export const startServer: StartServer = (options) => startServerOn(options, systemPlatform);

/** Connects this machine to a server; rejects with {@link SluiceError}. */
export const connect: Connect = (options) => connectOn(options, systemPlatform);

export { type FaultOptions, type SendingOptions, SluiceError, type StatsReader } from "./app/api.ts";
export type {
  Client,
  ClientOptions,
  Connect,
  ExpectedServer,
  GetOptions,
  ListOptions,
  Progress,
  RetryEvent,
  SendOptions,
  StatOptions,
  StatResult,
  TransferReport,
} from "./app/client/api.ts";
export type { SendPolicy } from "./protocol/mod.ts";
export type { TransferredFile } from "./transfer/client/request.ts";
export type { Operation, TransferEvent } from "./transfer/events.ts";
export type { RefusalReason, UnlistedFiles } from "./transfer/messages.ts";
export type { FailureKind, Retry } from "./transfer/failure.ts";
export type {
  EntryKind,
  FileAttributes,
  FileInfo,
  FolderAttributes,
  FragileAttribute,
  IfExists,
  StoreSpace,
} from "./transfer/file_store.ts";
export { formatKey, parseKey, publicKeyOf } from "./app/keys.ts";
export {
  type AccessEntry,
  AccessFileError,
  type AccessSource,
  AccessTable,
  type CredentialKind,
  type Grant,
} from "./app/server/access.ts";
export type { EventOrigin, Server, ServerEvent, ServerOptions, StartServer } from "./app/server/api.ts";
export type { ServerLimits } from "./app/server/limits.ts";
