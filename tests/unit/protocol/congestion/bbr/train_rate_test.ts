import assert from "node:assert/strict";
import type { AckEvent } from "../../../../../protocol/congestion/controller.ts";
import { MIN_TRAIN_US, TRAIN_DATAGRAMS, TrainRate } from "../../../../../protocol/congestion/bbr/train_rate.ts";

const DATAGRAM_BYTES = 1_000;
const RTT_US = 64_000;

function ack(nowUs: number, sentUs: number, smoothedRttUs = RTT_US, meanLatenessUs = 0): AckEvent {
  return {
    nowUs,
    ackedBytes: DATAGRAM_BYTES,
    lostBytes: 0,
    priorBytesInFlight: 0,
    bytesInFlight: 0,
    totalDeliveredBytes: 0,
    largestAckedSentUs: sentUs,
    rttUs: nowUs - sentUs,
    minRttUs: RTT_US,
    smoothedRttUs,
    meanLatenessUs,
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

/** The rate of one datagram per this many microseconds. */
const oneIn = (intervalUs: number): number => DATAGRAM_BYTES * 1_000_000 / intervalUs;

Deno.test("TrainRate measures the rate at which a train was sent, if it arrives as fast", () => {
  const trains = new TrainRate();
  run(trains, 0, 500, 500);
  assert.equal(trains.rate, oneIn(500));
  assert.equal(trains.isDispersed, false);
});

Deno.test("TrainRate never mistakes compressed ACKs for a faster path", () => {
  const trains = new TrainRate();
  run(trains, 0, 500, 10);
  assert.equal(trains.rate, oneIn(500));
});

Deno.test("TrainRate measures the path's rate if a train arrives more slowly than it was sent", () => {
  const trains = new TrainRate();
  run(trains, 0, 100, 500);
  assert.equal(trains.rate, oneIn(500));
  assert.equal(trains.isDispersed, true);
});

Deno.test("TrainRate considers a path that dispersed a train slow until a train is clearly faster", () => {
  const trains = new TrainRate();
  run(trains, 0, 100, 500);
  run(trains, 50_000, 500, 500);
  assert.equal(
    trains.isDispersed,
    true,
    "a train sent at the path's rate is not dispersed, which is no new information",
  );
  run(trains, 100_000, 450, 450);
  assert.equal(trains.isDispersed, true, "a little faster is chance");
  assert.ok(trains.rate > oneIn(500) && trains.rate < oneIn(450), "the mean counts");
  run(trains, 150_000, 250, 250);
  assert.equal(trains.isDispersed, false);
  assert.equal(trains.rate, oneIn(250));
});

Deno.test("TrainRate forgets a dispersed train after three rounds without a queue or loss", () => {
  const trains = new TrainRate();
  assert.deepEqual([1, 2, 3, 4].map(() => trains.onRound(false)), [false, false, false, false], "nothing to forget");
  run(trains, 0, 100, 500);
  assert.ok(trains.isDispersed);
  assert.deepEqual([false, false, true, false, false].map((isFull) => trains.onRound(isFull)), Array(5).fill(false));
  assert.ok(trains.isDispersed);
  assert.equal(trains.onRound(false), true);
  assert.ok(!trains.isDispersed);
  run(trains, 100_000, 100, 500);
  assert.deepEqual([trains.onRound(false), trains.isDispersed], [false, true], "counted anew");
});

Deno.test("TrainRate is certain after eight more trains that arrive more slowly than sent through a queue, until one is faster", () => {
  const certainAfter = (smoothedRttUs: number, sentEveryUs: number): number => {
    const trains = new TrainRate();
    let [sentUs, arrivedUs] = [0, RTT_US];
    const train = (everyUs: number, rttUs: number) => {
      for (let i = 0; i < TRAIN_DATAGRAMS; i++) {
        trains.onAck(ack(arrivedUs += 500, sentUs += everyUs, rttUs), DATAGRAM_BYTES);
      }
    };
    train(100, RTT_US);
    train(100, RTT_US);
    for (let count = 1; count < 20; count++) {
      train(sentEveryUs, smoothedRttUs);
      if (!trains.isCertain) continue;
      train(500, smoothedRttUs);
      assert.ok(trains.isCertain, "sent at the bottleneck rate, as a certain sender does, it tells nothing new");
      run(trains, sentUs + 100_000, 250, 250);
      assert.ok(!trains.isCertain && !trains.isDispersed);
      return count;
    }
    return Infinity;
  };
  assert.equal(certainAfter(2 * RTT_US, 400), 8);
  assert.equal(certainAfter(2 * RTT_US, 480), Infinity, "chance");
  assert.equal(certainAfter(RTT_US, 400), Infinity, "no queue");
});

Deno.test("TrainRate measures nothing in less than four milliseconds, and then more than sixteen datagrams", () => {
  const trains = new TrainRate();
  const everyUs = MIN_TRAIN_US / (2 * TRAIN_DATAGRAMS);
  run(trains, 0, everyUs, everyUs);
  assert.equal(trains.rate, 0, "a burst, or a pause of the receiver, would look like this");
  run(trains, (TRAIN_DATAGRAMS + 1) * everyUs, everyUs, everyUs);
  assert.equal(trains.rate, oneIn(everyUs));
});

Deno.test("TrainRate begins a new train after a pause of the sender", () => {
  const trains = new TrainRate();
  for (let i = 0; i < TRAIN_DATAGRAMS; i++) trains.onAck(ack(RTT_US + i * 500, i * 500), DATAGRAM_BYTES);
  assert.equal(trains.rate, 0, "one short of a train");
  run(trains, RTT_US, 400, 400);
  assert.equal(trains.rate, oneIn(400), "the pause is not measured");
});

Deno.test("TrainRate does not measure reordered packets", () => {
  const trains = new TrainRate();
  run(trains, 0, 0, 500);
  assert.equal(trains.rate, 0);
});

Deno.test("TrainRate ignores a fast train if there is a queue already", () => {
  const trains = new TrainRate();
  run(trains, 0, 100, 500);
  for (let i = 0; i <= TRAIN_DATAGRAMS; i++) {
    const sentUs = 100_000 + i * 250;
    trains.onAck(ack(sentUs + RTT_US, sentUs, 2 * RTT_US), DATAGRAM_BYTES);
  }
  assert.equal(trains.isDispersed, true);
});

Deno.test("TrainRate measures trains of four mean latenesses, and forgets that a shorter one was dispersed", () => {
  const latenessUs = 4_000;
  const trains = new TrainRate();
  run(trains, 0, 100, 500);
  assert.equal(trains.isDispersed, true);
  const jittered = (fromUs: number, datagrams: number): void => {
    for (let i = 0; i <= datagrams; i++) {
      trains.onAck(ack(fromUs + RTT_US + i * 1_000, fromUs + i * 500, RTT_US, latenessUs), DATAGRAM_BYTES);
    }
  };
  jittered(100_000, TRAIN_DATAGRAMS - 1);
  assert.equal(trains.isDispersed, false, "jitter may have dispersed the first");
  jittered(200_000, TRAIN_DATAGRAMS);
  assert.equal(trains.isDispersed, true);
});
