/**
 * One direction of a simulated link. A datagram passes, in this order:
 *
 * ```text
 * MTU -> drop-tail queue -> line of a fixed rate -> blackout -> loss -> duplication -> corruption -> delay, jitter,
 * (too big)  (queue full)      (or in a pause)     (blacked out) (lost)                       scatter or reordering
 * ```
 *
 * What is lost behind the queue has used the line all the same. Jitter does not change the order of datagrams, only
 * `scatterUs` and `reorder` do, so that they can be told apart. Bottleneck and queue count a datagram's UDP payload and
 * `overheadBytes`.
 *
 * Each kind of fault draws from a random stream of its own: more loss changes which datagrams are lost, not which of
 * the others are corrupted. Hot: one call for each datagram.
 *
 * @module
 */

import { invariant } from "../base/invariant.ts";
import { Random, RandomWalk } from "../base/random.ts";
import { type Delivery, DeliveryPool } from "./delivery.ts";
import { Bottleneck } from "./bottleneck.ts";
import { areInOrder, type Interval } from "./intervals.ts";

/** Losses in bursts: a line that is now good, now bad (Gilbert and Elliott). Each probability is per datagram. */
export interface BurstLoss {
  /** From good to bad. */
  readonly enterProbability: number;
  /** From bad to good; a burst lasts for 1 / this many datagrams in the mean. */
  readonly leaveProbability: number;
  /** That a datagram is lost while the line is bad. */
  readonly lossInBurst: number;
}

/** Datagrams that later ones overtake. */
export interface Reordering {
  readonly probability: number;
  /** What they are late by, beyond the delay. */
  readonly extraDelayUs: number;
}

/** What a link is like. By default it is perfect: instant, of any rate, without faults. */
export interface LinkOptions {
  /** Infinity for no serialization and no queue. Default: Infinity. */
  readonly rateBitsPerSecond?: number;
  /** One way, without queue and serialization. Default: 0. */
  readonly delayUs?: number;
  /** The delay wanders between `delayUs` and this much more. Default: 0. */
  readonly jitterUs?: number;
  /** Each datagram comes up to this much earlier or later than the delay says, independently: so they overtake. Default: 0. */
  readonly scatterUs?: number;
  /** Share of datagrams lost, each independently, 0 to 1. Default: 0. */
  readonly loss?: number;
  /** The most datagrams that are lost at random one after the other, bursts included: the next one comes through. Default: Infinity. */
  readonly lossesInRow?: number;
  /** Losses in bursts, on top of `loss`. Default: none. */
  readonly burst?: BurstLoss | undefined;
  /** Share of datagrams that arrive twice. Default: 0. */
  readonly duplicate?: number;
  /** Share of datagrams in which 1 to 8 random bits are flipped. Default: 0. */
  readonly corrupt?: number;
  /** Default: none. */
  readonly reorder?: Reordering | undefined;
  /** What each datagram takes of the line and the queue besides its payload: 28 for IPv4 and UDP. Default: 0. */
  readonly overheadBytes?: number;
  /**
   * The most payload that one packet carries: a larger datagram goes in several, each with overhead of its own, and is
   * lost where one of them is. Default: Infinity.
   */
  readonly fragmentBytes?: number;
  /** Bytes that may wait for the line, the one being sent included; an idle line takes a datagram of any size. Default: Infinity. */
  readonly queueBytes?: number;
  /** Largest datagram in bytes of UDP payload; larger ones vanish. Default: Infinity. */
  readonly mtuBytes?: number;
  /** Times in which nothing comes through: the line is cut behind the queue, which runs empty into the void. Default: none. */
  readonly blackouts?: readonly Interval[];
  /**
   * Times in which the line stands still, as Wi-Fi does that looks for other networks: what is queued waits, and what
   * comes queues up behind it. One after the other, none past. Default: none.
   */
  readonly pauses?: readonly Interval[];
}

/** What a link has done so far. Counts are of datagrams. */
export interface LinkStats {
  /** Given to the link. */
  readonly sent: number;
  /** Handed on by the link, second copies included. */
  readonly delivered: number;
  /** Lost at random, in bursts or by themselves. */
  readonly lost: number;
  readonly queueDropped: number;
  readonly blackedOut: number;
  readonly tooBig: number;
  readonly corrupted: number;
  readonly duplicated: number;
  readonly reordered: number;
  /** Bytes given to the link. */
  readonly sentBytes: number;
  /** Bytes handed on by the link. */
  readonly deliveredBytes: number;
  /** Time that datagrams waited until the line was free for them. */
  readonly meanQueueDelayUs: number;
  readonly maxQueueDelayUs: number;
}

