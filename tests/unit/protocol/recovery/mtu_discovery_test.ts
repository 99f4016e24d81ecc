import assert from "node:assert/strict";
import fc from "fast-check";
import {
  BLACK_HOLE_LOSSES,
  GRANULARITY_BYTES,
  MAX_PROBES,
  MtuDiscovery,
  RAISE_INTERVAL_US,
} from "../../../../protocol/recovery/mtu_discovery.ts";

/** Probes until the search ends, over a path that carries `pathBytes`; returns the sizes probed. */
function search(mtu: MtuDiscovery, pathBytes: number, nowUs = 0): number[] {
  const probed: number[] = [];
  for (let size = mtu.probeSize(nowUs); size > 0; size = mtu.probeSize(nowUs)) {
    probed.push(size);
    mtu.onProbeSent(size, nowUs);
    assert.equal(mtu.probeSize(nowUs), 0, "one probe at a time");
    assert.equal(mtu.nextProbeUs, Infinity);
    if (size <= pathBytes) mtu.onProbeAcked(size);
    else mtu.onProbeLost(size);
    assert.ok(probed.length < 200, "the search ends");
  }
  return probed;
}

/** Loses one full-size packet at each of the times; returns whether a black hole was detected. */
function loseFullSize(mtu: MtuDiscovery, timesUs: number[]): boolean {
  return timesUs.map((nowUs) => mtu.onDataLost(mtu.currentBytes, nowUs)).includes(true);
}

Deno.test("MtuDiscovery starts at the base and needs one probe if the path carries the ceiling", () => {
  const mtu = new MtuDiscovery({ ceilingBytes: 1472 });
  assert.equal(mtu.currentBytes, 1200);
  assert.deepEqual(search(mtu, 1472), [1472]);
  assert.equal(mtu.currentBytes, 1472);
  assert.equal(mtu.isComplete, true);
  assert.equal(mtu.nextProbeUs, Infinity, "at the ceiling there is nothing left to find");
});

Deno.test("MtuDiscovery sends no probe if the base equals the ceiling", () => {
  const mtu = new MtuDiscovery({ ceilingBytes: 1200 });
  assert.equal(mtu.probeSize(0), 0);
  assert.equal(mtu.nextProbeUs, Infinity);
});

Deno.test("MtuDiscovery gives up a size after three lost probes, then tries common sizes", () => {
  const mtu = new MtuDiscovery({ ceilingBytes: 1472 });
  const probed = search(mtu, 1400);
  assert.deepEqual(probed.slice(0, 10), [1472, 1472, 1472, 1452, 1452, 1452, 1444, 1444, 1444, 1400]);
  assert.ok(mtu.currentBytes >= 1400 - GRANULARITY_BYTES && mtu.currentBytes <= 1400);
  assert.equal(probed.filter((size) => size === 1472).length, MAX_PROBES);
});

Deno.test("MtuDiscovery survives a probe lost by chance", () => {
  const mtu = new MtuDiscovery({ ceilingBytes: 9_000 });
  for (let i = 0; i < MAX_PROBES - 1; i++) {
    assert.equal(mtu.probeSize(0), 9_000);
    mtu.onProbeSent(9_000, 0);
    mtu.onProbeLost(9_000);
  }
  assert.deepEqual(search(mtu, 9_000), [9_000]);
  assert.equal(mtu.currentBytes, 9_000);
});

Deno.test("MtuDiscovery counts each probe lost once", () => {
  const mtu = new MtuDiscovery({ ceilingBytes: 1472 });
  mtu.onProbeSent(mtu.probeSize(0), 0);
  for (let i = 0; i < 2 * MAX_PROBES; i++) mtu.onProbeLost(1472);
  assert.equal(mtu.probeSize(0), 1472);
});

Deno.test("MtuDiscovery accepts a late acknowledgement of a probe that was declared lost", () => {
  const mtu = new MtuDiscovery({ ceilingBytes: 1472 });
  mtu.onProbeSent(mtu.probeSize(0), 0);
  mtu.onProbeLost(1472);
  mtu.onProbeAcked(1472);
  assert.equal(mtu.currentBytes, 1472);
  assert.equal(mtu.isComplete, true);
});

