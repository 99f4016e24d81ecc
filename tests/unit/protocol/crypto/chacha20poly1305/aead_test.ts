import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { hash } from "node:crypto";
import fc from "fast-check";
import { InvariantError } from "../../../../../base/invariant.ts";
import {
  AEAD_KEY_BYTES,
  AEAD_TAG_BYTES,
  allocateAeadBuffer,
  ChaCha20Poly1305,
  MAX_AEAD_BYTES,
} from "../../../../../protocol/crypto/chacha20poly1305/aead.ts";
import { sealByDefinition, sealByOther } from "../../../../../testing/aead_oracle.ts";

const KEY = Uint8Array.from({ length: AEAD_KEY_BYTES }, (_, index) => index);
const ours = new ChaCha20Poly1305(KEY);

/** Buffers that are worked on in place, and buffers that are copied. */
const KINDS = { inPlace: allocateAeadBuffer(2 * 65_536), copied: new Uint8Array(2 * 65_536) };

/** Bytes that look like chance, and are the same each time. */
const CHANCE = new Uint8Array(Buffer.from(hash("sha256", "chance", "hex").repeat(1200)));

/** Seals by us, compares with another implementation, damages, opens, and compares with the text. */
function check(
  buffer: Uint8Array,
  { aadStart, aadBytes, length, nonce, flip, key = KEY, sealBy = sealByOther }: Case,
): void {
  const aead = key === KEY ? ours : new ChaCha20Poly1305(key);
  const [start, end] = [aadStart + aadBytes, aadStart + aadBytes + length];
  buffer.set(CHANCE.subarray(0, end + AEAD_TAG_BYTES + 40));
  const before = buffer.slice(0, end + AEAD_TAG_BYTES + 40);
  const text = before.subarray(start, end);
  const sealed = sealBy({ key, nonce, aad: before.subarray(aadStart, start), text });
  const what = JSON.stringify({ aadStart, aadBytes, length, nonce });

  aead.seal(buffer, aadStart, start, end, nonce);
  assert.equal(Buffer.compare(buffer.subarray(start, end + AEAD_TAG_BYTES), sealed), 0, `seal: ${what}`);
  const around = (bytes: Uint8Array): [Uint8Array, Uint8Array] => [
    bytes.slice(0, start),
    bytes.slice(end + AEAD_TAG_BYTES, end + AEAD_TAG_BYTES + 40),
  ];
  assert.deepEqual(around(buffer), around(before), `beside the text nothing changes: ${what}`);

  const damagedAt = aadStart + flip % (end + AEAD_TAG_BYTES - aadStart);
  buffer[damagedAt]! ^= 1 << (flip & 7);
  assert.equal(aead.open(buffer, aadStart, start, end, nonce), false, `damage at ${damagedAt}: ${what}`);
  buffer.set(sealed, start);
  buffer.set(before.subarray(aadStart, start), aadStart);
  assert.equal(aead.open(buffer, aadStart, start, end, nonce), true, `open: ${what}`);
  assert.equal(Buffer.compare(buffer.subarray(start, end), text), 0, `text: ${what}`);
}

interface Case {
  readonly aadStart: number;
  readonly aadBytes: number;
  readonly length: number;
  readonly nonce: number;
  /** Which byte is damaged, and in its lowest bits which bit. */
  readonly flip: number;
  readonly key?: Uint8Array;
  readonly sealBy?: typeof sealByOther;
}

for (const [kind, buffer] of Object.entries(KINDS)) {
  Deno.test(`ChaCha20Poly1305 agrees with another on every length to 1300 bytes, ${kind}`, () => {
    for (let length = 0; length <= 1300; length++) {
      check(buffer, { aadStart: length % 17, aadBytes: length % 41, length, nonce: length, flip: 31 * length });
    }
  });

  Deno.test(`ChaCha20Poly1305 agrees with another on any key, nonce, length, AAD and alignment, ${kind}`, () => {
    const cases = fc.record({
      aadStart: fc.integer({ min: 0, max: 40 }),
      aadBytes: fc.integer({ min: 0, max: 300 }),
      length: fc.oneof(fc.integer({ min: 0, max: 2000 }), fc.integer({ min: 0, max: 70_000 })),
      nonce: fc.maxSafeNat(),
      flip: fc.nat(),
      key: fc.uint8Array({ minLength: AEAD_KEY_BYTES, maxLength: AEAD_KEY_BYTES }),
    });
    fc.assert(fc.property(cases, (each) => check(buffer, each)), { numRuns: 300 });
  });
}

Deno.test("ChaCha20Poly1305 agrees with the RFC's own words", () => {
  for (let length = 0; length <= 1000; length += 7) {
    const aadBytes = (length * 3) % 50;
    check(KINDS.inPlace, {
      aadStart: 1,
      aadBytes,
      length,
      nonce: 2 ** 40 + length,
      flip: length,
      sealBy: sealByDefinition,
    });
  }
});

Deno.test("ChaCha20Poly1305 takes every bit of a nonce", () => {
  for (const nonce of [0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, 2 ** 52, 2 ** 53 - 1]) {
    for (const buffer of Object.values(KINDS)) {
      check(buffer, { aadStart: 3, aadBytes: 10, length: 100, nonce, flip: 0 });
    }
  }
});

