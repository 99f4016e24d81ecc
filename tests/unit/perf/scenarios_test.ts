import assert from "node:assert/strict";
import { linkOptionsOf, possibleBitsPerSecond, SCENARIOS } from "../../../perf/scenarios.ts";
import { Random } from "../../../base/random.ts";
import { Link } from "../../../netem/link.ts";

Deno.test("SCENARIOS have unique names, and valid links except where there is none", () => {
  assert.equal(new Set(SCENARIOS.map(({ name }) => name)).size, SCENARIOS.length);
  for (const { name, link, sizes } of SCENARIOS) {
    assert.ok(Object.keys(sizes).length > 0, name);
    assert.equal(link === undefined, (sizes.loopback ?? sizes.veth) !== undefined, name);
    if (link === undefined) continue;
    // An invalid link throws.
    const { up, down } = linkOptionsOf(link);
    for (const options of [up, down]) new Link(options, { random: new Random(1) });
  }
});

Deno.test("linkOptionsOf has a queue of one bandwidth-delay product by default", () => {
  const wan = { rateBitsPerSecond: 100e6, delayUs: 25_000 };
  assert.equal(linkOptionsOf(wan).up.queueBytes, 625_000);
  assert.equal(linkOptionsOf({ ...wan, queueBytes: 32_000 }).up.queueBytes, 32_000);
  assert.equal(linkOptionsOf({ ...wan, delayUs: 100 }).up.queueBytes, 65_536);
  const { up, down } = linkOptionsOf({ ...wan, returnRateBitsPerSecond: 1e6 });
  assert.deepEqual([up.rateBitsPerSecond, down.rateBitsPerSecond], [100e6, 1e6]);
});

Deno.test("linkOptionsOf varies the delay around its mean, by jitter or by a random walk", () => {
  const wan = { rateBitsPerSecond: 100e6, delayUs: 25_000 };
  const jitter = linkOptionsOf({ ...wan, jitterUs: 10_000 }).up;
  assert.deepEqual([jitter.delayUs, jitter.jitterUs, jitter.randomWalkUs], [25_000, 10_000, 0]);
  const walk = linkOptionsOf({ ...wan, randomWalkUs: 10_000 }).up;
  assert.deepEqual([walk.delayUs, walk.jitterUs, walk.randomWalkUs], [15_000, 0, 20_000]);
});

Deno.test("possibleBitsPerSecond subtracts the losses", () => {
  assert.equal(possibleBitsPerSecond({ rateBitsPerSecond: 100e6, delayUs: 1 }), 100e6);
  assert.equal(possibleBitsPerSecond({ rateBitsPerSecond: 100e6, delayUs: 1, loss: 0.2 }), 80e6);
});
