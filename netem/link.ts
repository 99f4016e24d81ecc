/**
 * One direction of an impaired link. A datagram passes, in this order:
 *
 * ```text
 * MTU -> drop-tail queue -> bottleneck -> blackout -> loss -> duplication -> corruption -> delay, random walk,
 *                          (rate, pauses)                                                  jitter, reordering
 * ```
 *
 * The words are those of netem(8), with two differences: a datagram is lost behind the bottleneck, so it has used the
 * rate all the same, and the delay can also vary without reordering (`randomWalkUs`). Bottleneck and queue count a
 * datagram's UDP payload and `overheadBytes`.
 *
 * Each kind of impairment draws from a random stream of its own: more loss changes which datagrams are lost, not which
 * of the others are corrupted. There is no clock: time is an argument. Hot: one call for each datagram.
 *
 * @module
 */

import { invariant } from "../base/invariant.ts";
import { Random, RandomWalk } from "../base/random.ts";
import { type Delivery, DeliveryPool } from "./delivery.ts";
import { Bottleneck } from "./bottleneck.ts";
import { areInOrder, type Interval } from "./intervals.ts";

/** Losses in bursts: a link that is now good, now bad (the Gilbert-Elliott model). Each probability is per datagram. */
export interface BurstLoss {
  /** From good to bad. */
  readonly enterProbability: number;
  /** From bad to good; the mean length of a burst is 1 / this many datagrams. */
  readonly leaveProbability: number;
  /** That a datagram is lost while the link is bad. */
  readonly lossInBurst: number;
}

/** Datagrams that later ones overtake. */
export interface Reordering {
  readonly probability: number;
  /** What is added to the delay of a reordered datagram. */
  readonly extraDelayUs: number;
}

/** The properties of a link. The default is a perfect one: instant, of any rate, without impairments. */
export interface LinkOptions {
  /** Infinity for no serialization and no queue. Default: Infinity. */
  readonly rateBitsPerSecond?: number;
  /** One way, without queueing and serialization. Default: 0. */
  readonly delayUs?: number;
  /** Each datagram is up to this much earlier or later than the delay, independently, so they are reordered. Default: 0. */
  readonly jitterUs?: number;
  /** The delay walks at random between `delayUs` and this much more; datagrams keep their order. Default: 0. */
  readonly randomWalkUs?: number;
  /** Share of datagrams lost, each independently, 0 to 1. Default: 0. */
  readonly loss?: number;
  /** After so many random losses in a row, bursts included, the next datagram gets through. Default: Infinity. */
  readonly maxConsecutiveLosses?: number;
  /** Losses in bursts, in addition to `loss`. Default: none. */
  readonly burst?: BurstLoss | undefined;
  /** Share of datagrams that arrive twice. Default: 0. */
  readonly duplicate?: number;
  /** Share of datagrams in which 1 to 8 random bits are flipped. Default: 0. */
  readonly corrupt?: number;
  /** Default: none. */
  readonly reorder?: Reordering | undefined;
  /** What each packet takes of rate and queue in addition to its payload: 28 for IPv4 and UDP. Default: 0. */
  readonly overheadBytes?: number;
  /**
   * Payload of the largest packet: a larger datagram is fragmented, each fragment with its own overhead, and lost if
   * one of them is. Default: Infinity.
   */
  readonly fragmentBytes?: number;
  /** Capacity of the queue, including the datagram being sent; an idle link takes one of any size. Default: Infinity. */
  readonly queueBytes?: number;
  /** UDP payload of the largest datagram that the link carries; larger ones are dropped. Default: Infinity. */
  readonly mtuBytes?: number;
  /** When nothing arrives: the link is cut behind the bottleneck, which goes on sending. Default: none. */
  readonly blackouts?: readonly Interval[];
  /**
   * When the bottleneck stops, as Wi-Fi does while it scans for networks: what is queued waits, and what comes is
   * queued behind it. In order; those that have begun must not change. Default: none.
   */
  readonly pauses?: readonly Interval[];
}

