/**
 * Finds the largest datagram that a path carries (DPLPMTUD, RFC 8899), from the base that every path carries up to a
 * ceiling, and falls back when the path stops carrying what it did.
 *
 * One probe is out at a time. A size is given up after three probes of it were lost. Most paths carry the ceiling, so
 * it is tried first; then sizes that are common, largest first; then, below Ethernet's, the gap is halved until it is
 * small. Sizes are
 * bytes of UDP payload. States of RFC 8899, section 5.2, here: "base" and "searching" while a candidate is left,
 * "search complete" when none is. "Error" cannot be: no path below 1200 bytes is served.
 *
 * Non-goals: ICMP messages (section 4.6), which the platform does not hand over.
 *
 * @module
 */

import { BASE_DATAGRAM_BYTES, MAX_DATAGRAM_BYTES } from "../config.ts";
import { invariant } from "../../base/invariant.ts";

/** Probes of one size lost before the size is given up (RFC 8899, section 5.1.2: MAX_PROBES). */
export const MAX_PROBES = 3;

/** When to look for something larger again, after the search ended (RFC 8899, section 5.1.1: PMTU_RAISE_TIMER). */
export const RAISE_INTERVAL_US = 600_000_000;

/** The search ends when what works and what does not are so near. */
export const GRANULARITY_BYTES = 16;

/**
 * Packets above the base lost, with none as large acknowledged in between, that show a black hole: at 20 % random
 * loss, one packet in 250 million would.
 */
export const BLACK_HOLE_LOSSES = 12;

/** ...if they were noticed at so many different times: a queue that overflows loses many, but at one time. */
export const BLACK_HOLE_EVENTS = 3;

/**
 * UDP payloads of common paths, largest first: jumbo frames; Ethernet with IPv4 and with IPv6; PPPoE; a tunnel over
 * Ethernet; IPv6's minimum less headers is below our base, so 1280 bytes of payload stands for the tighter tunnels.
 */
const COMMON_BYTES: readonly number[] = [8972, 1472, 1452, 1444, 1400, 1280];

/** UDP payload of an Ethernet frame over IPv6. */
const ETHERNET_IPV6_BYTES = 1452;

/** What an {@link MtuDiscovery} is made with. */
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
  /** The smallest size thought not to work; above the ceiling at first. */
  #failedBytes: number;
  /** The size being tried, 0 for none; it stays through its repetitions. */
  #candidateBytes = 0;
  #probeOutstanding = false;
  #probesLost = 0;
  #lastProbeSentUs = 0;
  // Packets above the base lost since one as large was acknowledged, and the different times at which that was noticed.
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

  /** The size datagrams may have now: the largest known to arrive. */
  get currentBytes(): number {
    return this.#currentBytes;
  }

  /** Whether the search has ended for now. */
  get isComplete(): boolean {
    return this.#candidateBytes === 0;
  }

  /** Times that the path stopped carrying what it did. */
  get blackHoles(): number {
    return this.#blackHoles;
  }

  /** When {@link probeSize} has a probe to send: in the past if at once, Infinity if an answer must come first. */
  get nextProbeUs(): number {
    if (this.#probeOutstanding) return Infinity;
    if (!this.isComplete) return 0;
    // At the ceiling there is nothing to gain.
    return this.#currentBytes === this.#ceilingBytes ? Infinity : this.#lastProbeSentUs + RAISE_INTERVAL_US;
  }

  /** The size of the probe that is due, or 0. */
  probeSize(nowUs: number): number {
    if (nowUs < this.nextProbeUs) return 0;
    if (this.isComplete) this.#searchFrom(this.#ceilingBytes + 1);
    return this.#candidateBytes;
  }

  /** The probe that {@link probeSize} asked for was sent. */
  onProbeSent(sizeBytes: number, nowUs: number): void {
    invariant(sizeBytes === this.#candidateBytes && !this.#probeOutstanding, "an MTU probe nobody asked for");
    this.#probeOutstanding = true;
    this.#lastProbeSentUs = nowUs;
  }

  /** A probe arrived: the path carries its size. One that was counted lost before is as good. */
  onProbeAcked(sizeBytes: number): void {
    // Another size is from a search that has ended since, perhaps because the path changed: it proves nothing now.
    if (sizeBytes !== this.#candidateBytes) return;
    this.#currentBytes = sizeBytes;
    this.#resetBlackHole();
    this.#tryNext();
  }

  /** A probe was declared lost. Not to be told to congestion control (RFC 8899, section 3). */
  onProbeLost(sizeBytes: number): void {
    if (sizeBytes !== this.#candidateBytes || !this.#probeOutstanding) return;
    this.#probeOutstanding = false;
    if (++this.#probesLost < MAX_PROBES) return;
    this.#failedBytes = sizeBytes;
    this.#tryNext();
  }

  /** A packet that was no probe arrived. */
  onDataAcked(sizeBytes: number): void {
    if (sizeBytes >= this.#smallestLostBytes) this.#resetBlackHole();
  }

  /**
   * A packet that was no probe was declared lost. Returns true if that shows a black hole (RFC 8899, section 4.3):
   * {@link currentBytes} is then back at the base, and the search begins again below the size that failed.
   */
  onDataLost(sizeBytes: number, nowUs: number): boolean {
    // Not full-size packets alone: a sender with little to send fills none, and its packets may be too large all the same.
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

  /** Allows larger sizes than before, and looks for them. */
  raiseCeiling(ceilingBytes: number): void {
    invariant(ceilingBytes <= MAX_DATAGRAM_BYTES, "the MTU ceiling is not above the largest datagram");
    if (ceilingBytes <= this.#ceilingBytes) return;
    this.#ceilingBytes = ceilingBytes;
    this.#searchFrom(ceilingBytes + 1);
  }

  /** The peer receives nothing larger, or it does not pay: lowers the ceiling, and what is in use. */
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

  /** RFC 8899, section 5.3.2, leaves the choice of sizes open. Returns 0 where none is worth a probe. */
  #nextCandidate(): number {
    const current = this.#currentBytes;
    const failed = this.#failedBytes;
    if (failed > this.#ceilingBytes) return current < this.#ceilingBytes ? this.#ceilingBytes : 0;
    for (const size of COMMON_BYTES) {
      if (size > current && size < failed) return size;
    }
    // Between Ethernet and jumbo frames there is nothing that links have.
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
