/**
 * The client's `--timeout`: a silent server ends everything in that time, and a server that is alive ends nothing, however
 * long its disk takes and whatever the link loses.
 *
 * @module
 */

import assert from "node:assert/strict";
import { isThorough } from "../../testing/effort.ts";
import type { Goal } from "../../sim/client_host.ts";
import { World } from "../../sim/world.ts";

const SECOND_US = 1_000_000;
const MEGABYTE = 1_000_000;
const TIMEOUT_MS = 3_000;
const PUT: Goal = { kind: "put", name: "file", sizeBytes: 10 * MEGABYTE };
const GET: Goal = { kind: "get", name: "file", sizeBytes: 10 * MEGABYTE };

for (const goal of [PUT, GET]) {
  Deno.test(`World: a ${goal.kind} ends after its timeout when the server falls silent under way`, async () => {
    for (const [seed, roundTripUs] of [1_000, 20_000, 300_000].entries()) {
      const link = { rateBitsPerSecond: 8e6, delayUs: roundTripUs / 2 };
      const world = new World({ seed, up: link, down: link, clients: [{ goals: [goal], timeoutMs: TIMEOUT_MS }] });
      const killedUs = 5 * SECOND_US;
      world.at(killedUs, () => world.server.kill());
      assert(await world.run(60 * SECOND_US));
      const { outcome, endUs } = world.results[0]!;
      assert.equal(outcome.kind, "failed");
      assert("message" in outcome);
      assert.match(outcome.message, /nothing arrived from the other side/);
      const afterUs = endUs - killedUs;
      assert(afterUs >= 2.9 * SECOND_US && afterUs <= 4 * SECOND_US, `${roundTripUs} us: ended after ${afterUs} us`);
    }
  });
}

Deno.test("World: a server whose disk takes 80 s stays connected at a timeout of 3 s, 300 ms away, 10 % lost", async () => {
  const link = { rateBitsPerSecond: 20e6, delayUs: 150_000, loss: 0.1 };
  let doneCount = 0;
  for (let seed = 0; seed < (isThorough ? 500 : 20); seed++) {
    const goals: readonly Goal[] = [{ kind: "put", name: "file", sizeBytes: 10_000 }];
    // The server's disk is as slow when that starts.
    const startUs = 500 * SECOND_US;
    const clients = [{ goals, timeoutMs: TIMEOUT_MS, startUs }];
    const world = new World({ seed, up: link, down: link, commitUs: 80 * SECOND_US, clients });
    assert(await world.run(startUs + 120 * SECOND_US));
    const { outcome } = world.results[0]!;
    // Of so many Hellos, none may be answered in time.
    if (outcome.kind === "unreachable") continue;
    assert.equal(outcome.kind, "done", `seed ${seed}: ${JSON.stringify(outcome)}`);
    assert(world.endUs >= startUs + 80 * SECOND_US);
    doneCount++;
  }
  assert(doneCount > 0);
});

Deno.test("World: a get goes on at a timeout of 3 s while its link loses 10 % and its client's disk is slow", async () => {
  const link = { rateBitsPerSecond: 2e6, delayUs: 150_000, loss: 0.1 };
  const disk = { delayUs: { min: 5 * SECOND_US, max: 20 * SECOND_US } };
  for (let seed = 0; seed < (isThorough ? 100 : 5); seed++) {
    const goals: readonly Goal[] = [{ kind: "get", name: "file", sizeBytes: MEGABYTE }];
    const world = new World({ seed, up: link, down: link, clients: [{ goals, disk, timeoutMs: TIMEOUT_MS }] });
    assert(await world.run(240 * SECOND_US));
    const { outcome } = world.results[0]!;
    if (outcome.kind !== "unreachable") assert.equal(outcome.kind, "done", `seed ${seed}: ${JSON.stringify(outcome)}`);
  }
});
