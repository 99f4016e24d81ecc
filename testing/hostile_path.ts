/**
 * A sender's congestion control, with the real loss detection and rate measurement, on a path whose every property can
 * change at any time: a bottleneck with a queue, loss of packets and of acknowledgements, packets that are reordered by
 * any time, idle periods, another size of datagrams.
 *
 * Simpler than the simulator: packets are only counted, none is retransmitted, and each is acknowledged at once.
 * `link_model.ts` is simpler still, and keeps the order of packets. It is not a link of `netem/` on purpose: such a link
 * keeps the order when its delay falls, and its reordered packets are all late by the same time.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { AckEvent, CongestionController, LossEvent } from "../protocol/congestion/controller.ts";
import { DeliveryRateEstimator } from "../protocol/congestion/delivery_rate.ts";
import { Random } from "../base/random.ts";
import { RangeSet } from "../base/range_set.ts";
import { LossDetection } from "../protocol/recovery/loss_detection.ts";
import { RttEstimator } from "../protocol/recovery/rtt_estimator.ts";
import { SentPackets } from "../protocol/recovery/sent_packets.ts";
import type { SentPacket } from "../protocol/sent_packet.ts";
import { EventHeap, ScheduledEvent } from "../netem/event_heap.ts";

/** The properties of the path for a while. Rates in bytes per second. */
export interface PathTimes {
  readonly rate: number;
  /** Round trip without queueing. */
  readonly rttUs: number;
  /** Capacity of the queue, in time at the rate; at least a few datagrams. */
  readonly queueUs: number;
  /** Share of packets lost at random; 1 is an outage. */
  readonly loss: number;
  /** Share of acknowledgements lost at random. */
  readonly ackLoss: number;
  /** Share of packets that are delayed in addition, and by how much at most. */
  readonly late: number;
  readonly lateUs: number;
  /** Share of the time, in slots of 100 ms, in which there is something to send. */
  readonly load: number;
}

/** Ranges in an ACK frame. */
const ACK_RANGES = 8;
const LOAD_SLOT_US = 100_000;
const MIN_QUEUE_DATAGRAMS = 4;

class PathEvent extends ScheduledEvent {
  constructor(readonly run: () => void) {
    super();
  }
}

/** One sender and its receiver. */
export class HostilePath {
  readonly controller: CongestionController;
  nowUs = 1_000;
  datagramBytes = 1_200;
  deliveredBytes = 0;
  spuriousLosses = 0;
  persistentCongestions = 0;
  /** Sum and number of the queueing delays; a test may reset them. */
  queue = { sumUs: 0, packets: 0 };
  readonly #onEvent: () => void;
  readonly #random: Random;
  readonly #sent = new SentPackets();
  readonly #detection = new LossDetection();
  readonly #rtt = new RttEstimator();
  readonly #rate = new DeliveryRateEstimator();
  readonly #events = new EventHeap<PathEvent>();
  readonly #received = new RangeSet();
  #times: PathTimes;
  #freeAtUs = 0;
  #nextPacedUs = 0;
  #probes = 0;
  #newestAcked = -1;
  #newestSentUs = 0;
  #ackedBytes = 0;
  #lostBytes = 0;
  #largestLostSentUs = 0;

  /** `onEvent` is called after everything that the controller was told. */
  constructor(
    options: { controller: CongestionController; times: PathTimes; seed: number; onEvent: () => void },
  ) {
    this.controller = options.controller;
    this.#times = options.times;
    this.#onEvent = options.onEvent;
    this.#random = new Random(options.seed);
    this.#rtt.seed(options.times.rttUs);
  }

  /** Changes the properties from now on. */
  change(times: PathTimes): void {
    this.#times = times;
  }

  /** Changes the size of datagrams from now on. */
  resize(datagramBytes: number): void {
    this.datagramBytes = datagramBytes;
    this.controller.onMtuChanged(datagramBytes);
    this.#onEvent();
  }

