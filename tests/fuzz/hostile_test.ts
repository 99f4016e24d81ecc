/**
 * Every attack that is known, alone against a server with an honest client: see `testing/hostile/fixture.ts` for what must
 * hold meanwhile and afterwards.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Random } from "../../base/random.ts";
import { TransportErrorCode } from "../../protocol/mod.ts";
import { sample } from "../../testing/effort.ts";
import { type Attack, FIXTURE_LIMITS, runAttacks } from "../../testing/hostile/fixture.ts";
import { ATTACKS } from "../../testing/hostile/attacks.ts";
import { VERSIONS } from "../../testing/hostile/attacks/resuming.ts";

/** Fixed, so that a failure can be repeated. With the first all encrypt, with the second they do not. */
const SEEDS = [1, 2];

for (const attack of ATTACKS) {
  Deno.test(`an attack does no harm: ${attack.name}`, async () => {
    for (const seed of sample(SEEDS, 1)) await runAttacks([attack], new Random(seed));
  });
}

for (const name of ["stalled-uploads", "uploads-of-a-byte-a-second", "slow-readers"]) {
  Deno.test(`an attack keeps no file open though its connections live: ${name}`, async () => {
    const peaks = await runAttacks(ATTACKS.filter((attack) => attack.name === name), new Random(4));
    assert(peaks.openFiles > 16, `only ${peaks.openFiles} were open`);
    assert.equal(peaks.openFilesLate, 0);
    assert(peaks.connections > 20, `only ${peaks.connections} connections`);
  });
}

Deno.test("an attack leaves on the disk no more than a part of each version of a file", async () => {
  const peaks = await runAttacks(ATTACKS.filter(({ name }) => name === "held-files-put-over"), new Random(5));
  const [kept, atOnce] = [2 * VERSIONS, FIXTURE_LIMITS.maxTransfersPerAddress];
  assert(peaks.partialFiles > kept && peaks.partialFiles <= kept + atOnce, `${peaks.partialFiles} were there`);
  assert(peaks.partialFilesLate > 0 && peaks.partialFilesLate <= kept, `${peaks.partialFilesLate} are left`);
  assert.equal(peaks.openFilesLate, 0);
  assert(peaks.transfers > 100, `only ${peaks.transfers} were begun`);
});

Deno.test("an attack that gives up what it has begun takes no slot with it", async () => {
  const peaks = await runAttacks(ATTACKS.filter(({ name }) => name === "gets-given-up"), new Random(5));
  assert(peaks.openFiles > 8, `only ${peaks.openFiles} were open`);
  assert.equal(peaks.openFilesLate, 0);
  assert(peaks.transfers > 5 * FIXTURE_LIMITS.maxTransfersPerAddress, `only ${peaks.transfers} were begun`);
});

Deno.test("an attack's name is its own", () => {
  assert.equal(new Set(ATTACKS.map(({ name }) => name)).size, ATTACKS.length);
});

Deno.test("an attack does no harm beside others", async () => {
  const peaks = await runAttacks(ATTACKS.filter((_, index) => index % 9 === 0), new Random(3));
  assert(peaks.connections > 5, `the server was never attacked by more than ${peaks.connections - 1} at a time`);
});

Deno.test("the fixture notices a rule that is broken and not answered", async () => {
  const silent: Attack = {
    name: "silent",
    closesWith: TransportErrorCode.protocolViolation,
    *script(scene) {
      yield* scene.connected();
    },
  };
  await assert.rejects(runAttacks([silent], new Random(1)), /silent was answered with nothing, not with 10/);
});

Deno.test("the fixture notices a script that fails", async () => {
  const failing: Attack = {
    name: "failing",
    *script(scene) {
      yield* scene.connected();
      throw new Error("a script that fails");
    },
  };
  await assert.rejects(runAttacks([failing], new Random(1)), /a script that fails/);
});
