/**
 * Packets that arrived after an ACK frame had told that they had not: the acknowledgement of that frame is no reason to
 * stop telling of them.
 *
 * They are kept in two generations, each with the first ACK frame that tells of all of it, so that nothing is noted for
 * each packet but its number. Hot on a path that reorders: called for every late packet.
 *
 * @module
 */

import { MAX_LATE_RANGES } from "../limits.ts";
import { RangeSet } from "../../base/range_set.ts";

/** Late packets, and the ACK frames since. */
export class LatePackets {
  readonly #maxRanges: number;
  #elder = new RangeSet();
  #younger = new RangeSet();
  /** The first ACK frame sent after the elder generation was complete. */
  #elderReport = 0;
  #nextReport = 0;

  /** `maxRanges` holds for each generation: a peer that hears of no ACK frame could have any number remembered. */
  constructor(maxRanges: number = MAX_LATE_RANGES) {
    this.#maxRanges = maxRanges;
  }

  /** Ranges remembered. */
  get length(): number {
    return this.#elder.length + this.#younger.length;
  }

  /** The number of the next ACK frame; each call is a frame. */
  nextReport(): number {
    return this.#nextReport++;
  }

  /** A packet arrived late. */
  add(packetNumber: number): void {
    if (this.#elder.length === 0) this.#elderReport = this.#nextReport;
    const generation = this.#elderReport === this.#nextReport ? this.#elder : this.#younger;
    generation.add(packetNumber, packetNumber + 1);
    if (generation.length > this.#maxRanges) generation.removeBelow(generation.end(0));
  }

  /** The peer has ACK frame `report`, which told of the numbers from `start` up to, not including, `end`. */
  onReportAcked(start: number, end: number, report: number): void {
    if (report < this.#elderReport) return;
    this.#elder.remove(start, end);
    if (this.#elder.length > 0 || this.#younger.length === 0) return;
    const empty = this.#elder;
    this.#elder = this.#younger;
    this.#younger = empty;
    this.#elderReport = this.#nextReport;
  }

  /** Adds to `ranges` what of these packets lies from `start` up to, not including, `end`. */
  addTo(ranges: RangeSet, start: number, end: number): void {
    addPart(ranges, this.#elder, start, end);
    addPart(ranges, this.#younger, start, end);
  }

  /** Gives up the packets below a number. */
  removeBelow(packetNumber: number): void {
    this.#elder.removeBelow(packetNumber);
    this.#younger.removeBelow(packetNumber);
  }
}

function addPart(ranges: RangeSet, part: RangeSet, start: number, end: number): void {
  for (let i = 0; i < part.length; i++) {
    const from = Math.max(start, part.start(i));
    const to = Math.min(end, part.end(i));
    if (from < to) ranges.add(from, to);
  }
}
