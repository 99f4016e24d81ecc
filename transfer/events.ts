/**
 * The events that a server's session reports about its requests, for the log.
 *
 * @module
 */

import type { FragileAttribute } from "./file_store.ts";
import type { RequestMessage } from "./messages.ts";

/** The operation that a client requests; "request" if the server did not understand it. */
export type Operation = RequestMessage["type"] | "request";

/** One event. Names and reasons may come from a peer: escape them before printing. */
export type TransferEvent =
  /** A client began to send a file; the size of a pipe is not known. */
  | { readonly kind: "receiving"; readonly name: string; readonly sizeBytes: number | undefined }
  /** A file was stored: its checksum is the client's, and it is durable under its name. */
  | {
    readonly kind: "received";
    readonly name: string;
    readonly sizeBytes: number;
    readonly sha256: string;
    readonly elapsedMs: number;
    /** Attributes of the file that the disk did not keep, or not exactly. */
    readonly notKept: readonly FragileAttribute[];
  }
  /** A client began to get a file. */
  | { readonly kind: "sending"; readonly name: string; readonly sizeBytes: number }
  /**
   * The client has the complete file. `verified`: the client reported the same checksum, and that the file is durable;
   * undefined if the file was one of several requests, where the client reports nothing.
   */
  | {
    readonly kind: "sent";
    readonly name: string;
    readonly sizeBytes: number;
    readonly sha256: string;
    readonly elapsedMs: number;
    readonly verified: boolean | undefined;
    /** Stream bytes that the connection retransmitted during the transfer. */
    readonly retransmittedBytes: number;
  }
  /** The client requested a list, or the attributes of one entry. */
  | { readonly kind: "listed"; readonly count: number }
  /** A folder or link was made, or the attributes of a folder were set. */
  | { readonly kind: "made"; readonly what: "folder" | "link"; readonly name: string }
  /** An entry was removed; `count` includes what was in it. */
  | { readonly kind: "removed"; readonly name: string; readonly count: number }
  /** An entry got another name. */
  | { readonly kind: "moved"; readonly name: string; readonly newName: string }
  /** The server refused a request. `name` is empty if the operation has none. */
  | { readonly kind: "refused"; readonly operation: Operation; readonly name: string; readonly reason: string }
  /** A request was begun and failed; a partial file remains only to be resumed. `name` is empty if the operation has none. */
  | { readonly kind: "failed"; readonly operation: Operation; readonly name: string; readonly reason: string };
