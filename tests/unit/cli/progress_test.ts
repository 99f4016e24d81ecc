import assert from "node:assert/strict";
import fc from "fast-check";
import type { Progress } from "../../../app/client/api.ts";
import { Meter } from "../../../cli/meter.ts";
import { createProgressView, progressLine, progressText } from "../../../cli/progress.ts";
import { widthOf } from "../../../cli/width.ts";
import { FakeContext } from "../../../testing/cli_fakes.ts";

function progress(changes: Partial<Progress> = {}): Progress {
  return { name: "a.bin", transferredBytes: 0, totalBytes: 100_000_000, phase: "transferring", ...changes };
}

Deno.test("progressLine shows name, bar, share, rate and time left", () => {
  const meter = new Meter();
  meter.update(progress(), 0);
  meter.update(progress({ transferredBytes: 25_000_000 }), 1000);
  const line = progressLine(meter, { columns: 99 });
  assert.match(line, /^a\.bin +█{7}░{23} {2}25 % {2}25\.0 MB\/s {2}0:03 left$/);
});

Deno.test("progressLine says for how long there was no progress, instead of a time left that nobody can know", () => {
  const meter = new Meter();
  const lineAt = (ms: number, transferredBytes: number) => {
    meter.update(progress({ transferredBytes }), ms);
    return progressLine(meter, { columns: 99 });
  };
  lineAt(0, 0);
  assert.match(lineAt(1000, 25_000_000), / 25 % {2}25\.0 MB\/s {2}0:03 left$/);
  assert.match(lineAt(3_900, 25_000_000), / left$/);
  assert.match(lineAt(4_000, 25_000_000), / 25 % {2}no progress for 0:03$/);
  assert.match(lineAt(121_000, 25_000_000), / 25 % {2}no progress for 2:00$/);
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
  assert.match(line({ phase: "verifying", transferredBytes: 100_000_000 }), /100 % {2}verifying$/);
  assert.match(line({ phase: "verifying", totalBytes: 0 }), /100 % {2}verifying$/);
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
function makeView({ isTerminal = true, enabled = true, json = false } = {}) {
  const context = new FakeContext();
  context.console.errIsTerminal = isTerminal;
  const view = createProgressView(context, { enabled, json });
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

Deno.test("createProgressView shows nothing when it is disabled", () => {
  for (const isTerminal of [false, true]) {
    const { console, passMs, view } = makeView({ isTerminal, enabled: false });
    const task = view.start();
    passMs(10_000);
    task.update(progress());
    let printed = false;
    view.print(() => printed = true);
    view.busy("comparing").finish();
    task.finish();
    view.close();
    assert.equal(printed, true);
    assert.deepEqual([console.drawn, console.errLines], ["", []]);
  }
});

/** Half a minute of a transfer of 1 MB/s. */
function halfMinute(options: { isTerminal?: boolean; json?: boolean }) {
  const { console, passMs, view } = makeView(options);
  const task = view.start();
  for (let second = 0; second <= 30; second++) {
    task.update(progress({ transferredBytes: second * 1_000_000 }));
    passMs(1000);
  }
  task.finish();
  view.close();
  return console;
}

Deno.test("createProgressView prints a line every five seconds to what is no terminal", () => {
  const { drawn, errLines, outLines } = halfMinute({ isTerminal: false });
  assert.deepEqual([drawn, outLines], ["", []]);
  assert.equal(errLines.length, 6);
  assert.equal(errLines[0], "progress: a.bin, 5 % of 100.0 MB, 1.0 MB/s, 1:35 left");
  assert.equal(errLines[5], "progress: a.bin, 30 % of 100.0 MB, 1.0 MB/s, 1:10 left");
});

Deno.test("createProgressView prints objects to standard output if they are asked for", () => {
  for (const isTerminal of [false, true]) {
    const { drawn, errLines, outLines } = halfMinute({ isTerminal, json: true });
    assert.deepEqual([drawn, errLines], ["", []]);
    assert.equal(outLines.length, 30);
    assert.equal(
      outLines[4],
      '{"type":"progress","name":"a.bin","phase":"transferring","transferredBytes":5000000,"totalBytes":100000000,' +
        '"bytesPerSecond":1000000,"secondsLeft":95}',
    );
  }
});

Deno.test("progressText says in words what is known", () => {
  const text = (changes: Partial<Progress>) => {
    const meter = new Meter();
    meter.update(progress(changes), 0);
    return progressText(meter);
  };
  assert.equal(text({ phase: "connecting" }), "a.bin, connecting");
  assert.equal(text({ totalBytes: 0, transferredBytes: 1500 }), "a.bin, 1.5 kB");
  assert.equal(text({ phase: "verifying", transferredBytes: 100_000_000 }), "a.bin, 100 % of 100.0 MB, verifying");
  assert.equal(text({ name: "a\n", transferredBytes: 1 }), "a\\n, 0 % of 100.0 MB");
});

Deno.test("progressLine gives up the bar in a narrow terminal, then the rate, then the time left", () => {
  const meter = new Meter();
  meter.update(progress({ name: "film.mkv" }), 0);
  meter.update(progress({ name: "film.mkv", transferredBytes: 25_000_000 }), 1000);
  const at = (columns: number) => progressLine(meter, { columns }).replace(/ {2,}/g, "  ");
  assert.match(at(61), /^film\.mkv {2}█░░░░ {2}25 % {2}25\.0 MB\/s {2}0:03 left$/);
  assert.equal(at(60), "film.mkv  25 %  25.0 MB/s  0:03 left");
  assert.equal(at(38), "film.mkv  25 %  0:03 left");
  assert.equal(at(17), "film.mkv  25 %");
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
