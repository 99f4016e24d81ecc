/**
 * SentPackets and LossDetection against a model that is too simple to be wrong: a Map of all packets, searched
 * through from end to end for every question.
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import { LossDetection } from "../../protocol/recovery/loss_detection.ts";
import { GRANULARITY_US, RttEstimator } from "../../protocol/recovery/rtt_estimator.ts";
import { SentState } from "../../protocol/sent_packet.ts";
import { MAX_PACKET_NUMBER, NEVER_SENT, SentPackets } from "../../protocol/recovery/sent_packets.ts";

const MAX_ACK_DELAY_US = 25_000;
const MAX_PTO_BACKOFF_US = 300_000;

interface ModelPacket {
  readonly sentUs: number;
  readonly sizeBytes: number;
  readonly ackEliciting: boolean;
  state: SentState;
  lostUs: number;
}

/** What a sender is made to do. Fractions are of the packets sent so far, counted from the newest. */
type Step =
  | { readonly kind: "send"; readonly count: number; readonly sizeBytes: number; readonly ackEliciting: boolean }
  | { readonly kind: "ack"; readonly ranges: readonly (readonly [number, number])[] }
  | { readonly kind: "dishonest"; readonly beyond: number }
  | { readonly kind: "wait"; readonly us: number }
  | { readonly kind: "timer" }
  | { readonly kind: "forget"; readonly ageUs: number };

