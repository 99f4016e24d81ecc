import assert from "node:assert/strict";
import { SluiceError } from "../../../app/api.ts";
import { ask, confirmOnTerminal } from "../../../cli/confirm.ts";
import { LimitTally } from "../../../cli/limit.ts";
import { FakeConsole, FakeContext, FakeLines, FakeView } from "../../../testing/cli_fakes.ts";

const signal = new AbortController().signal;
const ifInterrupted = "nothing was removed" as const;

Deno.test("ask takes yes for yes, and anything else for no, after it has shown what it is about", async () => {
  for (const [answer, expected] of [["y", true], [" Yes ", true], ["n", false], ["", false], ["yy", false]] as const) {
    const console = new FakeConsole();
    const lines = new FakeLines([answer], true);
    lines.onRead = () => assert.ok(console.isFlushed && console.errLines.length === 2, "shown before it asks");
    assert.equal(
      await ask(lines, { console, shown: ["a", "b"], question: "Remove?", signal, ifInterrupted }),
      expected,
      answer,
    );
  }
});

Deno.test("ask takes the end of the input for no, and rejects at Ctrl-C and an abort", async () => {
  const options = { console: new FakeConsole(), shown: [], question: "Remove?", ifInterrupted } as const;
  assert.equal(await ask(new FakeLines([], true), { ...options, signal }), false);
  const lines: FakeLines = new FakeLines([() => lines.interrupts.raise("keyboard")], true);
  const interrupted = (error: unknown) => error instanceof SluiceError && error.kind === "interrupted";
  await assert.rejects(ask(lines, { ...options, signal }), interrupted);
  assert.equal(lines.interrupts.listenerCount, 0);
  const abort = new AbortController();
  const aborted = new FakeLines([() => abort.abort()], true);
  await assert.rejects(ask(aborted, { ...options, signal: abort.signal }), interrupted);
});

Deno.test("ask asks nobody where commands come from a pipe", async () => {
  const lines = new FakeLines(["y"], false);
  assert.equal(
    await ask(lines, { console: new FakeConsole(), shown: ["a"], question: "Remove?", signal, ifInterrupted }),
    undefined,
  );
  assert.equal(await lines.read(""), "y", "the answer was a command");
});

Deno.test("confirmOnTerminal asks on a terminal only, and closes it", async () => {
  const context = new FakeContext();
  context.lines = new FakeLines(["y"], true);
  const confirm = confirmOnTerminal(
    { ...context, quiet: false, verbose: false, json: false, tally: new LimitTally(), view: new FakeView() },
    signal,
    ifInterrupted,
  );
  assert.equal(await confirm(["a"], "Remove?"), undefined);
  assert.deepEqual([context.lines.isClosed, context.console.errLines], [false, []]);
  context.console.errIsTerminal = true;
  assert.equal(await confirm(["a"], "Remove?"), undefined, "standard input is the content of a pipe");
  assert.deepEqual([context.lines.isClosed, context.console.errLines], [false, []]);
  context.console.inIsTerminal = true;
  context.lines = new FakeLines(["y"], true);
  const lines = context.lines;
  const asking = confirmOnTerminal(
    {
      ...context,
      openLineReader: () => Promise.resolve(lines),
      quiet: false,
      verbose: false,
      json: false,
      tally: new LimitTally(),
      view: new FakeView(),
    },
    signal,
    ifInterrupted,
  );
  assert.equal(await asking(["a"], "Remove?"), true);
  assert.equal(lines.isClosed, true);
});
