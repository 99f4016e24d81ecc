/**
 * Finds the largest datagram that a path carries (DPLPMTUD, RFC 8899), from the base that every path carries up to a
 * ceiling, and falls back when the path no longer carries the current size (a black hole).
 *
 * One probe is in flight at a time. A size is given up after the loss of three probes. Most paths carry the ceiling, so
 * it is tried first; then common sizes, largest first; then, below Ethernet's size, a binary search narrows the gap.
 * Sizes are bytes of UDP payload. The states of RFC 8899, section 5.2: "base" and "searching" while a candidate is left,
 * "search complete" when none is. "Error" cannot occur: paths below 1200 bytes are not supported.
 *
 * Non-goals: ICMP messages (section 4.6), which the platform does not provide.
 *
 * @module
 */

import { BASE_DATAGRAM_BYTES, MAX_DATAGRAM_BYTES } from "../config.ts";
import { invariant } from "../../base/invariant.ts";

/** Lost probes of one size after which the size is given up (RFC 8899, section 5.1.2: MAX_PROBES). */
export const MAX_PROBES = 3;

/** Time after a completed search until larger sizes are probed again (RFC 8899, section 5.1.1: PMTU_RAISE_TIMER). */
export const RAISE_INTERVAL_US = 600_000_000;

/** The search ends when the largest working and the smallest failed size differ by no more than this. */
export const GRANULARITY_BYTES = 16;

/**
 * Consecutive losses of packets above the base size, with none as large acknowledged in between, that indicate a black
 * hole: at 20 % random loss, one packet in 250 million would cause a false alarm.
 */
export const BLACK_HOLE_LOSSES = 12;

/** ...if they were detected at this many different times: a queue overflow loses many packets, but at one time. */
export const BLACK_HOLE_EVENTS = 3;

/**
 * UDP payloads of common paths, largest first: jumbo frames; Ethernet with IPv4 and with IPv6; PPPoE; a tunnel over
 * Ethernet. IPv6's minimum MTU less headers is not above our base, so 1280 bytes of payload represents smaller tunnels.
 */
const COMMON_BYTES: readonly number[] = [8972, 1472, 1452, 1444, 1400, 1280];

/** UDP payload of an Ethernet frame over IPv6. */
const ETHERNET_IPV6_BYTES = 1452;

/** Options of an {@link MtuDiscovery}. */
export interface MtuDiscoveryOptions {
  /** The largest size to try. */
  readonly ceilingBytes: number;
  /** The size to start from. Default 1200. */
  readonly baseBytes?: number;
}

/** Path MTU discovery of one path. */
export class MtuDiscovery {
  readonly #baseBytes: number;
  #ceilingBytes: number;
  #currentBytes: number;
  /** The smallest size believed not to work; above the ceiling at first. */
  #failedBytes: number;
  /** The size being probed, 0 for none; it is kept while its probes are repeated. */
  #candidateBytes = 0;
  #probeOutstanding = false;
  #probesLost = 0;
  #lastProbeSentUs = 0;
  // Packets above the base size lost since one as large was acknowledged, and at how many different times.
  #largeLosses = 0;
  #smallestLostBytes = Infinity;
  #lossEvents = 0;
  #lastLossUs = -1;
  #blackHoles = 0;

