/**
 * One stream of a client: a request that needs a stream of its own, or short requests one after the other.
 *
 * Short requests are carried out concurrently, a bounded number of them, and answered in their order. MAKE, REMOVE and
 * MOVE begin when those before them have ended, and those after them later still. What is not read keeps its credit, so
 * flow control holds up a client that asks faster than the disk answers, or that does not read its answers.
 *
 * ```
 *   stream --readMessage--> held --start--> running --answered--> written, in order
 *                            |                                      |
 *         waits for a barrier, or a slot              waits for acknowledgements
 * ```
 *
 * @module
 */

import type { CloseReason, Stream } from "../../protocol/mod.ts";
import { ApplicationErrorCode } from "../application_error.ts";
import type { ServerHandler } from "../handler.ts";
import { type NextMessage, readMessage } from "../message_reader.ts";
import { isRequest, type Message, type RequestMessage } from "../messages.ts";
import { ContentGatherer, MAX_GATHERED_FILE_BYTES } from "./content_gatherer.ts";
import type { RequestRunner } from "./request_runner.ts";
import { RequestStream, type RequestStreamOwner, type SourcePiece } from "./request_stream.ts";

/** Requests of one stream that are carried out or wait for the answers before theirs. */
const MAX_REQUESTS = 64;

/** The contents of small files that are in memory until they are stored, bytes for one stream. */
const MAX_GATHERED_BYTES = 1024 * 1024;

/** Above so many bytes of answers that the client has not acknowledged, no further answer is written, and no request read. */
const MAX_UNACKED_BYTES = 256 * 1024;

const NO_CONTENT = new Uint8Array(0);

/** What a stream of a client needs of its session. */
export interface ServerStreamOptions {
  readonly runner: RequestRunner;
  /** Calls {@link ServerStream.onProcess} once, after the next event of the connection. */
  readonly watch: (stream: ServerStream) => void;
  /** The stream has no request any more. */
  readonly onEnded: (stream: Stream) => void;
}

/** A request that was read. */
interface Held {
  readonly request: RequestMessage;
  /** Undefined where the content is still on the stream. */
  readonly content: Uint8Array | undefined;
  /** Whether it arrived before the server took no new requests. */
  readonly isInTime: boolean;
}

/** A request whose content is read into memory. */
interface Gathering extends Pick<Held, "request" | "isInTime"> {
  readonly gatherer: ContentGatherer;
}

/** See the module's description. */
export class ServerStream implements ServerHandler, RequestStreamOwner {
  readonly #stream: Stream;
  readonly #options: ServerStreamOptions;
  /** Requests whose answers are not written, in their order. */
  readonly #unanswered: RequestStream[] = [];
  /** Requests that have not ended, and the length of their contents in memory. */
  readonly #running = new Map<RequestStream, number>();
  #gatheredBytes = 0;
  #gathering: Gathering | undefined;
  #held: Held | undefined;
  /** Nothing begins before this one has ended. */
  #barrier: RequestStream | undefined;
  #requestCount = 0;
  #isWhole = false;
  #isInputOver = false;
  #isGivenUp = false;
  /** The client reads a file as slowly as it likes. */
  #isPaused = false;
  #isPumping = false;
  #ended = false;
  #takenBytes = 0;
  #sentBytes = 0;

  constructor(stream: Stream, options: ServerStreamOptions) {
    this.#stream = stream;
    this.#options = options;
  }

