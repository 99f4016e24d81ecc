import assert from "node:assert/strict";
import { Bbr } from "../../../../../protocol/congestion/bbr/bbr.ts";
import { BbrState } from "../../../../../protocol/congestion/bbr/state.ts";
import { type Flow, type FlowOptions, type LinkOptions, meanRate, runLink } from "../../../../../testing/link_model.ts";

/** Bytes per second of one Mbit/s. */
const MBIT = 125_000;

function bbr(link: LinkOptions, { seed = 1, maxWindowBytes = Infinity, maxDatagramBytes = 1_200 } = {}): Bbr {
  return new Bbr({ maxDatagramBytes, initialRttUs: link.rttUs, seed }, { maxWindowBytes });
}

/** One flow alone on the link, and its share of the link's rate from second 2 on. */
function runAlone(
  link: LinkOptions,
  seconds: number,
  options: Partial<FlowOptions> = {},
): { flow: Flow; controller: Bbr; utilisation: number } {
  const controller = bbr(link);
  const [flow] = runLink(link, [{ controller, ...options }], seconds * 1_000_000);
  const utilisation = meanRate(flow!, { fromSecond: 2, toSecond: seconds }) / link.rate;
  return { flow: flow!, controller, utilisation };
}

function meanQueueDelayUs(flow: Flow): number {
  return flow.queueDelaySumUs / flow.queuedPackets;
}

Deno.test("Bbr fills a clean link of 100 Mbit/s and 50 ms without a standing queue", () => {
  const { flow, utilisation } = runAlone({ rate: 100 * MBIT, rttUs: 50_000, queueBytes: 1_250_000 }, 12);
  assert.ok(utilisation >= 0.95, `${utilisation}`);
  assert.ok(meanQueueDelayUs(flow) < 12_000, `${meanQueueDelayUs(flow)}`);
  assert.equal(flow.lostBytes, 0);
});

for (const loss of [0.01, 0.1, 0.2, 0.3]) {
  for (const lossAt of ["before", "after"] as const) {
    Deno.test(`Bbr fills a link of 100 ms that loses ${loss * 100} % ${lossAt} the bottleneck`, () => {
      const link: LinkOptions = { rate: 100 * MBIT, rttUs: 100_000, queueBytes: 1_250_000, loss, lossAt };
      const { flow, utilisation } = runAlone(link, 10);
      assert.ok(utilisation >= 0.92 * (1 - loss), `${utilisation}`);
      assert.ok(flow.lostBytes / flow.sentBytes < loss + 0.02, "no self-inflicted loss");
      assert.ok(meanQueueDelayUs(flow) < 50_000, `${meanQueueDelayUs(flow)}`);
    });
  }
}

Deno.test("Bbr fills a slow, long link that loses 20 %, where a round trip is twenty datagrams", () => {
  const { utilisation } = runAlone({ rate: MBIT, rttUs: 200_000, queueBytes: 50_000, loss: 0.2 }, 30);
  assert.ok(utilisation >= 0.75, `${utilisation}`);
});

Deno.test("Bbr does not mistake jitter for a queue", () => {
  const link: LinkOptions = { rate: 100 * MBIT, rttUs: 50_000, queueBytes: 1_250_000, loss: 0.1, jitterUs: 30_000 };
  const shares = [1, 2, 3, 4].map((seed) => runAlone(link, 10, { controller: bbr(link, { seed }) }).utilisation);
  const mean = shares.reduce((sum, share) => sum + share) / shares.length;
  assert.ok(mean >= 0.8, `${mean}`);
});

Deno.test("Bbr bridges the pauses between aggregated acknowledgements", () => {
  const link: LinkOptions = { rate: 100 * MBIT, rttUs: 20_000, queueBytes: 1_250_000, ackEveryUs: 10_000 };
  const { utilisation } = runAlone(link, 6);
  assert.ok(utilisation >= 0.92, `${utilisation}`);
});

Deno.test("Bbr recovers its rate when loss sets in", () => {
  const lossAtTime = (nowUs: number): number => nowUs < 5_000_000 ? 0 : 0.2;
  const link: LinkOptions = { rate: 50 * MBIT, rttUs: 100_000, queueBytes: 625_000, lossAtTime };
  const { flow } = runAlone(link, 16);
  const rate = meanRate(flow, { fromSecond: 6, toSecond: 16 });
  assert.ok(rate >= 0.85 * 0.8 * link.rate, `${rate / link.rate}`);
});

Deno.test("Bbr grows back to the rate of a long, fast link that lost most of a second of Startup", () => {
  const lossAtTime = (nowUs: number): number => nowUs > 600_000 && nowUs < 1_000_000 ? 0.8 : 0;
  const link: LinkOptions = { rate: 500 * MBIT, rttUs: 200_000, queueBytes: 12_500_000, lossAtTime };
  const { flow } = runAlone(link, 10);
  const rate = meanRate(flow, { fromSecond: 6, toSecond: 10 });
  assert.ok(rate >= 0.9 * link.rate, `${rate / link.rate}`);
});

