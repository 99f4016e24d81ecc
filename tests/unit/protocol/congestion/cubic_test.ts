import assert from "node:assert/strict";
import type { AckEvent, LossEvent } from "../../../../protocol/congestion/controller.ts";
import { Cubic } from "../../../../protocol/congestion/cubic.ts";
import { SentPacket } from "../../../../protocol/sent_packet.ts";
import { meanRate, runLink } from "../../../../testing/link_model.ts";

const DATAGRAM = 1_200;
const OPTIONS = { maxDatagramBytes: DATAGRAM, initialRttUs: 100_000, seed: 1 };
const ROUND_TRIP_US = 100_000;

/** Acknowledges `ackedBytes` sent at `sentUs`, with the window in full use unless told otherwise. */
function ack(
  cubic: Cubic,
  options: { ackedBytes: number; sentUs: number; inFlight?: number; rttUs?: number },
): void {
  const { ackedBytes, sentUs, inFlight = cubic.windowBytes, rttUs = ROUND_TRIP_US } = options;
  const event: AckEvent = {
    nowUs: sentUs + rttUs,
    ackedBytes,
    lostBytes: 0,
    priorBytesInFlight: inFlight,
    bytesInFlight: inFlight - ackedBytes,
    totalDeliveredBytes: ackedBytes,
    largestAckedSentUs: sentUs,
    rttUs,
    minRttUs: rttUs,
    smoothedRttUs: rttUs,
    meanLatenessUs: 0,
    sample: {
      deliveryRate: 0,
      deliveredBytes: 0,
      intervalUs: 0,
      priorDeliveredBytes: 0,
      appLimited: false,
      txInFlightBytes: 0,
      lostBytes: 0,
    },
  };
  cubic.onAck(event);
}

function lose(cubic: Cubic, event: Partial<LossEvent>): void {
  cubic.onPacketsLost({
    nowUs: 0,
    lostBytes: DATAGRAM,
    bytesInFlight: 0,
    largestLostSentUs: 0,
    persistentCongestion: false,
    ...event,
  });
}

/** A window in slow start, in datagrams, sent at time 0 and acknowledged at once. */
function grown(datagrams: number): Cubic {
  const cubic = new Cubic(OPTIONS);
  ack(cubic, { ackedBytes: datagrams * DATAGRAM - cubic.windowBytes, sentUs: 0 });
  assert.equal(cubic.windowBytes, datagrams * DATAGRAM);
  return cubic;
}

/** Acknowledges whole windows, one every 10 ms, up to a time; each was sent a round trip before. */
function avoid(cubic: Cubic, { fromUs, untilUs }: { fromUs: number; untilUs: number }): void {
  for (let nowUs = fromUs; nowUs <= untilUs; nowUs += 10_000) {
    ack(cubic, { ackedBytes: Math.round(cubic.windowBytes / 10), sentUs: nowUs - ROUND_TRIP_US });
  }
}

/** Within two bytes: a window keeps its fraction, and shows whole bytes. */
function assertNear(actual: number, expected: number): void {
  assert.ok(Math.abs(actual - expected) <= 2, `${actual}, not ${expected}`);
}

Deno.test("Cubic with a given window begins congestion avoidance there", () => {
  const cubic = new Cubic(OPTIONS, { windowBytes: 120_000 });
  assert.equal(cubic.windowBytes, 120_000);
  assert.equal(cubic.inSlowStart, false);
  ack(cubic, { ackedBytes: 120_000, sentUs: 0 });
  assert.ok(cubic.windowBytes < 122_000, `${cubic.windowBytes}`);
});

Deno.test("Cubic doubles in slow start and paces at twice the window per round trip", () => {
  const cubic = new Cubic(OPTIONS);
  assert.equal(cubic.windowBytes, 12_000);
  assert.equal(cubic.pacingRate, 240_000);
  ack(cubic, { ackedBytes: 12_000, sentUs: 0 });
  assert.equal(cubic.windowBytes, 24_000);
  assert.equal(cubic.pacingRate, 480_000);
});

Deno.test("Cubic does not pace while the RTT is unknown", () => {
  assert.equal(new Cubic({ ...OPTIONS, initialRttUs: 0 }).pacingRate, Infinity);
});

