/**
 * A small deterministic model of one bottleneck, on a virtual clock: flows, each paced and limited by a congestion
 * controller, send into one drop-tail queue. Packets are lost at random before the queue or after it. There is enough of
 * RFC 9002's loss detection to feed a controller as a connection would; packets are only counted, none is retransmitted.
 *
 * It is not a link of `netem/` on purpose: here packets keep their order whatever the jitter, and nothing is carried, so
 * that a test judges the controller and not the loss detection beneath it. With links of `netem/` and the real loss
 * detection, which `hostile_path.ts` and the simulator have, the tests of the controllers take four times as long.
 *
 * @module
 */

import type { AckEvent, CongestionController, LossEvent } from "../protocol/congestion/controller.ts";
import { DeliveryRateEstimator } from "../protocol/congestion/delivery_rate.ts";
import { SentPacket, SentState } from "../protocol/sent_packet.ts";

/** A link. Rates in bytes per second. */
export interface LinkOptions {
  readonly rate: number;
  /** Round trip without queueing. */
  readonly rttUs: number;
  readonly queueBytes: number;
  /** Share of packets lost at random, 0 to 1. */
  readonly loss?: number;
  /** Where they are lost: "before" the bottleneck (default) or "after" it. */
  readonly lossAt?: "before" | "after";
  /** The share lost at a time, instead of `loss`. */
  readonly lossAtTime?: (nowUs: number) => number;
  /** The rate at a time, instead of `rate`. */
  readonly rateAtTime?: (nowUs: number) => number;
  /** When no packet arrives. */
  readonly blackouts?: readonly (readonly [fromUs: number, untilUs: number])[];
  /** Random additional delay up to this; packets keep their order. */
  readonly jitterUs?: number;
  /** Acknowledgements are aggregated, and arrive together this often. */
  readonly ackEveryUs?: number;
  readonly seed?: number;
}

/** One flow over the link. */
export interface FlowOptions {
  readonly controller: CongestionController;
  readonly packetBytes?: number;
  readonly startUs?: number;
  /** Whether the application has something to send. Default: always. */
  readonly hasData?: (nowUs: number) => boolean;
  /** Called after everything that the controller was told. */
  readonly onEvent?: (nowUs: number, flow: Flow) => void;
}

/** mulberry32: numbers in [0, 1) from a seed. */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const MIN_PTO_US = 1_000;
const MAX_PTO_BACKOFF_US = 3_000_000;
const INITIAL_RTT_US = 333_000;

/** A sender and its ideal receiver, with the counters of its packets. */
export class Flow {
  readonly controller: CongestionController;
  readonly packetBytes: number;
  readonly rate = new DeliveryRateEstimator();
  bytesInFlight = 0;
  sentBytes = 0;
  deliveredBytes = 0;
  lostBytes = 0;
  /** Bytes delivered in each whole second of virtual time. */
  readonly deliveredPerSecond: number[] = [];
  /** Sum of the queueing delays, and the number of packets that were queued. */
  queueDelaySumUs = 0;
  queuedPackets = 0;
  maxQueueDelayUs = 0;

  readonly #hasData: (nowUs: number) => boolean;
  readonly #onEvent: ((nowUs: number, flow: Flow) => void) | undefined;
  readonly #free: SentPacket[] = [];
  /** Packets from number `#base`, in sending order. */
  #sent: SentPacket[] = [];
  #head = 0;
  /** Number of the first packet that is neither acknowledged nor lost. */
  #firstOutstanding = 0;
  #base = 0;
  #next = 0;
  #largestAcked = -1;
  /** When each delivered packet's acknowledgement arrives, in order. */
  #ackNumbers: number[] = [];
  #ackTimes: number[] = [];
  #ackHead = 0;
  nextPacedUs: number;
  #lossTimeUs = Infinity;
  #lastSentUs = 0;
  #ptoCount = 0;
  #srttUs = 0;
  #rttVarUs = 0;
  #minRttUs = Infinity;

