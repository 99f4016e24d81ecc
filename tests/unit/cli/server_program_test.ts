import assert from "node:assert/strict";
import type { SendPolicy } from "../../../protocol/mod.ts";
import { SluiceError } from "../../../app/api.ts";
import { type AccessSource, AccessTable } from "../../../app/server/access.ts";
import type { ServerOptions, StartServer } from "../../../app/server/api.ts";
import { ALL_RIGHTS } from "../../../transfer/rights.ts";
import { runServer } from "../../../cli/server_program.ts";
import { FakeContext } from "../../../testing/cli_fakes.ts";

class Setting extends FakeContext {
  readonly started: ServerOptions[] = [];
  readonly stopped: { graceMs: number }[] = [];
  startError: Error | undefined;
  reloads = 0;
  /** Set while the server runs. */
  readonly limits: number[] = [];
  /** Runs while the server stops. */
  onStop: () => void = () => {};
  override startServer: StartServer = (options) => {
    this.started.push(options);
    if (this.startError !== undefined) return Promise.reject(this.startError);
    options.onEvent({
      kind: "listening",
      host: options.host,
      port: 7,
      root: options.root,
      key: "abc",
      entries: 2,
      isOwnerOnly: false,
    });
    return Promise.resolve({
      root: options.root,
      host: options.host,
      port: 7,
      setRateLimit: (bytesPerSecond) => void this.limits.push(bytesPerSecond),
      setSendPolicy: () => {},
      reloadAccess: () => void this.reloads++,
      stop: (stopOptions) => {
        this.stopped.push(stopOptions);
        this.onStop();
        options.onEvent({ kind: "stopped" });
        return Promise.resolve();
      },
    });
  };
  run(...args: string[]): Promise<number> {
    return runServer(args, this);
  }
}

Deno.test("runServer serves until the first signal and stops with the grace asked for", async () => {
  const setting = new Setting();
  const running = setting.run("--grace", "5", "--root", "/srv", "--read-only", "--simulate", "drop=5%");
  setting.signals.raise("system");
  assert.equal(await running, 0);
  assert.deepEqual(setting.stopped, [{ graceMs: 5000 }]);
  const { host, port, root, readOnly, simulate, limits } = setting.started[0]!;
  assert.deepEqual([host, port, root, readOnly, simulate?.drop, limits?.maxConnections], [
    "127.0.0.1",
    65432,
    "/srv",
    true,
    0.05,
    undefined,
  ]);
  assert.match(
    setting.console.outLines[0]!,
    /INFO {2}listening on 127\.0\.0\.1:7, files in \/srv, 2 keys and tokens authorized, key abc$/,
  );
  assert.match(setting.console.outLines[1]!, /INFO {2}stopped$/);
  assert.equal(setting.signals.listenerCount, 0);
});

Deno.test("runServer gives up the permissions that it does not need once it has started, and not before", async () => {
  for (const [args, write] of [[[], ["/srv"]], [["--read-only"], []]] as const) {
    const setting = new Setting();
    const running = setting.run("--root", "/srv", ...args);
    assert.deepEqual(setting.confined, []);
    setting.signals.raise("system");
    await running;
    assert.deepEqual(setting.confined, [{ read: ["/srv"], write }]);
    assert.deepEqual(setting.confinedTo, [undefined]);
  }
});

Deno.test("runServer warns if its folder requires all permissions", async () => {
  const setting = new Setting();
  setting.isConfinable = false;
  const running = setting.run("--root", "/srv");
  setting.signals.raise("system");
  await running;
  assert.match(setting.console.outLines[1]!, /WARN {2}\/srv requires all permissions of Deno/);
});

Deno.test("runServer starts with the congestion control and the rate asked for", async () => {
  const cases: readonly (readonly [args: string[], policy: SendPolicy | undefined])[] = [
    [["--congestion", "cubic"], { kind: "cubic" }],
    [["--rate", "20M"], { kind: "fixed", rateBytesPerSecond: 2_500_000 }],
    [[], undefined],
  ];
  for (const [args, policy] of cases) {
    const setting = new Setting();
    const running = setting.run(...args);
    setting.signals.raise("system");
    await running;
    assert.deepEqual(setting.started[0]!.sendPolicy, policy);
  }
});

Deno.test("runServer stops at once at the second signal", async () => {
  const setting = new Setting();
  setting.onStop = () => setting.signals.raise("keyboard");
  const running = setting.run();
  setting.signals.raise("keyboard");
  await running;
  assert.deepEqual(setting.exits, [130]);
});

