import assert from "node:assert/strict";
import { ReplayableSource } from "../../../../app/client/replayable_source.ts";

async function* pieces(count: number, length: number): AsyncGenerator<Uint8Array> {
  // As a source that uses one buffer for all.
  const buffer = new Uint8Array(length);
  for (let index = 0; index < count; index++) {
    await undefined;
    yield buffer.fill(index);
  }
}

async function firstBytes(source: AsyncIterable<Uint8Array>, most = Infinity): Promise<number[]> {
  const first: number[] = [];
  const iterator = source[Symbol.asyncIterator]();
  while (first.length < most) {
    const { done, value } = await iterator.next();
    if (done) break;
    first.push(value[0]!);
  }
  return first;
}

Deno.test("ReplayableSource gives each reader all of it, wherever the one before ended", async () => {
  const source = new ReplayableSource(pieces(6, 1000));
  assert(source.isUnread);
  assert.deepEqual(await firstBytes(source, 3), [0, 1, 2]);
  assert(!source.isUnread && source.isReplayable);
  assert.deepEqual(await firstBytes(source, 2), [0, 1]);
  assert.deepEqual(await firstBytes(source), [0, 1, 2, 3, 4, 5]);
  assert.deepEqual(await firstBytes(source), [0, 1, 2, 3, 4, 5]);
});

Deno.test("ReplayableSource keeps no more than a megabyte", async () => {
  const source = new ReplayableSource(pieces(40, 60_000));
  const iterator = source[Symbol.asyncIterator]();
  for (let index = 0; index < 40; index++) {
    const { value } = await iterator.next();
    assert.equal(value[0], index);
    assert.equal(source.isReplayable, (index + 1) * 60_000 <= 1024 * 1024);
  }
  assert.equal((await iterator.next()).done, true);
});

Deno.test("ReplayableSource gives a new reader what one before it was waiting for", async () => {
  const next = Promise.withResolvers<IteratorResult<Uint8Array>>();
  let isReturned = false;
  const iterator = {
    next: () => next.promise,
    return: () => {
      isReturned = true;
      return Promise.resolve({ done: true as const, value: undefined });
    },
  };
  const source = new ReplayableSource({ [Symbol.asyncIterator]: () => iterator });
  const before = source[Symbol.asyncIterator]().next();
  const after = source[Symbol.asyncIterator]().next();
  assert(source.isUnread);
  next.resolve({ done: false, value: new Uint8Array([9]) });
  assert.deepEqual([(await before).value[0], (await after).value[0]], [9, 9]);
  source.close();
  assert(isReturned);
});
