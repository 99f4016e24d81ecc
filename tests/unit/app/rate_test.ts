import assert from "node:assert/strict";
import { SluiceError } from "../../../app/api.ts";
import { bytesPerSecond, formatBitRate, MAX_RATE, MIN_RATE, parseRate } from "../../../app/rate.ts";

Deno.test("parseRate reads bits per second with a decimal prefix", () => {
  const rates: [string, number][] = [
    ["8000", 8_000],
    ["800k", 800_000],
    ["800K", 800_000],
    ["80M", 80_000_000],
    ["80m", 80_000_000],
    ["1.5G", 1_500_000_000],
    ["80Mbit/s", 80_000_000],
    ["80 Mbit/s", 80_000_000],
    ["80Mbps", 80_000_000],
    ["9000bit/s", 9_000],
    ["100G", MAX_RATE],
    ["8k", MIN_RATE],
  ];
  for (const [text, rate] of rates) assert.equal(parseRate(text), rate, text);
});

Deno.test("parseRate says what is wrong, and above all with bytes", () => {
  const error = (text: string): string => {
    const parsed = parseRate(text);
    assert.ok(typeof parsed === "object", text);
    return parsed.error;
  };
  for (const text of ["", "M", "fast", "-1M", "80T", "80Mb/h", "1e9", "1,5G", "80M 2"]) {
    assert.match(error(text), /such as 800k, 80M or 1\.5G/, text);
  }
  for (const text of ["10MB", "10MB/s", "10 MiB/s", "10MBps", "500bytes"]) {
    assert.match(error(text), /bits.*byte/, text);
  }
  for (const text of ["0", "7999", "101G", "9".repeat(400)]) assert.match(error(text), /from 8 kbit\/s to 100 Gbit\/s/);
});

Deno.test("formatBitRate picks the unit", () => {
  assert.deepEqual([8_000, 20_000_000, 1_500_000_000, 12_345_678].map(formatBitRate), [
    "8 kbit/s",
    "20 Mbit/s",
    "1.5 Gbit/s",
    "12.346 Mbit/s",
  ]);
});

Deno.test("bytesPerSecond checks what a caller gives", () => {
  assert.equal(bytesPerSecond(undefined), undefined);
  assert.equal(bytesPerSecond(80_000_000), 10_000_000);
  for (const rate of [0, -1, NaN, Infinity, 7_999]) {
    assert.throws(() => bytesPerSecond(rate), (error) => error instanceof SluiceError && error.kind === "usage");
  }
});
