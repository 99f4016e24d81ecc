import assert from "node:assert/strict";
import { Random } from "../../base/random.ts";
import { type Writer } from "../../base/bytes.ts";
import { TransportErrorCode } from "../../protocol/mod.ts";
import type { StreamEntry } from "../../protocol/streams/stream_entry.ts";
import {
  writeMaxStreamData,
  writeResetStream,
  writeStopSending,
  writeStreamHeader,
} from "../../protocol/wire/frame.ts";
import { LOST, Pair, type Side } from "../../testing/connection_pair.ts";

function pattern(length: number, seed = 1): Uint8Array {
  return new Random(seed).bytes(length);
}

/** A STREAM frame of zeros. */
function streamFrame(id: number, range: { offset: number; length: number; fin?: boolean }): (writer: Writer) => void {
  return (writer) => {
    writeStreamHeader(writer, id, range.offset, range.length, range.fin ?? false);
    writer.bytes(new Uint8Array(range.length));
  };
}

/** A forged packet that is no protocol violation. Its ACK is dropped, because the client never sent the packet. */
function forgeHonest(pair: Pair, writeFrames: (writer: Writer) => void): void {
  pair.server.wire.rule = () => LOST;
  pair.forge(pair.client, writeFrames, 99_999);
  pair.server.wire.rule = () => undefined;
  assert.equal(pair.server.heard("closed").length, 0);
}

/** Asserts that `side` has closed the connection for this violation, and that the other side received the close. */
function assertViolation(pair: Pair, side: Side, code: number): void {
  const [closed] = side.heard("closed");
  assert(closed?.reason.kind === "violation", `the ${side.name} saw no violation`);
  assert.equal(closed.reason.code, code);
  pair.run(100_000);
  const [heard] = (side === pair.server ? pair.client : pair.server).heard("closed");
  assert(heard?.reason.kind === "peer");
  assert.equal(heard.reason.code, code);
}

Deno.test("Connection transfers the bytes of many streams, each in order", () => {
  const pair = Pair.connected();
  const contents = Array.from({ length: 20 }, (_, i) => pattern(1 + i * 3000, i));
  for (const bytes of contents) pair.send(bytes);
  assert(pair.runUntil(() => pair.client.heard("stream-delivered").length === 20, { withinUs: 5_000_000 }));
  contents.forEach((bytes, id) => assert.deepEqual(pair.server.bytesOn(id), bytes));
});

Deno.test("Connection transfers bytes over a link that loses, duplicates, reorders and corrupts packets", () => {
  const random = new Random(11);
  const pair = Pair.connected();
  const rule = () => {
    if (random.chance(0.15)) return LOST;
    if (random.chance(0.1)) return [{ corrupt: true }];
    if (random.chance(0.1)) return [{}, { extraDelayUs: 7000 }];
    if (random.chance(0.1)) return [{ extraDelayUs: 15_000 }];
    return undefined;
  };
  pair.client.wire.rule = rule;
  pair.server.wire.rule = rule;
  const bytes = pattern(500_000);
  pair.send(bytes);
  assert(pair.runUntil(() => pair.client.heard("stream-delivered").length === 1, { withinUs: 60_000_000 }));
  assert.deepEqual(pair.server.bytesOn(0), bytes);
});

Deno.test("Connection removes a stream when both halves have ended", () => {
  const pair = Pair.connected();
  pair.server.onEvent = (event) => {
    if (event.kind === "stream-opened") event.stream.finish();
  };
  for (let i = 0; i < 10; i++) pair.send(new Uint8Array(5000));
  pair.run(2_000_000);
  assert.equal(pair.client.connection.openStreamCount, 0);
  assert.equal(pair.server.connection.openStreamCount, 0);
  assert.equal(pair.server.connection.bufferedBytes, 0);
});

Deno.test("Connection never sends more than the stream's window while the application does not read", () => {
  const pair = Pair.connected({ server: { orderedWindowBytes: 65_536 } });
  pair.server.reads = false;
  const stream = pair.send(pattern(300_000));
  pair.run(5_000_000);
  assert.equal((stream as StreamEntry).outgoing.sentOffset, 65_536);
  assert.equal(pair.server.connection.bufferedBytes, 65_536);
  assert.equal(pair.server.connection.state, "established");
});

Deno.test("Connection resumes when the application reads a blocked stream", () => {
  const pair = Pair.connected({ server: { orderedWindowBytes: 65_536 } });
  pair.server.reads = false;
  const bytes = pattern(300_000);
  pair.send(bytes);
  pair.run(5_000_000);
  pair.server.reads = true;
  const { stream } = pair.server.heard("stream-opened")[0]!;
  pair.server.received.set(0, [stream.peek().slice()]);
  stream.consume(stream.readableBytes);
  assert(pair.runUntil(() => pair.client.heard("stream-delivered").length === 1, { withinUs: 5_000_000 }));
  assert.deepEqual(pair.server.bytesOn(0), bytes);
});

