/**
 * A disk that takes its time to look up, open and create files: it delays those requests alone, and what ends while it
 * is at work leaves neither an open file nor a partial one.
 */

import assert from "node:assert/strict";
import type { Goal } from "../../sim/client_host.ts";
import { World } from "../../sim/world.ts";

const SECOND_US = 1_000_000;
const LINK = { rateBitsPerSecond: 20e6, delayUs: 10_000 };
const SLOW = { lookupDelayUs: { min: 50_000, max: 150_000 } };
const GOALS: readonly Goal[] = [
  { kind: "put", name: "new", sizeBytes: 200_000 },
  { kind: "get", name: "there", sizeBytes: 200_000 },
  { kind: "list" },
];

function world(seed: number): World {
  const clients = [{ goals: GOALS, disk: SLOW }, { goals: GOALS.slice(1), disk: SLOW }];
  return new World({ seed, up: LINK, down: LINK, commitUs: 5_000, serverDisk: SLOW, clients });
}

Deno.test("World: requests on a slow disk are carried out, and wait for the disk alone", async () => {
  for (let seed = 0; seed < 10; seed++) {
    const simulated = world(seed);
    assert(await simulated.run(10 * SECOND_US));
    assert.deepEqual(simulated.results.map(({ outcome }) => outcome.kind), Array(5).fill("done"));
    await simulated.finish();
    // The server opens its folder, each request looks up some names, and the client makes its file: one after the other.
    assert(simulated.endUs < 4.5 * SECOND_US, `${simulated.endUs}`);
  }
});

Deno.test("World: a server that stops at any moment leaves no open and no partial file on a slow disk", async () => {
  for (let seed = 0; seed < 40; seed++) {
    const simulated = world(seed);
    simulated.at(300_000 + seed * 40_000, () => simulated.server.stop(0));
    await simulated.runUntil(6 * SECOND_US);
    await simulated.finish();
  }
});

Deno.test("World: a power failure at any moment leaves whole files on a slow disk", async () => {
  for (let seed = 0; seed < 40; seed++) {
    const simulated = world(seed);
    const atUs = 300_000 + seed * 40_000;
    simulated.at(atUs, () => simulated.server.cutPower());
    simulated.at(atUs + 100_000, () => simulated.restartServer());
    await simulated.runUntil(10 * SECOND_US);
    await simulated.finish();
  }
});
