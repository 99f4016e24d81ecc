import assert from "node:assert/strict";
import fc from "fast-check";
import { PeerError } from "../../protocol/errors.ts";
import { Assembler } from "../../protocol/streams/assembler.ts";
import { ReceiveWindow, SendCredit } from "../../protocol/streams/flow_control.ts";
import { SendBuffer } from "../../protocol/streams/send_buffer.ts";
import { modelParameters } from "../../testing/model_check.ts";

/** Bytes a stream spans in the comparison with the naive model. */
const SPAN = 160;

/** Streams start just below a block's border, the 32-bit border, or the end of the safe integers. */
const startOffset = fc.constantFrom(0, 4096 - SPAN / 2, 2 ** 32 - SPAN / 2, Number.MAX_SAFE_INTEGER - SPAN);

const assemblerStep = fc.record({
  kind: fc.constantFrom("insert", "insert", "insert", "insert", "consume", "direct", "fin", "stop"),
  at: fc.nat(SPAN),
  length: fc.oneof(fc.nat(6), fc.nat(SPAN)),
  salt: fc.nat(255),
});

/** An assembler that does everything byte by byte. Offsets count from the stream's start. */
class NaiveAssembler {
  readonly bytes = new Map<number, number>();
  readonly consumed = new Set<number>();
  readonly sunk: number[] = [];
  readPosition = 0;
  directStart = 0;
  directEnd = 0;
  highest = 0;
  finalSize: number | undefined;
  isStopped = false;

  /** How many bytes are new, or undefined where the final size forbids the frame. */
  insert(at: number, data: Uint8Array, fin: boolean): number | undefined {
    const end = at + data.length;
    if (this.finalSize !== undefined && (end > this.finalSize || (fin && end !== this.finalSize))) return undefined;
    if (fin && end < this.highest) return undefined;
    if (fin) this.finalSize = end;
    this.highest = Math.max(this.highest, end);
    const before = this.bytes.size;
    data.forEach((byte, index) => {
      if (!this.bytes.has(at + index)) this.bytes.set(at + index, byte);
    });
    this.#flow();
    return this.bytes.size - before;
  }

  consume(count: number): void {
    for (let index = 0; index < count; index++) this.consumed.add(this.readPosition++);
  }

  direct(length: number): void {
    if (this.isStopped) return;
    this.directStart = this.readPosition;
    this.directEnd = this.directStart + length;
    this.readPosition = this.directEnd;
    this.sunk.length = 0;
    this.#flow();
  }

  stop(): void {
    this.isStopped = true;
  }

  get directRemaining(): number {
    let missing = 0;
    for (let at = this.directStart; at < this.directEnd; at++) {
      if (this.sunk[at - this.directStart] === undefined) missing++;
    }
    return missing;
  }

  get directContiguous(): number {
    let at = this.directStart;
    while (at < this.directEnd && this.bytes.has(at)) at++;
    return at - this.directStart;
  }

  get readable(): number[] {
    const readable: number[] = [];
    if (this.isStopped || this.directRemaining > 0) return readable;
    for (let at = this.readPosition; this.bytes.has(at); at++) readable.push(this.bytes.get(at)!);
    return readable;
  }

  get held(): number {
    if (this.isStopped) return 0;
    return [...this.bytes.keys()].filter((at) => !this.consumed.has(at)).length;
  }

  get gaps(): number {
    let gaps = 0;
    for (let at = 0; at < this.highest; at++) {
      if (!this.bytes.has(at) && (this.bytes.has(at + 1))) gaps++;
    }
    return gaps;
  }

  #flow(): void {
    if (this.isStopped) return;
    for (let at = this.directStart; at < this.directEnd; at++) {
      const byte = this.bytes.get(at);
      if (byte === undefined || this.consumed.has(at)) continue;
      this.sunk[at - this.directStart] = byte;
      this.consumed.add(at);
    }
  }
}

/** Notes each byte once, and fails where one comes twice or outside the region. */
class OnceSink {
  readonly bytes: (number | undefined)[];

  constructor(length: number) {
    this.bytes = Array.from({ length });
  }

  write(offset: number, bytes: Uint8Array): void {
    assert.ok(offset >= 0 && offset + bytes.length <= this.bytes.length, "a write outside the region");
    bytes.forEach((byte, index) => {
      assert.equal(this.bytes[offset + index], undefined, "a byte delivered twice");
      this.bytes[offset + index] = byte;
    });
  }
}

