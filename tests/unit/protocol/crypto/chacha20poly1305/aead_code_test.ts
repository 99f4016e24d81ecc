import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Random } from "../../../../../base/random.ts";
import {
  type AeadExports,
  assembleAead,
  PAGE_BYTES,
  PLACES,
} from "../../../../../protocol/crypto/chacha20poly1305/aead_code.ts";
import { Engine } from "../../../../../protocol/crypto/chacha20poly1305/engine.ts";
import { TaintInterpreter } from "../../../../../testing/wasm_taint.ts";
import { readWycheproof } from "../../../../../testing/wycheproof.ts";

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

Deno.test("assembleAead makes code in which no branch, address or shift depends on key, nonce, AAD, text or tag", () => {
  const interpreter = new TaintInterpreter(assembleAead(1), PAGE_BYTES);
  const random = new Random(1);
  for (const length of [0, 1, 15, 16, 17, 64, 191, 192, 193, 255, 256, 449, 704, 1472]) {
    for (const aadBytes of [0, 1, 14, 16, 33]) {
      const start = PLACES.texts + aadBytes;
      const end = start + length;
      const inputs = [[PLACES.key, 32], [PLACES.nonce, 12], [PLACES.texts, aadBytes + length]] as const;
      for (const [address, size] of inputs) {
        const input = random.bytes(size);
        for (const each of [bytes, interpreter.memory]) each.set(input, address);
        interpreter.secret.fill(1, address, address + size);
      }
      const assertSame = (): void =>
        assert.deepEqual(
          interpreter.memory.subarray(PLACES.texts, end + 16),
          bytes.subarray(PLACES.texts, end + 16),
          `the interpreter computes as the engine does: ${aadBytes}, ${length}`,
        );
      run.seal(PLACES.texts, start, end);
      interpreter.call("seal", PLACES.texts, start, end);
      assertSame();
      assert(interpreter.secret.subarray(start, end + 16).every((isSecret) => isSecret === 1), "secrets were followed");
      bytes[end + 3]! ^= length % 2;
      interpreter.memory[end + 3]! ^= length % 2;
      const isOpened = run.open(PLACES.texts, start, end);
      const opened = interpreter.call("open", PLACES.texts, start, end);
      assert.deepEqual(opened, { content: isOpened, isSecret: true });
      assert.equal(isOpened, 1 - length % 2);
      assertSame();
    }
  }
  assert.deepEqual([...interpreter.leaks], []);
});

const wycheproof = readWycheproof("chacha20_poly1305");
/** Neither the module nor its interface can be given a nonce of another length. */
const expressible = wycheproof.cases.filter(({ iv }) => iv.length === 24);
const skippedCount = wycheproof.cases.length - expressible.length;
const skipped = skippedCount === 0 ? "" : `, ${skippedCount} of them skipped: their nonces do not have 12 bytes`;

Deno.test(`assembleAead passes Wycheproof's ChaCha20-Poly1305: ${wycheproof.summary}${skipped}`, () => {
  assert(wycheproof.cases.every((each) => expressible.includes(each) || each.result === "invalid"));
  const { bytes, run } = new Engine();
  for (const { aad, comment, ct, iv, key, msg, result, tag, tcId } of expressible) {
    const what = `case ${tcId} (${comment})`;
    const [associated, text, sealed] = [aad, msg, ct + tag].map((hex) => Buffer.from(hex, "hex"));
    const start = PLACES.texts + associated!.length;
    const end = start + text!.length;
    bytes.set(Buffer.from(key, "hex"), PLACES.key);
    bytes.set(Buffer.from(iv, "hex"), PLACES.nonce);
    bytes.set(associated!, PLACES.texts);
    bytes.set(text!, start);
    run.seal(PLACES.texts, start, end);
    assert.equal(sealed!.equals(bytes.subarray(start, end + 16)), result === "valid", `${what}: seal`);
    bytes.set(sealed!, start);
    assert.equal(run.open(PLACES.texts, start, end), result === "valid" ? 1 : 0, `${what}: open`);
    if (result === "valid") assert(text!.equals(bytes.subarray(start, end)), `${what}: text`);
  }
  assert.equal(skippedCount, wycheproof.cases.length === 0 ? 0 : 9);
});
