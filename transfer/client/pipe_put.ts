/**
 * The client's side of an upload whose size is not known before its end: sends PUT, CHUNKs in order and DIGEST, and
 * receives RESULT.
 *
 * ```
 *   waiting --stream--> sending --end()--> ending --RESULT--> ended
 *      |                   |                  |
 *      +------ refusal, reset, cancel, connection lost ------> ended with a failure
 * ```
 *
 * The bytes come from the caller, who asks {@link ClientPipePut.hasRoom} first, and are kept until the server has
 * acknowledged them: they cannot be read again. Small pieces are sent at once where little is under way, and otherwise
 * gathered into chunks.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { invariant } from "../../base/invariant.ts";
import type { CloseReason, Stream } from "../../protocol/mod.ts";
import { ApplicationErrorCode } from "../application_error.ts";
import { closeFailure, refusalFailure, resetFailure, type TransferFailure } from "../failure.ts";
import type { FileAttributes } from "../file_store.ts";
import { encodeMessage } from "../message_encoder.ts";
import { readMessage } from "../message_reader.ts";
import { type ChunkMessage, MAX_PLAIN_CHUNK_BYTES, type Message } from "../messages.ts";
import { PIPE_WINDOW_BYTES } from "../pipe_window.ts";
import { outcomeOfPut } from "./put_outcome.ts";
import type { ClientContext, ClientRequest, TransferOutcome } from "./request.ts";

/** What is under way at most where small pieces are sent at once, bytes. */
const MAX_UNGATHERED_BYTES: number = 64 * 1024;

/** What to send. */
export interface PipePutRequest extends Omit<FileAttributes, "sizeBytes"> {
  /** The name on the server. */
  readonly name: string;
  readonly overwrite: boolean;
  /** Called when there is room again. */
  readonly onRoom: () => void;
  readonly onDone: (outcome: TransferOutcome | TransferFailure) => void;
}

/** Sends what its caller writes. */
export class ClientPipePut implements ClientRequest {
  readonly #request: PipePutRequest;
  readonly #context: ClientContext;
  readonly #hash = createHash("sha256");
  /** The next chunk. */
  readonly #chunk = new Uint8Array(MAX_PLAIN_CHUNK_BYTES);
  #chunkBytes = 0;
  /** Bytes of the content that are in chunks before it. */
  #sentBytes = 0;
  /** Bytes of messages. */
  #writtenBytes = 0;
  #digest: Uint8Array | undefined;
  #stream: Stream | undefined;
  #isRoomAwaited = true;
  #ended = false;

  constructor(request: PipePutRequest, context: ClientContext) {
    this.#request = request;
    this.#context = context;
  }

  /** The file's size; 0 until it is known. */
  get sizeBytes(): number {
    return this.#digest === undefined ? 0 : this.#sentBytes;
  }

