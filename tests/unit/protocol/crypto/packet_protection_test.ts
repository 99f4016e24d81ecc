import assert from "node:assert/strict";
import { InvariantError } from "../../../../base/invariant.ts";
import { nextKey, PacketProtection } from "../../../../protocol/crypto/packet_protection.ts";
import { PACKETS_PER_KEY } from "../../../../protocol/wire/packet.ts";

const HEADER_BYTES = 12;
const TEXT = Uint8Array.from({ length: 50 }, (_, i) => i);

function makeSides(): { one: PacketProtection; other: PacketProtection } {
  const [a, b] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
  return {
    one: new PacketProtection({ send: a.slice(), receive: b.slice() }),
    other: new PacketProtection({ send: b.slice(), receive: a.slice() }),
  };
}

function seal(protection: PacketProtection, packetNumber: number): Uint8Array {
  const buffer = new Uint8Array(HEADER_BYTES + TEXT.length + protection.overheadBytes);
  buffer.fill(0xaa, 0, HEADER_BYTES);
  buffer.set(TEXT, HEADER_BYTES);
  assert.equal(protection.seal(buffer, HEADER_BYTES, HEADER_BYTES + TEXT.length, packetNumber), buffer.length);
  return buffer;
}

function opens(protection: PacketProtection, datagram: Uint8Array, packetNumber: number): boolean {
  const end = protection.open(datagram, HEADER_BYTES, packetNumber);
  if (end < 0) return false;
  assert.equal(end, HEADER_BYTES + TEXT.length);
  assert.deepEqual(datagram.subarray(HEADER_BYTES, end), TEXT);
  return true;
}

Deno.test("PacketProtection opens what the other side sealed, and hides it on the way", () => {
  const { one, other } = makeSides();
  const datagram = seal(one, 7);
  assert.notDeepEqual(datagram.subarray(HEADER_BYTES, HEADER_BYTES + TEXT.length), TEXT);
  assert.deepEqual(datagram.subarray(0, HEADER_BYTES), new Uint8Array(HEADER_BYTES).fill(0xaa));
  assert.equal(opens(other, datagram, 7), true);
});

Deno.test("PacketProtection refuses a flipped bit anywhere, another number, a cut, and its own packets", () => {
  const { one, other } = makeSides();
  const datagram = seal(one, 7);
  for (let bit = 0; bit < 8 * datagram.length; bit++) {
    const changed = datagram.slice();
    changed[bit >> 3]! ^= 1 << (bit & 7);
    assert.equal(opens(other, changed, 7), false, `bit ${bit}`);
  }
  assert.equal(opens(other, datagram.slice(), 8), false);
  for (let length = 0; length < datagram.length; length++) {
    assert.equal(other.open(datagram.slice(0, length), Math.min(HEADER_BYTES, length), 7), -1);
  }
  assert.equal(opens(one, datagram.slice(), 7), false, "a packet that is sent back");
  assert.equal(opens(other, datagram, 7), true);
});

Deno.test("PacketProtection changes its keys with the packet number, and opens late packets", () => {
  const { one, other } = makeSides();
  const numbers = [PACKETS_PER_KEY - 2, PACKETS_PER_KEY - 1, PACKETS_PER_KEY, PACKETS_PER_KEY + 1];
  const [late, ...rest] = numbers.map((number) => ({ number, datagram: seal(one, number) }));
  for (const { datagram, number } of rest) assert.equal(opens(other, datagram, number), true, String(number));
  assert.equal(opens(other, late!.datagram, late!.number), true, "of the key before");
  const next = seal(one, 2 * PACKETS_PER_KEY);
  const ofFirst = seal(makeSides().one, 5);
  assert.equal(opens(other, next, 2 * PACKETS_PER_KEY), true);
  assert.equal(opens(other, ofFirst, 5), false, "the key before the one before is gone");
});

Deno.test("PacketProtection does not advance to the next key for a forged packet, and never further than that", () => {
  const { one, other } = makeSides();
  const forged = seal(one, 3);
  assert.equal(opens(other, forged.slice(), PACKETS_PER_KEY + 3), false);
  assert.equal(opens(other, forged.slice(), 2 * PACKETS_PER_KEY + 3), false);
  assert.equal(opens(other, seal(one, 4), 4), true, "the first key is still in use");
});

Deno.test("nextKey is one way and gives another key each time", () => {
  const keys: Uint8Array[] = [new Uint8Array(32).fill(3)];
  for (let i = 0; i < 4; i++) keys.push(nextKey(keys.at(-1)!));
  assert.equal(new Set(keys.map(String)).size, keys.length);
  assert.deepEqual(nextKey(keys[0]!), keys[1]);
  // The first half of ChaCha20's block 1 under that key, by an implementation of another language.
  assert.equal(keys[1]!.toHex(), "0537ea3c3cf76195521b4bd68621dc6b31159b9faebe82440a5938a8a86c9be5");
  assert.ok(keys.every((key) => key.length === 32));
});

Deno.test("PacketProtection.wipe leaves keys that open nothing", () => {
  const { one, other } = makeSides();
  const datagram = seal(one, 1);
  other.wipe();
  assert.throws(() => opens(other, datagram, 1), InvariantError);
});
