import assert from "node:assert/strict";
import { NetAddress } from "../../base/net_address.ts";
import { Writer } from "../../base/bytes.ts";
import { TransportErrorCode } from "../../protocol/mod.ts";
import { PacketType, writeReset } from "../../protocol/wire/packet.ts";
import { ResetTokens } from "../../protocol/handshake/reset_tokens.ts";
import { losing, LOST, Pair, SERVER_KEY } from "../../testing/connection_pair.ts";

/** Slightly more than three PTOs of a side without an RTT sample. */
const CLOSING_US = 4_000_000;

Deno.test("Connection.close sends the peer code and reason, whichever side closes", () => {
  for (const [closer, other] of [["client", "server"], ["server", "client"]] as const) {
    const pair = Pair.connected();
    pair[closer].connection.close(pair.nowUs, 5, "enough — genug");
    pair.run(50_000);
    assert.deepEqual(pair[closer].heard("closed").map(({ reason }) => reason), [
      { kind: "local", code: 5, reason: "enough — genug" },
    ]);
    assert.deepEqual(pair[other].heard("closed").map(({ reason }) => reason), [
      { kind: "peer", isApplication: true, code: 5, reason: "enough — genug" },
    ]);
    pair.run(CLOSING_US);
    assert.equal(pair.client.endpoint.connectionCount, 0);
    assert.equal(pair.server.endpoint.connectionCount, 0);
    assert(pair.isQuiet);
  }
});

Deno.test("Connection.close repeats unacknowledged data, even if all packets before it and its first copy are lost", () => {
  const pair = Pair.connected();
  const answered = pair.send(new Uint8Array([1, 2, 3]), { finish: false });
  pair.run(200_000);
  const first = pair.client.wire.sent.length;
  // The packet with the last bytes, and the first of the two with CONNECTION_CLOSE.
  pair.client.wire.rule = losing(first, first + 1);
  answered.write(new Uint8Array([4, 5]));
  answered.finish();
  pair.serve(pair.client);
  pair.send(new Uint8Array([6, 7]));
  pair.client.connection.close(pair.nowUs, 0, "");
  pair.run(20_000);
  assert.deepEqual([...pair.server.bytesOn(0)], [1, 2, 3, 4, 5]);
  assert.deepEqual([...pair.server.bytesOn(1)], [6, 7]);
  assert.deepEqual(pair.server.events.map(({ kind }) => kind).slice(-2), ["stream-readable", "closed"]);
  pair.run(CLOSING_US);
  assert(pair.isQuiet);
});

Deno.test("Connection.close repeats no data that must be read from a source, and no more than fits", () => {
  const pair = Pair.connected();
  const read = () => assert.fail("a source was read for a connection that ends");
  pair.client.connection.openStream()!.writeFrom({ read }, 10);
  for (let i = 0; i < 40; i++) pair.client.connection.openStream()!.write(new Uint8Array(100));
  pair.client.connection.close(pair.nowUs, 0, "x".repeat(256));
  pair.run(20_000);
  const lastBytes = pair.client.wire.sent.at(-1)!.bytes.length;
  assert(lastBytes > 800 && lastBytes <= 1200, `the last packet has ${lastBytes} bytes`);
  assert.equal(pair.server.heard("closed").length, 1);
});

Deno.test("Connection.close repeats CONNECTION_CLOSE while the peer keeps sending because the first was lost", () => {
  const pair = Pair.connected();
  const stream = pair.client.connection.openStream()!;
  const firstLost = pair.server.wire.sent.length;
  pair.server.wire.rule = ({ index }) => index === firstLost ? LOST : undefined;
  pair.server.connection.close(pair.nowUs, 1, "gone");
  pair.serve(pair.server);
  stream.write(new Uint8Array(10));
  pair.serve(pair.client);
  pair.run(60_000);
  assert.deepEqual(pair.client.heard("closed").map(({ reason }) => reason.kind), ["peer"]);
  pair.run(CLOSING_US);
  assert(pair.isQuiet);
});

Deno.test("Connection ends by its idle timeout when every CONNECTION_CLOSE of the peer was lost", () => {
  const pair = Pair.connected();
  pair.client.wire.rule = () => LOST;
  pair.client.connection.close(pair.nowUs, 0, "");
  pair.run(70_000_000);
  assert.deepEqual(pair.client.heard("closed").map(({ reason }) => reason.kind), ["local"]);
  assert.deepEqual(pair.server.heard("closed").map(({ reason }) => reason.kind), ["idle-timeout"]);
  assert.equal(pair.server.endpoint.connectionCount, 0);
  assert(pair.isQuiet);
});

