/**
 * Assembler against arrays, over several of the blocks that it holds bytes in, with sinks that fail and stop it.
 * `stream_test.ts` compares it within one block, and together with SendBuffer.
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import { PeerError, TransportErrorCode } from "../../protocol/errors.ts";
import { Assembler } from "../../protocol/streams/assembler.ts";
import type { ByteSink } from "../../protocol/streams/byte_flow.ts";
import { checkModel, type Machine, type Seen, step, type StepOf } from "../../testing/model_check.ts";

const BLOCK = 4096;
/** Bytes that a stream may have. */
const SPAN = 4 * BLOCK;

const START = fc.record({
  from: fc.constantFrom(0, BLOCK - 100, 2 ** 32 - BLOCK, Number.MAX_SAFE_INTEGER - SPAN),
  maxGaps: fc.constantFrom(2, 4, 65_536, 65_536),
}, { noNullPrototype: true });

/** Near a block's border as often as anywhere. */
const at = fc.oneof(
  fc.nat(SPAN),
  fc.tuple(fc.nat(3), fc.integer({ min: -3, max: 3 })).map(([block, by]) => Math.max(0, block * BLOCK + by)),
);
const length = fc.oneof(fc.nat(8), fc.nat(1_500), fc.nat(2 * BLOCK));

const STEP = fc.oneof(
  step(12, "insert", { at, length, lead: fc.nat(9), salt: fc.constantFrom(0, 0, 99) }),
  step(4, "insertNext", { length, salt: fc.constantFrom(0, 0, 99) }),
  step(2, "insertFin", { at, length }),
  step(5, "consume", { share: fc.integer({ min: 0, max: 4 }) }),
  step(3, "direct", {
    length: fc.oneof(length, fc.nat(SPAN)),
    sink: fc.constantFrom("takes", "takes", "takes", "takes", "fails", "stops"),
    after: fc.oneof(fc.nat(10), fc.nat(3_000)),
  }),
  step(1, "beyond", { by: fc.integer({ min: 1, max: 9 }) }),
  step(1, "stop", { isMeant: fc.nat(9).map((n) => n === 9) }),
);

/** The byte at a place in the stream: no two stretches look alike. */
function byteAt(position: number): number {
  return (position * 13 + (position >> 8) * 7) & 255;
}

/** What became of a byte. */
const Fate = { missing: 0, held: 1, consumed: 2 } as const;

/** Takes bytes, each once, until it has had enough. */
class FickleSink implements ByteSink {
  /** -1 where nothing was written. */
  readonly bytes: Int16Array;
  readonly #onEnough: (() => void) | undefined;
  readonly #enoughBytes: number;
  takenBytes = 0;

  constructor(length: number, enoughBytes: number, onEnough?: () => void) {
    this.bytes = new Int16Array(length).fill(-1);
    this.#enoughBytes = enoughBytes;
    this.#onEnough = onEnough;
  }

  write(offset: number, bytes: Uint8Array): void {
    assert.ok(offset >= 0 && offset + bytes.length <= this.bytes.length, "a write outside the region");
    assert.ok(bytes.length > 0, "a write of nothing");
    bytes.forEach((byte, index) => {
      if (this.bytes[offset + index] !== -1) assert.fail("a byte delivered twice");
      this.bytes[offset + index] = byte;
    });
    this.takenBytes += bytes.length;
    if (this.takenBytes > this.#enoughBytes) this.#onEnough?.();
  }
}

class AssemblerMachine implements Machine<StepOf<typeof STEP>> {
  readonly #from: number;
  readonly #maxGaps: number;
  readonly #seen: Seen;
  readonly #assembler: Assembler;
  readonly #bytes = new Uint8Array(SPAN);
  readonly #fates = new Uint8Array(SPAN);
  #highest = 0;
  #finalSize: number | undefined;
  #readAt = 0;
  #isStopped = false;
  /** A PeerError other than of the final size ended it. */
  #isOver = false;
  #sink = new FickleSink(0, Infinity);
  #region: [number, number] = [0, 0];

  constructor({ from, maxGaps }: { from: number; maxGaps: number }, seen: Seen) {
    this.#from = from;
    this.#maxGaps = maxGaps;
    this.#seen = seen;
    this.#assembler = new Assembler({ startOffset: from, maxGaps });
  }