/** What a link is made with. */
export interface LinkContext {
  readonly random: Random;
  /** Where deliveries come from and are released to. Default: a pool of the link's own. */
  readonly pool?: DeliveryPool;
}

const DEFAULTS: Required<LinkOptions> = {
  rateBitsPerSecond: Infinity,
  delayUs: 0,
  jitterUs: 0,
  scatterUs: 0,
  loss: 0,
  lossesInRow: Infinity,
  burst: undefined,
  duplicate: 0,
  corrupt: 0,
  reorder: undefined,
  overheadBytes: 0,
  fragmentBytes: Infinity,
  queueBytes: Infinity,
  mtuBytes: Infinity,
  blackouts: [],
  pauses: [],
};

/** Most bits flipped in a corrupted datagram. */
const MAX_FLIPPED_BITS = 8;
const NO_DELIVERY: readonly Delivery[] = [];

/** See the module's description. */
export class Link {
  readonly pool: DeliveryPool;
  readonly #random: Readonly<Record<"loss" | "burst" | "duplicate" | "corrupt" | "scatter" | "reorder", Random>>;
  readonly #jitter: RandomWalk;
  readonly #line = new Bottleneck();
  readonly #stats = new Counters();
  #options = DEFAULTS;
  #inBurst = false;
  #lostInRow = 0;
  #lastDepartureUs = 0;
  #lastArrivalUs = 0;
  /** Results of {@link transmit}, reused. */
  readonly #one: Delivery[] = [];
  readonly #two: Delivery[] = [];