Deno.test("Connection.close before the handshake is complete sends nothing", () => {
  const pair = new Pair();
  const connection = pair.connect();
  connection.close(pair.nowUs, 1, "changed my mind");
  pair.serve(pair.client);
  assert.equal(connection.isClosed, true);
  assert.equal(pair.client.heard("closed").length, 1);
  assert.equal(pair.client.wire.sent.length, 0);
});

Deno.test("Connection.close right after the ServerHello leaves no state on the server", () => {
  const pair = new Pair();
  pair.connect();
  assert(pair.runUntil(() => pair.client.heard("connected").length > 0, { withinUs: 1_000_000 }));
  pair.client.connection.close(pair.nowUs, 1, "changed my mind");
  pair.run(5_000_000);
  assert.equal(pair.server.endpoint.connectionCount, 0);
  assert(pair.isQuiet);
});

Deno.test("Connection.close called twice, or on both sides at once, yields one event per side and a few packets", () => {
  const pair = Pair.connected();
  pair.run(1_000_000);
  const before = pair.client.wire.sent.length + pair.server.wire.sent.length;
  pair.client.connection.close(pair.nowUs, 1, "one");
  pair.client.connection.close(pair.nowUs, 2, "two");
  pair.server.connection.close(pair.nowUs, 3, "three");
  pair.run(5_000_000);
  assert.equal(pair.client.heard("closed").length, 1);
  assert.equal(pair.server.heard("closed").length, 1);
  const sent = pair.client.wire.sent.length + pair.server.wire.sent.length - before;
  assert(sent <= 12, `${sent} packets to say good-bye`);
  assert(pair.isQuiet);
});

Deno.test("Connection buffers nothing once it has ended", () => {
  const pair = Pair.connected();
  pair.server.reads = false;
  pair.send(new Uint8Array(50_000), { finish: false });
  pair.run(1_000_000);
  assert.equal(pair.server.connection.bufferedBytes, 50_000);
  pair.client.connection.close(pair.nowUs, 0, "");
  pair.run(50_000);
  assert.equal(pair.server.connection.bufferedBytes, 0);
  assert.equal(pair.server.connection.openStreamCount, 0);
  assert.equal(pair.client.connection.openStreamCount, 0);
});

Deno.test("Connection sends nothing and opens nothing after its end", () => {
  const pair = Pair.connected();
  const stream = pair.send(new Uint8Array(10), { finish: false });
  const { connection } = pair.client;
  connection.close(pair.nowUs, 0, "");
  pair.run(1_000_000);
  stream.write(new Uint8Array(10));
  stream.finish();
  assert.equal(connection.openStream(), undefined);
  assert.equal(connection.pollTransmit(pair.nowUs, new Uint8Array(2000)), 0);
  assert.equal(connection.pollTimeout(), Infinity);
  connection.handleTimeout(pair.nowUs + 1_000_000);
  assert.equal(connection.pollEvent(), undefined);
});

Deno.test("Connection on which nothing arrives ends by the smaller of both idle timeouts", () => {
  for (const [client, server] of [[5_000_000, 30_000_000], [30_000_000, 5_000_000]] as const) {
    const pair = Pair.connected({ client: { idleTimeoutUs: client }, server: { idleTimeoutUs: server } });
    pair.run(1_000_000);
    pair.client.wire.rule = () => LOST;
    pair.server.wire.rule = () => LOST;
    // At least since its last packet before that, and at most for one PTO longer than 5 s.
    pair.run(3_900_000);
    assert.equal(pair.client.heard("closed").length, 0);
    assert.equal(pair.server.heard("closed").length, 0);
    pair.run(1_300_000);
    assert.deepEqual(pair.client.heard("closed").map(({ reason }) => reason.kind), ["idle-timeout"]);
    assert.deepEqual(pair.server.heard("closed").map(({ reason }) => reason.kind), ["idle-timeout"]);
    assert(pair.isQuiet);
  }
});

Deno.test("Connection keeps itself alive with few PINGs", () => {
  const pair = Pair.connected();
  pair.run(1_000_000);
  const before = pair.client.wire.sent.length;
  pair.run(300_000_000);
  assert.equal(pair.client.connection.state, "established");
  assert.equal(pair.server.connection.state, "established");
  const sent = pair.client.wire.sent.length - before;
  assert(sent >= 5 && sent <= 31, `${sent} packets in 5 minutes`);
});

