import assert from "node:assert/strict";
import fs from "node:fs";
import fc from "fast-check";
import { atomicBytesOf, leadToSamePlace, LineBufferedSink, UnbufferedSink } from "../../../io/standard_stream.ts";

const BUFFER_BYTES = 1024;
const LINE_BREAK = 10;

/** A stream that does not block and whose reader comes now and then. */
class Device {
  readonly read: number[] = [];
  readonly #atomicBytes: number;
  readonly #rooms: readonly number[];
  #turn = 0;

  constructor(atomicBytes: number, rooms: readonly number[]) {
    this.#atomicBytes = atomicBytes;
    this.#rooms = rooms;
  }

  write(bytes: Uint8Array): number {
    const room = this.#rooms[this.#turn++ % this.#rooms.length]!;
    const count = bytes.length <= this.#atomicBytes && bytes.length > room ? 0 : Math.min(room, bytes.length);
    if (count === 0) throw new Deno.errors.WouldBlock();
    this.read.push(...bytes.subarray(0, count));
    return count;
  }
}

/** Standard output as Deno writes it: Rust's LineWriter before the device, flushed after each write. */
class LineBuffer {
  readonly #device: Device;
  #buffer: number[] = [];

  constructor(device: Device) {
    this.#device = device;
  }

  isTerminal = () => false;

  // deno-lint-ignore require-await -- as a promise, like Deno's
  async write(bytes: Uint8Array): Promise<number> {
    const count = this.#buffered(bytes);
    this.#flush();
    return count;
  }

  #buffered(bytes: Uint8Array): number {
    const end = bytes.lastIndexOf(LINE_BREAK) + 1;
    if (end > 0 || this.#buffer.length + bytes.length > BUFFER_BYTES) this.#flush();
    if (end === 0 && bytes.length < BUFFER_BYTES) return this.#keep(bytes);
    const written = this.#device.write(end === 0 ? bytes : bytes.subarray(0, end));
    if (end === 0) return written;
    const rest = bytes.subarray(written, written < end ? end : bytes.length);
    if (written >= end && rest.length >= BUFFER_BYTES) return written;
    return written + this.#keep(rest.subarray(0, BUFFER_BYTES));
  }

  #keep(bytes: Uint8Array): number {
    this.#buffer.push(...bytes);
    return bytes.length;
  }

  #flush(): void {
    while (this.#buffer.length > 0) {
      const written = this.#device.write(new Uint8Array(this.#buffer));
      this.#buffer = this.#buffer.slice(written);
    }
  }
}

async function writeAll(sink: { write(bytes: Uint8Array): Promise<number> }, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await sink.write(bytes.subarray(at));
}

const text = fc.array(fc.nat(3000), { minLength: 1, maxLength: 30 }).map((lengths) =>
  new TextEncoder().encode(lengths.map((length, index) => `${index}`.padEnd(length, "x") + "\n").join(""))
);
// A reader that makes room for some bytes at times, and for all in the end.
const rooms = fc.array(fc.constantFrom(0, 0, 1, 100, 1500, 5000), { minLength: 1, maxLength: 20 }).map((some) => [
  ...some,
  10_000,
]);

Deno.test("LineBufferedSink writes each byte once and in order, to a pipe and to a terminal that do not block", async () => {
  await fc.assert(fc.asyncProperty(text, rooms, fc.constantFrom(1, 512, 4096), async (bytes, rooms, atomicBytes) => {
    const device = new Device(atomicBytes, rooms);
    await writeAll(new LineBufferedSink(new LineBuffer(device), atomicBytes), bytes);
    assert.deepEqual(Uint8Array.from(device.read), bytes);
  }));
});

Deno.test("LineBufferedSink hands a whole batch of lines to a file at once", async () => {
  const sizes: number[] = [];
  const write = (bytes: Uint8Array) => {
    sizes.push(bytes.length);
    return Promise.resolve(bytes.length);
  };
  const sink = new LineBufferedSink({ write, isTerminal: () => false }, Infinity);
  await writeAll(sink, new TextEncoder().encode("line\n".repeat(5000)));
  assert.deepEqual(sizes, [25_000]);
});

Deno.test("UnbufferedSink writes each byte once and in order", async () => {
  await fc.assert(fc.asyncProperty(text, rooms, async (bytes, rooms) => {
    const device = new Device(1, rooms);
    const write = (part: Uint8Array) => Promise.try(() => device.write(part));
    await writeAll(new UnbufferedSink({ write, isTerminal: () => false }), bytes);
    assert.deepEqual(Uint8Array.from(device.read), bytes);
  }));
});

Deno.test("both sinks pass on an error of the stream", async () => {
  const stream = { write: () => Promise.reject(new Error("disk full")), isTerminal: () => true };
  for (const sink of [new LineBufferedSink(stream, 1), new UnbufferedSink(stream)]) {
    assert.equal(sink.isTerminal, true);
    await assert.rejects(sink.write(new Uint8Array(1)), /disk full/);
  }
});

Deno.test("atomicBytesOf and leadToSamePlace tell files apart", async () => {
  const path = await Deno.makeTempFile();
  try {
    const [one, other] = [fs.openSync(path, "r"), fs.openSync(path, "w")];
    const elsewhere = fs.openSync(import.meta.filename!, "r");
    assert.equal(atomicBytesOf(one), Infinity);
    assert.equal(leadToSamePlace(one, other), true);
    assert.equal(leadToSamePlace(one, elsewhere), false);
    for (const descriptor of [one, other, elsewhere]) fs.closeSync(descriptor);
    assert.equal(atomicBytesOf(9999), 1);
    assert.equal(leadToSamePlace(9999, 9999), false);
  } finally {
    await Deno.remove(path);
  }
});
