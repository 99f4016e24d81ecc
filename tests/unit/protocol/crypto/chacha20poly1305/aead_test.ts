import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { InvariantError } from "../../../../../base/invariant.ts";
import { Random } from "../../../../../base/random.ts";
import {
  AEAD_KEY_BYTES,
  AEAD_TAG_BYTES,
  allocateAeadBuffer,
  ChaCha20Poly1305,
  MAX_AEAD_BYTES,
} from "../../../../../protocol/crypto/chacha20poly1305/aead.ts";
import { AEAD_ORACLE, type AeadOracle, BY_DEFINITION, nonceOf } from "../../../../../testing/aead_oracle.ts";

const KEY = Uint8Array.from({ length: AEAD_KEY_BYTES }, (_, index) => index);
const ours = new ChaCha20Poly1305(KEY);

/** Bytes beyond the tag that must not change. */
const MARGIN_BYTES = 40;

/** Buffers in which messages are sealed in place, and buffers that are copied; both larger than any message. */
const KINDS = { inPlace: allocateAeadBuffer(3 * 65_536), copied: new Uint8Array(3 * 65_536) };

/** What buffers hold before a message is sealed. */
const CONTENT = new Random(1).bytes(MAX_AEAD_BYTES + 2 * MARGIN_BYTES);

interface Case {
  /** Where the AAD starts in the buffer. */
  readonly aadStart: number;
  readonly aadBytes: number;
  readonly length: number;
  readonly nonce: number;
  /** A bit to flip, counted from the first bit of the AAD, modulo their number. */
  readonly flippedBit: number;
  readonly key?: Uint8Array;
  readonly oracle?: AeadOracle;
}

/**
 * Seals and opens by the implementation under test and by the oracle, each what the other has sealed; both must refuse
 * the message with one bit flipped. Nothing around the text and the tag may change.
 */
function checkAgainstOracle(
  buffer: Uint8Array,
  { aadStart, aadBytes, length, nonce, flippedBit, key = KEY, oracle = AEAD_ORACLE }: Case,
): void {
  const what = JSON.stringify({ aadStart, aadBytes, length, nonce, flippedBit, key: [...key], oracle: oracle.name });
  const aead = key === KEY ? ours : new ChaCha20Poly1305(key);
  const [start, end] = [aadStart + aadBytes, aadStart + aadBytes + length];
  const tagEnd = end + AEAD_TAG_BYTES;
  const before = CONTENT.slice(0, tagEnd + MARGIN_BYTES);
  buffer.set(before);
  const text = before.subarray(start, end);
  const aad = before.subarray(aadStart, start);
  const shared = { key, nonce: nonceOf(nonce) };
  const assertAround = (operation: string): void => {
    const isSame = Buffer.compare(buffer.subarray(0, start), before.subarray(0, start)) === 0 &&
      Buffer.compare(buffer.subarray(tagEnd, tagEnd + MARGIN_BYTES), before.subarray(tagEnd)) === 0;
    assert(isSame, `${operation} changes bytes beside the text: ${what}`);
  };

  const sealed = oracle.seal({ ...shared, aad, text });
  aead.seal(buffer, aadStart, start, end, nonce);
  assert.equal(Buffer.compare(buffer.subarray(start, tagEnd), sealed), 0, `seal: ${what}`);
  assertAround("seal");

  assert(aead.open(buffer, aadStart, start, end, nonce), `open: ${what}`);
  assert.equal(Buffer.compare(buffer.subarray(start, end), text), 0, `opened text: ${what}`);
  assert.equal(Buffer.compare(buffer.subarray(end, tagEnd), sealed.subarray(length)), 0, `open keeps the tag: ${what}`);
  assertAround("open");
  assert.equal(Buffer.compare(oracle.open({ ...shared, aad, sealed })!, text), 0, `the oracle opens: ${what}`);

  buffer.set(sealed, start);
  const bit = flippedBit % (8 * (tagEnd - aadStart));
  buffer[aadStart + (bit >> 3)]! ^= 1 << (bit & 7);
  const damaged = { aad: buffer.slice(aadStart, start), sealed: buffer.slice(start, tagEnd) };
  assert.equal(oracle.open({ ...shared, ...damaged }), undefined, `the oracle refuses: ${what}`);
  assert.equal(aead.open(buffer, aadStart, start, end, nonce), false, `refuse: ${what}`);
}