  constructor(options: MtuDiscoveryOptions) {
    this.#baseBytes = options.baseBytes ?? BASE_DATAGRAM_BYTES;
    this.#ceilingBytes = options.ceilingBytes;
    invariant(this.#baseBytes <= this.#ceilingBytes, "the MTU ceiling is not below the base");
    invariant(this.#ceilingBytes <= MAX_DATAGRAM_BYTES, "the MTU ceiling is not above the largest datagram");
    this.#currentBytes = this.#baseBytes;
    this.#failedBytes = this.#ceilingBytes + 1;
    this.#candidateBytes = this.#nextCandidate();
  }

  /** The current maximum datagram size: the largest that is known to arrive. */
  get currentBytes(): number {
    return this.#currentBytes;
  }

  /** Whether the search has ended for now. */
  get isComplete(): boolean {
    return this.#candidateBytes === 0;
  }

  /** Number of black holes detected. */
  get blackHoles(): number {
    return this.#blackHoles;
  }

  /** When {@link probeSize} returns the next probe: in the past if it is due, Infinity while a probe is in flight. */
  get nextProbeUs(): number {
    if (this.#probeOutstanding) return Infinity;
    if (!this.isComplete) return 0;
    // At the ceiling there is nothing left to find.
    return this.#currentBytes === this.#ceilingBytes ? Infinity : this.#lastProbeSentUs + RAISE_INTERVAL_US;
  }

  /** The size of the probe that is due, or 0. */
  probeSize(nowUs: number): number {
    if (nowUs < this.nextProbeUs) return 0;
    if (this.isComplete) this.#searchFrom(this.#ceilingBytes + 1);
    return this.#candidateBytes;
  }

  /** The probe that {@link probeSize} requested was sent. */
  onProbeSent(sizeBytes: number, nowUs: number): void {
    invariant(sizeBytes === this.#candidateBytes && !this.#probeOutstanding, "the MTU probe was not requested");
    this.#probeOutstanding = true;
    this.#lastProbeSentUs = nowUs;
  }

  /** A probe was acknowledged: the path carries its size. This includes a probe that had been declared lost. */
  onProbeAcked(sizeBytes: number): void {
    // A different size belongs to an earlier search, perhaps on another path: it proves nothing now.
    if (sizeBytes !== this.#candidateBytes) return;
    this.#currentBytes = sizeBytes;
    this.#resetBlackHole();
    this.#tryNext();
  }

  /** A probe was declared lost. Do not report it to congestion control (RFC 8899, section 3). */
  onProbeLost(sizeBytes: number): void {
    if (sizeBytes !== this.#candidateBytes || !this.#probeOutstanding) return;
    this.#probeOutstanding = false;
    if (++this.#probesLost < MAX_PROBES) return;
    this.#failedBytes = sizeBytes;
    this.#tryNext();
  }

  /** A packet other than a probe was acknowledged. */
  onDataAcked(sizeBytes: number): void {
    if (sizeBytes >= this.#smallestLostBytes) this.#resetBlackHole();
  }

  /**
   * A packet other than a probe was declared lost. Returns true if a black hole is detected (RFC 8899, section 4.3):
   * {@link currentBytes} is then reset to the base, and the search restarts below the size that failed.
   */
  onDataLost(sizeBytes: number, nowUs: number): boolean {
    // Not only full-size packets count: a sender with little data fills none, but its packets may still be too large.
    if (this.#currentBytes === this.#baseBytes || sizeBytes <= this.#baseBytes) return false;
    this.#largeLosses++;
    this.#smallestLostBytes = Math.min(this.#smallestLostBytes, sizeBytes);
    if (nowUs !== this.#lastLossUs) this.#lossEvents++;
    this.#lastLossUs = nowUs;
    if (this.#largeLosses < BLACK_HOLE_LOSSES || this.#lossEvents < BLACK_HOLE_EVENTS) return false;
    this.#blackHoles++;
    const failedBytes = this.#currentBytes;
    this.#currentBytes = this.#baseBytes;
    this.#searchFrom(failedBytes);
    return true;
  }

  /** Raises the ceiling and searches for a larger size. */
  raiseCeiling(ceilingBytes: number): void {
    invariant(ceilingBytes <= MAX_DATAGRAM_BYTES, "the MTU ceiling is not above the largest datagram");
    if (ceilingBytes <= this.#ceilingBytes) return;
    this.#ceilingBytes = ceilingBytes;
    this.#searchFrom(ceilingBytes + 1);
  }

  /** Lowers the ceiling, and the current size if it is larger: the peer does not accept more, or it does not pay off. */
  limitCeiling(ceilingBytes: number): void {
    if (ceilingBytes >= this.#ceilingBytes) return;
    this.#ceilingBytes = Math.max(ceilingBytes, this.#baseBytes);
    this.#currentBytes = Math.min(this.#currentBytes, this.#ceilingBytes);
    this.#searchFrom(Math.min(this.#failedBytes, this.#ceilingBytes + 1));
  }

  #searchFrom(failedBytes: number): void {
    this.#failedBytes = failedBytes;
    this.#resetBlackHole();
    this.#tryNext();
  }

  #tryNext(): void {
    this.#probeOutstanding = false;
    this.#probesLost = 0;
    this.#candidateBytes = this.#nextCandidate();
  }

  /** RFC 8899, section 5.3.2, leaves the choice of sizes open. Returns 0 if no size is worth a probe. */
  #nextCandidate(): number {
    const current = this.#currentBytes;
    const failed = this.#failedBytes;
    if (failed > this.#ceilingBytes) return current < this.#ceilingBytes ? this.#ceilingBytes : 0;
    for (const size of COMMON_BYTES) {
      if (size > current && size < failed) return size;
    }
    // No links have an MTU between Ethernet's and jumbo frames.
    if (current >= ETHERNET_IPV6_BYTES) return 0;
    return failed - current > GRANULARITY_BYTES ? Math.floor((current + failed) / 2) : 0;
  }

  #resetBlackHole(): void {
    this.#largeLosses = 0;
    this.#smallestLostBytes = Infinity;
    this.#lossEvents = 0;
    this.#lastLossUs = -1;
  }
}
