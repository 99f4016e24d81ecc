import assert from "node:assert/strict";
import { Bottleneck } from "../../../netem/bottleneck.ts";
import type { Interval } from "../../../netem/intervals.ts";

/** A byte a microsecond. */
const BYTE_A_US = 8e6;

function makeBottleneck(pauses: readonly Interval[], rateBitsPerSecond = BYTE_A_US): Bottleneck {
  const bottleneck = new Bottleneck();
  bottleneck.setRate(rateBitsPerSecond);
  bottleneck.setPauses(pauses);
  return bottleneck;
}

Deno.test("Bottleneck.send queues behind what is being sent, and starts at once if idle", () => {
  const bottleneck = makeBottleneck([]);
  assert.equal(bottleneck.send(0, 100), 100);
  assert.equal(bottleneck.send(50, 100), 200);
  assert.equal(bottleneck.backlogBytes(120), 80);
  assert.equal(bottleneck.freeUs(120), 200);
  assert.equal(bottleneck.send(500, 100), 600);
  assert.equal(bottleneck.backlogBytes(600), 0);
});

Deno.test("Bottleneck sends nothing in a pause, and goes on after it with the rest", () => {
  const bottleneck = makeBottleneck([{ fromUs: 150, untilUs: 1000 }]);
  assert.equal(bottleneck.send(0, 100), 100, "before it");
  assert.equal(bottleneck.send(0, 100), 1050, "half of it before, half after");
  assert.equal(bottleneck.backlogBytes(150), 50);
  assert.equal(bottleneck.backlogBytes(900), 50);
  assert.equal(bottleneck.send(900, 100), 1150);
  assert.equal(bottleneck.backlogBytes(900), 150);
  assert.equal(bottleneck.backlogBytes(1000), 150);
  assert.equal(bottleneck.backlogBytes(1100), 50);
  assert.equal(bottleneck.send(2000, 100), 2100, "long after it");
});

Deno.test("Bottleneck of infinite rate sends at the end of a pause what was queued in it", () => {
  const bottleneck = makeBottleneck([{ fromUs: 150, untilUs: 1000 }], Infinity);
  assert.deepEqual([149, 150, 500, 999, 1000].map((nowUs) => bottleneck.send(nowUs, 100)), [
    149,
    1000,
    1000,
    1000,
    1000,
  ]);
});

Deno.test("Bottleneck may send one datagram across several pauses", () => {
  const bottleneck = makeBottleneck([{ fromUs: 10, untilUs: 110 }, { fromUs: 120, untilUs: 220 }]);
  assert.equal(bottleneck.send(0, 50), 250);
  assert.equal(bottleneck.freeUs(0), 250);
});

Deno.test("Bottleneck.freeUs is the end of the pause for an idle bottleneck", () => {
  const bottleneck = makeBottleneck([{ fromUs: 10, untilUs: 110 }]);
  assert.equal(bottleneck.freeUs(5), 5);
  assert.equal(bottleneck.freeUs(50), 110);
});

Deno.test("Bottleneck.setRate takes effect in the middle of a pause", () => {
  const bottleneck = makeBottleneck([{ fromUs: 50, untilUs: 1000 }]);
  bottleneck.send(0, 100);
  bottleneck.setRate(BYTE_A_US / 2);
  assert.equal(bottleneck.freeUs(500), 1100);
});
