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

/** A transfer that succeeded: both checksums are the same. Hexadecimal SHA-256. */
export interface TransferOutcome {
  readonly kind: "done";
  readonly sizeBytes: number;
  readonly serverSha256: string;
  readonly localSha256: string;
  /** Where the file is now: its name on the server, or its path here. */
  readonly savedAs: string;
}
