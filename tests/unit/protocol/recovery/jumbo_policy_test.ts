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

/** A full sample with a share of losses; returns whether the policy gave up large datagrams because of it. */
function sample(policy: JumboPolicy, sizeBytes: number, loss: number, nowUs = 0): boolean {
  const packets = sizeBytes === SMALL ? SMALL_SAMPLE_PACKETS : JUMBO_SAMPLE_PACKETS;
  let isGivenUp = false;
  for (let i = 0; i < packets; i++) isGivenUp = policy.onPacket(nowUs, sizeBytes, i < loss * packets) || isGivenUp;
  return isGivenUp;
}

Deno.test("JumboPolicy tries large datagrams only at high rates on a local network, and once", () => {
  const policy = new JumboPolicy(SMALL);
  assert.equal(policy.shouldTry(0, JUMBO_MIN_RATE - 1, RTT_US), false);
  assert.equal(policy.shouldTry(0, JUMBO_MIN_RATE, JUMBO_MAX_RTT_US + 1), false);
  assert.equal(policy.shouldTry(0, JUMBO_MIN_RATE, JUMBO_MAX_RTT_US), true);
  assert.equal(policy.isInUse, true);
  assert.equal(policy.shouldTry(0, JUMBO_MIN_RATE, RTT_US), false, "they are in use");
});

Deno.test("JumboPolicy keeps large datagrams if hardly any are lost", () => {
  const policy = new JumboPolicy(SMALL);
  policy.shouldTry(0, JUMBO_MIN_RATE, RTT_US);
  assert.equal(sample(policy, LARGE, 0.05), false);
  assert.equal(policy.isInUse, true);
});

Deno.test("JumboPolicy gives up large datagrams if more of them are lost than of small ones", () => {
  const policy = new JumboPolicy(SMALL);
  sample(policy, SMALL, 0.05);
  policy.shouldTry(0, JUMBO_MIN_RATE, RTT_US);
  assert.equal(sample(policy, LARGE, 0.09), false, "twice as much may be chance");
  assert.equal(sample(policy, LARGE, 0.12), true);
  assert.equal(policy.isInUse, false);
});

Deno.test("JumboPolicy tries again after a while, and waits twice as long each time that fewer small ones are lost", () => {
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

Deno.test("JumboPolicy returns to large datagrams if small ones alone are lost as often", () => {
  const policy = new JumboPolicy(SMALL);
  policy.shouldTry(0, JUMBO_MIN_RATE, RTT_US);
  assert.equal(sample(policy, LARGE, 0.1), true);
  sample(policy, SMALL, 0.06, 5_000);
  assert.equal(policy.shouldTry(5_000, JUMBO_MIN_RATE, RTT_US), true);
  assert.equal(sample(policy, LARGE, 0.1), false, "now it is known what small ones lose");
});

Deno.test("JumboPolicy does not try again after a black hole until hosts have dropped the fragments", () => {
  const policy = new JumboPolicy(SMALL);
  policy.shouldTry(0, JUMBO_MIN_RATE, RTT_US);
  policy.onBlackHole(1_000);
  assert.equal(policy.isInUse, false);
  sample(policy, SMALL, 0.2, 2_000);
  assert.equal(policy.shouldTry(JUMBO_BLACK_HOLE_RETRY_US, JUMBO_MIN_RATE, RTT_US), false);
  assert.equal(policy.shouldTry(JUMBO_BLACK_HOLE_RETRY_US + 1_000, JUMBO_MIN_RATE, RTT_US), true);
});

Deno.test("JumboPolicy does not count late packets of an earlier trial", () => {
  const policy = new JumboPolicy(SMALL);
  assert.equal(sample(policy, LARGE, 1), false);
});
