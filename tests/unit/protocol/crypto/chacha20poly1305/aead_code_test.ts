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

Deno.test("assembleAead seals and opens RFC 8439, appendix A.5", () => {
  const key = "1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0";
  const aad = Buffer.from("f33388860000000000004e91", "hex");
  const text = Buffer.from(
    "Internet-Drafts are draft documents valid for a maximum of six months and may be updated, replaced, or obsoleted " +
      "by other documents at any time. It is inappropriate to use Internet-Drafts as reference material or to cite " +
      "them other than as /\u201cwork in progress./\u201d",
  );
  assert.equal(text.length, 265);
  const start = PLACES.texts + aad.length;
  const end = start + text.length;
  bytes.set(Buffer.from(key, "hex"), PLACES.key);
  bytes.set(aad, PLACES.texts);
  bytes.set(text, start);
  run.seal(PLACES.texts, start, end, 0x04030201, 0x08070605);
  assert.equal(Buffer.from(bytes.subarray(end, end + 16)).toString("hex"), "eead9d67890cbb22392336fea1851f38");
  assert.equal(Buffer.from(bytes.subarray(start, start + 16)).toString("hex"), "64a0861575861af460f062c79be643bd");
  assert.equal(run.open(PLACES.texts, start, end, 0x04030201, 0x08070605), 1);
  assert.deepEqual(Buffer.from(bytes.subarray(start, end)), text);
});

Deno.test("assembleAead touches nothing but its places and the text", () => {
  bytes.fill(0xa5, PLACES.texts);
  const [at, end] = [PAGE_BYTES - 2000, PAGE_BYTES - 16];
  run.seal(at, at, end, 1, 0);
  assert(bytes.subarray(PLACES.texts, at).every((byte) => byte === 0xa5));
});
