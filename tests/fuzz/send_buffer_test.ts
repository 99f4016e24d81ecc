/** SendBuffer against a list with the state of each byte. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { CallerError } from "../../protocol/errors.ts";
import { InvariantError } from "../../base/invariant.ts";
import { SendBuffer } from "../../protocol/streams/send_buffer.ts";
import { checkModel, type Machine, type Seen, step, type StepOf } from "../../testing/model_check.ts";

/** Room that a stream has at the end of the safe integers. */
const SPAN = 300;

const START = fc.constantFrom(0, 2 ** 32 - SPAN / 2, Number.MAX_SAFE_INTEGER - SPAN);

const length = fc.oneof(fc.nat(4), fc.nat(60));
const maxBytes = fc.oneof(fc.nat(6), fc.integer({ min: 1, max: 80 }));
/** The highest offset that the peer allows, from the start of the stream. */
const limit = fc.oneof({ weight: 4, arbitrary: fc.constant(SPAN * 10) }, { weight: 1, arbitrary: fc.nat(SPAN) });
/** A range of what was sent: places as shares of it. */
const range = { at: fc.nat(1000), length, fin: fc.boolean() };

/** True once in so many times; shrinks to false. */
const rarely = (times: number): fc.Arbitrary<boolean> => fc.nat(times - 1).map((n) => n === times - 1);

const STEP = fc.oneof(
  step(3, "append", { length }),
  step(3, "appendSource", { length }),
  step(12, "send", { maxBytes, limit, isBroken: rarely(8) }),
  step(3, "pick", { maxBytes, limit }),
  step(3, "take"),
  step(8, "ack", range),
  step(8, "lose", range),
  step(2, "ackFirst", { length: fc.nat(90) }),
  step(1, "refuse", { beyond: fc.integer({ min: 1, max: 9 }) }),
  step(1, "repeatBuffered"),
  step(2, "end", { isReset: rarely(10) }),
);

interface NaiveByte {
  readonly value: number;
  readonly isInMemory: boolean;
  /** Of which append call. */
  readonly segment: number;
  state: "new" | "sent" | "lost" | "acked";
}

/** A range that `next` must pick. Offsets count from the start of the stream. */
interface NaiveRange {
  readonly start: number;
  readonly end: number;
  readonly fin: boolean;
  readonly isRetransmission: boolean;
}

/** The byte at a place in the stream: no two stretches look alike. */
function byteAt(position: number): number {
  return (position * 7 + (position >> 5)) & 255;
}

class SendBufferMachine implements Machine<StepOf<typeof STEP>> {
  readonly #from: number;
  readonly #seen: Seen;
  readonly #buffer: SendBuffer;
  readonly #bytes: NaiveByte[] = [];
  #segments = 0;
  #isFinished = false;
  #fin: NaiveByte["state"] = "new";
  #isReset = false;
  #sentLength = 0;
  #isSourceBroken = false;
  #picked: NaiveRange | undefined;

  constructor(from: number, seen: Seen) {
    this.#from = from;
    this.#seen = seen;
    this.#buffer = new SendBuffer({ startOffset: from });
  }

  take(step: StepOf<typeof STEP>): void {
    switch (step.kind) {
      case "append":
      case "appendSource":
        this.#append(step.length, step.kind === "append");
        break;
      case "pick":
        this.#pick(step.maxBytes, step.limit);
        break;
      case "send":
        this.#isSourceBroken = step.isBroken;
        this.#pick(step.maxBytes, step.limit);
        this.#takePicked();
        break;
      case "take":
        this.#takePicked();
        break;
      case "ack":
      case "lose":
        this.#settle(step.kind, this.#rangeOf(step.at, step.length), step.fin);
        break;
      case "ackFirst":
        this.#settle("ack", [0, Math.min(step.length, this.#sentLength)], false);
        break;
      case "refuse":
        this.#refuse(step.beyond);
        break;
      case "repeatBuffered":
        this.#repeatBuffered();
        break;
      case "end":
        this.#end(step.isReset);
        break;
    }
    this.#compare();
  }

