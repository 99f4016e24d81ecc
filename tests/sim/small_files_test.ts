/**
 * Thousands of small files over one connection: none waits for another's round trip, and whatever happens in between, each
 * is stored once, whole.
 */

import assert from "node:assert/strict";
import type { LinkOptions } from "../../netem/link.ts";
import type { Goal } from "../../sim/client_host.ts";
import { World } from "../../sim/world.ts";

const SECOND_US = 1_000_000;
const SIZE_BYTES = 4096;
const WAN: LinkOptions = { rateBitsPerSecond: 100e6, delayUs: 25_000, queueBytes: 625_000 };

function filesOf(kind: "put" | "get", count: number): Goal[] {
  const listed = kind === "get" ? { isListed: true } : {};
  return Array.from(
    { length: count },
    (_, index) => ({ kind, name: `file${index}`, sizeBytes: SIZE_BYTES, ...listed }),
  );
}

interface Outcomes {
  readonly world: World;
  /** Files that the server has reported as stored, or as sent. */
  readonly servedCount: number;
}

/** Transfers so many files; each must be done within the time, and be what it was. */
async function transfer(
  options: { readonly kind: "put" | "get"; readonly count: number; readonly loss?: number; readonly limitUs: number },
  disturb: (world: World) => void = () => {},
): Promise<Outcomes> {
  const { kind, count, loss = 0, limitUs } = options;
  const link = { ...WAN, loss };
  const clients = [{ goals: filesOf(kind, count), retryForMs: 600_000 }];
  const world = new World({ seed: 1, up: link, down: link, commitUs: 10_000, clients });
  disturb(world);
  assert(await world.run(limitUs), `${world.results.length} of ${count} files were done after ${limitUs} us`);
  for (const { goal, outcome } of world.results) assert.equal(outcome.kind, "done", JSON.stringify([goal, outcome]));
  assert.equal(world.results.length, count);
  // Compares all files with what was sent.
  await world.finish();
  return { world, servedCount: world.server.events.get(kind === "put" ? "received" : "sent") ?? 0 };
}

for (const kind of ["put", "get"] as const) {
  Deno.test(`World: small files (${kind}) take about as long over a long link as one file of their size`, async () => {
    const count = 2_000;
    const { servedCount, world } = await transfer({ kind, count, limitUs: 10 * SECOND_US });
    assert.equal(servedCount, count);
    const lineUs = count * SIZE_BYTES * 8e6 / WAN.rateBitsPerSecond!;
    // A round trip for each would be 100 seconds, with 128 at a time 0.8 more than this.
    assert(world.endUs < 1.5 * lineUs + 0.6 * SECOND_US, `${world.endUs} us`);
  });

  Deno.test(`World: small files (${kind}) all arrive, once, over a link that loses packets`, async () => {
    const { servedCount } = await transfer({ kind, count: 500, loss: 0.05, limitUs: 60 * SECOND_US });
    assert.equal(servedCount, 500);
  });
}

for (const how of ["kill", "cutPower"] as const) {
  Deno.test(`World: small files are all stored although their server ends twice in between (${how})`, async () => {
    for (let at = 300_000; at < 900_000; at += 150_000) {
      const { world } = await transfer({ kind: "put", count: 1_000, limitUs: 120 * SECOND_US }, (world) => {
        for (const againUs of [0, 3 * SECOND_US]) {
          world.at(at + againUs, () => world.server[how]());
          world.at(at + againUs + SECOND_US, () => world.restartServer());
        }
      });
      assert.equal(world.clients[0]!.retries.get("connected"), world.clients[0]!.retries.get("connection-lost"));
    }
  });
}

Deno.test("World: the server hears of each file that a client has, although many are complete when the client leaves", async () => {
  const link = { rateBitsPerSecond: 1e9, delayUs: 1_000, queueBytes: 625_000 };
  for (const count of [1, 30, 100]) {
    const goals = Array.from({ length: count }, (_, index): Goal => (
      { kind: "get", name: `file${index}`, sizeBytes: 100 }
    ));
    const world = new World({ seed: 1, up: link, down: link, commitUs: 50_000, clients: [{ goals }] });
    assert(await world.run(10 * SECOND_US));
    await world.finish();
    assert.equal(world.results.filter(({ outcome }) => outcome.kind === "done").length, count);
    assert.equal(world.server.events.get("sent"), count);
  }
});