Deno.test("Cubic reduces the window to 0.7 once per round trip, and not again for packets sent before", () => {
  const cubic = grown(100);
  lose(cubic, { nowUs: 200_000, largestLostSentUs: 100_000 });
  assert.equal(cubic.windowBytes, 84_000);
  assert.equal(cubic.inSlowStart, false);
  lose(cubic, { nowUs: 210_000, largestLostSentUs: 200_000 });
  assert.equal(cubic.windowBytes, 84_000);
  ack(cubic, { ackedBytes: 12_000, sentUs: 200_000 });
  assert.equal(cubic.windowBytes, 84_000, "no growth in recovery");
  assert.equal(Math.round(cubic.pacingRate), 1_050_000);
  lose(cubic, { nowUs: 300_000, largestLostSentUs: 200_001 });
  assertNear(cubic.windowBytes, 58_800);
});

Deno.test("Cubic returns to the old window K seconds after a cut, flat there, and steeper after", () => {
  const datagrams = 1_000;
  const cubic = grown(datagrams);
  lose(cubic, { nowUs: 200_000, largestLostSentUs: 100_000 });
  // K = cbrt(W_max * (1 - beta) / C) = cbrt(1000 * 0.3 / 0.4) = 9.09 s.
  const plateauUs = Math.cbrt(datagrams * 0.3 / 0.4) * 1_000_000;
  const startUs = 310_000;
  avoid(cubic, { fromUs: startUs, untilUs: startUs + plateauUs / 2 });
  // Half-way, seven eighths of the cut are made up for.
  const half = 1 - 0.3 / 8;
  assert.ok(Math.abs(cubic.windowBytes / DATAGRAM / datagrams - half) < 0.01, `${cubic.windowBytes}`);
  avoid(cubic, { fromUs: startUs + plateauUs / 2, untilUs: startUs + plateauUs });
  assert.ok(Math.abs(cubic.windowBytes / DATAGRAM / datagrams - 1) < 0.005, `${cubic.windowBytes}`);
  const atPlateau = cubic.windowBytes;
  avoid(cubic, { fromUs: startUs + plateauUs, untilUs: startUs + 2 * plateauUs });
  // As far above as it was cut below.
  assert.ok(Math.abs(cubic.windowBytes / atPlateau - 1.3) < 0.02, `${cubic.windowBytes}`);
});

Deno.test("Cubic grows no less than Reno if the window is small", () => {
  const cubic = grown(10);
  lose(cubic, { nowUs: 200_000, largestLostSentUs: 100_000 });
  assert.equal(cubic.windowBytes, 8_400);
  // alpha = 3 * 0.3 / 1.7 = 0.53 datagrams a round trip: 3 datagrams in less than 6, then one a round trip.
  avoid(cubic, { fromUs: 310_000, untilUs: 310_000 + 6 * ROUND_TRIP_US });
  assert.ok(cubic.windowBytes > 11_800 && cubic.windowBytes < 12_600, `${cubic.windowBytes}`);
  const before = cubic.windowBytes;
  avoid(cubic, { fromUs: 920_000, untilUs: 910_000 + 4 * ROUND_TRIP_US });
  const rounds = (cubic.windowBytes - before) / DATAGRAM;
  assert.ok(rounds > 3.5 && rounds < 4.5, `${rounds}`);
});

Deno.test("Cubic grows by no more than half of the window per round trip", () => {
  const cubic = grown(100);
  lose(cubic, { nowUs: 200_000, largestLostSentUs: 100_000 });
  avoid(cubic, { fromUs: 310_000, untilUs: 320_000 });
  const before = cubic.windowBytes;
  // A minute later, with the window in use all the time, the curve is far above.
  ack(cubic, { ackedBytes: before, sentUs: 60_000_000 });
  assertNear(cubic.windowBytes, 1.5 * before);
});

Deno.test("Cubic lowers the plateau after a second cut below the first (fast convergence)", () => {
  const windowAfter = (secondCutUs: number): number => {
    const cubic = grown(1_000);
    lose(cubic, { nowUs: 200_000, largestLostSentUs: 100_000 });
    avoid(cubic, { fromUs: 310_000, untilUs: secondCutUs });
    lose(cubic, { nowUs: secondCutUs, largestLostSentUs: secondCutUs - 1 });
    const atCut = cubic.windowBytes / 0.7;
    avoid(cubic, { fromUs: secondCutUs + 110_000, untilUs: secondCutUs + 7_000_000 });
    return cubic.windowBytes / atCut;
  };
  // After a cut below the plateau, the new plateau is 0.85 of the window at the cut; above it, the whole window.
  assert.ok(Math.abs(windowAfter(3_010_000) - 0.85) < 0.02);
  assert.ok(windowAfter(12_010_000) > 0.95);
});

