/**
 * SentPackets and LossDetection against a model that is too simple to be wrong: a Map of all packets, searched
 * through from end to end for every question, and RFC 8985's pseudo-code as it stands.
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import { LossDetection } from "../../protocol/recovery/loss_detection.ts";
import { GRANULARITY_US, RttEstimator } from "../../protocol/recovery/rtt_estimator.ts";
import { SentState } from "../../protocol/sent_packet.ts";
import { NEVER_SENT, SentPackets } from "../../protocol/recovery/sent_packets.ts";
import { MAX_PACKET_NUMBER } from "../../protocol/wire/packet.ts";
import { assertReached, modelParameters, type Seen } from "../../testing/model_check.ts";
import { NaiveRack, type NaiveSegment } from "../../testing/naive_rack.ts";

const MAX_ACK_DELAY_US = 25_000;
const MAX_PTO_BACKOFF_US = 300_000;

interface ModelPacket {
  readonly sentUs: number;
  readonly sizeBytes: number;
  readonly ackEliciting: boolean;
  readonly segment: NaiveSegment;
  readonly mtuProbe: boolean;
  state: SentState;
  lostUs: number;
  /** Of the losses since the last that was spurious; -1 of what is not lost. */
  lossEpoch: number;
}

/** What a sender is made to do. Fractions are of the packets sent so far, counted from the newest. */
type Step =
  | {
    readonly kind: "send";
    readonly count: number;
    readonly sizeBytes: number;
    readonly ackEliciting: boolean;
    readonly mtuProbe?: boolean;
    /** Between two of them. */
    readonly gapUs?: number;
  }
  | { readonly kind: "ack"; readonly ranges: readonly (readonly [number, number])[] }
  | { readonly kind: "dishonest"; readonly beyond: number }
  | { readonly kind: "wait"; readonly us: number }
  | { readonly kind: "timer" }
  /** Packets that are lost, each so many probe timeouts after the one before, and then one that arrives. */
  | { readonly kind: "outage"; readonly count: number; readonly ptos: number; readonly ackEliciting: boolean }
  | { readonly kind: "forget"; readonly ageUs: number };

const STEP: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("send" as const),
      count: fc.integer({ min: 1, max: 12 }),
      sizeBytes: fc.integer({ min: 1, max: 1_500 }),
      ackEliciting: fc.boolean(),
      mtuProbe: fc.nat(9).map((n) => n === 9),
      gapUs: fc.constantFrom(10, 10, 1_000, 30_000),
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
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("outage" as const),
      count: fc.integer({ min: 2, max: 6 }),
      ptos: fc.constantFrom(0.3, 0.6, 1.1, 3.5),
      ackEliciting: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("forget" as const), ageUs: fc.nat(100_000) }) },
);

/** The parts under test and the model, side by side. */
class Comparison {
  readonly #first: number;
  readonly #seen: Seen;
  readonly #sent: SentPackets;
  readonly #detection = new LossDetection({ maxPtoBackoffUs: MAX_PTO_BACKOFF_US });
  readonly #rtt = new RttEstimator();
  readonly #model = new Map<number, ModelPacket>();
  readonly #rack = new NaiveRack();
  #nowUs = 1_000;
  #lossTimeUs = Infinity;
  #ptoCount = 0;
  #firstSampleUs = Infinity;
  #lossEpoch = 0;

  constructor(first: number, seen: Seen) {
    this.#first = first;
    this.#seen = seen;
    this.#sent = new SentPackets({ firstPacketNumber: first });
    this.#detection.maxAckDelayUs = MAX_ACK_DELAY_US;
    this.#rtt.seed(40_000);
  }

