/**
 * Access control of a server: credentials of clients, and what each is granted.
 *
 * @module
 */

import { timingSafeEqual } from "node:crypto";
import type { PeerIdentity } from "../../protocol/mod.ts";
import type { Right } from "../../transfer/rights.ts";
import { SluiceError } from "../api.ts";

/** What a client may do. */
export interface Grant {
  /** The name in the log. */
  readonly name: string;
  readonly rights: readonly Right[];
  /** The folder in the server's root that is all the client sees; the root itself when undefined. */
  readonly folder: string | undefined;
  /** What the folder may hold, bytes, before the client may send no more; no bound when undefined. */
  readonly quotaBytes: number | undefined;
  /** The rate of all its connections together in each direction, bytes of UDP payload per second; no limit when undefined. */
  readonly bytesPerSecond?: number | undefined;
}

/** How a client is identified: by a public key that it proves to hold, or a token that it proves to know. */
export type CredentialKind = "key" | "token";

/** One line of the table. */
export interface AccessEntry extends Grant {
  readonly kind: CredentialKind;
  /** The key, or the token's bytes. */
  readonly secret: Uint8Array;
}

/** A file of credentials cannot be read; the message names the file by its path. */
export class AccessFileError extends SluiceError {
  constructor(readonly credentials: CredentialKind, message: string) {
    super("local-disk", message);
  }
}

/** Where the access table is written down. */
export interface AccessSource {
  /** The only client is the user's own who runs the server. */
  readonly isOwnerOnly?: boolean;
  /** Reads the table. Throws SluiceError. */
  read(): AccessTable;
  /**
   * The table, if it has changed since; else undefined. Throws SluiceError once for a change that cannot be read, and if it
   * is a file's {@link AccessFileError}. `isForced`: the table as it is now, changed or not.
   */
  poll(options?: { readonly isForced: boolean }): AccessTable | undefined;
}

/** The authorized clients. */
export class AccessTable {
  readonly entries: readonly AccessEntry[];

  constructor(entries: readonly AccessEntry[]) {
    this.entries = entries;
  }

  /** What a peer is granted; undefined if it is not authorized. Takes the same time whichever entry matches. */
  grantOf(peer: PeerIdentity): AccessEntry | undefined {
    let found: AccessEntry | undefined;
    for (const entry of this.entries) {
      const isTheirs = entry.kind === "token"
        ? peer.provesToken(entry.secret)
        : timingSafeEqual(peer.key, entry.secret);
      // The first of several entries counts.
      if (isTheirs) found ??= entry;
    }
    return found;
  }
}

/** What tells the clients of an entry from those of all others. */
export function principalOf({ kind, secret }: AccessEntry): string {
  return `${kind} ${secret.toHex()}`;
}

/** Whether two grants allow the same. */
export function isSameGrant(one: Grant | undefined, other: Grant | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return one.name === other.name && one.folder === other.folder && one.quotaBytes === other.quotaBytes &&
    one.bytesPerSecond === other.bytesPerSecond &&
    one.rights.length === other.rights.length && one.rights.every((right) => other.rights.includes(right));
}
