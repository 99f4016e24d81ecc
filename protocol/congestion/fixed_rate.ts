/**
 * A controller that does not control: it paces at the rate it was given, whatever is lost. For links whose rate is
 * known and owned, and for measuring everything else without a congestion controller in the way.
 *
 * @module
 */

import type { SentPacket } from "../sent_packet.ts";
import { invariant } from "../../base/invariant.ts";
import {
  type AckEvent,
  type CongestionController,
  type ControllerOptions,
  type LossEvent,
  MIN_WINDOW_DATAGRAMS,
} from "./controller.ts";

/** The window covers at least this round trip: timers are late by milliseconds. */
const MIN_RTT_US = 10_000;
/**
 * The window in round trips at the rate. What arrives is in flight for one; what is lost is for as long as it takes to
 * find out: up to two, where reordering is allowed for (RFC 8985, section 6.2). So not even a link that loses nearly
 * everything makes the window the limit.
 */
const WINDOW_ROUND_TRIPS = 2;
/** On top of that, the longest that a peer holds back an acknowledgement by default. */
const ACK_DELAY_US = 25_000;
/** On top of that, for acknowledgements that come in bursts. */
const WINDOW_EXTRA_BYTES = 64 * 1024;
/**
 * The most in flight whatever the rate: 1 Gbit/s for a second. A rate far above the link's fills the queue before it,
 * and the round trip grows with the queue; what is remembered of packets in flight must not grow on and on.
 */
const MAX_WINDOW_BYTES = 128 * 1024 * 1024;

/** Paces at a fixed rate in bytes per second. */
export class FixedRate implements CongestionController {
  readonly name = "fixed";
  readonly #maxWindowBytes: number;
  readonly #rate: number;
  #maxDatagramBytes: number;
  #smoothedRttUs: number;

  constructor(
    options: ControllerOptions,
    { rateBytesPerSecond, maxWindowBytes = Infinity }: { rateBytesPerSecond: number; maxWindowBytes?: number },
  ) {
    invariant(rateBytesPerSecond > 0 && rateBytesPerSecond < Infinity, "a fixed rate is positive and finite");
    this.#maxDatagramBytes = options.maxDatagramBytes;
    this.#smoothedRttUs = options.initialRttUs;
    this.#maxWindowBytes = Math.min(maxWindowBytes, MAX_WINDOW_BYTES);
    this.#rate = rateBytesPerSecond;
  }

  get windowBytes(): number {
    const coveredUs = WINDOW_ROUND_TRIPS * Math.max(this.#smoothedRttUs, MIN_RTT_US) + ACK_DELAY_US;
    const wantedBytes = Math.ceil(this.#rate * coveredUs / 1_000_000) + WINDOW_EXTRA_BYTES;
    return Math.max(Math.min(wantedBytes, this.#maxWindowBytes), MIN_WINDOW_DATAGRAMS * this.#maxDatagramBytes);
  }

  get pacingRate(): number {
    return this.#rate;
  }

  onPacketSent(_packet: SentPacket, _bytesInFlight: number): void {}

  onAck(event: AckEvent): void {
    if (event.smoothedRttUs > 0) this.#smoothedRttUs = event.smoothedRttUs;
  }

  onPacketsLost(_event: LossEvent): void {}

  onSpuriousLoss(_nowUs: number, _sentUs: number): void {}

  onMtuChanged(maxDatagramBytes: number): void {
    this.#maxDatagramBytes = maxDatagramBytes;
  }
}
