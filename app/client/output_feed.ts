/**
 * Joins a request for a file with a writer, which is asynchronous: gives it the bytes in order, one piece after the other,
 * and lets the request take no more from the stream than fits here.
 *
 * @module
 */

import type { TransferOutcome } from "../../transfer/client/request.ts";
import type { ClientSession } from "../../transfer/client/session.ts";
import { type ContentSink, ShortGet, type ShortGetOutcome } from "../../transfer/client/short_get.ts";
import type { TransferFailure } from "../../transfer/failure.ts";
import { PIPE_WINDOW_BYTES } from "../../transfer/pipe_window.ts";
import type { ByteWriter } from "./api.ts";

/** Bytes that wait for the writer. */
const MAX_WAITING_BYTES = 256 * 1024;

/** The failure of a request whose writer takes nothing more. */
const UNWRITABLE: TransferFailure = { kind: "failed", message: "the output takes nothing more" };

/** What to get, and what hears of it. */
export interface OutputOptions {
  readonly name: string;
  readonly session: Pick<ClientSession, "batch">;
  /** The file's size is known. */
  readonly onSize: () => void;
  readonly onDone: (outcome: TransferOutcome | TransferFailure) => void;
}

/** A file that is written to an output. */
export class OutputFeed implements ContentSink {
  readonly #writer: ByteWriter;
  readonly #options: OutputOptions;
  readonly #request: ShortGet;
  readonly #batch: ReturnType<ClientSession["batch"]>;
  readonly #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #hasWritten = false;
  #isWriting = false;
  #error: { readonly reason: unknown } | undefined;
  /** What the request ended with, while the writer has not got everything. */
  #outcome: ShortGetOutcome | undefined;

  /** Asks for the file. */
  constructor(writer: ByteWriter, options: OutputOptions) {
    this.#writer = writer;
    this.#options = options;
    this.#batch = options.session.batch({ windowBytes: PIPE_WINDOW_BYTES });
    this.#request = new ShortGet({ name: options.name, sink: this, onDone: (outcome) => this.#onAnswered(outcome) });
    this.#batch.add(this.#request);
    this.#batch.finish();
  }

  get sizeBytes(): number {
    return this.#request.sizeBytes;
  }

  /** Bytes that have arrived. */
  get transferredBytes(): number {
    return this.#request.transferredBytes;
  }

  /** What the writer rejected with, if it did. */
  get error(): { readonly reason: unknown } | undefined {
    return this.#error;
  }

  cancel(failure: TransferFailure): void {
    this.#batch.cancel(failure);
  }

  get hasRoom(): boolean {
    return this.#waitingBytes < MAX_WAITING_BYTES;
  }

  begin(): void {
    this.#options.onSize();
  }

  write(bytes: Uint8Array): void {
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    if (!this.#isWriting) void this.#writeOn();
  }

  async #writeOn(): Promise<void> {
    this.#isWriting = true;
    for (let bytes = this.#waiting.shift(); bytes !== undefined; bytes = this.#waiting.shift()) {
      this.#hasWritten = true;
      try {
        await this.#writer.write(bytes);
      } catch (reason) {
        return this.#onUnwritable(reason);
      }
      const hadRoom = this.hasRoom;
      this.#waitingBytes -= bytes.length;
      if (!hadRoom && this.hasRoom) this.#batch.resume();
    }
    this.#isWriting = false;
    if (this.#outcome !== undefined) this.#end(this.#outcome);
  }

  #onUnwritable(reason: unknown): void {
    this.#error = { reason };
    this.#waiting.length = 0;
    this.#batch.cancel(UNWRITABLE);
    if (this.#outcome !== undefined) this.#options.onDone(UNWRITABLE);
  }

  #onAnswered(outcome: ShortGetOutcome | TransferFailure): void {
    if (outcome.kind !== "done") {
      // What was written cannot be taken back, so it is not tried again.
      const { kind, message } = outcome;
      return this.#options.onDone(this.#hasWritten ? { kind, message } : outcome);
    }
    this.#outcome = outcome;
    if (!this.#isWriting) this.#end(outcome);
  }

  #end({ sha256, info: { sizeBytes } }: ShortGetOutcome): void {
    const file = { savedAs: "-", sizeBytes, reusedBytes: 0, serverSha256: sha256, localSha256: sha256, notKept: [] };
    this.#options.onDone({ kind: "done", file });
  }
}
