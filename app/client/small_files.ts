/**
 * Small files over one connection: each is one of the requests of a batch (`transfer/client/batch.ts`), so that none waits
 * for another's round trip, and several share a datagram. There are a few batches at most: one holds back its answers until
 * the server has carried out the first of its requests.
 *
 * A batch begins with a file for which the others have no room, and ends when nothing is under way in it: a server takes a
 * stream on which nothing happens for a stalled one.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import type { ClientBatch, ClientBatchOptions } from "../../transfer/client/batch.ts";
import type { TransferOutcome } from "../../transfer/client/request.ts";
import { ShortGet, type ShortGetOutcome } from "../../transfer/client/short_get.ts";
import { MAX_SHORT_PUT_BYTES, ShortPut, type ShortPutOptions } from "../../transfer/client/short_put.ts";
import type { AnswerState, ShortRequest } from "../../transfer/client/short_request.ts";
import { storeFailure, type TransferFailure } from "../../transfer/failure.ts";
import { type CommittedFile, type FileInfo, StoreError, type WritableFile } from "../../transfer/file_store.ts";
import type { Message } from "../../transfer/messages.ts";
import { whenDone } from "../../store/completion.ts";
import { quote } from "../../base/display_text.ts";
import type { RunningTransfer } from "./running_transfer.ts";

/** The largest file that counts as small, bytes. */
export const MAX_SMALL_BYTES: number = MAX_SHORT_PUT_BYTES;

/**
 * Batches at once. A batch takes its answers in order: what is behind a lost packet waits for it, but the other batches go
 * on.
 */
const MAX_BATCHES = 8;

/** What to get. */
export interface SmallGetOptions {
  /** The name on the server. */
  readonly name: string;
  /** Creates the file on this machine. Rejects with StoreError. */
  readonly create: (info: FileInfo) => Promise<WritableFile>;
  /** The file is larger than it was said to be: nothing of it was got. */
  readonly onLarge: () => void;
  readonly onDone: (outcome: TransferOutcome | TransferFailure) => void;
}

/** The part of a batch that is used here. */
type Batch = Pick<ClientBatch, "add" | "finish" | "isFull">;

/** See the module's description. */
export class SmallFiles {
  readonly #openBatch: (options: ClientBatchOptions) => Batch;
  /** The batches, and how many requests are under way in each: one at least. */
  readonly #batches = new Map<Batch, number>();
  /** Requests for which no batch has room, in their order. */
  readonly #waiting: BatchedRequest[] = [];

  constructor(openBatch: (options: ClientBatchOptions) => Batch) {
    this.#openBatch = openBatch;
  }

  /** Sends a file of at most {@link MAX_SMALL_BYTES}, and closes it. */
  send(options: ShortPutOptions): RunningTransfer {
    return this.#add(
      new BatchedRequest(new ShortPut({ ...options, onDone: once(options.onDone) }), options.file.info.sizeBytes),
    );
  }

  /** Gets a file that was said to be of `sizeBytes`, at most {@link MAX_SMALL_BYTES}. */
  get(sizeBytes: number, options: SmallGetOptions): RunningTransfer {
    const sink = new SmallSink();
    const request = new BatchedRequest(
      new ShortGet({
        name: options.name,
        sink,
        onDone: once((outcome) => {
          if (outcome.kind !== "done") options.onDone(outcome);
          else if (sink.isTooLarge) options.onLarge();
          else void save(outcome, { ...options, content: sink.content() }).then(options.onDone);
        }),
      }),
      sizeBytes,
    );
    return this.#add(request);
  }

  #add(request: BatchedRequest): RunningTransfer {
    this.#waiting.push(request);
    this.#addWaiting();
    return request;
  }

  #addWaiting(): void {
    while (this.#waiting.length > 0) {
      const batch = this.#withRoom();
      if (batch === undefined) return;
      const request = this.#waiting.shift()!;
      this.#batches.set(batch, this.#batches.get(batch)! + 1);
      request.onLeft = () => this.#onLeft(batch);
      batch.add(request);
    }
  }

  #withRoom(): Batch | undefined {
    for (const batch of this.#batches.keys()) if (!batch.isFull) return batch;
    if (this.#batches.size === MAX_BATCHES) return undefined;
    const batch = this.#openBatch({ onRoom: () => this.#addWaiting() });
    this.#batches.set(batch, 0);
    return batch;
  }

  #onLeft(batch: Batch): void {
    const count = this.#batches.get(batch)! - 1;
    this.#batches.set(batch, count);
    if (count > 0) return;
    this.#batches.delete(batch);
    batch.finish();
    this.#addWaiting();
  }
}

