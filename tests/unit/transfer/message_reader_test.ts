import assert from "node:assert/strict";
import type { Stream } from "../../../protocol/mod.ts";
import { readMessage } from "../../../transfer/message_reader.ts";
import { encodeMessage } from "../../../transfer/message_encoder.ts";
import { Pair } from "../../../testing/connection_pair.ts";
import { ContentStream } from "../../../testing/content_stream.ts";

/** The server's end of a stream on which these bytes arrived. */
function arrived(bytes: Uint8Array, options: { finish: boolean }): Stream {
  const pair = Pair.connected();
  pair.server.reads = false;
  pair.send(bytes, options);
  pair.run(500_000);
  return pair.server.heard("stream-opened")[0]!.stream;
}

/** Counts the bytes that are looked at. */
class CountingStream extends ContentStream {
  peekedBytes = 0;

  override peek(maxBytes = Infinity): Uint8Array {
    const bytes = super.peek(maxBytes);
    this.peekedBytes += bytes.length;
    return bytes;
  }
}

const GET = encodeMessage({ type: "get", name: "file" });
const LIST = encodeMessage({ type: "list" });

Deno.test("readMessage takes one message after the other, then the end", () => {
  const stream = arrived(new Uint8Array([...GET, ...LIST]), { finish: true });
  assert.deepEqual(readMessage(stream), { kind: "message", message: { type: "get", name: "file" } });
  assert.deepEqual(readMessage(stream), { kind: "message", message: { type: "list" } });
  assert.deepEqual(readMessage(stream), { kind: "end" });
  assert.deepEqual(readMessage(stream), { kind: "end" });
});

Deno.test("readMessage copies the content of a chunk unless it may share it", () => {
  const bytes = encodeMessage({ type: "chunk", offset: 0, content: new Uint8Array([1, 2, 3]) });
  for (const sharesContent of [false, true]) {
    const stream = new ContentStream();
    stream.arriveBytes(bytes);
    const whole = stream.peek();
    const next = readMessage(stream, { sharesContent });
    assert(next.kind === "message" && next.message.type === "chunk");
    assert.deepEqual([...next.message.content], [1, 2, 3]);
    whole.fill(0);
    assert.deepEqual([...next.message.content], sharesContent ? [0, 0, 0] : [1, 2, 3]);
  }
});

Deno.test("readMessage consumes nothing of an incomplete message", () => {
  for (let length = 1; length < GET.length; length++) {
    const stream = arrived(GET.subarray(0, length), { finish: false });
    assert.deepEqual(readMessage(stream), { kind: "incomplete" });
    assert.equal(stream.readableBytes, length);
  }
});

Deno.test("readMessage says so where the stream ends inside a message", () => {
  for (let length = 1; length < GET.length; length++) {
    const stream = arrived(GET.subarray(0, length), { finish: true });
    assert.equal(readMessage(stream).kind, "malformed");
  }
});

Deno.test("readMessage refuses bytes that are not a message", () => {
  for (const bytes of [[0x3f, 0], [0x02, 0x80, 0x01, 0x00, 0x01], [0x02, 0x01, 0x05]]) {
    assert.equal(readMessage(arrived(new Uint8Array(bytes), { finish: false })).kind, "malformed");
  }
});

Deno.test("readMessage refuses an unknown type, and a length that is too long, before the rest arrives", () => {
  for (const bytes of [[0x3f, 0x7f, 0xff], [0x17, 0x80, 0x01, 0x00, 0x01, 0]]) {
    assert.equal(readMessage(arrived(new Uint8Array(bytes), { finish: false })).kind, "malformed");
  }
});

Deno.test("readMessage looks at the beginning alone until all of a long message has arrived", () => {
  const message = encodeMessage({ type: "chunk", offset: 0, content: new Uint8Array(60_000) });
  const stream = new CountingStream();
  for (let at = 0; at < message.length; at += 1000) {
    assert.deepEqual(readMessage(stream), { kind: "incomplete" });
    stream.arriveBytes(message.subarray(at, at + 1000));
  }
  const next = readMessage(stream);
  assert.equal(next.kind === "message" && next.message.type, "chunk");
  assert.ok(stream.peekedBytes < message.length + 61 * 20, `${stream.peekedBytes} bytes were joined`);
});
