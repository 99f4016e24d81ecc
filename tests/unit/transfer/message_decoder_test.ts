import assert from "node:assert/strict";
import { InvariantError } from "../../../base/invariant.ts";
import {
  DIGEST_MESSAGE_BYTES,
  MAX_BODY_BYTES,
  MAX_MESSAGE_BYTES,
  type Message,
  refusalForStoreError,
  RefusalReason,
} from "../../../transfer/messages.ts";
import { decodeMessage } from "../../../transfer/message_decoder.ts";
import { encodeMessage } from "../../../transfer/message_encoder.ts";
import { MAX_FILE_BYTES, MAX_TIME_US } from "../../../transfer/file_store.ts";
import { GOLDEN_MESSAGES } from "../../wire/golden.ts";
import { fromHex } from "../../../testing/wire_values.ts";

function decoded(hex: string): Message | string {
  const result = decodeMessage(fromHex(hex));
  if (result === "incomplete") return result;
  return "message" in result ? result.message : "malformed";
}

Deno.test("decodeMessage waits for the last byte of a message", () => {
  for (const { name, hex } of GOLDEN_MESSAGES) {
    const bytes = fromHex(hex);
    for (let length = 0; length < bytes.length; length++) {
      assert.equal(decodeMessage(bytes.subarray(0, length)), "incomplete", `${name} cut to ${length}`);
    }
  }
});

Deno.test("decodeMessage ignores bytes after a message", () => {
  assert.deepEqual(decodeMessage(fromHex("08 00 14 01 00")), { message: { type: "space" }, consumed: 2 });
});

Deno.test("decodeMessage keeps no view of the bytes it was given", () => {
  const sha256 = new Uint8Array(32).fill(7);
  const bytes = encodeMessage({ type: "digest", sha256 });
  assert.equal(bytes.length, DIGEST_MESSAGE_BYTES);
  const result = decodeMessage(bytes);
  bytes.fill(0);
  assert.deepEqual(result, { message: { type: "digest", sha256 }, consumed: 34 });
});

Deno.test("decodeMessage refuses an unknown type and a length above 65536 at once", () => {
  for (const type of ["00", "09", "1c", "1e", "20", "41", "ff"]) assert.equal(decoded(type), "malformed", type);
  assert.equal(decoded("03 80 01 00 00"), "incomplete");
  assert.equal(decoded("03 80 01 00 01"), "malformed");
  assert.equal(decoded("03 c0 00 00 01 00 00 00 00"), "malformed");
  assert.equal(decoded("03 ff ff ff ff ff ff ff"), "incomplete");
  assert.equal(decoded("03 ff ff ff ff ff ff ff ff"), "malformed");
});

Deno.test("MAX_MESSAGE_BYTES holds the longest message, its length in the longest form", () => {
  const bytes = new Uint8Array(MAX_MESSAGE_BYTES);
  bytes.set(fromHex("08 c0 00 00 00 00 01 00 00"));
  assert.deepEqual(decodeMessage(bytes), { message: { type: "space" }, consumed: 1 + 8 + MAX_BODY_BYTES });
  assert.equal(decodeMessage(bytes.subarray(0, -1)), "incomplete");
});

Deno.test("decodeMessage refuses a body that is too short for its fields", () => {
  for (const { name, hex, decodeOnly } of GOLDEN_MESSAGES) {
    const bytes = fromHex(hex);
    if (decodeOnly) continue;
    for (let body = 0; body < bytes.length - 2; body++) {
      const cut = bytes.slice(0, 2 + body);
      cut[1] = body;
      const result = decodeMessage(cut);
      assert.equal(typeof result === "object" && "malformed" in result, true, `${name} with a body of ${body}`);
    }
  }
});

Deno.test("decodeMessage refuses names that are not UTF-8, and keeps a byte order mark", () => {
  for (const name of ["ff", "c3", "c0 80", "ed a0 80", "f4 90 80 80"]) {
    const bytes = fromHex(name);
    const prefix = Uint8Array.of(2, bytes.length + 2, bytes.length);
    const result = decodeMessage(Uint8Array.from([...prefix, ...bytes, 0]));
    assert.equal(typeof result === "object" && "malformed" in result, true, name);
  }
  assert.deepEqual(decoded("02 06 04 ef bb bf 61 00"), { type: "get", name: "\ufeffa" });
});

Deno.test("encodeMessage and decodeMessage carry names of 4096 bytes and no longer", () => {
  const name = "é".repeat(2048);
  const bytes = encodeMessage({ type: "stat", name });
  assert.deepEqual(decodeMessage(bytes), { message: { type: "stat", name }, consumed: bytes.length });
  assert.throws(() => encodeMessage({ type: "stat", name: name + "x" }), InvariantError);
  const longer = Uint8Array.from([2, 0x50, 0x04, 0x50, 0x01, ...Array<number>(4097).fill(0x61), 0]);
  assert.deepEqual(decodeMessage(longer), { malformed: "get cut short, or with a bad field" });
});

