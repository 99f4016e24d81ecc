import assert from "node:assert/strict";
import { SluiceError } from "../../../app/api.ts";
import { formatKey } from "../../../app/keys.ts";
import { runClient } from "../../../cli/client_program.ts";
import { type FileNeeds, WHOLE_DISK } from "../../../cli/context.ts";
import { FakeContext, FakeLines } from "../../../testing/cli_fakes.ts";

const KEY = new Uint8Array(32).fill(9);

class Setting extends FakeContext {
  /** The key of the server at this address is known. */
  knows(address: string): this {
    this.knownHosts.keys.set(address, this.engine.serverKey);
    return this;
  }

  run(...args: string[]): Promise<number> {
    return runClient(args, this);
  }
}

Deno.test("runClient sends several files over one connection and reports each", async () => {
  const setting = new Setting().knows("h:7");
  assert.equal(await setting.run("send", "a", "b", "--server", "h:7"), 0);
  assert.deepEqual(setting.engine.connections.map(({ host, port }) => [host, port]), [["h", 7]]);
  assert.deepEqual(setting.engine.calls, ["send a", "send b"]);
  assert.deepEqual(setting.console.outLines.map((line) => line.split(" ")[0]), ["a", "b", "2"]);
  assert.deepEqual(setting.console.errLines, []);
  assert.equal(setting.engine.openCount, 0);
  assert.equal(setting.signals.listenerCount, 0);
});

Deno.test("runClient gives up the permissions that its command does not need", async () => {
  const cases: readonly (readonly [args: string[], needs: FileNeeds])[] = [
    [["send", "a", "/x/b"], { read: ["a", "/x/b"], write: [] }],
    [["get", "a", "b"], { read: ["."], write: ["."] }],
    [["get", "a", "-o", "dir"], { read: ["dir"], write: ["dir"] }],
    [["get", "a", "-o", "/x/copy"], { read: ["/x"], write: ["/x"] }],
    [["list"], { read: [], write: [] }],
    [["list", "--server-key", formatKey(KEY), "--server", "new:1"], { read: [], write: [] }],
    [["send", "a", "--server", "new:1"], { read: ["a"], write: ["/state"] }],
    [["127.0.0.1", "7"], WHOLE_DISK],
  ];
  for (const [args, needs] of cases) {
    const setting = new Setting();
    setting.knownHosts.keys.set("127.0.0.1:65432", KEY);
    await setting.run(...args);
    assert.deepEqual(setting.confined, [needs], args.join(" "));
    assert.deepEqual(setting.confinedTo, [args.includes("new:1") ? "new" : "127.0.0.1"]);
  }
});

Deno.test("runClient saves the key of a new server, says so, and expects the same key the next time", async () => {
  const setting = new Setting();
  setting.engine.serverKey = KEY;
  assert.equal(await setting.run("list", "--server", "Example.org:7"), 0);
  assert.deepEqual([...setting.knownHosts.keys], [["example.org:7", KEY]]);
  assert.match(setting.console.errLines[0]!, /^First connection to example\.org:7\. Its key is [\w-]{43} \(saved\)\./);
  assert.equal(setting.engine.connections[0]!.server, undefined);
  assert.equal(await setting.run("list", "--server", "example.org:7"), 0);
  assert.equal(setting.console.errLines.length, 1);
  assert.deepEqual(setting.engine.connections[1]!.server?.key, KEY);
});

Deno.test("runClient gets into a folder, with force", async () => {
  const setting = new Setting();
  assert.equal(await setting.run("get", "a", "-o", "dir", "--force"), 0);
  assert.match(setting.engine.calls[0]!, /^get a -> dir.a \(force\)$/);
});

Deno.test("runClient --quiet prints results and errors only", async () => {
  const setting = new Setting();
  assert.equal(await setting.run("send", "a", "--quiet"), 0);
  assert.deepEqual(setting.console.outLines, []);
  assert.equal(await setting.run("list", "--quiet"), 0);
  assert.equal(setting.console.outLines.length, 1);
});

Deno.test("runClient exits with the code of what failed", async () => {
  assert.equal(await new Setting().run("get", "missing"), 3);
  assert.equal(await new Setting().run("send", "refused"), 4);
  const unreachable = new Setting();
  unreachable.engine.connectError = new SluiceError("unreachable", "no answer");
  assert.equal(await unreachable.run("list"), 5);
  assert.deepEqual(unreachable.console.errLines, ["error: no answer"]);
  const buggy = new Setting();
  buggy.engine.listError = new TypeError("bug");
  assert.equal(await buggy.run("list"), 1);
  assert.equal(buggy.engine.openCount, 0);
});

Deno.test("runClient says which file of patterns cannot be read, as text or as an object", async () => {
  const setting = new Setting();
  assert.equal(await setting.run("send", "a", "--exclude-from", "none"), 6);
  assert.deepEqual(setting.console.errLines.splice(0), ['error: cannot read "none": ENOENT']);
  assert.equal(await setting.run("send", "a", "--exclude-from", "none", "--json"), 6);
  assert.deepEqual(setting.console.errLines, [
    '{"type":"error","kind":"local-disk","exitCode":6,"message":"cannot read \\"none\\": ENOENT"}',
  ]);
});

