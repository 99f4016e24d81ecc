import assert from "node:assert/strict";
import { Bottleneck } from "../../../netem/bottleneck.ts";
import type { Interval } from "../../../netem/intervals.ts";

/** A byte a microsecond. */
const BYTE_A_US = 8e6;

function makeLine(pauses: readonly Interval[], rateBitsPerSecond = BYTE_A_US): Bottleneck {
  const line = new Bottleneck();
  line.setRate(rateBitsPerSecond);
  line.setPauses(pauses);
  return line;
}

Deno.test("Bottleneck sends one after the other, and is idle in between", () => {
  const line = makeLine([]);
  assert.equal(line.send(0, 100), 100);
  assert.equal(line.send(50, 100), 200);
  assert.equal(line.backlogBytes(120), 80);
  assert.equal(line.freeUs(120), 200);
  assert.equal(line.send(500, 100), 600);
  assert.equal(line.backlogBytes(600), 0);
});

Deno.test("Bottleneck stands still in a pause: what is being sent and what waits goes on after it", () => {
  const line = makeLine([{ fromUs: 150, untilUs: 1000 }]);
  assert.equal(line.send(0, 100), 100, "before it");
  assert.equal(line.send(0, 100), 1050, "half of it before, half after");
  assert.equal(line.backlogBytes(150), 50);
  assert.equal(line.backlogBytes(900), 50);
  assert.equal(line.send(900, 100), 1150);
  assert.equal(line.backlogBytes(900), 150);
  assert.equal(line.backlogBytes(1000), 150);
  assert.equal(line.backlogBytes(1100), 50);
  assert.equal(line.send(2000, 100), 2100, "long after it");
});

Deno.test("Bottleneck of any rate lets go at a pause's end what came meanwhile", () => {
  const line = makeLine([{ fromUs: 150, untilUs: 1000 }], Infinity);
  assert.deepEqual([149, 150, 500, 999, 1000].map((nowUs) => line.send(nowUs, 100)), [149, 1000, 1000, 1000, 1000]);
});

Deno.test("Bottleneck goes through several pauses with one datagram", () => {
  const line = makeLine([{ fromUs: 10, untilUs: 110 }, { fromUs: 120, untilUs: 220 }]);
  assert.equal(line.send(0, 50), 250);
  assert.equal(line.freeUs(0), 250);
});

Deno.test("Bottleneck that is idle in a pause is free at its end", () => {
  const line = makeLine([{ fromUs: 10, untilUs: 110 }]);
  assert.equal(line.freeUs(5), 5);
  assert.equal(line.freeUs(50), 110);
});

Deno.test("Bottleneck takes its new rate in the midst of a pause", () => {
  const line = makeLine([{ fromUs: 50, untilUs: 1000 }]);
  line.send(0, 100);
  line.setRate(BYTE_A_US / 2);
  assert.equal(line.freeUs(500), 1100);
});
