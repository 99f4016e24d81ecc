import assert from "node:assert/strict";
import { appendCrc32, checkCrc32 } from "../../../../protocol/wire/crc32.ts";
import { toHex } from "../../../../transfer/hex.ts";

function checked(): Uint8Array {
  const bytes = new TextEncoder().encode("xx123456789----");
  assert.equal(appendCrc32(bytes, 2, 11), 15);
  return bytes.slice(2);
}

Deno.test("appendCrc32 writes the check value of CRC-32/ISO-HDLC, big-endian", () => {
  assert.equal(toHex(checked()).slice(-8), "cbf43926");
});

Deno.test("checkCrc32 accepts what appendCrc32 made, and nothing with a bit flipped", () => {
  const datagram = checked();
  assert.equal(checkCrc32(datagram), true);
  for (let bit = 0; bit < datagram.length * 8; bit++) {
    const damaged = datagram.slice();
    damaged[bit >> 3]! ^= 1 << (bit & 7);
    assert.equal(checkCrc32(damaged), false, `bit ${bit}`);
  }
});

Deno.test("checkCrc32 refuses what is too short for a checksum", () => {
  for (let length = 0; length < 4; length++) assert.equal(checkCrc32(new Uint8Array(length)), false);
  // Four zero bytes are the checksum of nothing.
  assert.equal(checkCrc32(new Uint8Array(4)), true);
});
