/**
 * Every congestion controller, on links and told things that nobody would expect: window and rate stay within their bounds,
 * and afterwards, on a good path, they are what the path bears.
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import type { SendPolicy } from "../../protocol/config.ts";
import {
  type AckEvent,
  type CongestionController,
  MIN_WINDOW_DATAGRAMS,
} from "../../protocol/congestion/controller.ts";
import { createController } from "../../protocol/congestion/factory.ts";
import { SentPacket } from "../../protocol/sent_packet.ts";
import { runLink } from "../../testing/link_model.ts";
import { HostilePath, type PathTimes } from "../../testing/hostile_path.ts";
import { checkModel, type Machine, modelParameters, type Seen, step, type StepOf } from "../../testing/model_check.ts";

const MAX_WINDOW = fc.constantFrom(Infinity, Infinity, 40_000, 1_000);

const NAMES = ["bbr", "cubic", "fixed"] as const;

function policyOf(kind: typeof NAMES[number], rateBytesPerSecond: number): SendPolicy {
  return kind === "fixed" ? { kind, rateBytesPerSecond } : { kind };
}

/** What a controller was made with and told of late. */
interface Bounds {
  readonly datagramBytes: number;
  readonly maxWindowBytes?: number;
  /** Before a round trip is known there may be no rate to pace at. */
  readonly isRttKnown?: boolean;
}

function assertSane(controller: CongestionController, bounds: Bounds): void {
  const { pacingRate, windowBytes } = controller;
  const { datagramBytes, isRttKnown = true, maxWindowBytes = Infinity } = bounds;
  const leastBytes = MIN_WINDOW_DATAGRAMS * datagramBytes;
  assert.ok(windowBytes >= leastBytes && windowBytes < Infinity, `window ${windowBytes} with ${datagramBytes}`);
  assert.ok(windowBytes <= Math.max(maxWindowBytes, leastBytes), `window ${windowBytes} of ${maxWindowBytes}`);
  assert.ok(pacingRate > 0 && (pacingRate < Infinity || !isRttKnown), `rate ${pacingRate}`);
}

Deno.test("every controller keeps its window and rate sane over any link", () => {
  fc.assert(
    fc.property(
      fc.record({
        name: fc.constantFrom(...NAMES),
        rate: fc.integer({ min: 5_000, max: 2_000_000 }),
        rttUs: fc.integer({ min: 50, max: 500_000 }),
        queueBytes: fc.integer({ min: 1_200, max: 500_000 }),
        // As a double nearly all would be next to nothing.
        loss: fc.oneof(fc.nat(100), fc.nat(1_000)).map((share) => share / 1_000),
        lossAt: fc.constantFrom("before", "after"),
        jitterUs: fc.integer({ min: 0, max: 50_000 }),
        ackEveryUs: fc.constantFrom(0, 500, 20_000),
        blackoutUs: fc.integer({ min: 0, max: 2_000_000 }),
        initialRttUs: fc.constantFrom(0, 1, 100_000),
        seed: fc.nat(),
      }),
      ({ name, blackoutUs, initialRttUs, ...link }) => {
        const options = { maxDatagramBytes: 1_200, initialRttUs, seed: link.seed };
        const controller = createController(policyOf(name, 300_000), options);
        const bounds = { datagramBytes: 1_200, isRttKnown: initialRttUs > 0 };
        assertSane(controller, bounds);
        const onEvent = (): void => assertSane(controller, bounds);
        runLink({ ...link, blackouts: [[500_000, 500_000 + blackoutUs]] }, [{ controller, onEvent }], 3_000_000);
      },
    ),
    modelParameters(100),
  );
});

