import assert from "node:assert/strict";
import { FixedRate } from "../../../../protocol/congestion/fixed_rate.ts";
import { CallerError } from "../../../../protocol/errors.ts";
import { runLink } from "./link_model.ts";

const OPTIONS = { maxDatagramBytes: 1_200, initialRttUs: 50_000, seed: 1 };

Deno.test("FixedRate paces at its rate with a window of two round trips and 64 KiB", () => {
  const controller = new FixedRate(OPTIONS, { rateBytesPerSecond: 1_000_000 });
  assert.equal(controller.pacingRate, 1_000_000);
  assert.equal(controller.windowBytes, 100_000 + 65_536);
  controller.setRate(2_000_000);
  assert.equal(controller.pacingRate, 2_000_000);
  assert.equal(controller.windowBytes, 200_000 + 65_536);
});

Deno.test("FixedRate takes a round trip below 10 ms as 10 ms", () => {
  const controller = new FixedRate({ ...OPTIONS, initialRttUs: 0 }, { rateBytesPerSecond: 1_000_000 });
  assert.equal(controller.windowBytes, 20_000 + 65_536);
});

Deno.test("FixedRate keeps its window within the bounds", () => {
  const controller = new FixedRate(OPTIONS, { rateBytesPerSecond: 1_000_000, maxWindowBytes: 50_000 });
  assert.equal(controller.windowBytes, 50_000);
  controller.onMtuChanged(65_000);
  assert.equal(controller.windowBytes, 130_000);
});

Deno.test("FixedRate refuses a rate that is none", () => {
  for (const rateBytesPerSecond of [0, -1, NaN, Infinity]) {
    assert.throws(() => new FixedRate(OPTIONS, { rateBytesPerSecond }), CallerError);
  }
});

Deno.test("FixedRate sends at its rate whatever is lost", () => {
  const controller = new FixedRate(OPTIONS, { rateBytesPerSecond: 1_000_000 });
  const link = { rate: 2_000_000, rttUs: 50_000, queueBytes: 100_000, loss: 0.3 };
  const [flow] = runLink(link, [{ controller }], 5_000_000);
  assert.ok(Math.abs(flow!.sentBytes - 5_000_000) < 100_000, `${flow!.sentBytes}`);
});
