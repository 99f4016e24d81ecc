import assert from "node:assert/strict";
import { type AccessEntry, type AccessSource, AccessTable } from "../../app/server/access.ts";
import type { LinkOptions } from "../../netem/link.ts";
import type { Goal } from "../../sim/client_host.ts";
import { clientKey, type ClientPlan, World } from "../../sim/world.ts";
import { usedBytes } from "../../store/used_bytes.ts";

const SECOND_US = 1_000_000;
const LINK: LinkOptions = {
  rateBitsPerSecond: 20_000_000,
  delayUs: 30_000,
  queueBytes: 100_000,
  loss: 0.05,
  corrupt: 0.01,
  duplicate: 0.02,
};

/** An access file that a test rewrites. */
class Written implements AccessSource {
  #table: AccessTable;
  #isNew = false;
  constructor(entries: readonly AccessEntry[]) {
    this.#table = new AccessTable(entries);
  }
  write(entries: readonly AccessEntry[]): void {
    this.#table = new AccessTable(entries);
    this.#isNew = true;
  }
  read(): AccessTable {
    return this.#table;
  }
  poll(): AccessTable | undefined {
    if (!this.#isNew) return undefined;
    this.#isNew = false;
    return this.#table;
  }
}

function line(client: number, quotaBytes?: number): AccessEntry {
  const rights = ["read", "write", "list"] as const;
  return { kind: "key", secret: clientKey(client), name: `client ${client}`, rights, folder: undefined, quotaBytes };
}

function world(seed: number, access: AccessSource, clients: readonly ClientPlan[]): World {
  return new World({ seed, access, clients, up: LINK, down: LINK, commitUs: 5_000 });
}

/** The server polls its access file as long as it runs. */
async function finish(simulated: World): Promise<void> {
  simulated.server.stop(0);
  await simulated.finish();
}

function put(name: string, sizeBytes: number): Goal {
  return { kind: "put", name, sizeBytes };
}

for (let seed = 1; seed <= 20; seed++) {
  Deno.test(`World: a revoked client loses access at once, and no other does, seed ${seed}`, async () => {
    const access = new Written([line(0), line(1), line(2)]);
    const get: Goal = { kind: "get", name: "there", sizeBytes: 5_000_000 };
    const simulated = world(seed, access, [
      { goals: [put("first", 5_000_000)] },
      { goals: [get] },
      { goals: [put("third", 3_000_000)] },
      { goals: [put("unauthorized", 1_000)] },
    ]);
    const atUs = 200_000 + 50_000 * seed;
    simulated.at(atUs, () => access.write([line(2)]));
    assert(await simulated.run(60 * SECOND_US));
    const outcomes = new Map(simulated.results.map(({ client, endUs, outcome }) => [client, { endUs, ...outcome }]));
    assert.deepEqual([0, 1, 2, 3].map((client) => outcomes.get(client)!.kind), [
      "refused",
      "refused",
      "done",
      "refused",
    ]);
    for (const client of [0, 1]) {
      const { endUs } = outcomes.get(client)!;
      assert.ok(endUs <= atUs + 3 * SECOND_US, `client ${client} went on until ${endUs}`);
    }
    await finish(simulated);
    assert.deepEqual(["first", "unauthorized"].map((name) => simulated.server.contents(name)), [undefined, undefined]);
  });

  Deno.test(`World: clients never exceed the quota of their folder together, seed ${seed}`, async () => {
    const quotaBytes = 1_000_000 + 20_000 * seed;
    const clients = Array.from({ length: 6 }, (_, client) => ({
      goals: [put(`${client}a`, 150_000), put(`${client}b`, 90_000), put(`${client}c`, 0)],
    }));
    const access = new Written(clients.map((_, client) => line(client, quotaBytes)));
    const simulated = world(seed, access, clients);
    const stored = (): number =>
      clients.flatMap(({ goals }) => goals).reduce((sum, goal) => {
        const bytes = simulated.server.contents("name" in goal ? goal.name : "");
        return sum + (bytes === undefined ? 0 : usedBytes(bytes.length));
      }, 0);
    for (let atUs = 0; atUs < 5 * SECOND_US; atUs += 50_000) {
      simulated.at(atUs, () => assert.ok(stored() <= quotaBytes));
    }
    assert(await simulated.run(60 * SECOND_US));
    await finish(simulated);
    const kinds = simulated.results.map(({ outcome }) => outcome.kind);
    assert.deepEqual(new Set(kinds), new Set(["done", "refused"]));
    assert.ok(stored() <= quotaBytes);
    assert.ok(stored() > quotaBytes - 160_000, "what fits is taken");
  });
}
