/**
 * What a server's session reports of its transfers, for the log.
 *
 * @module
 */

/** What a client asked for. */
export type Operation = "put" | "get" | "list" | "stat";

/** One thing that happened. Names are as the peer sent them: escape them before showing. */
export type TransferEvent =
  /** A file is coming in. */
  | { readonly kind: "receiving"; readonly name: string; readonly sizeBytes: number }
  /** A file came in, was verified against the client's checksum, and is durable under its name. */
  | { readonly kind: "received"; readonly name: string; readonly sizeBytes: number; readonly sha256: string }
  /** A file is going out. */
  | { readonly kind: "sending"; readonly name: string; readonly sizeBytes: number }
  /** A file went out; `verified` says whether the client's checksum agreed and the file is durable there. */
  | {
    readonly kind: "sent";
    readonly name: string;
    readonly sizeBytes: number;
    readonly sha256: string;
    readonly verified: boolean;
  }
  | { readonly kind: "listed"; readonly count: number }
  | { readonly kind: "looked-up"; readonly name: string }
  /** The server would not. */
  | { readonly kind: "refused"; readonly operation: Operation; readonly name: string; readonly reason: string }
  /** It was tried and did not succeed; nothing of it stays. */
  | { readonly kind: "failed"; readonly operation: Operation; readonly name: string; readonly reason: string };
