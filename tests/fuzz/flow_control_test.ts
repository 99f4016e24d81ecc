/**
 * Flow control of two streams on one connection, both ends of it, over a link that loses, repeats and reorders the frames
 * that give credit: against sets of bytes. Never is more sent than was granted, never is more held than was promised, and
 * the reader makes room.
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import { PeerError, TransportErrorCode } from "../../protocol/errors.ts";
import { InvariantError } from "../../base/invariant.ts";
import { ReceiveWindow, SendCredit } from "../../protocol/streams/flow_control.ts";
import { checkModel, type Machine, type Seen, step, type StepOf } from "../../testing/model_check.ts";

const STREAMS = 2;
/** What `finish` has each stream send besides. */
const LAST_BYTES = 400;

const START = fc.record({
  streamWindow: fc.integer({ min: 2, max: 60 }),
  /** Share of the streams' windows that the connection's holds. */
  connectionShare: fc.constantFrom(0.3, 0.5, 1, 3),
  directWindow: fc.nat(90),
}, { noNullPrototype: true });

const stream = fc.nat(STREAMS - 1);
const bytes = fc.integer({ min: 1, max: 50 });
const pick = fc.nat(1_000);

const STEP = fc.oneof(
  step(10, "send", { stream, bytes }),
  step(8, "deliver", { pick, isRepeated: fc.boolean() }),
  step(6, "read", { stream, bytes }),
  step(4, "open", { stream, bytes: fc.oneof(fc.nat(30), fc.nat(200)) }),
  step(6, "credit", { pick, isRepeated: fc.boolean() }),
  step(3, "creditLost", { pick }),
  step(1, "cheat", { stream, bytes }),
);

/** A frame that gives credit, of a stream or, -1, of the connection. */
interface CreditFrame {
  readonly stream: number;
  readonly limit: number;
}

/** One stream at both ends. */
class NaiveStream {
  readonly credit: SendCredit;
  readonly window: ReceiveWindow;
  readonly arrived = new Set<number>();
  readonly consumed = new Set<number>();
  highest = 0;
  /** Where ordered reading goes on; where the region that takes no memory ends, and the room that it was given. */
  readAt = 0;
  region: [number, number] = [0, 0];
  widenedBytes = 0;

  constructor(windowBytes: number) {
    this.credit = new SendCredit(windowBytes);
    this.window = new ReceiveWindow(windowBytes);
  }

  get bufferedBytes(): number {
    return this.arrived.size - this.consumed.size;
  }

  get isRegionOpen(): boolean {
    for (let at = this.region[0]; at < this.region[1]; at++) if (!this.arrived.has(at)) return true;
    return false;
  }

  get readableBytes(): number {
    let end = this.readAt;
    while (!this.isRegionOpen && this.arrived.has(end)) end++;
    return end - this.readAt;
  }

  /** Consumes what goes to the sink, and so many ordered bytes where there are some; returns how many in all. */
  consume(count: number): number {
    const before = this.consumed.size;
    for (let at = this.region[0]; at < this.region[1]; at++) if (this.arrived.has(at)) this.consumed.add(at);
    if (!this.isRegionOpen) {
      for (let i = 0; i < count && this.arrived.has(this.readAt); i++) this.consumed.add(this.readAt++);
    }
    return this.consumed.size - before;
  }
}

class FlowMachine implements Machine<StepOf<typeof STEP>> {
  readonly #seen: Seen;
  readonly #streamWindow: number;
  readonly #connectionWindow: number;
  readonly #directWindow: number;
  readonly #streams: NaiveStream[];
  readonly #credit: SendCredit;
  readonly #window: ReceiveWindow;
  readonly #chunks: { readonly stream: number; readonly start: number; readonly end: number }[] = [];
  readonly #frames: CreditFrame[] = [];
  #widestBytes = 0;

  constructor(start: { streamWindow: number; connectionShare: number; directWindow: number }, seen: Seen) {
    this.#seen = seen;
    this.#streamWindow = start.streamWindow;
    this.#connectionWindow = Math.ceil(STREAMS * start.streamWindow * start.connectionShare);
    this.#directWindow = start.directWindow;
    this.#streams = Array.from({ length: STREAMS }, () => new NaiveStream(start.streamWindow));
    this.#credit = new SendCredit(this.#connectionWindow);
    this.#window = new ReceiveWindow(this.#connectionWindow);
  }

