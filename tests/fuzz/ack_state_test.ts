/**
 * AckTracker and AckReporter against the set of what arrived and the set of what the peer heard of: no ACK frame reports
 * what did not arrive, each packet that arrives is reported in the next frame that has room for it, and all frames keep to
 * their size.
 * `acknowledgement_test.ts` has the same parts with loss detection at the other end of a link.
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import { AckReporter } from "../../protocol/recovery/ack_reporter.ts";
import { AckTracker } from "../../protocol/recovery/ack_tracker.ts";
import { MAX_PACKET_NUMBER } from "../../protocol/wire/packet.ts";
import type { RangeSet } from "../../base/range_set.ts";
import { RECEIPT_STRIDE, SentPacket } from "../../protocol/sent_packet.ts";
import { Reader, Writer } from "../../base/bytes.ts";
import { type AckFrame, readFrames } from "../../protocol/wire/frame.ts";
import { Recorder } from "../../testing/wire_values.ts";
import { checkModel, type Machine, type Seen, step, type StepOf } from "../../testing/model_check.ts";

const MAX_ACK_DELAY_US = 25_000;
/** A frame with one range has room in it, wherever the numbers are. */
const LEAST_ROOM = 32;
/** AckTracker's: packets below what the peer knew of for so long may be refused. */
const LATENESS_US = 1_000_000;

const START = fc.record({
  first: fc.constantFrom(0, 2 ** 32 - 100, MAX_PACKET_NUMBER - 10_000),
  maxRanges: fc.constantFrom(2, 5, 65_536, 65_536, 65_536),
  /** Whether the peer tells at last that it has the ACK frames, so that they need not be repeated. */
  confirmsAtLast: fc.boolean(),
}, { noNullPrototype: true });

const pick = fc.nat(1_000);

const STEP = fc.oneof(
  step(8, "arrive", { gap: fc.nat(3), count: fc.integer({ min: 1, max: 6 }), isEliciting: fc.boolean() }),
  // Every other packet is lost.
  step(2, "arriveSpread", { count: fc.integer({ min: 10, max: 120 }) }),
  step(4, "arriveLate", { pick, count: fc.integer({ min: 1, max: 4 }) }),
  step(2, "arriveAgain", { pick }),
  step(8, "report", { room: fc.oneof(fc.nat(40), fc.integer({ min: 20, max: 200 }), fc.constant(1_500)) }),
  step(6, "hear", { pick, isConfirmed: fc.boolean() }),
  step(4, "confirm", { pick }),
  step(3, "wait", { us: fc.oneof(fc.nat(40_000), fc.constant(LATENESS_US)) }),
);

/** An ACK packet: what its frames say, and what was known when it was sent. */
interface Report {
  /** The numbers that the frame reports, between its lowest and its largest. */
  readonly frame: { readonly from: number; readonly end: number; readonly reported: ReadonlySet<number> };
  readonly packet: SentPacket;
  isHeard: boolean;
}

class Listener extends Recorder {
  frame: Report["frame"] | undefined;

  override onAck(ack: AckFrame): void {
    assert.equal(this.frame, undefined, "a packet has one ACK frame");
    const reported = new Set<number>();
    for (let i = 0; i < ack.rangeCount; i++) for (let n = ack.starts[i]!; n < ack.ends[i]!; n++) reported.add(n);
    this.frame = { from: ack.starts[ack.rangeCount - 1]!, end: ack.ends[0]!, reported };
  }
}

class AckMachine implements Machine<StepOf<typeof STEP>> {
  readonly #first: number;
  readonly #maxRanges: number;
  readonly #confirmsAtLast: boolean;
  readonly #seen: Seen;
  readonly #acks: AckTracker;
  readonly #reporter: AckReporter;
  readonly #arrived = new Map<number, { readonly atUs: number }>();
  /** Reported by some frame, or older than the room of the first frame after their arrival. */
  readonly #settled = new Set<number>();
  /** Of which the peer heard; which were given up for want of memory. */
  readonly #known = new Set<number>();
  readonly #dropped = new Set<number>();
  readonly #reports: Report[] = [];
  #next: number;
  #nowUs = 1_000_000;
  /** When an ACK must go at the latest. */
  #dueUs = Infinity;

