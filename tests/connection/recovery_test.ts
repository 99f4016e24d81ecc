import assert from "node:assert/strict";
import { Random } from "../../base/random.ts";
import { type Writer } from "../../base/bytes.ts";
import { TransportErrorCode } from "../../protocol/mod.ts";
import { writeAck } from "../../protocol/wire/frame.ts";
import { type Fate, LOST, Pair, type PairOptions } from "../../testing/connection_pair.ts";

const ROUND_TRIP_US = 40_000;

function pattern(length: number, seed = 1): Uint8Array {
  return new Random(seed).bytes(length);
}

/** A pair that has measured its RTT in both directions, with nothing in flight. */
function settled(options: PairOptions = {}): Pair {
  const pair = Pair.connected(options);
  pair.server.onEvent = (event) => {
    if (event.kind !== "stream-opened") return;
    event.stream.write(new Uint8Array(1));
    event.stream.finish();
  };
  for (let i = 0; i < 3; i++) {
    pair.send(new Uint8Array(1));
    pair.run(200_000);
  }
  return pair;
}

function delivered(pair: Pair): () => boolean {
  const before = pair.client.heard("stream-delivered").length;
  return () => pair.client.heard("stream-delivered").length > before;
}

/** An ACK frame of one range, both included. */
function ackOf(first: number, last: number): (writer: Writer) => void {
  const ranges = { length: 1, start: () => first, end: () => last + 1 };
  return (writer) => writeAck(writer, ranges, { ackDelayUs: 0, maxBytes: 100 });
}

Deno.test("Connection closes on an ACK of a packet that it never sent", () => {
  for (const [first, last] of [[5000, 5000], [0, 5000], [Number.MAX_SAFE_INTEGER - 1, Number.MAX_SAFE_INTEGER - 1]]) {
    for (const [from, at] of [["client", "server"], ["server", "client"]] as const) {
      const pair = Pair.connected();
      pair.forge(pair[from], ackOf(first!, last!));
      const [closed] = pair[at].heard("closed");
      assert(closed?.reason.kind === "violation");
      assert.equal(closed.reason.code, TransportErrorCode.protocolViolation);
    }
  }
});

Deno.test("Connection accepts an ACK of packets that it sent, however often it is repeated", () => {
  const pair = settled();
  for (let i = 0; i < 10; i++) pair.forge(pair.server, ackOf(0, 1), 99_000 + i);
  assert.equal(pair.client.heard("closed").length, 0);
});

Deno.test("Connection takes no RTT sample from an ACK that does not newly acknowledge the largest packet", () => {
  const pair = settled();
  pair.server.wire.rule = () => LOST;
  const stream = pair.send(pattern(1_000), { finish: false });
  for (let i = 0; i < 4; i++) {
    pair.run(1_000);
    stream.write(pattern(1_000));
    pair.serve(pair.client);
  }
  // Of all that was sent only the Hello has no number.
  const last = pair.client.wire.sent.length - 2;
  pair.run(60_000);
  pair.forge(pair.server, ackOf(last, last), 99_000);
  const { smoothedRttUs } = pair.client.connection.stats;
  assert(smoothedRttUs > ROUND_TRIP_US, `${smoothedRttUs} us`);
  pair.run(1_000);
  pair.forge(pair.server, ackOf(last - 3, last - 1), 99_001);
  assert.equal(pair.client.heard("closed").length, 0);
  assert.equal(pair.client.connection.stats.smoothedRttUs, smoothedRttUs);
});

Deno.test("Connection processes a packet only once: duplicates are counted, and do not restart the idle timeout", () => {
  const pair = settled({ server: { idleTimeoutUs: 5_000_000 } });
  const { bytes } = pair.client.wire.sent.at(-1)!;
  pair.client.wire.rule = () => LOST;
  pair.server.wire.rule = () => LOST;
  for (let i = 0; i < 10; i++) {
    pair.run(1_000_000);
    if (pair.server.heard("closed").length > 0) break;
    pair.inject(pair.server, bytes);
    assert.equal(pair.server.connection.stats.duplicatesReceived, i + 1);
  }
  assert.deepEqual(pair.server.heard("closed").map(({ reason }) => reason.kind), ["idle-timeout"]);
});