/** What a confused or lying measurement could tell a controller. */
const anyCall = fc.oneof(
  fc.record({
    kind: fc.constant("sent" as const),
    bytes: fc.integer({ min: 1, max: 65_507 }),
    inFlight: fc.integer({ min: 0, max: 2 ** 40 }),
    appLimited: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant("ack" as const),
    ackedBytes: fc.integer({ min: 0, max: 2 ** 30 }),
    inFlight: fc.integer({ min: 0, max: 2 ** 40 }),
    rttUs: fc.constantFrom(0, 1, 500, 100_000, 60_000_000),
    deliveryRate: fc.constantFrom(0, 1e-3, 1, 1e6, 1e12),
    priorDeliveredBytes: fc.integer({ min: 0, max: 2 ** 31 }),
    lostBytes: fc.integer({ min: 0, max: 2 ** 30 }),
    txInFlightBytes: fc.integer({ min: 0, max: 2 ** 30 }),
    appLimited: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant("lost" as const),
    lostBytes: fc.integer({ min: 1, max: 2 ** 30 }),
    ageUs: fc.integer({ min: 0, max: 10_000_000 }),
    persistentCongestion: fc.boolean(),
  }),
  fc.record({ kind: fc.constant("spurious" as const), ageUs: fc.integer({ min: 0, max: 10_000_000 }) }),
  fc.record({ kind: fc.constant("mtu" as const), bytes: fc.integer({ min: 1_200, max: 65_507 }) }),
);

Deno.test("every controller keeps its window and rate sane whatever it is told", () => {
  const calls = fc.array(fc.tuple(fc.integer({ min: 0, max: 5_000_000 }), anyCall), { maxLength: 200 });
  fc.assert(
    fc.property(fc.constantFrom(...NAMES), MAX_WINDOW, calls, (name, maxWindowBytes, steps) => {
      const controller = createController(policyOf(name, 1_000_000), {
        maxDatagramBytes: 1_200,
        initialRttUs: 0,
        seed: 1,
        maxWindowBytes,
      });
      let nowUs = 0;
      let datagramBytes = 1_200;
      let isRttKnown = false;
      let delivered = 0;
      for (const [afterUs, call] of steps) {
        nowUs += afterUs;
        if (call.kind === "ack") delivered += call.ackedBytes;
        if (call.kind === "ack") isRttKnown ||= call.rttUs > 0;
        if (call.kind === "mtu") datagramBytes = call.bytes;
        tell(controller, call, nowUs, delivered);
        assertSane(controller, { datagramBytes, maxWindowBytes, isRttKnown });
      }
    }),
    modelParameters(400),
  );
});

type Call = typeof anyCall extends fc.Arbitrary<infer T> ? T : never;

function tell(controller: CongestionController, call: Call, nowUs: number, totalDeliveredBytes: number): void {
  switch (call.kind) {
    case "sent": {
      const packet = new SentPacket();
      packet.sentUs = nowUs;
      packet.sizeBytes = call.bytes;
      packet.appLimited = call.appLimited;
      return controller.onPacketSent(packet, call.inFlight);
    }
    case "ack": {
      const event: AckEvent = {
        nowUs,
        ackedBytes: call.ackedBytes,
        lostBytes: call.lostBytes,
        priorBytesInFlight: call.inFlight,
        bytesInFlight: Math.max(0, call.inFlight - call.ackedBytes),
        totalDeliveredBytes,
        largestAckedSentUs: Math.max(0, nowUs - call.rttUs),
        rttUs: call.rttUs,
        minRttUs: call.rttUs,
        smoothedRttUs: call.rttUs,
        meanLatenessUs: 0,
        sample: {
          deliveryRate: call.deliveryRate,
          deliveredBytes: call.ackedBytes,
          intervalUs: call.rttUs,
          priorDeliveredBytes: call.priorDeliveredBytes,
          appLimited: call.appLimited,
          txInFlightBytes: call.txInFlightBytes,
          lostBytes: call.lostBytes,
        },
      };
      return controller.onAck(event);
    }
    case "lost":
      return controller.onPacketsLost({
        nowUs,
        lostBytes: call.lostBytes,
        bytesInFlight: 0,
        largestLostSentUs: Math.max(0, nowUs - call.ageUs),
        persistentCongestion: call.persistentCongestion,
      });
    case "spurious":
      return controller.onSpuriousLoss(nowUs, Math.max(0, nowUs - call.ageUs));
    case "mtu":
      return controller.onMtuChanged(call.bytes);
  }
}

