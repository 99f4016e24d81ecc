import assert from "node:assert/strict";
import {
  JUMBO_BLACK_HOLE_RETRY_US,
  JUMBO_MAX_RTT_US,
  JUMBO_MIN_RATE,
  JUMBO_RETRY_US,
  JUMBO_SAMPLE_PACKETS,
  JumboPolicy,
  SMALL_SAMPLE_PACKETS,
} from "../../../../protocol/recovery/jumbo_policy.ts";

const SMALL = 1_472;
const LARGE = 8_872;
const RTT_US = 1_000;

/** A full sample of which a share is lost; returns whether that made the policy give large datagrams up. */
function sample(policy: JumboPolicy, sizeBytes: number, loss: number, nowUs = 0): boolean {
  const packets = sizeBytes === SMALL ? SMALL_SAMPLE_PACKETS : JUMBO_SAMPLE_PACKETS;
  let isGivenUp = false;
  for (let i = 0; i < packets; i++) isGivenUp = policy.onPacket(nowUs, sizeBytes, i < loss * packets) || isGivenUp;
  return isGivenUp;
}

Deno.test("JumboPolicy tries large datagrams at high rates of a local network alone, and once", () => {
  const policy = new JumboPolicy(SMALL);
  assert.equal(policy.shouldTry(0, JUMBO_MIN_RATE - 1, RTT_US), false);
  assert.equal(policy.shouldTry(0, JUMBO_MIN_RATE, JUMBO_MAX_RTT_US + 1), false);
  assert.equal(policy.shouldTry(0, JUMBO_MIN_RATE, JUMBO_MAX_RTT_US), true);
  assert.equal(policy.isInUse, true);
  assert.equal(policy.shouldTry(0, JUMBO_MIN_RATE, RTT_US), false, "they are in use");
});

Deno.test("JumboPolicy keeps what loses next to nothing", () => {
  const policy = new JumboPolicy(SMALL);
  policy.shouldTry(0, JUMBO_MIN_RATE, RTT_US);
  assert.equal(sample(policy, LARGE, 0.05), false);
  assert.equal(policy.isInUse, true);
});

Deno.test("JumboPolicy gives up what loses more than small datagrams do", () => {
  const policy = new JumboPolicy(SMALL);
  sample(policy, SMALL, 0.05);
  policy.shouldTry(0, JUMBO_MIN_RATE, RTT_US);
  assert.equal(sample(policy, LARGE, 0.09), false, "twice as much may be chance");
  assert.equal(sample(policy, LARGE, 0.12), true);
  assert.equal(policy.isInUse, false);
});

Deno.test("JumboPolicy tries again after a while, and waits twice as long each time that small ones fare better", () => {
  const policy = new JumboPolicy(SMALL);
  policy.shouldTry(0, JUMBO_MIN_RATE, RTT_US);
  assert.equal(sample(policy, LARGE, 1, 1_000), true);
  sample(policy, SMALL, 0, 2_000);
  assert.equal(policy.shouldTry(JUMBO_RETRY_US, JUMBO_MIN_RATE, RTT_US), false);
  assert.equal(policy.shouldTry(JUMBO_RETRY_US + 1_000, JUMBO_MIN_RATE, RTT_US), true);
  assert.equal(sample(policy, LARGE, 1), true);
  assert.equal(policy.shouldTry(2 * JUMBO_RETRY_US - 1, JUMBO_MIN_RATE, RTT_US), false);
  assert.equal(policy.shouldTry(2 * JUMBO_RETRY_US, JUMBO_MIN_RATE, RTT_US), true);
});

Deno.test("JumboPolicy returns to large datagrams where small ones alone are lost as often", () => {
  const policy = new JumboPolicy(SMALL);
  policy.shouldTry(0, JUMBO_MIN_RATE, RTT_US);
  assert.equal(sample(policy, LARGE, 0.1), true);
  sample(policy, SMALL, 0.06, 5_000);
  assert.equal(policy.shouldTry(5_000, JUMBO_MIN_RATE, RTT_US), true);
  assert.equal(sample(policy, LARGE, 0.1), false, "now it is known what small ones lose");
});

Deno.test("JumboPolicy leaves a black hole alone until fragments are forgotten", () => {
  const policy = new JumboPolicy(SMALL);
  policy.shouldTry(0, JUMBO_MIN_RATE, RTT_US);
  policy.onBlackHole(1_000);
  assert.equal(policy.isInUse, false);
  sample(policy, SMALL, 0.2, 2_000);
  assert.equal(policy.shouldTry(JUMBO_BLACK_HOLE_RETRY_US, JUMBO_MIN_RATE, RTT_US), false);
  assert.equal(policy.shouldTry(JUMBO_BLACK_HOLE_RETRY_US + 1_000, JUMBO_MIN_RATE, RTT_US), true);
});

Deno.test("JumboPolicy does not count what arrives late of a trial that is over", () => {
  const policy = new JumboPolicy(SMALL);
  assert.equal(sample(policy, LARGE, 1), false);
});
