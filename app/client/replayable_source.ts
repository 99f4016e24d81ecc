/**
 * A source of bytes that can be read again from its beginning, as long as little of it has been read: so that what a busy
 * server refused at once can be sent once more.
 *
 * @module
 */

/** The most that is kept, bytes. */
const MAX_KEPT_BYTES: number = 1024 * 1024;

/** See the module's description. Reads one source, whichever of its readers asks. */
export class ReplayableSource implements AsyncIterable<Uint8Array> {
  readonly #iterator: AsyncIterator<Uint8Array>;
  /** All that has been read; undefined once that is too much. */
  #kept: Uint8Array[] | undefined = [];
  #keptBytes = 0;
  #isBegun = false;
  /** A read that is under way; a reader that has ended may have begun it. */
  #reading: Promise<IteratorResult<Uint8Array>> | undefined;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#iterator = source[Symbol.asyncIterator]();
  }

  /** Whether nothing has been read. */
  get isUnread(): boolean {
    return !this.#isBegun;
  }

  /** Whether a reader that begins now gets all of it. */
  get isReplayable(): boolean {
    return this.#kept !== undefined;
  }

  /** A reader, from the beginning; those before it must have ended. */
  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    let index = 0;
    return {
      next: async () => {
        const kept = this.#kept?.[index++];
        return kept === undefined ? await (this.#reading ??= this.#read()) : { done: false, value: kept };
      },
    };
  }

  /** Ends the source, if it is not at its end. */
  close(): void {
    // Not waited for: a source may first end the read that is under way. What it says then concerns nobody.
    this.#iterator.return?.()?.catch(() => {});
  }

  async #read(): Promise<IteratorResult<Uint8Array>> {
    try {
      const result = await this.#iterator.next();
      if (result.done !== true) this.#keep(result.value);
      return result;
    } finally {
      this.#reading = undefined;
    }
  }

  #keep(bytes: Uint8Array): void {
    this.#isBegun = true;
    this.#keptBytes += bytes.length;
    if (this.#keptBytes > MAX_KEPT_BYTES) this.#kept = undefined;
    else this.#kept?.push(bytes.slice());
  }
}
