/**
 * What is remembered of one packet from its sending until it is acknowledged or given up. Hot: one object per
 * packet number in flight, pooled by `recovery/sent_packets.ts`, always with the same shape.
 *
 * @module
 */

/** What becomes of a sent packet. */
export const SentState = {
  /** The slot is not in use, or its packet number was not sent. */
  unused: 0,
  /** Sent; nothing heard of it yet. */
  outstanding: 1,
  acked: 2,
  /** Declared lost; kept for a while so that a late acknowledgement shows the loss as spurious. */
  lost: 3,
} as const;

/** One of {@link SentState}'s values. */
export type SentState = (typeof SentState)[keyof typeof SentState];

/** What a packet carried, so that loss makes it pending again and acknowledgement ends it. */
export const ReceiptKind = {
  /** A byte range of a stream: stream ID, start, end, fin (0 or 1). */
  stream: 0,
  /** An ACK frame: the numbers that it told all of, start and end; and its own number. */
  ack: 1,
  /** MAX_DATA. */
  maxData: 2,
  /** MAX_STREAM_DATA: stream ID. */
  maxStreamData: 3,
  /** MAX_STREAMS. */
  maxStreams: 4,
  /** RESET_STREAM: stream ID. */
  resetStream: 5,
  /** STOP_SENDING: stream ID. */
  stopSending: 6,
  /** RATE_LIMIT: its number among those of the connection. */
  rateLimit: 7,
} as const;

/** One of {@link ReceiptKind}'s values. */
export type ReceiptKind = (typeof ReceiptKind)[keyof typeof ReceiptKind];

/** Numbers one receipt takes in {@link SentPacket.receipts}: kind and four operands. */
export const RECEIPT_STRIDE = 5;

/** One packet sent. Times in microseconds, sizes in bytes of UDP payload. */
export class SentPacket {
  packetNumber = -1;
  state: SentState = SentState.unused;
  sentUs = 0;
  sizeBytes = 0;
  /** Holds a frame other than ACK, PADDING and CONNECTION_CLOSE (RFC 9002, section 2). */
  ackEliciting = false;
  /** Counts toward bytes in flight (RFC 9002, section 2). */
  inFlight = false;
  /** A path MTU probe: its loss says nothing about congestion (RFC 8899, section 3). */
  mtuProbe = false;
  /** Carries data that were lost before; a copy of such a packet does not count. */
  isRepair = false;
  /** Carries a ZEROS frame: it stands for more bytes of a stream than it has. */
  hasZeros = false;
  /** When it was declared lost, for forgetting it later. */
  lostUs = 0;
  // State of the connection at sending, for delivery-rate samples (draft-cheng-iccrg-delivery-rate-estimation).
  deliveredBytes = 0;
  deliveredUs = 0;
  firstSentUs = 0;
  appLimited = false;
  /** Bytes in flight just after this packet was sent, and bytes lost so far on the connection at that time. */
  txInFlightBytes = 0;
  lostBytes = 0;
  /** Receipts, flat: {@link RECEIPT_STRIDE} numbers each; only the first `receiptCount` receipts are valid. */
  readonly receipts: number[] = [];
  receiptCount = 0;

  /** Notes that the packet carries this. Unused operands are 0. */
  addReceipt(kind: ReceiptKind, a = 0, b = 0, c = 0, d = 0): void {
    const at = this.receiptCount * RECEIPT_STRIDE;
    this.receipts[at] = kind;
    this.receipts[at + 1] = a;
    this.receipts[at + 2] = b;
    this.receipts[at + 3] = c;
    this.receipts[at + 4] = d;
    this.receiptCount++;
  }
}
