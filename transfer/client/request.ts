/**
 * The interfaces between a client's session and its requests.
 *
 * @module
 */

import type { Stream } from "../../protocol/mod.ts";
import type { BackgroundTask } from "../background_work.ts";
import type { TransferFailure } from "../failure.ts";
import type { FragileAttribute } from "../file_store.ts";
import type { StreamHandler } from "../handler.ts";

/** A request in progress, for its caller. */
export interface ClientRequest extends StreamHandler {
  /** Sends the request on a stream. */
  start(stream: Stream): void;
  /** Ends it with this failure, unless it has ended; both sides release everything. */
  cancel(failure: TransferFailure): void;
}

/** A request that waits until the server has acknowledged something. */
export interface WatchingRequest {
  /** Something may have happened to the connection. */
  onProcess(): void;
}

/** The part of the session that requests use. */
export interface ClientContext {
  readonly wake: () => void;
  /** The request has work for the background from time to time, until it ends. */
  works(request: ClientRequest & BackgroundTask): void;
  /** The request gives this stream up, and is to be started on another one as soon as there is one. */
  again(request: ClientRequest, stream: Stream): void;
  /** Calls {@link WatchingRequest.onProcess} once, after the next event of the connection. */
  watch(request: WatchingRequest): void;
  /** The request on this stream has ended. */
  ended(request: ClientRequest, stream: Stream | undefined): void;
}

/** A file that was transferred: verified and durable. */
export interface TransferredFile {
  /** Where the file was stored: its name on the server, or its path on this machine. */
  readonly savedAs: string;
  readonly sizeBytes: number;
  /** Bytes of it that the receiver had already, so that they were not sent. */
  readonly reusedBytes: number;
  /** SHA-256 of the file as the server computed it, hex. */
  readonly serverSha256: string;
  /** SHA-256 of the file as this side computed it, hex. */
  readonly localSha256: string;
  /** Attributes of a received file that this machine's disk did not keep, or not exactly. */
  readonly notKept: readonly FragileAttribute[];
}

/** A transfer that succeeded. */
export interface TransferOutcome {
  readonly kind: "done";
  readonly file: TransferredFile;
}