Deno.test("Bbr keeps the queue short if jitter makes the maximum sample too high", () => {
  const link: LinkOptions = { rate: 100 * MBIT, rttUs: 50_000, queueBytes: 1_250_000, jitterUs: 10_000 };
  const { flow, utilisation } = runAlone(link, 20);
  assert.ok(utilisation >= 0.95, `${utilisation}`);
  assert.ok(meanQueueDelayUs(flow) < 12_000, `${meanQueueDelayUs(flow)}`);
});

Deno.test("Bbr survives loss in long bursts", () => {
  const lossAtTime = (nowUs: number): number => Math.floor(nowUs / 100_000) % 4 === 0 ? 0.4 : 0;
  const link: LinkOptions = { rate: 50 * MBIT, rttUs: 100_000, queueBytes: 625_000, lossAtTime };
  const { utilisation } = runAlone(link, 20);
  assert.ok(utilisation >= 0.75, `${utilisation}`);
});

Deno.test("Bbr slows down for a queue of a tenth of the BDP, which the RTT never reveals", () => {
  const { flow, utilisation } = runAlone({ rate: 100 * MBIT, rttUs: 50_000, queueBytes: 62_500 }, 12);
  assert.ok(utilisation >= 0.92, `${utilisation}`);
  assert.ok(flow.lostBytes / flow.sentBytes < 0.05, `${flow.lostBytes / flow.sentBytes}`);
});

Deno.test("Bbr shares a bottleneck with another Bbr flow that starts 5 s later", () => {
  for (const loss of [0, 0.05]) {
    const link: LinkOptions = { rate: 50 * MBIT, rttUs: 40_000, queueBytes: 500_000, loss };
    const flows = runLink(link, [
      { controller: bbr(link, { seed: 1 }) },
      { controller: bbr(link, { seed: 2 }), startUs: 5_000_000 },
    ], 60_000_000);
    const [a = 0, b = 0] = flows.map((flow) => meanRate(flow, { fromSecond: 5, toSecond: 60 }));
    const jain = (a + b) ** 2 / (2 * (a * a + b * b));
    assert.ok(jain >= 0.9, `${jain}`);
    assert.ok((a + b) / link.rate >= 0.92);
  }
});

Deno.test("Bbr bounds its losses if it shares a queue too short for the RTT to reveal", () => {
  const link: LinkOptions = { rate: 50 * MBIT, rttUs: 40_000, queueBytes: 50_000 };
  const options = [1, 2, 3, 4].map((seed) => ({ controller: bbr(link, { seed }), startUs: seed * 1_000_000 }));
  const flows = runLink(link, options, 30_000_000);
  const lost = flows.reduce((sum, flow) => sum + flow.lostBytes, 0);
  const sent = flows.reduce((sum, flow) => sum + flow.sentBytes, 0);
  assert.ok(lost / sent < 0.15, `${lost / sent}`);
});

Deno.test("Bbr follows a link whose rate halves for 8 s and comes back", () => {
  const rateAtTime = (nowUs: number): number => nowUs > 8_000_000 && nowUs < 16_000_000 ? 25 * MBIT : 50 * MBIT;
  const link: LinkOptions = { rate: 50 * MBIT, rttUs: 50_000, queueBytes: 600_000, rateAtTime };
  const { flow } = runAlone(link, 26);
  assert.ok(meanRate(flow, { fromSecond: 9, toSecond: 16 }) >= 0.95 * 25 * MBIT);
  assert.ok(meanRate(flow, { fromSecond: 20, toSecond: 26 }) >= 0.95 * 50 * MBIT, "back within 4 s");
});

Deno.test("Bbr finds eight times the rate within 3 s", () => {
  const rateAtTime = (nowUs: number): number => nowUs > 6_000_000 ? 80 * MBIT : 10 * MBIT;
  const link: LinkOptions = { rate: 80 * MBIT, rttUs: 50_000, queueBytes: 600_000, rateAtTime };
  const { flow } = runAlone(link, 14);
  assert.ok(meanRate(flow, { fromSecond: 10, toSecond: 14 }) >= 0.95 * link.rate);
});

Deno.test("Bbr resumes at its old rate after a blackout of 30 s", () => {
  const link: LinkOptions = {
    rate: 50 * MBIT,
    rttUs: 50_000,
    queueBytes: 600_000,
    loss: 0.05,
    blackouts: [[8_000_000, 38_000_000]],
  };
  const { flow } = runAlone(link, 46);
  const before = meanRate(flow, { fromSecond: 3, toSecond: 8 });
  // Probes go out every 3 s at the latest, so that is how long it may take to notice.
  const after = meanRate(flow, { fromSecond: 42, toSecond: 46 });
  assert.ok(after >= 0.95 * before, `${after / before}`);
});

