import assert from "node:assert/strict";
import type { LibC } from "../../../io/libc.ts";
import { ReceiveVector, SendMessage, VECTOR_LENGTH } from "../../../io/message_vectors.ts";

// The offsets of the structures, from `struct msghdr`, `struct mmsghdr`, `struct iovec` and `struct cmsghdr` of <sys/socket.h>.

/** A libc in whose world each buffer lies at a round address. */
function addressing(): { libc: LibC; addresses: Map<ArrayBufferLike, bigint> } {
  const addresses = new Map<ArrayBufferLike, bigint>();
  const addressOf = ({ buffer, byteOffset }: Uint8Array): bigint => {
    if (!addresses.has(buffer)) addresses.set(buffer, BigInt(addresses.size + 1) << 32n);
    return addresses.get(buffer)! + BigInt(byteOffset);
  };
  return { libc: { addressOf } as LibC, addresses };
}

/** Reads a number of 64 bits, or the bytes at an address. */
function memoryOf(addresses: Map<ArrayBufferLike, bigint>) {
  const at = (address: bigint) => {
    const [buffer, base] = [...addresses].find(([, start]) => start >> 32n === address >> 32n)!;
    return new DataView(buffer, Number(address - base));
  };
  return { at, word: (address: bigint) => at(address).getBigUint64(0, true) };
}

Deno.test("SendMessage writes a msghdr with name, one iovec and UDP_SEGMENT", () => {
  const { libc, addresses } = addressing();
  const message = new SendMessage(libc);
  const { at, word } = memoryOf(addresses);
  const header = addresses.get(message.header.buffer)!;
  const bytes = new Uint8Array(new ArrayBuffer(5000), 100, 4000).fill(7);
  message.set(bytes, 1200, Uint8Array.of(2, 0, 1, 2, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0));
  assert.equal(at(word(header)).getUint32(4), 0x7f000001);
  assert.equal(at(header + 8n).getUint32(0, true), 16);
  const iovec = word(header + 16n);
  assert.equal(word(header + 24n), 1n);
  assert.deepEqual([word(iovec), word(iovec + 8n)], [libc.addressOf(bytes), 4000n]);
  const control = word(header + 32n);
  assert.equal(word(header + 40n), 24n);
  assert.equal(word(control), 18n);
  assert.deepEqual([at(control).getInt32(8, true), at(control).getInt32(12, true)], [17, 103]);
  assert.equal(at(control).getUint16(16, true), 1200);
  message.set(bytes.subarray(0, 3), 0, Uint8Array.of(2, 0, 9, 9, 127, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0));
  assert.equal(word(header + 40n), 0n, "one datagram needs no control data");
  assert.equal(at(word(header)).getUint32(4), 0x7f000002);
  assert.equal(word(iovec + 8n), 3n);
  assert.equal(word(iovec) >> 32n, header >> 32n, "a small array, which may move, is copied");
  assert.equal(at(word(iovec)).getUint8(2), 7);
});

Deno.test("ReceiveVector has a header, a name, control data and a slot of 64 KiB for each message", () => {
  const { libc, addresses } = addressing();
  const vector = new ReceiveVector(libc);
  const { at, word } = memoryOf(addresses);
  const base = addresses.get(vector.headers.buffer)!;
  const places = new Set<bigint>();
  for (let index = 0; index < VECTOR_LENGTH; index++) {
    const header = base + BigInt(index * 64);
    const iovec = word(header + 16n);
    assert.deepEqual([at(header + 8n).getUint32(0, true), word(header + 24n), word(header + 40n)], [28, 1n, 64n]);
    assert.equal(word(iovec + 8n), 65_536n);
    for (const place of [word(header), iovec, word(header + 32n), word(iovec)]) places.add(place);
  }
  assert.equal(places.size, 4 * VECTOR_LENGTH);
  vector.release();
});

Deno.test("ReceiveVector.read cuts coalesced datagrams apart, and gives the kernel its lengths back", () => {
  const { libc, addresses } = addressing();
  const vector = new ReceiveVector(libc);
  const { at, word } = memoryOf(addresses);
  const base = addresses.get(vector.headers.buffer)!;
  const fill = (index: number, lengthBytes: number, controls: readonly (readonly [number, number, number])[]) => {
    const header = base + BigInt(index * 64);
    at(header + 8n).setUint32(0, 16, true);
    at(header + 40n).setUint32(0, 24 * controls.length, true);
    at(header + 56n).setUint32(0, lengthBytes, true);
    at(word(header)).setUint32(4, index, true);
    controls.forEach(([level, type, value], item) => {
      const control = at(word(header + 32n) + BigInt(24 * item));
      control.setBigUint64(0, 20n, true);
      control.setInt32(8, level, true);
      control.setInt32(12, type, true);
      control.setInt32(16, value, true);
    });
  };
  const read = (count: number) => {
    const seen: (readonly [number, number])[] = [];
    vector.read(count, (bytes, name) => seen.push([name[1]!, bytes.length]));
    return seen;
  };
  fill(0, 2500, [[17, 104, 1000]]);
  fill(1, 700, []);
  fill(2, 2000, [[0, 1, 5], [17, 104, 1000]]);
  assert.deepEqual(read(3), [[0, 1000], [0, 1000], [0, 500], [1, 700], [2, 1000], [2, 1000]]);
  for (const index of [0n, 1n, 2n]) {
    assert.deepEqual([at(base + index * 64n + 8n).getUint32(0, true), word(base + index * 64n + 40n)], [28, 64n]);
  }
  fill(0, 0, []);
  assert.deepEqual(read(1), [[0, 0]]);
  vector.release();
});