const STEP: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("send" as const),
      count: fc.integer({ min: 1, max: 12 }),
      sizeBytes: fc.integer({ min: 1, max: 1_500 }),
      ackEliciting: fc.boolean(),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("ack" as const),
      ranges: fc.array(fc.tuple(fc.nat(40), fc.integer({ min: 1, max: 6 })), { minLength: 1, maxLength: 5 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("dishonest" as const), beyond: fc.integer({ min: 1, max: 9 }) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("wait" as const), us: fc.integer({ min: 1, max: 60_000 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("timer" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("forget" as const), ageUs: fc.nat(100_000) }) },
);

/** The parts under test and the model, side by side. */
class Comparison {
  readonly #first: number;
  readonly #sent: SentPackets;
  readonly #detection = new LossDetection({ maxPtoBackoffUs: MAX_PTO_BACKOFF_US });
  readonly #rtt = new RttEstimator();
  readonly #model = new Map<number, ModelPacket>();
  #nowUs = 1_000;
  #largestAcked = -1;
  #lossTimeUs = Infinity;
  #ptoCount = 0;

  constructor(first: number) {
    this.#first = first;
    this.#sent = new SentPackets({ firstPacketNumber: first });
    this.#detection.maxAckDelayUs = MAX_ACK_DELAY_US;
    this.#rtt.seed(40_000);
  }

  take(step: Step): void {
    switch (step.kind) {
      case "send":
        for (let i = 0; i < step.count; i++) this.#send(step.sizeBytes, step.ackEliciting);
        break;
      case "ack":
        this.#ack(step.ranges);
        break;
      case "dishonest": {
        const next = this.#sent.nextPacketNumber;
        const end = Math.min(next + step.beyond, MAX_PACKET_NUMBER + 1);
        const result = this.#sent.onAckRange(Math.max(this.#first, next - 3), end, () => assert.fail("visited"));
        assert.equal(result, NEVER_SENT);
        break;
      }
      case "wait":
        this.#nowUs += step.us;
        break;
      case "timer":
        this.#fireTimer();
        break;
      case "forget":
        this.#forget(this.#nowUs - step.ageUs);
        break;
    }
    this.#compare();
  }

  #send(sizeBytes: number, ackEliciting: boolean): void {
    const packet = this.#sent.begin(this.#sent.nextPacketNumber, this.#nowUs);
    packet.sizeBytes = sizeBytes;
    packet.ackEliciting = ackEliciting;
    packet.inFlight = ackEliciting;
    this.#sent.commit(packet);
    const state: SentState = SentState.outstanding;
    this.#model.set(packet.packetNumber, { sentUs: this.#nowUs, sizeBytes, ackEliciting, state, lostUs: 0 });
    this.#nowUs += 10;
  }

  #ack(fractions: readonly (readonly [number, number])[]): void {
    const next = this.#sent.nextPacketNumber;
    if (next === this.#first) return;
    const ranges = fractions.map(([back, length]): [number, number] => {
      const end = Math.max(this.#first + 1, next - back);
      return [Math.max(this.#first, end - length), end];
    });
    // Largest first, as an ACK frame has them; that they overlap makes it harder.
    ranges.sort((a, b) => b[1] - a[1]);
    const largest = ranges[0]![1] - 1;
    this.#detection.onAckReceived(largest);
    let acknowledged = 0;
    for (const [start, end] of ranges) {
      const visited: number[] = [];
      const count = this.#sent.onAckRange(start, end, (packet) => {
        const spurious = this.#detection.onPacketAcked(packet, this.#nowUs, this.#rtt);
        const known = this.#model.get(packet.packetNumber)!;
        assert.equal(packet.state, known.state);
        assert.equal(packet.sentUs, known.sentUs);
        assert.equal(packet.sizeBytes, known.sizeBytes);
        assert.equal(spurious, known.state === SentState.lost);
        visited.push(packet.packetNumber);
      });
      const expected = [...this.#model.keys()].filter((pn) => pn >= start && pn < end && this.#isOpen(pn));
      assert.deepEqual(visited, expected);
      assert.equal(count, expected.length);
      for (const packetNumber of expected) this.#model.get(packetNumber)!.state = SentState.acked;
      acknowledged += count;
    }
    this.#largestAcked = Math.max(this.#largestAcked, largest);
    if (acknowledged === 0) return;
    this.#ptoCount = 0;
    this.#detectLost();
  }

  #isOpen(packetNumber: number): boolean {
    const state = this.#model.get(packetNumber)?.state;
    return state === SentState.outstanding || state === SentState.lost;
  }

  #detectLost(): void {
    const lost: number[] = [];
    this.#detection.detectLost(this.#nowUs, this.#sent, this.#rtt, (packet) => lost.push(packet.packetNumber));
    const { packetThreshold, timeThreshold } = this.#detection;
    const roundUs = Math.max(this.#rtt.smoothedUs, this.#rtt.latestUs);
    const delayUs = Math.max(Math.ceil(timeThreshold * roundUs), GRANULARITY_US);
    const expected: number[] = [];
    this.#lossTimeUs = Infinity;
    for (const [packetNumber, packet] of this.#model) {
      if (packet.state !== SentState.outstanding || packetNumber >= this.#largestAcked) continue;
      const late = this.#nowUs - packet.sentUs >= delayUs;
      if (late || this.#largestAcked - packetNumber >= packetThreshold) {
        expected.push(packetNumber);
        packet.state = SentState.lost;
        packet.lostUs = this.#nowUs;
      } else {
        this.#lossTimeUs = Math.min(this.#lossTimeUs, packet.sentUs + delayUs);
      }
    }
    assert.deepEqual(lost, expected);
  }

  #fireTimer(): void {
    const timerUs = this.#detection.timerUs(this.#sent, this.#rtt);
    if (timerUs === Infinity) return;
    this.#nowUs = Math.max(this.#nowUs, timerUs);
    const waiting = this.#lossTimeUs !== Infinity;
    const { kind } = this.#detection.onTimeout(this.#nowUs);
    assert.equal(kind, waiting ? "loss" : "probe");
    if (waiting) {
      this.#detectLost();
    } else {
      this.#ptoCount++;
      this.#send(100, true);
    }
  }

  /** The model forgets as the ring does: from the oldest on, up to the first that must be kept. */
  #forget(beforeUs: number): void {
    this.#sent.forgetLost(beforeUs);
    for (const packet of this.#model.values()) {
      if (packet.state === SentState.outstanding) break;
      if (packet.state === SentState.lost && packet.lostUs >= beforeUs) break;
      packet.state = SentState.unused;
    }
  }

  #compare(): void {
    const sent = this.#sent;
    const all = [...this.#model];
    const open = all.filter(([, packet]) => packet.state === SentState.outstanding);
    const inFlight = open.map(([, packet]) => packet).filter((packet) => packet.ackEliciting);
    assert.equal(sent.bytesInFlight, inFlight.reduce((sum, packet) => sum + packet.sizeBytes, 0));
    assert.equal(sent.ackElicitingInFlight, inFlight.length);
    assert.equal(sent.nextPacketNumber, this.#first + all.length);
    assert.equal(sent.firstOutstanding, open[0]?.[0] ?? sent.nextPacketNumber);
    const lastSentUs = all.findLast(([, packet]) => packet.ackEliciting)?.[1].sentUs ?? 0;
    assert.equal(sent.lastAckElicitingSentUs, lastSentUs);
    // What is remembered is what it should be, and whatever is still of interest is remembered.
    for (const [packetNumber, packet] of all) {
      const remembered = sent.get(packetNumber);
      if (remembered !== undefined) assert.equal(remembered.state, packet.state);
      else assert.ok(packet.state === SentState.acked || packet.state === SentState.unused);
    }
    assert.equal(this.#detection.largestAcked, this.#largestAcked);
    assert.equal(this.#detection.lossTimeUs, this.#lossTimeUs);
    assert.equal(this.#detection.timerUs(sent, this.#rtt), this.#expectedTimerUs(inFlight.length, lastSentUs));
  }

  #expectedTimerUs(ackElicitingInFlight: number, lastSentUs: number): number {
    if (this.#lossTimeUs !== Infinity) return this.#lossTimeUs;
    if (ackElicitingInFlight === 0) return Infinity;
    const ptoUs = this.#rtt.smoothedUs + Math.max(4 * this.#rtt.varianceUs, GRANULARITY_US) + MAX_ACK_DELAY_US;
    let waitUs = ptoUs;
    for (let i = 0; i < this.#ptoCount; i++) waitUs *= 2;
    return lastSentUs + Math.min(waitUs, Math.max(ptoUs, MAX_PTO_BACKOFF_US));
  }
}

Deno.test("SentPackets and LossDetection agree with a naive model under random losses and acknowledgements", () => {
  const first = fc.constantFrom(0, 2 ** 32 - 50, MAX_PACKET_NUMBER - 2_000);
  fc.assert(
    fc.property(first, fc.array(STEP, { minLength: 1, maxLength: 120, size: "max" }), (firstPacketNumber, steps) => {
      const comparison = new Comparison(firstPacketNumber);
      for (const step of steps) comparison.take(step);
    }),
    { numRuns: 300, seed: 6 },
  );
});

Deno.test("SentPackets takes any range of any numbers without ever counting wrong", () => {
  const value = fc.oneof(fc.nat(40), fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }));
  fc.assert(
    fc.property(fc.array(fc.tuple(value, value), { maxLength: 40, size: "max" }), (ranges) => {
      const sent = new SentPackets({ firstPacketNumber: 10 });
      for (let i = 0; i < 20; i++) {
        const packet = sent.begin(10 + i, i);
        packet.sizeBytes = 100;
        packet.ackEliciting = packet.inFlight = true;
        sent.commit(packet);
      }
      const acked = new Set<number>();
      for (const [start, end] of ranges) {
        const result = sent.onAckRange(start, end, (packet) => acked.add(packet.packetNumber));
        assert.equal(result === NEVER_SENT, start < 10 || end > 30 || start >= end);
        assert.equal(sent.bytesInFlight, 100 * (20 - acked.size));
      }
    }),
    { numRuns: 200, seed: 7 },
  );
});
