import assert from "node:assert/strict";
import type { SendPolicy } from "../../../protocol/mod.ts";
import { SluiceError } from "../../../app/api.ts";
import { runShell } from "../../../cli/interactive.ts";
import { LimitTally } from "../../../cli/limit.ts";
import { createProgressView } from "../../../cli/progress.ts";
import { assertFits, FakeContext, FakeLines } from "../../../testing/cli_fakes.ts";

class Setting extends FakeContext {
  /** The command line's. */
  sendPolicy: SendPolicy | undefined;
  execute(lines: readonly (string | (() => void))[], isInteractive = false): Promise<number> {
    this.lines = new FakeLines(lines, isInteractive);
    const session = {
      ...this,
      view: createProgressView(this, { enabled: false }),
      quiet: false,
      verbose: false,
      json: false,
      tally: new LimitTally(),
    };
    return runShell(session, {
      connect: () => this.engine.connect({ host: "h", port: 7 }),
      server: { host: "h", port: 7 },
      sendPolicy: this.sendPolicy,
    });
  }
}

Deno.test("runShell executes line after line over one connection", async () => {
  const setting = new Setting();
  const lines = ["put a", 'put "b c" d --force', "", "get e", "get -f e f", "ls", "quit", "ls"];
  assert.equal(await setting.execute(lines), 0);
  assert.deepEqual(setting.engine.calls, [
    "send a",
    "send b c -> d (force)",
    "get e",
    "get e -> f (force)",
    "list",
  ]);
  assert.equal(setting.engine.connections.length, 1);
  assert.equal(setting.engine.openCount, 0);
  assert.equal(setting.lines.isClosed, true);
  assert.equal(setting.signals.listenerCount, 0);
});

Deno.test("runShell executes nothing more while its output is not read, until it is interrupted", async () => {
  const setting = new Setting();
  setting.console.waitingBytes = 1;
  const running = setting.execute(["ls", "ls", "ls"]);
  while (setting.engine.calls.length === 0) await new Promise((resolve) => setTimeout(resolve, 0));
  await new Promise((resolve) => setTimeout(resolve, 0));
  setting.signals.raise("system");
  assert.equal(await running, 130);
  assert.deepEqual(setting.engine.calls, ["list"]);
});

Deno.test("runShell ends when the input does", async () => {
  assert.equal(await new Setting().execute(["ls"]), 0);
});

Deno.test("runShell goes on after an error; in a pipe the exit code is the first one's", async () => {
  const setting = new Setting();
  assert.equal(await setting.execute(["get missing", "put", 'get "a', "bogus", "put a b c", "ls x", "get a"]), 3);
  assert.deepEqual(setting.engine.calls, ["get missing", "get a"]);
  assert.equal(setting.console.errLines.filter((line) => line.startsWith("error: ")).length, 6);
  assert.equal(await new Setting().execute(["get missing", "quit"], true), 0);
});

Deno.test("runShell helps, in lines of 80 columns", async () => {
  const setting = new Setting();
  await setting.execute(["help"]);
  for (const command of ["put", "get", "ls", "rate", "help", "quit"]) {
    assert.ok(setting.console.outLines.some((line) => line.startsWith(command)), command);
  }
  assertFits(setting.console.outLines);
});

Deno.test("runShell ends at Ctrl-C at the prompt, from the editor or as a signal", async () => {
  const atEditor = new Setting();
  assert.equal(await atEditor.execute(["ls", () => atEditor.lines.interrupts.raise("keyboard")], true), 130);
  const asSignal = new Setting();
  assert.equal(await asSignal.execute([() => asSignal.signals.raise("keyboard")], true), 130);
  assert.equal(asSignal.engine.openCount, 0);
});

Deno.test("runShell cancels a transfer at Ctrl-C and goes on", async () => {
  const setting = new Setting();
  setting.engine.onStuck = () => setting.lines.interrupts.raise("keyboard");
  assert.equal(await setting.execute(["get stuck", "ls", "quit"], true), 0);
  assert.deepEqual(setting.engine.calls, ["get stuck", "list"]);
  assert.deepEqual(setting.exits, []);
});

Deno.test("runShell quits at once at the second Ctrl-C during a transfer", async () => {
  const setting = new Setting();
  setting.engine.onStuck = () => {
    setting.signals.raise("keyboard");
    setting.signals.raise("keyboard");
  };
  await setting.execute(["get stuck", "quit"], true);
  assert.deepEqual(setting.exits, [130]);
});

Deno.test("runShell ends after the transfer that the system's signal cancelled", async () => {
  const setting = new Setting();
  setting.engine.onStuck = () => setting.signals.raise("system");
  assert.equal(await setting.execute(["get stuck", "ls"], true), 130);
  assert.deepEqual(setting.engine.calls, ["get stuck"]);
});

Deno.test("runShell fails when there is no server at the start", async () => {
  const setting = new Setting();
  setting.engine.connectError = new SluiceError("unreachable", "no answer");
  await assert.rejects(setting.execute(["ls"]), (error) => error === setting.engine.connectError);
});

Deno.test("runShell sets a rate, says what it is, and knows a wrong one", async () => {
  const setting = new Setting();
  const lines = ["rate", "rate 20M", "rate 1.5 Gbit/s", "rate auto", "rate fast", "rate 10MB/s"];
  assert.equal(await setting.execute(lines), 2);
  assert.deepEqual(setting.engine.calls, ["rate 2500000", "rate 187500000", "bbr"]);
  assert.deepEqual(setting.console.outLines, [
    "sending as fast as the link allows",
    "sending at 20 Mbit/s",
    "sending at 1.5 Gbit/s",
    "sending as fast as the link allows",
  ]);
  assert.match(setting.console.errLines[0]!, /^error: "fast": a rate is a number.*, or auto$/);
  assert.match(setting.console.errLines[1]!, /^error: "10MB\/s": .*bits/);
});

Deno.test("runShell obeys a rate typed during a transfer at once, and nothing else", async () => {
  const setting = new Setting();
  const taken: boolean[] = [];
  setting.engine.onStuck = () => {
    for (const line of ["rate 20M", "rate nonsense", "ls", 'put "a']) taken.push(setting.lines.type(line));
    setting.lines.interrupts.raise("keyboard");
  };
  assert.equal(await setting.execute(["get stuck", "quit"], true), 0);
  assert.deepEqual(taken, [true, true, false, false]);
  assert.deepEqual(setting.engine.calls, ["get stuck", "rate 2500000"]);
  assert.equal(setting.console.errLines.filter((line) => line.startsWith('error: "nonsense"')).length, 1);
  assert.equal(setting.lines.type("rate 20M"), false, "at the prompt it is read like any line");
});

Deno.test("runShell in a pipe leaves a rate to its turn", async () => {
  const setting = new Setting();
  setting.engine.onStuck = () => {
    assert.equal(setting.lines.type("rate 20M"), false);
    setting.lines.interrupts.raise("keyboard");
  };
  await setting.execute(["get stuck", "quit"]);
});

Deno.test("runShell goes on after a command whose connection could not be restored, with the same client", async () => {
  const setting = new Setting();
  setting.engine.report = () => {
    throw new SluiceError("unreachable", "the server went silent");
  };
  assert.equal(await setting.execute(["get a", "ls", "quit"]), 5);
  assert.deepEqual(setting.engine.calls, ["get a", "list"]);
  assert.equal(setting.engine.connections.length, 1);
  assert.equal(setting.engine.openCount, 0);
});
