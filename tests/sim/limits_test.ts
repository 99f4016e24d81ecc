import assert from "node:assert/strict";
import type { ServerLimits } from "../../app/server/limits.ts";
import type { ClientPlan } from "../../sim/world.ts";
import { World } from "../../sim/world.ts";

const SECOND_US = 1_000_000;
const LINK = { rateBitsPerSecond: 20_000_000, delayUs: 10_000, queueBytes: 100_000 };

function worldOf(clients: readonly ClientPlan[], limits: Partial<ServerLimits>): World {
  return new World({ seed: 1, up: LINK, down: LINK, clients, limits });
}

Deno.test("World: transfers beyond the server's limit are retried, and all are done", async () => {
  const goals = Array.from({ length: 20 }, (_, i) => ({
    kind: "put" as const,
    name: `file-${i}`,
    sizeBytes: 100_000,
  }));
  const world = worldOf([{ goals, retryForMs: "default" }, { goals: [{ kind: "list" }] }], { maxTransfers: 4 });
  assert(await world.run(20 * SECOND_US));
  await world.finish();
  assert(world.results.every(({ outcome }) => outcome.kind === "done"));
  assert(world.server.events.get("refused")! > 0, "nothing was refused");
  // 2 MB take 0.8 s; the rest is backoff.
  assert(world.endUs < 10 * SECOND_US, `${world.endUs} us`);
});

Deno.test("World: a client that gives up on a busy server says so in a sentence", async () => {
  const long = { kind: "put" as const, name: "long", sizeBytes: 200_000_000 };
  const world = worldOf([{ goals: [long] }, {
    goals: [{ kind: "put", name: "late", sizeBytes: 1000 }],
    startUs: SECOND_US,
    retryForMs: 30_000,
  }], { maxTransfers: 1 });
  assert(await world.run(300 * SECOND_US));
  await world.finish();
  const late = world.results.find(({ client }) => client === 1)!;
  assert(late.outcome.kind === "refused");
  assert.match(
    late.outcome.message,
    /^the server refused: it is busy with 1 transfer already; gave up after \d+ attempts in 30 s$/,
  );
  const waitedUs = late.endUs - late.startUs;
  assert(waitedUs >= 30 * SECOND_US && waitedUs < 31 * SECOND_US, `${waitedUs} us`);
  assert.equal(world.results.find(({ client }) => client === 0)!.outcome.kind, "done");
});

Deno.test("World: an outage of 45 s ends no transfer, whatever the idle timeout", async () => {
  const link = { ...LINK, blackouts: [{ fromUs: 2 * SECOND_US, untilUs: 47 * SECOND_US }] };
  const goals = [{ kind: "put", name: "file", sizeBytes: 20_000_000 } as const];
  const world = worldOf([{ goals, up: link, down: link }], {});
  assert(await world.run(120 * SECOND_US));
  await world.finish();
  assert.equal(world.results[0]!.outcome.kind, "done");
});

Deno.test("World: a client without a transfer stays connected, beyond every timeout", async () => {
  const world = worldOf([{ goals: [{ kind: "put", name: "file", sizeBytes: 1000 }], stays: true }], {});
  assert(await world.run(10 * SECOND_US));
  await world.runUntil(600 * SECOND_US);
  assert.equal(world.server.connectionCount, 1);
  world.clients[0]!.kill();
  await world.finish();
});
