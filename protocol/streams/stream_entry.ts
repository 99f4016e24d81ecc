/**
 * One stream, as its table holds it: what the application sees of it is {@link Stream}.
 *
 * A stream does not send anything itself: it tells its table that it has something to send, and the table fills
 * packets.
 *
 * @module
 */

import { CallerError } from "../errors.ts";
import { Assembler } from "./assembler.ts";
import type { ByteSink, ByteSource } from "./byte_flow.ts";
import { ReceiveWindow, SendCredit } from "./flow_control.ts";
import { SendBuffer } from "./send_buffer.ts";
import type { Stream } from "./stream.ts";

/** A control frame of a stream on its way: not wanted, to be sent, sent, or acknowledged. */
export const SignalState = { none: 0, pending: 1, sent: 2, acked: 3 } as const;

/** One of {@link SignalState}'s values. */
export type SignalState = (typeof SignalState)[keyof typeof SignalState];

/** What a stream asks of the table that it belongs to. */
export interface StreamOwner {
  /** The stream may have something to send. */
  schedule(stream: StreamEntry): void;
  /** The stream has a control frame to send: RESET_STREAM, STOP_SENDING or MAX_STREAM_DATA. */
  scheduleControl(stream: StreamEntry): void;
  /** Received bytes were taken off the protocol's hands. */
  onConsumed(stream: StreamEntry): void;
  /** The sending half has its end. */
  onFinished(stream: StreamEntry): void;
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

/** A stream and what its table keeps of it. */
export class StreamEntry implements Stream {
  readonly id: number;
  /** The sending half's bytes and what the peer allows. */
  readonly outgoing = new SendBuffer();
  readonly credit: SendCredit;
  /** The receiving half's bytes and what this side allows. */
  readonly incoming: Assembler;
  readonly window: ReceiveWindow;

  // Links and flags of the table's queues.
  nextScheduled: StreamEntry | undefined;
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
  #hasSourceFailed = false;
  #widenedBytes = 0;

  constructor(options: StreamOptions) {
    this.id = options.id;
    this.#owner = options.owner;
    this.#directWindowBytes = options.directWindowBytes;
    this.credit = new SendCredit(options.sendLimit);
    this.window = new ReceiveWindow(options.orderedWindowBytes);
    this.incoming = new Assembler({ maxGaps: options.maxGaps });
  }

  get ackedBytes(): number {
    return this.outgoing.ackedBytes;
  }

  write(bytes: Uint8Array): void {
    if (this.isReset) return;
    this.#checkUnfinished();
    this.outgoing.append(bytes);
    this.#owner.schedule(this);
  }

  writeFrom(source: ByteSource, lengthBytes: number): void {
    if (this.isReset) return;
    this.#checkUnfinished();
    this.outgoing.appendSource(source, lengthBytes);
    this.#owner.schedule(this);
  }

  finish(): void {
    if (this.isReset || this.outgoing.isFinished) return;
    this.outgoing.finish();
    this.#owner.schedule(this);
    this.#owner.onFinished(this);
  }

  reset(code: number): void {
    if (this.resetState !== SignalState.none || this.outgoing.isFullyAcked) return;
    this.resetCode = code;
    this.resetState = SignalState.pending;
    this.outgoing.reset();
    this.#owner.scheduleControl(this);
  }

  get readableBytes(): number {
    return this.incoming.readableBytes;
  }

  peek(): Uint8Array {
    return this.incoming.peek();
  }

  consume(count: number): void {
    this.incoming.consume(count);
    this.#owner.onConsumed(this);
  }

  receiveInto(sink: ByteSink, lengthBytes: number): void {
    this.#widenedBytes = Math.min(lengthBytes, this.#directWindowBytes);
    this.window.widen(this.#widenedBytes, this.consumedBytes + lengthBytes);
    this.#owner.widenWindow(this.#widenedBytes);
    this.incoming.direct(lengthBytes, sink);
    if (this.incoming.directRemainingBytes === 0) this.endDirect();
    this.#owner.onConsumed(this);
  }

  get directRemainingBytes(): number {
    return this.incoming.directRemainingBytes;
  }

  get directContiguousBytes(): number {
    return this.incoming.directContiguousBytes;
  }

  stopReading(code: number): void {
    if (this.stopState !== SignalState.none || this.isReceiveDone) return;
    this.stopCode = code;
    this.stopState = SignalState.pending;
    this.incoming.stop();
    this.endDirect();
    this.#owner.onConsumed(this);
    this.#owner.scheduleControl(this);
  }

  get isEndReceived(): boolean {
    return this.incoming.finalSize !== undefined && this.incoming.receivedBytes === this.incoming.finalSize;
  }

  get isReset(): boolean {
    return this.#hasSourceFailed || this.resetState !== SignalState.none;
  }

  get isReceiveComplete(): boolean {
    return this.incoming.isComplete;
  }

  /** Something waits to be sent that the peer's credit allows. */
  get hasUnsent(): boolean {
    return this.outgoing.hasPending(this.credit.limit);
  }

  /** Nothing of the sending half needs this stream any more. */
  get isSendDone(): boolean {
    return this.isReset ? this.resetState === SignalState.acked : this.outgoing.isFullyAcked;
  }

  /** Nothing of the receiving half needs this stream any more. */
  get isReceiveDone(): boolean {
    return this.peerResetCode !== undefined || this.incoming.isComplete;
  }

  /** A source could not be read: nothing more is sent until the application resets the sending half with its code. */
  onSourceFailed(): void {
    this.#hasSourceFailed = true;
    this.outgoing.reset();
  }

  /** A direct region is open and its wide window granted. */
  get hasDirectRegion(): boolean {
    return this.#widenedBytes > 0;
  }

  /** The direct region is over; its wide window is taken back. */
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