/** From one to the other, small ones as likely as large ones. */
function between(least: number, most: number): fc.Arbitrary<number> {
  return fc.nat(1_000).map((share) => Math.round(least * (most / least) ** (share / 1_000)));
}

const HOSTILE = fc.oneof(
  step<"times", PathTimes & { ms: number }>(6, "times", {
    ms: between(50, 5_000),
    rate: between(5_000, 2_000_000),
    rttUs: between(1_000, 400_000),
    queueUs: between(1_000, 1_000_000),
    loss: fc.constantFrom(0, 0, 0.01, 0.1, 0.4, 1),
    ackLoss: fc.constantFrom(0, 0, 0.1, 0.6),
    late: fc.constantFrom(0, 0, 0.005, 0.02, 0.3),
    lateUs: between(1_000, 1_000_000),
    load: fc.constantFrom(1, 1, 0.5, 0.1, 0),
  }),
  step(1, "resize", { bytes: fc.constantFrom(1_200, 1_452, 8_972) }),
);

const GOOD_PATH = {
  rate: between(30_000, 600_000),
  rttUs: between(2_000, 200_000),
  /** What the queue holds, in round trips. */
  queueRtts: fc.constantFrom(1, 2, 4),
};

/** How long it may take until half of a good path is used, and from when on all is as it should be. */
const RECOVERY_US = 30_000_000;
/** BBR forgets a round trip that was too short after ten seconds; then it needs some round trips. */
const BBR_RECOVERY_US = 20_000_000;
const SETTLED_US = 50_000_000;
/** What "fixed" is told to send at. */
const FIXED_RATE = 100_000;
const MIN_QUEUE_US = 20_000;

interface Start {
  readonly name: typeof NAMES[number];
  readonly maxWindowBytes: number;
  readonly firstRttUs: number;
  readonly seed: number;
  readonly good: { readonly rate: number; readonly rttUs: number; readonly queueRtts: number };
}

class HostileMachine implements Machine<StepOf<typeof HOSTILE>> {
  readonly #start: Start;
  readonly #seen: Seen;
  readonly #path: HostilePath;

