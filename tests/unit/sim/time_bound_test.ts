import assert from "node:assert/strict";
import { timeBoundUs } from "../../../sim/time_bound.ts";
import type { ClientPlan } from "../../../sim/world.ts";

const LINK = { rateBitsPerSecond: 8_000_000, delayUs: 50_000 };
const PLAN: ClientPlan = { goals: [{ kind: "put", name: "file", sizeBytes: 1_000_000 }], up: LINK, down: LINK };
const OPTIONS = { config: {}, commitUs: 0 };

Deno.test("timeBoundUs adds up serialization, round trips and the disk", () => {
  const boundUs = timeBoundUs(PLAN, OPTIONS)!;
  // Twice 1 s of serialization, 2 s for the start, 14 round trips of 102.4 ms.
  assert.equal(Math.round(boundUs / 1000), Math.round(2 * 1000.2 + 2000 + 14 * 102.4));
  assert.equal(timeBoundUs(PLAN, { ...OPTIONS, commitUs: 1000 }), boundUs + 2000);
  const windows = { config: { directWindowBytes: 100_000 }, commitUs: 0 };
  assert.equal(Math.round(timeBoundUs(PLAN, windows)! - boundUs), 20 * 102_400);
});

Deno.test("timeBoundUs is undefined if the time is a matter of chance", () => {
  for (
    const fault of [
      { loss: 0.05, corrupt: 0.02 },
      { blackouts: [{ fromUs: 0, untilUs: 1 }] },
      { burst: { enterProbability: 0.01, leaveProbability: 0.5, lossInBurst: 1 } },
    ]
  ) {
    assert.equal(timeBoundUs({ ...PLAN, down: { ...LINK, ...fault } }, OPTIONS), undefined);
    assert.equal(timeBoundUs({ ...PLAN, up: { ...LINK, ...fault } }, OPTIONS), undefined);
  }
  const lossy = { ...PLAN, up: { ...LINK, loss: 0.05 } };
  assert.equal(timeBoundUs(lossy, { ...OPTIONS, config: { sendPolicy: { kind: "cubic" } } }), undefined);
  assert(timeBoundUs(lossy, OPTIONS)! > timeBoundUs(PLAN, OPTIONS)!);
});