  /** Lets so much time pass. */
  run(us: number): void {
    const untilUs = this.nowUs + us;
    for (;;) {
      this.#sendAll();
      const timerUs = this.#detection.timerUs(this.#sent, this.#rtt);
      const nextUs = Math.max(this.nowUs, Math.min(this.#events.nextUs, timerUs, this.#sendUs()));
      if (nextUs > untilUs) break;
      this.nowUs = nextUs;
      const event = this.#events.popUntil(nextUs);
      if (event !== undefined) event.run();
      else if (timerUs <= nextUs) this.#onTimeout();
    }
    this.nowUs = untilUs;
  }

  /** Whether there is something to send: such slots are evenly distributed. */
  get #hasData(): boolean {
    const slot = Math.floor(this.nowUs / LOAD_SLOT_US);
    const { load } = this.#times;
    return Math.floor((slot + 1) * load) > Math.floor(slot * load);
  }

  #isWindowFull(): boolean {
    return this.#sent.bytesInFlight + this.datagramBytes > this.controller.windowBytes;
  }

  /** When something can be sent next, if nothing arrives before. */
  #sendUs(): number {
    if (this.#isWindowFull()) return Infinity;
    if (!this.#hasData) return (Math.floor(this.nowUs / LOAD_SLOT_US) + 1) * LOAD_SLOT_US;
    return Math.ceil(this.#nextPacedUs);
  }

  #sendAll(): void {
    for (; this.#probes > 0; this.#probes--) this.#send();
    while (this.#hasData && !this.#isWindowFull() && this.#nextPacedUs <= this.nowUs) this.#send();
    if (!this.#hasData && !this.#isWindowFull()) this.#rate.setAppLimited(this.#sent.bytesInFlight);
  }

  #send(): void {
    const packet = this.#sent.begin(this.#sent.nextPacketNumber, this.nowUs);
    packet.sizeBytes = this.datagramBytes;
    packet.ackEliciting = packet.inFlight = true;
    this.#sent.commit(packet);
    const { bytesInFlight } = this.#sent;
    this.#rate.onPacketSent(packet, this.nowUs, bytesInFlight);
    this.controller.onPacketSent(packet, bytesInFlight);
    this.#onEvent();
    // As in `path.ts`: no slower than the smallest window per round trip.
    const rate = Math.max(this.controller.pacingRate, 2e6 * this.datagramBytes / this.#rtt.smoothedUs);
    const fromUs = Math.max(this.#nextPacedUs, this.nowUs);
    this.#nextPacedUs = fromUs + (rate === Infinity ? 0 : packet.sizeBytes * 1e6 / rate);
    this.#transmit(packet.packetNumber, packet.sizeBytes);
  }

  #transmit(packetNumber: number, sizeBytes: number): void {
    const { rate, rttUs, queueUs, loss, late, lateUs } = this.#times;
    if (this.#random.chance(loss)) return;
    const waitUs = Math.max(0, this.#freeAtUs - this.nowUs);
    if (waitUs > Math.max(queueUs, MIN_QUEUE_DATAGRAMS * sizeBytes * 1e6 / rate)) return;
    this.#freeAtUs = this.nowUs + waitUs + sizeBytes * 1e6 / rate;
    this.queue.sumUs += waitUs;
    this.queue.packets++;
    const extraUs = late > 0 && this.#random.chance(late) ? this.#random.integer(0, lateUs) : 0;
    this.#after(this.#freeAtUs - this.nowUs + rttUs / 2 + extraUs, () => this.#arrive(packetNumber, sizeBytes));
  }

  #after(us: number, run: () => void): void {
    this.#events.schedule(new PathEvent(run), this.nowUs + Math.ceil(us));
  }

  #arrive(packetNumber: number, sizeBytes: number): void {
    const received = this.#received;
    received.add(packetNumber, packetNumber + 1);
    if (received.length > 1_000) received.removeBelow(received.end(0));
    this.deliveredBytes += sizeBytes;
    if (this.#random.chance(this.#times.ackLoss)) return;
    const ranges: [number, number][] = [];
    for (let i = received.length - 1; i >= 0 && ranges.length < ACK_RANGES; i--) {
      ranges.push([received.start(i), received.end(i)]);
    }
    this.#after(this.#times.rttUs / 2, () => this.#onAck(ranges));
  }

  #onAck(ranges: readonly [number, number][]): void {
    const largest = ranges[0]![1] - 1;
    const priorBytesInFlight = this.#sent.bytesInFlight;
    this.#ackedBytes = 0;
    this.#newestAcked = -1;
    this.#detection.onAckReceived();
    for (const [start, end] of ranges) this.#sent.onAckRange(start, end, this.#onPacketAcked);
    if (this.#newestAcked < 0) return;
    const isNewest = this.#newestAcked === largest && largest === this.#detection.newestAcked;
    const rttUs = isNewest ? this.#detection.newestRttUs : 0;
    if (isNewest) this.#rtt.update(rttUs, 0, 0);
    const lostBytes = this.#detectLost();
    const event: AckEvent = {
      nowUs: this.nowUs,
      ackedBytes: this.#ackedBytes,
      lostBytes,
      priorBytesInFlight,
      bytesInFlight: this.#sent.bytesInFlight,
      totalDeliveredBytes: this.#rate.totalDeliveredBytes,
      largestAckedSentUs: this.#newestSentUs,
      rttUs,
      minRttUs: this.#rtt.minUs,
      smoothedRttUs: this.#rtt.smoothedUs,
      meanLatenessUs: 0,
      sample: this.#rate.onAckDone(this.nowUs, this.#rtt.minUs),
    };
    this.#probes = 0;
    this.controller.onAck(event);
    this.#onEvent();
    this.#sent.forgetLost(this.nowUs - 3 * this.#rtt.ptoUs(0));
  }

  readonly #onPacketAcked = (packet: SentPacket): void => {
    if (this.#detection.onPacketAcked(packet, this.nowUs, this.#rtt, this.#sent.nextPacketNumber)) {
      this.spuriousLosses++;
      this.controller.onSpuriousLoss(this.nowUs, packet.sentUs);
      this.#onEvent();
    }
    if (packet.packetNumber > this.#newestAcked) {
      this.#newestAcked = packet.packetNumber;
      this.#newestSentUs = packet.sentUs;
    }
    this.#ackedBytes += packet.sizeBytes;
    this.#rate.onPacketAcked(packet, this.nowUs);
  };

  #detectLost(): number {
    this.#lostBytes = 0;
    this.#detection.detectLost(this.nowUs, this.#sent, this.#rtt, this.#onPacketLost);
    if (this.#lostBytes === 0) return 0;
    const { persistentCongestion } = this.#detection;
    if (persistentCongestion) {
      this.persistentCongestions++;
      this.#rtt.onPersistentCongestion();
    }
    const event: LossEvent = {
      nowUs: this.nowUs,
      lostBytes: this.#lostBytes,
      bytesInFlight: this.#sent.bytesInFlight,
      largestLostSentUs: this.#largestLostSentUs,
      persistentCongestion,
    };
    this.controller.onPacketsLost(event);
    this.#onEvent();
    return this.#lostBytes;
  }

  readonly #onPacketLost = (packet: SentPacket): void => {
    this.#lostBytes += packet.sizeBytes;
    this.#largestLostSentUs = packet.sentUs;
    this.#rate.onLost(packet.sizeBytes);
  };

  #onTimeout(): void {
    const timerUs = this.#detection.timerUs(this.#sent, this.#rtt);
    assert.ok(timerUs <= this.nowUs);
    if (this.#detection.onTimeout(this.nowUs).kind === "loss") this.#detectLost();
    else this.#probes = 2;
  }
}