Deno.test("Connection retransmits a lost last packet after about one PTO", () => {
  for (const size of [100, 5000]) {
    const pair = settled();
    const { smoothedRttUs } = pair.client.connection.stats;
    const isDone = delivered(pair);
    let lostOne = false;
    const packets = Math.ceil(size / 1100);
    const first = pair.client.wire.sent.length;
    pair.client.wire.rule = ({ index }): Fate | undefined => {
      if (index !== first + packets - 1) return undefined;
      lostOne = true;
      return LOST;
    };
    const startUs = pair.nowUs;
    pair.send(pattern(size));
    assert(pair.runUntil(isDone, { withinUs: 2_000_000 }));
    assert(lostOne);
    // PTO: smoothed RTT, 4 times its deviation and the peer's ACK delay; then a round trip.
    const ptoUs = 2 * smoothedRttUs + 25_000;
    const limitUs = ROUND_TRIP_US + ptoUs + ROUND_TRIP_US + 25_000;
    assert(pair.nowUs - startUs <= limitUs, `${size} bytes took ${pair.nowUs - startUs} us of ${limitUs}`);
  }
});

/** Sends some packets and loses the last `lost`; returns the time from sending the last one until the peer has all. */
function repairUs(lost: number): number {
  const pair = settled({ delayUs: 50_000, client: { maxDatagramBytes: 1200 } });
  // Enough of them to measure the round trip well.
  pair.send(pattern(300_000));
  assert(pair.runUntil(delivered(pair), { withinUs: 5_000_000 }));
  const size = 200_000;
  const first = pair.client.wire.sent.length;
  const packets = Math.ceil(size / 1163);
  let lastUs = 0;
  pair.client.wire.rule = ({ index, nowUs }): Fate | undefined => {
    if (index >= first + packets) return undefined;
    lastUs = nowUs;
    return index >= first + packets - lost ? LOST : undefined;
  };
  const { id } = pair.send(pattern(size, 2));
  const receivedBytes = () => (pair.server.received.get(id) ?? []).reduce((sum, piece) => sum + piece.length, 0);
  assert(pair.runUntil(() => receivedBytes() === size, { withinUs: 5_000_000 }));
  return pair.nowUs - lastUs;
}

Deno.test("Connection recovers from a tail loss in one round trip after the PTO, and in two if the tail exceeds its probes", () => {
  const roundTripUs = 100_000;
  const oneWayUs = roundTripUs / 2;
  assert.equal(repairUs(0), oneWayUs);
  for (const [lost, roundTrips] of [[1, 1], [2, 1], [10, 2], [100, 2]] as const) {
    const tookUs = repairUs(lost);
    // A probe waits for the peer's ACK delay of 25 ms as well.
    const limitUs = oneWayUs + roundTrips * roundTripUs + 30_000;
    assert(tookUs <= limitUs, `${lost} lost packets took ${tookUs} us of ${limitUs}`);
  }
});

Deno.test("Connection's probes cost two packets if nothing is lost but every ACK is late", () => {
  const pair = settled({ delayUs: 50_000 });
  const before = pair.client.wire.sent.length;
  pair.server.wire.rule = () => [{ extraDelayUs: 150_000 }];
  const isDone = delivered(pair);
  pair.send(pattern(1_000));
  assert(pair.runUntil(isDone, { withinUs: 2_000_000 }));
  pair.run(1_000_000);
  const { packetsLost, retransmittedBytes } = pair.client.connection.stats;
  // Data that a probe repeats does not count as retransmitted because of a loss.
  assert.equal(packetsLost, 0);
  assert(retransmittedBytes <= 1_000, `${retransmittedBytes} bytes again`);
  const sent = pair.client.wire.sent.slice(before).filter(({ bytes }) => bytes.length > 100);
  assert(sent.length <= 3, `${sent.length} packets`);
});

Deno.test("Connection's probes carry data, also if older packets in flight carry none", () => {
  const pair = settled({ client: { keepAliveUs: 1_000_000 } });
  pair.client.wire.rule = () => LOST;
  // With an open stream the client sends keep-alive PINGs.
  const stream = pair.send(new Uint8Array(0), { finish: false });
  pair.run(5_000_000);
  stream.write(pattern(500));
  pair.serve(pair.client);
  pair.run(10_000_000);
  const sizes = pair.client.wire.sent.slice(-2).map(({ bytes }) => bytes.length);
  assert(sizes.some((size) => size > 500), `the last probes are ${sizes} bytes long`);
});

