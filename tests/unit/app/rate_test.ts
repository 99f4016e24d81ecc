import assert from "node:assert/strict";
import { describeSendPolicy, MAX_RATE, MIN_RATE, parseFixedRate, requireSendPolicy } from "../../../app/rate.ts";

Deno.test("parseFixedRate reads bits per second with a decimal prefix, and gives bytes", () => {
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
  for (const [text, rate] of rates) {
    assert.deepEqual(parseFixedRate(text), { kind: "fixed", rateBytesPerSecond: rate / 8 }, text);
  }
});

Deno.test("parseFixedRate says what is wrong, and above all with bytes", () => {
  const error = (text: string): string => {
    const parsed = parseFixedRate(text);
    assert.ok("error" in parsed, text);
    return parsed.error;
  };
  for (const text of ["", "M", "fast", "-1M", "80Mb/h", "1e9", "1,5G", "80M 2"]) {
    assert.match(error(text), /such as 800k, 80M or 1\.5G/, text);
  }
  for (const text of ["10MB", "10MB/s", "10 MiB/s", "10MBps", "500bytes"]) {
    assert.match(error(text), /bits.*byte/, text);
  }
  for (const text of ["0", "7999", "101G", "80T", "9".repeat(400)]) {
    assert.match(error(text), /from 8 kbit\/s to 100 Gbit\/s/);
  }
});

Deno.test("describeSendPolicy picks the unit", () => {
  const words = [8_000, 20_000_000, 1_500_000_000, 12_345_678].map((rate) =>
    describeSendPolicy({ kind: "fixed", rateBytesPerSecond: rate / 8 })
  );
  assert.deepEqual(words, ["at 8 kbit/s", "at 20 Mbit/s", "at 1.5 Gbit/s", "at 12.346 Mbit/s"]);
  assert.equal(describeSendPolicy({ kind: "bbr" }), "as fast as the link allows");
});

Deno.test("requireSendPolicy checks what a caller gives", () => {
  for (const policy of [undefined, { kind: "cubic" as const }]) requireSendPolicy(policy);
  requireSendPolicy({ kind: "fixed", rateBytesPerSecond: 10_000_000 });
  const usage = { name: "SluiceError", kind: "usage" };
  for (const rateBytesPerSecond of [0, -1, NaN, Infinity, 999]) {
    assert.throws(() => requireSendPolicy({ kind: "fixed", rateBytesPerSecond }), usage);
  }
  assert.throws(() => requireSendPolicy({ kind: "vegas" as "bbr" }), usage);
});
