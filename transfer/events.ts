/**
 * What a server's session reports of its requests, for the log.
 *
 * @module
 */

/** What a client asks a server for; "request" where it was not understood. */
export type Operation = "put" | "get" | "list" | "stat" | "request";

/** One thing that happened. Names and reasons may come from a peer: escape them before showing. */
export type TransferEvent =
  /** A client began to send a file. */
  | { readonly kind: "receiving"; readonly name: string; readonly sizeBytes: number }
  /** A file is stored: verified against the client's checksum, and durable under its name. */
  | {
    readonly kind: "received";
    readonly name: string;
    readonly sizeBytes: number;
    readonly sha256: string;
    readonly elapsedMs: number;
  }
  /** A client began to get a file. */
  | { readonly kind: "sending"; readonly name: string; readonly sizeBytes: number }
  /** The client has the whole file; `verified`: its checksum is the same, and the file is durable there. */
  | {
    readonly kind: "sent";
    readonly name: string;
    readonly sizeBytes: number;
    readonly sha256: string;
    readonly elapsedMs: number;
    readonly verified: boolean;
    /** Stream bytes that this connection sent more than once meanwhile. */
    readonly retransmittedBytes: number;
  }
  /** The client asked for all files, or for one. */
  | { readonly kind: "listed"; readonly count: number }
  /** The server refused a request. `name` is empty where the operation has none. */
  | { readonly kind: "refused"; readonly operation: Operation; readonly name: string; readonly reason: string }
  /** A request was begun and did not succeed; nothing of it stays. `name` is empty where the operation has none. */
  | { readonly kind: "failed"; readonly operation: Operation; readonly name: string; readonly reason: string };