  readonly #ackEvent: AckEvent;
  readonly #lossEvent: LossEvent = {
    nowUs: 0,
    lostBytes: 0,
    bytesInFlight: 0,
    largestLostSentUs: 0,
    persistentCongestion: false,
  };

  constructor(options: FlowOptions) {
    this.controller = options.controller;
    this.packetBytes = options.packetBytes ?? 1_200;
    this.nextPacedUs = options.startUs ?? 0;
    this.#hasData = options.hasData ?? (() => true);
    this.#onEvent = options.onEvent;
    this.#ackEvent = {
      nowUs: 0,
      ackedBytes: 0,
      lostBytes: 0,
      priorBytesInFlight: 0,
      bytesInFlight: 0,
      totalDeliveredBytes: 0,
      largestAckedSentUs: 0,
      rttUs: 0,
      minRttUs: 0,
      smoothedRttUs: 0,
      meanLatenessUs: 0,
      sample: this.rate.onAckDone(0, 0),
    };
  }

  get minRttUs(): number {
    return this.#minRttUs;
  }

  nextEventUs(nowUs: number): number {
    const ackUs = this.#ackHead < this.#ackTimes.length ? this.#ackTimes[this.#ackHead]! : Infinity;
    return Math.min(ackUs, this.#lossTimeUs, this.#ptoUs(), this.#sendUs(nowUs));
  }

  /** Handles the event that is due at `nowUs`. */
  step(nowUs: number, link: Link): void {
    if (this.#ackHead < this.#ackTimes.length && this.#ackTimes[this.#ackHead]! <= nowUs) this.#receiveAck(nowUs);
    else if (this.#lossTimeUs <= nowUs) this.#detectLost(nowUs);
    else if (this.#ptoUs() <= nowUs) {
      this.#ptoCount++;
      this.#send(nowUs, link);
    } else this.#send(nowUs, link);
    this.#onEvent?.(nowUs, this);
  }

  #sendUs(nowUs: number): number {
    if (this.bytesInFlight + this.packetBytes > this.controller.windowBytes) return Infinity;
    if (this.nextPacedUs > nowUs) return this.nextPacedUs;
    if (this.#hasData(nowUs)) return nowUs;
    this.rate.setAppLimited(this.bytesInFlight);
    // The application is asked again a little later.
    return nowUs + 1_000;
  }

  #ptoUs(): number {
    if (this.bytesInFlight === 0) return Infinity;
    const plainUs = this.#plainPtoUs();
    return this.#lastSentUs + Math.max(plainUs, Math.min(plainUs * 2 ** this.#ptoCount, MAX_PTO_BACKOFF_US));
  }

  #plainPtoUs(): number {
    if (this.#srttUs === 0) return 2 * INITIAL_RTT_US;
    return this.#srttUs + Math.max(4 * this.#rttVarUs, MIN_PTO_US);
  }

  #send(nowUs: number, link: Link): void {
    if (this.nextPacedUs <= nowUs && !this.#hasData(nowUs) && this.bytesInFlight === 0) {
      this.nextPacedUs = nowUs + 1_000;
      return;
    }
    if (this.nextPacedUs <= nowUs && !this.#hasData(nowUs) && this.#ptoUs() > nowUs) {
      this.nextPacedUs = nowUs + 1_000;
      return;
    }
    const packet = this.#free.pop() ?? new SentPacket();
    packet.packetNumber = this.#next++;
    packet.state = SentState.outstanding;
    packet.sentUs = nowUs;
    packet.sizeBytes = this.packetBytes;
    packet.ackEliciting = true;
    packet.inFlight = true;
    this.#sent.push(packet);
    this.bytesInFlight += packet.sizeBytes;
    this.sentBytes += packet.sizeBytes;
    this.#lastSentUs = nowUs;
    this.rate.onPacketSent(packet, nowUs, this.bytesInFlight);
    this.controller.onPacketSent(packet, this.bytesInFlight);
    const rate = this.controller.pacingRate;
    this.nextPacedUs = Math.max(this.nextPacedUs, nowUs) + (rate === Infinity ? 0 : packet.sizeBytes * 1e6 / rate);
    const ackUs = link.transmit(nowUs, this);
    if (ackUs === Infinity) return;
    this.#ackNumbers.push(packet.packetNumber);
    this.#ackTimes.push(Math.max(ackUs, this.#ackTimes.at(-1) ?? 0));
  }

  #receiveAck(nowUs: number): void {
    const event = this.#ackEvent;
    event.priorBytesInFlight = this.bytesInFlight;
    event.ackedBytes = 0;
    while (this.#ackHead < this.#ackTimes.length && this.#ackTimes[this.#ackHead]! <= nowUs) {
      const packet = this.#sent[this.#ackNumbers[this.#ackHead]! - this.#base]!;
      this.#ackHead++;
      this.#largestAcked = Math.max(this.#largestAcked, packet.packetNumber);
      this.rate.onPacketAcked(packet, nowUs);
      this.deliveredBytes += packet.sizeBytes;
      const second = Math.floor(nowUs / 1e6);
      this.deliveredPerSecond[second] = (this.deliveredPerSecond[second] ?? 0) + packet.sizeBytes;
      if (packet.state === SentState.lost) {
        this.controller.onSpuriousLoss(nowUs, packet.sentUs);
      } else {
        this.bytesInFlight -= packet.sizeBytes;
        event.ackedBytes += packet.sizeBytes;
      }
      packet.state = SentState.acked;
      event.largestAckedSentUs = packet.sentUs;
      event.rttUs = nowUs - packet.sentUs;
    }
    if (this.#ackHead > 4_096) {
      this.#ackNumbers = this.#ackNumbers.slice(this.#ackHead);
      this.#ackTimes = this.#ackTimes.slice(this.#ackHead);
      this.#ackHead = 0;
    }
    this.#ptoCount = 0;
    this.#updateRtt(event.rttUs);
    const lostBefore = this.lostBytes;
    this.#detectLost(nowUs);
    if (event.ackedBytes === 0) return;
    event.nowUs = nowUs;
    event.lostBytes = this.lostBytes - lostBefore;
    event.bytesInFlight = this.bytesInFlight;
    event.totalDeliveredBytes = this.rate.totalDeliveredBytes;
    event.minRttUs = this.#minRttUs;
    event.smoothedRttUs = this.#srttUs;
    this.rate.onAckDone(nowUs, this.#minRttUs);
    this.controller.onAck(event);
  }

  #updateRtt(rttUs: number): void {
    this.#minRttUs = Math.min(this.#minRttUs, rttUs);
    if (this.#srttUs === 0) {
      this.#srttUs = rttUs;
      this.#rttVarUs = rttUs / 2;
      return;
    }
    this.#rttVarUs = 0.75 * this.#rttVarUs + 0.25 * Math.abs(this.#srttUs - rttUs);
    this.#srttUs = 0.875 * this.#srttUs + 0.125 * rttUs;
  }

  /** RFC 9002, section 6.1.2, and 7.6 for persistent congestion. */
  #detectLost(nowUs: number): void {
    const event = this.#lossEvent;
    const thresholdUs = Math.ceil(9 / 8 * Math.max(this.#srttUs, this.#ackEvent.rttUs));
    let lostBytes = 0;
    let firstLostSentUs = 0;
    this.#lossTimeUs = Infinity;
    this.#firstOutstanding = Math.max(this.#firstOutstanding, this.#base + this.#head);
    for (let number = this.#firstOutstanding; number < this.#largestAcked; number++) {
      const packet = this.#sent[number - this.#base]!;
      if (packet.state !== SentState.outstanding) {
        if (number === this.#firstOutstanding) this.#firstOutstanding++;
        continue;
      }
      if (packet.sentUs + thresholdUs > nowUs) {
        this.#lossTimeUs = packet.sentUs + thresholdUs;
        break;
      }
      packet.state = SentState.lost;
      if (lostBytes === 0) firstLostSentUs = packet.sentUs;
      lostBytes += packet.sizeBytes;
      event.largestLostSentUs = packet.sentUs;
    }
    this.#forgetKnown(nowUs - 4 * thresholdUs);
    if (lostBytes === 0) return;
    this.bytesInFlight -= lostBytes;
    this.lostBytes += lostBytes;
    this.rate.onLost(lostBytes);
    event.nowUs = nowUs;
    event.lostBytes = lostBytes;
    event.bytesInFlight = this.bytesInFlight;
    const lastedUs = event.largestLostSentUs - firstLostSentUs;
    event.persistentCongestion = lostBytes > 2 * this.packetBytes && lastedUs > 3 * this.#plainPtoUs();
    this.controller.onPacketsLost(event);
  }

  #forgetKnown(beforeUs: number): void {
    while (this.#head < this.#sent.length) {
      const packet = this.#sent[this.#head]!;
      if (packet.state === SentState.outstanding || packet.sentUs >= beforeUs) break;
      if (this.#ackHead < this.#ackNumbers.length && packet.packetNumber >= this.#ackNumbers[this.#ackHead]!) break;
      this.#free.push(packet);
      this.#head++;
    }
    if (this.#head < 4_096) return;
    this.#sent = this.#sent.slice(this.#head);
    this.#base += this.#head;
    this.#head = 0;
  }
}

/** The bottleneck that the flows share. */
export class Link {
  readonly #options: LinkOptions;
  readonly #random: () => number;
  #freeAtUs = 0;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#random = mulberry32(options.seed ?? 1);
  }

  /** Sends one packet of the flow; returns when its acknowledgement arrives, or Infinity if it is lost. */
  transmit(nowUs: number, flow: Flow): number {
    const { rttUs, queueBytes, lossAt = "before", blackouts = [], jitterUs = 0, ackEveryUs = 0 } = this.#options;
    const loss = this.#options.lossAtTime?.(nowUs) ?? this.#options.loss ?? 0;
    const rate = this.#options.rateAtTime?.(nowUs) ?? this.#options.rate;
    const isLost = this.#random() < loss;
    const extraUs = jitterUs * this.#random();
    if (isLost && lossAt === "before") return Infinity;
    const waitUs = Math.max(0, this.#freeAtUs - nowUs);
    if (waitUs * rate / 1e6 + flow.packetBytes > queueBytes) return Infinity;
    this.#freeAtUs = Math.max(nowUs, this.#freeAtUs) + flow.packetBytes * 1e6 / rate;
    flow.queueDelaySumUs += waitUs;
    flow.queuedPackets++;
    flow.maxQueueDelayUs = Math.max(flow.maxQueueDelayUs, waitUs);
    if (isLost) return Infinity;
    for (const [fromUs, untilUs] of blackouts) if (nowUs >= fromUs && nowUs < untilUs) return Infinity;
    const ackUs = Math.ceil(this.#freeAtUs + rttUs + extraUs);
    return ackEveryUs > 0 ? Math.ceil(ackUs / ackEveryUs) * ackEveryUs : ackUs;
  }
}

/** Runs the flows over the link until a virtual time, and returns them. */
export function runLink(linkOptions: LinkOptions, flows: readonly FlowOptions[], untilUs: number): Flow[] {
  const link = new Link(linkOptions);
  const running = flows.map((options) => new Flow(options));
  let nowUs = 0;
  while (true) {
    let next: Flow | undefined;
    let nextUs = Infinity;
    for (const flow of running) {
      const at = flow.nextEventUs(nowUs);
      if (at < nextUs) {
        nextUs = at;
        next = flow;
      }
    }
    if (next === undefined || nextUs > untilUs) return running;
    nowUs = Math.max(nowUs, Math.ceil(nextUs));
    next.step(nowUs, link);
  }
}

/** Mean delivered bytes per second from one second of virtual time to another. */
export function meanRate(flow: Flow, { fromSecond, toSecond }: { fromSecond: number; toSecond: number }): number {
  let bytes = 0;
  for (let second = fromSecond; second < toSecond; second++) bytes += flow.deliveredPerSecond[second] ?? 0;
  return bytes / (toSecond - fromSecond);
}
