/**
 * One stream, as the application holds it: bytes out, bytes in, an end or a reset for each direction.
 *
 * A stream does not send anything itself: it tells its table that it has something to send, and the table fills
 * packets. Bytes of a file never wait in memory: {@link Stream.writeFrom} reads them when a packet has room, and
 * {@link Stream.receiveInto} hands them on as they arrive, in any order.
 *
 * @module
 */

import { CallerError } from "../errors.ts";
import { Assembler } from "./assembler.ts";
import type { ByteSink, ByteSource } from "./byte_flow.ts";
import { ReceiveWindow, SendCredit } from "./flow_control.ts";
import { SendBuffer } from "./send_buffer.ts";

/** A control frame of a stream on its way: not wanted, to be sent, sent, or acknowledged. */
export const SignalState = { none: 0, pending: 1, sent: 2, acked: 3 } as const;

/** One of {@link SignalState}'s values. */
export type SignalState = (typeof SignalState)[keyof typeof SignalState];

/** What a stream asks of the table that it belongs to. */
export interface StreamOwner {
  /** The stream may have something to send. */
  schedule(stream: Stream): void;
  /** The stream has a control frame to send: RESET_STREAM, STOP_SENDING or MAX_STREAM_DATA. */
  scheduleControl(stream: Stream): void;
  /** Received bytes were taken off the protocol's hands. */
  onConsumed(stream: Stream): void;
  /** The sending half has its end. */
  onFinished(stream: Stream): void;
  /** The bytes of a file begin (positive) or have all come (negative): what may be outstanding changes. */
  widenWindow(bytes: number): void;
}

/** What a stream is made with; sizes in bytes. */
export interface StreamOptions {
  readonly id: number;
  readonly owner: StreamOwner;
  readonly sendLimit: number;
  readonly orderedWindowBytes: number;
  readonly directWindowBytes: number;
  readonly maxGaps: number;
}

/** A bidirectional stream. */
export class Stream {
  readonly id: number;
  /** Internal to `protocol/streams`: the sending half's bytes and what the peer allows. */
  readonly outgoing = new SendBuffer();
  readonly credit: SendCredit;
  /** Internal to `protocol/streams`: the receiving half's bytes and what this side allows. */
  readonly incoming: Assembler;
  readonly window: ReceiveWindow;

  // Internal to the table: links and flags of its queues.
  nextScheduled: Stream | undefined;
  isScheduled = false;
  isControlScheduled = false;
  isReadableReported = false;
  consumedBytes = 0;
  /** What its table has counted for it. */
  usedBytes = 0;
  /** The peer may open another stream in place of this one, which is answered though not acknowledged yet. */
  isReplaced = false;
  maxStreamDataState: SignalState = SignalState.none;
  resetState: SignalState = SignalState.none;
  resetCode = 0;
  stopState: SignalState = SignalState.none;
  stopCode = 0;
  /** The peer reset its sending half, with this code. */
  peerResetCode: number | undefined;

  readonly #owner: StreamOwner;
  readonly #directWindowBytes: number;
  #widenedBytes = 0;

  constructor(options: StreamOptions) {
    this.id = options.id;
    this.#owner = options.owner;
    this.#directWindowBytes = options.directWindowBytes;
    this.credit = new SendCredit(options.sendLimit);
    this.window = new ReceiveWindow(options.orderedWindowBytes);
    this.incoming = new Assembler({ maxGaps: options.maxGaps });
  }

  /** Bytes of the sending half that the peer has acknowledged, each counted once. */
  get ackedBytes(): number {
    return this.outgoing.ackedBytes;
  }

  /** Appends bytes; the array belongs to the stream from now on. Throws CallerError after finish. No effect after a reset. */
  write(bytes: Uint8Array): void {
    if (this.isReset) return;
    this.#checkUnfinished();
    this.outgoing.append(bytes);
    this.#owner.schedule(this);
  }

  /** Appends `lengthBytes` that are read from `source` when there is room, and again if they are lost. */
  writeFrom(source: ByteSource, lengthBytes: number): void {
    if (this.isReset) return;
    this.#checkUnfinished();
    this.outgoing.appendSource(source, lengthBytes);
    this.#owner.schedule(this);
  }

