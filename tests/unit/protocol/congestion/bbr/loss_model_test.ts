import assert from "node:assert/strict";
import { LossModel } from "../../../../../protocol/congestion/bbr/loss_model.ts";

const MTU = 1_200;
const MIN_RTT_US = 100_000;

/** One round of `packets` datagrams, of which a share is lost, sent at `sentUs`. */
function round(
  model: LossModel,
  { packets = 1_000, loss = 0, sentUs = 0, rttUs = MIN_RTT_US }: {
    packets?: number;
    loss?: number;
    sentUs?: number;
    rttUs?: number;
  },
): void {
  const lost = Math.round(packets * loss);
  if (lost > 0) model.onLost(lost * MTU, sentUs);
  model.onAck((packets - lost) * MTU, sentUs, rttUs);
  model.onRound(MIN_RTT_US);
}

function isCongested(model: LossModel): boolean {
  return model.isCongestion(model.lastLoss, model.lastBytes, MTU);
}

/** A slow phase of one round with this loss, after a round at full rate with that loss. */
function test(
  model: LossModel,
  { fast, slow, rttUs, minRttUs = MIN_RTT_US }: { fast: number; slow: number; rttUs?: number; minRttUs?: number },
): void {
  const queue = rttUs === undefined ? {} : { rttUs };
  round(model, { loss: fast, sentUs: 0, ...queue });
  model.noteFastRound();
  model.beginSlowPhase(1_000_000);
  round(model, { loss: slow, sentUs: 1_050_000, ...queue });
  model.endSlowPhase(1_100_000);
  const before = model.baseLoss;
  model.settleSlowPhase(1_100_000 + minRttUs / 5, minRttUs, MTU);
  assert.equal(model.baseLoss, before, "not settled before its losses can be known to be complete");
  model.settleSlowPhase(1_200_000, minRttUs, MTU);
}

Deno.test("LossModel treats 3 % of loss as congestion with a queue, and as chance without one", () => {
  const model = new LossModel();
  round(model, { loss: 0.04 });
  assert.equal(model.queueing, false);
  assert.equal(isCongested(model), false);
  round(model, { loss: 0.04, rttUs: 140_000 });
  assert.equal(model.queueing, true);
  assert.equal(isCongested(model), true);
});

Deno.test("LossModel detects a queue by the minimum RTT of the round", () => {
  const model = new LossModel();
  model.onAck(MTU, 0, 180_000);
  model.onAck(MTU, 0, 101_000);
  model.onAck(MTU, 0, 190_000);
  model.onRound(MIN_RTT_US);
  assert.equal(model.queueing, false);
});

Deno.test("LossModel counts loss that persists at a lower rate as base loss", () => {
  const model = new LossModel();
  test(model, { fast: 0.2, slow: 0.2 });
  assert.ok(Math.abs(model.baseLoss - 0.2) < 1e-9);
  round(model, { loss: 0.22 });
  assert.equal(isCongested(model), false);
  round(model, { loss: 0.4 });
  assert.equal(isCongested(model), true);
});

Deno.test("LossModel counts loss that decreases with the rate as self-inflicted", () => {
  const model = new LossModel();
  test(model, { fast: 0.25, slow: 0 });
  assert.equal(model.baseLoss, 0);
  // Loss that halves at three quarters of the rate would vanish at an even lower one.
  test(model, { fast: 0.25, slow: 0.12 });
  assert.equal(model.baseLoss, 0);
});

Deno.test("LossModel bounds the base loss to 10 % if measured with a queue, and to 30 % in any case", () => {
  const beside = new LossModel();
  test(beside, { fast: 0.2, slow: 0.2, rttUs: 150_000 });
  assert.equal(beside.baseLoss, 0.1);
  const heavy = new LossModel();
  test(heavy, { fast: 0.6, slow: 0.6 });
  assert.equal(heavy.baseLoss, 0.3);
});

Deno.test("LossModel forgets the base loss when the path stops losing", () => {
  const model = new LossModel();
  test(model, { fast: 0.2, slow: 0.2 });
  for (let i = 0; i < 3; i++) test(model, { fast: 0, slow: 0 });
  assert.ok(model.baseLoss < 0.001, `${model.baseLoss}`);
});

