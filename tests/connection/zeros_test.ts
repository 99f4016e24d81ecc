// ZEROS frames: what a receiver takes them for, and when a sender uses them.

import assert from "node:assert/strict";
import { Random } from "../../base/random.ts";
import { type ByteSource, MIN_ZEROS_BYTES, type Stream, TransportErrorCode } from "../../protocol/mod.ts";
import { MAX_ZEROS_AHEAD_BYTES } from "../../protocol/limits.ts";
import { LOST, Pair, type Side } from "../../testing/connection_pair.ts";
import { encodeFrames, type FrameValue } from "../../testing/wire_values.ts";

/** A source of these bytes that finds its zeros. */
class SparseSource implements ByteSource {
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  read(offset: number, into: Uint8Array): void {
    into.set(this.#bytes.subarray(offset, offset + into.length));
  }

  zerosAt(offset: number, maxBytes: number): number {
    let end = offset;
    while (end < offset + maxBytes && this.#bytes[end] === 0) end++;
    return end - offset >= MIN_ZEROS_BYTES ? end - offset : 0;
  }
}

/** Opens a stream with a source's bytes on it, and ends it. */
function sendFrom(pair: Pair, source: ByteSource, lengthBytes: number): Stream {
  const stream = pair.client.connection.openStream()!;
  stream.writeFrom(source, lengthBytes);
  stream.finish();
  pair.serve(pair.client);
  return stream;
}

function sentBytes(side: Side, from = 0): number {
  return side.wire.sent.slice(from).reduce((sum, { bytes }) => sum + bytes.length, 0);
}

/** A packet from the client with these frames. */
function forge(pair: Pair, frames: readonly FrameValue[], packetNumber: number): void {
  pair.forge(pair.client, (writer) => writer.bytes(encodeFrames(frames)), packetNumber);
}

function zeros(streamId: number, offset: number, length: number): FrameValue {
  return { frame: "zeros", streamId, offset, length };
}

function violationOf(pair: Pair): number | undefined {
  const [closed] = pair.server.heard("closed");
  return closed?.reason.kind === "violation" ? closed.reason.code : undefined;
}

Deno.test("Connection sends the zeros of a source without their bytes, and the rest as they are", () => {
  const random = new Random(1);
  const bytes = new Uint8Array(1_000_000);
  bytes.set(random.bytes(1000), 0);
  bytes.set(random.bytes(5000), 300_001);
  bytes.set(random.bytes(10), 777_777);
  const pair = Pair.connected();
  const before = sentBytes(pair.client);
  sendFrom(pair, new SparseSource(bytes), bytes.length);
  assert(pair.runUntil(() => pair.client.heard("stream-delivered").length === 1, { withinUs: 5_000_000 }));
  assert.deepEqual(pair.server.bytesOn(0), bytes);
  const sent = sentBytes(pair.client) - before;
  assert(sent < 15_000, `${sent} bytes were sent for 6010 that are no zeros`);
});

Deno.test("Connection sends a stream of nothing but zeros with its end", () => {
  for (const length of [1, MIN_ZEROS_BYTES, MIN_ZEROS_BYTES + 1, 65_536, 65_537, 65_538, 200_000]) {
    const pair = Pair.connected();
    const { id } = sendFrom(pair, new SparseSource(new Uint8Array(length)), length);
    assert(pair.runUntil(() => pair.client.heard("stream-delivered").length === 1, { withinUs: 5_000_000 }));
    assert.deepEqual(pair.server.bytesOn(id), new Uint8Array(length));
  }
});

Deno.test("Connection sends lost zeros again as zeros", () => {
  const random = new Random(2);
  const bytes = new Uint8Array(3_000_000);
  for (let at = 0; at < bytes.length; at += 250_000) bytes.set(random.bytes(random.integer(1, 3000)), at);
  const pair = Pair.connected();
  const before = sentBytes(pair.client);
  pair.client.wire.rule = pair.server.wire.rule = () => random.chance(0.2) ? LOST : undefined;
  sendFrom(pair, new SparseSource(bytes), bytes.length);
  assert(pair.runUntil(() => pair.client.heard("stream-delivered").length === 1, { withinUs: 60_000_000 }));
  assert.deepEqual(pair.server.bytesOn(0), bytes);
  const { retransmittedBytes } = pair.client.connection.stats;
  assert(retransmittedBytes > 100_000, `${retransmittedBytes} bytes were retransmitted`);
  const sent = sentBytes(pair.client) - before;
  assert(sent < 80_000, `${sent} bytes were sent`);
});

Deno.test("Connection reports a source whose zeros cannot be looked for, and sends nothing more of it", () => {
  const pair = Pair.connected();
  const fails = () => {
    throw new RangeError("from the source");
  };
  const stream = sendFrom(pair, { read: fails, zerosAt: fails }, 10_000);
  const [failed] = pair.client.heard("source-failed");
  assert.equal(failed?.stream, stream);
  assert.match(String(failed.error), /from the source/);
  pair.run(1_000_000);
  assert.equal(pair.server.bytesOn(0).length, 0);
});

Deno.test("Connection has at most 8 MiB of zeros in flight, in small packets, and goes on when they are acknowledged", () => {
  const sizeBytes = 64 * 1024 * 1024;
  const pair = Pair.connected();
  let written = 0;
  pair.server.onEvent = (event) => {
    if (event.kind !== "stream-opened") return;
    event.stream.receiveInto({ write: (_, bytes) => void (written += bytes.length) }, sizeBytes + 1);
  };
  const stream = pair.send(new Uint8Array(1), { finish: false });
  pair.run(500_000);
  assert.equal(written, 1);
  const from = pair.client.wire.sent.length;
  pair.server.wire.rule = () => LOST;
  stream.writeFrom(new SparseSource(new Uint8Array(sizeBytes)), sizeBytes);
  // Long enough for a round trip, too short for a probe timeout.
  pair.run(50_000);
  assert.equal(written, 1 + 8 * 1024 * 1024);
  // Beside them is a probe of the path's MTU.
  assert.equal(pair.client.wire.sent.slice(from).filter(({ bytes }) => bytes.length < 50).length, 128);
  pair.server.wire.rule = () => undefined;
  assert(pair.runUntil(() => written === sizeBytes + 1, { withinUs: 2_000_000 }));
  assert(sentBytes(pair.client, from) < 100_000);
});

Deno.test("Connection takes ZEROS for STREAM: a byte that arrived before stays as it is", () => {
  const pair = Pair.connected();
  pair.server.wire.rule = () => LOST;
  forge(pair, [{ frame: "stream", streamId: 0, offset: 10, data: "010203", fin: false }], 90_000);
  forge(
    pair,
    [zeros(0, 0, 100), { frame: "stream", streamId: 0, offset: 50, data: "ff".repeat(60), fin: true }],
    90_001,
  );
  const expected = new Uint8Array(110);
  expected.set([1, 2, 3], 10);
  expected.fill(0xff, 100);
  assert.deepEqual(pair.server.bytesOn(0), expected);
  assert.equal(pair.server.heard("stream-opened")[0]!.stream.isReceiveComplete, true);
});

Deno.test("Connection closes on two ZEROS frames in a packet, and accepts one in each of many", () => {
  const pair = Pair.connected();
  pair.server.wire.rule = () => LOST;
  for (let i = 0; i < 50; i++) forge(pair, [{ frame: "ping" }, zeros(0, 100 * i, 100), { frame: "ping" }], 90_000 + i);
  assert.equal(pair.server.bytesOn(0).length, 5000);
  assert.equal(violationOf(pair), undefined);
  forge(pair, [zeros(0, 5000, 1), zeros(1, 0, 1)], 90_100);
  assert.equal(violationOf(pair), TransportErrorCode.protocolViolation);
});

Deno.test("Connection closes on ZEROS further ahead of what has arrived than is allowed", () => {
  const pair = Pair.connected();
  pair.server.onEvent = (event) => {
    if (event.kind === "stream-opened") event.stream.receiveInto({ write: () => {} }, 2 ** 28);
  };
  pair.send(new Uint8Array(100), { finish: false });
  pair.run(500_000);
  pair.server.wire.rule = () => LOST;
  const end = 100 + MAX_ZEROS_AHEAD_BYTES;
  forge(pair, [zeros(0, end - 1000, 1000)], 90_000);
  // What has arrived behind a gap does not count, what fills the gap does.
  forge(pair, [zeros(0, 100, 50)], 90_001);
  forge(pair, [zeros(0, end, 50)], 90_002);
  assert.equal(violationOf(pair), undefined);
  forge(pair, [zeros(0, end + 50, 1)], 90_003);
  assert.equal(violationOf(pair), TransportErrorCode.flowControlError);
});

Deno.test("Connection closes on ZEROS above a limit, beyond the end and on a stream that may not be opened", () => {
  const config = { orderedWindowBytes: 65_536, connectionWindowBytes: 131_072, maxStreams: 8 };
  const cases: readonly (readonly [frames: readonly FrameValue[], code: number])[] = [
    [[zeros(0, 1, 65_536)], TransportErrorCode.flowControlError],
    [[zeros(0, 2 ** 53 - 2, 1)], TransportErrorCode.flowControlError],
    [[zeros(8, 0, 1)], TransportErrorCode.streamLimitError],
    [
      [{ frame: "stream", streamId: 0, offset: 0, data: "00".repeat(99), fin: true }, zeros(0, 0, 100)],
      TransportErrorCode.finalSizeError,
    ],
  ];
  for (const [frames, code] of cases) {
    const pair = Pair.connected({ server: config });
    pair.server.reads = false;
    pair.server.wire.rule = () => LOST;
    for (const [index, frame] of frames.entries()) {
      assert.equal(violationOf(pair), undefined);
      forge(pair, [frame], 90_000 + index);
    }
    assert.equal(violationOf(pair), code, JSON.stringify(frames));
  }
  const pair = Pair.connected({ server: config });
  pair.server.reads = false;
  pair.server.wire.rule = () => LOST;
  forge(pair, [zeros(0, 0, 65_536)], 90_000);
  forge(pair, [zeros(1, 0, 65_536)], 90_001);
  assert.equal(pair.server.connection.bufferedBytes, 131_072);
  assert.equal(violationOf(pair), undefined);
  forge(pair, [zeros(2, 0, 1)], 90_002);
  assert.equal(violationOf(pair), TransportErrorCode.flowControlError, "the connection's limit");
});