  /** Bytes that the server has acknowledged. */
  get transferredBytes(): number {
    return Math.max(0, this.#sentBytes - this.#unackedBytes);
  }

  /** Whether bytes may be written now. If not, `onRoom` will be called, unless the request ends. */
  get hasRoom(): boolean {
    const hasRoom = this.#stream !== undefined && this.#unackedBytes < PIPE_WINDOW_BYTES;
    if (!hasRoom) this.#awaitRoom();
    return hasRoom;
  }

  /** Sends the next bytes of the file, which are copied. No effect once the request has ended. */
  write(bytes: Uint8Array): void {
    if (this.#ended) return;
    invariant(this.#stream !== undefined && this.#digest === undefined, "a pipe is written to before its end");
    for (let done = 0; done < bytes.length;) {
      const part = bytes.subarray(done, done + this.#chunk.length - this.#chunkBytes);
      this.#chunk.set(part, this.#chunkBytes);
      this.#chunkBytes += part.length;
      done += part.length;
      if (this.#chunkBytes === this.#chunk.length) this.#sendChunk();
    }
    this.#sendPiece();
    this.#context.wake();
  }

  /** The file is complete. */
  end(): void {
    if (this.#ended) return;
    this.#sendChunk();
    const sha256 = this.#digest = new Uint8Array(this.#hash.digest());
    this.#send({ type: "digest", sha256 });
    this.#stream!.finish();
    this.#context.wake();
  }

  start(stream: Stream): void {
    this.#stream = stream;
    const { name, overwrite, modifiedUs, mode } = this.#request;
    this.#send({ type: "put", name, overwrite, sizeBytes: 0, unsized: true, modifiedUs, mode });
    this.onProcess();
  }

  /** Packets may have been acknowledged. */
  onProcess(): void {
    if (this.#ended || this.#stream === undefined) return;
    this.#sendPiece();
    if (this.#isRoomAwaited && this.#unackedBytes < PIPE_WINDOW_BYTES) {
      this.#isRoomAwaited = false;
      this.#request.onRoom();
    }
    if (this.#isRoomAwaited) this.#context.watch(this);
  }

  onReadable(): void {
    if (this.#ended) return;
    const next = readMessage(this.#stream!);
    if (next.kind === "incomplete") return;
    if (next.kind === "message") this.#onAnswer(next.message);
    else this.#failAnswer();
  }

  onReset(code: number): void {
    this.#fail(resetFailure(code, "the transfer"), ApplicationErrorCode.cancelled);
  }

  /** The server asked to stop; its REFUSED message, which says why, follows. */
  onStopped(): void {}

  onSourceFailed(): void {}

  onDelivered(): void {}

  onConnectionClosed(reason: CloseReason): void {
    this.#end(closeFailure(reason));
  }

  cancel(failure: TransferFailure): void {
    this.#fail(failure, ApplicationErrorCode.cancelled);
  }

  get #unackedBytes(): number {
    return this.#writtenBytes - (this.#stream?.ackedBytes ?? 0);
  }

  #awaitRoom(): void {
    this.#isRoomAwaited = true;
    this.#context.watch(this);
  }

  /** Sends a chunk that is not full, if little else is under way; otherwise later. */
  #sendPiece(): void {
    if (this.#chunkBytes === 0) return;
    if (this.#unackedBytes <= MAX_UNGATHERED_BYTES) this.#sendChunk();
    else this.#context.watch(this);
  }

  #sendChunk(): void {
    if (this.#chunkBytes === 0) return;
    const content = this.#chunk.subarray(0, this.#chunkBytes);
    this.#hash.update(content);
    this.#send(chunkOf(this.#sentBytes, content));
    this.#sentBytes += content.length;
    this.#chunkBytes = 0;
  }

  #send(message: Message): void {
    const bytes = encodeMessage(message);
    this.#writtenBytes += bytes.length;
    this.#stream!.write(bytes);
  }

  #onAnswer(message: Message): void {
    if (message.type === "refused") {
      this.#fail(refusalFailure(message), ApplicationErrorCode.cancelled);
    } else if (message.type !== "result" || this.#digest === undefined) {
      this.#failAnswer();
    } else {
      const localSha256 = this.#digest.toHex();
      const outcome = outcomeOfPut(message, { localSha256, sizeBytes: this.sizeBytes, reusedBytes: 0, isKept: false });
      if (outcome.kind === "done") this.#end(outcome);
      else this.#fail(outcome, ApplicationErrorCode.cancelled);
    }
  }

  #failAnswer(): void {
    this.#fail({ kind: "failed", message: "the server's answer was not understood" }, ApplicationErrorCode.badMessage);
  }

  #fail(failure: TransferFailure, code: number): void {
    if (this.#ended) return;
    this.#stream?.reset(code);
    this.#stream?.stopReading(code);
    this.#end(failure);
    this.#context.wake();
  }

  #end(outcome: TransferOutcome | TransferFailure): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#context.ended(this, this.#stream);
    this.#request.onDone(outcome);
  }
}

/** A part of the file as it is. A compressed one would be made here. */
function chunkOf(offset: number, content: Uint8Array): ChunkMessage {
  return { type: "chunk", offset, content };
}
