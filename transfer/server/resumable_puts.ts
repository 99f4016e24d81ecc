/**
 * The uploads that resume, by client and file. A client that was killed, or lost its network, comes again before the
 * server knows that its old connection is dead. Then the new upload takes over what the old one has received; otherwise
 * that would be in use, and everything would be sent again.
 *
 * @module
 */

import type { PutMessage } from "../messages.ts";

/** An upload that can be ended for another one. */
export interface ResumablePut {
  /** Another connection of the same client sends the same file: leaves to it what was received. */
  onTakenOver(): void;
}

/** See the module's description. */
export class ResumablePuts {
  readonly #puts = new Map<string, { readonly put: ResumablePut; readonly owner: unknown }>();
  readonly #keys = new Map<ResumablePut, string>();

  /** Ends the upload of the same file, if another connection has one; to be called before the file is created. */
  takeOver(purpose: string, request: PutMessage, owner: unknown): void {
    const found = this.#puts.get(keyOf(purpose, request));
    if (found !== undefined && found.owner !== owner) found.put.onTakenOver();
  }

  /** An upload of a connection has begun. */
  begin(purpose: string, request: PutMessage, { put, owner }: { put: ResumablePut; owner: unknown }): void {
    const key = keyOf(purpose, request);
    this.#puts.set(key, { put, owner });
    this.#keys.set(put, key);
  }

  /** It has ended, if it is one that resumes. */
  end(put: ResumablePut): void {
    const key = this.#keys.get(put);
    this.#keys.delete(put);
    if (key !== undefined && this.#puts.get(key)?.put === put) this.#puts.delete(key);
  }
}

function keyOf(purpose: string, { name, sizeBytes, modifiedUs }: PutMessage): string {
  return JSON.stringify([purpose, name, sizeBytes, modifiedUs ?? null]);
}
