import assert from "node:assert/strict";
import {
  JUMBO_MIN_RATE,
  JUMBO_RETRY_US,
  JUMBO_SAMPLE_PACKETS,
  JumboPolicy,
} from "../../../../protocol/recovery/jumbo_policy.ts";

const SMALL = 1_472;
const LARGE = 8_972;

/** A full sample of which so many are lost; returns whether that made the policy give large datagrams up. */
function sample(policy: JumboPolicy, sizeBytes: number, lost: number, nowUs = 0): boolean {
  let isGivenUp = false;
  for (let i = 0; i < JUMBO_SAMPLE_PACKETS; i++) isGivenUp = policy.onPacket(nowUs, sizeBytes, i < lost) || isGivenUp;
  return isGivenUp;
}

Deno.test("JumboPolicy tries large datagrams at high rates alone, and once", () => {
  const policy = new JumboPolicy(SMALL);
  assert.equal(policy.shouldTry(0, JUMBO_MIN_RATE - 1), false);
  assert.equal(policy.shouldTry(0, JUMBO_MIN_RATE), true);
  assert.equal(policy.isInUse, true);
  assert.equal(policy.shouldTry(0, JUMBO_MIN_RATE), false, "they are in use");
});

Deno.test("JumboPolicy keeps what loses next to nothing", () => {
  const policy = new JumboPolicy(SMALL);
  policy.shouldTry(0, JUMBO_MIN_RATE);
  assert.equal(sample(policy, LARGE, Math.floor(0.03 * JUMBO_SAMPLE_PACKETS)), false);
  assert.equal(policy.isInUse, true);
});

Deno.test("JumboPolicy gives up what loses more than small datagrams do", () => {
  const policy = new JumboPolicy(SMALL);
  sample(policy, SMALL, 26);
  policy.shouldTry(0, JUMBO_MIN_RATE);
  assert.equal(sample(policy, LARGE, 50), false, "twice as much may be chance");
  assert.equal(sample(policy, LARGE, 60), true);
  assert.equal(policy.isInUse, false);
});

Deno.test("JumboPolicy tries again after a while, and waits twice as long each time", () => {
  const policy = new JumboPolicy(SMALL);
  policy.shouldTry(0, JUMBO_MIN_RATE);
  assert.equal(sample(policy, LARGE, JUMBO_SAMPLE_PACKETS, 1_000), true);
  assert.equal(policy.shouldTry(JUMBO_RETRY_US, JUMBO_MIN_RATE), false);
  assert.equal(policy.shouldTry(JUMBO_RETRY_US + 1_000, JUMBO_MIN_RATE), true);
  assert.equal(sample(policy, LARGE, JUMBO_SAMPLE_PACKETS, 0), true);
  assert.equal(policy.shouldTry(2 * JUMBO_RETRY_US - 1, JUMBO_MIN_RATE), false);
  assert.equal(policy.shouldTry(2 * JUMBO_RETRY_US, JUMBO_MIN_RATE), true);
});

Deno.test("JumboPolicy does not count what arrives late of a trial that is over", () => {
  const policy = new JumboPolicy(SMALL);
  assert.equal(sample(policy, LARGE, JUMBO_SAMPLE_PACKETS), false);
});