Deno.test("Connection never sends more than the connection's window, shared by all streams", () => {
  const pair = Pair.connected({ server: { connectionWindowBytes: 100_000 } });
  pair.server.reads = false;
  const streams = Array.from({ length: 5 }, (_, i) => pair.send(pattern(60_000, i)));
  pair.run(5_000_000);
  assert.equal(pair.server.connection.bufferedBytes, 100_000);
  const sent = streams.reduce((sum, stream) => sum + (stream as StreamEntry).outgoing.sentOffset, 0);
  assert.equal(sent, 100_000);
});

Deno.test("Connection retransmits lost MAX_STREAM_DATA and MAX_DATA frames", () => {
  for (const server of [{ orderedWindowBytes: 32_768 }, { connectionWindowBytes: 65_536 }]) {
    const pair = Pair.connected({ server });
    const random = new Random(5);
    pair.server.wire.rule = () => random.chance(0.4) ? LOST : undefined;
    const bytes = pattern(800_000);
    pair.send(bytes);
    const isDelivered = () => pair.client.heard("stream-delivered").length === 1;
    assert(pair.runUntil(isDelivered, { withinUs: 120_000_000 }), JSON.stringify(server));
    assert.deepEqual(pair.server.bytesOn(0), bytes);
  }
});

Deno.test("Connection closes on data above the stream's limit", () => {
  const pair = Pair.connected({ server: { orderedWindowBytes: 16_384 } });
  forgeHonest(pair, streamFrame(0, { offset: 16_384 - 10, length: 10 }));
  pair.forge(pair.client, streamFrame(0, { offset: 16_384, length: 1 }));
  assertViolation(pair, pair.server, TransportErrorCode.flowControlError);
});

Deno.test("Connection closes on data above the connection's limit", () => {
  const pair = Pair.connected({ server: { connectionWindowBytes: 65_536, orderedWindowBytes: 65_536 } });
  forgeHonest(pair, streamFrame(0, { offset: 65_526, length: 10 }));
  pair.forge(pair.client, streamFrame(1, { offset: 0, length: 1 }));
  assertViolation(pair, pair.server, TransportErrorCode.flowControlError);
});

Deno.test("Connection counts a reset stream's final size towards the connection's limit", () => {
  // The stream's own limit would have allowed this length.
  const pair = Pair.connected({ server: { connectionWindowBytes: 65_536, orderedWindowBytes: 131_072 } });
  pair.forge(pair.client, (writer) => writeResetStream(writer, 0, 1, 65_537));
  assertViolation(pair, pair.server, TransportErrorCode.flowControlError);
});

Deno.test("Connection.openStream opens no more streams than the server allows, until streams have ended", () => {
  const pair = Pair.connected({ server: { maxStreams: 8 } });
  pair.server.onEvent = (event) => {
    if (event.kind === "stream-opened") event.stream.finish();
  };
  for (let i = 0; i < 8; i++) pair.send(new Uint8Array(100));
  assert.equal(pair.client.connection.openStream(), undefined);
  pair.run(500_000);
  assert.notEqual(pair.client.connection.openStream(), undefined);
});

Deno.test("Connection.openStream opens more once streams have ended, even if the first MAX_STREAMS is lost", () => {
  const pair = Pair.connected({ server: { maxStreams: 8 } });
  pair.server.onEvent = (event) => {
    if (event.kind === "stream-opened") event.stream.finish();
  };
  pair.run(500_000);
  for (let i = 0; i < 8; i++) pair.send(new Uint8Array(100));
  pair.server.wire.rule = () => LOST;
  pair.run(500_000);
  assert.equal(pair.client.connection.openStream(), undefined);
  pair.server.wire.rule = () => undefined;
  pair.run(2_000_000);
  assert.notEqual(pair.client.connection.openStream(), undefined);
});

/** The number of streams that a server accepts from a client that acknowledges nothing, if it responds to each. */
function streamsTaken(answerBytes: number): number {
  const pair = Pair.connected({ server: { maxStreams: 8 } });
  pair.server.wire.rule = () => LOST;
  pair.server.onEvent = (event) => {
    if (event.kind !== "stream-readable") return;
    event.stream.write(new Uint8Array(answerBytes));
    event.stream.finish();
  };
  for (let id = 0;; id++) {
    pair.forge(pair.client, streamFrame(id, { offset: 0, length: 1, fin: true }), 100_000 + id);
    if (pair.server.heard("closed").length > 0) return id;
  }
}