Deno.test("MtuDiscovery ignores a late probe of an earlier search", () => {
  const mtu = new MtuDiscovery({ ceilingBytes: 1472 });
  for (let i = 0; i < MAX_PROBES; i++) {
    mtu.onProbeSent(mtu.probeSize(0), 0);
    mtu.onProbeLost(1472);
  }
  mtu.onProbeAcked(1472);
  assert.equal(mtu.currentBytes, 1200);
});

Deno.test("MtuDiscovery searches again after the raise interval, from the ceiling down", () => {
  const mtu = new MtuDiscovery({ ceilingBytes: 8_972 });
  search(mtu, 1472, 1_000);
  assert.equal(mtu.currentBytes, 1472);
  assert.equal(mtu.nextProbeUs, 1_000 + RAISE_INTERVAL_US);
  assert.equal(mtu.probeSize(RAISE_INTERVAL_US), 0);
  assert.deepEqual(search(mtu, 8_972, 1_000 + RAISE_INTERVAL_US), [8_972]);
  assert.equal(mtu.currentBytes, 8_972);
});

Deno.test("MtuDiscovery searches when its ceiling is raised, but not between Ethernet's size and jumbo frames", () => {
  const mtu = new MtuDiscovery({ ceilingBytes: 1472 });
  search(mtu, 1472);
  mtu.raiseCeiling(8_972);
  assert.deepEqual(search(mtu, 8_972), [8_972]);
  assert.equal(mtu.currentBytes, 8_972);
  mtu.limitCeiling(1472);
  assert.equal(mtu.currentBytes, 1472);
  mtu.raiseCeiling(8_972);
  assert.deepEqual(search(mtu, 5_000), new Array(MAX_PROBES).fill(8_972));
  assert.equal(mtu.currentBytes, 1472);
});

Deno.test("MtuDiscovery falls back to the base when only full-size packets are lost, and searches below", () => {
  const mtu = new MtuDiscovery({ ceilingBytes: 1472 });
  search(mtu, 1472);
  assert.equal(loseFullSize(mtu, [...new Array(BLACK_HOLE_LOSSES - 3).fill(1), 2, 3]), false);
  assert.equal(mtu.currentBytes, 1472);
  assert.equal(loseFullSize(mtu, [4]), true);
  assert.equal(mtu.currentBytes, 1200);
  assert.equal(mtu.blackHoles, 1);
  const probed = search(mtu, 1400, 5);
  assert.equal(Math.max(...probed), 1452);
  assert.ok(mtu.currentBytes > 1400 - GRANULARITY_BYTES && mtu.currentBytes <= 1400);
});

Deno.test("MtuDiscovery detects no black hole if full-size packets arrive in between", () => {
  const mtu = new MtuDiscovery({ ceilingBytes: 1472 });
  search(mtu, 1472);
  for (let round = 0; round < 100; round++) {
    assert.equal(
      loseFullSize(mtu, Array.from({ length: BLACK_HOLE_LOSSES - 1 }, (_, i) => 100 * round + i)),
      false,
    );
    mtu.onDataAcked(1300);
    mtu.onDataAcked(1472);
  }
  assert.equal(mtu.currentBytes, 1472);
});

Deno.test("MtuDiscovery detects no black hole in one burst of losses, nor in losses of small packets", () => {
  const mtu = new MtuDiscovery({ ceilingBytes: 1472 });
  search(mtu, 1472);
  assert.equal(loseFullSize(mtu, new Array(500).fill(7)), false);
  mtu.onDataAcked(1472);
  for (let i = 0; i < 100; i++) assert.equal(mtu.onDataLost(1200, i), false);
  const base = new MtuDiscovery({ ceilingBytes: 1472 });
  for (let i = 0; i < 100; i++) assert.equal(base.onDataLost(1200, i), false);
});