const ANY_CASE = fc.record({
  aadStart: fc.integer({ min: 0, max: 40 }),
  aadBytes: fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 2000 })),
  length: fc.oneof(
    { weight: 20, arbitrary: fc.integer({ min: 0, max: 2000 }) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 66_000 }) },
  ),
  nonce: fc.oneof(fc.maxSafeNat(), fc.nat()),
  flippedBit: fc.nat(),
  key: fc.uint8Array({ minLength: AEAD_KEY_BYTES, maxLength: AEAD_KEY_BYTES }),
});

for (const [kind, buffer] of Object.entries(KINDS)) {
  Deno.test(`ChaCha20Poly1305 and ${AEAD_ORACLE.name} agree on random messages, ${kind}`, () => {
    fc.assert(fc.property(ANY_CASE, (each) => checkAgainstOracle(buffer, each)), { numRuns: 1000 });
  });

  Deno.test(`ChaCha20Poly1305 and ${AEAD_ORACLE.name} agree on every length to 600 bytes, ${kind}`, () => {
    for (let length = 0; length <= 600; length++) {
      checkAgainstOracle(buffer, {
        aadStart: length % 17,
        aadBytes: length % 41,
        length,
        nonce: length,
        flippedBit: 31 * length,
      });
    }
  });

  Deno.test(`ChaCha20Poly1305 and ${AEAD_ORACLE.name} agree at the edges of blocks, ${kind}`, () => {
    const aadLengths = [0, 1, 12, 15, 16, 17, 31, 32, 33, 63, 64, 65, 255, 256, 257];
    const lengths = [0, 1, 15, 16, 17, 63, 64, 65, 127, 128, 129, 191, 192, 193, 255, 256, 257, 447, 448, 449];
    for (const aadBytes of aadLengths) {
      for (const length of [...lengths, 703, 704, 705, 1472]) {
        checkAgainstOracle(buffer, { aadStart: 1, aadBytes, length, nonce: 1, flippedBit: 3 * length + aadBytes });
      }
    }
  });

  Deno.test(`ChaCha20Poly1305 and ${AEAD_ORACLE.name} agree on the largest messages, ${kind}`, () => {
    const most = MAX_AEAD_BYTES - AEAD_TAG_BYTES;
    const shapes = [[0, 65_479], [12, 65_519], [14, 65_535], [5, 65_536], [1, 65_537], [70_000, 100]] as const;
    for (const [aadBytes, length] of [...shapes, [0, most] as const, [most, 0] as const]) {
      checkAgainstOracle(buffer, { aadStart: 3, aadBytes, length, nonce: 7, flippedBit: 8 * length });
    }
  });
}

Deno.test("ChaCha20Poly1305 agrees with the definition in RFC 8439", () => {
  for (let length = 0; length <= 1000; length += 7) {
    checkAgainstOracle(KINDS.inPlace, {
      aadStart: 1,
      aadBytes: (length * 3) % 50,
      length,
      nonce: 2 ** 40 + length,
      flippedBit: length,
      oracle: BY_DEFINITION,
    });
  }
});

Deno.test("ChaCha20Poly1305 uses every bit of a nonce", () => {
  const edges = [0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 31 + 1, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, 2 ** 52, 2 ** 53 - 1];
  const powers = Array.from({ length: 53 }, (_, bit) => 2 ** bit);
  for (const nonce of [...edges, ...powers]) {
    for (const buffer of Object.values(KINDS)) {
      checkAgainstOracle(buffer, { aadStart: 3, aadBytes: 10, length: 100, nonce, flippedBit: 0 });
    }
  }
});

