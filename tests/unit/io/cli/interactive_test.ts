import assert from "node:assert/strict";
import { SluiceError } from "../../../../io/api.ts";
import { runInteractive } from "../../../../io/cli/interactive.ts";
import { createProgressView } from "../../../../io/cli/progress.ts";
import { FakeConsole, FakeEngine, FakeLines, FakeSignals } from "./fakes.ts";

class Setting {
  readonly engine = new FakeEngine();
  readonly console = new FakeConsole();
  readonly signals = new FakeSignals();
  readonly exits: number[] = [];
  nowMs = 0;
  /** How long the person waits before each line. */
  pausesMs: number[] = [];
  lines = new FakeLines([]);
  converse(lines: readonly (string | (() => void))[], isInteractive = false): Promise<number> {
    this.lines = new FakeLines(lines, isInteractive);
    this.lines.onRead = () => this.nowMs += this.pausesMs.shift() ?? 0;
    return runInteractive({
      connect: () => this.engine.connect({ host: "h", port: 7 }),
      console: this.console,
      onStopSignal: this.signals.listen,
      exit: (code) => this.exits.push(code),
      openLines: () => Promise.resolve(this.lines),
      isFolder: () => false,
      nowMs: () => this.nowMs,
      view: createProgressView(this.console, { enabled: false, nowMs: () => 0 }),
      server: { host: "h", port: 7 },
      quiet: false,
    });
  }
}

Deno.test("runInteractive obeys line after line over one connection", async () => {
  const setting = new Setting();
  const lines = ["put a", 'put "b c" d --force', "", "get e", "get -f e f", "ls", "quit", "ls"];
  assert.equal(await setting.converse(lines), 0);
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

Deno.test("runInteractive ends when the input does", async () => {
  assert.equal(await new Setting().converse(["ls"]), 0);
});

Deno.test("runInteractive goes on after an error; in a pipe the exit code is the first one's", async () => {
  const setting = new Setting();
  assert.equal(await setting.converse(["get missing", "put", 'get "a', "bogus", "put a b c", "ls x", "get a"]), 3);
  assert.deepEqual(setting.engine.calls, ["get missing", "get a"]);
  assert.equal(setting.console.errLines.filter((line) => line.startsWith("error: ")).length, 6);
  assert.equal(await new Setting().converse(["get missing", "quit"], true), 0);
});

Deno.test("runInteractive helps", async () => {
  const setting = new Setting();
  await setting.converse(["help"]);
  for (const command of ["put", "get", "ls", "help", "quit"]) {
    assert.ok(setting.console.outLines.some((line) => line.startsWith(command)), command);
  }
});

Deno.test("runInteractive ends at Ctrl-C at the prompt, from the editor or as a signal", async () => {
  const atEditor = new Setting();
  assert.equal(await atEditor.converse(["ls", () => atEditor.lines.interrupts.raise("keyboard")], true), 130);
  const asSignal = new Setting();
  assert.equal(await asSignal.converse([() => asSignal.signals.raise("keyboard")], true), 130);
  assert.equal(asSignal.engine.openCount, 0);
});

Deno.test("runInteractive cancels a transfer at Ctrl-C and goes on", async () => {
  const setting = new Setting();
  setting.engine.onStuck = () => setting.lines.interrupts.raise("keyboard");
  assert.equal(await setting.converse(["get stuck", "ls", "quit"], true), 0);
  assert.deepEqual(setting.engine.calls, ["get stuck", "list"]);
  assert.deepEqual(setting.exits, []);
});

Deno.test("runInteractive quits at once at the second Ctrl-C during a transfer", async () => {
  const setting = new Setting();
  setting.engine.onStuck = () => {
    setting.signals.raise("keyboard");
    setting.signals.raise("keyboard");
  };
  await setting.converse(["get stuck", "quit"], true);
  assert.deepEqual(setting.exits, [130]);
});

Deno.test("runInteractive ends after the transfer that the system's signal cancelled", async () => {
  const setting = new Setting();
  setting.engine.onStuck = () => setting.signals.raise("system");
  assert.equal(await setting.converse(["get stuck", "ls"], true), 130);
  assert.deepEqual(setting.engine.calls, ["get stuck"]);
});

Deno.test("runInteractive connects anew after the connection was lost", async () => {
  const setting = new Setting();
  setting.engine.report = () => {
    throw new SluiceError("unreachable", "the server went silent");
  };
  assert.equal(await setting.converse(["get a", "ls", "quit"]), 5);
  assert.equal(setting.engine.connections.length, 2);
  assert.equal(setting.engine.openCount, 0);
});

Deno.test("runInteractive connects anew after a pause in which the server may have given up", async () => {
  const setting = new Setting();
  setting.pausesMs = [29_000, 31_000];
  assert.equal(await setting.converse(["ls", "ls", "quit"]), 0);
  assert.equal(setting.engine.connections.length, 2);
});

Deno.test("runInteractive fails when there is no server at the start", async () => {
  const setting = new Setting();
  setting.engine.connectError = new SluiceError("unreachable", "no answer");
  await assert.rejects(setting.converse(["ls"]), (error) => error === setting.engine.connectError);
});
