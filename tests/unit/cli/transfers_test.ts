import assert from "node:assert/strict";
import { SluiceError } from "../../../app/api.ts";
import { LimitTally } from "../../../cli/limit.ts";
import { asInterruption, runTransfers, type Transfer } from "../../../cli/transfers.ts";
import { FakeConsole, FakeContext, FakeEngine, fakeReport, FakeView } from "../../../testing/cli_fakes.ts";
import { FakeClock } from "../../../testing/fake_clock.ts";

const SHA256 = "ab".repeat(32);

function gets(...names: string[]): Transfer[] {
  return names.map((file) => ({ direction: "get", file, target: undefined, ifExists: "beside" }));
}

async function run(
  transfers: readonly Transfer[],
  setup: (engine: FakeEngine, abort: AbortController) => void = () => {},
  { quiet = false, verbose = false, json = false } = {},
) {
  const engine = new FakeEngine();
  const console = new FakeConsole();
  const abort = new AbortController();
  setup(engine, abort);
  const client = await engine.connect({ host: "h", port: 1 });
  const view = new FakeView();
  const { readPipe } = new FakeContext();
  const followUntil = new AbortController().signal;
  const clock = new FakeClock();
  const tally = new LimitTally();
  const signal = abort.signal;
  const how = { quiet, verbose, json };
  const session = { client, clock, console, cpuUs: () => 0, view, signal, tally, ...how, readPipe, followUntil };
  const exitCode = await runTransfers(transfers, session);
  return { engine, console, exitCode, view };
}