Deno.test("encodeMessage cuts the text of a refusal between characters", () => {
  const bytes = encodeMessage({ type: "refused", reason: RefusalReason.io, message: "x" + "é".repeat(600) });
  const message = { type: "refused", reason: 9, message: "x" + "é".repeat(511) };
  assert.deepEqual(decodeMessage(bytes), { message, consumed: bytes.length });
});

/** The modification time that arrives. */
function sentTime(modifiedUs: number | undefined): number | undefined {
  const result = decodeMessage(encodeMessage({ type: "file", sizeBytes: 1, modifiedUs }));
  assert(typeof result === "object" && "message" in result && result.message.type === "file");
  return result.message.modifiedUs;
}

Deno.test("encodeMessage sends times before 1970, in 1970, and those that are not known", () => {
  const times = [-5, 0, 1, 2 ** 32, -(2 ** 32), 1_783_933_200_123_456, -14_182_940_000_000, 15_032_385_535_000_000];
  assert.deepEqual(times.map(sentTime), times);
  assert.equal(sentTime(undefined), undefined);
});

Deno.test("encodeMessage sends the nearest time that the protocol can express", () => {
  assert.deepEqual([sentTime(1234.75), sentTime(-1234.75)], [1234, -1235]);
  assert.deepEqual([sentTime(Infinity), sentTime(-1e300)], [MAX_TIME_US, -MAX_TIME_US]);
  assert.deepEqual([sentTime(MAX_TIME_US), sentTime(-MAX_TIME_US)], [MAX_TIME_US, -MAX_TIME_US]);
});

Deno.test("encodeMessage and decodeMessage pass on permission bits, and no others of a mode", () => {
  const sent = encodeMessage({ type: "file", sizeBytes: 5, mode: 0o104755 });
  assert.deepEqual(decodeMessage(sent), {
    message: { type: "file", sizeBytes: 5, mode: 0o755 },
    consumed: sent.length,
  });
  assert.deepEqual(decoded("10 04 05 04 49 ed"), { type: "file", sizeBytes: 5, mode: 0o755 });
  assert.deepEqual(decoded("10 0a 05 04 c0 1f ff ff ff ff fe 00"), { type: "file", sizeBytes: 5, mode: 0 });
});

Deno.test("decodeMessage takes a time beyond those of Date for the nearest of these", () => {
  assert.deepEqual(decoded("10 0a 05 02 7f ff ff ff ff ff ff ff"), {
    type: "file",
    sizeBytes: 5,
    modifiedUs: MAX_TIME_US,
  });
  assert.deepEqual(decoded("10 0a 05 02 80 00 00 00 00 00 00 00"), {
    type: "file",
    sizeBytes: 5,
    modifiedUs: -MAX_TIME_US,
  });
  assert.deepEqual(decoded("10 0a 05 02 ff ff ff ff ff ff ff ff"), { type: "file", sizeBytes: 5, modifiedUs: -1 });
});

Deno.test("decodeMessage refuses a status it does not know, and takes a reason it does not know for io", () => {
  const result = encodeMessage({ type: "result", status: 2, sha256: new Uint8Array(32), savedName: "" });
  result[2] = 3;
  assert.equal("malformed" in (decodeMessage(result) as object), true);
  assert.deepEqual(decoded("1f 03 40 63 00"), { type: "refused", reason: RefusalReason.io, message: "" });
  assert.deepEqual(decoded("1f 02 00 00"), { type: "refused", reason: RefusalReason.io, message: "" });
});

Deno.test("refusalForStoreError has a reason for each fault of a store", () => {
  const kinds = [
    "exists",
    "not-found",
    "bad-name",
    "no-space",
    "read-only",
    "denied",
    "not-a-file",
    "changed",
    "io",
  ] as const;
  assert.deepEqual(kinds.map(refusalForStoreError), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

Deno.test("decodeMessage refuses a file larger than any stream can carry", () => {
  const file = { sizeBytes: MAX_FILE_BYTES };
  const messages = [
    { type: "put", name: "a", overwrite: false, ...file },
    { type: "file", ...file },
    { type: "entry", name: "a", kind: "file", ...file },
  ] as const;
  for (const message of messages) {
    const taken = decodeMessage(encodeMessage(message));
    assert.ok(typeof taken === "object" && "message" in taken, message.type);
    const refused = decodeMessage(encodeMessage({ ...message, sizeBytes: MAX_FILE_BYTES + 1 }));
    assert.ok(typeof refused === "object" && "malformed" in refused, message.type);
  }
});
