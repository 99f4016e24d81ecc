/**
 * What a client's session and its requests know of each other.
 *
 * @module
 */

import type { Stream } from "../../protocol/mod.ts";
import type { TransferFailure } from "../failure.ts";
import type { StreamHandler } from "../handler.ts";

/** A request under way, as its caller holds it. */
export interface ClientRequest extends StreamHandler {
  /** Gives the request a stream and sends it off. */
  start(stream: Stream): void;
  /** Ends it with this failure, unless it has ended; both sides let go of everything. */
  cancel(failure: TransferFailure): void;
}

/** What requests may use of their session. */
export interface ClientContext {
  readonly wake: () => void;
  /** The request on this stream has ended. */
  ended(request: ClientRequest, stream: Stream | undefined): void;
}

/** A file that was transferred: verified, and durable where it is now. */
export interface TransferredFile {
  /** Where the file is now: the server's name for it, or its path on this machine. */
  readonly savedAs: string;
  readonly sizeBytes: number;
  /** SHA-256 of the file as the server computed it, hex. */
  readonly serverSha256: string;
  /** SHA-256 of the file as this side computed it, hex. */
  readonly localSha256: string;
}

/** A transfer that succeeded. */
export interface TransferOutcome {
  readonly kind: "done";
  readonly file: TransferredFile;
}