  /** Ends the sending half after what was written. */
  finish(): void {
    if (this.isReset || this.outgoing.isFinished) return;
    this.outgoing.finish();
    this.#owner.schedule(this);
    this.#owner.onFinished(this);
  }

  /** Gives up the sending half with an application error code; what was not sent never will be. */
  reset(code: number): void {
    if (this.isReset || this.outgoing.isFullyAcked) return;
    this.resetCode = code;
    this.resetState = SignalState.pending;
    this.outgoing.reset();
    this.#owner.scheduleControl(this);
  }

  /** Bytes that {@link peek} would return. */
  get readableBytes(): number {
    return this.incoming.readableBytes;
  }

  /** The bytes that may be read now, in order. */
  peek(): Uint8Array {
    return this.incoming.peek();
  }

  /** Takes the first `count` readable bytes off the stream. */
  consume(count: number): void {
    this.incoming.consume(count);
    this.#owner.onConsumed(this);
  }

  /**
   * Sends the next `lengthBytes` straight to `sink`, in any order, each once, as they arrive. After them, bytes come
   * in order again.
   */
  receiveInto(sink: ByteSink, lengthBytes: number): void {
    this.#widenedBytes = Math.min(lengthBytes, this.#directWindowBytes);
    this.window.widen(this.#widenedBytes, this.consumedBytes + lengthBytes);
    this.#owner.widenWindow(this.#widenedBytes);
    this.incoming.direct(lengthBytes, sink);
    if (this.incoming.directRemainingBytes === 0) this.endDirect();
    this.#owner.onConsumed(this);
  }

  /** Bytes still missing of those that go straight to the sink. */
  get directRemainingBytes(): number {
    return this.incoming.directRemainingBytes;
  }

  /** Bytes from the start of the direct region that have arrived without a gap. */
  get directContiguousBytes(): number {
    return this.incoming.directContiguousBytes;
  }

  /** Tells the peer to send no more on this stream; what still arrives is dropped. */
  stopReading(code: number): void {
    if (this.stopState !== SignalState.none || this.isReceiveDone) return;
    this.stopCode = code;
    this.stopState = SignalState.pending;
    this.incoming.stop();
    this.endDirect();
    this.#owner.onConsumed(this);
    this.#owner.scheduleControl(this);
  }

  /** The peer's end is known and everything before it has arrived, read or not. */
  get isEndReceived(): boolean {
    return this.incoming.finalSize !== undefined && this.incoming.receivedBytes === this.incoming.finalSize;
  }

  /** The sending half was given up. */
  get isReset(): boolean {
    return this.resetState !== SignalState.none;
  }

  /** Everything up to the peer's end has arrived and was read. */
  get isReceiveComplete(): boolean {
    return this.incoming.isComplete;
  }

  /** Internal: something waits to be sent that the peer's credit allows. */
  get hasUnsent(): boolean {
    return this.outgoing.hasPending(this.credit.limit);
  }

  /** Internal: nothing of the sending half needs this stream any more. */
  get isSendDone(): boolean {
    return this.isReset ? this.resetState === SignalState.acked : this.outgoing.isFullyAcked;
  }

  /** Internal: nothing of the receiving half needs this stream any more. */
  get isReceiveDone(): boolean {
    return this.peerResetCode !== undefined || this.incoming.isComplete;
  }

  /** Internal: a direct region is open and its wide window granted. */
  get hasDirectRegion(): boolean {
    return this.#widenedBytes > 0;
  }

  /** Internal: the direct region is over; its wide window is taken back. */
  endDirect(): void {
    if (this.#widenedBytes === 0) return;
    this.#owner.widenWindow(-this.#widenedBytes);
    this.#widenedBytes = 0;
  }

  #checkUnfinished(): void {
    if (this.outgoing.isFinished) {
      throw new CallerError(`stream ${this.id} was finished: nothing can be written after it`);
    }
  }
}
