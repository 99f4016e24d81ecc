import assert from "node:assert/strict";
import { BbrState } from "../../../../../protocol/congestion/bbr/state.ts";
import { ControlParameters } from "../../../../../protocol/congestion/bbr/control_parameters.ts";
import type { AckEvent } from "../../../../../protocol/congestion/controller.ts";
import { PathModel } from "../../../../../protocol/congestion/bbr/path_model.ts";

const OPTIONS = { maxDatagramBytes: 1_200, initialRttUs: 50_000, seed: 1 };

function make(maxWindowBytes = Infinity): { model: PathModel; control: ControlParameters; event: AckEvent } {
  const model = new PathModel(OPTIONS.initialRttUs);
  const control = new ControlParameters(OPTIONS, model, { maxWindowBytes });
  const event: AckEvent = {
    nowUs: 0,
    ackedBytes: 50_000,
    lostBytes: 0,
    priorBytesInFlight: 50_000,
    bytesInFlight: 0,
    totalDeliveredBytes: 50_000,
    largestAckedSentUs: 0,
    rttUs: 50_000,
    minRttUs: 50_000,
    smoothedRttUs: 50_000,
    meanLatenessUs: 0,
    sample: {
      deliveryRate: 1_000_000,
      deliveredBytes: 50_000,
      intervalUs: 50_000,
      priorDeliveredBytes: 0,
      appLimited: false,
      txInFlightBytes: 50_000,
      lostBytes: 0,
    },
  };
  model.onAck(event, OPTIONS.maxDatagramBytes);
  return { model, control, event };
}

const CRUISE = { state: BbrState.probeCruise, fullBandwidthReached: true, isLossToleranceProbe: false };

Deno.test("ControlParameters paces the initial window over a quarter of a round trip", () => {
  const { control } = make();
  assert.equal(control.windowBytes, 32 * 1_200);
  assert.ok(Math.abs(control.pacingRate - 4 * 32 * 1_200 / 0.05) < 1);
});

Deno.test("ControlParameters paces the first window while the RTT is unknown, and then by the first RTT sample", () => {
  const options = { ...OPTIONS, initialRttUs: 0 };
  const model = new PathModel(0);
  const control = new ControlParameters(options, model, { maxWindowBytes: Infinity });
  const rateOf = (rttUs: number): number => 4 * 32 * 1_200 * 1e6 / rttUs;
  assert.equal(control.pacingRate, rateOf(333_000));
  const least = new ControlParameters({ ...options, leastRttUs: 90_000 }, model, { maxWindowBytes: Infinity });
  assert.equal(least.pacingRate, rateOf(90_000));
  const { event } = make();
  const startup = { state: BbrState.startup, fullBandwidthReached: false, isLossToleranceProbe: false };
  control.update({ ...event, rttUs: 0 }, startup);
  assert.equal(control.pacingRate, rateOf(333_000));
  control.update({ ...event, rttUs: 600_000 }, startup);
  assert.equal(control.pacingRate, rateOf(600_000));
  control.update({ ...event, rttUs: 700_000 }, startup);
  assert.equal(control.pacingRate, rateOf(600_000), "from then on it only increases");
});

Deno.test("ControlParameters paces by the state's gain", () => {
  const { control, event } = make();
  for (
    const [state, isLossToleranceProbe, gain] of [
      [BbrState.probeCruise, false, 1],
      [BbrState.probeUp, false, 1.25],
      [BbrState.probeDown, false, 0.9],
      [BbrState.probeDown, true, 0.75],
      [BbrState.drain, false, 0.35],
    ] as const
  ) {
    control.update(event, { state, fullBandwidthReached: true, isLossToleranceProbe });
    assert.ok(Math.abs(control.pacingRate - gain * 990_000) < 1, `${state}`);
  }
});

Deno.test("ControlParameters only raises the rate until the pipe was full once", () => {
  const { control } = make();
  control.setPacingRate(0.1, false);
  assert.ok(control.pacingRate > 600_000);
  control.setPacingRate(0.1, true);
  assert.ok(Math.abs(control.pacingRate - 99_000) < 1);
});

Deno.test("ControlParameters grows the window by the bytes acknowledged, up to two bandwidth-delay products", () => {
  const { control, event } = make();
  control.update(event, CRUISE);
  assert.equal(control.windowBytes, 88_400);
  control.update(event, CRUISE);
  assert.equal(control.windowBytes, 100_000);
});

Deno.test("ControlParameters bounds the window by the model's bounds, but not below four datagrams", () => {
  const { control, event, model } = make();
  const windowAt = (longTermBytes: number, state: BbrState = BbrState.probeCruise) => {
    model.bounds.setLongTerm(longTermBytes);
    control.update(event, { ...CRUISE, state });
    return control.windowBytes;
  };
  assert.equal(windowAt(80_000), 68_000, "cruising leaves 15 % headroom");
  assert.equal(windowAt(55_000), 50_000, "of what exceeds a bandwidth-delay product");
  assert.equal(windowAt(40_000), 40_000);
  assert.equal(windowAt(55_000, BbrState.probeUp), 55_000);
  model.bounds.setLongTerm(10);
  control.update(event, CRUISE);
  assert.equal(control.windowBytes, 4_800);
});

Deno.test("ControlParameters restores the window after ProbeRTT and after a collapse", () => {
  const { control, event } = make();
  for (let i = 0; i < 3; i++) control.update(event, CRUISE);
  control.save(false);
  control.update(event, { ...CRUISE, state: BbrState.probeRtt });
  assert.equal(control.windowBytes, 25_000);
  control.save(true);
  control.collapse();
  assert.equal(control.windowBytes, 4_800);
  control.restore();
  assert.equal(control.windowBytes, 100_000);
});

Deno.test("ControlParameters keeps the window under the maximum given, but not under two datagrams", () => {
  const { control, event } = make(30_000);
  for (let i = 0; i < 3; i++) control.update(event, CRUISE);
  assert.equal(control.windowBytes, 30_000);
  control.setMaxDatagramBytes(20_000);
  assert.equal(control.windowBytes, 40_000);
});