  take(step: Step): void {
    switch (step.kind) {
      case "send":
        for (let i = 0; i < step.count; i++) this.#send(step);
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
      case "outage": {
        const gapUs = Math.ceil(step.ptos * this.#rtt.ptoUs(MAX_ACK_DELAY_US));
        for (let i = 0; i < step.count; i++) {
          this.#send({ sizeBytes: 1_200, ackEliciting: step.ackEliciting || i !== 1, gapUs });
        }
        this.#send({ sizeBytes: 1_200, ackEliciting: true, gapUs: this.#rtt.smoothedUs });
        this.#ack([[0, 1]]);
        this.#fireTimer();
        break;
      }
      case "forget":
        this.#forget(this.#nowUs - step.ageUs);
        break;
    }
    this.#compare();
  }

  #send(step: Omit<Step & { kind: "send" }, "kind" | "count">): void {
    const { sizeBytes, ackEliciting, mtuProbe = false, gapUs = 10 } = step;
    const packet = this.#sent.begin(this.#sent.nextPacketNumber, this.#nowUs);
    packet.sizeBytes = sizeBytes;
    packet.ackEliciting = ackEliciting;
    packet.inFlight = ackEliciting;
    packet.mtuProbe = mtuProbe;
    this.#sent.commit(packet);
    const state: SentState = SentState.outstanding;
    const segment = {
      endSeq: packet.packetNumber,
      xmitTs: this.#nowUs,
      hasData: ackEliciting,
      acked: false,
      lost: false,
      forgotten: false,
    };
    this.#rack.segments.push(segment);
    const sentUs = this.#nowUs;
    const known = { sentUs, sizeBytes, ackEliciting, mtuProbe, segment, state, lostUs: 0, lossEpoch: -1 };
    this.#model.set(packet.packetNumber, known);
    this.#nowUs += gapUs;
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
    this.#detection.onAckReceived();
    const fack = this.#rack.fack;
    const minRttUs = this.#rtt.minUs;
    let acknowledged = 0;
    for (const [start, end] of ranges) {
      const visited: number[] = [];
      const count = this.#sent.onAckRange(start, end, (packet) => {
        const spurious = this.#detection.onPacketAcked(packet, this.#nowUs, this.#rtt, next);
        const known = this.#model.get(packet.packetNumber)!;
        assert.equal(packet.state, known.state);
        assert.equal(packet.sentUs, known.sentUs);
        assert.equal(packet.sizeBytes, known.sizeBytes);
        assert.equal(spurious, known.ackEliciting && known.state === SentState.lost);
        visited.push(packet.packetNumber);
      });
      const expected = [...this.#model.keys()].filter((pn) => pn >= start && pn < end && this.#isOpen(pn));
      assert.deepEqual(visited, expected);
      assert.equal(count, expected.length);
      for (const packetNumber of expected) {
        const known = this.#model.get(packetNumber)!;
        if (known.state === SentState.lost) {
          this.#lossEpoch++;
          known.lossEpoch = -1;
          this.#seen("spurious");
        }
        known.state = SentState.acked;
        this.#rack.onAcked(known.segment, this.#nowUs, fack, minRttUs);
      }
      acknowledged += count;
    }
    if (acknowledged === 0) return;
    const newest = this.#model.get(largest)!;
    if (this.#rack.fack === largest && fack < largest) this.#rtt.update(this.#nowUs - newest.sentUs, 0, Infinity);
    this.#ptoCount = 0;
    this.#detectLost();
  }

