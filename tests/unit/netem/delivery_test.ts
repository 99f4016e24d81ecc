import assert from "node:assert/strict";
import { InvariantError } from "../../../base/invariant.ts";
import { DeliveryPool } from "../../../netem/delivery.ts";

Deno.test("DeliveryPool.take copies a datagram of any length up to the largest", () => {
  const pool = new DeliveryPool();
  for (const length of [0, 1, 255, 256, 257, 2048, 2049, 16_384, 16_385, 65_536]) {
    const datagram = new Uint8Array(length).fill(length);
    const delivery = pool.take(datagram);
    datagram.fill(0x77);
    assert.deepEqual(delivery.bytes, new Uint8Array(length).fill(length));
    pool.release(delivery);
  }
  assert.throws(() => pool.take(new Uint8Array(65_537)), InvariantError);
});

Deno.test("DeliveryPool.take reuses a released delivery of the right size", () => {
  const pool = new DeliveryPool();
  const first = pool.take(new Uint8Array(1200).fill(1));
  assert.deepEqual([pool.inUse, pool.inUseBytes], [1, 2048]);
  pool.release(first);
  assert.deepEqual([pool.inUse, pool.inUseBytes], [0, 0]);
  const second = pool.take(new Uint8Array(1000).fill(2));
  assert.equal(second, first);
  assert.deepEqual(second.bytes, new Uint8Array(1000).fill(2));
  assert.notEqual(pool.take(new Uint8Array(1000)), second);
  assert.equal(pool.allocated, 2);
});
