import assert from "node:assert/strict";
import type { AckEvent } from "../../../../protocol/congestion/controller.ts";
import { TRAIN_DATAGRAMS, TrainRate } from "../../../../protocol/congestion/train_rate.ts";

const DATAGRAM_BYTES = 1_000;
const RTT_US = 100_000;

function ack(nowUs: number, sentUs: number, ackedBytes = DATAGRAM_BYTES): AckEvent {
  return {
    nowUs,
    ackedBytes,
    lostBytes: 0,
    priorBytesInFlight: 0,
    bytesInFlight: 0,
    totalDeliveredBytes: 0,
    largestAckedSentUs: sentUs,
    rttUs: nowUs - sentUs,
    minRttUs: RTT_US,
    smoothedRttUs: RTT_US,
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
}

/** A train, and the packet before it: sent one each `sentEveryUs` from `fromUs`, arriving one each `arriveEveryUs`. */
function run(trains: TrainRate, fromUs: number, sentEveryUs: number, arriveEveryUs: number): void {
  for (let i = 0; i <= TRAIN_DATAGRAMS; i++) {
    trains.onAck(ack(fromUs + RTT_US + i * arriveEveryUs, fromUs + i * sentEveryUs), DATAGRAM_BYTES);
  }
}

Deno.test("TrainRate measures the rate at which a train was sent, if it arrives as fast", () => {
  const trains = new TrainRate();
  run(trains, 0, 100, 100);
  assert.equal(trains.rate, DATAGRAM_BYTES * 1_000_000 / 100);
  assert.equal(trains.isHeldUp, false);
});

Deno.test("TrainRate never takes ACKs that come in a heap for a faster path", () => {
  const trains = new TrainRate();
  run(trains, 0, 100, 10);
  assert.equal(trains.rate, DATAGRAM_BYTES * 1_000_000 / 100);
});

Deno.test("TrainRate measures the path where a train arrives more slowly than it was sent", () => {
  const trains = new TrainRate();
  run(trains, 0, 100, 200);
  assert.equal(trains.rate, DATAGRAM_BYTES * 1_000_000 / 200);
  assert.equal(trains.isHeldUp, true);
});

Deno.test("TrainRate takes a path that was held up as slow until a train is clearly faster", () => {
  const trains = new TrainRate();
  run(trains, 0, 100, 200);
  run(trains, 50_000, 200, 200);
  assert.equal(trains.isHeldUp, true, "sent as slowly as the path is, nothing is held up: that says nothing new");
  run(trains, 100_000, 190, 190);
  assert.equal(trains.isHeldUp, true, "a little faster is chance");
  run(trains, 150_000, 100, 100);
  assert.equal(trains.isHeldUp, false);
  assert.equal(trains.rate, DATAGRAM_BYTES * 1_000_000 / 100);
});

Deno.test("TrainRate begins anew after a pause of the sender", () => {
  const trains = new TrainRate();
  for (let i = 0; i < TRAIN_DATAGRAMS; i++) trains.onAck(ack(RTT_US + i * 100, i * 100), DATAGRAM_BYTES);
  assert.equal(trains.rate, 0, "one short of a train");
  run(trains, RTT_US, 50, 50);
  assert.equal(trains.rate, DATAGRAM_BYTES * 1_000_000 / 50, "the pause is not measured");
});

Deno.test("TrainRate has no measure of packets that overtook one another", () => {
  const trains = new TrainRate();
  run(trains, 0, 0, 100);
  assert.equal(trains.rate, 0);
});