Deno.test("Connection accepts another stream for each one that is answered, up to as many again as the limit", () => {
  assert.equal(streamsTaken(40), 16);
});

Deno.test("Connection counts a stream with a long response until the response is acknowledged", () => {
  assert.equal(streamsTaken(5000), 8);
});

Deno.test("Connection sends a small stream in one turn, and gives others a turn after 64 KiB of a large one", () => {
  const pair = Pair.connected();
  const order: number[] = [];
  pair.server.onEvent = (event) => {
    if (event.kind === "stream-readable" && order.at(-1) !== event.stream.id) order.push(event.stream.id);
  };
  const { connection } = pair.client;
  for (const sizeBytes of [150_000, 20_000, 20_000, 100]) {
    const stream = connection.openStream()!;
    stream.write(pattern(sizeBytes));
    stream.finish();
  }
  pair.serve(pair.client);
  assert(pair.runUntil(() => pair.client.heard("stream-delivered").length === 4, { withinUs: 5_000_000 }));
  assert.deepEqual(order, [0, 1, 2, 3, 0]);
});

Deno.test("Connection closes on a stream above the limit", () => {
  const pair = Pair.connected({ server: { maxStreams: 8 } });
  forgeHonest(pair, streamFrame(7, { offset: 0, length: 1 }));
  pair.forge(pair.client, streamFrame(8, { offset: 0, length: 1 }));
  assertViolation(pair, pair.server, TransportErrorCode.streamLimitError);
});

Deno.test("Connection of a client closes on a frame for a stream that it did not open", () => {
  const pair = Pair.connected();
  pair.forge(pair.server, streamFrame(0, { offset: 0, length: 1 }));
  assertViolation(pair, pair.client, TransportErrorCode.streamStateError);
});

Deno.test("Connection closes when a stream's final size changes or is exceeded", () => {
  const violations: ((writer: Writer) => void)[] = [
    streamFrame(0, { offset: 90, length: 20 }),
    streamFrame(0, { offset: 100, length: 1, fin: true }),
    streamFrame(0, { offset: 50, length: 10, fin: true }),
    (writer) => writeResetStream(writer, 0, 1, 99),
    (writer) => writeResetStream(writer, 0, 1, 101),
  ];
  for (const violation of violations) {
    const pair = Pair.connected();
    forgeHonest(pair, streamFrame(0, { offset: 90, length: 10, fin: true }));
    pair.forge(pair.client, violation);
    assertViolation(pair, pair.server, TransportErrorCode.finalSizeError);
  }
});

Deno.test("Connection closes when a final size is below bytes already received", () => {
  const pair = Pair.connected();
  forgeHonest(pair, streamFrame(0, { offset: 0, length: 100 }));
  pair.forge(pair.client, (writer) => writeResetStream(writer, 0, 1, 50));
  assertViolation(pair, pair.server, TransportErrorCode.finalSizeError);
});

Deno.test("Connection ignores frames for a stream that has ended", () => {
  const pair = Pair.connected();
  pair.server.onEvent = (event) => {
    if (event.kind === "stream-opened") event.stream.finish();
  };
  pair.send(new Uint8Array(100));
  pair.run(500_000);
  assert.equal(pair.server.connection.openStreamCount, 0);
  pair.forge(pair.client, streamFrame(0, { offset: 0, length: 100 }));
  pair.forge(pair.client, (writer) => writeStopSending(writer, 0, 1));
  pair.forge(pair.client, (writer) => writeMaxStreamData(writer, 0, 1e9), 100_002);
  assert.equal(pair.server.heard("closed").length, 0);
  assert.equal(pair.server.heard("stream-opened").length, 1);
});

Deno.test("Stream.reset reaches the peer with its code, even if the first frame is lost", () => {
  const pair = Pair.connected();
  const stream = pair.send(pattern(10_000), { finish: false });
  pair.run(500_000);
  const first = pair.client.wire.sent.length;
  pair.client.wire.rule = ({ index }) => index === first ? LOST : undefined;
  stream.reset(7);
  pair.serve(pair.client);
  assert(pair.runUntil(() => pair.server.heard("stream-reset").length === 1, { withinUs: 1_000_000 }));
  assert.equal(pair.server.heard("stream-reset")[0]!.code, 7);
});

Deno.test("Stream.stopReading makes the peer reset with the same code, and both sides remove the stream", () => {
  const pair = Pair.connected();
  pair.server.reads = false;
  pair.server.onEvent = (event) => {
    if (event.kind !== "stream-readable") return;
    event.stream.stopReading(9);
    event.stream.finish();
  };
  pair.send(pattern(1_000_000));
  pair.run(2_000_000);
  assert.equal(pair.client.heard("stream-stopped")[0]?.code, 9);
  assert.equal(pair.client.connection.openStreamCount, 0);
  assert.equal(pair.server.connection.openStreamCount, 0);
  assert.equal(pair.server.connection.bufferedBytes, 0);
});

