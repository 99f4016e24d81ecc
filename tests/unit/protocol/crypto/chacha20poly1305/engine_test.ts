import assert from "node:assert/strict";
import { PLACES } from "../../../../../protocol/crypto/chacha20poly1305/aead_code.ts";
import { Engine, MAX_AEAD_BYTES } from "../../../../../protocol/crypto/chacha20poly1305/engine.ts";
import { nonceOf } from "../../../../../testing/aead_oracle.ts";

const KEY = new Int32Array(8).fill(0x5a5a5a5a);

Deno.test("Engine.use writes the key, and the nonce as 4 zero bytes and 8 bytes little-endian", () => {
  const engine = new Engine();
  for (const nonce of [0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 52 + 2 ** 31, 2 ** 53 - 1]) {
    engine.bytes.fill(0xff, 0, PLACES.oneTimeKey);
    engine.use(KEY, nonce);
    assert.deepEqual(engine.bytes.subarray(PLACES.key, PLACES.key + 32), new Uint8Array(32).fill(0x5a));
    assert.deepEqual(engine.bytes.subarray(PLACES.nonce, PLACES.nonce + 12), nonceOf(nonce), String(nonce));
  }
});

Deno.test("Engine.wipe leaves nothing of the key, the one-time key, the accumulator and the key stream", () => {
  const engine = new Engine();
  engine.use(KEY, 1);
  engine.run.seal(PLACES.texts, PLACES.texts + 5, PLACES.texts + 600);
  for (const place of [PLACES.key, PLACES.oneTimeKey, PLACES.state, PLACES.keystream]) {
    assert(engine.bytes.subarray(place, place + 16).some((byte) => byte !== 0), "a key and its traces were there");
  }
  engine.wipe();
  assert(engine.bytes.subarray(0, PLACES.texts).every((byte) => byte === 0));
});

Deno.test("Engine.allocate gives zeroed buffers that overlap neither each other nor copied texts, until none is left", () => {
  const engine = new Engine();
  const buffers = Array.from({ length: 64 }, () => engine.allocate(65_536)!);
  assert(buffers.every((buffer) => buffer.length === 65_536 && buffer.every((byte) => byte === 0)));
  assert(buffers.every((buffer) => buffer.byteOffset >= PLACES.texts + MAX_AEAD_BYTES));
  buffers.forEach((buffer, index) => buffer.fill(index + 1));
  assert(buffers.every((buffer, index) => buffer.every((byte) => byte === index + 1)));
  assert.equal(engine.allocate(65_536), undefined);
});

Deno.test("Engine.release makes a buffer the next one of its length, zeroed, and takes no other array", () => {
  const engine = new Engine();
  const [long, short] = [engine.allocate(1000)!, engine.allocate(10)!];
  long.fill(1);
  engine.release(short);
  engine.release(long);
  engine.release(new Uint8Array(1000));
  assert.equal(engine.allocate(1000), long);
  assert(long.every((byte) => byte === 0));
  const next = engine.allocate(1000)!;
  assert.equal(next.buffer, engine.buffer);
  assert.notEqual(next.byteOffset, long.byteOffset);
  assert.equal(engine.allocate(10), short);
});
