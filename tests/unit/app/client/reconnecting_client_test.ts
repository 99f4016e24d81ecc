import assert from "node:assert/strict";
import { SluiceError } from "../../../../app/api.ts";
import type { ClientOptions, Progress, RetryEvent } from "../../../../app/client/api.ts";
import type { OneConnection, OneConnectionOptions } from "../../../../app/client/connect_once.ts";
import { ReconnectingClient } from "../../../../app/client/reconnecting_client.ts";
import { systemPlatform } from "../../../../io/platform.ts";
import type { CloseReason, ConnectionStats } from "../../../../protocol/mod.ts";
import { FakeEngine } from "../../../../testing/cli_fakes.ts";
import { FakeClock } from "../../../../testing/fake_clock.ts";
import { RefusalReason } from "../../../../transfer/messages.ts";

const LOST = new SluiceError("failed", "nothing arrived", { retry: "reconnect" });
const BUSY = new SluiceError("refused", "the server refused: busy", { retry: "later", refusal: RefusalReason.busy });
const DAMAGED = new SluiceError("failed", "the checksums differ", { retry: "once" });
const MISSING = new SluiceError("not-found", "there is none");
const EXISTS = new SluiceError("refused", "it exists", { refusal: RefusalReason.exists });
const SILENT = new SluiceError("unreachable", "no response", { retry: "reconnect" });
const IMPOSTOR = new SluiceError("refused", "the key is another one");

type Connection = { -readonly [Key in keyof OneConnection]: OneConnection[Key] };

/** A server whose failures are scripted, and a clock that goes on while something waits for it. */
class Setting {
  readonly engine = new FakeEngine();
  readonly clock = new FakeClock();
  readonly events: RetryEvent[] = [];
  /** What connecting fails with, turn by turn; undefined: it succeeds. */
  connectErrors: (Error | undefined)[] = [];
  /** What transfers and changes fail with, turn by turn; undefined: they succeed. */
  errors: (Error | undefined)[] = [];
  /** Waits before a connection is made. */
  beforeConnecting: (options: OneConnectionOptions) => Promise<void> = () => Promise.resolve();
  readonly attempts: OneConnectionOptions[] = [];
  readonly connections: Connection[] = [];
  /** When each call was made, milliseconds. */
  readonly callsMs: number[] = [];

  constructor() {
    this.engine.error = () => {
      this.callsMs.push(this.clock.nowUs() / 1000);
      return this.errors.shift();
    };
  }

  connect(options: Partial<ClientOptions> = {}): Promise<ReconnectingClient> {
    const { clock } = this;
    const all = { host: "h", port: 7, onRetry: (event: RetryEvent) => void this.events.push(event), ...options };
    return this.pass(ReconnectingClient.connect(all, {
      platform: {
        disk: systemPlatform.disk,
        nowUs: () => clock.nowUs(),
        timer: (action) => clock.timer(action),
        defer: () => Promise.withResolvers(),
        randomBytes: (count) => new Uint8Array(count),
      },
      connectOnce: (options) => this.#connectOnce(options),
    }));
  }

  async #connectOnce(options: OneConnectionOptions): Promise<OneConnection> {
    this.attempts.push(options);
    await this.beforeConnecting(options);
    const error = this.connectErrors.shift();
    if (error !== undefined) throw error;
    const closeReason: CloseReason | undefined = undefined;
    const stats = { bytesSent: 0, bytesReceived: 0, retransmittedBytes: 0, packetsLost: 0 } as ConnectionStats;
    const connection = { ...await this.engine.connect(options), closeReason, idleTimeoutUs: 60_000_000, stats };
    this.connections.push(connection);
    return connection;
  }

  /** Has time pass until a promise settles. */
  async pass<Value>(promise: Promise<Value>): Promise<Value> {
    let isSettled = false;
    const settle = () => isSettled = true;
    promise.then(settle, settle);
    for (let step = 0; !isSettled; step++) {
      assert(step < 5_000, "it never settles");
      await next();
      if (!isSettled) this.clock.passToNext();
    }
    return await promise;
  }

  get told(): string[] {
    return this.events.map(({ kind }) => kind);
  }
}