  constructor(start: { first: number; maxRanges: number; confirmsAtLast: boolean }, seen: Seen) {
    this.#first = this.#next = start.first;
    this.#maxRanges = start.maxRanges;
    this.#confirmsAtLast = start.confirmsAtLast;
    this.#seen = seen;
    this.#acks = new AckTracker({ maxAckDelayUs: MAX_ACK_DELAY_US, maxRanges: start.maxRanges });
    this.#reporter = new AckReporter(this.#acks);
  }

  take(step: StepOf<typeof STEP>): void {
    switch (step.kind) {
      case "arrive":
        this.#next += step.gap;
        for (let i = 0; i < step.count; i++) this.#arrive(this.#next++, step.isEliciting);
        break;
      case "arriveSpread":
        for (let i = 0; i < step.count; i++, this.#next += 2) this.#arrive(this.#next, true);
        break;
      case "arriveLate":
        this.#arriveLate(step.pick, step.count);
        break;
      case "arriveAgain":
        this.#arriveAgain(step.pick);
        break;
      case "report":
        this.#report(step.room);
        break;
      case "hear":
        this.#hear(this.#picked(step.pick), step.isConfirmed);
        break;
      case "confirm": {
        const report = this.#picked(step.pick);
        if (report?.isHeard) this.#confirm(report);
        break;
      }
      case "wait":
        this.#nowUs += step.us;
        break;
    }
    this.#compare();
  }

  /** The link is good at last: the peer learns of all that fits, and once it has said so nothing is repeated. */
  finish(): void {
    const ranges = this.#acks.ranges.length;
    const report = this.#report(1_500);
    this.#hear(report, this.#confirmsAtLast);
    if (ranges > 20) this.#seen("reported many ranges at last");
    if (report !== undefined) {
      const newest = Math.max(...this.#arrived.keys());
      if (report.frame.end - 1 === newest) assert.ok(this.#known.has(newest), "the newest packet is not reported");
    }
    if (!this.#confirmsAtLast) return;
    assert.equal(this.#acks.ranges.length, 0, "reported again though the peer knows");
    this.#seen("there is nothing more to report");
  }

  #picked(pick: number): Report | undefined {
    return this.#reports[pick % this.#reports.length];
  }

  #arrive(packetNumber: number, isEliciting: boolean): void {
    const acks = this.#acks;
    const isKnown = this.#arrived.has(packetNumber);
    const isRefused = acks.isDuplicate(packetNumber);
    if (isKnown) assert.equal(isRefused, true, `packet ${packetNumber} would be processed twice`);
    else if (isRefused) this.#checkRefusal(packetNumber);
    const before = numbersOf(acks.ranges);
    assert.equal(acks.onPacketReceived(packetNumber, this.#nowUs, isEliciting, 1_200), !isRefused);
    if (isRefused) return;
    this.#arrived.set(packetNumber, { atUs: this.#nowUs });
    if (isEliciting) this.#dueUs = Math.min(this.#dueUs, this.#nowUs + MAX_ACK_DELAY_US);
    this.#noteDropped([...before, packetNumber]);
  }

  /** Only what is too old, or below what there is no memory for, is taken for a duplicate though it is none. */
  #checkRefusal(packetNumber: number): void {
    this.#seen("refused a packet too late");
    if (this.#dropped.size > 0) return;
    const isOld = [...this.#arrived].some(([n, { atUs }]) => n > packetNumber && this.#nowUs - atUs >= LATENESS_US);
    assert.ok(isOld || this.#maxRanges < 100, `packet ${packetNumber} is refused though it comes in time`);
  }

  /** Where more ranges would be remembered than may be, the lowest go; otherwise none does. */
  #noteDropped(before: readonly number[]): void {
    const after = new Set(numbersOf(this.#acks.ranges));
    const gone = before.filter((n) => !after.has(n) && !this.#settled.has(n));
    if (gone.length === 0) return;
    this.#seen("dropped for want of memory");
    assert.ok(this.#maxRanges < 100, "packets are dropped with memory enough");
    assert.ok(Math.max(...gone) < Math.min(Infinity, ...after), "others than the lowest are dropped");
    for (const n of gone) this.#dropped.add(n);
  }

  #arriveLate(pick: number, count: number): void {
    const missing: number[] = [];
    for (let n = this.#first; n < this.#next; n++) if (!this.#arrived.has(n)) missing.push(n);
    for (const n of missing.slice(pick % (missing.length + 1)).slice(0, count)) {
      if (this.#reports.length > 0) this.#seen("arrived late");
      this.#arrive(n, true);
    }
  }

  #arriveAgain(pick: number): void {
    const arrived = [...this.#arrived.keys()];
    if (arrived.length > 0) this.#arrive(arrived[pick % arrived.length]!, true);
  }

  #report(room: number): Report | undefined {
    const writer = new Writer().reset(new Uint8Array(1_500));
    const packet = new SentPacket();
    const isWritten = this.#reporter.write(writer, packet, this.#nowUs, room);
    assert.ok(writer.position <= room, `${writer.position} bytes in ${room}`);
    if (!isWritten) {
      assert.equal(writer.position, 0);
      assert.ok(this.#acks.ranges.length === 0 || room < LEAST_ROOM, "there was room");
      return undefined;
    }
    const listener = new Listener();
    assert.equal(readFrames(new Reader().reset(writer.buffer, 0, writer.position), listener), undefined);
    const report = { frame: listener.frame!, packet, isHeard: false };
    this.#checkFrame(report.frame);
    this.#reports.push(report);
    this.#dueUs = Infinity;
    return report;
  }

  /** What it reports arrived; between its lowest and largest number it leaves out only what was reported before. */
  #checkFrame({ from, end, reported }: Report["frame"]): void {
    for (const n of reported) assert.ok(this.#arrived.has(n), `reports packet ${n}, which did not arrive`);
    for (const n of this.#arrived.keys()) {
      if (n >= from && n < end && !reported.has(n)) {
        if (this.#settled.has(n)) this.#seen("left out what was reported before");
        else assert.ok(this.#dropped.has(n), `packet ${n} has never been reported, and the frame skips it`);
      }
      if (n < from) this.#seen("left out the oldest");
      this.#settled.add(n);
    }
  }

  #hear(report: Report | undefined, isConfirmed: boolean): void {
    if (report === undefined) return;
    report.isHeard = true;
    for (const n of report.frame.reported) this.#known.add(n);
    if (isConfirmed) this.#confirm(report);
    else this.#seen("heard of in vain");
  }

  /** The peer acknowledges the ACK packet, once. */
  #confirm(report: Report): void {
    const before = numbersOf(this.#acks.ranges);
    const { receipts, receiptCount } = report.packet;
    for (let i = 0; i < receiptCount * RECEIPT_STRIDE; i += RECEIPT_STRIDE) {
      this.#acks.onAckAcked(receipts[i + 1]!, this.#nowUs);
    }
    this.#reports.splice(this.#reports.indexOf(report), 1);
    this.#noteDropped(before);
    this.#seen("confirmed");
  }

  #compare(): void {
    const { ranges, lowestUnreported } = this.#acks;
    assert.ok(ranges.length <= this.#maxRanges);
    const remembered = new Set(numbersOf(ranges));
    for (const n of remembered) assert.ok(this.#arrived.has(n), `packet ${n} is to be reported, and did not arrive`);
    for (const n of this.#arrived.keys()) {
      if (this.#dropped.has(n) || this.#settled.has(n)) continue;
      assert.ok(remembered.has(n), `packet ${n} arrived, and the peer will never hear of it`);
      assert.ok(lowestUnreported <= n, `packet ${n} has not been reported yet`);
    }
    assert.ok(this.#acks.ackDeadlineUs <= this.#dueUs, "an ACK is sent later than promised");
  }
}

function numbersOf(ranges: RangeSet): number[] {
  const numbers: number[] = [];
  for (let i = 0; i < ranges.length; i++) for (let n = ranges.start(i); n < ranges.end(i); n++) numbers.push(n);
  return numbers;
}

Deno.test("ACK frames report what arrived and nothing else, each packet in the first frame that has room for it", () => {
  checkModel({
    start: START,
    step: STEP,
    make: (start, seen) => new AckMachine(start, seen),
    runs: 250,
    maxSteps: 60,
    reaches: {
      "arrived late": 200,
      "confirmed": 400,
      "heard of in vain": 300,
      "left out the oldest": 300,
      "left out what was reported before": 300,
      "dropped for want of memory": 100,
      "refused a packet too late": 5,
      "reported many ranges at last": 30,
      "there is nothing more to report": 50,
    },
  });
});
