/**
 * Sends the streams of one connection: decides which stream sends next, what fits into a packet, and what must be
 * retransmitted. Streams take turns in first-come, first-served order, some tens of kilobytes each; lost data is sent
 * before new data, and control frames before data.
 *
 * Hot: {@link StreamSender.fill} runs for every packet sent, and allocates nothing.
 *
 * @module
 */

import { InvariantError } from "../../base/invariant.ts";
import type { Writer } from "../../base/bytes.ts";
import {
  MAX_CONTROL_FRAME_BYTES,
  MAX_ZEROS_BYTES,
  streamHeaderSize,
  writeMaxData,
  writeMaxStreamData,
  writeMaxStreams,
  writeResetStream,
  writeStopSending,
  writeStreamHeader,
  writeZeros,
} from "../wire/frame.ts";
import { ReceiptKind, type SentPacket } from "../sent_packet.ts";
import { SendCredit } from "./flow_control.ts";
import { SignalState, type StreamEntry } from "./stream_entry.ts";

/** Minimum data in a STREAM frame, except at the stream's end: less is not worth the frame's header. */
const MIN_STREAM_FRAME_BYTES = 16;

/**
 * Bytes that one stream sends before the next takes its turn. A small file is sent in one turn, so that many small files
 * finish one after the other: with one frame per turn all would finish at the same time, and the link would be idle until
 * the peer has responded and the next files may start. A request behind large files waits for one turn of each.
 */
const TURN_BYTES = 64 * 1024;

/** Options of a {@link StreamSender}. */
export interface StreamSenderOptions {
  /** Returns the connection-level limit to announce now; it counts as announced afterwards. */
  readonly takeMaxData: () => number;
  /** Returns the limit for MAX_STREAMS. */
  readonly maxStreams: () => number;
  /** A source could not be read. */
  readonly onSourceFailed: (stream: StreamEntry, error: unknown) => void;
}

/** Fills packets from streams. */
export class StreamSender {
  /** Connection-level flow control credit, for all streams together. */
  readonly credit = new SendCredit(0);
  readonly #options: StreamSenderOptions;
  readonly #controlQueue: StreamEntry[] = [];
  /** Streams that may have data to send: an intrusive linked list, first come, first served. */
  #head: StreamEntry | undefined;
  #tail: StreamEntry | undefined;
  /** Bytes that the stream at the head has sent in this turn. */
  #turnBytes = 0;
  #isMaxDataPending = false;
  #isMaxStreamsPending = false;
  #retransmittedBytes = 0;

  constructor(options: StreamSenderOptions) {
    this.#options = options;
  }

  /** Stream bytes retransmitted because a packet was declared lost. */
  get retransmittedBytes(): number {
    return this.#retransmittedBytes;
  }

  /** Schedules a MAX_DATA frame. */
  scheduleMaxData(): void {
    this.#isMaxDataPending = true;
  }

  /** Schedules a MAX_STREAMS frame. */
  scheduleMaxStreams(): void {
    this.#isMaxStreamsPending = true;
  }

