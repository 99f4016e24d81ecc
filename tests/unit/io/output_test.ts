import assert from "node:assert/strict";
import { Output, OutputQueue, type Sink } from "../../../io/output.ts";

/** A sink whose writes go as a test says; without more to say, it takes all. */
class FakeSink implements Sink {
  isTerminal = false;
  readonly #results: (number | Error)[];
  readonly #written: string[];

  constructor(written: string[], ...results: (number | Error)[]) {
    this.#written = written;
    this.#results = results;
  }

  write(bytes: Uint8Array): Promise<number> {
    const result = this.#results.shift() ?? bytes.length;
    if (result instanceof Error) return Promise.reject(result);
    const count = Math.min(result, bytes.length);
    if (count > 0) this.#written.push(new TextDecoder().decode(bytes.subarray(0, count)));
    return Promise.resolve(count);
  }
}

/** A queue that waits in no time, and how long it would have waited. */
function queueOf(waitsMs: number[] = []): OutputQueue {
  return new OutputQueue((delayMs) => Promise.resolve(void waitsMs.push(delayMs)));
}

/** Resolves when whatever waits for no time has gone on. */
function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}

Deno.test("Output writes what a slow reader does not take at once when it does", async () => {
  const written: string[] = [];
  const waitsMs: number[] = [];
  const queue = queueOf(waitsMs);
  const out = new Output(new FakeSink(written, 0, 0, 3, 0, 0, ...Array(8).fill(0)), queue);
  out.write("one\n");
  out.write("two\n");
  assert.equal(queue.waitingBytes, 8);
  await queue.flush();
  assert.equal(written.join(""), "one\ntwo\n");
  assert.equal(queue.waitingBytes, 0);
  assert.deepEqual(waitsMs, [1, 2, 1, 2, 4, 8, 16, 32, 64, 64, 64, 64]);
  assert.equal(out.loss, undefined);
});

Deno.test("OutputQueue keeps the order of two streams that lead to one place", async () => {
  const written: string[] = [];
  const queue = queueOf();
  const out = new Output(new FakeSink(written, 0), queue);
  const err = new Output(new FakeSink(written), queue);
  out.write("1");
  err.write("2");
  out.write("3");
  out.write("4");
  err.write("5");
  await queue.flush();
  assert.equal(written.join(""), "12345");
});

Deno.test("OutputQueue writes many lines at once, but no more than a pipe holds", async () => {
  const written: string[] = [];
  const queue = queueOf();
  const out = new Output(new FakeSink(written), queue);
  const line = "x".repeat(999) + "\n";
  for (let count = 0; count < 200; count++) out.write(line);
  out.write("y".repeat(100_000));
  await queue.flush();
  assert.deepEqual(written.map(({ length }) => length), [1000, 65_000, 65_000, 65_000, 4000, 100_000]);
});

Deno.test("OutputQueue lets lines that follow one another wait for each other, but not on a terminal", async () => {
  for (const isTerminal of [false, true]) {
    const written: string[] = [];
    const waits: { readonly delayMs: number; readonly end: () => void }[] = [];
    const queue = new OutputQueue((delayMs) => new Promise((end) => waits.push({ delayMs, end })));
    const sink = new FakeSink(written);
    sink.isTerminal = isTerminal;
    const out = new Output(sink, queue);
    for (const line of ["1\n", "2\n", "3\n"]) {
      out.write(line);
      await settled();
    }
    assert.deepEqual(written, isTerminal ? ["1\n", "2\n", "3\n"] : ["1\n"]);
    assert.deepEqual(waits.map(({ delayMs }) => delayMs), isTerminal ? [] : [20]);
    waits[0]?.end();
    await settled();
    assert.equal(written.join(""), "1\n2\n3\n");
    assert.equal(written.length, isTerminal ? 3 : 2);
  }
});

Deno.test("OutputQueue lets nothing wait that is flushed, or is enough for a write", async () => {
  const written: string[] = [];
  const queue = new OutputQueue(() => new Promise(() => {}));
  const out = new Output(new FakeSink(written), queue);
  out.write("1\n");
  await settled();
  out.write("2\n");
  await settled();
  assert.deepEqual(written, ["1\n"]);
  await queue.flush();
  assert.deepEqual(written, ["1\n", "2\n"]);
  out.write("3\n");
  await settled();
  out.write("4\n");
  out.write("x".repeat(65_536));
  await settled();
  assert.deepEqual(written.map(({ length }) => length), [2, 2, 2, 2, 65_536]);
});

Deno.test("Output tells which lines were lost and why, and tries again with the next", async () => {
  const written: string[] = [];
  const lost: (number | string | undefined)[] = [];
  const queue = queueOf();
  const sink = new FakeSink(written, 2, 3, new Error("No space left on device (os error 28)"));
  const out = new Output(sink, queue);
  for (const line of [0, 1, 2, 3]) out.write(`${line}\n`, (reason) => lost.push(line, reason));
  await queue.flush();
  out.write("4\n", (reason) => lost.push(4, reason));
  await queue.flush();
  assert.deepEqual(written, ["0\n", "1\n2", "4\n"]);
  assert.deepEqual(lost, [2, "No space left on device", 3, "No space left on device"]);
  assert.deepEqual(out.loss, { reason: "No space left on device" });
});

Deno.test("Output has no reason for a reader that has gone, and takes it for no loss that the terminal has", async () => {
  for (const isTerminal of [false, true]) {
    const lost: (string | undefined)[] = [];
    const error = isTerminal ? new Error("Input/output error (os error 5)") : new Deno.errors.BrokenPipe();
    const queue = queueOf();
    const sink = new FakeSink([], error);
    sink.isTerminal = isTerminal;
    const out = new Output(sink, queue);
    out.write("line\n", (reason) => lost.push(reason));
    await queue.flush();
    assert.deepEqual(lost, [undefined]);
    assert.deepEqual(out.loss, isTerminal ? undefined : { reason: undefined });
  }
});
