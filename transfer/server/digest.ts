/**
 * The SHA-256 of a stored file, for STAT.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { quote } from "../../base/display_text.ts";
import { type Done, type FileInfo, type FileStore, type ReadableFile, StoreError } from "../file_store.ts";

/** An entry, and the SHA-256 of it if it is a file. */
export interface HashedEntry {
  readonly info: FileInfo;
  readonly sha256?: Uint8Array;
}

/** Bytes that are hashed in one go: a few milliseconds on a slow machine. */
export const PIECE_BYTES: number = 4 * 1024 * 1024;

/** How to hash. */
export interface HashOptions {
  readonly store: FileStore;
  /** Whether nobody waits for the result any more. */
  readonly isOver: () => boolean;
}

/** Looks up an entry, and hashes it if it is a file. */
export function hashEntry(name: string, { store, isOver }: HashOptions, done: Done<HashedEntry>): void {
  store.stat(name, (info) => {
    if (info instanceof StoreError) return done(info);
    if (info.kind !== "file" || isOver()) return done({ info });
    store.open(name, (file) => {
      if (file instanceof StoreError) return done(file);
      const finish: Done<Uint8Array> = (sha256) => {
        file.close();
        done(sha256 instanceof StoreError ? sha256 : { info: file.info, sha256 });
      };
      new Hashing(file, { store, isOver }, finish).next();
    });
  });
}

class Hashing {
  readonly #file: ReadableFile;
  readonly #options: HashOptions;
  readonly #done: Done<Uint8Array>;
  readonly #hash = createHash("sha256");
  readonly #piece = new Uint8Array(PIECE_BYTES);
  #offset = 0;

  constructor(file: ReadableFile, options: HashOptions, done: Done<Uint8Array>) {
    this.#file = file;
    this.#options = options;
    this.#done = done;
  }

  next(): void {
    let isWhole: boolean;
    try {
      isWhole = this.#readPiece();
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      return this.#done(error);
    }
    if (isWhole) return this.#done(new Uint8Array(this.#hash.digest()));
    // The store answers in a later turn, so that other requests have theirs.
    this.#options.store.stat(this.#file.info.name, () => this.next());
  }

  /** Whether that was the last one. Throws StoreError. */
  #readPiece(): boolean {
    const { name, sizeBytes } = this.#file.info;
    if (this.#options.isOver()) throw new StoreError("busy", `${quote(name)}: the request is over`);
    const count = this.#file.read(this.#offset, this.#piece);
    this.#hash.update(this.#piece.subarray(0, count));
    this.#offset += count;
    const isShort = count === 0 && this.#offset < sizeBytes;
    if (isShort || this.#file.hasChanged()) throw new StoreError("changed", `${quote(name)} changes while it is read`);
    return this.#offset >= sizeBytes;
  }
}