Deno.test("Stream.stopReading reaches the peer, even if the first frame is lost", () => {
  const pair = Pair.connected();
  pair.server.reads = false;
  pair.send(pattern(1000), { finish: false });
  pair.run(500_000);
  const first = pair.server.wire.sent.length;
  pair.server.wire.rule = ({ index }) => index === first ? LOST : undefined;
  pair.server.heard("stream-opened")[0]!.stream.stopReading(9);
  pair.serve(pair.server);
  assert(pair.runUntil(() => pair.client.heard("stream-stopped").length === 1, { withinUs: 1_000_000 }));
  assert.equal(pair.client.heard("stream-stopped")[0]!.code, 9);
});

for (const reads of [true, false]) {
  const what = reads ? "in the middle" : "with bytes that nobody has read";
  Deno.test(`Stream.reset ${what} does not starve other streams of the connection's window`, () => {
    const pair = Pair.connected({ server: { connectionWindowBytes: 100_000, orderedWindowBytes: 65_536 } });
    pair.server.reads = reads;
    for (let i = 0; i < 20; i++) {
      const stream = pair.send(pattern(60_000, i), { finish: false });
      pair.run(30_000);
      stream.reset(1);
      pair.serve(pair.client);
      pair.run(300_000);
    }
    pair.server.reads = true;
    const bytes = pattern(200_000, 99);
    const last = pair.send(bytes);
    assert(pair.runUntil(() => pair.server.bytesOn(last.id).length === bytes.length, { withinUs: 5_000_000 }));
  });
}

Deno.test("Connection counts the memory of its streams: both halves, range sets, and the streams' objects", () => {
  const pair = Pair.connected();
  pair.server.reads = false;
  const count = (side: Side): number => side.connection.streamMemoryBytes;
  const streams = [pair.send(pattern(50_000), { finish: true }), pair.send(pattern(1_000), { finish: true })];
  assert(count(pair.client) >= 51_000);
  pair.run(2_000_000);
  assert(count(pair.client) < 51_000, "acknowledged bytes are not kept");
  assert(count(pair.server) >= 51_000);
  pair.server.heard("stream-opened").forEach(({ stream }) => {
    stream.consume(stream.readableBytes);
    stream.finish();
  });
  pair.run(2_000_000);
  for (const stream of streams) stream.consume(stream.readableBytes);
  pair.run(2_000_000);
  assert.deepEqual([pair.client, pair.server].map(({ connection }) => connection.openStreamCount), [0, 0]);
  assert.deepEqual([count(pair.client), count(pair.server)], [0, 0]);
});

Deno.test("Connection sends nothing more of a stream whose source fails, until the application resets it with a code", () => {
  const pair = Pair.connected();
  let reads = 0;
  const error = new Error("the disk failed");
  const stream = pair.client.connection.openStream()!;
  const read = () => {
    if (++reads > 5) throw error;
  };
  stream.writeFrom({ read }, 100_000);
  pair.run(2_000_000);
  stream.write(new Uint8Array(10));
  stream.finish();
  pair.serve(pair.client);
  pair.run(2_000_000);
  assert.deepEqual(pair.client.heard("source-failed"), [{ kind: "source-failed", stream, error }]);
  assert.equal(reads, 6);
  assert.equal(pair.server.heard("stream-reset").length, 0);
  stream.reset(9);
  stream.reset(1);
  pair.serve(pair.client);
  pair.run(2_000_000);
  assert.deepEqual(pair.server.heard("stream-reset").map(({ code }) => code), [9]);
});

Deno.test("Stream.widenOrderedWindow lets the peer send on before a gap is filled, and holds it up beyond that", () => {
  const pair = Pair.connected();
  pair.server.reads = false;
  const stream = pair.send(pattern(900_000), { finish: false });
  const sentBytes = () => (stream as StreamEntry).outgoing.sentOffset;
  assert(pair.runUntil(() => sentBytes() === 262_144, { withinUs: 5_000_000 }));
  pair.run(1_000_000);
  assert.equal(sentBytes(), 262_144);
  const incoming = pair.server.heard("stream-opened")[0]!.stream;
  incoming.widenOrderedWindow(100_000);
  pair.run(1_000_000);
  assert.equal(sentBytes(), 262_144, "a narrower window changes nothing");
  incoming.widenOrderedWindow(600_000);
  pair.serve(pair.server);
  pair.run(1_000_000);
  assert.equal(sentBytes(), 600_000);
  incoming.consume(400_000);
  pair.serve(pair.server);
  pair.run(1_000_000);
  assert.equal(sentBytes(), 900_000);
});