Deno.test("LossModel allows more for chance with few datagrams", () => {
  const model = new LossModel();
  round(model, { packets: 10, loss: 0.1, rttUs: 150_000 });
  assert.equal(isCongested(model), false, "one of ten");
  round(model, { packets: 1_000, loss: 0.1, rttUs: 150_000 });
  assert.equal(isCongested(model), true, "a hundred of a thousand");
});

Deno.test("LossModel adapts to bursty losses", () => {
  const model = new LossModel();
  test(model, { fast: 0.1, slow: 0.1 });
  round(model, { loss: 0.4 });
  assert.equal(isCongested(model), true);
  for (let i = 0; i < 40; i++) {
    round(model, { loss: i % 4 === 0 ? 0.4 : 0 });
    model.noteSteadyRound();
  }
  round(model, { loss: 0.4 });
  assert.equal(isCongested(model), false);
});

Deno.test("LossModel learns in Startup from rounds without a queue only", () => {
  const model = new LossModel();
  round(model, { loss: 0.1 });
  model.learnFromRound(MTU);
  assert.ok(Math.abs(model.baseLoss - 0.1) < 1e-9);
  round(model, { loss: 0.5, rttUs: 200_000 });
  model.learnFromRound(MTU);
  assert.ok(Math.abs(model.baseLoss - 0.1) < 1e-9);
});

Deno.test("LossModel does not count loss in Startup as base loss if it grows with the rate", () => {
  const model = new LossModel();
  for (const packets of [32, 200, 1_200]) {
    round(model, { packets });
    model.learnFromRound(MTU);
  }
  round(model, { packets: 7_200, loss: 0.5 });
  model.learnFromRound(MTU);
  assert.ok(model.baseLoss < 0.01, `${model.baseLoss}`);
});

Deno.test("LossModel learns in Startup the loss present from the beginning, although few datagrams showed less", () => {
  const model = new LossModel();
  round(model, { packets: 32, loss: 0.06 });
  model.learnFromRound(MTU);
  for (const packets of [200, 1_200, 7_200]) {
    round(model, { packets, loss: 0.2 });
    model.learnFromRound(MTU);
  }
  assert.ok(model.baseLoss > 0.19, `${model.baseLoss}`);
});

Deno.test("LossModel uses the minimum loss of four consecutive slow phases on a path with a short RTT", () => {
  const model = new LossModel();
  const minRttUs = 1_000;
  for (const slow of [0.2, 0.3, 0.25]) {
    test(model, { fast: slow, slow, minRttUs });
    assert.equal(model.baseLoss, 0, "the receiver may have paused");
  }
  test(model, { fast: 0.2, slow: 0.2, minRttUs });
  assert.ok(model.baseLoss > 0.1, `${model.baseLoss}`);
});

Deno.test("LossModel discards spurious losses, and a round in which the path was down", () => {
  const model = new LossModel();
  model.onLost(2 * MTU, 0);
  model.onSpurious(MTU, 0);
  model.onAck(MTU, 0, MIN_RTT_US);
  model.onRound(MIN_RTT_US);
  assert.equal(model.lastLoss, 0.5);
  model.onLost(1_000 * MTU, 0);
  model.forgetRound();
  model.onAck(MTU, 0, MIN_RTT_US);
  model.onRound(MIN_RTT_US);
  assert.equal(model.lastLoss, 0);
  assert.equal(model.isHeavy, false);
});

Deno.test("LossModel.onSpurious takes back the base loss that was learned from a packet which was not lost", () => {
  const model = new LossModel();
  model.onLost(MTU, 0);
  model.onRound(MIN_RTT_US);
  model.learnFromRound(MTU);
  assert.ok(model.baseLoss > 0.1);
  model.onSpurious(MTU, 0);
  assert.equal(model.baseLoss, 0);
  const lossy = new LossModel();
  round(lossy, { loss: 0.1 });
  lossy.learnFromRound(MTU);
  lossy.onSpurious(MTU, 0);
  assert.ok(Math.abs(lossy.baseLoss - 0.099) < 1e-9, "one of a hundred");
});

Deno.test("LossModel.onSpurious takes a packet of the slow phase back, too", () => {
  const model = new LossModel();
  model.beginSlowPhase(1_000_000);
  round(model, { loss: 0.01, sentUs: 1_050_000 });
  for (let i = 0; i < 10; i++) model.onSpurious(MTU, 1_050_000);
  model.endSlowPhase(1_100_000);
  model.settleSlowPhase(1_200_000, MIN_RTT_US, MTU);
  assert.equal(model.baseLoss, 0);
});