Deno.test("Connection that has sent little so far responds immediately, even if it sent that slowly", () => {
  // Losses and a slow start result in a measured rate of some bytes per second, which must not delay the response.
  const pair = Pair.connected({ delayUs: 400_000 });
  const random = new Random(2);
  pair.server.wire.rule = () => random.chance(0.5) ? LOST : undefined;
  for (let i = 0; i < 20; i++) {
    const stream = pair.send(new Uint8Array(20), { finish: false });
    pair.run(3_000_000);
    const opened = pair.server.heard("stream-opened").find((event) => event.stream.id === stream.id);
    opened!.stream.write(new Uint8Array(10));
    pair.serve(pair.server);
    pair.run(3_000_000);
  }
  pair.server.wire.rule = () => undefined;
  const before = pair.server.wire.sent.length;
  pair.server.heard("stream-opened")[0]!.stream.write(new Uint8Array(2000));
  pair.serve(pair.server);
  pair.run(2_000_000);
  assert(pair.server.wire.sent.length >= before + 2, `${pair.server.wire.sent.length - before} packets in 2 s`);
});

Deno.test("Connection detects a loss in the middle by later ACKs, within two round trips", () => {
  const pair = settled();
  const isDone = delivered(pair);
  const first = pair.client.wire.sent.length;
  pair.client.wire.rule = ({ index }) => index === first + 2 ? LOST : undefined;
  const startUs = pair.nowUs;
  pair.send(pattern(12_000));
  assert(pair.runUntil(isDone, { withinUs: 2_000_000 }));
  assert(pair.nowUs - startUs <= 2 * ROUND_TRIP_US + 30_000, `it took ${pair.nowUs - startUs} us`);
  assert.equal(pair.client.connection.stats.packetsLost, 1);
});

Deno.test("Connection retransmits lost bytes and no others", () => {
  const pair = settled();
  const isDone = delivered(pair);
  const first = pair.client.wire.sent.length;
  pair.client.wire.rule = ({ index }) => index >= first + 2 && index < first + 5 ? LOST : undefined;
  pair.send(pattern(30_000));
  assert(pair.runUntil(isDone, { withinUs: 2_000_000 }));
  const { retransmittedBytes, packetsLost } = pair.client.connection.stats;
  // The first MTU probe may be among the lost packets.
  assert(packetsLost >= 2 && packetsLost <= 3, `${packetsLost} packets`);
  assert(retransmittedBytes > 0 && retransmittedBytes <= 3 * 1472, `${retransmittedBytes} bytes sent again`);
});

Deno.test("Connection detects a spurious loss when the packet is acknowledged late", () => {
  const pair = settled();
  const isDone = delivered(pair);
  const first = pair.client.wire.sent.length;
  pair.client.wire.rule = ({ index }) => index === first + 3 ? [{ extraDelayUs: 30_000 }] : undefined;
  pair.send(pattern(60_000));
  assert(pair.runUntil(isDone, { withinUs: 2_000_000 }));
  pair.run(500_000);
  assert.equal(pair.client.connection.stats.spuriousLosses, 1);
});

Deno.test("Connection resumes within 5 s after an outage of 30 s, and does not end during it", () => {
  const pair = settled();
  const isDone = delivered(pair);
  pair.send(pattern(300_000));
  pair.run(50_000);
  pair.client.wire.rule = () => LOST;
  pair.server.wire.rule = () => LOST;
  const before = pair.client.wire.sent.length;
  pair.run(30_000_000);
  const probes = pair.client.wire.sent.length - before;
  assert(probes >= 10 && probes <= 60 + 300, `${probes} packets into a dead wire`);
  pair.client.wire.rule = () => undefined;
  pair.server.wire.rule = () => undefined;
  assert(pair.runUntil(isDone, { withinUs: 5_000_000 }));
});

Deno.test("Connection acknowledges a single packet within max_ack_delay, and a second one immediately", () => {
  const pair = settled();
  const before = pair.server.wire.sent.length;
  pair.server.onEvent = () => {};
  const stream = pair.send(new Uint8Array(10), { finish: false });
  const sentUs = pair.nowUs;
  assert(pair.runUntil(() => pair.server.wire.sent.length > before, { withinUs: 1_000_000 }));
  assert.equal(pair.server.wire.sent.at(-1)!.sentUs - sentUs, ROUND_TRIP_US / 2 + 25_000);
  pair.run(500_000);
  const count = pair.server.wire.sent.length;
  const againUs = pair.nowUs;
  stream.write(new Uint8Array(2000));
  pair.serve(pair.client);
  assert(pair.runUntil(() => pair.server.wire.sent.length > count, { withinUs: 1_000_000 }));
  assert.equal(pair.server.wire.sent.at(-1)!.sentUs - againUs, ROUND_TRIP_US / 2);
});