  constructor(options: LinkOptions, { random, pool }: LinkContext) {
    this.pool = pool ?? new DeliveryPool();
    this.#random = {
      loss: random.fork("loss"),
      burst: random.fork("burst"),
      duplicate: random.fork("duplicate"),
      corrupt: random.fork("corrupt"),
      scatter: random.fork("scatter"),
      reorder: random.fork("reorder"),
    };
    this.#jitter = new RandomWalk(random.fork("jitter"));
    this.change(options);
  }

  /** What the link is like now. */
  get options(): Required<LinkOptions> {
    return this.#options;
  }

  /** What the link has done so far; live. */
  get stats(): LinkStats {
    return this.#stats;
  }

  /**
   * Makes the link different from now on; what is not named stays. Datagrams that it has taken arrive when they would
   * have; those that follow wait until the bytes still queued have left at the new rate.
   */
  change(options: LinkOptions): void {
    const changed = { ...this.#options, ...options };
    checkOptions(changed);
    this.#options = changed;
    this.#line.setRate(changed.rateBitsPerSecond);
    this.#line.setPauses(changed.pauses);
  }

  /** Bytes that wait for the line at `nowUs`, those of the datagram being sent included. */
  backlogBytes(nowUs: number): number {
    return this.#line.backlogBytes(nowUs);
  }

  /**
   * Sends a copy of `datagram` at `nowUs`, which does not go back from call to call. Returns what arrives of it, none
   * to two deliveries with their `arrivalUs`, in an array that the next call reuses; the caller releases each to
   * {@link pool}.
   */
  transmit(nowUs: number, datagram: Uint8Array): readonly Delivery[] {
    const departureUs = this.#passLine(nowUs, datagram.length);
    if (departureUs < 0 || !this.#survives(departureUs, datagram.length)) return NO_DELIVERY;
    const wanderUs = this.#jitter.at(departureUs, this.#options.jitterUs);
    const arrivalUs = Math.max(this.#lastArrivalUs, departureUs + this.#options.delayUs + wanderUs);
    this.#lastArrivalUs = arrivalUs;
    const first = this.#deliver(arrivalUs, departureUs, datagram);
    if (!this.#random.duplicate.chance(this.#options.duplicate)) {
      this.#one[0] = first;
      return this.#one;
    }
    this.#stats.duplicated++;
    this.#two[0] = first;
    this.#two[1] = this.#deliver(arrivalUs, departureUs, datagram);
    return this.#two;
  }

  /** When the datagram has left the line; -1 where it does not come that far. */
  #passLine(nowUs: number, sizeBytes: number): number {
    const stats = this.#stats;
    stats.sent++;
    stats.sentBytes += sizeBytes;
    if (sizeBytes > this.#options.mtuBytes) {
      stats.tooBig++;
      return -1;
    }
    const lineBytes = sizeBytes + this.#packets(sizeBytes) * this.#options.overheadBytes;
    const backlogBytes = this.#line.backlogBytes(nowUs);
    if (backlogBytes > 0 && backlogBytes + lineBytes > this.#options.queueBytes) {
      stats.queueDropped++;
      return -1;
    }
    const waitUs = Math.max(0, this.#line.freeUs(nowUs) - nowUs);
    stats.queued++;
    stats.queueDelayUs += waitUs;
    if (waitUs > stats.maxQueueDelayUs) stats.maxQueueDelayUs = waitUs;
    // A line that became faster sends nothing before what it was given earlier.
    this.#lastDepartureUs = Math.max(this.#lastDepartureUs, this.#line.send(nowUs, lineBytes));
    return this.#lastDepartureUs;
  }

  /** Packets that a datagram goes in. */
  #packets(sizeBytes: number): number {
    const { fragmentBytes } = this.#options;
    return sizeBytes <= fragmentBytes ? 1 : Math.ceil(sizeBytes / fragmentBytes);
  }

  /** Whether a datagram that leaves the line at `departureUs` is neither cut off nor lost. */
  #survives(departureUs: number, sizeBytes: number): boolean {
    const { blackouts, burst, loss, lossesInRow } = this.#options;
    for (let n = 0; n < blackouts.length; n++) {
      const { fromUs, untilUs } = blackouts[n]!;
      if (departureUs >= fromUs && departureUs < untilUs) {
        this.#stats.blackedOut++;
        return false;
      }
    }
    let isLost = false;
    for (let packet = this.#packets(sizeBytes); packet > 0 && !isLost; packet--) {
      isLost = this.#random.loss.chance(loss);
    }
    if (burst !== undefined) {
      const random = this.#random.burst;
      this.#inBurst = this.#inBurst ? !random.chance(burst.leaveProbability) : random.chance(burst.enterProbability);
      if (this.#inBurst && random.chance(burst.lossInBurst)) isLost = true;
    }
    if (this.#lostInRow >= lossesInRow) isLost = false;
    this.#lostInRow = isLost ? this.#lostInRow + 1 : 0;
    if (isLost) this.#stats.lost++;
    return !isLost;
  }

  #deliver(arrivalUs: number, departureUs: number, datagram: Uint8Array): Delivery {
    const stats = this.#stats;
    const delivery = this.pool.take(datagram);
    delivery.arrivalUs = arrivalUs;
    const { scatterUs } = this.#options;
    if (scatterUs > 0) {
      const movedUs = arrivalUs + this.#random.scatter.integer(-scatterUs, scatterUs);
      delivery.arrivalUs = Math.max(departureUs, movedUs);
    }
    if (datagram.length > 0 && this.#random.corrupt.chance(this.#options.corrupt)) {
      this.#random.corrupt.flipBits(delivery.bytes, MAX_FLIPPED_BITS);
      stats.corrupted++;
    }
    const { reorder } = this.#options;
    if (reorder !== undefined && this.#random.reorder.chance(reorder.probability)) {
      delivery.arrivalUs += reorder.extraDelayUs;
      stats.reordered++;
    }
    stats.delivered++;
    stats.deliveredBytes += datagram.length;
    return delivery;
  }
}

class Counters implements LinkStats {
  sent = 0;
  delivered = 0;
  lost = 0;
  queueDropped = 0;
  blackedOut = 0;
  tooBig = 0;
  corrupted = 0;
  duplicated = 0;
  reordered = 0;
  sentBytes = 0;
  deliveredBytes = 0;
  maxQueueDelayUs = 0;
  /** Datagrams that came through the queue, and the sum of their waits. */
  queued = 0;
  queueDelayUs = 0;

  get meanQueueDelayUs(): number {
    return this.queued === 0 ? 0 : this.queueDelayUs / this.queued;
  }
}

function checkOptions(options: Required<LinkOptions>): void {
  const { burst, reorder } = options;
  invariant(options.rateBitsPerSecond > 0, "a link's rate is above 0");
  const { overheadBytes, queueBytes, mtuBytes } = options;
  invariant(options.fragmentBytes > 0, "a packet carries something");
  invariant(overheadBytes >= 0 && queueBytes >= 0 && mtuBytes >= 0, "a link's sizes are not negative");
  invariant(options.lossesInRow >= 0, "losses in a row are counted from 0");
  invariant(areInOrder(options.blackouts) && areInOrder(options.pauses), "blackouts and pauses follow one another");
  for (const timeUs of [options.delayUs, options.jitterUs, options.scatterUs, reorder?.extraDelayUs ?? 0]) {
    invariant(Number.isSafeInteger(timeUs) && timeUs >= 0, "a link's delays are integers from 0 on");
  }
  const shares = [options.loss, options.duplicate, options.corrupt, reorder?.probability ?? 0];
  if (burst !== undefined) shares.push(burst.enterProbability, burst.leaveProbability, burst.lossInBurst);
  for (const share of shares) invariant(share >= 0 && share <= 1, "a link's probabilities are from 0 to 1");
}
