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

/** RFC 8439, appendix A.3, those of whole blocks: number, key, text, tag. */
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

Deno.test("Poly1305 carries as its definition where words are full, empty or nearly so", () => {
  const edge = fc.constantFrom(0, 1, 2, 3, 4, 5, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe, 0xff);
  const byte = fc.oneof({ weight: 4, arbitrary: fc.constantFrom(0, 0xff) }, edge, fc.nat({ max: 255 }));
  const data = (minLength: number, maxLength: number) =>
    fc.array(byte, { minLength, maxLength, size: "max" }).map((values) => Uint8Array.from(values));
  const blocks = fc.array(data(16, 16), { maxLength: 40, size: "max" }).map((all) =>
    new Uint8Array(Buffer.concat(all))
  );
  fc.assert(
    fc.property(data(32, 32), blocks, (key, text) => poly1305(key, text) === hex(poly1305ByDefinition(key, text))),
    { numRuns: 2000 },
  );
});

Deno.test("Poly1305 holds the largest key and the largest blocks, for long", () => {
  const key = new Uint8Array(32).fill(0xff);
  const text = new Uint8Array(60_000).fill(0xff);
  assert.equal(poly1305(key, text), hex(poly1305ByDefinition(key, text)));
});
