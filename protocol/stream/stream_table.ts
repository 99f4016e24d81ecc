/**
 * All streams of one connection: opens and ends them, shares packets among them, keeps both levels of flow control.
 *
 * Hot: `fill` runs for every packet sent and `onStreamFrame` for every one received.
 *
 * @module
 */

import type { ConnectionConfig } from "../config.ts";
import { PeerError, TransportErrorCode } from "../errors.ts";
import { InvariantError } from "../invariant.ts";
import { MAX_STREAM_GAPS } from "../limits.ts";
import { RangeSet } from "../range_set.ts";
import type { Writer } from "../wire/cursor.ts";
import {
  streamHeaderSize,
  writeMaxData,
  writeMaxStreamData,
  writeMaxStreams,
  writeResetStream,
  writeStopSending,
  writeStreamHeader,
} from "../wire/frame.ts";
import { ReceiveWindow, SendCredit } from "./flow_control.ts";
import { SignalState, Stream, type StreamOwner } from "./stream.ts";

/** What the application hears about streams. */
export type StreamEvent =
  /** The peer opened a stream. */
  | { readonly kind: "stream-opened"; readonly stream: Stream }
  /** Bytes can be read, a direct region is complete, or the peer's end has come. */
  | { readonly kind: "stream-readable"; readonly stream: Stream }
  /** The peer gave up its sending half with this code. */
  | { readonly kind: "stream-reset"; readonly stream: Stream; readonly code: number }
  /** The peer wants no more of what this side sends; the sending half was reset in answer. */
  | { readonly kind: "stream-stopped"; readonly stream: Stream; readonly code: number }
  /** The peer has acknowledged everything that was written, and the end. */
  | { readonly kind: "stream-delivered"; readonly stream: Stream }
  /** A source could not be read (the error is its own); the sending half was reset. */
  | { readonly kind: "source-failed"; readonly stream: Stream; readonly error: unknown };

/** Takes down what a packet carries, for when it is acknowledged or lost. */
export interface ReceiptTaker {
  onStreamSent(streamId: number, start: number, end: number, fin: boolean): void;
  onMaxDataSent(): void;
  onMaxStreamDataSent(streamId: number): void;
  onMaxStreamsSent(): void;
  onResetStreamSent(streamId: number): void;
  onStopSendingSent(streamId: number): void;
}

/** Largest sizes of the control frames: a type byte, and varints of 8 bytes. */
const CONTROL_FRAME_BYTES = 1 + 3 * 8;

/** A stream frame is not worth its header for fewer bytes, unless they are the stream's last. */
const MIN_STREAM_FRAME_BYTES = 16;

/** What a table is made with. */
export interface StreamTableOptions {
  readonly isClient: boolean;
  readonly config: ConnectionConfig;
  readonly emit: (event: StreamEvent) => void;
}

/** The streams of a connection. */
export class StreamTable implements StreamOwner {
  readonly #isClient: boolean;
  readonly #config: ConnectionConfig;
  readonly #emit: (event: StreamEvent) => void;
  readonly #streams = new Map<number, Stream>();
  /** IDs ever opened, so that a frame for an ended stream is told from one that opens a stream. */
  readonly #known = new RangeSet();
  readonly #credit = new SendCredit(0);
  readonly #window: ReceiveWindow;
  #peerStreamDataLimit = 0;
  /** Streams that this side may open in all; streams that the peer may. */
  #openLimit = 0;
  #acceptLimit: number;
  #nextId = 0;
  #maxDataPending = false;
  #maxStreamsPending = false;
  #receivedTotal = 0;
  #streamsFreed = 0;
  readonly #controlQueue: Stream[] = [];
  #head: Stream | undefined;
  #tail: Stream | undefined;
  #retransmittedBytes = 0;

  constructor(options: StreamTableOptions) {
    this.#isClient = options.isClient;
    this.#config = options.config;
    this.#emit = options.emit;
    this.#window = new ReceiveWindow(options.config.connectionWindowBytes);
    this.#acceptLimit = options.isClient ? 0 : options.config.maxStreams;
  }

  /** Applies the limits that the peer announced in its parameters. */
  setPeerLimits(limits: { maxData: number; maxStreamData: number; maxStreams: number }): void {
    this.#credit.raise(limits.maxData);
    this.#peerStreamDataLimit = limits.maxStreamData;
    this.#openLimit = Math.max(this.#openLimit, this.#isClient ? limits.maxStreams : 0);
    for (const stream of this.#streams.values()) {
      stream.credit.raise(limits.maxStreamData);
      this.schedule(stream);
    }
  }

