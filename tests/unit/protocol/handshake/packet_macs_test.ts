import assert from "node:assert/strict";
import {
  isRefusalAuthentic,
  isServerHelloAuthentic,
  refusalKeyOf,
  sealRefusal,
  sealServerHello,
} from "../../../../protocol/handshake/packet_macs.ts";

const KEY = new Uint8Array(32).fill(1);
const OTHER_KEY = new Uint8Array(32).fill(2);

/** Each bit of `bytes` flipped in turn. */
function* flipped(bytes: Uint8Array): Generator<Uint8Array> {
  for (let bit = 0; bit < 8 * bytes.length; bit++) {
    const changed = bytes.slice();
    changed[bit >> 3]! ^= 1 << (bit & 7);
    yield changed;
  }
}

Deno.test("sealServerHello ends a datagram with a tag of all its bytes, under the handshake's chaining key", () => {
  const buffer = new Uint8Array(60).fill(7, 0, 30);
  const length = sealServerHello(buffer, 30, KEY);
  assert.equal(length, 46);
  const datagram = buffer.slice(0, length);
  assert.equal(isServerHelloAuthentic(datagram, KEY), true);
  assert.equal(isServerHelloAuthentic(datagram, OTHER_KEY), false);
  for (const changed of flipped(datagram)) assert.equal(isServerHelloAuthentic(changed, KEY), false);
});

Deno.test("sealRefusal authenticates what comes before the MAC and what follows it, under a key of the server's", () => {
  const datagram = new Uint8Array(40).fill(7);
  const key = refusalKeyOf(KEY);
  sealRefusal(datagram, 13, key);
  assert.equal(isRefusalAuthentic(datagram, 13, key), true);
  assert.equal(isRefusalAuthentic(datagram, 13, KEY), false);
  assert.equal(isRefusalAuthentic(datagram, 13, refusalKeyOf(OTHER_KEY)), false);
  for (const changed of flipped(datagram)) assert.equal(isRefusalAuthentic(changed, 13, key), false);
  assert.equal(isRefusalAuthentic(Uint8Array.of(...datagram, 0), 13, key), false);
});
