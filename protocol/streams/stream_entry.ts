/**
 * One stream with the fields that its table needs. The application sees it as {@link Stream}.
 *
 * A stream does not send anything itself: it notifies its table that it has something to send, and the table's sender
 * fills packets.
 *
 * @module
 */

import { CallerError } from "../errors.ts";
import { Assembler } from "./assembler.ts";
import type { ByteSink, ByteSource } from "./byte_flow.ts";
import { ReceiveWindow, SendCredit } from "./flow_control.ts";
import { SendBuffer } from "./send_buffer.ts";
import type { Stream } from "./stream.ts";

/** State of a stream's control frame: not needed, pending, sent, or acknowledged. */
export const SignalState = { none: 0, pending: 1, sent: 2, acked: 3 } as const;

/** One of {@link SignalState}'s values. */
export type SignalState = (typeof SignalState)[keyof typeof SignalState];

/** What a stream needs from the table that it belongs to. */
export interface StreamOwner {
  /** The stream may have something to send. */
  schedule(stream: StreamEntry): void;
  /** The stream has a control frame to send: RESET_STREAM, STOP_SENDING or MAX_STREAM_DATA. */
  scheduleControl(stream: StreamEntry): void;
  /** Received bytes were consumed, so that they free flow control credit. */
  onConsumed(stream: StreamEntry): void;
  /** The application has finished the sending half. */
  onFinished(stream: StreamEntry): void;
  /** Widens the connection's receive window when a direct region begins (positive), narrows it at its end (negative). */
  widenWindow(bytes: number): void;
}

/** Options of a {@link StreamEntry}; sizes in bytes. */
export interface StreamOptions {
  readonly id: number;
  readonly owner: StreamOwner;
  readonly sendLimit: number;
  readonly orderedWindowBytes: number;
  readonly directWindowBytes: number;
  readonly maxGaps: number;
}

/** A stream, and what its table records about it. */
export class StreamEntry implements Stream {
  readonly id: number;
  /** The sending half: its bytes, and the credit from the peer. */
  readonly outgoing = new SendBuffer();
  readonly credit: SendCredit;
  /** The receiving half: its bytes, and the window granted to the peer. */
  readonly incoming: Assembler;
  readonly window: ReceiveWindow;

  // Links and flags of the table's queues.
  nextScheduled: StreamEntry | undefined;
  isScheduled = false;
  isControlScheduled = false;
  isReadableReported = false;
  consumedBytes = 0;
  /** The memory that the table counts for this stream, bytes. */
  usedBytes = 0;
  /** Whether the peer may already open another stream in place of this one: its response is written, not acknowledged. */
  isReplaced = false;
  maxStreamDataState: SignalState = SignalState.none;
  resetState: SignalState = SignalState.none;
  resetCode = 0;
  stopState: SignalState = SignalState.none;
  stopCode = 0;
  /** The code with which the peer reset its sending half, if it did. */
  peerResetCode: number | undefined;

  readonly #owner: StreamOwner;
  readonly #directWindowBytes: number;
  #orderedWindowBytes: number;
  #hasSourceFailed = false;
  #widenedBytes = 0;

  constructor(options: StreamOptions) {
    this.id = options.id;
    this.#owner = options.owner;
    this.#directWindowBytes = options.directWindowBytes;
    this.credit = new SendCredit(options.sendLimit);
    this.#orderedWindowBytes = options.orderedWindowBytes;
    this.window = new ReceiveWindow(options.orderedWindowBytes);
    this.incoming = new Assembler({ maxGaps: options.maxGaps });
  }

  get ackedBytes(): number {
    return this.outgoing.ackedBytes;
  }

  get unsentBytes(): number {
    return this.isReset ? 0 : this.outgoing.endOffset - this.outgoing.sentOffset;
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

  peek(maxBytes?: number): Uint8Array {
    return this.incoming.peek(maxBytes);
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

  widenOrderedWindow(windowBytes: number): void {
    const widerBytes = windowBytes - this.#orderedWindowBytes;
    if (widerBytes <= 0) return;
    this.#orderedWindowBytes = windowBytes;
    this.window.widen(widerBytes);
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

  /** Whether there is something to send within the stream's credit. */
  get hasUnsent(): boolean {
    return this.outgoing.hasPending(this.credit.limit);
  }

  /** Whether the sending half is in a terminal state: everything, or its reset, is acknowledged. */
  get isSendDone(): boolean {
    return this.isReset ? this.resetState === SignalState.acked : this.outgoing.isFullyAcked;
  }

  /** Whether the receiving half is in a terminal state: everything was read, or the peer has reset it. */
  get isReceiveDone(): boolean {
    return this.peerResetCode !== undefined || this.incoming.isComplete;
  }

  /** A source could not be read: nothing is sent from now on until the application resets the sending half with a code. */
  onSourceFailed(): void {
    this.#hasSourceFailed = true;
    this.outgoing.reset();
  }

  /** Whether a direct region is open, with its wide window granted. */
  get hasDirectRegion(): boolean {
    return this.#widenedBytes > 0;
  }

  /** Ends the direct region: narrows the connection's window again. */
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
