/**
 * A controller without congestion control: it paces at a fixed rate, whatever is lost. For links of known rate that are
 * not shared, and for measuring everything else without the influence of congestion control.
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

/** Lower bound of the RTT that the window covers, because timers fire milliseconds late. */
const MIN_RTT_US = 10_000;
/**
 * The window in round trips at the rate. A packet that arrives is in flight for one round trip; a lost one until its loss
 * is detected: up to two, with the allowance for reordering (RFC 8985, section 6.2). So the window is not the limit, not
 * even on a link that loses nearly everything.
 */
const WINDOW_ROUND_TRIPS = 2;
/** Added to that: the default maximum ACK delay of a peer. */
const ACK_DELAY_US = 25_000;
/** Added to that: an allowance for acknowledgements that arrive in bursts. */
const WINDOW_EXTRA_BYTES = 64 * 1024;
/**
 * Upper bound of the window at any rate: 1 Gbit/s for one second. A rate far above the link's capacity fills the
 * bottleneck queue, and the RTT grows with the queue; the record of packets in flight must not grow without bound.
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