/** Resolves when everything has happened that needs no time. */
function next(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

Deno.test("ReconnectingClient runs what was lost again on a new connection, as the same client to the same server", async () => {
  const setting = new Setting();
  const client = await setting.connect();
  setting.errors = [LOST, LOST];
  assert.equal((await setting.pass(client.send("a"))).name, "a");
  assert.deepEqual(setting.engine.calls, ["send a", "send a", "send a"]);
  assert.equal(setting.connections.length, 3);
  assert.equal(setting.engine.openCount, 1);
  const [first, second] = setting.attempts;
  assert.equal(first!.server, undefined);
  assert.deepEqual(second!.server!.key, client.serverKey);
  assert.equal(second!.identity, first!.identity);
  assert.deepEqual(setting.told, ["connection-lost", "connected", "connection-lost", "connected"]);
  await client.close();
  assert.equal(setting.engine.openCount, 0);
});

Deno.test("ReconnectingClient says why the connection was lost, in a few words", async () => {
  const reasons: [CloseReason | undefined, string][] = [
    [{ kind: "idle-timeout" }, "no response for 1 min"],
    [{ kind: "reset" }, "the server was restarted, or this machine was suspended"],
    [{ kind: "peer", isApplication: true, code: 0, reason: "it stops" }, "it stops"],
    [{ kind: "peer", isApplication: true, code: 0, reason: "" }, "the server closed it"],
    [undefined, "nothing arrived"],
  ];
  for (const [closeReason, reason] of reasons) {
    const setting = new Setting();
    const client = await setting.connect();
    setting.engine.error = () => {
      const connection = setting.connections[0]!;
      const isFirst = setting.connections.length === 1;
      if (isFirst) connection.closeReason = closeReason;
      return isFirst ? LOST : undefined;
    };
    await setting.pass(client.send("a"));
    assert.deepEqual(setting.events[0], { kind: "connection-lost", reason, retryForMs: 600_000 });
  }
});

Deno.test("ReconnectingClient keeps a server that the caller has named, with its source", async () => {
  const setting = new Setting();
  const server = { key: new Uint8Array(32), source: "known_servers", renewal: "remove its line there" };
  const client = await setting.connect({ server });
  setting.errors = [LOST];
  await setting.pass(client.get("a"));
  assert.equal(setting.attempts[1]!.server, server);
});

Deno.test("ReconnectingClient ends at once where another server is in the place of the first", async () => {
  const setting = new Setting();
  const client = await setting.connect();
  setting.errors = [LOST];
  setting.connectErrors = [IMPOSTOR];
  await assert.rejects(setting.pass(client.send("a")), (error) => error === IMPOSTOR);
  assert.equal(setting.attempts.length, 2);
  assert.deepEqual(setting.engine.calls, ["send a"]);
});

Deno.test("ReconnectingClient connects once for all operations that were lost, and tells it once", async () => {
  const setting = new Setting();
  const client = await setting.connect();
  setting.errors = [LOST, LOST, LOST];
  setting.connectErrors = [SILENT, SILENT];
  await setting.pass(Promise.all([client.send("a"), client.get("b"), client.makeFolder("c")]));
  assert.equal(setting.connections.length, 2);
  assert.equal(setting.attempts.length, 4);
  assert.deepEqual(setting.told, ["connection-lost", "connected"]);
  assert.deepEqual(setting.engine.calls.toSorted(), ["get b", "get b", "make c", "make c", "send a", "send a"]);
});

Deno.test("ReconnectingClient transfers a file with the wrong checksum once more, and no further", async () => {
  const setting = new Setting();
  const client = await setting.connect();
  setting.errors = [DAMAGED];
  await setting.pass(client.get("a"));
  setting.errors = [DAMAGED, DAMAGED];
  await assert.rejects(setting.pass(client.get("b")), (error) => error === DAMAGED);
  assert.deepEqual(setting.engine.calls, ["get a", "get a", "get b", "get b"]);
  assert.equal(setting.connections.length, 1);
  assert.deepEqual(setting.told, []);
});

Deno.test("ReconnectingClient ends at once by what would fail again, and by everything where it may not retry", async () => {
  const setting = new Setting();
  const client = await setting.connect();
  for (const error of [MISSING, EXISTS, new SluiceError("local-disk", "the disk is full"), new Error("a bug")]) {
    setting.errors = [error];
    await assert.rejects(setting.pass(client.send("a")), (thrown) => thrown === error);
  }
  assert.equal(setting.callsMs.length, 4);
  const impatient = await setting.connect({ retryForMs: 0 });
  for (const error of [LOST, BUSY, DAMAGED]) {
    setting.errors = [error];
    await assert.rejects(setting.pass(impatient.send("a")), (thrown) => thrown === error);
  }
  assert.deepEqual(setting.told, []);
});

Deno.test("ReconnectingClient asks a busy server again, ever later, and tells it when that lasts", async () => {
  const setting = new Setting();
  const client = await setting.connect();
  setting.errors = Array.from({ length: 7 }, () => BUSY);
  await setting.pass(client.send("a"));
  const pausesMs = setting.callsMs.slice(1).map((ms, index) => ms - setting.callsMs[index]!);
  assert.deepEqual(pausesMs, [100, 200, 400, 800, 1600, 2500, 2500]);
  assert.equal(setting.connections.length, 1);
  assert.deepEqual(setting.told, ["unavailable", "resumed"]);
  setting.errors = [BUSY, BUSY];
  await setting.pass(client.send("b"));
  assert.deepEqual(setting.told, ["unavailable", "resumed"], "a short time is nothing to tell of");
});

Deno.test("ReconnectingClient gives up when nothing got ahead for long enough, and says what it tried", async () => {
  const setting = new Setting();
  const client = await setting.connect({ retryForMs: 20_000 });
  setting.errors = [LOST];
  setting.connectErrors = Array.from({ length: 100 }, () => SILENT);
  const startMs = setting.clock.nowUs() / 1000;
  await assert.rejects(setting.pass(client.send("a")), ({ kind, message }: SluiceError) => {
    assert.equal(kind, "unreachable");
    assert.match(message, /^connection lost: nothing arrived; no response; gave up after \d+ attempts in 20 s$/);
    return true;
  });
  const lastedMs = setting.clock.nowUs() / 1000 - startMs;
  assert(lastedMs >= 20_000 && lastedMs <= 20_100, `${lastedMs} ms`);
});

Deno.test("ReconnectingClient counts bytes that were never transferred before as progress, and no others", async () => {
  for (const grownBytes of [2, 0]) {
    const setting = new Setting();
    const client = await setting.connect({ retryForMs: 10_000 });
    // Half of it is transferred when it fails.
    setting.engine.error = () => {
      setting.callsMs.push(setting.clock.nowUs() / 1000);
      setting.engine.sizeBytes += grownBytes;
      return setting.callsMs.length < 50 ? LOST : undefined;
    };
    const sent = setting.pass(client.send("a"));
    if (grownBytes === 0) {
      await assert.rejects(sent, /connection lost: nothing arrived; gave up after \d+ attempts in 1\d s$/);
    } else await sent;
    const count = setting.callsMs.length;
    assert(grownBytes === 0 ? count > 5 && count < 15 : count === 50, `${count} calls`);
  }
});

Deno.test("ReconnectingClient reports the traffic and the time of all attempts", async () => {
  const setting = new Setting();
  const client = await setting.connect();
  const error = () => {
    setting.callsMs.push(0);
    const [connection] = setting.connections;
    connection!.stats = {
      ...connection!.stats,
      bytesSent: 1000,
      bytesReceived: 100,
      retransmittedBytes: 10,
      packetsLost: 1,
    };
    return setting.callsMs.length === 1 ? LOST : undefined;
  };
  setting.engine.error = error;
  setting.connectErrors = [SILENT, SILENT, SILENT];
  const report = await setting.pass(client.send("a"));
  assert.deepEqual(
    [report.sentBytes, report.receivedBytes, report.retransmittedBytes, report.packetsLost],
    [2_101_000, 10_100, 10, 1],
  );
  assert(report.elapsedMs >= 700, `${report.elapsedMs} ms`);
});

Deno.test("ReconnectingClient tells progress bars that it is connecting, with what had been transferred", async () => {
  const setting = new Setting();
  const client = await setting.connect();
  setting.errors = [LOST];
  const seen: Progress[] = [];
  await setting.pass(client.send("a", { onProgress: (progress) => void seen.push(progress) }));
  assert.deepEqual(seen.map(({ phase, transferredBytes }) => [phase, transferredBytes]), [
    ["transferring", 1_000_000],
    ["connecting", 1_000_000],
    ["transferring", 1_000_000],
  ]);
});

Deno.test("ReconnectingClient ends what is cancelled while it waits to connect, and the attempt with the last one", async () => {
  const setting = new Setting();
  const client = await setting.connect();
  setting.errors = [LOST, LOST];
  setting.beforeConnecting = ({ signal }) =>
    new Promise((_resolve, reject) => signal!.addEventListener("abort", () => reject(SILENT)));
  const [one, other] = [new AbortController(), new AbortController()];
  const interrupted = ({ kind }: SluiceError) => kind === "interrupted";
  const first = assert.rejects(client.send("a", { signal: one.signal }), interrupted);
  const second = assert.rejects(client.send("b", { signal: other.signal }), interrupted);
  while (setting.attempts.length < 2) await next();
  one.abort();
  await first;
  assert.equal(setting.attempts[1]!.signal!.aborted, false);
  other.abort();
  await second;
  assert.equal(setting.attempts[1]!.signal!.aborted, true);
  // The next operation begins afresh.
  setting.beforeConnecting = () => Promise.resolve();
  await setting.pass(client.send("c"));
  assert.equal(setting.connections.length, 2);
  assert.equal(setting.clock.armed, 0);
});

Deno.test("ReconnectingClient ends what is cancelled while it waits for a busy server, or between two attempts to connect", async () => {
  for (const errors of [[BUSY], [LOST]]) {
    const setting = new Setting();
    const client = await setting.connect();
    setting.errors = errors;
    setting.connectErrors = [SILENT];
    const abort = new AbortController();
    const sent = client.send("a", { signal: abort.signal });
    while (setting.clock.armed === 0) await next();
    abort.abort();
    await assert.rejects(sent, ({ kind }: SluiceError) => kind === "interrupted");
    assert.equal(setting.clock.armed, 0, "a timer is left");
    assert.deepEqual(setting.engine.calls, ["send a"]);
  }
});

Deno.test("ReconnectingClient.close ends what waits for a connection", async () => {
  const setting = new Setting();
  const client = await setting.connect();
  setting.errors = [LOST];
  setting.connectErrors = Array.from({ length: 100 }, () => SILENT);
  const sent = assert.rejects(client.send("a"), SluiceError);
  while (setting.clock.armed === 0) await next();
  await client.close();
  await sent;
  assert.equal(setting.clock.armed, 0);
  assert.equal(setting.engine.openCount, 0);
  await assert.rejects(client.list(), /this side closed the connection/);
});

Deno.test("ReconnectingClient replaces a connection that was unused for half of its timeout, or has ended, in silence", async () => {
  for (
    const [timeoutMs, unusedMs, count] of [[undefined, 29_000, 1], [undefined, 31_000, 2], [10_000, 6_000, 2]] as const
  ) {
    const setting = new Setting();
    const client = await setting.connect(timeoutMs === undefined ? {} : { timeoutMs });
    await setting.pass(client.list());
    setting.clock.pass(unusedMs * 1000);
    await setting.pass(client.list());
    assert.equal(setting.connections.length, count, `${unusedMs} ms`);
    assert.equal(setting.engine.openCount, 1);
    assert.deepEqual(setting.told, []);
  }
  const setting = new Setting();
  const client = await setting.connect();
  setting.connections[0]!.closeReason = { kind: "reset" };
  await setting.pass(client.list());
  assert.equal(setting.connections.length, 2);
});

Deno.test("ReconnectingClient.setSendPolicy is for the connections that follow, too", async () => {
  const setting = new Setting();
  const client = await setting.connect({ sendPolicy: { kind: "cubic" } });
  client.setSendPolicy({ kind: "fixed", rateBytesPerSecond: 2_500_000 });
  setting.errors = [LOST];
  await setting.pass(client.send("a"));
  assert.deepEqual(setting.attempts.map(({ sendPolicy }) => sendPolicy?.kind), ["cubic", "fixed"]);
  assert.deepEqual(setting.engine.calls, ["rate 2500000", "send a", "send a"]);
  assert.throws(() => client.setSendPolicy({ kind: "fixed", rateBytesPerSecond: 1 }), SluiceError);
});

Deno.test("ReconnectingClient takes a change for done that a lost connection may have hidden", async () => {
  const setting = new Setting();
  const client = await setting.connect();
  setting.errors = [LOST];
  await setting.pass(client.makeFolder("a"));
  setting.errors = [LOST, MISSING];
  assert.equal(await setting.pass(client.remove("a")), 0);
  setting.engine.files = [{ name: "l", kind: "link", sizeBytes: 0, target: "there" }];
  setting.errors = [LOST, EXISTS];
  await setting.pass(client.makeLink("l", "there"));
  setting.errors = [LOST, MISSING];
  await setting.pass(client.move("a", "l"));
  // Nothing has the new name.
  setting.errors = [LOST, MISSING];
  await assert.rejects(setting.pass(client.move("a", "b")), (error) => error === MISSING);
  // Another link stays, and is said.
  setting.errors = [LOST, EXISTS];
  await assert.rejects(setting.pass(client.makeLink("l", "elsewhere")), (error) => error === EXISTS);
  // Without a loss, nothing is hidden.
  setting.errors = [EXISTS];
  await assert.rejects(setting.pass(client.makeLink("l", "there")), (error) => error === EXISTS);
  setting.errors = [MISSING];
  await assert.rejects(setting.pass(client.remove("a")), (error) => error === MISSING);
});

Deno.test("ReconnectingClient.connect says a wrong address at once, unless it was given a time", async () => {
  const setting = new Setting();
  setting.connectErrors = [SILENT];
  await assert.rejects(setting.connect(), (error) => error === SILENT);
  assert.equal(setting.attempts.length, 1);
  setting.connectErrors = [SILENT, SILENT];
  await setting.connect({ retryForMs: 20_000 });
  assert.equal(setting.attempts.length, 4);
  assert.deepEqual(setting.told, ["unavailable", "connected"]);
});