Deno.test("runClient reports a usage error before it touches the network", async () => {
  const setting = new Setting().knows("127.0.0.1:65432");
  assert.equal(await setting.run("get", "a", "b", "--output", "nowhere"), 2);
  assert.equal(await setting.run("bogus"), 2);
  assert.deepEqual(setting.engine.connections, []);
});

Deno.test("runClient asks on a terminal whether to trust a new server, and sends nothing to one that is not", async () => {
  for (const [answer, exitCode, calls] of [["n", 4, []], ["y", 0, ["send a"]]] as const) {
    const setting = new Setting();
    setting.console.inIsTerminal = setting.console.errIsTerminal = true;
    setting.lines = new FakeLines([answer], true);
    assert.equal(await setting.run("send", "a", "--server", "h:7"), exitCode);
    assert.deepEqual(setting.engine.calls, calls);
    assert.equal(setting.engine.openCount, 0, "the connection is closed");
    assert.equal(setting.knownHosts.keys.size, calls.length);
  }
});

Deno.test("runClient shows an attempt to connect that takes a while", async () => {
  for (const [afterUs, isShown] of [[900_000, false], [1_000_000, true]] as const) {
    const setting = new Setting().knows("h:7");
    setting.console.errIsTerminal = true;
    setting.engine.onConnect = () => setting.clock.pass(afterUs);
    assert.equal(await setting.run("list", "--server", "h:7"), 0);
    assert.equal(setting.console.drawn.includes("connecting to h:7"), isShown);
    assert.equal(setting.clock.armed, 0);
  }
});

Deno.test("runClient says in a line each that the connection was lost and is back, and not if it is to be quiet", async () => {
  const setting = new Setting().knows("127.0.0.1:65432");
  setting.engine.onList = () => {
    const { onRetry } = setting.engine.connections.at(-1)!;
    onRetry!({ kind: "connection-lost", reason: "no response for 1 min", retryForMs: 600_000 });
    onRetry!({ kind: "connected", afterMs: 12_345 });
    onRetry!({ kind: "unavailable", reason: "the server refused: it is\nbusy", retryForMs: 7_200_000 });
    onRetry!({ kind: "resumed", afterMs: 125_000 });
  };
  assert.equal(await setting.run("list", "--retry-for", "10m"), 0);
  assert.equal(setting.engine.connections[0]!.retryForMs, 600_000);
  assert.deepEqual(setting.console.errLines, [
    "connection lost: no response for 1 min; reconnecting for up to 10 min",
    "reconnected after 12 s",
    "the server refused: it is\\nbusy; trying again for up to 2 h",
    "the server is no longer busy, after 2 min 5 s",
  ]);
  assert.equal(await setting.run("list", "--quiet"), 0);
  assert.equal(setting.console.errLines.length, 4);
});

Deno.test("runClient passes on timeout and faults, sums up the faults, and shows each if it is to be verbose", async () => {
  const setting = new Setting().knows("127.0.0.1:65432");
  assert.equal(await setting.run("list", "--timeout", "2", "--simulate", "drop=10%"), 0);
  const [options] = setting.engine.connections;
  assert.equal(options!.timeoutMs, 2000);
  assert.equal(options!.simulate?.drop, 0.1);
  const line = "simulated fault: dropped outgoing datagram 1 (1200 bytes)";
  setting.engine.onList = () => setting.engine.connections.at(-1)!.onFault!(line);
  assert.equal(await setting.run("list", "--simulate", "drop=10%"), 0);
  assert.deepEqual(setting.console.errLines.splice(0), ["simulated faults: 1 datagram dropped"]);
  assert.equal(await setting.run("list", "--simulate", "drop=10%", "--quiet"), 0);
  assert.equal(setting.console.errLines.length, 0);
  assert.equal(await setting.run("list", "--simulate", "drop=10%", "--verbose"), 0);
  assert.ok(setting.console.errLines.includes(line));
});

Deno.test("runClient completes a file that it follows at the first Ctrl-C, and gives it up at the second", async () => {
  const setting = new Setting().knows("h:7");
  setting.engine.onStuck = () => setting.signals.raise("keyboard");
  assert.equal(await setting.run("send", "--follow", "log", "--server", "h:7"), 0);
  assert.deepEqual(setting.engine.calls, ["send log (follow)"]);
  assert.deepEqual(setting.console.errLines, ["Completing the file as it is now; Ctrl-C again gives it up."]);

  const hasty = new Setting().knows("h:7");
  hasty.engine.onStuck = () => {
    hasty.signals.raise("keyboard");
    hasty.signals.raise("keyboard");
    assert.deepEqual(hasty.exits, []);
  };
  assert.equal(await hasty.run("send", "--follow", "stuck", "--server", "h:7"), 130);
  assert.equal(hasty.console.errLines[1], "Stopping; Ctrl-C again quits at once.");
});

