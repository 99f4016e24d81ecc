import assert from "node:assert/strict";
import { MAX_MESSAGE_BYTES } from "../../../transfer/messages.ts";
import {
  type ConnectionConfig,
  DEFAULT_CONFIG,
  isSameSendPolicy,
  resolveConfig,
  type SendPolicy,
} from "../../../protocol/config.ts";

Deno.test("resolveConfig fills in the defaults, which pass their own bounds", () => {
  assert.deepEqual(resolveConfig(), { ...DEFAULT_CONFIG });
  assert.equal(resolveConfig({ maxStreams: 7 }).maxStreams, 7);
});

Deno.test("resolveConfig names the value that is out of bounds or not a whole number", () => {
  const bad: Partial<ConnectionConfig>[] = [
    { idleTimeoutUs: 999_999 },
    { handshakeTimeoutUs: 0 },
    { keepAliveUs: NaN },
    { transferKeepAliveUs: Infinity },
    { timerTickUs: 0 },
    { maxAckDelayUs: -1 },
    { maxDatagramBytes: 1199 },
    { maxJumboBytes: 65_508 },
    { maxReceivedBytes: 65_508 },
    { receiveBurstBytes: 65_535 },
    { orderedWindowBytes: 16_383 },
    { directWindowBytes: 2 ** 41 },
    { connectionWindowBytes: 65_535 },
    { maxStreams: 1.5 },
    { maxCongestionWindowBytes: 2399 },
  ];
  for (const overrides of bad) {
    const name = Object.keys(overrides)[0]!;
    assert.throws(() => resolveConfig(overrides), { name: "CallerError", message: new RegExp(`^${name} must be`) });
  }
  const numbers = Object.entries(DEFAULT_CONFIG).filter(([, value]) => typeof value === "number");
  assert.equal(bad.length, numbers.length, "every bound is tried");
});

Deno.test("resolveConfig accepts every send policy within its bounds", () => {
  for (const sendPolicy of [{ kind: "cubic" }, { kind: "fixed", rateBytesPerSecond: 0.5 }] as const) {
    assert.equal(resolveConfig({ sendPolicy }).sendPolicy, sendPolicy);
  }
  const unknown = { kind: "vegas" } as unknown as SendPolicy;
  assert.throws(() => resolveConfig({ sendPolicy: unknown }), {
    name: "CallerError",
    message: /bbr, cubic.* not vegas/,
  });
  for (const rateBytesPerSecond of [0, -1, NaN, Infinity]) {
    const sendPolicy = { kind: "fixed", rateBytesPerSecond } as const;
    assert.throws(() => resolveConfig({ sendPolicy }), { name: "CallerError", message: /positive and finite/ });
  }
});

Deno.test("isSameSendPolicy compares algorithms, and rates of fixed ones", () => {
  const fixed = (rateBytesPerSecond: number) => ({ kind: "fixed", rateBytesPerSecond }) as const;
  assert.equal(isSameSendPolicy({ kind: "bbr" }, { kind: "bbr" }), true);
  assert.equal(isSameSendPolicy(fixed(1), fixed(1)), true);
  for (
    const [a, b] of [[{ kind: "bbr" }, { kind: "cubic" }], [fixed(1), fixed(2)], [fixed(1), { kind: "bbr" }]] as const
  ) {
    assert.equal(isSameSendPolicy(a, b), false);
  }
});

Deno.test("DEFAULT_CONFIG lets a whole message fit into half a window, or it would wait for credit for ever", () => {
  assert.ok(DEFAULT_CONFIG.orderedWindowBytes >= 2 * MAX_MESSAGE_BYTES);
  assert.ok(DEFAULT_CONFIG.connectionWindowBytes >= DEFAULT_CONFIG.orderedWindowBytes);
});
