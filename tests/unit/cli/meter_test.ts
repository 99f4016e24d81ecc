import assert from "node:assert/strict";
import fc from "fast-check";
import type { Progress } from "../../../app/client/api.ts";
import { Random } from "../../../base/random.ts";
import { Meter } from "../../../cli/meter.ts";

function progress(changes: Partial<Progress> = {}): Progress {
  return { name: "a.bin", transferredBytes: 0, totalBytes: 100_000_000, phase: "transferring", ...changes };
}

Deno.test("Meter averages the rate over samples that lie apart, and follows a change within some seconds", () => {
  const meter = new Meter();
  meter.update(progress(), 0);
  assert.equal(meter.rate, undefined);
  meter.update(progress({ transferredBytes: 1_000_000 }), 100);
  assert.equal(meter.rate, undefined);
  meter.update(progress({ transferredBytes: 10_000_000 }), 1000);
  assert.equal(meter.rate, 10_000_000);
  for (let second = 2; second <= 10; second++) {
    meter.update(progress({ transferredBytes: second * 5_000_000 + 5_000_000 }), second * 1000);
  }
  assert.ok(meter.rate > 5_000_000 && meter.rate < 5_500_000, String(meter.rate));
});

Deno.test("Meter does not count the time of connecting", () => {
  const meter = new Meter();
  meter.update(progress({ phase: "connecting" }), 0);
  meter.update(progress(), 5000);
  meter.update(progress({ transferredBytes: 10_000_000 }), 6000);
  assert.equal(meter.rate, 10_000_000);
});

Deno.test("Meter.share never falls, and is rounded to no more than the whole", () => {
  const anyUpdate = fc.record({
    transferredBytes: fc.maxSafeNat(),
    totalBytes: fc.oneof(fc.constant(0), fc.maxSafeNat()),
    phase: fc.constantFrom("connecting" as const, "transferring" as const, "verifying" as const),
    afterMs: fc.nat(10_000),
  });
  fc.assert(fc.property(fc.array(anyUpdate), (updates) => {
    const meter = new Meter();
    let share = 0;
    let nowMs = 0;
    for (const { afterMs, ...update } of updates) {
      meter.update(progress(update), nowMs += afterMs);
      assert.ok(meter.share >= share && meter.share <= 1);
      assert.ok(meter.leftMs === undefined || (meter.leftMs >= 0 && Number.isFinite(meter.leftMs)));
      share = meter.share;
    }
  }));
});

Deno.test("Meter.leftMs does not jump where the rate varies, and is right in the end", () => {
  for (let seed = 0; seed < 20; seed++) {
    const random = new Random(seed);
    const meter = new Meter();
    let transferredBytes = 0;
    let lastMs: number | undefined;
    for (let nowMs = 0; transferredBytes < 100_000_000; nowMs += 250) {
      meter.update(progress({ transferredBytes }), nowMs);
      // 1 MB/s, from half to one and a half of it.
      transferredBytes += 250_000 * (0.5 + random.float());
      const { leftMs } = meter;
      if (nowMs > 5_000 && leftMs !== undefined && lastMs !== undefined) {
        assert.ok(Math.abs(leftMs - (lastMs - 250)) < 0.02 * lastMs + 250, `${lastMs} ms, then ${leftMs} ms left`);
      }
      lastMs = leftMs;
      const rightMs = (100_000_000 - transferredBytes) / 1000;
      if (nowMs > 10_000) assert.ok(Math.abs(leftMs! - rightMs) < 0.25 * rightMs + 3_000, `${leftMs} of ${rightMs}`);
    }
  }
});

Deno.test("Meter.leftMs follows within some seconds when the link is a tenth of what it was", () => {
  const meter = new Meter();
  let transferredBytes = 0;
  for (let nowMs = 0; nowMs < 10_000; nowMs += 250) meter.update(progress({ transferredBytes: nowMs * 5000 }), nowMs);
  transferredBytes = 10_000 * 5000;
  assert.ok(Math.abs(meter.leftMs! - 10_000) < 1_000);
  for (let nowMs = 10_000; nowMs < 25_000; nowMs += 250) {
    meter.update(progress({ transferredBytes }), nowMs);
    transferredBytes += 125_000;
  }
  const rightMs = (100_000_000 - transferredBytes) / 500;
  assert.ok(Math.abs(meter.leftMs! - rightMs) < 0.25 * rightMs, `${meter.leftMs} of ${rightMs}`);
});

Deno.test("Meter knows no time left where nothing was transferred for some seconds", () => {
  const meter = new Meter();
  meter.update(progress(), 0);
  meter.update(progress({ transferredBytes: 25_000_000 }), 1000);
  assert.equal(meter.leftMs, 3000);
  meter.update(progress({ transferredBytes: 25_000_000 }), 3900);
  assert.deepEqual([meter.stalledMs, meter.leftMs === undefined], [0, false]);
  meter.update(progress({ transferredBytes: 25_000_000 }), 4000);
  assert.deepEqual([meter.stalledMs, meter.leftMs], [3000, undefined]);
});
