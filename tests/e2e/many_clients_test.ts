// Fifty clients at once, up and down, none disturbed by another; and two that want the same name.

import assert from "node:assert/strict";
import path from "node:path";
import { connect } from "../../mod.ts";
import { SluiceError } from "../../app/api.ts";
import { assertSameFile, namesIn, sha256Of, writeRandomFile } from "../../testing/programs/files.ts";
import { inTime, type ServerProgram, Stage } from "../../testing/programs/programs.ts";

/** Clients in this process: fifty processes would measure the machine's memory. */
const CLIENTS_HERE = 45;
const CLIENT_PROGRAMS = 5;

/** Sizes from none to some hundreds of kilobytes, no two alike. */
function sizeOf(index: number): number {
  return index === 0 ? 0 : (index * 7919) % 400_000 + index;
}

Deno.test("server serves fifty clients at once, each its own files up and down", async () => {
  await using stage = await Stage.open();
  const server = await stage.startServer({ args: ["--open"] });
  await Deno.mkdir(stage.path("copies"));
  const count = CLIENTS_HERE + CLIENT_PROGRAMS;
  // Half of the files are there before, to be got; the other half is sent.
  for (let index = 0; index < count; index++) {
    await writeRandomFile(path.join(server.root, `down-${index}`), sizeOf(index));
    await writeRandomFile(stage.path(`up-${index}`), sizeOf(count - 1 - index));
  }
  const allConnected = Promise.withResolvers<void>();
  let connectedCount = 0;
  const clientHere = async (index: number) => {
    const client = await connect({ host: "127.0.0.1", port: server.port });
    try {
      if (++connectedCount === CLIENTS_HERE) allConnected.resolve();
      await allConnected.promise;
      const [sent, got] = await Promise.all([
        client.send(stage.path(`up-${index}`)),
        client.get(`down-${index}`, { output: stage.path("copies", `down-${index}`) }),
      ]);
      assert.equal(sent.serverSha256, await sha256Of(stage.path(`up-${index}`)));
      assert.equal(got.serverSha256, await sha256Of(path.join(server.root, `down-${index}`)));
    } finally {
      await client.close();
    }
  };
  const clientProgram = async (index: number) => {
    const target = ["--server", server.address];
    const sent = await stage.client(["send", stage.path(`up-${index}`), ...target]);
    assert.deepEqual([sent.code, sent.stderr], [0, ""]);
    const got = await stage.client(["get", `down-${index}`, "--output", stage.path("copies"), ...target]);
    assert.deepEqual([got.code, got.stderr], [0, ""]);
  };
  const clients = Array.from(
    { length: count },
    (_, index) => index < CLIENTS_HERE ? clientHere(index) : clientProgram(index),
  );
  await inTime(Promise.all(clients), () => "fifty clients");
  for (let index = 0; index < count; index++) {
    await assertSameFile(path.join(server.root, `up-${index}`), stage.path(`up-${index}`));
    await assertSameFile(stage.path("copies", `down-${index}`), path.join(server.root, `down-${index}`));
  }
  assert.equal((await namesIn(server.root)).length, 2 * count);
  assert.doesNotMatch(server.log, / (WARN|ERROR) /);
});

/** Two clients send different files under one name at the same time; returns how each ended. */
async function sendTwice(stage: Stage, server: ServerProgram, overwrite: boolean) {
  const simulate = { drop: 0, corrupt: 0, duplicate: 0, reorder: 0, delayUs: 50_000, jitterUs: 0 };
  const open = () => connect({ host: "127.0.0.1", port: server.port, simulate });
  const clients = await Promise.all([open(), open()]);
  try {
    const sources = [stage.path("first"), stage.path("second")];
    for (const source of sources) await writeRandomFile(source, 500_000);
    const ends = await inTime(
      Promise.allSettled(clients.map((client, index) => client.send(sources[index]!, { as: "wanted", overwrite }))),
      () => "two clients that want one name",
    );
    // The delay sees to it that both were under way before one was done.
    assert.match(server.log, /receiving "wanted"[^]*receiving "wanted"[^]*received "wanted"/);
    assert.deepEqual(await namesIn(server.root), ["wanted"]);
    return { ends, sources, stored: path.join(server.root, "wanted") };
  } finally {
    await Promise.all(clients.map((client) => client.close()));
  }
}

Deno.test("server gives a name to one of two clients that send it at once, and tells the other", async () => {
  await using stage = await Stage.open();
  const server = await stage.startServer({ args: ["--open"] });
  const { ends, sources, stored } = await sendTwice(stage, server, false);
  const winner = ends.findIndex((end) => end.status === "fulfilled");
  const [loser, ...others] = ends.filter((end) => end.status === "rejected");
  assert.deepEqual([winner >= 0, others.length], [true, 0]);
  assert.ok(loser!.reason instanceof SluiceError);
  assert.equal(loser!.reason.kind, "refused");
  assert.match(loser!.reason.message, /"wanted" already exists/);
  await assertSameFile(stored, sources[winner]!);
});

Deno.test("server keeps one of two files that overwrite a name at once, whole", async () => {
  await using stage = await Stage.open();
  const server = await stage.startServer({ args: ["--open"] });
  const { ends, sources, stored } = await sendTwice(stage, server, true);
  assert.deepEqual(ends.map((end) => end.status), ["fulfilled", "fulfilled"]);
  const sums = await Promise.all(sources.map(sha256Of));
  assert.ok(sums.includes(await sha256Of(stored)));
});