  /** All that is not acknowledged is given out once more, and then the stream is done. */
  finish(): void {
    if (this.#isReset) return;
    this.#end(false);
    this.#isSourceBroken = false;
    this.#settle("lose", [0, this.#sentLength], this.#fin !== "new");
    for (let count = 0; this.#buffer.hasPending(Infinity); count++) {
      assert.ok(count <= this.#bytes.length + 1, "there is no end to what is pending");
      this.#pick(50, Infinity);
      this.#takePicked();
    }
    assert.ok(this.#bytes.every(({ state }) => state === "sent" || state === "acked"), "a byte was never given out");
    this.#settle("ack", [0, this.#sentLength], true);
    this.#compare();
    assert.equal(this.#buffer.isFullyAcked, true);
    this.#seen("ended");
  }

  #append(length: number, isInMemory: boolean): void {
    const start = this.#bytes.length;
    const bytes = Array.from({ length }, (_, index) => byteAt(start + index));
    const append = (): void => {
      if (isInMemory) return this.#buffer.append(Uint8Array.from(bytes));
      return this.#buffer.appendSource({ read: (offset, into) => this.#read(start + offset, into) }, length);
    };
    if (this.#isReset) return append();
    if (this.#isFinished || this.#from + start + length > Number.MAX_SAFE_INTEGER) {
      assert.throws(append, CallerError);
      return;
    }
    append();
    this.#segments++;
    for (const value of bytes) this.#bytes.push({ value, isInMemory, segment: this.#segments, state: "new" });
  }

  #end(isReset: boolean): void {
    if (isReset) this.#buffer.reset();
    else this.#buffer.finish();
    this.#isReset ||= isReset;
    this.#isFinished ||= !isReset;
    this.#picked = undefined;
  }

  #read(start: number, into: Uint8Array): void {
    if (this.#isSourceBroken) throw new Error("the disk is broken");
    into.forEach((_, index) => {
      const byte = this.#bytes[start + index];
      assert.ok(byte !== undefined && !byte.isInMemory, "a source is read beyond its end");
      assert.notEqual(byte.state, "acked", "a byte is read that the peer has");
      into[index] = byte.value;
    });
  }

  #next(maxBytes: number, limit: number): NaiveRange | undefined {
    if (this.#isReset) return undefined;
    const isFinLast = (end: number): boolean => this.#isFinished && end === this.#bytes.length;
    const lost = this.#bytes.findIndex(({ state }) => state === "lost");
    const start = lost >= 0 ? lost : this.#sentLength;
    let end = start;
    if (lost >= 0) { while (end < start + maxBytes && this.#bytes[end]?.state === "lost") end++; }
    else end = Math.max(start, Math.min(start + maxBytes, this.#bytes.length, limit));
    if (end > start) return { start, end, fin: isFinLast(end), isRetransmission: lost >= 0 };
    const isFinPending = this.#isFinished && (this.#fin === "new" || this.#fin === "lost");
    if (lost >= 0 || start < Math.min(this.#bytes.length, limit) || !isFinPending || !isFinLast(start)) {
      return undefined;
    }
    return { start, end: start, fin: true, isRetransmission: this.#fin === "lost" };
  }

  #pick(maxBytes: number, limit: number): void {
    const buffer = this.#buffer;
    const expected = this.#next(maxBytes, limit);
    if (maxBytes > 0) assert.equal(buffer.hasPending(this.#from + limit), expected !== undefined);
    assert.equal(buffer.next(maxBytes, this.#from + limit), expected !== undefined);
    this.#picked = expected;
    if (expected === undefined) return;
    assert.deepEqual({
      start: buffer.rangeStart - this.#from,
      end: buffer.rangeEnd - this.#from,
      fin: buffer.rangeFin,
      isRetransmission: buffer.rangeIsRetransmission,
    }, expected);
    if (expected.start === expected.end) this.#seen("FIN alone");
    if (expected.isRetransmission) this.#seen("sent again");
  }

  #takePicked(): void {
    const picked = this.#picked;
    const target = new Uint8Array(100).fill(255);
    if (picked === undefined) {
      assert.throws(() => this.#buffer.take(target, 5), InvariantError);
      return;
    }
    const { start, end, fin } = picked;
    const bytes = this.#bytes.slice(start, end);
    const take = (): void => this.#buffer.take(target, 5);
    if (start < end) assert.throws(() => this.#buffer.take(target, 100 - (end - start) + 1), InvariantError);
    if (this.#isSourceBroken && bytes.some(({ isInMemory }) => !isInMemory)) {
      assert.throws(take, /the disk is broken/);
      this.#seen("a source failed");
      return;
    }
    take();
    assert.ok(bytes.every(({ state }) => state !== "acked"), "a byte is sent that the peer has");
    const untouched = (count: number): number[] => Array(count).fill(255);
    assert.deepEqual([...target], [
      ...untouched(5),
      ...bytes.map(({ value }) => value),
      ...untouched(95 - bytes.length),
    ]);
    if (new Set(bytes.map(({ segment }) => segment)).size > 1) this.#seen("sent from several segments");
    for (const byte of bytes) byte.state = "sent";
    this.#sentLength = Math.max(this.#sentLength, end);
    // An acknowledged end goes along with the last byte all the same.
    if (fin && this.#fin !== "acked") this.#fin = "sent";
    this.#picked = undefined;
  }

  #rangeOf(at: number, length: number): [number, number] {
    const start = this.#sentLength === 0 ? 0 : at % this.#sentLength;
    return [start, Math.min(this.#sentLength, start + length)];
  }

  #settle(kind: "ack" | "lose", [start, end]: [number, number], wantsFin: boolean): void {
    const fin = wantsFin && this.#fin !== "new";
    const from = this.#from;
    if (kind === "ack") this.#buffer.onAcked(from + start, from + end, fin);
    else this.#buffer.onLost(from + start, from + end, fin);
    if (this.#isReset) return;
    this.#picked = undefined;
    const states = new Set(this.#bytes.slice(start, end).map(({ state }) => state));
    if (kind === "ack" && states.has("lost")) this.#seen("acknowledged though lost");
    if (states.has("acked") && states.size > 1) this.#seen(`${kind} of what is partly acknowledged`);
    for (const byte of this.#bytes.slice(start, end)) {
      if (byte.state !== "acked") byte.state = kind === "ack" ? "acked" : "lost";
    }
    if (fin && this.#fin !== "acked") this.#fin = kind === "ack" ? "acked" : "lost";
  }

  /** What was never sent can neither arrive nor be lost. */
  #refuse(beyond: number): void {
    if (this.#isReset) return;
    const from = this.#from;
    const end = from + this.#sentLength;
    const ranges: [number, number, boolean][] = [[end, end + beyond, false], [from - beyond, end, false]];
    if (this.#fin === "new") ranges.push([from, end, true]);
    for (const [start, end, fin] of ranges) {
      assert.throws(() => this.#buffer.onAcked(start, end, fin), InvariantError);
      assert.throws(() => this.#buffer.onLost(start, end, fin), InvariantError);
    }
  }

  /** That a source is let go of once the peer has all of it shows here alone: whatever is held still is in memory. */
  #repeatBuffered(): void {
    const held = new Set(this.#bytes.filter(({ state }) => state !== "acked").map(({ segment }) => segment));
    const isInMemory = this.#bytes.every((byte) => byte.isInMemory || !held.has(byte.segment));
    assert.equal(this.#buffer.repeatBuffered(), isInMemory && !this.#isReset, "whether all that is held is in memory");
    if (!isInMemory || this.#isReset) return;
    if (this.#bytes.some((byte) => !byte.isInMemory)) this.#seen("a source was let go of");
    this.#settleRepeated();
  }

  #settleRepeated(): void {
    this.#picked = undefined;
    for (const byte of this.#bytes.slice(0, this.#sentLength)) if (byte.state === "sent") byte.state = "lost";
    if (this.#fin === "sent") this.#fin = "lost";
  }

  #compare(): void {
    const buffer = this.#buffer;
    const ackedBytes = this.#bytes.filter(({ state }) => state === "acked").length;
    assert.deepEqual({
      endOffset: buffer.endOffset,
      sentOffset: buffer.sentOffset,
      isFinished: buffer.isFinished,
      ackedBytes: buffer.ackedBytes,
      unackedBytes: buffer.unackedBytes,
      isFullyAcked: buffer.isFullyAcked,
    }, {
      endOffset: this.#from + this.#bytes.length,
      sentOffset: this.#from + this.#sentLength,
      isFinished: this.#isFinished,
      ackedBytes,
      unackedBytes: this.#isReset ? 0 : this.#bytes.length - ackedBytes,
      isFullyAcked: this.#fin === "acked" && ackedBytes === this.#bytes.length,
    });
    // Whatever is picked next, nothing that waits is forgotten.
    for (const limit of [0, this.#sentLength, this.#sentLength + 1, Infinity]) {
      assert.equal(buffer.hasPending(this.#from + limit), this.#next(1, limit) !== undefined, `pending below ${limit}`);
    }
  }
}

Deno.test("SendBuffer knows of each byte whether it is to be sent, whatever is acknowledged, lost and written", () => {
  checkModel({
    start: START,
    step: STEP,
    make: (from, seen) => new SendBufferMachine(from, seen),
    runs: 500,
    maxSteps: 60,
    reaches: {
      "ended": 200,
      "FIN alone": 200,
      "sent again": 500,
      "a source failed": 50,
      "sent from several segments": 200,
      "acknowledged though lost": 100,
      "ack of what is partly acknowledged": 100,
      "lose of what is partly acknowledged": 100,
      "a source was let go of": 20,
    },
  });
});
