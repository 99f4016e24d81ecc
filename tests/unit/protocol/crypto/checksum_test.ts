import assert from "node:assert/strict";
import { Crc32Protection } from "../../../../protocol/crypto/checksum.ts";

const protection = new Crc32Protection();

function sealed(): Uint8Array {
  const buffer = new Uint8Array(20).fill(7);
  const length = protection.seal(buffer, 3, 10, 0);
  assert.equal(length, 10 + protection.overheadBytes);
  return buffer.slice(0, length);
}

Deno.test("Crc32Protection opens what it sealed, and tells where the frames end", () => {
  assert.equal(protection.open(sealed(), 3, 0), 10);
});

Deno.test("Crc32Protection refuses a packet with a bit flipped, header included", () => {
  const datagram = sealed();
  for (let bit = 0; bit < datagram.length * 8; bit++) {
    const damaged = datagram.slice();
    damaged[bit >> 3]! ^= 1 << (bit & 7);
    assert.equal(protection.open(damaged, 3, 0), -1, `bit ${bit}`);
  }
});

Deno.test("Crc32Protection refuses a packet whose tag would reach into the header", () => {
  const datagram = sealed();
  assert.equal(protection.open(datagram, 10, 0), 10);
  assert.equal(protection.open(datagram, 11, 0), -1);
  assert.equal(protection.open(datagram.subarray(0, 3), 0, 0), -1);
});