Deno.test("ChaCha20Poly1305.seal encrypts as RFC 8439, section 2.4.2", () => {
  const text =
    "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen " +
    "would be it.";
  const buffer = new Uint8Array(text.length + AEAD_TAG_BYTES);
  new TextEncoder().encodeInto(text, buffer);
  ours.seal(buffer, 0, 0, text.length, 0x4a000000);
  assert.equal(
    Buffer.from(buffer.subarray(0, text.length)).toString("hex"),
    "6e2e359a2568f98041ba0728dd0d6981e97e7aec1d4360c20a27afccfd9fae0bf91b65c5524733ab8f593dabcd62b3571639d624e65152ab" +
      "8f530c359f0861d807ca0dbf500d6a6156a38e088a22b65e52bc514d16ccf806818ce91ab77937365af90bbf74a35be6b40b8eedf2785e42" +
      "874d",
  );
});

Deno.test("ChaCha20Poly1305.open refuses each bit that is flipped, another nonce, another key and another AAD", () => {
  for (const buffer of Object.values(KINDS)) {
    buffer.fill(7);
    ours.seal(buffer, 0, 18, 60, 5);
    const sealed = buffer.slice(0, 60 + AEAD_TAG_BYTES);
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      buffer.set(sealed);
      buffer[bit >> 3]! ^= 1 << (bit & 7);
      assert.equal(ours.open(buffer, 0, 18, 60, 5), false, `bit ${bit}`);
    }
    const refuses = (aead: ChaCha20Poly1305, aadStart: number, start: number, nonce: number): void => {
      buffer.set(sealed);
      assert.equal(aead.open(buffer, aadStart, start, 60, nonce), false);
    };
    refuses(ours, 0, 18, 6);
    refuses(ours, 1, 18, 5);
    refuses(ours, 0, 17, 5);
    refuses(new ChaCha20Poly1305(KEY.map((byte) => byte ^ 1)), 0, 18, 5);
    buffer.set(sealed);
    assert(ours.open(buffer, 0, 18, 60, 5));
  }
});

Deno.test("ChaCha20Poly1305 keeps keys apart that take turns", () => {
  const other = new ChaCha20Poly1305(KEY.map((byte) => 255 - byte));
  const [one, two] = [new Uint8Array(100).fill(1), new Uint8Array(100).fill(2)];
  ours.seal(one, 0, 10, 84, 1);
  other.seal(two, 0, 10, 84, 1);
  assert(!ours.open(two.slice(), 0, 10, 84, 1));
  assert(ours.open(one, 0, 10, 84, 1));
  assert(other.open(two, 0, 10, 84, 1));
});

Deno.test("ChaCha20Poly1305 throws for places outside the buffer and for a nonce that is none", () => {
  const large = new Uint8Array(MAX_AEAD_BYTES + 1);
  for (const buffer of Object.values(KINDS)) {
    const { length } = buffer;
    const wrong = [[-1, 0, 1], [2, 1, 3], [0, 2, 1], [0, 0, length - 15], [0, 0, NaN]] as const;
    for (const [aadStart, start, end] of wrong) {
      assert.throws(() => ours.seal(buffer, aadStart, start, end, 0), InvariantError);
      assert.throws(() => ours.open(buffer, aadStart, start, end, 0), InvariantError);
    }
    for (const nonce of [-1, 0.5, 2 ** 53, NaN]) {
      assert.throws(() => ours.seal(buffer, 0, 0, 1, nonce), InvariantError);
      assert.throws(() => ours.open(buffer, 0, 0, 1, nonce), InvariantError);
    }
  }
  assert.throws(() => ours.seal(large, 0, 0, large.length - AEAD_TAG_BYTES, 0), InvariantError);
  ours.seal(large, 1, 1, large.length - AEAD_TAG_BYTES, 0);
  assert.throws(() => new ChaCha20Poly1305(new Uint8Array(31)), InvariantError);
});

Deno.test("ChaCha20Poly1305.wipe leaves the key given alone, and nothing is sealed with zeros instead", () => {
  const key = KEY.slice();
  const aead = new ChaCha20Poly1305(key);
  aead.seal(new Uint8Array(16), 0, 0, 0, 0);
  aead.wipe();
  assert.deepEqual(key, KEY);
  assert.throws(() => aead.seal(new Uint8Array(16), 0, 0, 0, 0), InvariantError);
  assert.throws(() => aead.open(new Uint8Array(16), 0, 0, 0, 0), InvariantError);
  check(KINDS.inPlace, { aadStart: 0, aadBytes: 10, length: 100, nonce: 1, flip: 0 });
});

Deno.test("allocateAeadBuffer gives buffers that do not overlap, and ordinary ones when the memory is full", () => {
  const buffers = Array.from({ length: 12 }, () => allocateAeadBuffer(65_536));
  assert(buffers.every((buffer) => buffer.length === 65_536 && buffer.every((byte) => byte === 0)));
  buffers.forEach((buffer, index) => buffer.fill(index + 1));
  assert(buffers.every((buffer, index) => buffer.every((byte) => byte === index + 1)));
  assert.notEqual(buffers.at(-1)!.buffer, buffers[0]!.buffer);
  check(buffers.at(-1)!, { aadStart: 0, aadBytes: 10, length: 100, nonce: 1, flip: 0 });
});