Deno.test("Connection sends no ACK for ACK-only packets, so that traffic ceases", () => {
  const hourUs = 3_600_000_000;
  const pair = settled({
    client: { keepAliveUs: hourUs, idleTimeoutUs: hourUs },
    server: { idleTimeoutUs: hourUs },
  });
  pair.send(pattern(100_000));
  pair.run(5_000_000);
  const sent = pair.client.wire.sent.length + pair.server.wire.sent.length;
  pair.run(30_000_000);
  assert.equal(pair.client.wire.sent.length + pair.server.wire.sent.length, sent);
});

Deno.test("Connection discards old ACK ranges although it only receives", () => {
  const pair = settled();
  const random = new Random(9);
  pair.client.wire.rule = () => random.chance(0.1) ? LOST : undefined;
  pair.send(pattern(3_000_000));
  assert(pair.runUntil(delivered(pair), { withinUs: 60_000_000 }));
  pair.run(300_000);
  // A fifth of 300 losses would stay in every ACK forever; ranges in an acknowledged ACK need not be reported again.
  const last = pair.server.wire.sent.at(-1)!.bytes;
  assert(last.length < 200, `the last ACK is ${last.length} bytes long`);
});

Deno.test("Connection paces: no burst is larger than half of a receive buffer", () => {
  const pair = settled();
  const first = pair.client.wire.sent.length;
  pair.send(pattern(3_000_000));
  assert(pair.runUntil(delivered(pair), { withinUs: 60_000_000 }));
  const sizes = new Map<number, number>();
  for (const { bytes, sentUs } of pair.client.wire.sent.slice(first)) {
    sizes.set(sentUs, (sizes.get(sentUs) ?? 0) + bytes.length);
  }
  const most = Math.max(...sizes.values());
  assert(most <= 64 * 1024, `${most} bytes at once`);
  assert(sizes.size > 50, `all was sent at ${sizes.size} times`);
});

Deno.test("Connection raises its datagram size to the path MTU", () => {
  for (const [widthBytes, expected] of [[1472, 1472], [1452, 1452], [1300, 1284], [1200, 1200]] as const) {
    const pair = settled();
    const rule = ({ bytes }: { bytes: Uint8Array }) => bytes.length > widthBytes ? LOST : undefined;
    pair.client.wire.rule = rule;
    pair.server.wire.rule = rule;
    pair.send(pattern(6_000_000));
    assert(pair.runUntil(delivered(pair), { withinUs: 60_000_000 }), `width ${widthBytes}`);
    const { datagramBytes } = pair.client.connection.stats;
    assert(datagramBytes >= expected && datagramBytes <= widthBytes, `${datagramBytes} of ${widthBytes}`);
  }
});

Deno.test("Connection never sends a datagram above the configured or the peer's ceiling", () => {
  const pair = settled({ client: { maxDatagramBytes: 1350 } });
  pair.send(pattern(1_000_000));
  assert(pair.runUntil(delivered(pair), { withinUs: 60_000_000 }));
  const largest = Math.max(...pair.client.wire.sent.map(({ bytes }) => bytes.length));
  assert.equal(largest, 1350);
});

Deno.test("Connection recovers from a black hole after the path MTU has shrunk", () => {
  const pair = settled();
  const isDone = delivered(pair);
  pair.send(pattern(4_000_000));
  assert(pair.runUntil(() => pair.client.connection.stats.datagramBytes === 1472, { withinUs: 10_000_000 }));
  const startUs = pair.nowUs;
  pair.client.wire.rule = ({ bytes }) => bytes.length > 1250 ? LOST : undefined;
  assert(pair.runUntil(isDone, { withinUs: 60_000_000 }));
  assert(pair.client.connection.stats.datagramBytes <= 1250);
  assert(pair.nowUs - startUs < 15_000_000, `it took ${pair.nowUs - startUs} us`);
});

Deno.test("Connection does not spin while its window is full and no ACK arrives", () => {
  const pair = settled();
  pair.send(pattern(10_000_000));
  pair.run(100_000);
  pair.server.wire.rule = () => LOST;
  const before = pair.client.wire.sent.length;
  pair.run(20_000_000);
  const sent = pair.client.wire.sent.length - before;
  assert(sent < 1500, `${sent} packets without one acknowledgement`);
});
