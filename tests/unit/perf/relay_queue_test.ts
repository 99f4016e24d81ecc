import assert from "node:assert/strict";
import { RelayQueue } from "../../../perf/relay_queue.ts";

const ROUTE = { from: "a", to: "b", hash: 0 };

/** What is due by then, in order, as the first byte of each. */
function takeAll(queue: RelayQueue, nowUs: number): number[] {
  const taken: number[] = [];
  for (let delivery = queue.takeDue(nowUs); delivery !== undefined; delivery = queue.takeDue(nowUs)) {
    assert.equal(delivery.route, ROUTE);
    taken.push(delivery.bytes[0]!);
    queue.free(delivery);
  }
  return taken;
}

function datagram(first: number, sizeBytes = 1000): Uint8Array {
  return new Uint8Array(sizeBytes).fill(first);
}

Deno.test("RelayQueue lets out at the rate and after the delay, neither sooner nor in another order", () => {
  // 8 Mbit/s: a byte a microsecond.
  const queue = new RelayQueue({ rateBitsPerSecond: 8e6, delayUs: 500 }, 1);
  assert.equal(queue.nextUs, Infinity);
  for (const first of [1, 2, 3]) queue.accept(100, datagram(first), ROUTE);
  assert.equal(queue.nextUs, 1600);
  assert.deepEqual(takeAll(queue, 1599), []);
  assert.deepEqual(takeAll(queue, 1600), [1]);
  assert.deepEqual(takeAll(queue, 3600), [2, 3]);
  assert.equal(queue.nextUs, Infinity);
});

Deno.test("RelayQueue keeps a copy: the socket's buffer is used again", () => {
  const queue = new RelayQueue({ delayUs: 10 }, 1);
  const buffer = datagram(7);
  queue.accept(0, buffer, ROUTE);
  buffer.fill(9);
  assert.deepEqual(takeAll(queue, 10), [7]);
});

Deno.test("RelayQueue drops what its queue has no room for", () => {
  const queue = new RelayQueue({ rateBitsPerSecond: 8e6, queueBytes: 2000 }, 1);
  for (const first of [1, 2, 3]) queue.accept(0, datagram(first), ROUTE);
  assert.deepEqual(takeAll(queue, 10_000), [1, 2]);
  assert.equal(queue.linkStats.queueDropped, 1);
  assert.equal(queue.linkStats.meanQueueDelayUs, 500);
});

Deno.test("RelayQueue loses as many as asked, the same for the same seed", () => {
  const arrivals = (seed: number): number[] => {
    const queue = new RelayQueue({ loss: 0.2 }, seed);
    for (let n = 0; n < 2000; n++) queue.accept(n, datagram(n % 256, 10), ROUTE);
    return takeAll(queue, 2000);
  };
  // 1600 expected, standard deviation 18.
  assert.ok(Math.abs(arrivals(1).length - 1600) < 100, `${arrivals(1).length}`);
  assert.deepEqual(arrivals(1), arrivals(1));
  assert.notDeepEqual(arrivals(1), arrivals(2));
});

Deno.test("RelayQueue lets out first what is due first, where jitter reorders", () => {
  const queue = new RelayQueue({ delayUs: 1000, scatterUs: 5000 }, 1);
  for (let first = 0; first < 100; first++) queue.accept(first, datagram(first), ROUTE);
  const taken: number[] = [];
  for (let nowUs = queue.nextUs; nowUs !== Infinity; nowUs = queue.nextUs) taken.push(...takeAll(queue, nowUs));
  assert.equal(taken.length, 100);
  assert.notDeepEqual(taken, taken.toSorted((a, b) => a - b));
});

Deno.test("RelayQueue.lateness is how long after its time each was taken", () => {
  const queue = new RelayQueue({ delayUs: 100 }, 1);
  assert.deepEqual(queue.lateness, { meanUs: 0, maxUs: 0 });
  queue.accept(0, datagram(1), ROUTE);
  queue.accept(50, datagram(2), ROUTE);
  takeAll(queue, 100);
  takeAll(queue, 190);
  assert.deepEqual(queue.lateness, { meanUs: 20, maxUs: 40 });
});