/** Counters of a link, in datagrams unless said otherwise. */
export interface LinkStats {
  /** Given to the link. */
  readonly sent: number;
  /** Delivered, second copies included. */
  readonly delivered: number;
  /** Lost at random, in bursts or independently. */
  readonly lost: number;
  /** Dropped because the queue was full. */
  readonly queueDropped: number;
  /** Dropped in a blackout. */
  readonly blackedOut: number;
  /** Dropped because they were larger than the MTU. */
  readonly tooBig: number;
  readonly corrupted: number;
  readonly duplicated: number;
  readonly reordered: number;
  /** Bytes given to the link. */
  readonly sentBytes: number;
  /** Bytes delivered. */
  readonly deliveredBytes: number;
  /** How long datagrams waited until the bottleneck was free for them. */
  readonly meanQueueDelayUs: number;
  readonly maxQueueDelayUs: number;
}

/** What a link is made with. */
export interface LinkContext<Route> {
  readonly random: Random;
  /** Where deliveries are taken from and released to. Default: a pool of the link's own. */
  readonly pool?: DeliveryPool<Route>;
}

const DEFAULTS: Required<LinkOptions> = {
  rateBitsPerSecond: Infinity,
  delayUs: 0,
  jitterUs: 0,
  randomWalkUs: 0,
  loss: 0,
  maxConsecutiveLosses: Infinity,
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
const NO_DELIVERY: readonly never[] = [];

/** See the module's description. `Route` is what its user attaches to a delivery. */
export class Link<Route = unknown> {
  readonly pool: DeliveryPool<Route>;
  readonly #random: Readonly<Record<"loss" | "burst" | "duplicate" | "corrupt" | "jitter" | "reorder", Random>>;
  readonly #randomWalk: RandomWalk;
  readonly #bottleneck = new Bottleneck();
  readonly #stats = new Counters();
  #options = DEFAULTS;
  #inBurst = false;
  #consecutiveLosses = 0;
  #lastDepartureUs = 0;
  #lastArrivalUs = 0;
  /** Results of {@link transmit}, reused. */
  readonly #one: Delivery<Route>[] = [];
  readonly #two: Delivery<Route>[] = [];

  constructor(options: LinkOptions, { random, pool }: LinkContext<Route>) {
    this.pool = pool ?? new DeliveryPool();
    // Another label draws other numbers, and a seed would stand for another run: so labels outlive names.
    this.#random = {
      loss: random.fork("loss"),
      burst: random.fork("burst"),
      duplicate: random.fork("duplicate"),
      corrupt: random.fork("corrupt"),
      jitter: random.fork("scatter"),
      reorder: random.fork("reorder"),
    };
    this.#randomWalk = new RandomWalk(random.fork("jitter"));
    this.change(options);
  }

  /** Its present properties. */
  get options(): Required<LinkOptions> {
    return this.#options;
  }

  /** Its counters; live. */
  get stats(): LinkStats {
    return this.#stats;
  }

  /**
   * Changes the named properties from now on. Datagrams in transit arrive when they would have; new ones wait until the
   * bytes still queued have been sent at the new rate.
   */
  change(options: LinkOptions): void {
    const changed = { ...this.#options, ...options };
    checkOptions(changed);
    this.#options = changed;
    this.#bottleneck.setRate(changed.rateBitsPerSecond);
    this.#bottleneck.setPauses(changed.pauses);
  }

  /** Bytes queued at `nowUs`, including the rest of the datagram being sent. */
  backlogBytes(nowUs: number): number {
    return this.#bottleneck.backlogBytes(nowUs);
  }

  /**
   * Sends a copy of `datagram` at `nowUs`, which never decreases from call to call. Returns what will arrive, zero to
   * two deliveries with their `arrivalUs`, in an array that the next call reuses; the caller releases each to
   * {@link pool}.
   */
  transmit(nowUs: number, datagram: Uint8Array): readonly Delivery<Route>[] {
    const departureUs = this.#passBottleneck(nowUs, datagram.length);
    if (departureUs < 0 || !this.#survives(departureUs, datagram.length)) return NO_DELIVERY;
    const walkUs = this.#randomWalk.at(departureUs, this.#options.randomWalkUs);
    const arrivalUs = Math.max(this.#lastArrivalUs, departureUs + this.#options.delayUs + walkUs);
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

  /** When the datagram has left the bottleneck; -1 if it is dropped before. */
  #passBottleneck(nowUs: number, sizeBytes: number): number {
    const stats = this.#stats;
    stats.sent++;
    stats.sentBytes += sizeBytes;
    if (sizeBytes > this.#options.mtuBytes) {
      stats.tooBig++;
      return -1;
    }
    const packetBytes = sizeBytes + this.#packets(sizeBytes) * this.#options.overheadBytes;
    const backlogBytes = this.#bottleneck.backlogBytes(nowUs);
    if (backlogBytes > 0 && backlogBytes + packetBytes > this.#options.queueBytes) {
      stats.queueDropped++;
      return -1;
    }
    const waitUs = Math.max(0, this.#bottleneck.freeUs(nowUs) - nowUs);
    stats.queued++;
    stats.queueDelayUs += waitUs;
    if (waitUs > stats.maxQueueDelayUs) stats.maxQueueDelayUs = waitUs;
    // When the rate has risen, nothing overtakes a departure that was computed earlier.
    this.#lastDepartureUs = Math.max(this.#lastDepartureUs, this.#bottleneck.send(nowUs, packetBytes));
    return this.#lastDepartureUs;
  }

  /** Packets that carry a datagram. */
  #packets(sizeBytes: number): number {
    const { fragmentBytes } = this.#options;
    return sizeBytes <= fragmentBytes ? 1 : Math.ceil(sizeBytes / fragmentBytes);
  }

  /** Whether a datagram that leaves the bottleneck at `departureUs` is neither blacked out nor lost. */
  #survives(departureUs: number, sizeBytes: number): boolean {
    const { blackouts, burst, loss, maxConsecutiveLosses } = this.#options;
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
    if (this.#consecutiveLosses >= maxConsecutiveLosses) isLost = false;
    this.#consecutiveLosses = isLost ? this.#consecutiveLosses + 1 : 0;
    if (isLost) this.#stats.lost++;
    return !isLost;
  }

  #deliver(arrivalUs: number, departureUs: number, datagram: Uint8Array): Delivery<Route> {
    const stats = this.#stats;
    const delivery = this.pool.take(datagram);
    delivery.arrivalUs = arrivalUs;
    const { jitterUs } = this.#options;
    if (jitterUs > 0) {
      const jitteredUs = arrivalUs + this.#random.jitter.integer(-jitterUs, jitterUs);
      delivery.arrivalUs = Math.max(departureUs, jitteredUs);
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
  /** Datagrams that the queue took, and the sum of their waits. */
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
  invariant(options.fragmentBytes > 0, "a fragment has a size above 0");
  invariant(overheadBytes >= 0 && queueBytes >= 0 && mtuBytes >= 0, "a link's sizes are not negative");
  invariant(options.maxConsecutiveLosses >= 0, "the number of consecutive losses is not negative");
  invariant(
    areInOrder(options.blackouts) && areInOrder(options.pauses),
    "blackouts and pauses are in order and do not overlap",
  );
  for (const timeUs of [options.delayUs, options.jitterUs, options.randomWalkUs, reorder?.extraDelayUs ?? 0]) {
    invariant(Number.isSafeInteger(timeUs) && timeUs >= 0, "a link's delays are integers and not negative");
  }
  const shares = [options.loss, options.duplicate, options.corrupt, reorder?.probability ?? 0];
  if (burst !== undefined) shares.push(burst.enterProbability, burst.leaveProbability, burst.lossInBurst);
  for (const share of shares) invariant(share >= 0 && share <= 1, "a link's probabilities are from 0 to 1");
}
