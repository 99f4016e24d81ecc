import assert from "node:assert/strict";
import fc from "fast-check";
import type { Progress } from "../../../app/client/api.ts";
import { createProgressView, Meter, progressLine } from "../../../cli/progress.ts";
import { FakeConsole } from "../../../testing/cli_fakes.ts";

function progress(changes: Partial<Progress> = {}): Progress {
  return { name: "a.bin", transferredBytes: 0, totalBytes: 100_000_000, phase: "transferring", ...changes };
}

Deno.test("Meter averages the rate over samples that lie apart", () => {
  const meter = new Meter();
  meter.update(progress(), 0);
  assert.equal(meter.rate, undefined);
  meter.update(progress({ transferredBytes: 1_000_000 }), 100);
  assert.equal(meter.rate, undefined);
  meter.update(progress({ transferredBytes: 10_000_000 }), 1000);
  assert.equal(meter.rate, 10_000_000);
  meter.update(progress({ transferredBytes: 30_000_000 }), 2000);
  assert.equal(meter.rate, 12_000_000);
});

Deno.test("Meter does not count the time of connecting", () => {
  const meter = new Meter();
  meter.update(progress({ phase: "connecting" }), 0);
  meter.update(progress(), 5000);
  meter.update(progress({ transferredBytes: 10_000_000 }), 6000);
  assert.equal(meter.rate, 10_000_000);
});

Deno.test("progressLine shows name, bar, share, rate and time left", () => {
  const meter = new Meter();
  meter.update(progress(), 0);
  meter.update(progress({ transferredBytes: 25_000_000 }), 1000);
  const line = progressLine(meter, { columns: 99 });
  assert.match(line, /^a\.bin +█{8}░{22} {2}25 % 25\.0 MB\/s, 3 s left$/);
});

Deno.test("progressLine tells the phases apart", () => {
  const line = (changes: Partial<Progress>) => {
    const meter = new Meter();
    meter.update(progress(changes), 0);
    return progressLine(meter, { columns: 99 });
  };
  assert.match(line({ phase: "connecting" }), /connecting$/);
  assert.match(line({ totalBytes: 0, transferredBytes: 1500 }), /1\.5 kB$/);
  assert.match(line({ phase: "verifying", transferredBytes: 100_000_000 }), /100 % verifying$/);
  assert.match(line({ phase: "verifying", totalBytes: 0 }), /100 % verifying$/);
});

Deno.test("progressLine never is wider than the terminal nor holds a control character", () => {
  const phase = fc.constantFrom("connecting" as const, "transferring" as const, "verifying" as const);
  const news = fc.record({ name: fc.string({ unit: "binary-ascii" }), totalBytes: fc.maxSafeNat(), phase });
  fc.assert(
    fc.property(news, fc.maxSafeNat(), fc.integer({ min: 1, max: 300 }), (changes, transferredBytes, columns) => {
      const meter = new Meter();
      meter.update(progress(changes), 0);
      meter.update(progress({ ...changes, transferredBytes }), 1000);
      const line = progressLine(meter, { columns });
      assert.ok(line.length <= columns, `${line.length} > ${columns}`);
      // deno-lint-ignore no-control-regex
      assert.doesNotMatch(line, /[\x00-\x1f\x7f]/);
    }),
    { numRuns: 300 },
  );
});

/** Waits until the bars are drawn: what draws them is loaded when the first is needed. */
async function drawn(console: FakeConsole): Promise<void> {
  while (console.drawn === "") await new Promise((resolve) => setTimeout(resolve, 1));
}

Deno.test("createProgressView draws bars on a terminal and takes them away to print", async () => {
  const console = new FakeConsole();
  console.errIsTerminal = true;
  let nowMs = 0;
  const view = createProgressView(console, { enabled: true, nowMs: () => nowMs });
  const first = view.start();
  const second = view.start();
  nowMs = 100;
  first.update(progress({ name: "one", transferredBytes: 50_000_000 }));
  second.update(progress({ name: "two" }));
  await drawn(console);
  let drawnAtPrint = "";
  view.print(() => drawnAtPrint = console.drawn);
  assert.match(drawnAtPrint, /one.* 50 %/);
  // The last thing before the text is "clear to the end of the screen".
  assert.ok(drawnAtPrint.endsWith("\x1b[0J"));
  console.drawn = "";
  first.finish();
  view.close();
  assert.ok(console.drawn.endsWith("\x1b[0J"));
});

Deno.test("createProgressView shows nothing of a transfer that is over at once, nor of a view that is closed", async () => {
  const console = new FakeConsole();
  console.errIsTerminal = true;
  let nowMs = 0;
  const view = createProgressView(console, { enabled: true, nowMs: () => nowMs });
  const short = view.start();
  nowMs = 50;
  short.update(progress());
  short.finish();
  const long = view.start();
  nowMs = 200;
  long.update(progress());
  view.close();
  await import("cli-progress");
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(console.drawn, "");
});

Deno.test("createProgressView shows nothing in a pipe or when it is not wanted", () => {
  for (
    const { errIsTerminal, enabled } of [{ errIsTerminal: false, enabled: true }, {
      errIsTerminal: true,
      enabled: false,
    }]
  ) {
    const console = new FakeConsole();
    console.errIsTerminal = errIsTerminal;
    const view = createProgressView(console, { enabled, nowMs: () => 0 });
    const task = view.start();
    task.update(progress());
    let printed = false;
    view.print(() => printed = true);
    task.finish();
    view.close();
    assert.equal(printed, true);
    assert.equal(console.drawn, "");
  }
});