Deno.test("Cubic does not grow a window that is not fully used, and that time does not count", () => {
  const cubic = new Cubic(OPTIONS);
  ack(cubic, { ackedBytes: DATAGRAM, sentUs: 0, inFlight: 3_600 });
  assert.equal(cubic.windowBytes, 12_000);
  const [idle, limited, busy] = [grown(1_000), grown(1_000), grown(1_000)];
  for (const each of [idle, limited, busy]) {
    lose(each, { nowUs: 200_000, largestLostSentUs: 100_000 });
    avoid(each, { fromUs: 310_000, untilUs: 1_310_000 });
  }
  // One has nothing to send for 30 s, another little.
  const packet = new SentPacket();
  packet.sentUs = 31_310_000;
  packet.sizeBytes = DATAGRAM;
  idle.onPacketSent(packet, DATAGRAM);
  for (let nowUs = 1_320_000; nowUs <= 31_310_000; nowUs += 10_000) {
    ack(limited, { ackedBytes: DATAGRAM, sentUs: nowUs - ROUND_TRIP_US, inFlight: 2 * DATAGRAM });
  }
  avoid(idle, { fromUs: 31_320_000, untilUs: 32_320_000 });
  avoid(limited, { fromUs: 31_320_000, untilUs: 32_320_000 });
  avoid(busy, { fromUs: 1_320_000, untilUs: 2_320_000 });
  assert.equal(idle.windowBytes, busy.windowBytes);
  assert.equal(limited.windowBytes, busy.windowBytes);
});

Deno.test("Cubic falls to two datagrams on persistent congestion, and returns to 0.7 by slow start", () => {
  const cubic = grown(20);
  lose(cubic, { nowUs: 1_000_000, largestLostSentUs: 900_000, persistentCongestion: true });
  assert.equal(cubic.windowBytes, 2_400);
  assert.equal(cubic.inSlowStart, true);
  ack(cubic, { ackedBytes: 2_400, sentUs: 950_000 });
  assert.equal(cubic.windowBytes, 4_800);
  for (let sentUs = 1_050_000; cubic.inSlowStart; sentUs += ROUND_TRIP_US) {
    ack(cubic, { ackedBytes: cubic.windowBytes, sentUs });
  }
  assert.equal(cubic.windowBytes, 19_200);
  // Then the curve begins at its plateau, so that the window grows as Reno's.
  ack(cubic, { ackedBytes: 19_200, sentUs: 2_000_000 });
  assert.equal(cubic.windowBytes, 20_400);
});

Deno.test("Cubic undoes a reduction whose losses were all spurious, and continues along its curve", () => {
  const cubic = grown(100);
  lose(cubic, { nowUs: 200_000, lostBytes: 2_400, largestLostSentUs: 90_000 });
  cubic.onSpuriousLoss(210_000, 80_000);
  assert.equal(cubic.windowBytes, 84_000, "one of two");
  cubic.onSpuriousLoss(211_000, 90_000);
  assert.equal(cubic.windowBytes, 120_000);
  assert.equal(cubic.inSlowStart, true);

  const [plain, undone] = [grown(1_000), grown(1_000)];
  for (const each of [plain, undone]) {
    lose(each, { nowUs: 200_000, largestLostSentUs: 100_000 });
    avoid(each, { fromUs: 310_000, untilUs: 2_310_000 });
  }
  lose(undone, { nowUs: 2_310_000, largestLostSentUs: 2_300_000 });
  undone.onSpuriousLoss(2_311_000, 2_300_000);
  avoid(plain, { fromUs: 2_320_000, untilUs: 4_000_000 });
  avoid(undone, { fromUs: 2_320_000, untilUs: 4_000_000 });
  assert.equal(undone.windowBytes, plain.windowBytes);
});

Deno.test("Cubic keeps a window that has outgrown the one before the spurious loss", () => {
  const cubic = grown(10);
  lose(cubic, { nowUs: 200_000, largestLostSentUs: 100_000 });
  avoid(cubic, { fromUs: 310_000, untilUs: 3_000_000 });
  const before = cubic.windowBytes;
  assert.ok(before > 12_000);
  cubic.onSpuriousLoss(3_000_000, 100_000);
  assert.equal(cubic.windowBytes, before);
});