  take(step: StepOf<typeof STEP>): void {
    if (this.#isOver) return;
    switch (step.kind) {
      case "insert":
        this.#insert(step.at, step.length, { lead: step.lead, salt: step.salt });
        break;
      case "insertNext":
        this.#insert(this.#contiguous(), step.length, { salt: step.salt });
        break;
      case "insertFin":
        this.#insert(step.at, step.length, { fin: true });
        break;
      case "consume":
        this.#consume(step.share);
        break;
      case "direct":
        this.#direct(step.length, step.sink, step.after);
        break;
      case "beyond":
        this.#beyond(step.by);
        break;
      case "stop":
        if (!step.isMeant) break;
        this.#assembler.stop();
        this.#isStopped = true;
        break;
    }
    this.#compare();
  }

  /** What is missing arrives, and all of it is read. */
  finish(): void {
    if (this.#isOver || this.#isStopped) return;
    const end = this.#finalSize ?? this.#highest;
    for (let at = 0; at < end && !this.#isStopped; at += 1_000) {
      this.take({ kind: "insert", at, length: Math.min(1_000, end - at), lead: 0, salt: 0 });
    }
    this.take({ kind: "insertFin", at: end, length: 0 });
    for (let count = 0; count < 3; count++) this.take({ kind: "consume", share: 4 });
    if (this.#isStopped) return;
    if (this.#assembler.directRemainingBytes === 0) assert.equal(this.#assembler.bufferedBytes, 0);
    assert.equal(this.#assembler.isComplete, true);
    this.#seen("complete");
  }

  #insert(at: number, wanted: number, options: { lead?: number; salt?: number; fin?: boolean }): void {
    const { lead = 0, salt = 0, fin = false } = options;
    const start = Math.min(at, SPAN);
    const end = Math.min(SPAN, start + wanted);
    const buffer = new Uint8Array(lead + (end - start) + 3);
    for (let index = start; index < end; index++) buffer[lead + index - start] = byteAt(index) ^ salt;
    const insert = (): number => this.#assembler.insert(this.#from + start, buffer, lead, lead + end - start, fin);
    if (this.#isFinalSizeBroken(end, fin)) {
      assert.throws(insert, (error) => error instanceof PeerError && error.code === TransportErrorCode.finalSizeError);
      this.#seen("a final size that cannot be");
      return;
    }
    if (fin) this.#finalSize = end;
    this.#highest = Math.max(this.#highest, end);
    const fresh = this.#receive(start, end, salt);
    const before = this.#sink.takenBytes;
    const failure = outcome(insert);
    if (failure instanceof PeerError) {
      assert.ok(this.#tally().gaps > this.#maxGaps, failure.message);
      this.#isOver = true;
      this.#seen("too many gaps");
      return;
    }
    assert.ok(this.#tally().gaps <= this.#maxGaps || start === end || failure instanceof Error);
    this.#noteSunk(failure, before);
    if (typeof failure === "number") assert.equal(failure, fresh);
    buffer.fill(0);
  }

  #isFinalSizeBroken(end: number, fin: boolean): boolean {
    if (this.#finalSize === undefined) return fin && end < this.#highest;
    return end > this.#finalSize || (fin && end !== this.#finalSize);
  }

  /** Notes what is new; how many bytes. */
  #receive(start: number, end: number, salt: number): number {
    let fresh = 0;
    for (let at = start; at < end; at++) {
      if (this.#fates[at] !== Fate.missing) continue;
      fresh++;
      this.#bytes[at] = byteAt(at) ^ salt;
      const isSunk = at >= this.#region[0] && at < this.#region[1];
      this.#fates[at] = isSunk || this.#isStopped ? Fate.consumed : Fate.held;
    }
    if (fresh > 0 && fresh < end - start) this.#seen("an overlap");
    return fresh;
  }

  /** A sink that failed, or that stopped the assembler, was given no byte after that. */
  #noteSunk(failure: unknown, takenBefore: number): void {
    if (failure instanceof Error) {
      assert.equal(failure.message, "the disk is full");
      this.#isStopped = true;
    }
    if (this.#sink.takenBytes > takenBefore) this.#seen("sunk");
  }

  #consume(share: number): void {
    const count = Math.floor(this.#assembler.readableBytes * share / 4);
    this.#assembler.consume(count);
    this.#fates.fill(Fate.consumed, this.#readAt, this.#readAt + count);
    this.#readAt += count;
    if (count > BLOCK) this.#seen("consumed more than a block");
  }

  #direct(wanted: number, kind: string, after: number): void {
    if (!this.#isStopped && this.#isRegionOpen()) return;
    const start = this.#readAt;
    const end = Math.min(SPAN, start + wanted);
    const sink = new FickleSink(end - start, kind === "takes" ? Infinity : after, () => {
      this.#isStopped = true;
      this.#seen(`a sink ${kind}`);
      if (kind === "fails") throw new Error("the disk is full");
      this.#assembler.stop();
    });
    if (this.#isStopped) return this.#assembler.direct(end - start, sink);
    this.#sink = sink;
    this.#region = [start, end];
    this.#readAt = end;
    for (let at = start; at < end; at++) if (this.#fates[at] === Fate.held) this.#fates[at] = Fate.consumed;
    this.#noteSunk(outcome(() => this.#assembler.direct(end - start, sink)), 0);
    if (this.#isStopped && sink.takenBytes > 0) this.#seen(`a sink ${kind} with what was held`);
    if (sink.takenBytes > 0 && sink.takenBytes < end - start) this.#seen("a region of which some was held");
  }

  #beyond(by: number): void {
    const end = Number.MAX_SAFE_INTEGER + 1 - by;
    assert.throws(
      () => this.#assembler.insert(end, new Uint8Array(by + 1), 0, by + 1, true),
      (error) => error instanceof PeerError && error.code === TransportErrorCode.frameEncodingError,
    );
  }

  #isRegionOpen(): boolean {
    const [start, end] = this.#region;
    return this.#fates.subarray(start, end).includes(Fate.missing);
  }

  #contiguous(): number {
    const missing = this.#fates.indexOf(Fate.missing);
    return missing < 0 ? SPAN : missing;
  }

  #tally(): { received: number; held: number; gaps: number } {
    const tally = { received: 0, held: 0, gaps: 0 };
    for (let at = 0; at < this.#highest; at++) {
      const fate = this.#fates[at];
      if (fate !== Fate.missing) tally.received++;
      else if (at + 1 < this.#highest && this.#fates[at + 1] !== Fate.missing) tally.gaps++;
      if (fate === Fate.held) tally.held++;
    }
    if (this.#isStopped) tally.held = 0;
    return tally;
  }

  #compare(): void {
    const assembler = this.#assembler;
    const { received, held, gaps } = this.#tally();
    let readEnd = this.#readAt;
    if (!this.#isStopped && !this.#isRegionOpen()) { while (readEnd < SPAN && this.#fates[readEnd]) readEnd++; }
    const readable = this.#bytes.subarray(this.#readAt, readEnd);
    assert.deepEqual({
      readable: assembler.readableBytes,
      held: assembler.bufferedBytes,
      received: assembler.receivedBytes,
      highest: assembler.highestOffset,
      finalSize: assembler.finalSize,
      gaps: assembler.gapCount,
      isComplete: assembler.isComplete,
      consumed: assembler.consumedBytes,
    }, {
      readable: readable.length,
      held,
      received,
      highest: this.#from + this.#highest,
      finalSize: this.#finalSize === undefined ? undefined : this.#from + this.#finalSize,
      gaps,
      isComplete: held === 0 && received === this.#finalSize,
      consumed: this.#isStopped ? this.#highest : received - held,
    });
    // Twice, as the second look may be at what the first has joined.
    assert.ok(areEqual(assembler.peek(), readable) && areEqual(assembler.peek(), readable), "other bytes are readable");
    if (readable.length > BLOCK) this.#seen("readable across blocks");
    this.#compareSink();
  }

  #compareSink(): void {
    const [start, end] = this.#region;
    for (let at = start; at < end; at++) {
      const sunk = this.#sink.bytes[at - start]!;
      const isRight = sunk >= 0 ? sunk === this.#bytes[at] : this.#isStopped || this.#fates[at] === Fate.missing;
      if (!isRight) assert.fail(sunk >= 0 ? "another byte than arrived first" : "a byte that never got to its sink");
    }
  }
}

/** What a call returns, or throws. */
function outcome(call: () => unknown): unknown {
  try {
    return call();
  } catch (error) {
    if (error instanceof assert.AssertionError) throw error;
    return error;
  }
}

function areEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}

Deno.test("Assembler gives each byte once, in order or to its sink, across blocks, failures and early ends", () => {
  checkModel({
    start: START,
    step: STEP,
    make: (start, seen) => new AssemblerMachine(start, seen),
    runs: 200,
    maxSteps: 40,
    reaches: {
      "complete": 50,
      "an overlap": 300,
      "sunk": 100,
      "a region of which some was held": 20,
      "a sink fails": 8,
      "a sink fails with what was held": 2,
      "a sink stops": 8,
      "a sink stops with what was held": 2,
      "a final size that cannot be": 50,
      "too many gaps": 10,
      "consumed more than a block": 10,
      "readable across blocks": 100,
    },
  });
});
