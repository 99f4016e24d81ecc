/**
 * Few descriptors, on either side: files wait for one instead of failing.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { Goal } from "../../sim/client_host.ts";
import { type ClientPlan, World } from "../../sim/world.ts";

const SECOND_US = 1_000_000;
const LINK = { rateBitsPerSecond: 20e6, delayUs: 10_000, loss: 0.01 };
const FEW = { maxDescriptors: 8 };

/** Files of some kilobytes that a client puts, and others that it gets. */
function goals(client: number, count: number): Goal[] {
  const sizeBytes = 5_000;
  return Array.from({ length: count }, (_, file): Goal => {
    if (file === count - 1) return { kind: "list" };
    return { kind: file % 2 === 0 ? "put" : "get", name: `${client}-${file}`, sizeBytes };
  });
}

async function runAll(world: World, { withinUs }: { withinUs: number }): Promise<void> {
  assert(await world.run(withinUs));
  for (const { goal, outcome } of world.results) {
    assert.equal(outcome.kind, "done", `${JSON.stringify(goal)}: ${JSON.stringify(outcome)}`);
  }
  await world.finish();
}

Deno.test("World: a client with few descriptors sends and gets all files, fewer at a time", async () => {
  for (let seed = 0; seed < 5; seed++) {
    const clients = [{ goals: goals(0, 100), disk: FEW }];
    const world = new World({ seed, up: LINK, down: LINK, commitUs: 30_000, clients });
    await runAll(world, { withinUs: 60 * SECOND_US });
    assert(world.clients[0]!.disk.meter.faultCounts.get("EMFILE open")! > 0);
  }
});

Deno.test("World: a server with few descriptors takes, gives and lists all files of three clients", async () => {
  for (let seed = 0; seed < 5; seed++) {
    const clients: ClientPlan[] = [0, 1, 2].map((client) => ({ goals: goals(client, 40) }));
    const world = new World({ seed, up: LINK, down: LINK, commitUs: 30_000, serverDisk: FEW, clients });
    await runAll(world, { withinUs: 60 * SECOND_US });
    assert(world.server.disk.meter.faultCounts.get("EMFILE open")! > 0);
  }
});

Deno.test("World: a server without any descriptor says that it is busy, and serves as soon as there is one", async () => {
  for (const freeUs of [20 * SECOND_US, Infinity]) {
    const clients: ClientPlan[] = [{ goals: goals(0, 10), startUs: SECOND_US, retryForMs: 30_000 }];
    const world = new World({ seed: 1, up: LINK, down: LINK, clients });
    const { meter } = world.server.disk;
    world.at(SECOND_US / 2, () => meter.faults = { maxDescriptors: 0 });
    if (freeUs < Infinity) world.at(freeUs, () => meter.faults = {});
    assert(await world.run(240 * SECOND_US));
    for (const { goal, outcome } of world.results) {
      assert.equal(outcome.kind, freeUs < Infinity ? "done" : "refused", JSON.stringify([goal, outcome]));
      if ("message" in outcome) {
        assert.match(outcome.message, /too many files are open .*; gave up after \d+ attempts in [\d min]+s$/);
      }
    }
    if (freeUs < Infinity) assert(world.endUs < freeUs + 5 * SECOND_US, `${world.endUs} us`);
    await world.finish();
  }
});