Deno.test("Cubic leaves slow start when the RTT was increased for five rounds, and grows from there", () => {
  const cubic = new Cubic(OPTIONS);
  let nowUs = 0;
  const round = (rttUs: number): void => {
    nowUs += 200_000;
    for (let i = 0; i < 8; i++) ack(cubic, { ackedBytes: cubic.windowBytes / 8, sentUs: nowUs - rttUs, rttUs });
  };
  round(ROUND_TRIP_US);
  for (let i = 0; i < 5; i++) round(120_000);
  assert.equal(cubic.inSlowStart, true);
  round(120_000);
  assert.equal(cubic.inSlowStart, false);
  const before = cubic.windowBytes;
  round(120_000);
  assert.ok(cubic.windowBytes > before && cubic.windowBytes < 1.1 * before, `${cubic.windowBytes} after ${before}`);
});

Deno.test("Cubic keeps its bounds when the datagram size changes", () => {
  const cubic = new Cubic(OPTIONS);
  cubic.onMtuChanged(1_472);
  assert.equal(cubic.windowBytes, 14_720);
  for (let at = 1; at < 10; at++) lose(cubic, { nowUs: at * 10, largestLostSentUs: at * 10 - 1 });
  assert.equal(cubic.windowBytes, 2_944);
  cubic.onMtuChanged(16_384);
  assert.equal(cubic.windowBytes, 32_768);
});

const LINK = { rate: 12_500_000, rttUs: 50_000, queueBytes: 625_000 };

Deno.test("Cubic fills a clean link, cutting to 0.7 at the full queue", () => {
  const controller = new Cubic({ ...OPTIONS, initialRttUs: 50_000 });
  let peak = 0;
  let trough = Infinity;
  const onEvent = (nowUs: number): void => {
    if (nowUs < 10_000_000) return;
    peak = Math.max(peak, controller.windowBytes);
    trough = Math.min(trough, controller.windowBytes);
  };
  const [flow] = runLink(LINK, [{ controller, onEvent }], 40_000_000);
  assert.ok(meanRate(flow!, { fromSecond: 2, toSecond: 40 }) >= 0.97 * LINK.rate);
  assert.ok(flow!.lostBytes > 0 && flow!.lostBytes < 0.002 * flow!.sentBytes, `${flow!.lostBytes}`);
  assert.ok(Math.abs(trough / peak - 0.7) < 0.05, `${trough} of ${peak}`);
});

Deno.test("Cubic leaves slow start with a third of the loss that doubling into the queue would cost", () => {
  // Doubling until the queue overflows loses 3.3 round trips' worth here, and 8.5 with a queue four times as long.
  for (const [queueRoundTrips, mostLost] of [[1, 1.1], [4, 1.6]] as const) {
    const link = { ...LINK, queueBytes: queueRoundTrips * LINK.queueBytes };
    const [flow] = runLink(link, [{ controller: new Cubic({ ...OPTIONS, initialRttUs: 50_000 }) }], 3_000_000);
    assert.ok(flow!.lostBytes <= mostLost * LINK.queueBytes, `${flow!.lostBytes} of ${queueRoundTrips}`);
    assert.ok(meanRate(flow!, { fromSecond: 1, toSecond: 3 }) >= 0.99 * LINK.rate);
  }
});

Deno.test("Cubic shares a link with another flow that started first", () => {
  const [first, second] = runLink(LINK, [
    { controller: new Cubic({ ...OPTIONS, initialRttUs: 50_000 }) },
    { controller: new Cubic({ ...OPTIONS, initialRttUs: 50_000 }), startUs: 5_000_000 },
  ], 60_000_000);
  const rates = [first!, second!].map((flow) => meanRate(flow, { fromSecond: 20, toSecond: 60 }));
  const jain = (rates[0]! + rates[1]!) ** 2 / (2 * (rates[0]! ** 2 + rates[1]! ** 2));
  assert.ok(jain >= 0.9, `Jain ${jain} of ${rates}`);
  assert.ok(rates[0]! + rates[1]! >= 0.95 * LINK.rate);
});

Deno.test("Cubic recovers within seconds after a blackout", () => {
  const controller = new Cubic({ ...OPTIONS, initialRttUs: 50_000 });
  const link = { ...LINK, blackouts: [[5_000_000, 8_000_000]] as const };
  const [flow] = runLink(link, [{ controller }], 20_000_000);
  assert.ok(meanRate(flow!, { fromSecond: 12, toSecond: 20 }) >= 0.8 * LINK.rate);
});
