// Rates and controllers as a person chooses them. A rate shows in the time that a transfer takes at least; that a
// change of it takes effect, in that a transfer ends which would otherwise go on for minutes.

import assert from "node:assert/strict";
import path from "node:path";
import type { TransferReport } from "../../app/client/api.ts";
import { connect, type SendPolicy, startServer } from "../../mod.ts";
import { assertSameFile, writeRandomFile } from "../../testing/programs/files.ts";
import { inTime, reportsIn, Stage } from "../../testing/programs/programs.ts";

const SIZE_BYTES = 1_000_000;
/** At 8 Mbit/s that is 1 s, but for what leaves at once: two of loopback's datagrams. */
const LEAST_MS = 800;

/** Runs it, and checks that it took as long as the rate makes it. */
async function slowly<Result>(what: () => Promise<Result>): Promise<Result> {
  const startMs = performance.now();
  const result = await what();
  const tookMs = performance.now() - startMs;
  assert.ok(tookMs >= LEAST_MS, `${tookMs} ms`);
  return result;
}

Deno.test("programs send at the rate of --fixed-rate, each its own way", async () => {
  await using stage = await Stage.open();
  const server = await stage.startServer({ args: ["--fixed-rate", "8M"] });
  const source = await writeRandomFile(stage.path("a"), SIZE_BYTES);
  const at = ["--server", server.address, "--quiet"];
  const sent = await slowly(() => stage.client(["send", source, "--fixed-rate", "8Mbit/s", ...at]));
  assert.deepEqual(sent, { code: 0, stdout: "", stderr: "" });
  const got = await slowly(() => stage.client(["get", "a", "--output", stage.path("b"), ...at]));
  assert.deepEqual(got, { code: 0, stdout: "", stderr: "" });
  await assertSameFile(source, stage.path("b"));
});

Deno.test("programs keep to the limit of either side, in each direction", async () => {
  await using stage = await Stage.open();
  const source = await writeRandomFile(stage.path("a"), SIZE_BYTES);
  for (const [serverArgs, clientArgs] of [[["--limit", "8M"], []], [[], ["--limit", "00:00,8M 12:00,8M"]]] as const) {
    const server = await stage.startServer({ args: serverArgs });
    const at = ["--server", server.address, "--quiet", "--force", ...clientArgs];
    assert.equal((await slowly(() => stage.client(["send", source, ...at]))).code, 0);
    await Deno.remove(stage.path("b")).catch(() => {});
    assert.equal((await slowly(() => stage.client(["get", "a", "--output", stage.path("b"), ...at]))).code, 0);
    await assertSameFile(source, stage.path("b"));
    await server.stop();
  }
});

Deno.test("client in the background sends and gets a file", async () => {
  await using stage = await Stage.open();
  const server = await stage.startServer();
  const source = await writeRandomFile(stage.path("a"), SIZE_BYTES);
  const at = ["--server", server.address, "--quiet", "--background"];
  assert.equal((await stage.client(["send", source, ...at])).code, 0);
  assert.equal((await stage.client(["get", "a", "--output", stage.path("b"), ...at])).code, 0);
  await assertSameFile(source, stage.path("b"));
});

Deno.test("client sends at the rate that is typed", async () => {
  await using stage = await Stage.open();
  const server = await stage.startServer();
  await writeRandomFile(stage.path("a"), SIZE_BYTES);
  const stdin = "rate 8M\nput a\nrate auto\nput a b\nrate\nquit\n";
  const { code, stdout } = await slowly(() => stage.client(["127.0.0.1", String(server.port)], { stdin }));
  assert.equal(code, 0);
  assert.equal(reportsIn(stdout), 2);
  assert.deepEqual(stdout.match(/^sending .*$/gm), [
    "sending at 8 Mbit/s",
    "sending as fast as the link allows",
    "sending as fast as the link allows",
  ]);
});

