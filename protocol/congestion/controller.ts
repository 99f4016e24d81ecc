/**
 * The interface that every congestion controller implements (`factory.ts` creates them).
 *
 * A controller receives what was sent, acknowledged and lost, and provides a window and a pacing rate. It knows nothing of
 * streams, frames or timers, and has no clock: the events contain the time.
 *
 * @module
 */

import type { SentPacket } from "../sent_packet.ts";

/** The minimum window in datagrams (RFC 9002, section 7.2). */
export const MIN_WINDOW_DATAGRAMS = 2;

/** The initial window: ten datagrams (RFC 9002, section 7.2; RFC 6928, section 2). */
export function initialWindowBytes(maxDatagramBytes: number): number {
  return Math.min(10 * maxDatagramBytes, Math.max(14_720, 2 * maxDatagramBytes));
}

/**
 * One delivery-rate sample: how fast the path delivered between two acknowledgements
 * (draft-cheng-iccrg-delivery-rate-estimation-02, section 2).
 */
export interface RateSample {
  /** Bytes per second; 0 if the sample is not valid. */
  deliveryRate: number;
  /** Bytes delivered over the sample's interval. */
  deliveredBytes: number;
  /** Length of the interval in microseconds. */
  intervalUs: number;
  /** The connection's delivered bytes when the sampled packet was sent; delimits packet-timed round trips. */
  priorDeliveredBytes: number;
  /** Whether the sender was application-limited when it sent the packet, so that the rate may be below the path's. */
  appLimited: boolean;
  /** Bytes in flight when the sampled packet was sent. */
  txInFlightBytes: number;
  /** Bytes declared lost since the sampled packet was sent. */
  lostBytes: number;
}

/** The results of one ACK frame and of the loss detection that followed. The object is reused: copy what you keep. */
export interface AckEvent {
  nowUs: number;
  /** Bytes newly acknowledged by this frame. */
  ackedBytes: number;
  /** Bytes declared lost because of this frame, excluding MTU probes. */
  lostBytes: number;
  /** Bytes in flight before and after this frame was processed. */
  priorBytesInFlight: number;
  bytesInFlight: number;
  /** Total bytes delivered on the connection so far, including this frame. */
  totalDeliveredBytes: number;
  /** When the newest newly acknowledged packet was sent. */
  largestAckedSentUs: number;
  /** This frame's RTT sample in microseconds, or 0 if it yielded none. */
  rttUs: number;
  minRttUs: number;
  smoothedRttUs: number;
  /** Mean time by which packets are acknowledged later than one sent after them, 0 for those in order: recent packets. */
  meanLatenessUs: number;
  sample: RateSample;
}

/** Packets declared lost at one time. The object is reused: copy what you keep. */
export interface LossEvent {
  nowUs: number;
  lostBytes: number;
  bytesInFlight: number;
  /** When the newest of the lost packets was sent. */
  largestLostSentUs: number;
  /** Whether the losses amount to persistent congestion (RFC 9002, section 7.6). */
  persistentCongestion: boolean;
}

/** A congestion controller. Bytes are of UDP payload. */
export interface CongestionController {
  readonly name: string;
  /** The congestion window: the maximum bytes in flight. */
  readonly windowBytes: number;
  /** Bytes per second at which to pace; Infinity for no pacing. */
  readonly pacingRate: number;
  /** Called for every in-flight packet just after it was sent; `bytesInFlight` includes it. */
  onPacketSent(packet: SentPacket, bytesInFlight: number): void;
  /** Called once per ACK frame with newly acknowledged packets, after {@link onPacketsLost} for its losses. */
  onAck(event: AckEvent): void;
  /** Called when packets were declared lost, by an ACK frame or by a timer. */
  onPacketsLost(event: LossEvent): void;
  /** A packet declared lost was acknowledged after all, sent at `sentUs`. */
  onSpuriousLoss(nowUs: number, sentUs: number): void;
  /** The path's datagram size changed. */
  onMtuChanged(maxDatagramBytes: number): void;
}

/** Options of a congestion controller. */
export interface ControllerOptions {
  /** Bytes of UDP payload in one datagram at the start. */
  readonly maxDatagramBytes: number;
  /** The RTT that the handshake measured in microseconds, or 0 if unknown. */
  readonly initialRttUs: number;
  /** A lower bound of the RTT, if the RTT is unknown; 0 or omitted if there is none. */
  readonly leastRttUs?: number;
  /** Seed for the controller's random numbers (BBR randomizes its probing intervals). */
  readonly seed: number;
}
