import assert from "node:assert/strict";
import { FullPipeEstimator } from "../../../../../protocol/congestion/bbr/full_pipe.ts";

Deno.test("FullPipeEstimator detects a full pipe after three rounds with growth below 25 %", () => {
  const pipe = new FullPipeEstimator();
  for (const rate of [100, 200, 400, 499, 499]) {
    pipe.onRound(rate);
    assert.equal(pipe.fullNow, false);
  }
  pipe.onRound(480);
  assert.equal(pipe.fullNow, true);
  assert.equal(pipe.fullBandwidthReached, true);
});

Deno.test("FullPipeEstimator restarts counting when the rate grows", () => {
  const pipe = new FullPipeEstimator();
  for (const rate of [100, 110, 110, 125, 130, 130]) pipe.onRound(rate);
  assert.equal(pipe.fullNow, false);
});

Deno.test("FullPipeEstimator remembers across a reset that it was full once", () => {
  const pipe = new FullPipeEstimator();
  for (let i = 0; i < 4; i++) pipe.onRound(100);
  pipe.reset(100);
  assert.equal(pipe.fullNow, false);
  assert.equal(pipe.fullBandwidthReached, true);
  for (let i = 0; i < 3; i++) pipe.onRound(100);
  assert.equal(pipe.fullNow, true);
});

Deno.test("FullPipeEstimator.setFull marks the pipe as full", () => {
  const pipe = new FullPipeEstimator();
  pipe.setFull();
  assert.equal(pipe.fullBandwidthReached, true);
  assert.equal(pipe.fullNow, false);
});