Deno.test("runServer stops as at other signals when its terminal has gone, however often it is told so", async () => {
  const setting = new Setting();
  setting.console.errIsTerminal = true;
  setting.onStop = () => setting.signals.raise("hangup");
  const running = setting.run();
  setting.signals.raise("hangup");
  assert.equal(await running, 0);
  assert.equal(setting.stopped.length, 1);
  assert.deepEqual(setting.exits, []);
});

Deno.test("runServer without a terminal reads its access list at SIGHUP, and goes on", async () => {
  const setting = new Setting();
  const running = setting.run();
  // Before it has started, there is nothing to read again.
  setting.signals.raise("hangup");
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
  setting.signals.raise("hangup");
  setting.signals.raise("hangup");
  assert.deepEqual([setting.reloads, setting.stopped.length], [2, 0]);
  setting.signals.raise("system");
  assert.equal(await running, 0);
  assert.deepEqual(setting.exits, []);
});

Deno.test("runServer does not wait for ever for a reader of its log when it stops", async () => {
  const setting = new Setting();
  const running = setting.run();
  setting.signals.raise("system");
  setting.console.waitingBytes = 1;
  // Past all that the program does before it waits.
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
  setting.clock.pass(2_000_000);
  assert.equal(await running, 7);
  assert.deepEqual(setting.console.errLines, ["error: could not write to standard output: it is not being read"]);
});

Deno.test("runServer says why it cannot start", async () => {
  const setting = new Setting();
  setting.startError = new SluiceError("local-disk", "the folder cannot be created");
  assert.equal(await setting.run(), 6);
  assert.deepEqual(setting.console.errLines, ["error: the folder cannot be created"]);
  assert.equal(setting.signals.listenerCount, 0);
});

Deno.test("runServer prints its key, and why it cannot start, as objects if that is asked for", async () => {
  const context = new FakeContext();
  assert.equal(await runServer(["key", "--json"], context), 0);
  assert.match(context.console.outLines[0]!, /^\{"type":"key","key":"[\w-]{43}"\}$/);
  assert.equal(await runServer(["--json", "--bogus"], context), 2);
  assert.match(context.console.errLines[0]!, /^\{"type":"error","kind":"usage","exitCode":2,"message":"unknown option/);
  context.startServer = () => Promise.reject(new SluiceError("local-disk", '"x" is not a folder'));
  assert.equal(await runServer(["--json", "--open"], context), 6);
  assert.equal(
    context.console.errLines.at(-1),
    '{"type":"error","kind":"local-disk","exitCode":6,"message":"\\"x\\" is not a folder"}',
  );
});

Deno.test("runServer starts nothing on a mistake or for help", async () => {
  const setting = new Setting();
  assert.equal(await setting.run("--port", "x"), 2);
  assert.equal(await setting.run("--help"), 0);
  assert.deepEqual(setting.started, []);
});

Deno.test("runServer starts with the access control that applies, and may go on reading its files", async () => {
  const source = { read: () => new AccessTable([]), poll: () => undefined, paths: ["/keys"] };
  const cases = [
    [undefined, ["--host", "::"], undefined, ["/srv"]],
    [undefined, ["--open"], "open", ["/srv"]],
    [source, ["--authorized-keys", "/keys"], source, ["/srv", "/keys"]],
    [source, ["--open"], "open", ["/srv"]],
  ] as const;
  for (const [written, args, access, read] of cases) {
    const setting = new Setting();
    setting.access = written;
    const running = setting.run("--root", "/srv", ...args);
    setting.signals.raise("system");
    assert.equal(await running, 0);
    assert.equal(setting.started[0]!.access, access);
    assert.deepEqual(setting.confined[0]!.read, read);
  }
});

Deno.test("runServer on this machine alone accepts this user's client, and no other", async () => {
  for (const host of [[], ["--host", "localhost"], ["--host", "::1"], ["--host", "127.0.0.2"]]) {
    const setting = new Setting();
    const running = setting.run("--root", "/srv", "--state", "/keys", ...host);
    setting.signals.raise("system");
    assert.equal(await running, 0);
    const access = setting.started[0]!.access as AccessSource;
    assert.deepEqual(setting.stateFolders, ["/keys", "/keys"], "its own key and the client's");
    const [entry, ...more] = access.read().entries;
    assert.deepEqual([entry!.kind, entry!.secret, more], ["key", setting.identity!.publicKey, []]);
    assert.deepEqual(new Set(entry!.rights), ALL_RIGHTS);
    assert.equal(access.isOwnerOnly, true);
    assert.equal(access.poll(), undefined);
  }
});
