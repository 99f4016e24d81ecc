import assert from "node:assert/strict";
import { ReceiveModeration } from "../../../io/receive_moderation.ts";

/** Wake-ups of single datagrams, 0.1 ms apart, until the intervals begin; returns how many. */
function wakesUntilModerated(moderation: ReceiveModeration): number {
  for (let wakes = 1; wakes <= 10_000; wakes++) {
    moderation.onWake(100, 1);
    if (moderation.isModerated) return wakes;
  }
  return Infinity;
}

Deno.test("ReceiveModeration fetches at intervals while datagrams come one by one", () => {
  const moderation = new ReceiveModeration();
  assert.equal(wakesUntilModerated(moderation), 8);
  for (let interval = 0; interval < 1000; interval++) moderation.onInterval(8);
  assert(moderation.isModerated);
  moderation.onInterval(0);
  assert(!moderation.isModerated, "nothing comes any more");
});

Deno.test("ReceiveModeration waits for datagrams that come seldom, or many at a time", () => {
  for (const [waitedUs, datagrams] of [[500, 1], [25_000, 1], [100, 5], [0, 64]] as const) {
    const moderation = new ReceiveModeration();
    for (let wakes = 0; wakes < 10_000; wakes++) moderation.onWake(waitedUs, datagrams);
    assert(!moderation.isModerated, `${datagrams} datagrams after ${waitedUs} us`);
  }
  const moderation = new ReceiveModeration();
  for (let wakes = 0; wakes < 10_000; wakes++) moderation.onWake(wakes % 8 === 0 ? 1_000 : 100, 1);
  assert(!moderation.isModerated, "a pause after each seven");
});

Deno.test("ReceiveModeration tries intervals that do not pay ever more seldom", () => {
  const moderation = new ReceiveModeration();
  const wakes: number[] = [];
  for (let trial = 0; trial < 12; trial++) {
    wakes.push(wakesUntilModerated(moderation));
    moderation.onInterval(2);
  }
  assert.deepEqual(wakes, [8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 4096, 4096]);
  wakesUntilModerated(moderation);
  moderation.onInterval(3);
  moderation.onInterval(2);
  assert.equal(wakesUntilModerated(moderation), 16, "it has paid meanwhile");
});