Deno.test("programs transfer by CUBIC, over a link that loses too", async () => {
  await using stage = await Stage.open();
  const server = await stage.startServer({ args: ["--congestion", "cubic", "--simulate", "drop=2%,seed=1"] });
  const source = await writeRandomFile(stage.path("a"), SIZE_BYTES);
  const at = ["--server", server.address, "--congestion", "cubic", "--quiet"];
  assert.equal((await stage.client(["send", source, ...at])).code, 0);
  assert.equal((await stage.client(["get", "a", "--output", stage.path("b"), ...at])).code, 0);
  await assertSameFile(source, stage.path("b"));
});

Deno.test("programs refuse a controller that is none, and two ways to send at once", async () => {
  await using stage = await Stage.open();
  for (
    const run of [(args: string[]) => stage.client(["list", ...args]), (args: string[]) => {
      return stage.runServer(args).finished();
    }]
  ) {
    const unknown = await run(["--congestion", "vegas"]);
    assert.equal(unknown.code, 2);
    assert.match(unknown.stderr, /'vegas' is invalid\. Allowed choices are bbr, cubic\.\nTry --help\.\n$/);
    const both = await run(["--congestion", "bbr", "--rate", "8M"]);
    assert.equal(both.code, 2);
    assert.match(both.stderr, /'--rate, --fixed-rate <rate>' cannot be used with option '--congestion <name>'/);
  }
});

Deno.test("Client.setSendPolicy and Server.setSendPolicy change the rate of a running transfer", async () => {
  await using stage = await Stage.open();
  const source = await writeRandomFile(stage.path("a"), 30 * SIZE_BYTES);
  // At this rate it would take 4 minutes.
  const sendPolicy: SendPolicy = { kind: "fixed", rateBytesPerSecond: 125_000 };
  const server = await startServer({
    host: "127.0.0.1",
    port: 0,
    root: stage.path("storage"),
    sendPolicy,
    onEvent: () => {},
  });
  const client = await connect({ host: "127.0.0.1", port: server.port, sendPolicy });
  /** Has one side leave its rate to congestion control once the transfer is under way. */
  const speedUp = async (
    side: { setSendPolicy(policy: SendPolicy): void },
    start: (onProgress: (progress: { transferredBytes: number }) => void) => Promise<TransferReport>,
  ): Promise<void> => {
    const underWay = Promise.withResolvers<void>();
    const transfer = start(({ transferredBytes }) => {
      if (transferredBytes > 0) underWay.resolve();
    });
    await inTime(underWay.promise, () => "the first bytes");
    side.setSendPolicy({ kind: "bbr" });
    await inTime(transfer, () => "the end of the transfer");
  };
  try {
    await speedUp(client, (onProgress) => client.send(source, { onProgress }));
    await speedUp(server, (onProgress) => client.get("a", { output: stage.path("b"), onProgress }));
    await assertSameFile(source, path.join(stage.path("storage"), "a"));
    await assertSameFile(source, stage.path("b"));
    const tooSlow: SendPolicy = { kind: "fixed", rateBytesPerSecond: 1 };
    for (const side of [client, server]) {
      assert.throws(() => side.setSendPolicy(tooSlow), { name: "SluiceError", kind: "usage" });
    }
  } finally {
    await client.close();
    await server.stop({ graceMs: 0 });
  }
});

Deno.test("connect and startServer refuse a rate that is none, before they touch anything", async () => {
  await using stage = await Stage.open();
  const root = stage.path("storage");
  const rate = (rateBytesPerSecond: number): SendPolicy => ({ kind: "fixed", rateBytesPerSecond });
  const refusal = { name: "SluiceError", kind: "usage" };
  await assert.rejects(
    startServer({ host: "127.0.0.1", port: 0, root, sendPolicy: rate(0), onEvent: () => {} }),
    refusal,
  );
  await assert.rejects(Deno.stat(root), Deno.errors.NotFound);
  await assert.rejects(connect({ host: "127.0.0.1", port: 9, sendPolicy: rate(NaN) }), refusal);
});
