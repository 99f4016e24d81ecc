/**
 * Who may do what on a server.
 *
 * @module
 */

import { timingSafeEqual } from "node:crypto";
import type { PeerIdentity } from "../../protocol/mod.ts";
import type { Right } from "../../transfer/rights.ts";

/** What somebody may do. */
export interface Grant {
  /** By which the log calls who has it. */
  readonly name: string;
  readonly rights: readonly Right[];
  /** The folder in the server's root that is all the client sees; the root itself when undefined. */
  readonly folder: string | undefined;
  /** What the folder may hold, bytes, before the client may send no more; no bound when undefined. */
  readonly quotaBytes: number | undefined;
}

/** How a client is identified: by a public key that it proves to hold, or a token that it proves to know. */
export type CredentialKind = "key" | "token";

/** One line. */
export interface AccessEntry extends Grant {
  readonly kind: CredentialKind;
  /** The key, or the token's bytes. */
  readonly secret: Uint8Array;
}

/** Where a server's owner has it written who may do what. */
export interface AccessSource {
  /** What is written. Throws SluiceError. */
  read(): AccessTable;
  /** What is written, where that has changed since; else undefined. Throws SluiceError once for what cannot be read. */
  poll(): AccessTable | undefined;
}

/** All who may do anything. */
export class AccessTable {
  readonly entries: readonly AccessEntry[];

  constructor(entries: readonly AccessEntry[]) {
    this.entries = entries;
  }

  /** What a peer may do; undefined where that is nothing. Takes as long whichever entry it is. */
  grantOf(peer: PeerIdentity): Grant | undefined {
    let found: AccessEntry | undefined;
    for (const entry of this.entries) {
      const isTheirs = entry.kind === "token"
        ? peer.provesToken(entry.secret)
        : timingSafeEqual(peer.key, entry.secret);
      // Who has several has the first.
      if (isTheirs) found ??= entry;
    }
    return found;
  }
}

/** Whether two grants are the same in all that matters. */
export function isSameGrant(one: Grant | undefined, other: Grant | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return one.name === other.name && one.folder === other.folder && one.quotaBytes === other.quotaBytes &&
    one.rights.length === other.rights.length && one.rights.every((right) => other.rights.includes(right));
}
