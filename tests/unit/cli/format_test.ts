import assert from "node:assert/strict";
import {
  counted,
  formatBitRate,
  formatClock,
  formatRate,
  formatShare,
  formatSize,
  formatTime,
} from "../../../cli/format.ts";

Deno.test("formatSize says every byte", () => {
  assert.equal(formatSize(12), "12 bytes");
  assert.equal(formatSize(104_857_600), "104857600 bytes (104.9 MB)");
});

Deno.test("formatRate is megabytes a second, and no transfer is infinitely fast", () => {
  assert.equal(formatRate(45_400_000, 1000), "45.4 MB/s");
  assert.equal(formatRate(1000, 0), "1.0 MB/s");
  assert.equal(formatRate(1000, 1000), "1.0 kB/s");
  assert.equal(formatRate(0, 10), "0.0 kB/s");
});

Deno.test("formatBitRate is in the unit that fits", () => {
  assert.equal(formatBitRate(80_000, 1000), "640 kbit/s");
  assert.equal(formatBitRate(9_937_500, 1000), "79.5 Mbit/s");
  assert.equal(formatBitRate(124_999_000, 1000), "1.00 Gbit/s");
  assert.equal(formatBitRate(312_500_000, 0), "2500.00 Gbit/s");
});

Deno.test("formatClock shows minutes and seconds, and hours if there are any", () => {
  assert.equal(formatClock(0), "0:00");
  assert.equal(formatClock(7_400), "0:07");
  assert.equal(formatClock(725_000), "12:05");
  assert.equal(formatClock(3_725_000), "1:02:05");
});

Deno.test("counted writes a number with its noun", () => {
  assert.equal(counted(1, "file"), "1 file");
  assert.equal(counted(0, "file"), "0 files");
  assert.equal(counted(2, "key or token", "keys and tokens"), "2 keys and tokens");
});

Deno.test("formatShare never rounds something to nothing", () => {
  assert.equal(formatShare(0, 100), "0.0 %");
  assert.equal(formatShare(1, 1_000_000), "less than 0.1 %");
  assert.equal(formatShare(12, 1000), "1.2 %");
  assert.equal(formatShare(1, 0), "0.0 %");
});

Deno.test("formatTime writes UTC, and a dash for a time that is not known or that no calendar has", () => {
  assert.equal(formatTime(0), "1970-01-01T00:00:00Z");
  assert.equal(formatTime(-14_182_940_000_001), "1969-07-20T20:17:39Z");
  assert.equal(formatTime(15_032_385_535_000_000), "2446-05-10T22:38:55Z");
  assert.equal(formatTime(undefined), "-");
  assert.equal(formatTime(9e18), "-");
});