  #isOpen(packetNumber: number): boolean {
    const state = this.#model.get(packetNumber)?.state;
    return state === SentState.outstanding || state === SentState.lost;
  }

  #detectLost(): void {
    const lost: number[] = [];
    if (this.#rtt.hasSample) this.#firstSampleUs = Math.min(this.#firstSampleUs, this.#nowUs);
    this.#detection.detectLost(this.#nowUs, this.#sent, this.#rtt, (packet) => lost.push(packet.packetNumber));
    const found = this.#rack.detectLoss(this.#nowUs, this.#rtt, { granularity: GRANULARITY_US });
    const expected = found.lost.map(({ endSeq }) => endSeq);
    for (const packetNumber of expected) {
      const packet = this.#model.get(packetNumber)!;
      packet.state = SentState.lost;
      packet.lostUs = this.#nowUs;
      packet.lossEpoch = this.#lossEpoch;
      this.#seen("lost");
    }
    this.#lossTimeUs = found.nextUs;
    assert.deepEqual(lost, expected);
    const isPersistent = expected.some((packetNumber) => this.#endsPersistentCongestion(packetNumber));
    assert.equal(this.#detection.persistentCongestion, isPersistent);
    if (isPersistent) this.#seen("persistent congestion");
  }

  /**
   * RFC 9002, section 7.6.2: two packets that ask for acknowledgement are lost, and all between them, and that lasted for
   * three probe timeouts. That a loss is spurious ends what came before, as it shows that the path was up.
   */
  #endsPersistentCongestion(last: number): boolean {
    const end = this.#model.get(last)!;
    if (!end.ackEliciting || end.mtuProbe) return false;
    for (let packetNumber = last;; packetNumber--) {
      const start = this.#model.get(packetNumber);
      if (start?.lossEpoch !== this.#lossEpoch) return false;
      if (!start.ackEliciting || start.mtuProbe || start.sentUs < this.#firstSampleUs) continue;
      if (end.sentUs - start.sentUs > 3 * this.#rtt.ptoUs(MAX_ACK_DELAY_US)) return true;
    }
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
      this.#send({ sizeBytes: 100, ackEliciting: true });
    }
  }

  /** The model forgets as the ring does: from the oldest on, up to the first that must be kept. */
  #forget(beforeUs: number): void {
    this.#sent.forgetLost(beforeUs);
    for (const packet of this.#model.values()) {
      if (packet.state === SentState.outstanding) break;
      if (packet.state === SentState.lost && packet.lostUs >= beforeUs) break;
      packet.state = SentState.unused;
      packet.segment.forgotten = true;
    }
  }

  #compare(): void {
    const sent = this.#sent;
    const all = [...this.#model];
    const open = all.filter(([, packet]) => packet.state === SentState.outstanding);
    const inFlight = open.map(([, packet]) => packet).filter((packet) => packet.ackEliciting);
    assert.equal(sent.bytesInFlight, inFlight.reduce((sum, packet) => sum + packet.sizeBytes, 0));
    assert.equal(sent.ackElicitingInFlight, inFlight.length);
    assert.equal(sent.outstanding, open.length);
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
    assert.equal(this.#detection.newestAcked, this.#rack.fack);
    assert.equal(this.#detection.lossTimeUs, this.#lossTimeUs);
    assert.equal(this.#detection.timerUs(sent, this.#rtt), this.#expectedTimerUs(inFlight.length, lastSentUs));
  }

  #expectedTimerUs(ackElicitingInFlight: number, lastSentUs: number): number {
    if (this.#lossTimeUs !== Infinity) return this.#lossTimeUs;
    if (ackElicitingInFlight === 0) return Infinity;
    const marginUs = Math.max(4 * this.#rtt.varianceUs, GRANULARITY_US);
    const ptoUs = this.#rtt.smoothedUs + Math.min(marginUs, this.#rtt.smoothedUs) + MAX_ACK_DELAY_US;
    let waitUs = ptoUs;
    for (let i = 0; i < this.#ptoCount; i++) waitUs *= 2;
    return lastSentUs + Math.min(waitUs, Math.max(ptoUs, MAX_PTO_BACKOFF_US));
  }
}

Deno.test("SentPackets and LossDetection agree with a naive model under random losses and acknowledgements", () => {
  const counts = new Map<string, number>();
  const seen = (what: string): void => void counts.set(what, (counts.get(what) ?? 0) + 1);
  const first = fc.constantFrom(0, 2 ** 32 - 50, MAX_PACKET_NUMBER - 2_000);
  fc.assert(
    fc.property(first, fc.array(STEP, { minLength: 1, maxLength: 120, size: "max" }), (firstPacketNumber, steps) => {
      const comparison = new Comparison(firstPacketNumber, seen);
      for (const step of steps) comparison.take(step);
    }),
    modelParameters(300),
  );
  assertReached(counts, { "persistent congestion": 50, "spurious": 500, "lost": 1_000 });
});

Deno.test("LossDetection agrees with RFC 8985's pseudo-code for as long as its window takes to sink", () => {
  const loss: fc.Arbitrary<readonly Step[]> = fc.record({
    late: fc.boolean(),
    us: fc.integer({ min: 30_000, max: 60_000 }),
  })
    .map(({ late, us }) => [
      { kind: "send", count: 4, sizeBytes: 1_000, ackEliciting: true },
      { kind: "wait", us },
      { kind: "ack", ranges: [[0, 3]] },
      ...(late ? [{ kind: "ack", ranges: [[3, 1]] } as const] : []),
      { kind: "timer" },
    ]);
  fc.assert(
    fc.property(fc.array(loss, { minLength: 30, maxLength: 120, size: "max" }), fc.array(STEP), (losses, steps) => {
      const comparison = new Comparison(0, () => {});
      // One late packet, and then mostly losses that are none.
      for (const step of steps) comparison.take(step);
      for (const episode of losses) for (const step of episode) comparison.take(step);
    }),
    modelParameters(60),
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
    modelParameters(200),
  );
});
