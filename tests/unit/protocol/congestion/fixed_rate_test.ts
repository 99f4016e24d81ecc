import assert from "node:assert/strict";
import { FixedRate } from "../../../../protocol/congestion/fixed_rate.ts";
import { runLink } from "../../../../testing/link_model.ts";

const OPTIONS = { maxDatagramBytes: 1_200, initialRttUs: 50_000, seed: 1 };

Deno.test("FixedRate paces at its rate with a window of two round trips, an ACK's delay and 64 KiB", () => {
  const controller = new FixedRate(OPTIONS, { rateBytesPerSecond: 1_000_000 });
  assert.equal(controller.pacingRate, 1_000_000);
  assert.equal(controller.windowBytes, 125_000 + 65_536);
});

Deno.test("FixedRate treats an RTT below 10 ms as 10 ms", () => {
  const controller = new FixedRate({ ...OPTIONS, initialRttUs: 0 }, { rateBytesPerSecond: 1_000_000 });
  assert.equal(controller.windowBytes, 45_000 + 65_536);
});

Deno.test("FixedRate keeps its window within the bounds", () => {
  const controller = new FixedRate(OPTIONS, { rateBytesPerSecond: 1_000_000, maxWindowBytes: 50_000 });
  assert.equal(controller.windowBytes, 50_000);
  controller.onMtuChanged(65_000);
  assert.equal(controller.windowBytes, 130_000);
  assert.equal(new FixedRate(OPTIONS, { rateBytesPerSecond: 1e12 }).windowBytes, 128 * 1024 * 1024);
});

Deno.test("FixedRate throws InvariantError for a rate that is not positive and finite", () => {
  for (const rateBytesPerSecond of [0, -1, NaN, Infinity]) {
    assert.throws(() => new FixedRate(OPTIONS, { rateBytesPerSecond }), { name: "InvariantError" });
  }
});

Deno.test("FixedRate sends at its rate whatever is lost, also over a long link", () => {
  const controllers = [0, 0.3, 0.9].map((loss) => ({
    loss,
    controller: new FixedRate({ ...OPTIONS, initialRttUs: 300_000 }, { rateBytesPerSecond: 1_000_000 }),
  }));
  for (const { loss, controller } of controllers) {
    const link = { rate: 2_000_000, rttUs: 300_000, queueBytes: 100_000, loss };
    const [flow] = runLink(link, [{ controller }], 10_000_000);
    assert.ok(Math.abs(flow!.sentBytes - 10_000_000) < 200_000, `${flow!.sentBytes} at a loss of ${loss}`);
  }
});
