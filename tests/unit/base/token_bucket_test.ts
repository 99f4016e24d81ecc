import assert from "node:assert/strict";
import { TokenBucket, TokenBuckets } from "../../../base/token_bucket.ts";

const SECOND_US = 1_000_000;

function takenOf(count: number, take: () => boolean): number {
  return Array.from({ length: count }, take).filter((isTaken) => isTaken).length;
}

Deno.test("TokenBucket.take gives the burst at once, then what accrues", () => {
  const bucket = new TokenBucket({ perSecond: 10, burst: 5 });
  assert.equal(takenOf(20, () => bucket.take(7)), 5);
  assert.equal(bucket.take(99_000), false);
  assert.equal(bucket.take(100_007), true);
  assert.equal(bucket.take(100_007), false);
});

Deno.test("TokenBucket.take gives no more after a long quiet time than the burst", () => {
  const bucket = new TokenBucket({ perSecond: 10, burst: 5 });
  assert.equal(takenOf(5, () => bucket.take(0)), 5);
  assert.equal(takenOf(20, () => bucket.take(3600 * SECOND_US)), 5);
});

Deno.test("TokenBucket.take loses nothing of a token by asking too often", () => {
  const bucket = new TokenBucket({ perSecond: 10, burst: 1 });
  let taken = 0;
  for (let nowUs = 0; nowUs <= SECOND_US; nowUs += 999) if (bucket.take(nowUs)) taken++;
  assert(taken >= 10 && taken <= 11, `${taken}`);
});

Deno.test("TokenBucket.putBack gives back what was taken, and never more than the burst", () => {
  const bucket = new TokenBucket({ perSecond: 1, burst: 2 });
  assert.equal(takenOf(2, () => bucket.take(0)), 2);
  bucket.putBack();
  assert.deepEqual([bucket.take(0), bucket.take(0)], [true, false]);
  for (let i = 0; i < 5; i++) bucket.putBack();
  assert.equal(takenOf(5, () => bucket.take(0)), 2);
});

Deno.test("TokenBuckets.take leaves the other buckets as they are", () => {
  const buckets = new TokenBuckets({ perSecond: 1, burst: 1, count: 3 });
  assert.deepEqual([buckets.take(0, 1), buckets.take(0, 1), buckets.take(0, 2)], [true, false, true]);
});