  take(step: StepOf<typeof STEP>): void {
    const before = this.#limits();
    switch (step.kind) {
      case "send":
        this.#send(step.stream, step.bytes);
        break;
      case "deliver":
        this.#deliver(step.pick, step.isRepeated);
        break;
      case "read":
        this.#read(step.stream, step.bytes);
        break;
      case "open":
        this.#open(step.stream, step.bytes);
        break;
      case "credit":
        this.#takeCredit(step.pick, step.isRepeated);
        break;
      case "creditLost":
        this.#loseCredit(step.pick);
        break;
      case "cheat":
        this.#cheat(step.stream, step.bytes);
        break;
    }
    this.#limits().forEach((limit, i) => assert.ok(limit >= before[i]!, "credit was taken back"));
    this.#check();
  }

  /**
   * The reader reads all there is, message by message; then the writer can send as much as it likes. A message is half
   * a window, the longest there may be: less than all of it is not read.
   */
  finish(): void {
    const messageBytes = Math.max(1, Math.floor(Math.min(this.#streamWindow, this.#connectionWindow / STREAMS) / 2));
    const ends = this.#streams.map(({ credit }) => credit.used + LAST_BYTES);
    for (let round = 0; this.#streams.some(({ credit }, i) => credit.used < ends[i]!); round++) {
      assert.ok(round <= 2 * STREAMS * LAST_BYTES, "reader and writer wait for one another");
      this.#streams.forEach(({ credit }, i) => this.#send(i, Math.min(60, ends[i]! - credit.used)));
      while (this.#chunks.length > 0) this.#deliver(0, false);
      this.#streams.forEach(({ readableBytes }, i) => this.#read(i, readableBytes - readableBytes % messageBytes));
      while (this.#frames.length > 0) this.#takeCredit(0, false);
      this.#check();
    }
    this.#seen("went on to the end");
  }

  #limits(): number[] {
    const both = [this.#credit.limit, this.#window.limit];
    return this.#streams.flatMap(({ credit, window }) => [credit.limit, window.limit]).concat(both);
  }

  #send(index: number, wanted: number): void {
    const { credit } = this.#streams[index]!;
    const most = Math.min(credit.available, this.#credit.available);
    const count = Math.min(wanted, most);
    if (count < wanted) {
      this.#seen(credit.available <= this.#credit.available ? "blocked" : "blocked by the connection");
    }
    assert.throws(() => credit.use(credit.available + 1), InvariantError);
    if (count === 0) return;
    this.#chunks.push({ stream: index, start: credit.used, end: credit.used + count });
    credit.use(count);
    this.#credit.use(count);
  }

  #deliver(pick: number, isRepeated: boolean): void {
    const index = pick % this.#chunks.length;
    const chunk = this.#chunks[index];
    if (chunk === undefined) return;
    if (!isRepeated) this.#chunks.splice(index, 1);
    const stream = this.#streams[chunk.stream]!;
    stream.highest = Math.max(stream.highest, chunk.end);
    stream.window.onReceived(chunk.end);
    this.#window.onReceived(this.#streams.reduce((sum, { highest }) => sum + highest, 0));
    for (let at = chunk.start; at < chunk.end; at++) stream.arrived.add(at);
    this.#read(chunk.stream, 0);
  }

  #read(index: number, count: number): void {
    const stream = this.#streams[index]!;
    const consumed = stream.consume(count);
    stream.window.onConsumed(consumed);
    this.#window.onConsumed(consumed);
    if (!stream.isRegionOpen && stream.widenedBytes > 0) {
      this.#window.narrow(stream.widenedBytes);
      stream.widenedBytes = 0;
    }
    this.#grant();
  }

  /** The next bytes go to a sink, as a file's do. */
  #open(index: number, length: number): void {
    const stream = this.#streams[index]!;
    if (stream.isRegionOpen) return;
    stream.region = [stream.readAt, stream.readAt + length];
    stream.readAt += length;
    stream.widenedBytes = Math.min(length, this.#directWindow);
    stream.window.widen(stream.widenedBytes, stream.region[1]);
    this.#window.widen(stream.widenedBytes);
    this.#widestBytes = Math.max(this.#widestBytes, this.#streams.reduce((sum, each) => sum + each.widenedBytes, 0));
    this.#seen("a region");
    this.#read(index, 0);
  }

  #grant(): void {
    for (let index = -1; index < STREAMS; index++) {
      const window = this.#windowOf(index);
      if (!window.shouldUpdate) continue;
      const before = window.limit;
      this.#frames.push({ stream: index, limit: window.takeUpdate() });
      // No more than two updates for a window: there is something in each.
      const granted = window.limit - before;
      assert.ok(2 * granted >= window.windowBytes, `an update of ${granted} of ${window.windowBytes}`);
      assert.equal(window.shouldUpdate, false);
    }
  }

  #windowOf(index: number): ReceiveWindow {
    return index < 0 ? this.#window : this.#streams[index]!.window;
  }

  #takeCredit(pick: number, isRepeated: boolean): void {
    const index = pick % this.#frames.length;
    const frame = this.#frames[index];
    if (frame === undefined) return;
    if (!isRepeated) this.#frames.splice(index, 1);
    const credit = frame.stream < 0 ? this.#credit : this.#streams[frame.stream]!.credit;
    const before = credit.limit;
    assert.equal(credit.raise(frame.limit), frame.limit > before);
    assert.equal(credit.limit, Math.max(before, frame.limit));
    if (frame.limit < before) this.#seen("old credit");
  }

