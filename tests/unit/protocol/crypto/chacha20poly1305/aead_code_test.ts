import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import {
  type AeadExports,
  assembleAead,
  PAGE_BYTES,
  PLACES,
} from "../../../../../protocol/crypto/chacha20poly1305/aead_code.ts";

const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
const bytes = new Uint8Array(memory.buffer);
const instance = new WebAssembly.Instance(new WebAssembly.Module(assembleAead(1)), { env: { memory } });
const run = instance.exports as unknown as AeadExports;

interface Vector {
  readonly key: string;
  readonly nonce: string;
  readonly aad: string;
  readonly text: string;
  /** The first bytes of the encrypted text. */
  readonly encrypted: string;
  readonly tag: string;
}

const VECTORS: Readonly<Record<string, Vector>> = {
  "section 2.8.2": {
    key: Array.from({ length: 32 }, (_, index) => (0x80 + index).toString(16)).join(""),
    nonce: "070000004041424344454647",
    aad: "50515253c0c1c2c3c4c5c6c7",
    text: "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen " +
      "would be it.",
    encrypted: "d31a8d34648e60db7b86afbc53ef7ec2",
    tag: "1ae10b594f09e26a7e902ecbd0600691",
  },
  "appendix A.5": {
    key: "1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0",
    nonce: "000000000102030405060708",
    aad: "f33388860000000000004e91",
    text: "Internet-Drafts are draft documents valid for a maximum of six months and may be updated, replaced, or " +
      "obsoleted by other documents at any time. It is inappropriate to use Internet-Drafts as reference material or " +
      "to cite them other than as /\u201cwork in progress./\u201d",
    encrypted: "64a0861575861af460f062c79be643bd",
    tag: "eead9d67890cbb22392336fea1851f38",
  },
};

for (const [where, { key, nonce, aad, text, encrypted, tag }] of Object.entries(VECTORS)) {
  Deno.test(`assembleAead seals and opens RFC 8439, ${where}`, () => {
    const plain = Buffer.from(text);
    const start = PLACES.texts + aad.length / 2;
    const end = start + plain.length;
    const hexAt = (address: number): string => Buffer.from(bytes.subarray(address, address + 16)).toString("hex");
    bytes.set(Buffer.from(key, "hex"), PLACES.key);
    bytes.set(Buffer.from(nonce, "hex"), PLACES.nonce);
    bytes.set(Buffer.from(aad, "hex"), PLACES.texts);
    bytes.set(plain, start);
    run.seal(PLACES.texts, start, end);
    assert.equal(hexAt(end), tag);
    assert.equal(hexAt(start), encrypted);
    assert.equal(run.open(PLACES.texts, start, end), 1);
    assert.deepEqual(Buffer.from(bytes.subarray(start, end)), plain);
    run.seal(PLACES.texts, start, end);
    bytes[end]! ^= 1;
    assert.equal(run.open(PLACES.texts, start, end), 0);
  });
}

Deno.test("assembleAead writes nowhere but to its own places, the text and the tag", () => {
  bytes.fill(0xa5, PLACES.texts);
  const [at, end] = [PAGE_BYTES - 2000, PAGE_BYTES - 16];
  run.seal(at, at, end);
  assert(bytes.subarray(PLACES.texts, at).every((byte) => byte === 0xa5));
  const [begin, last] = [PLACES.texts + 40, PLACES.texts + 1000];
  bytes.fill(0xa5, PLACES.texts);
  run.seal(begin, begin + 20, last);
  run.open(begin, begin + 20, last);
  assert(bytes.subarray(PLACES.texts, begin + 20).every((byte) => byte === 0xa5));
  assert(bytes.subarray(last + 16).every((byte) => byte === 0xa5));
});
