/**
 * RFC 8985, section 6.2, written down as its pseudo-code has it, over a plain list of all segments: what the parts under
 * test are compared with. What `protocol/recovery/rack.ts` lists as departures is done here too, and marked.
 *
 * @module
 */

import type { RttEstimator } from "../protocol/recovery/rtt_estimator.ts";

/** A segment as section 5.2 has it. */
export interface NaiveSegment {
  readonly endSeq: number;
  readonly xmitTs: number;
  /** Of a segment that carries no data nothing is learned. */
  readonly hasData: boolean;
  acked: boolean;
  lost: boolean;
  /** No longer looked for: nothing is expected of it. */
  forgotten: boolean;
}

const DUP_THRESH = 3;

/** The state of section 5.3, and the procedures of section 6.2. */
export class NaiveRack {
  readonly segments: NaiveSegment[] = [];
  readonly #rack = {
    xmitTs: 0,
    endSeq: -1,
    rtt: 0,
    fack: -1,
    reorderingSeen: false,
    dsackRound: undefined as number | undefined,
    reoWndMult: 1,
    reoWndPersist: 16,
    reoWnd: 0,
  };
  /** Departures: what late segments needed, and the mean round trip. */
  #neededMult = 1;
  #meanRtt: number | undefined;
  /** RecoveryPoint, while in recovery. */
  #recoveryPoint: number | undefined;

  get reoWnd(): number {
    return this.#rack.reoWnd;
  }

  get endSeq(): number {
    return this.#rack.endSeq;
  }

  /** SND.UNA: the first segment of which nothing was heard, and nothing is known. */
  #sndUna(): number {
    return this.segments.find((s) => !s.acked && !s.lost && !s.forgotten)?.endSeq ?? this.sndNxt();
  }

  sndNxt(): number {
    const last = this.segments.at(-1);
    return last === undefined ? 0 : last.endSeq + 1;
  }

  /** Steps 2 to 4 for one newly acknowledged segment; `fack` is as it was before the ACK frame. */
  onAcked(segment: NaiveSegment, now: number, fack: number, minRtt: number): void {
    const rack = this.#rack;
    const rtt = Math.max(1, now - segment.xmitTs);
    if (segment.hasData) {
      this.#meanRtt ??= rtt;
      this.#meanRtt += (rtt - this.#meanRtt) / 64;
    }
    // Step 2.
    if (sentAfter(segment.xmitTs, segment.endSeq, rack.xmitTs, rack.endSeq)) {
      rack.rtt = rtt;
      rack.xmitTs = segment.xmitTs;
      rack.endSeq = segment.endSeq;
    }
    // Step 3.
    if (segment.hasData && segment.endSeq < fack) {
      const seenBefore = rack.reorderingSeen;
      rack.reorderingSeen = true;
      const needed = Math.max(1, Math.ceil((now - segment.xmitTs - rack.rtt) * 4 / Math.max(1, minRtt)));
      this.#neededMult = Math.max(this.#neededMult, needed);
      if (segment.lost) this.#onDsack(needed, seenBefore);
    }
    rack.fack = Math.max(rack.fack, segment.endSeq);
    segment.acked = true;
  }

  get fack(): number {
    return this.#rack.fack;
  }

  /** Step 4, where a DSACK is present. */
  #onDsack(needed: number, seenBefore: boolean): void {
    const rack = this.#rack;
    if (rack.dsackRound === undefined) {
      rack.dsackRound = this.sndNxt();
      // Departure: what had no window at all may have had too little in the least one, or not.
      if (seenBefore) rack.reoWndMult += 1;
    }
    // Departure: at once to what would have prevented it.
    rack.reoWndMult = Math.max(rack.reoWndMult, needed);
    rack.reoWndPersist = 16;
    this.#neededMult = 1;
  }

  #updateReoWnd(rtt: RttEstimator): number {
    const rack = this.#rack;
    const sndUna = this.#sndUna();
    if (rack.dsackRound !== undefined && sndUna >= rack.dsackRound) rack.dsackRound = undefined;
    if (this.#recoveryPoint !== undefined && sndUna >= this.#recoveryPoint) {
      this.#recoveryPoint = undefined;
      rack.reoWndPersist -= 1;
      if (rack.reoWndPersist <= 0) {
        // Departure: the RFC has 1.
        rack.reoWndMult = Math.min(rack.reoWndMult, this.#neededMult);
        this.#neededMult = 1;
        rack.reoWndPersist = 16;
      }
    }
    if (!rack.reorderingSeen) {
      if (this.#recoveryPoint !== undefined) return 0;
      const sacked = this.segments.filter((s) => s.endSeq > sndUna && s.acked).length;
      if (sacked >= DUP_THRESH) return 0;
    }
    // Departure: the RFC bounds it by SRTT.
    const round = Math.max(rtt.smoothedUs, Math.ceil(this.#meanRtt ?? 0), rack.rtt);
    return Math.min(Math.ceil(rack.reoWndMult * rtt.minUs / 4), 2 * round - rack.rtt);
  }

  /**
   * Step 5, RACK_detect_loss: the segments that are lost by now, and when the next will be. `granularity` is the least
   * time to wait (RFC 9002).
   */
  detectLoss(now: number, rtt: RttEstimator, options: { granularity: number }): {
    lost: NaiveSegment[];
    nextUs: number;
  } {
    const rack = this.#rack;
    rack.reoWnd = this.#updateReoWnd(rtt);
    const delay = rack.reoWnd === 0 ? rack.rtt : Math.max(rack.rtt + rack.reoWnd, options.granularity);
    const lost: NaiveSegment[] = [];
    let nextUs = Infinity;
    for (const segment of this.segments) {
      if (segment.acked || segment.lost || segment.forgotten) continue;
      if (!sentAfter(rack.xmitTs, rack.endSeq, segment.xmitTs, segment.endSeq)) continue;
      const remaining = segment.xmitTs + delay - now;
      if (remaining > 0) {
        nextUs = now + remaining;
        break;
      }
      lost.push(segment);
    }
    for (const segment of lost) segment.lost = true;
    if (lost.some(({ hasData }) => hasData)) this.#recoveryPoint ??= this.sndNxt();
    return { lost, nextUs };
  }
}

/** RACK_sent_after. */
function sentAfter(t1: number, seq1: number, t2: number, seq2: number): boolean {
  return t1 > t2 || (t1 === t2 && seq1 > seq2);
}
