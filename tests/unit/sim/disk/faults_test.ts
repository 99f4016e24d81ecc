import assert from "node:assert/strict";
import { Random } from "../../../../base/random.ts";
import { type DiskFaults, DiskMeter } from "../../../../sim/disk/faults.ts";
import { diskErrorCode } from "../../../../store/disk_error.ts";

function meterWith(faults: DiskFaults): DiskMeter {
  return new DiskMeter({ random: new Random(3), faults });
}

Deno.test("DiskMeter counts operations, and the faults that it draws", () => {
  const meter = meterWith({ errorRates: { read: 1 } });
  meter.begin("write");
  assert.throws(() => meter.begin("read"), { code: "EIO" });
  assert.equal(diskErrorCode(meter.fault("ENOSPC", "write")), "ENOSPC");
  meter.faults = {};
  meter.begin("read");
  assert.deepEqual([meter.operations.write, meter.operations.read, meter.operations.link], [1, 2, 0]);
  assert.deepEqual([...meter.faultCounts], [["EIO read", 1], ["ENOSPC write", 1]]);
});

Deno.test("DiskMeter.begin throws what the observer throws", () => {
  const meter = meterWith({});
  const seen: string[] = [];
  meter.beforeOperation = (operation) => {
    seen.push(operation);
    if (operation === "link") throw new Error("stop");
  };
  meter.begin("open");
  assert.throws(() => meter.begin("link"), /stop/);
  assert.deepEqual(seen, ["open", "link"]);
  assert.equal(meter.faultCounts.size, 0);
});

Deno.test("DiskMeter.shorten leaves at least a byte, and draws no end of file", () => {
  const meter = meterWith({ shortRate: 1 });
  assert.deepEqual([meter.shorten("read", 0), meter.shorten("read", 1)], [0, 1]);
  for (let i = 0; i < 100; i++) {
    const length = meter.shorten("write", 10);
    assert(length >= 1 && length < 10);
  }
  assert.equal(meter.faultCounts.get("short write"), 100);
  meter.faults = {};
  assert.equal(meter.shorten("read", 10), 10);
});

Deno.test("DiskMeter.drawDelayUs stays within its bounds", () => {
  const meter = meterWith({ delayUs: { min: 5, max: 9 } });
  const drawn = new Set(Array.from({ length: 200 }, () => meter.drawDelayUs()));
  assert.deepEqual([...drawn].sort(), [5, 6, 7, 8, 9]);
  assert.equal(meterWith({}).drawDelayUs(), 0);
});