Deno.test("Connection sends PINGs as often as a short idle timeout needs: silence for half of it is survived", () => {
  for (const [client, server] of [[3_000_000, 60_000_000], [60_000_000, 3_000_000]] as const) {
    const pair = Pair.connected({ client: { idleTimeoutUs: client }, server: { idleTimeoutUs: server } });
    // Nothing passes in the last 1.9 of every 4 seconds.
    const rule = ({ nowUs }: { nowUs: number }) => nowUs % 4_000_000 > 2_100_000 ? LOST : undefined;
    pair.client.wire.rule = rule;
    pair.server.wire.rule = rule;
    const before = pair.client.wire.sent.length;
    pair.run(60_000_000);
    assert.equal(pair.client.connection.state, "established");
    assert.equal(pair.server.connection.state, "established");
    const sent = pair.client.wire.sent.length - before;
    assert(sent <= 300, `${sent} packets in a minute`);
  }
});

Deno.test("Connection that was suspended for longer than the idle timeout still reads what arrived meanwhile", () => {
  const pair = Pair.connected({ client: { idleTimeoutUs: 3_000_000 } });
  pair.run(1_000_000);
  const { connection } = pair.client;
  // The timers fire first, and what the socket holds is read next.
  connection.handleTimeout(pair.nowUs + 10_000_000);
  assert.equal(connection.state, "established");
  pair.send(new Uint8Array(1));
  pair.run(1_000_000);
  assert.equal(connection.state, "established");
  assert.equal(pair.server.bytesOn(0).length, 1);
  // No more than once.
  connection.handleTimeout(pair.nowUs + 10_000_000);
  connection.handleTimeout(pair.nowUs + 20_000_000);
  assert.equal(connection.closeReason?.kind, "idle-timeout");
});

Deno.test("Connection ends immediately when a restarted server has lost its state", () => {
  const pair = Pair.connected();
  pair.run(1_000_000);
  pair.restartServer();
  const startUs = pair.nowUs;
  pair.send(new Uint8Array(2000));
  assert(pair.runUntil(() => pair.client.connection.isClosed, { withinUs: 1_000_000 }));
  assert.equal(pair.nowUs - startUs, 40_000);
  assert.deepEqual(pair.client.heard("closed").map(({ reason }) => reason.kind), ["reset"]);
  assert.equal(pair.client.wire.sent.at(-1)!.bytes[0], PacketType.data);
});

Deno.test("Connection ignores a Reset whose token is not the one that the server issued", () => {
  const pair = Pair.connected();
  pair.run(1_000_000);
  const id = new Uint8Array(8);
  new DataView(id.buffer).setBigUint64(0, BigInt(pair.server.connection.localId));
  const genuine = new ResetTokens(SERVER_KEY).of(id);
  const others = Array.from({ length: 8 * genuine.length }, (_, bit) => {
    const other = genuine.slice();
    other[bit >> 3]! ^= 1 << (bit & 7);
    return other;
  });
  const reset = (token: Uint8Array): Uint8Array => {
    const buffer = new Uint8Array(40);
    return buffer.subarray(0, writeReset(new Writer().reset(buffer), id, token));
  };
  for (const token of others) {
    pair.inject(pair.client, reset(token));
    assert.equal(pair.client.connection.state, "established");
  }
  pair.inject(pair.client, reset(genuine));
  assert.equal(pair.client.connection.isClosed, true);
});

Deno.test("Endpoint of a server does not respond to a Reset, so that two servers cannot form a loop", () => {
  const pair = Pair.connected();
  const buffer = new Uint8Array(40);
  const destinationId = new Uint8Array(8).fill(1);
  const length = writeReset(new Writer().reset(buffer), destinationId, new Uint8Array(16));
  assert.equal(
    pair.server.endpoint.handleDatagram(0, buffer.slice(0, length), NetAddress.parse("10.0.0.1:4000")).kind,
    "drop",
  );
});

Deno.test("Connection closes on a packet without frames, and on one that does not decode", () => {
  const frames: [string, (writer: Writer) => void, number][] = [
    ["none", () => {}, TransportErrorCode.protocolViolation],
    ["unknown type", (writer) => writer.u8(0x3f), TransportErrorCode.frameEncodingError],
    ["cut short", (writer) => writer.u8(0x10), TransportErrorCode.frameEncodingError],
  ];
  for (const [what, write, code] of frames) {
    const pair = Pair.connected();
    pair.forge(pair.client, write);
    const [closed] = pair.server.heard("closed");
    assert(closed?.reason.kind === "violation", what);
    assert.equal(closed.reason.code, code, what);
    pair.run(100_000);
    const [heard] = pair.client.heard("closed");
    assert(heard?.reason.kind === "peer" && !heard.reason.isApplication, what);
    assert.equal(heard.reason.code, code, what);
  }
});
