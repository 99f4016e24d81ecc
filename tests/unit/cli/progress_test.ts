import assert from "node:assert/strict";
import fc from "fast-check";
import type { Progress } from "../../../app/client/api.ts";
import { createProgressView, Meter, progressLine } from "../../../cli/progress.ts";
import { widthOf } from "../../../cli/width.ts";
import { FakeContext } from "../../../testing/cli_fakes.ts";

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
  assert.match(line, /^a\.bin +█{8}░{22} {2}25 % 25\.0 MB\/s, 0:03 left$/);
});

Deno.test("progressLine says for how long there was no progress, instead of a time left that nobody can know", () => {
  const meter = new Meter();
  const lineAt = (ms: number, transferredBytes: number) => {
    meter.update(progress({ transferredBytes }), ms);
    return progressLine(meter, { columns: 99 });
  };
  lineAt(0, 0);
  assert.match(lineAt(1000, 25_000_000), / 25 % 25\.0 MB\/s, 0:03 left$/);
  assert.match(lineAt(3_900, 25_000_000), / left$/);
  assert.match(lineAt(4_000, 25_000_000), / 25 % no progress for 0:03$/);
  assert.match(lineAt(121_000, 25_000_000), / 25 % no progress for 2:00$/);
  assert.match(lineAt(121_100, 25_000_001), / left$/);
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
  const news = fc.record({
    name: fc.oneof(fc.string({ unit: "grapheme" }), fc.string({ unit: "binary" })),
    totalBytes: fc.maxSafeNat(),
    phase,
  });
  fc.assert(
    fc.property(news, fc.maxSafeNat(), fc.integer({ min: 1, max: 300 }), (changes, transferredBytes, columns) => {
      const meter = new Meter();
      meter.update(progress(changes), 0);
      meter.update(progress({ ...changes, transferredBytes }), 1000);
      const line = progressLine(meter, { columns });
      assert.ok(widthOf(line) <= columns, `${widthOf(line)} > ${columns}: ${line}`);
      // deno-lint-ignore no-control-regex
      assert.doesNotMatch(line, /[\x00-\x1f\x7f]/);
    }),
    { numRuns: 300 },
  );
});

/** A context with a terminal of 100 columns, and a view on it. */
function makeView({ isTerminal = true, enabled = true } = {}) {
  const context = new FakeContext();
  context.console.errIsTerminal = isTerminal;
  const view = createProgressView(context, { enabled });
  return { ...context, view, passMs: (ms: number) => context.clock.pass(ms * 1000) };
}

