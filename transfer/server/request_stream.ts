/**
 * The part of a stream that belongs to one of its requests: a stream for the request's handler, which so carries out a
 * request that is alone and one of many in the same way.
 *
 * Its answer waits until those of the requests before it have been written. Its content, if it has some, is either still
 * on the stream, and read from there, or was read beforehand.
 *
 * @module
 */

import type { ByteSink, ByteSource, Stream } from "../../protocol/mod.ts";
import { MessageType } from "../messages.ts";

/** What a request's part of a stream needs of the stream. */
export interface RequestStreamOwner {
  /** Appends to the stream; called only for the request whose turn it is. */
  send(piece: Uint8Array | SourcePiece): void;
  /** The content has been read: the next request follows on the stream. */
  onContentRead(): void;
  /** Takes no further request from the stream. */
  endInput(code: number): void;
  /** Gives up the stream with all of its requests. */
  giveUp(code: number): void;
}

/** Bytes of an answer that are read when they are sent. */
export interface SourcePiece {
  readonly source: ByteSource;
  readonly lengthBytes: number;
}

/** Where a request's content is read. */
type Content = Pick<
  Stream,
  | "readableBytes"
  | "directRemainingBytes"
  | "directContiguousBytes"
  | "isEndReceived"
  | "isReceiveComplete"
  | "peek"
  | "consume"
  | "receiveInto"
>;

/** What a {@link RequestStream} is made with. */
export interface RequestStreamOptions {
  readonly owner: RequestStreamOwner;
  /** The content that was read beforehand; undefined if it is still on the stream. */
  readonly content: Uint8Array | undefined;
  /** Whether the stream ends with this request if that is refused, since nobody reads its content. */
  readonly isLastIfRefused: boolean;
}

/** See the module's description. */
export class RequestStream implements Stream {
  readonly #stream: Stream;
  readonly #options: RequestStreamOptions;
  readonly #content: Content;
  readonly #pieces: (Uint8Array | SourcePiece)[] = [];
  #hasTurn = false;
  #isAnswered = false;
  #hasSource = false;
  #isContentRead = false;

  constructor(stream: Stream, options: RequestStreamOptions) {
    this.#stream = stream;
    this.#options = options;
    this.#content = options.content === undefined ? stream : new ReadContent(options.content);
  }

  /** Whether its answer is written to the stream at once: those before it have been written. */
  get hasTurn(): boolean {
    return this.#hasTurn;
  }

  /** Whether its answer is complete. */
  get isAnswered(): boolean {
    return this.#isAnswered;
  }

  /** Whether a part of its answer is read when it is sent, and again if it is lost. */
  get hasSource(): boolean {
    return this.#hasSource;
  }

  /** Whether the request still reads its content from the stream. */
  get isReading(): boolean {
    return this.#content === this.#stream && !this.#isContentRead && !this.#isAnswered;
  }

  /** Writes what there is of the answer, and all that follows at once. */
  takeTurn(): void {
    this.#hasTurn = true;
    for (const piece of this.#pieces.splice(0)) this.#options.owner.send(piece);
  }

  get id(): number {
    return this.#stream.id;
  }

  get ackedBytes(): number {
    return this.#stream.ackedBytes;
  }

  /** What waits for its turn included. */
  get unsentBytes(): number {
    const waitingBytes = (sum: number, piece: Uint8Array | SourcePiece) =>
      sum + (piece instanceof Uint8Array ? piece.length : piece.lengthBytes);
    return this.#pieces.reduce(waitingBytes, this.#stream.unsentBytes);
  }

  get isReset(): boolean {
    return this.#stream.isReset;
  }

  write(bytes: Uint8Array): void {
    this.#append(bytes);
  }

  writeFrom(source: ByteSource, lengthBytes: number): void {
    this.#hasSource = true;
    this.#append({ source, lengthBytes });
  }

  finish(): void {
    this.#isAnswered = true;
  }

  reset(code: number): void {
    this.#options.owner.giveUp(code);
  }

  get readableBytes(): number {
    return this.#isContentRead ? 0 : this.#content.readableBytes;
  }

  get directRemainingBytes(): number {
    return this.#isContentRead ? 0 : this.#content.directRemainingBytes;
  }

  get directContiguousBytes(): number {
    return this.#isContentRead ? 0 : this.#content.directContiguousBytes;
  }

  get isEndReceived(): boolean {
    return this.#isContentRead || this.#content.isEndReceived;
  }

  get isReceiveComplete(): boolean {
    return this.#isContentRead || this.#content.isReceiveComplete;
  }

  peek(maxBytes?: number): Uint8Array {
    return this.#isContentRead ? new Uint8Array(0) : this.#content.peek(maxBytes);
  }

  /** Messages are consumed one by one, and DIGEST is the last of a content. */
  consume(count: number): void {
    const isLast = this.#content.peek(1)[0] === MessageType.digest;
    this.#content.consume(count);
    this.#isContentRead = isLast;
    if (isLast) this.#options.owner.onContentRead();
  }

  receiveInto(sink: ByteSink, lengthBytes: number): void {
    this.#content.receiveInto(sink, lengthBytes);
  }

  widenOrderedWindow(windowBytes: number): void {
    this.#stream.widenOrderedWindow(windowBytes);
  }

  stopReading(code: number): void {
    if (this.#options.isLastIfRefused && !this.#isContentRead) this.#options.owner.endInput(code);
  }

  #append(piece: Uint8Array | SourcePiece): void {
    if (this.#hasTurn) this.#options.owner.send(piece);
    else this.#pieces.push(piece);
  }
}

/** Content that is in memory: nothing more of it arrives. */
class ReadContent implements Content {
  readonly directContiguousBytes = 0;
  readonly isEndReceived = true;
  readonly #bytes: Uint8Array;
  #position = 0;
  #missingBytes = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get readableBytes(): number {
    return this.#bytes.length - this.#position;
  }

  /** Of a region that is not all there. */
  get directRemainingBytes(): number {
    return this.#missingBytes;
  }

  get isReceiveComplete(): boolean {
    return this.readableBytes === 0;
  }

  peek(maxBytes = this.#bytes.length): Uint8Array {
    return this.#bytes.subarray(this.#position, this.#position + maxBytes);
  }

  consume(count: number): void {
    this.#position += count;
  }

  receiveInto(sink: ByteSink, lengthBytes: number): void {
    const bytes = this.#bytes.subarray(this.#position, this.#position + lengthBytes);
    this.#position += bytes.length;
    this.#missingBytes = lengthBytes - bytes.length;
    if (bytes.length > 0) sink.write(0, bytes);
  }
}
