/**
 * All streams of one connection: opens and removes them, passes them the frames received, and enforces both levels of
 * flow control. Sending is in `stream_sender.ts`.
 *
 * Hot: `onStreamFrame` runs for every packet received.
 *
 * @module
 */

import type { ConnectionConfig } from "../config.ts";
import { PeerError, TransportErrorCode } from "../errors.ts";
import { MAX_STREAM_GAPS, MAX_ZEROS_AHEAD_BYTES } from "../limits.ts";
import { RangeSet } from "../../base/range_set.ts";
import { Writer } from "../../base/bytes.ts";
import { ReceiveWindow } from "./flow_control.ts";
import type { Stream } from "./stream.ts";
import { SignalState, StreamEntry, type StreamOwner } from "./stream_entry.ts";
import type { StreamEvent } from "./stream_events.ts";
import { StreamSender } from "./stream_sender.ts";

/** Options of a {@link StreamTable}. */
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
  readonly #streams = new Map<number, StreamEntry>();
  /** All stream IDs ever opened, to distinguish a frame for a finished stream from one that opens a stream. */
  readonly #known = new RangeSet();
  /** Fills packets with the streams' frames. */
  readonly sender: StreamSender;
  readonly #window: ReceiveWindow;
  #peerStreamDataLimit = 0;
  /** Cumulative numbers of streams that this side and the peer may open. */
  #openLimit = 0;
  #acceptLimit: number;
  #nextId = 0;
  #receivedTotal = 0;
  #streamsFreed = 0;
  /** Open streams that no longer count towards the peer's limit. */
  #replacedCount = 0;
  #memoryBytes = 0;

  constructor(options: StreamTableOptions) {
    this.#isClient = options.isClient;
    this.#config = options.config;
    this.#emit = options.emit;
    this.#window = new ReceiveWindow(options.config.connectionWindowBytes);
    this.#acceptLimit = options.isClient ? 0 : options.config.maxStreams;
    this.sender = new StreamSender({
      takeMaxData: () => this.#window.takeUpdate(),
      maxStreams: () => this.#acceptLimit,
      onSourceFailed: (stream, error) => this.#emit({ kind: "source-failed", stream, error }),
    });
  }

  /** Applies the limits that the peer announced in its parameters. */
  setPeerLimits(limits: { maxData: number; maxStreamData: number; maxStreams: number }): void {
    this.sender.credit.raise(limits.maxData);
    this.#peerStreamDataLimit = limits.maxStreamData;
    this.#openLimit = Math.max(this.#openLimit, this.#isClient ? limits.maxStreams : 0);
    for (const stream of this.#streams.values()) {
      stream.credit.raise(limits.maxStreamData);
      this.schedule(stream);
    }
  }

  /** Opens a stream, or returns undefined while the peer allows no more. Clients only. */
  open(): StreamEntry | undefined {
    if (this.#nextId >= this.#openLimit) return undefined;
    return this.#create(this.#nextId++);
  }

  get openCount(): number {
    return this.#streams.size;
  }

  /** Whether a stream has data for which the peer grants no credit. */
  get isSendingBlocked(): boolean {
    return this.#streams.values().some((stream) => stream.unsentBytes > 0);
  }

  /** Whether the peer has used up the credit of a stream, or of the connection. */
  get isPeerBlocked(): boolean {
    if (this.#window.receivedBytes >= this.#window.limit) return true;
    return this.#streams.values().some(({ incoming, window }) => incoming.highestOffset >= window.limit);
  }

  /** Stream bytes retransmitted because a packet was declared lost. */
  get retransmittedBytes(): number {
    return this.sender.retransmittedBytes;
  }

  /** Approximate memory of all streams in bytes: the buffers of both halves, their range sets, and the streams' objects. */
  get memoryBytes(): number {
    return this.#memoryBytes;
  }

  /** Received bytes that are buffered, until the application reads them or because of a gap. */
  get bufferedBytes(): number {
    let held = 0;
    for (const stream of this.#streams.values()) held += stream.incoming.bufferedBytes;
    return held;
  }

  /**
   * Returns the frames of short responses that the peer may not have received yet, at most `maxBytes`, unsent ones first:
   * for the packet that closes the connection.
   */
  takeUnacked(maxBytes: number): Uint8Array {
    const writer = new Writer().reset(new Uint8Array(maxBytes));
    const unsentFirst = [...this.#streams.values()].sort((a, b) => Number(b.hasUnsent) - Number(a.hasUnsent));
    for (const stream of unsentFirst) this.sender.repeatBuffered(stream, writer);
    return writer.buffer.subarray(0, writer.position);
  }

  /** Drops all streams and frees their buffers, when the connection has ended. */
  dropAll(): void {
    for (const stream of this.#streams.values()) {
      stream.incoming.stop();
      stream.outgoing.reset();
      stream.usedBytes = NOT_COUNTED;
    }
    this.#streams.clear();
    this.#memoryBytes = 0;
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

  /** A ZEROS frame: a STREAM frame with `zeros` for data, which must not be too far ahead. Throws PeerError. */
  onZerosFrame(streamId: number, offset: number, zeros: Uint8Array): void {
    // A stream that is not open has no window as wide, or ignores the frame.
    const contiguous = this.#streams.get(streamId)?.incoming.contiguousOffset ?? Infinity;
    if (offset + zeros.length > contiguous + MAX_ZEROS_AHEAD_BYTES) {
      throw new PeerError(TransportErrorCode.flowControlError, "ZEROS too far ahead of what has arrived");
    }
    this.onStreamFrame(streamId, offset, zeros, 0, zeros.length, false);
  }

  /** RESET_STREAM: the peer abandons its sending half at `finalSize` bytes. Throws PeerError. */
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

  /** STOP_SENDING: the peer does not want the rest of the stream; answered with RESET_STREAM (RFC 9000, section 3.5). */
  onStopSending(streamId: number, code: number): void {
    const stream = this.#forPeerFrame(streamId);
    if (stream === undefined || stream.isReset || stream.outgoing.isFullyAcked) return;
    stream.reset(code);
    this.#emit({ kind: "stream-stopped", stream, code });
  }

  onMaxData(limit: number): void {
    if (!this.sender.credit.raise(limit)) return;
    for (const stream of this.#streams.values()) this.schedule(stream);
  }

  onMaxStreamData(streamId: number, limit: number): void {
    const stream = this.#forPeerFrame(streamId);
    if (stream !== undefined && stream.credit.raise(limit)) this.schedule(stream);
  }

  onMaxStreams(limit: number): void {
    if (this.#isClient) this.#openLimit = Math.max(this.#openLimit, limit);
  }

  // --- packets acknowledged and lost ---

  onStreamAcked(streamId: number, start: number, end: number, fin: boolean): void {
    const stream = this.#streams.get(streamId);
    if (stream === undefined || stream.isReset || stream.outgoing.isFullyAcked) return;
    stream.outgoing.onAcked(start, end, fin);
    this.#count(stream);
    if (!stream.outgoing.isFullyAcked) return;
    this.#emit({ kind: "stream-delivered", stream });
    this.#releaseIfDone(stream);
  }

  onStreamLost(streamId: number, start: number, end: number, fin: boolean): void {
    const stream = this.#streams.get(streamId);
    if (stream === undefined || stream.isReset) return;
    stream.outgoing.onLost(start, end, fin);
    this.sender.scheduleFirst(stream);
  }

  onMaxDataLost(): void {
    this.sender.scheduleMaxData();
  }

  onMaxStreamsLost(): void {
    this.sender.scheduleMaxStreams();
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

  // --- StreamOwner: called by the streams ---

  schedule(stream: StreamEntry): void {
    this.#count(stream);
    this.sender.schedule(stream);
  }

  scheduleControl(stream: StreamEntry): void {
    this.#count(stream);
    this.sender.scheduleControl(stream);
  }

  onConsumed(stream: StreamEntry): void {
    const consumed = stream.incoming.consumedBytes;
    const delta = consumed - stream.consumedBytes;
    if (delta > 0) {
      stream.consumedBytes = consumed;
      stream.window.onConsumed(delta);
      this.#window.onConsumed(delta);
    }
    this.#count(stream);
    this.#announce(stream);
    if (!stream.isReceiveDone) return;
    this.onFinished(stream);
    this.#releaseIfDone(stream);
  }

  onFinished(stream: StreamEntry): void {
    if (this.#isClient || stream.isReplaced || !stream.isReceiveDone || !stream.outgoing.isFinished) return;
    if (stream.isReset || stream.outgoing.unackedBytes > SHORT_ANSWER_BYTES) return;
    if (this.#replacedCount >= this.#config.maxStreams) return;
    stream.isReplaced = true;
    this.#replacedCount++;
    this.#allowAnother();
  }

  widenWindow(bytes: number): void {
    if (bytes > 0) this.#window.widen(bytes);
    else this.#window.narrow(-bytes);
  }

  /** The application has polled the stream's readable event, so the event may be emitted again. */
  onReadablePolled({ id }: Stream): void {
    const stream = this.#streams.get(id);
    if (stream !== undefined) stream.isReadableReported = false;
  }

  // --- internals ---

  #create(id: number): StreamEntry {
    const stream = new StreamEntry({
      id,
      owner: this,
      sendLimit: this.#peerStreamDataLimit,
      orderedWindowBytes: this.#config.orderedWindowBytes,
      directWindowBytes: this.#config.directWindowBytes,
      maxGaps: MAX_STREAM_GAPS,
    });
    this.#streams.set(id, stream);
    this.#memoryBytes += STREAM_BYTES;
    this.#known.add(id, id + 1);
    return stream;
  }

  /** Returns the stream of a peer's frame, opened if necessary; undefined if it has finished. Throws PeerError. */
  #forPeerFrame(id: number): StreamEntry | undefined {
    const stream = this.#streams.get(id);
    if (stream !== undefined || this.#known.contains(id)) return stream;
    if (this.#isClient) throw new PeerError(TransportErrorCode.streamStateError, "a frame for a stream never opened");
    if (id >= this.#acceptLimit) throw new PeerError(TransportErrorCode.streamLimitError, "more streams than allowed");
    const opened = this.#create(id);
    this.#emit({ kind: "stream-opened", stream: opened });
    return opened;
  }

  #checkReceive(stream: StreamEntry, highest: number, newBytes: number): void {
    stream.window.onReceived(highest);
    this.#receivedTotal += newBytes;
    this.#window.onReceived(this.#receivedTotal);
  }

  #afterReceive(stream: StreamEntry, fin: boolean): void {
    const directDone = stream.incoming.directRemainingBytes === 0;
    const regionEnded = directDone && stream.hasDirectRegion;
    if (regionEnded) stream.endDirect();
    this.onConsumed(stream);
    if (stream.stopState !== SignalState.none || stream.isReadableReported) return;
    if (!fin && !regionEnded && stream.readableBytes === 0 && !stream.isReceiveComplete) return;
    stream.isReadableReported = true;
    this.#emit({ kind: "stream-readable", stream });
  }

  #announce(stream: StreamEntry): void {
    if (this.#window.shouldUpdate) this.sender.scheduleMaxData();
    if (stream.isReceiveDone || stream.stopState !== SignalState.none || stream.incoming.finalSize !== undefined) {
      return;
    }
    if (!stream.window.shouldUpdate || stream.maxStreamDataState === SignalState.pending) return;
    stream.maxStreamDataState = SignalState.pending;
    this.scheduleControl(stream);
  }

  #releaseIfDone(stream: StreamEntry): void {
    if (!stream.isSendDone || !stream.isReceiveDone || !this.#streams.delete(stream.id)) return;
    this.#memoryBytes -= STREAM_BYTES + stream.usedBytes;
    stream.usedBytes = NOT_COUNTED;
    stream.endDirect();
    if (this.#isClient) return;
    if (stream.isReplaced) this.#replacedCount--;
    else this.#allowAnother();
  }

  /** Updates the memory counted for a stream, as long as it is in the table. */
  #count(stream: StreamEntry): void {
    if (stream.usedBytes === NOT_COUNTED) return;
    const bytes = stream.incoming.memoryBytes + stream.outgoing.memoryBytes;
    this.#memoryBytes += bytes - stream.usedBytes;
    stream.usedBytes = bytes;
  }

  #allowAnother(): void {
    // MAX_STREAMS is sent once an eighth of the limit has been freed: one frame for many streams.
    this.#acceptLimit++;
    this.#streamsFreed++;
    if (this.#streamsFreed >= this.#config.maxStreams / 8) {
      this.#streamsFreed = 0;
      this.sender.scheduleMaxStreams();
    }
  }
}

/**
 * Longest unacknowledged response with which a stream stops counting towards the peer's stream limit: once its request
 * has arrived and its response is written, the peer may open another stream without waiting a round trip for the
 * acknowledgement. Otherwise small files on a long link would wait for each other. Streams with longer responses keep
 * counting, and at most as many streams as the limit stop counting, so that the memory a peer can occupy stays bounded.
 */
const SHORT_ANSWER_BYTES = 1024;

/** Approximate memory of a stream without data, bytes: its objects with their initial buffers. */
const STREAM_BYTES = 4096;

/** `usedBytes` of a stream that is no longer in the table. */
const NOT_COUNTED = -1;

const NO_BYTES = new Uint8Array(0);
