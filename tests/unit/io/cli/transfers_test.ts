import assert from "node:assert/strict";
import { SluiceError } from "../../../../io/api.ts";
import { createProgressView } from "../../../../io/cli/progress.ts";
import { asInterruption, MAX_PARALLEL, runTransfers, type Transfer } from "../../../../io/cli/transfers.ts";
import { FakeConsole, FakeEngine, fakeReport } from "./fakes.ts";

function gets(...names: string[]): Transfer[] {
  return names.map((file) => ({ direction: "get", file, target: undefined, overwrite: false }));
}

async function run(
  transfers: readonly Transfer[],
  setup: (engine: FakeEngine, abort: AbortController) => void = () => {},
) {
  const engine = new FakeEngine();
  const console = new FakeConsole();
  const abort = new AbortController();
  setup(engine, abort);
  const client = await engine.connect({ host: "h", port: 1 });
  const view = createProgressView(console, { enabled: true, nowMs: () => 0 });
  const exitCode = await runTransfers(transfers, { client, console, view, signal: abort.signal, quiet: false });
  return { engine, console, exitCode };
}

Deno.test("runTransfers runs a few at a time and all in the end", async () => {
  const { engine, console, exitCode } = await run(gets(..."abcdefghij"));
  assert.equal(exitCode, 0);
  assert.equal(engine.calls.length, 10);
  assert.equal(engine.mostRunning, MAX_PARALLEL);
  assert.equal(console.outLines.filter((line) => line === "match:           yes").length, 10);
});

Deno.test("runTransfers goes on after a failure and ends with the first one's code, in the order given", async () => {
  const { engine, console, exitCode } = await run(gets("a", "refused", "b", "missing", "c"));
  assert.equal(exitCode, 4);
  assert.equal(engine.calls.length, 5);
  assert.deepEqual(console.errLines, [
    'error: refused: "refused" exists already',
    'error: missing: "missing" does not exist',
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
  assert.ok(console.outLines.includes("match:           no"));
  assert.match(console.errLines[0]!, /checksums differ/);
});

Deno.test("runTransfers begins nothing after an abort", async () => {
  const { engine, exitCode } = await run(gets("stuck", "stuck", "stuck", "stuck", "a", "b"), (engine, abort) => {
    engine.onStuck = () => abort.abort();
  });
  assert.equal(exitCode, 130);
  assert.equal(engine.calls.length, 4);
});

Deno.test("runTransfers passes on name, path and force", async () => {
  const { engine } = await run([
    { direction: "send", file: "x/a", target: "b", overwrite: true },
    { direction: "get", file: "c", target: "d", overwrite: false },
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