  /** Queues a stream that may have data to send. */
  schedule(stream: StreamEntry): void {
    if (stream.isScheduled || stream.isReset) return;
    stream.isScheduled = true;
    stream.nextScheduled = undefined;
    if (this.#tail === undefined) this.#head = stream;
    else this.#tail.nextScheduled = stream;
    this.#tail = stream;
  }

  /** Queues a stream with data to retransmit: at the head, unless it is queued already. */
  scheduleFirst(stream: StreamEntry): void {
    if (stream.isScheduled || stream.isReset) return;
    stream.isScheduled = true;
    stream.nextScheduled = this.#head;
    this.#head = stream;
    this.#tail ??= stream;
    this.#turnBytes = 0;
  }

  /** Queues a stream that has a control frame to send. */
  scheduleControl(stream: StreamEntry): void {
    if (stream.isControlScheduled) return;
    stream.isControlScheduled = true;
    this.#controlQueue.push(stream);
  }

  /** Whether there is anything to put into a packet now. */
  hasPending(): boolean {
    if (this.#isMaxDataPending || this.#isMaxStreamsPending || this.#controlQueue.length > 0) return true;
    this.#dropIdle();
    return this.#head !== undefined;
  }

  /** Fills the rest of a packet with control frames and stream data; returns whether it wrote anything. */
  fill(writer: Writer, packet: SentPacket): boolean {
    const start = writer.position;
    this.#fillControl(writer, packet);
    while (writer.remaining > MIN_STREAM_FRAME_BYTES) {
      this.#dropIdle();
      const stream = this.#head;
      if (stream === undefined || !this.#fillFrom(stream, writer, packet)) break;
    }
    return writer.position > start;
  }

  /**
   * Writes the unacknowledged data of a stream as far as it fits, if all of it is in memory. For the last packet of a
   * connection: nothing is recorded for acknowledgements.
   */
  repeatBuffered(stream: StreamEntry, writer: Writer): void {
    const { outgoing } = stream;
    if (!outgoing.repeatBuffered()) return;
    for (;;) {
      const room = writer.remaining - streamHeaderSize(stream.id, outgoing.endOffset, writer.remaining);
      if (room <= 0 || !outgoing.next(room, stream.credit.limit)) return;
      writeStreamHeader(
        writer,
        stream.id,
        outgoing.rangeStart,
        outgoing.rangeEnd - outgoing.rangeStart,
        outgoing.rangeFin,
      );
      outgoing.take(writer.buffer, writer.position);
      writer.position += outgoing.rangeEnd - outgoing.rangeStart;
    }
  }

  /** Removes from the head of the queue the streams that have nothing to send or no credit. */
  #dropIdle(): void {
    while (this.#head !== undefined && !this.#maySend(this.#head)) this.#popHead();
  }

  #maySend(stream: StreamEntry): boolean {
    return !stream.isReset && stream.outgoing.hasPending(this.#sendLimit(stream));
  }

  /** The highest offset that both levels of flow control allow this stream to send. */
  #sendLimit(stream: StreamEntry): number {
    return Math.min(stream.credit.limit, stream.outgoing.sentOffset + this.credit.available);
  }

  #popHead(): StreamEntry {
    const stream = this.#head!;
    this.#head = stream.nextScheduled;
    if (this.#head === undefined) this.#tail = undefined;
    stream.nextScheduled = undefined;
    stream.isScheduled = false;
    this.#turnBytes = 0;
    return stream;
  }

  #fillControl(writer: Writer, packet: SentPacket): void {
    if (this.#isMaxDataPending && writer.remaining >= MAX_CONTROL_FRAME_BYTES) {
      this.#isMaxDataPending = false;
      writeMaxData(writer, this.#options.takeMaxData());
      packet.addReceipt(ReceiptKind.maxData);
    }
    if (this.#isMaxStreamsPending && writer.remaining >= MAX_CONTROL_FRAME_BYTES) {
      this.#isMaxStreamsPending = false;
      writeMaxStreams(writer, this.#options.maxStreams());
      packet.addReceipt(ReceiptKind.maxStreams);
    }
    while (this.#controlQueue.length > 0 && writer.remaining >= 3 * MAX_CONTROL_FRAME_BYTES) {
      const stream = this.#controlQueue.pop()!;
      stream.isControlScheduled = false;
      this.#fillSignals(stream, writer, packet);
    }
  }

  #fillSignals(stream: StreamEntry, writer: Writer, packet: SentPacket): void {
    if (stream.maxStreamDataState === SignalState.pending) {
      stream.maxStreamDataState = SignalState.sent;
      writeMaxStreamData(writer, stream.id, stream.window.takeUpdate());
      packet.addReceipt(ReceiptKind.maxStreamData, stream.id);
    }
    if (stream.resetState === SignalState.pending) {
      stream.resetState = SignalState.sent;
      writeResetStream(writer, stream.id, stream.resetCode, stream.outgoing.sentOffset);
      packet.addReceipt(ReceiptKind.resetStream, stream.id);
    }
    if (stream.stopState === SignalState.pending) {
      stream.stopState = SignalState.sent;
      writeStopSending(writer, stream.id, stream.stopCode);
      packet.addReceipt(ReceiptKind.stopSending, stream.id);
    }
  }

  /**
   * Writes one frame of the stream at the queue's head; at the end of its turn, moves the stream to the queue's end. Returns
   * false if nothing more fits into the packet.
   */
  #fillFrom(stream: StreamEntry, writer: Writer, packet: SentPacket): boolean {
    const outgoing = stream.outgoing;
    const before = outgoing.sentOffset;
    const frameStart = writer.position;
    try {
      if (!this.#writeFrame(stream, writer, packet)) return false;
    } catch (error) {
      if (error instanceof InvariantError) throw error;
      writer.position = frameStart;
      this.#popHead();
      stream.onSourceFailed();
      this.#options.onSourceFailed(stream, error);
      return true;
    }
    const { rangeStart, rangeEnd, rangeFin } = outgoing;
    if (outgoing.rangeIsRetransmission) this.#retransmittedBytes += rangeEnd - rangeStart;
    const newBytes = outgoing.sentOffset - before;
    stream.credit.use(newBytes);
    this.credit.use(newBytes);
    packet.addReceipt(ReceiptKind.stream, stream.id, rangeStart, rangeEnd, rangeFin ? 1 : 0);
    this.#turnBytes += rangeEnd - rangeStart;
    if (this.#turnBytes < TURN_BYTES) return true;
    this.#popHead();
    this.schedule(stream);
    return true;
  }

  /** Writes the stream's next range as ZEROS or STREAM; false if it does not fit. An error of a source is passed on. */
  #writeFrame(stream: StreamEntry, writer: Writer, packet: SentPacket): boolean {
    const outgoing = stream.outgoing;
    const limit = this.#sendLimit(stream);
    if (writer.remaining >= MAX_CONTROL_FRAME_BYTES && outgoing.nextZeros(MAX_ZEROS_BYTES, limit)) {
      // A packet has one ZEROS frame at most; the next one goes into the next packet.
      if (packet.hasZeros) return false;
      packet.hasZeros = true;
      writeZeros(writer, stream.id, outgoing.rangeStart, outgoing.rangeEnd - outgoing.rangeStart);
      outgoing.takeZeros();
      return true;
    }
    const room = writer.remaining - streamHeaderSize(stream.id, outgoing.sentOffset, writer.remaining);
    if (room <= 0 || !outgoing.next(room, limit)) return false;
    const length = outgoing.rangeEnd - outgoing.rangeStart;
    writeStreamHeader(writer, stream.id, outgoing.rangeStart, length, outgoing.rangeFin);
    outgoing.take(writer.buffer, writer.position);
    writer.position += length;
    return true;
  }
}
