import assert from "node:assert/strict";
import {
  describeSendPolicy,
  limitAt,
  MAX_RATE,
  MIN_RATE,
  parseFixedRate,
  parseRateSchedule,
  type RateSchedule,
  requireRateLimit,
  requireSendPolicy,
} from "../../../app/rate.ts";

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

function schedule(text: string): RateSchedule {
  const parsed = parseRateSchedule(text);
  assert.ok(!("error" in parsed), text);
  return parsed;
}

Deno.test("parseRateSchedule reads one limit for the whole day, or several with their times", () => {
  const all = schedule("20Mbit/s");
  for (const minute of [0, 1439]) assert.equal(limitAt(all, minute), 2_500_000);
  assert.equal(limitAt(schedule("off"), 0), Infinity);
  const day = schedule(" 18:00,off 8:30,8M  12:00,16M ");
  const limits = [0, 509, 510, 719, 720, 1079, 1080, 1439].map((minute) => limitAt(day, minute));
  assert.deepEqual(limits, [Infinity, Infinity, 1e6, 1e6, 2e6, 2e6, Infinity, Infinity]);
  assert.equal(limitAt(schedule("08:00,8M"), 0), 1e6, "of the evening before");
  assert.equal(limitAt([], 0), Infinity);
});

Deno.test("parseRateSchedule says what is wrong", () => {
  for (
    const [text, says] of [
      ["fast", /such as 800k/],
      ["20MB", /eight bits are a byte/],
      ["25:00,8M", /such as 800k/],
      ["08:00,8M off", /"off" has no time/],
      ["08:00,8M 8:00,off", /8:00 has two limits/],
      ["", /such as 800k/],
      ["08:00,1", /from 8 kbit/],
    ] as const
  ) {
    const parsed = parseRateSchedule(text);
    assert.ok("error" in parsed, text);
    assert.match(parsed.error, says);
  }
});

Deno.test("requireRateLimit checks what a caller gives", () => {
  for (const bytesPerSecond of [1_000, 1e9, Infinity]) requireRateLimit({ bytesPerSecond });
  for (const bytesPerSecond of [0, -1, NaN, 999, 1e12]) {
    assert.throws(() => requireRateLimit({ bytesPerSecond }), { name: "SluiceError", kind: "usage" });
  }
});
