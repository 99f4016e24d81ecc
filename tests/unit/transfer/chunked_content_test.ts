import assert from "node:assert/strict";
import { Random } from "../../../base/random.ts";
import { ChunkedContent } from "../../../transfer/chunked_content.ts";
import { decodeMessage } from "../../../transfer/message_decoder.ts";
import { MAX_PLAIN_CHUNK_BYTES } from "../../../transfer/messages.ts";

Deno.test("ChunkedContent is the same chunks however it is read", () => {
  const random = new Random(1);
  for (const sizeBytes of [0, 1, MAX_PLAIN_CHUNK_BYTES, MAX_PLAIN_CHUNK_BYTES + 1, 300_000]) {
    const file = random.bytes(sizeBytes);
    const source = {
      read: (offset: number, into: Uint8Array) => into.set(file.subarray(offset, offset + into.length)),
    };
    const chunks = new ChunkedContent(source, { sizeBytes });
    const whole = new Uint8Array(chunks.lengthBytes);
    chunks.read(0, whole);
    let at = 0;
    for (let rest = whole; rest.length > 0;) {
      const decoded = decodeMessage(rest);
      assert(typeof decoded === "object" && "message" in decoded && decoded.message.type === "chunk");
      const { content, offset } = decoded.message;
      assert.equal(offset, at);
      assert.deepEqual(content, file.slice(at, at + content.length));
      at += content.length;
      rest = rest.subarray(decoded.consumed);
    }
    assert.equal(at, sizeBytes);
    for (let i = 0; i < 200; i++) {
      const start = random.integer(0, whole.length);
      const part = new Uint8Array(random.integer(0, whole.length - start));
      chunks.read(start, part);
      assert.deepEqual(part, whole.slice(start, start + part.length));
    }
  }
});