  constructor(start: Start, seen: Seen) {
    this.#start = start;
    this.#seen = seen;
    const { firstRttUs, maxWindowBytes, name, seed } = start;
    const controller = createController(policyOf(name, FIXED_RATE), {
      maxDatagramBytes: 1_200,
      initialRttUs: firstRttUs,
      seed,
      maxWindowBytes,
    });
    const times = { ...this.#goodTimes(), rttUs: firstRttUs };
    const onEvent = (): void => assertSane(controller, { datagramBytes: this.#path.datagramBytes, maxWindowBytes });
    this.#path = new HostilePath({ controller, times, seed, onEvent });
  }

  take(step: StepOf<typeof HOSTILE>): void {
    if (step.kind === "resize") {
      this.#path.resize(step.bytes);
      return;
    }
    this.#path.change(step);
    this.#path.run(step.ms * 1_000);
    if (step.loss === 1) this.#seen("an outage");
    if (step.load === 0) this.#seen("idle");
  }

  /** A good path at last: half of it is in use soon, and goes on being. */
  finish(): void {
    const { name } = this.#start;
    const path = this.#path;
    if (path.spuriousLosses > 0) this.#seen("spurious losses");
    if (path.persistentCongestions > 0) this.#seen("persistent congestion");
    path.change(this.#goodTimes());
    path.run(name === "bbr" ? BBR_RECOVERY_US : RECOVERY_US);
    this.#expectHalf("after its time to recover");
    path.run(SETTLED_US - RECOVERY_US);
    this.#expectHalf("in the end");
    if (name === "bbr") this.#expectShortQueue();
    this.#seen(`${name} recovered`);
  }

  #goodTimes(): PathTimes {
    const { queueRtts, rate, rttUs } = this.#start.good;
    const queueUs = queueRtts * Math.max(rttUs, MIN_QUEUE_US);
    return { rate, rttUs, queueUs, loss: 0, ackLoss: 0, late: 0, lateUs: 0, load: 1 };
  }

  #expectHalf(when: string): void {
    const { good, maxWindowBytes, name } = this.#start;
    const path = this.#path;
    const windowBytes = Math.max(maxWindowBytes, MIN_WINDOW_DATAGRAMS * path.datagramBytes);
    const windowRate = windowBytes * 1e6 / (good.rttUs + path.datagramBytes * 1e6 / good.rate);
    const possible = Math.min(good.rate, windowRate, name === "fixed" ? FIXED_RATE : Infinity);
    const us = Math.max(2_000_000, 10 * good.rttUs);
    const before = path.deliveredBytes;
    path.run(us);
    const rate = (path.deliveredBytes - before) * 1e6 / us;
    assert.ok(rate >= possible / 2, `${name} ${when}: ${Math.round(rate)} of ${Math.round(possible)} bytes per second`);
  }

  #expectShortQueue(): void {
    const { rate, rttUs } = this.#start.good;
    const path = this.#path;
    path.queue = { sumUs: 0, packets: 0 };
    path.run(10_000_000);
    const meanUs = path.queue.sumUs / path.queue.packets;
    const mostUs = (rttUs + 10_000) / 2 + 8 * path.datagramBytes * 1e6 / rate;
    assert.ok(meanUs <= mostUs, `a queue of ${Math.round(meanUs)} us stays, of ${Math.round(mostUs)}`);
  }
}

Deno.test("every controller finds back to a good path's rate, whatever the path was before", () => {
  checkModel({
    start: fc.record({
      name: fc.constantFrom<Start["name"]>("bbr", "bbr", "cubic", "fixed"),
      maxWindowBytes: fc.constantFrom(Infinity, Infinity, Infinity, 30_000),
      firstRttUs: between(1_000, 400_000),
      seed: fc.nat(),
      good: fc.record(GOOD_PATH, { noNullPrototype: true }),
    }, { noNullPrototype: true }),
    step: HOSTILE,
    make: (start, seen) => new HostileMachine(start, seen),
    runs: 150,
    maxSteps: 10,
    reaches: {
      "bbr recovered": 40,
      "cubic recovered": 20,
      "fixed recovered": 20,
      "spurious losses": 30,
      "persistent congestion": 2,
      "an outage": 30,
      "idle": 30,
    },
  });
});

Deno.test("BBR forgets that a path lost packets even where every probe of it ends in ProbeRTT", () => {
  const rate = 63_253;
  const calm = { ackLoss: 0, late: 0, lateUs: 1_000 };
  const path = new HostilePath({
    controller: createController({ kind: "bbr" }, {
      maxDatagramBytes: 1_200,
      initialRttUs: 186_895,
      seed: 1_044_469_331,
    }),
    times: { ...calm, rate, rttUs: 186_895, queueUs: 726_256, loss: 0, load: 1 },
    seed: 1_044_469_331,
    onEvent: () => {},
  });
  const before: readonly (Partial<PathTimes> & { ms: number })[] = [
    { ms: 612, rate: 7_837, rttUs: 372_250, loss: 0.1, ackLoss: 0.1, late: 0.02, lateUs: 11_535 },
    { ms: 122, rate: 5_000, rttUs: 2_205, load: 0 },
    { ms: 260, rate: 5_773, loss: 0.4 },
    { ms: 60, rate: 5_000 },
    { ms: 323, rate: 7_743 },
    { ms: 2_799, rate: 12_282, loss: 0.4, ackLoss: 0.1, load: 0.5 },
  ];
  for (const { ms, ...times } of before) {
    path.change({ ...calm, rate, rttUs: 1_000, queueUs: 1_000, loss: 0, load: 1, ...times });
    path.run(ms * 1_000);
  }
  path.change({ ...calm, rate, rttUs: 181_564, queueUs: 726_256, loss: 0, load: 1 });
  path.run(20_000_000);
  path.queue = { sumUs: 0, packets: 0 };
  path.run(10_000_000);
  const meanUs = path.queue.sumUs / path.queue.packets;
  assert.ok(meanUs < 100_000, `a queue of ${Math.round(meanUs)} us stays`);
});