/** What a terminal shows after `text`, line by line; it knows the two sequences that erase bars. */
function screenOf(text: string): string[] {
  const lines = [""];
  let row = 0;
  // deno-lint-ignore no-control-regex
  for (const part of text.split(/(\x1b\[1A|\r\x1b\[J|\n)/)) {
    if (part === "\x1b[1A") row--;
    else if (part === "\r\x1b[J") lines.splice(row, lines.length, "");
    else if (part === "\n") lines[++row] = "";
    else lines[row] += part;
  }
  return lines;
}

Deno.test("createProgressView draws a bar for each transfer and removes them to print", () => {
  const { console, passMs, view } = makeView();
  const first = view.start();
  const second = view.start();
  passMs(100);
  first.update(progress({ name: "one", transferredBytes: 50_000_000 }));
  second.update(progress({ name: "two" }));
  assert.match(screenOf(console.drawn).join("\n"), /^one .* 50 %\ntwo .* 0 %$/);
  let shownAtPrint: string[] = [];
  view.print(() => {
    shownAtPrint = screenOf(console.drawn);
    console.drawn += "a line\n";
  });
  assert.deepEqual(shownAtPrint, [""]);
  assert.match(screenOf(console.drawn).join("\n"), /^a line\none .* 50 %\ntwo .* 0 %$/);
  first.finish();
  assert.match(screenOf(console.drawn).join("\n"), /^a line\ntwo .* 0 %$/);
  view.close();
  assert.deepEqual(screenOf(console.drawn), ["a line", ""]);
});

Deno.test("createProgressView shows work without a bar at once, in a line of its own", () => {
  const { console, view } = makeView();
  const comparing = view.busy("comparing both sides");
  assert.deepEqual(screenOf(console.drawn), ["comparing both sides"]);
  view.print(() => console.drawn += "a line\n");
  assert.deepEqual(screenOf(console.drawn), ["a line", "comparing both sides"]);
  comparing.finish();
  assert.deepEqual(screenOf(console.drawn), ["a line", ""]);
});

Deno.test("createProgressView leaves three columns free, so that a typed ^C does not wrap the line", () => {
  const { console, passMs, view } = makeView();
  const task = view.start();
  passMs(100);
  for (console.width = 40; console.width <= 80; console.width++) {
    passMs(1000);
    task.update(progress({ name: "n".repeat(200), phase: "verifying", transferredBytes: 100_000_000 }));
    const [line] = screenOf(console.drawn);
    assert.ok(widthOf(line!) <= console.width - 3, `${widthOf(line!)} of ${console.width}: ${line}`);
  }
});

Deno.test("createProgressView draws ten times a second at most, however many updates there are", () => {
  const { console, passMs, view } = makeView();
  const task = view.start();
  for (let bytes = 0; bytes < 100_000_000; bytes += 100_000) {
    passMs(1);
    task.update(progress({ transferredBytes: bytes }));
  }
  const drawings = console.drawn.split("\x1b[J").length;
  assert.ok(drawings >= 9 && drawings <= 11, `${drawings} in a second`);
});

Deno.test("createProgressView draws at once that a transfer waits for a connection: nothing else may follow for long", () => {
  const { console, passMs, view } = makeView();
  const task = view.start();
  passMs(100);
  task.update(progress({ transferredBytes: 50_000_000 }));
  view.print(() => console.drawn += "connection lost\n");
  task.update(progress({ transferredBytes: 50_000_000, phase: "connecting" }));
  assert.match(screenOf(console.drawn).join("\n"), /^connection lost\na\.bin +connecting$/);
});

Deno.test("createProgressView draws nothing new while the last drawing waits for a slow reader", () => {
  const { console, passMs, view } = makeView();
  const task = view.start();
  passMs(1000);
  console.waitingBytes = 1;
  task.update(progress({ transferredBytes: 1 }));
  assert.equal(console.drawn, "");
  console.waitingBytes = 0;
  task.update(progress({ transferredBytes: 2 }));
  assert.notEqual(console.drawn, "");
});

Deno.test("createProgressView shows nothing of a short transfer, nor of a closed view", () => {
  const { console, passMs, view } = makeView();
  const short = view.start();
  passMs(50);
  short.update(progress());
  short.finish();
  view.close();
  assert.equal(console.drawn, "");
});

Deno.test("createProgressView shows nothing in a pipe or when it is disabled", () => {
  for (const options of [{ isTerminal: false }, { enabled: false }]) {
    const { console, passMs, view } = makeView(options);
    const task = view.start();
    passMs(1000);
    task.update(progress());
    let printed = false;
    view.print(() => printed = true);
    task.finish();
    view.close();
    assert.equal(printed, true);
    assert.equal(console.drawn, "");
  }
});

Deno.test("progressLine shows the per cent however narrow the terminal is", () => {
  const meter = new Meter();
  meter.update(progress({ name: "漢字ファイル名の長いテスト文書です.bin", transferredBytes: 42, totalBytes: 100 }), 0);
  for (let columns = 7; columns <= 100; columns++) {
    const line = progressLine(meter, { columns });
    assert.match(line, / 42 %/, `${columns} columns: ${line}`);
    assert.ok(widthOf(line) <= columns);
  }
});