Deno.test("runClient stops cleanly at the first Ctrl-C and at once at the second", async () => {
  const setting = new Setting().knows("127.0.0.1:65432");
  setting.engine.onStuck = () => {
    setting.signals.raise("keyboard");
    assert.deepEqual(setting.exits, []);
    setting.signals.raise("keyboard");
    assert.deepEqual(setting.exits, [130]);
  };
  assert.equal(await setting.run("get", "stuck", "missing"), 130);
  assert.equal(setting.engine.openCount, 0);
  assert.match(setting.console.errLines[0]!, /Stopping/);
});

Deno.test("runClient stops cleanly when its terminal has gone, however often it is told so", async () => {
  for (const args of [["get", "stuck"], ["h", "7"]]) {
    const setting = new Setting().knows("127.0.0.1:65432");
    setting.lines = new FakeLines(["get stuck"]);
    setting.engine.onStuck = () => {
      setting.signals.raise("hangup");
      setting.signals.raise("hangup");
    };
    assert.equal(await setting.run(...args), 129);
    assert.deepEqual(setting.exits, []);
    assert.equal(setting.engine.openCount, 0);
    assert.equal(setting.signals.listenerCount, 0);
  }
});

Deno.test("runClient flushes its output, and exits with 7 if all went well but standard output", async () => {
  const setting = new Setting().knows("127.0.0.1:65432");
  setting.console.outFailure = "No space left on device";
  for (const args of [["send", "a"], ["list"], ["key"], ["--help"]]) {
    assert.equal(await setting.run(...args), 7, args[0]);
  }
  assert.equal(await setting.run("get", "missing"), 3);
  assert.match(setting.console.errLines.at(-1)!, /could not write to standard output: No space left on device$/);
});

Deno.test("runClient HOST PORT runs the interactive shell", async () => {
  const setting = new Setting();
  setting.lines = new FakeLines(["ls", "quit"]);
  assert.equal(await setting.run("h", "7"), 0);
  assert.deepEqual(setting.engine.calls, ["list"]);
});

Deno.test("runClient key prints the public key, made on first use, without a connection", async () => {
  const setting = new Setting();
  assert.equal(await setting.run("key", "--state", "/s"), 0);
  assert.deepEqual(setting.console.outLines, [formatKey(setting.identity!.publicKey)]);
  assert.deepEqual(setting.stateFolders, ["/s"]);
  assert.deepEqual(setting.engine.connections, []);
});

Deno.test("runClient shows its key, if it has one, and a token, if it is given one", async () => {
  const setting = new Setting();
  await setting.run("list");
  const { privateKey } = setting.openIdentity("client", undefined);
  await setting.run("list", "--token-file", "t");
  assert.deepEqual(setting.engine.connections.map(({ identity, token }) => [identity, token]), [
    [undefined, undefined],
    [privateKey, new TextEncoder().encode("token of t")],
  ]);
  assert.equal(await setting.run("list", "--token-file", "none"), 6);
  assert.equal(setting.engine.connections.length, 2);
});

Deno.test("runClient names the server of the config file that may be meant, if the one typed cannot be reached", async () => {
  const run = async (...args: string[]) => {
    const setting = new Setting();
    setting.config = '[servers.work]\naddress = "h:7"\n';
    setting.engine.connectError = new SluiceError("unreachable", "no answer");
    assert.equal(await setting.run(...args), 5);
    return setting.console.errLines;
  };
  const suggestion = "error: no answer; did you mean work, a server of the config file?";
  assert.deepEqual(await run("list", "wrok:"), [suggestion]);
  assert.deepEqual(await run("list", "--server", "wok"), [suggestion]);
  assert.deepEqual(await run("list", "work:"), ["error: no answer"]);
  assert.deepEqual(await run("list", "elsewhere:"), ["error: no answer"]);
});

Deno.test("runClient reports a mistake in the config file as a usage error, and completes words in spite of it", async () => {
  const setting = new Setting();
  setting.config = "= 1";
  assert.equal(await setting.run("list"), 2);
  assert.match(setting.console.errLines[0]!, /^error: config\.toml, line 1: /);
  const typing = new Setting();
  typing.config = "= 1";
  assert.equal(await typing.run("__complete", "lis"), 0);
  assert.deepEqual(typing.console.outLines, ["list\tlist the server's files and folders", ":none"]);
});

Deno.test("runClient prints the completion script of a shell, and the help of the server that it has", async () => {
  const setting = new Setting();
  assert.equal(await setting.run("completion", "fish"), 0);
  assert.match(setting.console.outLines[0]!, /^# fish completion for sluice/);
  for (const args of [["help", "serve"], ["serve", "--help"]]) {
    const help = new Setting();
    assert.equal(await help.run(...args), 0);
    assert.match(help.console.outLines[0]!, /^Usage: sluice serve /);
  }
  assert.deepEqual(setting.engine.connections, []);
});
