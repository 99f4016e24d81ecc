/**
 * Writes text to the standard streams of this process without blocking its event loop, and without losing any of it to a
 * slow reader: what cannot be written yet waits its turn, in order, in memory.
 *
 * A line that comes soon after another waits a moment for further ones, so that thousands of lines take few writes; not on a
 * terminal, where somebody watches. `flush` lets nothing wait.
 *
 * It bounds nothing: a program whose output has no end of its own asks `waitingBytes` before it writes more.
 *
 * @module
 */

/** Where text is written to: `standard_stream.ts`. */
export interface Sink {
  /** Resolves to how many of the first bytes have been taken; 0 if none can be now. */
  write(bytes: Uint8Array): Promise<number>;
  readonly isTerminal: boolean;
}

/** Told that a text could not be written in full, and why; without a reason if its reader has gone. */
export type OnLost = (reason: string | undefined) => void;

/** Bytes could not be written in full: the reason, or none if their reader has gone. */
export interface Loss {
  readonly reason: string | undefined;
}

/** Text that waits to be written. */
interface Entry {
  readonly output: Output;
  readonly bytes: Uint8Array;
  readonly onLost: OnLost | undefined;
}

/** So much is written at once: as much as a pipe of Linux holds. */
const BATCH_BYTES = 65_536;

/** Time between two attempts to write to a stream that can take nothing now: doubled each time, up to a limit. */
const FIRST_RETRY_MS = 1;
const MAX_RETRY_MS = 64;

/** After a write the next one comes so much later at the earliest, unless there is a whole batch for it. */
const GATHER_MS = 20;

/** The order in which texts are written. Streams that lead to the same place, such as one terminal, share a queue. */
export class OutputQueue {
  readonly #sleep: (delayMs: number) => Promise<void>;
  readonly #entries: Entry[] = [];
  #waitingBytes = 0;
  /** Settles when nothing waits; undefined if nothing does. */
  #writing: Promise<void> | undefined;
  /** Calls of {@link flush} that have not ended. */
  #flushCount = 0;
  /** Ends the time between two writes. */
  #stopGathering = (): void => {};

  /** `sleep` is a parameter for tests. */
  constructor(
    sleep: (delayMs: number) => Promise<void> = (delayMs) => new Promise((wake) => setTimeout(wake, delayMs)),
  ) {
    this.#sleep = sleep;
  }

  /** Bytes that have not been written yet. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  add(entry: Entry): void {
    this.#entries.push(entry);
    this.#waitingBytes += entry.bytes.length;
    if (this.#waitingBytes >= BATCH_BYTES) this.#stopGathering();
    this.#writing ??= this.#writeAll();
  }

  /** Resolves when everything has been written or has failed. */
  async flush(): Promise<void> {
    this.#flushCount++;
    this.#stopGathering();
    await this.#writing;
    this.#flushCount--;
  }

  /** Never rejects. */
  async #writeAll(): Promise<void> {
    while (this.#entries.length > 0) {
      const batch = this.#takeBatch();
      const result = await this.#writeBatch(batch);
      for (const { bytes } of batch) this.#waitingBytes -= bytes.length;
      for (const { onLost } of result.lost) onLost?.(result.reason);
      if (!batch[0]!.output.sink.isTerminal) await this.#gather();
    }
    this.#writing = undefined;
  }

  /** Waits for further entries. */
  async #gather(): Promise<void> {
    if (this.#flushCount > 0 || this.#waitingBytes >= BATCH_BYTES) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#stopGathering = resolve;
    void this.#sleep(GATHER_MS).then(resolve);
    await promise;
  }

  /** The next entries of one stream, to be written together. */
  #takeBatch(): Entry[] {
    const { output } = this.#entries[0]!;
    let count = 0;
    let sizeBytes = 0;
    for (const entry of this.#entries) {
      if (entry.output !== output || (count > 0 && sizeBytes + entry.bytes.length > BATCH_BYTES)) break;
      sizeBytes += entry.bytes.length;
      count++;
    }
    return this.#entries.splice(0, count);
  }

  /** Returns the entries that were not written in full, and why. */
  async #writeBatch(batch: readonly Entry[]): Promise<{ lost: readonly Entry[]; reason: string | undefined }> {
    const { output } = batch[0]!;
    const bytes = concatenate(batch);
    let writtenBytes = 0;
    let retryMs = FIRST_RETRY_MS;
    while (writtenBytes < bytes.length) {
      try {
        const count = await output.sink.write(bytes.subarray(writtenBytes));
        writtenBytes += count;
        if (count === 0) await this.#sleep(retryMs);
        retryMs = count === 0 ? Math.min(2 * retryMs, MAX_RETRY_MS) : FIRST_RETRY_MS;
      } catch (error) {
        return { lost: afterFirst(writtenBytes, batch), reason: output.onFailure(error) };
      }
    }
    return { lost: [], reason: undefined };
  }
}

function concatenate(batch: readonly Entry[]): Uint8Array {
  const bytes = new Uint8Array(batch.reduce((sum, entry) => sum + entry.bytes.length, 0));
  let offset = 0;
  for (const entry of batch) {
    bytes.set(entry.bytes, offset);
    offset += entry.bytes.length;
  }
  return bytes;
}

/** The entries that do not lie within the first bytes of a batch. */
function afterFirst(writtenBytes: number, batch: readonly Entry[]): readonly Entry[] {
  let endOffset = 0;
  return batch.filter((entry) => (endOffset += entry.bytes.length) > writtenBytes);
}

const utf8 = new TextEncoder();

/** One stream, and what became of the text written to it. A stream that fails is tried again for the next text. */
export class Output {
  readonly sink: Sink;
  readonly #queue: OutputQueue;
  #failure: string | undefined;
  #hasReader = true;

  constructor(sink: Sink, queue: OutputQueue) {
    this.sink = sink;
    this.#queue = queue;
  }

  /** Why text was lost the first time, in the system's words; without a reason if only its reader has gone. */
  get loss(): Loss | undefined {
    return this.#failure === undefined && this.#hasReader ? undefined : { reason: this.#failure };
  }

  /** Writes after everything that waits. `onLost` is called if it cannot be written in full. */
  write(text: string, onLost?: OnLost): void {
    this.#queue.add({ output: this, bytes: utf8.encode(text), onLost });
  }

  /** Writes bytes after everything that waits. Resolves when they have been written, or to why they could not be. */
  async writeBytes(bytes: Uint8Array): Promise<Loss | undefined> {
    let loss: Loss | undefined;
    this.#queue.add({ output: this, bytes, onLost: (reason) => loss = { reason } });
    await this.#queue.flush();
    return loss;
  }

  /** Returns the failure in words, if it is one. */
  onFailure(error: unknown): string | undefined {
    // The reader has closed the pipe (`sluice list | head -1`), or the terminal is gone.
    if (error instanceof Deno.errors.BrokenPipe || this.sink.isTerminal) {
      this.#hasReader = this.sink.isTerminal;
      return undefined;
    }
    const words = (error instanceof Error ? error.message : String(error)).replace(/ \(os error \d+\)$/, "");
    this.#failure ??= words;
    return words;
  }
}