Deno.test("ChaCha20Poly1305 agrees with the oracle on keys and texts of zeros and ones", () => {
  for (const keyByte of [0x00, 0xff]) {
    const key = new Uint8Array(AEAD_KEY_BYTES).fill(keyByte);
    for (const textByte of [0x00, 0xff]) {
      const text = new Uint8Array(300).fill(textByte);
      for (const aadBytes of [0, 16]) {
        const aad = text.subarray(0, aadBytes);
        const sealed = AEAD_ORACLE.seal({ key, nonce: nonceOf(0), aad, text });
        const buffer = new Uint8Array(aadBytes + text.length + AEAD_TAG_BYTES).fill(textByte);
        new ChaCha20Poly1305(key).seal(buffer, 0, aadBytes, aadBytes + text.length, 0);
        assert.deepEqual(buffer.subarray(aadBytes), sealed);
      }
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

Deno.test("ChaCha20Poly1305.open refuses each flipped bit, another nonce, another key and another AAD", () => {
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
    refuses(ours, 0, 18, 5 + 2 ** 32);
    refuses(ours, 1, 18, 5);
    refuses(ours, 0, 17, 5);
    refuses(new ChaCha20Poly1305(KEY.map((byte) => byte ^ 1)), 0, 18, 5);
    buffer.set(sealed);
    assert(ours.open(buffer, 0, 18, 60, 5));
  }
});

Deno.test("ChaCha20Poly1305.open refuses tags that are wrong in several bytes, all zeros or all ones", () => {
  for (const buffer of Object.values(KINDS)) {
    buffer.fill(3, 0, 100);
    ours.seal(buffer, 0, 10, 84, 9);
    const sealed = buffer.slice(0, 84 + AEAD_TAG_BYTES);
    const tag = sealed.subarray(84);
    const wrong = [
      new Uint8Array(16),
      new Uint8Array(16).fill(0xff),
      tag.map((byte) => ~byte),
      // Differences that cancel where halves or bytes are added or XORed instead of compared one by one.
      tag.map((byte, index) => index % 8 === 0 ? byte ^ 0x80 : byte),
      tag.map((byte, index) => index < 2 ? byte ^ 1 : byte),
      Uint8Array.from([...tag.subarray(8), ...tag.subarray(0, 8)]),
    ];
    for (const forged of wrong) {
      buffer.set(sealed);
      buffer.set(forged, 84);
      assert.equal(ours.open(buffer, 0, 10, 84, 9), false, String(forged));
    }
  }
});

Deno.test("ChaCha20Poly1305 keeps keys apart that are used in turn", () => {
  const other = new ChaCha20Poly1305(KEY.map((byte) => 255 - byte));
  const [one, two] = [new Uint8Array(100).fill(1), new Uint8Array(100).fill(2)];
  ours.seal(one, 0, 10, 84, 1);
  other.seal(two, 0, 10, 84, 1);
  assert(!ours.open(two.slice(), 0, 10, 84, 1));
  assert(ours.open(one, 0, 10, 84, 1));
  assert(other.open(two, 0, 10, 84, 1));
});

Deno.test("ChaCha20Poly1305 throws for positions outside the buffer and for an invalid nonce", () => {
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

Deno.test("ChaCha20Poly1305.wipe leaves the caller's key alone, and the wiped object throws", () => {
  const key = KEY.slice();
  const aead = new ChaCha20Poly1305(key);
  aead.seal(new Uint8Array(16), 0, 0, 0, 0);
  aead.wipe();
  assert.deepEqual(key, KEY);
  assert.throws(() => aead.seal(new Uint8Array(16), 0, 0, 0, 0), InvariantError);
  assert.throws(() => aead.open(new Uint8Array(16), 0, 0, 0, 0), InvariantError);
  checkAgainstOracle(KINDS.inPlace, { aadStart: 0, aadBytes: 10, length: 100, nonce: 1, flippedBit: 0 });
});

/** Quickly, as there are megabytes. */
function isFilledWith(value: number, buffer: Uint8Array): boolean {
  return buffer[0] === value && Buffer.compare(buffer.subarray(1), buffer.subarray(0, -1)) === 0;
}

Deno.test("allocateAeadBuffer gives ordinary buffers when the module's memory is full", () => {
  const buffers = Array.from({ length: 68 }, () => allocateAeadBuffer(65_536));
  assert(buffers.every((buffer) => isFilledWith(0, buffer) && buffer.length === 65_536));
  buffers.forEach((buffer, index) => buffer.fill(index + 1));
  assert(buffers.every((buffer, index) => isFilledWith(index + 1, buffer)));
  assert.equal(buffers[0]!.buffer, KINDS.inPlace.buffer);
  assert.notEqual(buffers.at(-1)!.buffer, buffers[0]!.buffer);
  checkAgainstOracle(buffers.at(-1)!, { aadStart: 0, aadBytes: 10, length: 100, nonce: 1, flippedBit: 0 });
});
