import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { type AeadExports, assembleAead, PLACES } from "../../../../../protocol/crypto/chacha20poly1305/aead_code.ts";
import { STATE_BYTES } from "../../../../../protocol/crypto/chacha20poly1305/poly1305_code.ts";
import { poly1305ByDefinition } from "../../../../../testing/aead_oracle.ts";

const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
const bytes = new Uint8Array(memory.buffer);
const instance = new WebAssembly.Instance(new WebAssembly.Module(assembleAead(1)), { env: { memory } });
const run = instance.exports as unknown as AeadExports;

const hex = (data: Uint8Array): string => Buffer.from(data).toString("hex");
const fromHex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "hex"));

function poly1305(key: Uint8Array, text: Uint8Array): string {
  bytes.fill(0, PLACES.state, PLACES.state + STATE_BYTES);
  bytes.set(key, PLACES.oneTimeKey);
  bytes.set(text, PLACES.texts);
  run.poly1305Blocks(PLACES.texts, PLACES.texts + text.length);
  run.poly1305Finish();
  return hex(bytes.subarray(PLACES.tag, PLACES.tag + 16));
}

const ZERO = "00".repeat(16);
const ONES = "ff".repeat(16);
const TWO = `02${"00".repeat(15)}`;
const ONE = `01${"00".repeat(15)}`;

/** The vectors of RFC 8439, appendix A.3, that consist of whole blocks: number, key, text, tag. */
const VECTORS = [
  [1, ZERO + ZERO, ZERO.repeat(4), ZERO],
  [5, TWO + ZERO, ONES, `03${"00".repeat(15)}`],
  [6, TWO + ONES, TWO, `03${"00".repeat(15)}`],
  [7, ONE + ZERO, `${ONES}f0${"ff".repeat(15)}11${"00".repeat(15)}`, `05${"00".repeat(15)}`],
  [8, ONE + ZERO, `${ONES}fb${"fe".repeat(15)}${"01".repeat(16)}`, ZERO],
  [9, TWO + ZERO, `fd${"ff".repeat(15)}`, `fa${"ff".repeat(15)}`],
  [
    10,
    `01000000000000000400000000000000${ZERO}`,
    `e33594d7505e43b900000000000000003394d7505e4379cd0100000000000000${ZERO}${ONE}`,
    "14000000000000005500000000000000",
  ],
  [
    11,
    `01000000000000000400000000000000${ZERO}`,
    `e33594d7505e43b900000000000000003394d7505e4379cd0100000000000000${ZERO}`,
    `13${"00".repeat(15)}`,
  ],
] as const;

for (const [number, key, text, tag] of VECTORS) {
  Deno.test(`Poly1305 makes the tag of RFC 8439, appendix A.3, vector ${number}`, () => {
    assert.equal(poly1305(fromHex(key), fromHex(text)), tag);
    assert.equal(hex(poly1305ByDefinition(fromHex(key), fromHex(text))), tag);
  });
}

Deno.test("Poly1305 agrees with its definition where words are full, empty or nearly so", () => {
  const edge = fc.constantFrom(0, 1, 2, 3, 4, 5, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe, 0xff);
  const byte = fc.oneof({ weight: 4, arbitrary: fc.constantFrom(0, 0xff) }, edge, fc.nat({ max: 255 }));
  const data = (length: number) =>
    fc.array(byte, { minLength: length, maxLength: length, size: "max" }).map((values) => Uint8Array.from(values));
  const blocks = fc.array(data(16), { maxLength: 40, size: "max" }).map((all) => new Uint8Array(Buffer.concat(all)));
  fc.assert(
    fc.property(data(32), blocks, (key, text) => poly1305(key, text) === hex(poly1305ByDefinition(key, text))),
    { numRuns: 2000 },
  );
});

/** Words of 32 bits at which a limb carries, or just does not. */
const EDGE_WORDS = [0, 1, 3, 4, 5, 0x7fffffff, 0x80000000, 0xfffffffa, 0xfffffffb, 0xfffffffc, 0xffffffff];

/** 16 bytes: the words from `first` on, each `step` further in {@link EDGE_WORDS}. */
function edgeBlock(first: number, step: number): Buffer {
  const block = Buffer.alloc(16);
  for (let word = 0; word < 4; word++) {
    block.writeUInt32LE(EDGE_WORDS[(first + word * step) % EDGE_WORDS.length]!, 4 * word);
  }
  return block;
}

Deno.test("Poly1305 agrees with its definition for r, s and blocks of words at every carry", () => {
  for (let r = 0; r < EDGE_WORDS.length; r++) {
    for (let s = 0; s < EDGE_WORDS.length; s++) {
      for (const step of [0, 1, 2, 3]) {
        const key = Buffer.concat([edgeBlock(r, step), edgeBlock(s, step + 1)]);
        const text = Buffer.concat([edgeBlock(s, 0), edgeBlock(r, step), edgeBlock(r + s, 1), edgeBlock(s + 1, step)]);
        for (let length = 16; length <= text.length; length += 16) {
          const blocks = text.subarray(0, length);
          const what = `key ${hex(key)}, text ${hex(blocks)}`;
          assert.equal(poly1305(key, blocks), hex(poly1305ByDefinition(key, blocks)), what);
        }
      }
    }
  }
});

/** 2^130 - 5, the prime of Poly1305. */
const P = 2n ** 130n - 5n;

/** A block with the number 2^128 + `value`, as Poly1305 reads it. */
function blockOf(value: bigint): Buffer {
  return Buffer.from(value.toString(16).padStart(32, "0"), "hex").reverse();
}

Deno.test("Poly1305 reduces an accumulator just below, at and above the prime, and a tag modulo 2^128", () => {
  // With r = 1 the accumulator is the sum of the blocks, so three blocks reach any value from 3 * 2^128 on.
  const r = blockOf(1n);
  for (
    const target of [P - 2n, P - 1n, P, P + 1n, P + 4n, P + 5n, P + 6n, 2n ** 130n + 2n ** 32n, 2n ** 130n + 2n ** 64n]
  ) {
    const rest = target - 3n * 2n ** 128n;
    const halves = [rest / 2n, rest - rest / 2n, 0n];
    assert(halves.every((half) => half < 2n ** 128n));
    const text = Buffer.concat(halves.map(blockOf));
    for (const s of [0n, 1n, 5n, 2n ** 32n - 1n, 2n ** 64n - 1n, 2n ** 96n, 2n ** 128n - 5n, 2n ** 128n - 1n]) {
      const key = Buffer.concat([r, blockOf(s)]);
      const tag = blockOf((target % P + s) % 2n ** 128n);
      assert.equal(poly1305(key, text), hex(tag), `accumulator ${target}, s ${s}`);
    }
  }
});

Deno.test("Poly1305 ignores the bits of r that RFC 8439 clears", () => {
  const text = Uint8Array.from({ length: 64 }, (_, index) => 7 * index);
  const clamped = Buffer.from(`${"0ffffffc".repeat(3)}0fffffff`, "hex").reverse();
  const full = Buffer.alloc(16, 0xff);
  const s = Buffer.alloc(16, 3);
  assert.equal(poly1305(Buffer.concat([full, s]), text), poly1305(Buffer.concat([clamped, s]), text));
});

Deno.test("Poly1305 does not overflow with the largest key and blocks, however many", () => {
  const key = new Uint8Array(32).fill(0xff);
  const text = new Uint8Array(60_000).fill(0xff);
  assert.equal(poly1305(key, text), hex(poly1305ByDefinition(key, text)));
});