function assertSame(assembler: Assembler, model: NaiveAssembler, from: number): void {
  assert.deepEqual([...assembler.peek()], model.readable);
  assert.deepEqual({
    readable: assembler.readableBytes,
    held: assembler.bufferedBytes,
    received: assembler.receivedBytes,
    highest: assembler.highestOffset,
    finalSize: assembler.finalSize,
    gaps: assembler.gapCount,
    remaining: assembler.isComplete ? 0 : assembler.directRemainingBytes,
    contiguous: assembler.directContiguousBytes,
    complete: assembler.isComplete,
    consumed: assembler.consumedBytes,
  }, {
    readable: model.readable.length,
    held: model.held,
    received: model.bytes.size,
    highest: from + model.highest,
    finalSize: model.finalSize === undefined ? undefined : from + model.finalSize,
    gaps: model.gaps,
    remaining: assembler.isComplete ? 0 : model.directRemaining,
    contiguous: model.directContiguous,
    complete: model.held === 0 && model.bytes.size === model.finalSize,
    consumed: model.isStopped ? model.highest : model.bytes.size - model.held,
  });
}

Deno.test("Assembler does what a naive one does, byte for byte", () => {
  fc.assert(
    fc.property(startOffset, fc.array(assemblerStep, { maxLength: 40 }), (from, steps) => {
      const assembler = new Assembler({ startOffset: from });
      const model = new NaiveAssembler();
      let sink = new OnceSink(0);
      for (const { kind, at, length, salt } of steps) {
        if (kind === "insert" || kind === "fin") {
          const data = Uint8Array.from(
            { length: Math.min(length, SPAN - at) },
            (_, index) => (salt + index * 37) & 255,
          );
          const newBytes = model.insert(at, data, kind === "fin");
          if (newBytes === undefined) {
            assert.throws(() => assembler.insert(from + at, data, 0, data.length, kind === "fin"), PeerError);
          } else {
            assert.equal(assembler.insert(from + at, data, 0, data.length, kind === "fin"), newBytes);
          }
          data.fill(0);
        } else if (kind === "consume") {
          const count = Math.min(at, assembler.readableBytes);
          assembler.consume(count);
          model.consume(count);
        } else if (kind === "direct" && model.directRemaining === 0 && model.readPosition + length <= SPAN) {
          if (!model.isStopped) sink = new OnceSink(length);
          assembler.direct(length, sink);
          model.direct(length);
        } else if (kind === "stop" && salt < 64) {
          assembler.stop();
          model.stop();
        }
        assertSame(assembler, model, from);
        assert.deepEqual(sink.bytes, Array.from(sink.bytes, (_, index) => model.sunk[index]));
      }
    }),
    modelParameters(500),
  );
});

/** What a stream carries: messages that are read whole, and files that go to a sink. */
interface Part {
  readonly kind: "message" | "file";
  readonly length: number;
}

const part: fc.Arbitrary<Part> = fc.record({
  kind: fc.constantFrom("message", "file"),
  length: fc.oneof(fc.nat(20), fc.nat(3000)),
});

interface Flight {
  readonly start: number;
  readonly end: number;
  readonly fin: boolean;
  readonly bytes: Uint8Array;
  isLost: boolean;
  isDelivered: boolean;
}

/** Window for ordered bytes: twice the longest message. Small, so that the sender is often blocked. */
const WINDOW_BYTES = 6000;

/** The byte at a place in the stream: no two stretches look alike. */
function byteAt(position: number): number {
  return (position ^ (position >> 8) * 31) & 255;
}

/** One stream over a link on which anything may happen, with both ends' flow control. */
class Transfer {
  readonly #from: number;
  readonly #parts: Part[];
  readonly #sender: SendBuffer;
  readonly #receiver: Assembler;
  readonly #credit: SendCredit;
  readonly #window: ReceiveWindow;
  readonly #flights: Flight[] = [];
  #partIndex = 0;
  #partStart = 0;
  #sink: OnceSink | undefined;

  constructor(parts: Part[], from: number) {
    this.#from = from;
    this.#parts = parts;
    this.#sender = new SendBuffer({ startOffset: from });
    this.#receiver = new Assembler({ startOffset: from });
    this.#credit = new SendCredit(WINDOW_BYTES);
    this.#window = new ReceiveWindow(WINDOW_BYTES);
    for (const { kind, length } of parts) {
      const position = this.#sender.endOffset - from;
      if (kind === "message") this.#sender.append(Uint8Array.from({ length }, (_, index) => byteAt(position + index)));
      else this.#sender.appendSource({ read: (offset, into) => fill(into, position + offset) }, length);
    }
    this.#sender.finish();
    this.#read();
  }

  get isDone(): boolean {
    return this.#partIndex === this.#parts.length && this.#receiver.isComplete && this.#sender.isFullyAcked;
  }

