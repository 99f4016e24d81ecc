import assert from "node:assert/strict";
import fc from "fast-check";
import type { AckEvent, CongestionController } from "../../protocol/congestion/controller.ts";
import { createController } from "../../protocol/congestion/factory.ts";
import { SentPacket } from "../../protocol/sent_packet.ts";
import { runLink } from "../unit/protocol/congestion/link_model.ts";

const NAMES = ["bbr", "cubic", "fixed"] as const;

function assertSane(controller: CongestionController, maxDatagramBytes: number): void {
  const { pacingRate, windowBytes } = controller;
  assert.ok(windowBytes >= 2 * maxDatagramBytes && windowBytes < Infinity, `window ${windowBytes}`);
  assert.ok(pacingRate > 0, `rate ${pacingRate}`);
}

Deno.test("every controller keeps its window and rate sane over any link", () => {
  fc.assert(
    fc.property(
      fc.record({
        name: fc.constantFrom(...NAMES),
        rate: fc.integer({ min: 5_000, max: 2_000_000 }),
        rttUs: fc.integer({ min: 50, max: 500_000 }),
        queueBytes: fc.integer({ min: 1_200, max: 500_000 }),
        loss: fc.double({ min: 0, max: 1, noNaN: true }),
        lossAt: fc.constantFrom("before", "after"),
        jitterUs: fc.integer({ min: 0, max: 50_000 }),
        ackEveryUs: fc.constantFrom(0, 500, 20_000),
        blackoutUs: fc.integer({ min: 0, max: 2_000_000 }),
        initialRttUs: fc.constantFrom(0, 1, 100_000),
        seed: fc.integer(),
      }),
      ({ name, blackoutUs, initialRttUs, ...link }) => {
        const options = { maxDatagramBytes: 1_200, initialRttUs, seed: link.seed, rateBytesPerSecond: 300_000 };
        const controller = createController(name, options);
        assertSane(controller, 1_200);
        const onEvent = (): void => assertSane(controller, 1_200);
        runLink({ ...link, blackouts: [[500_000, 500_000 + blackoutUs]] }, [{ controller, onEvent }], 3_000_000);
      },
    ),
    { numRuns: 100, seed: 1 },
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
    fc.property(fc.constantFrom(...NAMES), calls, (name, steps) => {
      const controller = createController(name, {
        maxDatagramBytes: 1_200,
        initialRttUs: 0,
        seed: 1,
        rateBytesPerSecond: 1_000_000,
      });
      let nowUs = 0;
      let mtu = 1_200;
      let delivered = 0;
      for (const [afterUs, call] of steps) {
        nowUs += afterUs;
        if (call.kind === "ack") delivered += call.ackedBytes;
        if (call.kind === "mtu") mtu = call.bytes;
        tell(controller, call, nowUs, delivered);
        assertSane(controller, mtu);
      }
    }),
    { numRuns: 200, seed: 1 },
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