/** A request that tells when it leaves its batch, and that its user can cancel before. */
class BatchedRequest implements ShortRequest, RunningTransfer {
  readonly sizeBytes: number;
  /** Called once, when the batch has done with it. */
  onLeft: () => void = () => {};
  readonly #request: ShortRequest;
  #isCancelled = false;
  #isDone = false;

  constructor(request: ShortRequest, sizeBytes: number) {
    this.#request = request;
    this.sizeBytes = sizeBytes;
  }

  get transferredBytes(): number {
    return this.#isDone ? this.sizeBytes : 0;
  }

  cancel(failure: TransferFailure): void {
    if (this.#isCancelled || this.#isDone) return;
    this.#isCancelled = true;
    this.#request.fail(failure);
  }

  encode(): Uint8Array | undefined {
    const bytes = this.#isCancelled ? undefined : this.#request.encode();
    if (bytes === undefined) this.onLeft();
    return bytes;
  }

  onMessage(message: Message): AnswerState {
    const state = this.#request.onMessage(message);
    if (state !== "done") return state;
    this.#isDone = true;
    this.onLeft();
    return state;
  }

  fail(failure: TransferFailure): void {
    if (!this.#isCancelled) this.#request.fail(failure);
    this.onLeft();
  }
}

/** A cancelled request ends again when its answer comes. */
function once<Value>(call: (value: Value) => void): (value: Value) => void {
  let isCalled = false;
  return (value) => {
    if (!isCalled) call(value);
    isCalled = true;
  };
}

/** Keeps a file in memory until its checksum has been compared, unless it is too large for that. */
class SmallSink {
  #isTooLarge = false;
  readonly #pieces: Uint8Array[] = [];

  get isTooLarge(): boolean {
    return this.#isTooLarge;
  }

  content(): Uint8Array {
    return this.#pieces.length === 1 ? this.#pieces[0]! : Buffer.concat(this.#pieces);
  }

  begin({ sizeBytes }: FileInfo): void {
    this.#isTooLarge = sizeBytes > MAX_SMALL_BYTES;
  }

  write(bytes: Uint8Array): void {
    if (!this.#isTooLarge) this.#pieces.push(bytes);
  }
}

/** Stores what was got, and reads it back first. */
async function save(
  { info, sha256 }: ShortGetOutcome,
  { content, create, name }: Pick<SmallGetOptions, "create" | "name"> & { readonly content: Uint8Array },
): Promise<TransferOutcome | TransferFailure> {
  let file: WritableFile | undefined;
  try {
    const created = file = await create(info);
    if (content.length > 0) created.write(0, content);
    const stored = new Uint8Array(content.length);
    const readBytes = created.read(0, stored);
    if (readBytes < content.length || Buffer.compare(stored, content) !== 0) {
      throw new StoreError("io", `${quote(name)}: this machine's disk gives back other bytes than were written to it`);
    }
    const { location: savedAs, notKept } = await whenDone<CommittedFile>((done) => created.commit(done));
    const sizes = { sizeBytes: info.sizeBytes, reusedBytes: 0 };
    return { kind: "done", file: { savedAs, ...sizes, serverSha256: sha256, localSha256: sha256, notKept } };
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    file?.abort();
    return storeFailure(error);
  }
}