  /** What was lost is sent again, as it is by now. */
  #loseCredit(pick: number): void {
    const index = pick % this.#frames.length;
    const frame = this.#frames[index];
    if (frame === undefined) return;
    this.#frames.splice(index, 1);
    const limit = this.#windowOf(frame.stream).takeUpdate();
    assert.ok(limit >= frame.limit);
    this.#frames.push({ stream: frame.stream, limit });
    this.#seen("credit lost");
  }

  /** A sender that goes beyond its limits is found out, and that changes nothing. */
  #cheat(index: number, bytes: number): void {
    const broken = (error: unknown): boolean =>
      error instanceof PeerError && error.code === TransportErrorCode.flowControlError;
    for (const window of [this.#window, this.#windowOf(index)]) {
      const before = window.receivedBytes;
      assert.throws(() => window.onReceived(window.limit + bytes), broken);
      assert.equal(window.receivedBytes, before);
    }
  }

  #check(): void {
    let sent = 0;
    let received = 0;
    let held = 0;
    let widened = 0;
    for (const { consumed, credit, bufferedBytes, highest, widenedBytes, window } of this.#streams) {
      widened += widenedBytes;
      assert.ok(window.windowBytes <= this.#streamWindow + widenedBytes, "a stream's window is wider than it is made");
      sent += credit.used;
      received += highest;
      held += bufferedBytes;
      assert.ok(credit.used <= credit.limit && credit.limit <= window.limit, "more may be sent than was granted");
      assert.ok(bufferedBytes <= this.#streamWindow, `a stream holds ${bufferedBytes} bytes of ${this.#streamWindow}`);
      assert.equal(window.receivedBytes, highest);
      assert.equal(window.consumedBytes, consumed.size);
    }
    assert.equal(this.#credit.used, sent);
    assert.ok(sent <= this.#credit.limit && this.#credit.limit <= this.#window.limit);
    assert.equal(this.#window.receivedBytes, received);
    assert.equal(this.#window.windowBytes, this.#connectionWindow + widened);
    assert.ok(held <= this.#connectionWindow + this.#widestBytes, `the connection holds ${held} bytes`);
  }
}

Deno.test("flow control bounds what is held and never stops who reads, however its frames are lost and reordered", () => {
  checkModel({
    start: START,
    step: STEP,
    make: (start, seen) => new FlowMachine(start, seen),
    runs: 200,
    maxSteps: 80,
    reaches: {
      "went on to the end": 200,
      "blocked": 500,
      "blocked by the connection": 300,
      "old credit": 20,
      "credit lost": 100,
      "a region": 200,
    },
  });
});