Deno.test("Bbr keeps its estimate while the application has little to send", () => {
  const link: LinkOptions = { rate: 50 * MBIT, rttUs: 50_000, queueBytes: 600_000 };
  const hasData = (nowUs: number): boolean => nowUs < 5_000_000 || nowUs >= 15_000_000;
  const { flow } = runAlone(link, 20, { hasData });
  assert.ok((flow.deliveredPerSecond[15] ?? 0) >= 0.85 * link.rate, "back at its rate immediately");
});

Deno.test("Bbr fills loopback without overrunning a socket buffer of 190 KB", () => {
  const link: LinkOptions = { rate: 500_000_000, rttUs: 100, queueBytes: 190_000 };
  const controller = bbr(link, { maxDatagramBytes: 16_384, maxWindowBytes: 131_072 });
  const [flow] = runLink(link, [{ controller, packetBytes: 16_384 }], 1_000_000);
  assert.equal(flow!.lostBytes, 0);
  assert.ok(flow!.deliveredBytes >= 0.95 * link.rate);
  const unbounded = bbr(link, { maxDatagramBytes: 16_384 });
  const [other] = runLink(link, [{ controller: unbounded, packetBytes: 16_384 }], 1_000_000);
  assert.ok(other!.lostBytes / other!.sentBytes < 0.02);
});

Deno.test("Bbr goes through its states in order", () => {
  const link: LinkOptions = { rate: 20 * MBIT, rttUs: 20_000, queueBytes: 100_000 };
  const controller = bbr(link);
  const states: BbrState[] = [];
  const onEvent = (): void => {
    if (states.at(-1) !== controller.state) states.push(controller.state);
  };
  runLink(link, [{ controller, onEvent }], 8_000_000);
  const { startup, drain, probeDown, probeCruise, probeRefill, probeUp } = BbrState;
  // With the queue drained in Drain there is nothing to go down for.
  assert.deepEqual(states.slice(0, 3), [startup, drain, probeCruise]);
  const cycle = [probeRefill, probeUp, probeDown, probeCruise];
  assert.deepEqual(states.slice(3, 11), [...cycle, ...cycle]);
  assert.ok(Math.abs(controller.model.bandwidth / link.rate - 1) < 0.05);
  assert.ok(Math.abs(controller.model.minRtt.minUs / link.rttUs - 1) < 0.05);
});

Deno.test("Bbr probes half as often where its probes overflow the queue and find no more bandwidth", () => {
  const intervals = (queueBytes: number): number[] => {
    const link: LinkOptions = { rate: 50 * MBIT, rttUs: 40_000, queueBytes };
    const controller = bbr(link);
    const probedUs: number[] = [];
    let isProbing = false;
    const onEvent = (nowUs: number): void => {
      const wasProbing = isProbing;
      isProbing = controller.state === BbrState.probeUp;
      if (isProbing && !wasProbing) probedUs.push(nowUs);
    };
    runLink(link, [{ controller, onEvent }], 20_000_000);
    return probedUs.slice(1).map((us, index) => us - probedUs[index]!);
  };
  const [long, short] = [intervals(500_000), intervals(25_000)];
  assert.ok(long.length >= 5 && long.every((us) => us < 3_500_000), `${long}`);
  assert.ok(short.length >= 2 && short.every((us) => us >= 4_000_000 && us < 6_500_000), `${short}`);
});

Deno.test("Bbr enters ProbeRTT if there is a standing queue, but not if the RTT shows that there is none", () => {
  const link: LinkOptions = { rate: 50 * MBIT, rttUs: 40_000, queueBytes: 500_000 };
  const alone = bbr(link);
  const together = [bbr(link, { seed: 1 }), bbr(link, { seed: 2 })];
  const probed = new Set<Bbr>();
  const watch = (controller: Bbr): FlowOptions => ({
    controller,
    onEvent: () => {
      if (controller.state === BbrState.probeRtt) probed.add(controller);
    },
  });
  runLink(link, [watch(alone)], 20_000_000);
  runLink(link, together.map(watch), 20_000_000);
  assert.deepEqual([alone, ...together].map((controller) => probed.has(controller)), [false, true, true]);
});

Deno.test("Bbr estimates the path's base loss and no more", () => {
  const link: LinkOptions = { rate: 50 * MBIT, rttUs: 100_000, queueBytes: 625_000, loss: 0.15 };
  const { controller } = runAlone(link, 8);
  assert.ok(Math.abs(controller.model.loss.baseLoss - 0.15) < 0.03, `${controller.model.loss.baseLoss}`);
});

Deno.test("Bbr does the same for the same seed", () => {
  const link: LinkOptions = { rate: 20 * MBIT, rttUs: 50_000, queueBytes: 125_000, loss: 0.03 };
  const sent = [7, 7, 8].map((seed) => {
    const [flow] = runLink(link, [{ controller: bbr(link, { seed }) }], 10_000_000);
    return flow!.sentBytes;
  });
  assert.equal(sent[0], sent[1]);
  assert.notEqual(sent[0], sent[2]);
});
