import assert from "node:assert/strict";
import { formatBytes, formatDifferentBytes, formatDuration, parseDecimal } from "../../../base/units.ts";

Deno.test("parseDecimal reads a number with a decimal prefix, in either case", () => {
  const amounts: [text: string, amount: number][] = [
    ["0", 0],
    ["4096", 4096],
    ["800k", 800_000],
    ["800K", 800_000],
    ["1.5G", 1_500_000_000],
    ["10 T", 10_000_000_000_000],
    ["0.0004k", 0],
    ["0.0005k", 1],
  ];
  for (const [text, amount] of amounts) assert.equal(parseDecimal(text), amount, text);
});

Deno.test("parseDecimal takes nothing else for a number", () => {
  for (const text of ["", "k", "-1", "+1", "1e9", "1,5G", ".5M", "5.M", "1  M", "1P", "1kk", "0x10", " 1", "1M\n"]) {
    assert.equal(parseDecimal(text), undefined, text);
  }
});

Deno.test("formatBytes goes from unit to unit without showing 1000.0", () => {
  assert.equal(formatBytes(0), "0 bytes");
  assert.equal(formatBytes(1), "1 byte");
  assert.equal(formatBytes(999), "999 bytes");
  assert.equal(formatBytes(1000), "1.0 kB");
  assert.equal(formatBytes(999_949), "999.9 kB");
  assert.equal(formatBytes(999_950), "1.0 MB");
  assert.equal(formatBytes(104_857_600), "104.9 MB");
  assert.equal(formatBytes(Number.MAX_SAFE_INTEGER), "9.0 PB");
});

Deno.test("formatDifferentBytes tells two amounts apart", () => {
  assert.deepEqual(formatDifferentBytes(1_500_000, 1_400_000), ["1.5 MB", "1.4 MB"]);
  assert.deepEqual(formatDifferentBytes(1_510_000, 1_500_000), ["1510000 bytes", "1500000 bytes"]);
  assert.deepEqual(formatDifferentBytes(1_500_000, 1_500_000), ["1.5 MB", "1.5 MB"]);
});

Deno.test("formatDuration fits its unit to the length", () => {
  assert.equal(formatDuration(83.2), "83 ms");
  assert.equal(formatDuration(999.6), "1 s");
  assert.equal(formatDuration(2310), "2.31 s");
  assert.equal(formatDuration(59_999), "1 min");
  assert.equal(formatDuration(247_000), "4 min 7 s");
  assert.equal(formatDuration(7_500_000), "2 h 5 min");
  assert.equal(formatDuration(600_000), "10 min");
  assert.equal(formatDuration(7_200_000), "2 h");
});