  /** Opens a stream, or returns undefined while the peer allows no more. Clients only. */
  open(): Stream | undefined {
    if (this.#nextId >= this.#openLimit) return undefined;
    return this.#create(this.#nextId++);
  }

  get openCount(): number {
    return this.#streams.size;
  }

  /** Stream bytes sent again because a packet was declared lost. */
  get retransmittedBytes(): number {
    return this.#retransmittedBytes;
  }

  /** Bytes held in memory for the application or because of a gap. */
  get heldBytes(): number {
    let held = 0;
    for (const stream of this.#streams.values()) held += stream.incoming.heldBytes;
    return held;
  }

  /** The connection is over: lets go of every stream and of what it holds. */
  dropAll(): void {
    for (const stream of this.#streams.values()) {
      stream.incoming.stop();
      stream.outgoing.reset();
    }
    this.#streams.clear();
  }

  // --- frames received ---

  /** A STREAM frame; its data is `buffer[start..end)`. Throws PeerError. */
  onStreamFrame(streamId: number, offset: number, buffer: Uint8Array, start: number, end: number, fin: boolean): void {
    const stream = this.#forPeerFrame(streamId);
    if (stream === undefined || stream.peerResetCode !== undefined) return;
    const before = stream.incoming.highestOffset;
    const highest = Math.max(before, offset + (end - start));
    if (highest > before) this.#checkReceive(stream, highest, highest - before);
    stream.incoming.insert(offset, buffer, start, end, fin);
    this.#afterReceive(stream, fin);
  }

  /** RESET_STREAM: the peer gives up its half at `finalSize` bytes. Throws PeerError. */
  onResetStream(streamId: number, code: number, finalSize: number): void {
    const stream = this.#forPeerFrame(streamId);
    if (stream === undefined || stream.peerResetCode !== undefined || stream.isReceiveDone) return;
    const before = stream.incoming.highestOffset;
    if (finalSize > before) this.#checkReceive(stream, finalSize, finalSize - before);
    stream.incoming.insert(finalSize, NO_BYTES, 0, 0, true);
    stream.incoming.stop();
    stream.peerResetCode = code;
    stream.endDirect();
    this.onConsumed(stream);
    this.#emit({ kind: "stream-reset", stream, code });
    this.#releaseIfDone(stream);
  }

  /** STOP_SENDING: the peer wants no more; answered with RESET_STREAM (RFC 9000, section 3.5). */
  onStopSending(streamId: number, code: number): void {
    const stream = this.#forPeerFrame(streamId);
    if (stream === undefined || stream.isReset || stream.outgoing.isFullyAcked) return;
    stream.reset(code);
    this.#emit({ kind: "stream-stopped", stream, code });
  }

  onMaxData(limit: number): void {
    if (!this.#credit.raise(limit)) return;
    for (const stream of this.#streams.values()) this.schedule(stream);
  }

  onMaxStreamData(streamId: number, limit: number): void {
    const stream = this.#forPeerFrame(streamId);
    if (stream !== undefined && stream.credit.raise(limit)) this.schedule(stream);
  }

  onMaxStreams(limit: number): void {
    if (this.#isClient) this.#openLimit = Math.max(this.#openLimit, limit);
  }

  // --- packets sent ---

  /** Whether a packet could be filled with something now. */
  hasPending(): boolean {
    if (this.#maxDataPending || this.#maxStreamsPending || this.#controlQueue.length > 0) return true;
    this.#dropIdle();
    return this.#head !== undefined;
  }

  /** Fills the rest of a packet with control frames and stream data; returns whether it wrote anything. */
  fill(writer: Writer, receipts: ReceiptTaker): boolean {
    const start = writer.position;
    this.#fillControl(writer, receipts);
    while (writer.remaining > MIN_STREAM_FRAME_BYTES) {
      this.#dropIdle();
      const stream = this.#head;
      if (stream === undefined || !this.#fillFrom(stream, writer, receipts)) break;
    }
    return writer.position > start;
  }

  // --- packets acknowledged and lost ---

  onStreamAcked(streamId: number, start: number, end: number, fin: boolean): void {
    const stream = this.#streams.get(streamId);
    if (stream === undefined || stream.isReset || stream.outgoing.isFullyAcked) return;
    stream.outgoing.onAcked(start, end, fin);
    if (!stream.outgoing.isFullyAcked) return;
    this.#emit({ kind: "stream-delivered", stream });
    this.#releaseIfDone(stream);
  }

  onStreamLost(streamId: number, start: number, end: number, fin: boolean): void {
    const stream = this.#streams.get(streamId);
    if (stream === undefined || stream.isReset) return;
    stream.outgoing.onLost(start, end, fin);
    this.schedule(stream);
  }

  onMaxDataLost(): void {
    this.#maxDataPending = true;
  }

  onMaxStreamsLost(): void {
    this.#maxStreamsPending = true;
  }

  onMaxStreamDataLost(streamId: number): void {
    const stream = this.#streams.get(streamId);
    if (stream === undefined || stream.isReceiveDone) return;
    stream.maxStreamDataState = SignalState.pending;
    this.scheduleControl(stream);
  }

  onResetStreamAcked(streamId: number): void {
    const stream = this.#streams.get(streamId);
    if (stream === undefined) return;
    stream.resetState = SignalState.acked;
    this.#releaseIfDone(stream);
  }

  onResetStreamLost(streamId: number): void {
    const stream = this.#streams.get(streamId);
    if (stream === undefined || stream.resetState !== SignalState.sent) return;
    stream.resetState = SignalState.pending;
    this.scheduleControl(stream);
  }

  onStopSendingLost(streamId: number): void {
    const stream = this.#streams.get(streamId);
    if (stream === undefined || stream.stopState !== SignalState.sent || stream.isReceiveDone) return;
    stream.stopState = SignalState.pending;
    this.scheduleControl(stream);
  }

  // --- what streams ask of their table ---

  schedule(stream: Stream): void {
    if (stream.isScheduled || stream.isReset) return;
    stream.isScheduled = true;
    stream.nextScheduled = undefined;
    if (this.#tail === undefined) this.#head = stream;
    else this.#tail.nextScheduled = stream;
    this.#tail = stream;
  }

  scheduleControl(stream: Stream): void {
    if (stream.isControlScheduled) return;
    stream.isControlScheduled = true;
    this.#controlQueue.push(stream);
  }

  onConsumed(stream: Stream): void {
    const consumed = stream.incoming.consumedBytes;
    const delta = consumed - stream.consumedBytes;
    if (delta > 0) {
      stream.consumedBytes = consumed;
      stream.window.onConsumed(delta);
      this.#window.onConsumed(delta);
    }
    this.#announce(stream);
    if (stream.isReceiveDone) this.#releaseIfDone(stream);
  }

  widenWindow(bytes: number): void {
    if (bytes > 0) this.#window.widen(bytes);
    else this.#window.narrow(-bytes);
  }

  /** The application has heard that the stream is readable, and may hear it again. */
  onReadableHeard(stream: Stream): void {
    stream.isReadableReported = false;
  }

  // --- inside ---

  #create(id: number): Stream {
    const stream = new Stream({
      id,
      owner: this,
      sendLimit: this.#peerStreamDataLimit,
      orderedWindowBytes: this.#config.orderedWindowBytes,
      directWindowBytes: this.#config.directWindowBytes,
      maxGaps: MAX_STREAM_GAPS,
    });
    this.#streams.set(id, stream);
    this.#known.add(id, id + 1);
    return stream;
  }

  /** The stream that a peer's frame is for, opened if need be; undefined if it has ended. Throws PeerError. */
  #forPeerFrame(id: number): Stream | undefined {
    const stream = this.#streams.get(id);
    if (stream !== undefined || this.#known.contains(id)) return stream;
    if (this.#isClient) throw new PeerError(TransportErrorCode.streamStateError, "a frame for a stream never opened");
    if (id >= this.#acceptLimit) throw new PeerError(TransportErrorCode.streamLimitError, "more streams than allowed");
    const opened = this.#create(id);
    this.#emit({ kind: "stream-opened", stream: opened });
    return opened;
  }

  #checkReceive(stream: Stream, highest: number, newBytes: number): void {
    stream.window.onReceived(highest);
    this.#receivedTotal += newBytes;
    this.#window.onReceived(this.#receivedTotal);
  }

  #afterReceive(stream: Stream, fin: boolean): void {
    const directDone = stream.incoming.directRemainingBytes === 0;
    const regionEnded = directDone && stream.hasDirectRegion;
    if (regionEnded) stream.endDirect();
    this.onConsumed(stream);
    if (stream.stopState !== SignalState.none || stream.isReadableReported) return;
    if (!fin && !regionEnded && stream.readableBytes === 0 && !stream.isReceiveComplete) return;
    stream.isReadableReported = true;
    this.#emit({ kind: "stream-readable", stream });
  }

  #announce(stream: Stream): void {
    if (this.#window.shouldUpdate) this.#maxDataPending = true;
    if (stream.isReceiveDone || stream.stopState !== SignalState.none || stream.incoming.finalSize !== undefined) {
      return;
    }
    if (!stream.window.shouldUpdate || stream.maxStreamDataState === SignalState.pending) return;
    stream.maxStreamDataState = SignalState.pending;
    this.scheduleControl(stream);
  }

  #releaseIfDone(stream: Stream): void {
    if (!stream.isSendDone || !stream.isReceiveDone || !this.#streams.delete(stream.id)) return;
    stream.endDirect();
    if (this.#isClient) return;
    // The peer hears of room for more streams once a good part of it has come free: one frame for many streams.
    this.#acceptLimit++;
    this.#streamsFreed++;
    if (this.#streamsFreed >= this.#config.maxStreams / 8) {
      this.#streamsFreed = 0;
      this.#maxStreamsPending = true;
    }
  }

  /** Takes streams that have nothing to send, or may not, off the head of the queue. */
  #dropIdle(): void {
    while (this.#head !== undefined && !this.#maySend(this.#head)) this.#popHead();
  }

  #maySend(stream: Stream): boolean {
    return !stream.isReset && stream.outgoing.hasPending(this.#sendLimit(stream));
  }

  /** The highest offset that both levels of flow control let this stream reach. */
  #sendLimit(stream: Stream): number {
    return Math.min(stream.credit.limit, stream.outgoing.sentOffset + this.#credit.available);
  }

  #popHead(): Stream {
    const stream = this.#head!;
    this.#head = stream.nextScheduled;
    if (this.#head === undefined) this.#tail = undefined;
    stream.nextScheduled = undefined;
    stream.isScheduled = false;
    return stream;
  }

  #fillControl(writer: Writer, receipts: ReceiptTaker): void {
    if (this.#maxDataPending && writer.remaining >= CONTROL_FRAME_BYTES) {
      this.#maxDataPending = false;
      writeMaxData(writer, this.#window.takeUpdate());
      receipts.onMaxDataSent();
    }
    if (this.#maxStreamsPending && writer.remaining >= CONTROL_FRAME_BYTES) {
      this.#maxStreamsPending = false;
      writeMaxStreams(writer, this.#acceptLimit);
      receipts.onMaxStreamsSent();
    }
    while (this.#controlQueue.length > 0 && writer.remaining >= 3 * CONTROL_FRAME_BYTES) {
      const stream = this.#controlQueue.pop()!;
      stream.isControlScheduled = false;
      this.#fillSignals(stream, writer, receipts);
    }
  }

  #fillSignals(stream: Stream, writer: Writer, receipts: ReceiptTaker): void {
    if (stream.maxStreamDataState === SignalState.pending) {
      stream.maxStreamDataState = SignalState.sent;
      writeMaxStreamData(writer, stream.id, stream.window.takeUpdate());
      receipts.onMaxStreamDataSent(stream.id);
    }
    if (stream.resetState === SignalState.pending) {
      stream.resetState = SignalState.sent;
      writeResetStream(writer, stream.id, stream.resetCode, stream.outgoing.sentOffset);
      receipts.onResetStreamSent(stream.id);
    }
    if (stream.stopState === SignalState.pending) {
      stream.stopState = SignalState.sent;
      writeStopSending(writer, stream.id, stream.stopCode);
      receipts.onStopSendingSent(stream.id);
    }
  }

  /** Puts one frame of the stream at the queue's head into the packet, then lets the next stream have its turn. */
  #fillFrom(stream: Stream, writer: Writer, receipts: ReceiptTaker): boolean {
    const outgoing = stream.outgoing;
    const room = writer.remaining - streamHeaderSize(stream.id, outgoing.sentOffset, writer.remaining);
    if (room <= 0 || !outgoing.next(room, this.#sendLimit(stream))) return false;
    const { rangeStart, rangeEnd, rangeFin } = outgoing;
    const before = outgoing.sentOffset;
    const frameStart = writer.position;
    writeStreamHeader(writer, stream.id, rangeStart, rangeEnd - rangeStart, rangeFin);
    try {
      outgoing.take(writer.buffer, writer.position);
    } catch (error) {
      if (error instanceof InvariantError) throw error;
      writer.position = frameStart;
      this.#popHead();
      this.#emit({ kind: "source-failed", stream, error });
      stream.reset(0);
      return true;
    }
    writer.position += rangeEnd - rangeStart;
    if (outgoing.rangeIsRetransmission) this.#retransmittedBytes += rangeEnd - rangeStart;
    const newBytes = outgoing.sentOffset - before;
    stream.credit.use(newBytes);
    this.#credit.use(newBytes);
    receipts.onStreamSent(stream.id, rangeStart, rangeEnd, rangeFin);
    this.#popHead();
    this.schedule(stream);
    return true;
  }
}

const NO_BYTES = new Uint8Array(0);