Deno.test("MtuDiscovery does not count acknowledgements of small packets for full-size ones", () => {
  const mtu = new MtuDiscovery({ ceilingBytes: 1472 });
  search(mtu, 1472);
  let found = false;
  for (let i = 0; i < BLACK_HOLE_LOSSES; i++) {
    assert.equal(found, false);
    mtu.onDataAcked(1200);
    found = mtu.onDataLost(1472, i);
  }
  assert.equal(found, true);
});

Deno.test("MtuDiscovery.limitCeiling lowers the current size and the sizes to probe", () => {
  const mtu = new MtuDiscovery({ ceilingBytes: 65_507 });
  assert.equal(mtu.probeSize(0), 65_507);
  mtu.limitCeiling(16_384);
  assert.deepEqual(search(mtu, 65_507), [16_384]);
  mtu.limitCeiling(60_000);
  assert.equal(mtu.currentBytes, 16_384);
  mtu.limitCeiling(9_000);
  assert.equal(mtu.currentBytes, 9_000);
  assert.equal(mtu.probeSize(0), 0);
  mtu.limitCeiling(100);
  assert.equal(mtu.currentBytes, 1200, "every path carries the base");
});

Deno.test("MtuDiscovery throws InvariantError for a probe that it did not request", () => {
  const mtu = new MtuDiscovery({ ceilingBytes: 1472 });
  assert.throws(() => mtu.onProbeSent(1300, 0), { name: "InvariantError" });
  assert.throws(() => new MtuDiscovery({ ceilingBytes: 1199 }), { name: "InvariantError" });
});

Deno.test("MtuDiscovery comes within its granularity of any path up to Ethernet's, or to the ceiling", () => {
  const bytes = fc.oneof(fc.integer({ min: 1200, max: 1600 }), fc.integer({ min: 1200, max: 65_507 }));
  fc.assert(
    fc.property(bytes, bytes, (ceilingBytes, pathBytes) => {
      const mtu = new MtuDiscovery({ ceilingBytes });
      const probed = search(mtu, pathBytes);
      const best = Math.min(ceilingBytes, pathBytes);
      assert.ok(mtu.currentBytes <= best);
      const isNear = best - mtu.currentBytes < GRANULARITY_BYTES;
      assert.ok(isNear || mtu.currentBytes >= Math.min(1452, best), `${mtu.currentBytes} of ${best}`);
      assert.ok(probed.every((size) => size > 1200 && size <= ceilingBytes));
      assert.ok(probed.length <= 80, `${probed.length} probes`);
    }),
    { numRuns: 300, seed: 5 },
  );
});

Deno.test("MtuDiscovery detects a black hole by losses of packets that do not fill a datagram", () => {
  const mtu = new MtuDiscovery({ ceilingBytes: 8972 });
  mtu.onProbeSent(mtu.probeSize(0), 0);
  mtu.onProbeAcked(8972);
  let found = false;
  for (let i = 0; i < 20 && !found; i++) {
    mtu.onDataAcked(300);
    found = mtu.onDataLost(2300, i * 1000);
  }
  assert.equal(found, true);
  assert.equal(mtu.currentBytes, 1200);
});

Deno.test("MtuDiscovery detects no black hole while packets as large as the lost ones arrive", () => {
  const mtu = new MtuDiscovery({ ceilingBytes: 8972 });
  mtu.onProbeSent(mtu.probeSize(0), 0);
  mtu.onProbeAcked(8972);
  for (let i = 0; i < 100; i++) {
    assert.equal(mtu.onDataLost(2300, i * 1000), false);
    if (i % 4 === 0) mtu.onDataAcked(2300);
  }
  assert.equal(mtu.currentBytes, 8972);
});

Deno.test("MtuDiscovery detects a black hole by packets above the base that do not fill a datagram", () => {
  const mtu = new MtuDiscovery({ ceilingBytes: 1472 });
  search(mtu, 1472);
  for (let i = 0; i < BLACK_HOLE_LOSSES - 1; i++) assert.equal(mtu.onDataLost(1300 + i, i), false);
  mtu.onDataAcked(1299);
  assert.equal(mtu.onDataLost(1350, 100), true);
  assert.equal(mtu.currentBytes, 1200);
});