  send(maxBytes: number): void {
    const limit = this.#from + this.#credit.limit;
    const pending = this.#sender.hasPending(limit);
    assert.equal(this.#sender.next(maxBytes, limit), pending, "next agrees with hasPending");
    if (!pending) return;
    const { rangeStart: start, rangeEnd: end, rangeFin: fin, rangeIsRetransmission } = this.#sender;
    assert.ok(end - start <= maxBytes);
    if (!rangeIsRetransmission) this.#credit.use(end - start);
    const bytes = new Uint8Array(end - start);
    this.#sender.take(bytes, 0);
    this.#flights.push({ start, end, fin, bytes, isLost: false, isDelivered: false });
  }

  /** The packet arrives, perhaps again, perhaps after it was declared lost. */
  deliver(pick: number): void {
    const flight = this.#flights[pick % this.#flights.length];
    if (flight === undefined) return;
    flight.isDelivered = true;
    this.#window.onReceived(Math.max(flight.end, this.#receiver.highestOffset) - this.#from);
    this.#receive(() => this.#receiver.insert(flight.start, flight.bytes, 0, flight.bytes.length, flight.fin));
    this.#read();
  }

  /** An acknowledgement of the packet arrives, if the packet has; only the first one counts. */
  acknowledge(pick: number): void {
    const index = pick % this.#flights.length;
    const flight = this.#flights[index];
    if (flight === undefined || !flight.isDelivered) return;
    this.#flights.splice(index, 1);
    this.#sender.onAcked(flight.start, flight.end, flight.fin);
  }

  /** The sender declares the packet lost, rightly or not. */
  lose(pick: number): void {
    const flight = this.#flights[pick % this.#flights.length];
    if (flight === undefined || flight.isLost) return;
    flight.isLost = true;
    this.#sender.onLost(flight.start, flight.end, flight.fin);
  }

  /** A link without faults, for as long as everything needs. */
  finish(): void {
    for (let rounds = 0; !this.isDone; rounds++) {
      assert.ok(rounds < 1000, "the stream never completes");
      for (let index = this.#flights.length - 1; index >= 0; index--) {
        this.lose(index);
        if (!this.#flights[index]!.isDelivered) this.#flights.splice(index, 1);
        else this.acknowledge(index);
      }
      for (let count = 0; count < 20; count++) {
        this.send(500);
        if (this.#flights.length > 0) this.deliver(this.#flights.length - 1);
      }
    }
    const length = this.#parts.reduce((sum, { length }) => sum + length, 0);
    assert.equal(this.#receiver.finalSize, this.#from + length);
    assert.equal(this.#receiver.receivedBytes, length);
    assert.equal(this.#window.consumedBytes, length);
    assert.equal(this.#sender.ackedBytes, length);
    assert.equal(this.#sender.unackedBytes, 0);
    assert.equal(this.#sender.hasPending(this.#from + this.#credit.limit), false);
  }

  /** Calls what may change the assembler and keeps the receive window's account. */
  #receive(change: () => void): void {
    const before = this.#receiver.consumedBytes;
    change();
    this.#window.onConsumed(this.#receiver.consumedBytes - before);
    assert.ok(this.#receiver.bufferedBytes <= WINDOW_BYTES, "more in memory than the ordinary window");
    if (this.#window.shouldUpdate) this.#credit.raise(this.#window.takeUpdate());
  }

  /** Reads as many parts as have arrived, and checks each. */
  #read(): void {
    for (; this.#partIndex < this.#parts.length; this.#partIndex++) {
      const { kind, length } = this.#parts[this.#partIndex]!;
      if (kind === "message" ? !this.#readMessage(length) : !this.#readFile(length)) return;
      this.#partStart += length;
    }
  }

  #readMessage(length: number): boolean {
    if (this.#receiver.readableBytes < length) return false;
    assert.deepEqual(this.#receiver.peek().slice(0, length), fill(new Uint8Array(length), this.#partStart));
    this.#receive(() => this.#receiver.consume(length));
    return true;
  }

  #readFile(length: number): boolean {
    if (this.#sink === undefined) {
      const sink = new OnceSink(length);
      this.#sink = sink;
      this.#window.widen(WINDOW_BYTES / 2, this.#partStart + length);
      this.#receive(() => this.#receiver.direct(length, sink));
    }
    if (this.#receiver.directRemainingBytes > 0) return false;
    assert.deepEqual(Uint8Array.from(this.#sink.bytes, (byte) => byte!), fill(new Uint8Array(length), this.#partStart));
    this.#sink = undefined;
    return true;
  }
}

function fill(into: Uint8Array, position: number): Uint8Array {
  for (let index = 0; index < into.length; index++) into[index] = byteAt(position + index);
  return into;
}

Deno.test("SendBuffer and Assembler carry a stream through loss, duplication, reordering and splitting", () => {
  const event = fc.record({
    kind: fc.constantFrom("send", "send", "send", "deliver", "deliver", "acknowledge", "lose"),
    pick: fc.nat(1000),
  });
  const offset = fc.constantFrom(0, 4000, 2 ** 32 - 1000, Number.MAX_SAFE_INTEGER - 24_000);
  fc.assert(
    fc.property(
      fc.array(part, { maxLength: 6 }),
      offset,
      fc.array(event, { maxLength: 150 }),
      (parts, from, events) => {
        const transfer = new Transfer(parts, from);
        for (const { kind, pick } of events) {
          if (kind === "send") transfer.send(1 + pick);
          else transfer[kind](pick);
        }
        transfer.finish();
      },
    ),
    modelParameters(200),
  );
});