  get isUnderWay(): boolean {
    if (this.#isGivenUp || this.#isPaused) return false;
    const handlers = this.#handlers();
    if (this.#isWhole || handlers.some(({ isUnderWay }) => isUnderWay)) {
      return handlers.some(({ isUnderWay }) => isUnderWay);
    }
    return handlers.length === 0 || this.#gathering !== undefined || this.#unackedBytes > 0;
  }

  get movedBytes(): number {
    let movedBytes = this.#isWhole ? 0 : this.#takenBytes + this.#stream.ackedBytes;
    for (const handler of this.#handlers()) movedBytes += handler.movedBytes;
    return movedBytes;
  }

  onReadable(): void {
    if (this.#isWhole) return this.#whole?.onReadable();
    const reading = this.#reading;
    if (reading !== undefined) this.#options.runner.handlerOf(reading)?.onReadable();
    this.#pump();
  }

  onReset(code: number): void {
    if (this.#isWhole) return this.#whole?.onReset(code);
    const hasAnswered = this.#requestCount > 0;
    this.#stopInput();
    for (const handler of this.#handlers()) handler.onReset(code);
    if (!hasAnswered) this.giveUp(ApplicationErrorCode.cancelled);
    this.#pump();
  }

  onStopped(code: number): void {
    if (this.#isWhole) return this.#whole?.onStopped(code);
    for (const handler of this.#handlers()) handler.onStopped(code);
    this.giveUp(ApplicationErrorCode.cancelled);
  }

  onSourceFailed(error: unknown): void {
    if (this.#isWhole) return this.#whole?.onSourceFailed(error);
    const [head] = this.#unanswered;
    if (head !== undefined) this.#options.runner.handlerOf(head)?.onSourceFailed(error);
  }

  onDelivered(): void {
    if (this.#isWhole) this.#whole?.onDelivered();
  }

  onStalled(): void {
    this.#isPaused = this.#isHeldBack && this.#options.runner.pause(this.#unanswered[0]!);
    if (this.#isPaused) return;
    for (const handler of this.#handlers()) if (handler.isUnderWay) handler.onStalled();
    if (!this.#isWhole) this.giveUp(ApplicationErrorCode.stalled);
  }

  onConnectionClosed(reason: CloseReason): void {
    this.#ended = true;
    for (const handler of this.#handlers()) handler.onConnectionClosed(reason);
  }

  /** The server takes no new requests: a stream on which none is under way ends. */
  onDrain(): void {
    const isIdle = this.#requestCount > 0 && !this.#isWhole && this.#unanswered.length === 0;
    if (isIdle && this.#gathering === undefined) this.endInput(ApplicationErrorCode.shuttingDown);
    this.#pump();
  }

  /** Something may have been acknowledged. */
  onProcess(): void {
    this.#pump();
  }

  send(piece: Uint8Array | SourcePiece): void {
    this.#options.watch(this);
    if (piece instanceof Uint8Array) {
      this.#sentBytes += piece.length;
      this.#stream.write(piece);
    } else {
      this.#sentBytes += piece.lengthBytes;
      this.#stream.writeFrom(piece.source, piece.lengthBytes);
    }
  }

  onContentRead(): void {
    this.#options.watch(this);
  }

  endInput(code: number): void {
    if (this.#isGivenUp || this.#isInputOver) return;
    this.#stream.stopReading(code);
    this.#stopInput();
  }

  giveUp(code: number): void {
    if (this.#isGivenUp || this.#ended) return;
    this.#isGivenUp = true;
    this.#stopInput();
    this.#stream.reset(code);
    this.#stream.stopReading(code);
    this.#unanswered.length = 0;
    for (const handler of this.#handlers()) handler.onReset(code);
    this.#endIfDone();
  }

  /** The handler of a request that has the stream for itself. */
  get #whole(): ServerHandler | undefined {
    return this.#options.runner.handlerOf(this.#stream);
  }

  /** The request that reads its content from the stream. */
  get #reading(): RequestStream | undefined {
    const last = this.#unanswered.at(-1);
    return last?.isReading === true ? last : undefined;
  }

  get #unackedBytes(): number {
    return this.#sentBytes - this.#stream.ackedBytes;
  }

  /**
   * Whether the client has received all that it has given credit for of the answer to its last request: its user pauses a
   * pipe. Other requests are not held up by that, as there are none.
   */
  get #isHeldBack(): boolean {
    const { unsentBytes } = this.#stream;
    return this.#stream.isReceiveComplete && this.#running.size === 1 && this.#unanswered.length === 1 &&
      unsentBytes > 0 &&
      this.#unackedBytes === unsentBytes;
  }

  #handlers(): ServerHandler[] {
    const streams: readonly Stream[] = this.#isWhole ? [this.#stream] : [...this.#running.keys()];
    return streams.flatMap((stream) => this.#options.runner.handlerOf(stream) ?? []);
  }

  /** Does what can be done now. */
  #pump(): void {
    if (this.#isPumping || this.#isWhole || this.#ended) return;
    this.#isPumping = true;
    do this.#sendAnswers(); while (this.#takeNext());
    this.#isPumping = false;
    this.#endIfDone();
    // Acknowledgements are no events of a stream.
    if (!this.#ended && !this.#isWhole && this.#unackedBytes > 0) this.#options.watch(this);
  }

  #sendAnswers(): void {
    const { runner } = this.#options;
    for (let head = this.#unanswered[0]; head !== undefined; head = this.#unanswered[0]) {
      if (!head.hasTurn) {
        if (this.#unackedBytes >= MAX_UNACKED_BYTES) return;
        head.takeTurn();
        runner.handlerOf(head)?.onTurn?.();
      }
      if (!head.isAnswered) return;
      if (head.hasSource) {
        // Its file is read again if a part is lost.
        if (this.#unackedBytes > 0) return;
        runner.handlerOf(head)?.onDelivered();
      }
      if (this.#unanswered[0] === head) this.#unanswered.shift();
    }
  }

  /** Reads or begins the next request; returns whether it did something. */
  #takeNext(): boolean {
    if (this.#isInputOver || this.#isWhole || this.#reading !== undefined) return false;
    if (this.#held !== undefined) return this.#beginHeld(this.#held);
    if (this.#gathering !== undefined) return this.#gather(this.#gathering);
    const isFull = this.#unanswered.length >= MAX_REQUESTS || this.#gatheredBytes >= MAX_GATHERED_BYTES ||
      this.#unackedBytes >= MAX_UNACKED_BYTES;
    if (isFull || this.#barrier !== undefined) return false;
    return this.#take(this.#read());
  }

  #read(): NextMessage {
    const beforeBytes = this.#stream.readableBytes;
    const next = readMessage(this.#stream);
    this.#takenBytes += beforeBytes - this.#stream.readableBytes;
    return next;
  }

  #take(next: NextMessage): boolean {
    switch (next.kind) {
      case "incomplete":
        return false;
      case "malformed":
        this.#refuseBadRequest(next.reason);
        return true;
      case "end":
        if (this.#requestCount === 0) this.#refuseBadRequest("the request is empty");
        this.#isInputOver = true;
        return true;
      case "message":
        this.#takeMessage(next.message);
        return true;
    }
  }

  #takeMessage(message: Message): void {
    if (!isRequest(message)) return this.#refuseBadRequest(`a ${message.type} message is no request`);
    if (!isShort(message)) return this.#beginWhole(message);
    const isInTime = !this.#options.runner.isDraining;
    if (message.type === "put" && message.unsized !== true && message.sizeBytes <= MAX_GATHERED_FILE_BYTES) {
      this.#gathering = { request: message, isInTime, gatherer: new ContentGatherer(this.#stream, message) };
    } else {
      this.#held = { request: message, isInTime, content: message.type === "put" ? undefined : NO_CONTENT };
    }
  }

  #gather({ request, isInTime, gatherer }: Gathering): boolean {
    const beforeBytes = this.#stream.readableBytes;
    const content = gatherer.gather();
    this.#takenBytes += beforeBytes - this.#stream.readableBytes;
    if (content === undefined) return false;
    this.#gathering = undefined;
    this.#held = { request, content, isInTime };
    return true;
  }

  #beginHeld(held: Held): boolean {
    const { request, content, isInTime } = held;
    if (isBarrier(request) && this.#running.size > 0) return false;
    const part = this.#part({ content, isLastIfRefused: content === undefined });
    this.#held = undefined;
    if (isBarrier(request)) this.#barrier = part;
    const mayWait = this.#running.size > 1;
    const onEnded = () => this.#onEnded(part);
    if (this.#options.runner.start(part, request, { isInTime, mayWait, onEnded })) return true;
    // One of the others ends first.
    this.#held = held;
    this.#barrier = undefined;
    this.#forget(part);
    this.#unanswered.pop();
    this.#requestCount--;
    return false;
  }

  #part(options: { readonly content: Uint8Array | undefined; readonly isLastIfRefused: boolean }): RequestStream {
    const part = new RequestStream(this.#stream, { owner: this, ...options });
    const lengthBytes = options.content?.length ?? 0;
    this.#requestCount++;
    this.#unanswered.push(part);
    this.#running.set(part, lengthBytes);
    this.#gatheredBytes += lengthBytes;
    return part;
  }

  #beginWhole(request: RequestMessage): void {
    if (this.#requestCount > 0) return this.#refuseBadRequest(`a ${request.type} needs a stream of its own`);
    this.#isWhole = true;
    const { runner } = this.#options;
    const isInTime = !runner.isDraining;
    runner.start(this.#stream, request, { isInTime, mayWait: false, onEnded: () => this.#end() });
  }

  /** The last answer: what follows cannot be told from requests. */
  #refuseBadRequest(reason: string): void {
    const part = this.#part({ content: undefined, isLastIfRefused: true });
    this.#options.runner.refuseBadRequest(part, { reason, onEnded: () => this.#onEnded(part) });
  }

  #onEnded(part: RequestStream): void {
    this.#forget(part);
    if (this.#barrier === part) this.#barrier = undefined;
    this.#pump();
    if (this.#isGivenUp) this.#endIfDone();
  }

  #forget(part: RequestStream): void {
    this.#gatheredBytes -= this.#running.get(part) ?? 0;
    this.#running.delete(part);
  }

  #stopInput(): void {
    this.#isInputOver = true;
    this.#gathering = undefined;
    this.#held = undefined;
  }

  #endIfDone(): void {
    if (this.#ended || this.#isWhole || this.#running.size > 0) return;
    const isDone = this.#isInputOver && this.#unanswered.length === 0;
    if (!isDone && !this.#isGivenUp) return;
    if (!this.#isGivenUp) this.#stream.finish();
    this.#end();
  }

  #end(): void {
    this.#ended = true;
    this.#options.onEnded(this.#stream);
  }
}

/** Whether other requests may follow on the same stream. */
function isShort(request: RequestMessage): boolean {
  switch (request.type) {
    case "put":
      return request.resumable !== true;
    case "get":
      return request.inline === true;
    default:
      return request.type !== "list";
  }
}

/** Whether a request begins only when those before it have ended, and those after it when it has. */
function isBarrier({ type }: RequestMessage): boolean {
  return type === "make" || type === "remove" || type === "move";
}
