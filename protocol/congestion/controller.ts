/**
 * The one interface every congestion controller implements, and the factory that makes one by name.
 *
 * A controller is told what was sent, acknowledged and lost, and answers with a window and a pacing rate. It
 * knows nothing of streams, frames or timers, and holds no clock: time is in what it is told.
 *
 * @module
 */

import type { SentPacket } from "../sent_packet.ts";

/** RFC 9002, section 7.2: the window never goes below so many datagrams. */
export const MIN_WINDOW_DATAGRAMS = 2;

/** The window before anything is known of the path: ten datagrams (RFC 9002, section 7.2; RFC 6928, section 2). */
export function initialWindowBytes(maxDatagramBytes: number): number {
  return Math.min(10 * maxDatagramBytes, Math.max(14_720, 2 * maxDatagramBytes));
}

/**
 * One delivery-rate sample: how fast the path delivered between two acknowledgements
 * (draft-cheng-iccrg-delivery-rate-estimation-02, section 2).
 */
export interface RateSample {
  /** Bytes per second; 0 where the sample is not valid. */
  deliveryRate: number;
  /** Bytes delivered over the sample's interval. */
  deliveredBytes: number;
  /** Length of the interval in microseconds. */
  intervalUs: number;
  /** Connection's delivered bytes when the sampled packet was sent; tells one round trip from the next. */
  priorDeliveredBytes: number;
  /** The sender had nothing more to send when the sampled packet left, so the rate may be below the path's. */
  appLimited: boolean;
  /** Bytes in flight when the sampled packet left. */
  txInFlightBytes: number;
  /** Bytes declared lost between the sampled packet's sending and now. */
  lostBytes: number;
}

/** What one ACK frame (with the loss detection that it set off) brought. The object is reused: copy what you keep. */
export interface AckEvent {
  nowUs: number;
  /** Bytes newly acknowledged by this frame. */
  ackedBytes: number;
  /** Bytes declared lost on this frame's evidence, MTU probes left out. */
  lostBytes: number;
  /** Bytes in flight before and after this frame was processed. */
  priorBytesInFlight: number;
  bytesInFlight: number;
  /** Total bytes delivered on the connection so far, this frame included. */
  totalDeliveredBytes: number;
  /** When the newest newly acknowledged packet was sent. */
  largestAckedSentUs: number;
  /** This frame's RTT sample in microseconds, or 0 where it gave none. */
  rttUs: number;
  minRttUs: number;
  smoothedRttUs: number;
  sample: RateSample;
}

/** Packets declared lost at one time. The object is reused: copy what you keep. */
export interface LossEvent {
  nowUs: number;
  lostBytes: number;
  bytesInFlight: number;
  /** When the newest of the lost packets was sent. */
  largestLostSentUs: number;
  /** The losses amount to persistent congestion (RFC 9002, section 7.6). */
  persistentCongestion: boolean;
}

/** A congestion controller. Bytes are of UDP payload. */
export interface CongestionController {
  readonly name: string;
  /** The most bytes that may be in flight. */
  readonly windowBytes: number;
  /** Bytes per second at which to pace; Infinity for no pacing. */
  readonly pacingRate: number;
  /** Called for every in-flight packet just after it was sent; `bytesInFlight` includes it. */
  onPacketSent(packet: SentPacket, bytesInFlight: number): void;
  /** Called once per ACK frame that newly acknowledged something, after {@link onPacketsLost} for its losses. */
  onAck(event: AckEvent): void;
  /** Called when packets were declared lost, by an ACK frame or by a timer. */
  onPacketsLost(event: LossEvent): void;
  /** A packet declared lost was acknowledged after all, sent at `sentUs`. */
  onSpuriousLoss(nowUs: number, sentUs: number): void;
  /** The path's datagram size changed. */
  onMtuChanged(maxDatagramBytes: number): void;
}

/** What a controller is made with. */
export interface ControllerOptions {
  /** Bytes of UDP payload in one datagram at the start. */
  readonly maxDatagramBytes: number;
  /** Round trip measured by the handshake in microseconds, or 0 where unknown. */
  readonly initialRttUs: number;
  /** Where it is unknown, what it cannot be less than; 0 or left out where that is unknown, too. */
  readonly leastRttUs?: number;
  /** Seed for the randomness that a controller wants (BBR draws its probing intervals). */
  readonly seed: number;
}