function names(count: number, prefix = "file"): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}-${i}`);
}

Deno.test("runTransfers runs few large files at a time, and all in the end", async () => {
  const { engine, exitCode } = await run(gets(...names(20)), (engine) => {
    engine.sizeBytes = 2 ** 30;
  });
  assert.equal(exitCode, 0);
  assert.equal(engine.calls.length, 20);
  assert.equal(engine.mostRunning, 4);
});

Deno.test("runTransfers runs many small files at a time, and all in the end", async () => {
  const { engine, exitCode } = await run(gets(...names(1000)), (engine) => {
    engine.sizeBytes = 10_000;
  });
  assert.equal(exitCode, 0);
  assert.equal(engine.calls.length, 1000);
  assert.equal(engine.mostRunning, 256);
});

Deno.test("runTransfers reports a file in one line, and its checksum if it is to be verbose", async () => {
  const line = "a                            2.0 MB       500 ms     4.0 MB/s";
  assert.deepEqual((await run(gets("a"))).console.outLines, [line]);
  assert.deepEqual((await run(gets("a"), undefined, { verbose: true })).console.outLines, [line, `  sha256 ${SHA256}`]);
});

Deno.test("runTransfers reports files as objects if that is asked for, and what failed on standard error", async () => {
  const { console, exitCode } = await run(gets("a", "missing"), undefined, { json: true });
  assert.equal(exitCode, 3);
  assert.deepEqual(console.outLines, [
    `{"type":"file","action":"get","status":"done","name":"a","savedAs":"a","sizeBytes":2000000,"reusedBytes":0,` +
    `"sha256":"${SHA256}","elapsedMs":500}`,
    '{"type":"summary","action":"get","isDryRun":false,"filesDone":1,"filesUnchanged":0,"bytesDone":2000000,' +
    '"failed":1,"elapsedMs":0}',
  ]);
  assert.deepEqual(console.errLines, [
    '{"type":"error","kind":"not-found","exitCode":3,"name":"missing","message":"\\"missing\\" does not exist"}',
  ]);
});

Deno.test("runTransfers reports several files in a line each, and a total", async () => {
  const { console } = await run(gets(...names(100), "missing"));
  assert.equal(console.outLines.length, 101);
  assert.deepEqual(
    console.outLines.slice(0, 100).toSorted(),
    names(100).map((name) => `${name.padEnd(24)}     2.0 MB       500 ms     4.0 MB/s`).toSorted(),
  );
  assert.match(console.outLines[100]!, /^100 of 101 files received and verified, 200.0 MB in /);
  assert.deepEqual(console.errLines, ['error: "missing" does not exist']);
});

Deno.test("runTransfers says nothing but errors where it is to be quiet", async () => {
  for (const count of [1, 100]) {
    const { console } = await run(gets(...names(count), "missing"), undefined, { quiet: true });
    assert.deepEqual(console.outLines, []);
    assert.equal(console.errLines.length, 1);
  }
});

Deno.test("runTransfers says once that the disk did not keep an attribute, unless it is to be quiet", async () => {
  const lossy = (engine: FakeEngine) => {
    engine.report = (name) => fakeReport(name, { notKept: ["modification time"] });
  };
  const { console, exitCode } = await run(gets("a\nb", "c"), lossy);
  assert.equal(exitCode, 0);
  assert.deepEqual(console.errLines, [
    'warning: "a\\nb" was saved, but the disk did not keep its modification time exactly (said once)',
  ]);
  assert.deepEqual((await run(gets("a", "c"), lossy, { quiet: true })).console.errLines, []);
});

Deno.test("runTransfers tells the same error of many files ten times, and then how often it was", async () => {
  const { console, exitCode } = await run(gets(...names(50, "lost")), (engine) => {
    engine.error = () => new SluiceError("failed", "the connection was lost");
  });
  assert.equal(exitCode, 1);
  assert.deepEqual(console.errLines, [
    ...names(10, "lost").map((name) => `error: "${name}": the connection was lost`),
    'error: and 40 more for the same reason as "lost-0"',
  ]);
  assert.match(console.outLines[0]!, /^0 of 50 files received/);
});

Deno.test("runTransfers warns of a file that is not where it was to be, also where it is to be quiet", async () => {
  for (const quiet of [false, true]) {
    const { console, exitCode } = await run(
      [...gets("a", "b"), { direction: "send", file: "x/c", target: undefined, ifExists: "refuse" }],
      (engine) => engine.report = (name) => fakeReport(name, { savedAs: name === "a" ? "a_received" : name }),
      { quiet },
    );
    assert.equal(exitCode, 0);
    assert.deepEqual(console.errLines, ['warning: "a" exists; saved as "a_received"']);
  }
  const { console } = await run(gets(...names(50)), (engine) => {
    engine.report = (name) => fakeReport(name, { savedAs: `${name}_received` });
  });
  assert.equal(console.errLines.length, 11);
  assert.equal(console.errLines[10], 'warning: and 40 more for the same reason as "file-0"');
});

Deno.test("runTransfers shows one bar, whatever the number of files", async () => {
  const many = await run(gets(...names(100)));
  assert(many.view.shown.every((name) => /^\d+\/100 files$/.test(name)));
  assert.equal(many.view.shown.at(-1), "100/100 files");
  assert.equal(many.view.bars, 0);
  const few = await run(gets("a", "b"));
  assert.equal(few.view.shown.at(-1), "2/2 files");
  assert.equal(few.view.bars, 0);
  assert.deepEqual((await run(gets("a"))).view.shown, ["a"]);
});

Deno.test("runTransfers goes on after a failure and ends with the first one's code, in the order given", async () => {
  const { engine, console, exitCode } = await run(gets("a", "refused", "b", "missing", "c"));
  assert.equal(exitCode, 4);
  assert.equal(engine.calls.length, 5);
  assert.deepEqual(console.errLines, [
    'error: "refused" exists already',
    'error: "missing" does not exist',
  ]);
});

Deno.test("runTransfers names no file in the error of a single transfer", async () => {
  const { console } = await run(gets("missing"));
  assert.deepEqual(console.errLines, ['error: "missing" does not exist']);
});

Deno.test("runTransfers takes differing checksums for a failure whatever the engine says", async () => {
  const { console, exitCode } = await run(gets("a"), (engine) => {
    engine.report = (name) => fakeReport(name, { localSha256: "00".repeat(32) });
  });
  assert.equal(exitCode, 1);
  assert.deepEqual(console.outLines, []);
  assert.match(console.errLines[0]!, /checksums differ/);
});

Deno.test("runTransfers begins nothing after an abort", async () => {
  const { engine, exitCode } = await run(gets("stuck", "stuck", "stuck", "stuck", "a", "b"), (engine, abort) => {
    engine.sizeBytes = 2 ** 30;
    engine.onStuck = () => abort.abort();
  });
  assert.equal(exitCode, 130);
  assert.equal(engine.calls.length, 4);
});

Deno.test("runTransfers passes on name, path and force", async () => {
  const { engine } = await run([
    { direction: "send", file: "x/a", target: "b", ifExists: "replace" },
    { direction: "get", file: "c", target: "d", ifExists: "beside" },
  ]);
  assert.deepEqual(engine.calls, ["send x/a -> b (force)", "get c -> d"]);
});

Deno.test("asInterruption knows an abort in any words, and nothing else", () => {
  const abort = new AbortController();
  const other = new SluiceError("failed", "");
  const domAbort = new DOMException("", "AbortError");
  assert.equal(asInterruption(domAbort, abort.signal), domAbort);
  abort.abort();
  assert.equal((asInterruption(abort.signal.reason, abort.signal) as SluiceError).kind, "interrupted");
  assert.equal((asInterruption(domAbort, abort.signal) as SluiceError).kind, "interrupted");
  assert.equal(asInterruption(other, abort.signal), other);
});

function toOutput(...names: string[]): Transfer[] {
  return names.map((file) => ({ direction: "get", file, target: "-", ifExists: "refuse", special: "standard" }));
}

const outputText = ({ bytesOut }: FakeConsole) => new TextDecoder().decode(Uint8Array.from(bytesOut));

Deno.test("runTransfers writes files to standard output one after the other, and all else to standard error", async () => {
  const { console, engine, exitCode } = await run(toOutput("one", "two", "three"));
  assert.equal(exitCode, 0);
  assert.equal(outputText(console), "onetwothree");
  assert.equal(engine.mostRunning, 1);
  assert.deepEqual(console.outLines, []);
  assert.equal(console.errLines.filter((line) => line.includes("2.0 MB")).length, 3);
  assert.ok(!console.errLines.join("\n").includes("warning"));
});

Deno.test("runTransfers writes nothing more to standard output after a failure", async () => {
  const { console, exitCode } = await run(toOutput("one", "missing", "three"));
  assert.equal(exitCode, 3);
  assert.equal(outputText(console), "onemissing");
});

Deno.test("runTransfers ends quietly when the reader of standard output has gone, and not when its disk is full", async () => {
  for (const [reason, code] of [[undefined, 141], ["No space left on device", 7]] as const) {
    const transfers = toOutput("one", "two");
    const console = new FakeConsole();
    console.outLoss = { reason };
    const engine = new FakeEngine();
    const client = await engine.connect({ host: "h", port: 1 });
    const signal = new AbortController().signal;
    const { readPipe } = new FakeContext();
    const exitCode = await runTransfers(transfers, {
      client,
      clock: new FakeClock(),
      console,
      view: new FakeView(),
      signal,
      followUntil: signal,
      quiet: false,
      verbose: false,
      json: false,
      cpuUs: () => 0,
      tally: new LimitTally(),
      readPipe,
    });
    assert.equal(exitCode, code);
    assert.deepEqual([console.errLines, console.outLines], [[], []]);
  }
});

Deno.test("runTransfers sends standard input and pipes", async () => {
  const sent: Transfer[] = [
    { direction: "send", file: "-", target: "a", ifExists: "replace", special: "standard" },
    { direction: "send", file: "x/fifo", target: undefined, ifExists: "refuse", special: "pipe" },
  ];
  for (
    const [index, text, call] of [[0, "stdin", "send from a pipe a -> a (force)"], [
      1,
      "x/fifo",
      "send from a pipe fifo -> fifo",
    ]] as const
  ) {
    const { engine, exitCode } = await run([sent[index]!]);
    assert.equal(exitCode, 0);
    assert.equal(new TextDecoder().decode(Uint8Array.from(engine.sentBytes)), text);
    assert.deepEqual(engine.calls, [call]);
  }
});
