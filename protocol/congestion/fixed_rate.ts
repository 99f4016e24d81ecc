/**
 * A controller that does not control: it paces at the rate it was given, whatever is lost. For links whose rate is
 * known and owned, and for measuring everything else without a congestion controller in the way.
 *
 * @module
 */

import type { SentPacket } from "../sent_packet.ts";
import { CallerError } from "../errors.ts";
import type { AckEvent, CongestionController, ControllerOptions, LossEvent } from "./controller.ts";
import { MIN_WINDOW_DATAGRAMS } from "./window.ts";

/** The window covers at least this round trip: timers are late by milliseconds. */
const MIN_RTT_US = 10_000;
/** The window in bandwidth-delay products: one in flight, one for what is lost and not yet declared so. */
const WINDOW_GAIN = 2;
/** On top of that, for acknowledgements that come in bursts. */
const WINDOW_EXTRA_BYTES = 64 * 1024;

/** Paces at a fixed rate in bytes per second. */
export class FixedRate implements CongestionController {
  readonly name = "fixed";
  readonly #maxWindowBytes: number;
  #maxDatagramBytes: number;
  #rate = 0;
  #smoothedRttUs: number;

  /** Throws CallerError unless `rateBytesPerSecond` is positive and finite. */
  constructor(
    options: ControllerOptions,
    { rateBytesPerSecond, maxWindowBytes = Infinity }: { rateBytesPerSecond: number; maxWindowBytes?: number },
  ) {
    this.#maxDatagramBytes = options.maxDatagramBytes;
    this.#smoothedRttUs = options.initialRttUs;
    this.#maxWindowBytes = maxWindowBytes;
    this.setRate(rateBytesPerSecond);
  }

  get windowBytes(): number {
    const pipeBytes = this.#rate * Math.max(this.#smoothedRttUs, MIN_RTT_US) / 1_000_000;
    const wanted = Math.min(Math.ceil(WINDOW_GAIN * pipeBytes) + WINDOW_EXTRA_BYTES, this.#maxWindowBytes);
    return Math.max(wanted, MIN_WINDOW_DATAGRAMS * this.#maxDatagramBytes);
  }

  get pacingRate(): number {
    return this.#rate;
  }

  /** Paces at this rate from now on. Throws CallerError unless it is positive and finite. */
  setRate(bytesPerSecond: number): void {
    if (!(bytesPerSecond > 0 && bytesPerSecond < Infinity)) {
      throw new CallerError(`a fixed rate must be positive and finite, not ${bytesPerSecond} bytes per second`);
    }
    this.#rate = bytesPerSecond;
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
