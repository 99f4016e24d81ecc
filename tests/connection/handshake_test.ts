import assert from "node:assert/strict";
import { NetAddress } from "../../base/net_address.ts";
import { TOKEN_LIFETIME_US } from "../../protocol/limits.ts";
import { Random } from "../../base/random.ts";
import { Writer } from "../../base/bytes.ts";
import { type AdmissionLimits, Endpoint, TransportErrorCode } from "../../protocol/mod.ts";
import { PacketHeader, PacketType, readVersions, VERSION, writeHello } from "../../protocol/wire/packet.ts";
import { losing, LOST, Pair, SERVER_KEY } from "../../testing/connection_pair.ts";

const ROUND_TRIP_US = 40_000;

/** Extra time with no data to send: the first PING is delayed by 20 ms, its acknowledgement by 25 ms. */
const SILENCE_US = 45_000;

/** The type of a packet on the wire. */
function typeOf(bytes: Uint8Array): number {
  return bytes[0]!;
}

function hello(sourceId: number): Uint8Array {
  const buffer = new Uint8Array(1200);
  const handshake = new Uint8Array(32).fill(9);
  return buffer.subarray(0, writeHello(new Writer().reset(buffer), { sourceId, handshake }));
}

function server(limits: Partial<AdmissionLimits> = {}): Endpoint {
  const random = new Random(1);
  return new Endpoint({ isServer: true, staticKey: SERVER_KEY, randomBytes: (count) => random.bytes(count), limits });
}

/** The first ClientFinish packet of a client that has received nothing but the ServerHello from the server. */
function firstClientFinish(pair: Pair): Uint8Array {
  const clientFinish = pair.client.wire.sent.find(({ bytes }) => typeOf(bytes) === PacketType.clientFinish);
  assert(clientFinish !== undefined);
  return clientFinish.bytes;
}

Deno.test("handshake lets data flow after one round trip", () => {
  const pair = new Pair();
  const connection = pair.connect();
  const startUs = pair.nowUs;
  assert(pair.runUntil(() => pair.client.heard("connected").length > 0, { withinUs: 1_000_000 }));
  assert.equal(pair.nowUs - startUs, ROUND_TRIP_US);
  pair.send(new Uint8Array([1, 2, 3]));
  assert(pair.runUntil(() => pair.server.bytesOn(0).length === 3, { withinUs: 1_000_000 }));
  assert.equal(pair.nowUs - startUs, ROUND_TRIP_US * 3 / 2);
  assert.equal(connection.state, "finish-sent");
  assert(pair.runUntil(() => connection.state === "established", { withinUs: 1_000_000 }));
  assert.deepEqual(pair.client.wire.sent.slice(0, 2).map(({ bytes }) => typeOf(bytes)), [
    PacketType.hello,
    PacketType.clientFinish,
  ]);
});

Deno.test("handshake seeds the client's RTT estimate with the round trip of the Hello", () => {
  const pair = new Pair();
  pair.connect();
  assert(pair.runUntil(() => pair.client.heard("connected").length > 0, { withinUs: 1_000_000 }));
  assert.equal(pair.client.connection.stats.smoothedRttUs, ROUND_TRIP_US);
});

Deno.test("handshake seeds the server's RTT estimate with the age of the token", () => {
  const pair = new Pair();
  pair.connect();
  assert(pair.runUntil(() => pair.client.heard("connected").length > 0, { withinUs: 1_000_000 }));
  pair.send(new Uint8Array([1]));
  assert(pair.runUntil(() => pair.server.connections.length > 0, { withinUs: 1_000_000 }));
  assert.equal(pair.server.connection.stats.smoothedRttUs, ROUND_TRIP_US);
});

Deno.test("handshake does not seed the server's RTT estimate if the first packets were lost and the token is old", () => {
  const pair = new Pair();
  pair.client.wire.rule = losing(1, 2, 3);
  pair.connect();
  assert(pair.runUntil(() => pair.server.connections.length > 0, { withinUs: 5_000_000 }));
  assert.equal(pair.server.connection.stats.smoothedRttUs, 333_000);
});

Deno.test("handshake sends a first request in the first packet, and a PING 20 ms later if there is none", () => {
  const clientFinishes = (pair: Pair) =>
    pair.client.wire.sent.filter(({ bytes }) => typeOf(bytes) === PacketType.clientFinish);
  const busy = new Pair();
  busy.connect();
  assert(busy.runUntil(() => busy.client.heard("connected").length > 0, { withinUs: 1_000_000 }));
  assert.equal(clientFinishes(busy).length, 0);
  busy.run(10_000);
  busy.send(new Uint8Array(800));
  assert(busy.runUntil(() => busy.server.bytesOn(0).length === 800, { withinUs: 1_000_000 }));
  assert.equal(clientFinishes(busy).length, 1);
  const idle = new Pair();
  idle.connect();
  assert(idle.runUntil(() => idle.client.heard("connected").length > 0, { withinUs: 1_000_000 }));
  const connectedUs = idle.nowUs;
  assert(idle.runUntil(() => clientFinishes(idle).length > 0, { withinUs: 1_000_000 }));
  assert.equal(idle.nowUs - connectedUs, 20_000);
});

for (const lost of [1, 2, 3]) {
  Deno.test(`handshake survives ${lost} lost Hellos`, () => {
    const pair = new Pair();
    pair.client.wire.rule = ({ index }) => index < lost ? LOST : undefined;
    pair.connect();
    const startUs = pair.nowUs;
    assert(pair.runUntil(() => pair.client.connection.state === "established", { withinUs: 10_000_000 }));
    // 300 ms, then twice as long each time, then the round trips.
    const waitedUs = 300_000 * (2 ** lost - 1) + SILENCE_US;
    assert(pair.nowUs - startUs <= waitedUs + 2 * ROUND_TRIP_US, `it took ${pair.nowUs - startUs} us`);
    assert.equal(pair.server.connections.length, 1);
  });
}

Deno.test("handshake survives a lost ServerHello", () => {
  const pair = new Pair();
  pair.server.wire.rule = losing(0);
  pair.connect();
  assert(pair.runUntil(() => pair.client.connection.state === "established", { withinUs: 600_000 }));
  assert.equal(pair.client.wire.sent.filter(({ bytes }) => typeOf(bytes) === PacketType.hello).length, 2);
  // It is ambiguous which Hello was answered, so there is no RTT sample.
  assert.equal(pair.server.connections.length, 1);
});

Deno.test("handshake survives lost ClientFinish packets", () => {
  const pair = new Pair();
  pair.client.wire.rule = losing(1, 2, 3);
  pair.connect();
  assert(pair.runUntil(() => pair.client.connection.state === "established", { withinUs: 3_000_000 }));
  assert.equal(pair.server.connections.length, 1);
});

Deno.test("handshake survives the loss of the server's first Data packets", () => {
  const pair = new Pair();
  pair.server.wire.rule = losing(1, 2);
  pair.connect();
  assert(pair.runUntil(() => pair.client.connection.state === "established", { withinUs: 3_000_000 }));
  assert.equal(pair.server.connections.length, 1);
});

Deno.test("handshake succeeds if every packet is duplicated", () => {
  const pair = new Pair();
  pair.client.wire.rule = () => [{}, { extraDelayUs: 5000 }];
  pair.server.wire.rule = () => [{}, { extraDelayUs: 5000 }];
  pair.connect();
  assert(pair.runUntil(() => pair.client.connection.state === "established", { withinUs: 1_000_000 }));
  pair.run(1_000_000);
  assert.equal(pair.server.connections.length, 1);
  assert.equal(pair.client.connection.state, "established");
});

Deno.test("handshake drops corrupted packets and continues", () => {
  const pair = new Pair();
  pair.client.wire.rule = ({ index }) => index < 2 ? [{ corrupt: true }] : undefined;
  pair.server.wire.rule = ({ index }) => index < 1 ? [{ corrupt: true }] : undefined;
  pair.connect();
  assert(pair.runUntil(() => pair.client.connection.state === "established", { withinUs: 5_000_000 }));
});

Deno.test("handshake gives up after its timeout and reports it once", () => {
  const pair = new Pair();
  pair.client.wire.rule = () => LOST;
  pair.connect();
  pair.run(9_999_999);
  assert.equal(pair.client.connection.isClosed, false);
  pair.run(2);
  assert.equal(pair.client.connection.isClosed, true);
  assert.deepEqual(pair.client.heard("closed").map(({ reason }) => reason.kind), ["handshake-timeout"]);
  assert.equal(pair.client.endpoint.connectionCount, 0);
  assert(pair.isQuiet);
});

Deno.test("handshake does not count the time by which the program that connects is late", () => {
  const random = new Random(1);
  const endpoint = new Endpoint({
    isServer: false,
    staticKey: SERVER_KEY,
    randomBytes: (count) => random.bytes(count),
  });
  const connection = endpoint.connect(0, NetAddress.of("192.0.2.1", 1));
  const buffer = new Uint8Array(65_536);
  // Each time it is due, it has its turn three seconds later.
  const heldUpUs = 3_000_000;
  let hellos = 0;
  let nowUs = 0;
  for (; !connection.isClosed; nowUs = connection.pollTimeout() + heldUpUs) {
    connection.handleTimeout(nowUs);
    while (connection.pollTransmit(nowUs, buffer) > 0) hellos++;
    if (connection.isClosed) break;
  }
  // 300 ms after the first, then every 600 ms until ten seconds have passed.
  const expected = 2 + Math.floor((10_000_000 - 300_000) / 600_000);
  assert.equal(hellos, expected);
  assert(nowUs > expected * heldUpUs, `given up after ${nowUs} us`);
});

Deno.test("handshake gives up when nothing but the ServerHello arrives from the server", () => {
  const pair = new Pair();
  pair.server.wire.rule = ({ index }) => index > 0 ? LOST : undefined;
  pair.connect();
  pair.run(10_000_001);
  assert.deepEqual(pair.client.heard("closed").map(({ reason }) => reason.kind), ["handshake-timeout"]);
});

Deno.test("Endpoint keeps nothing for 2,000 Hellos and answers less than three times their bytes", () => {
  // The rate limit allows all of them: it is not what this test is about.
  const endpoint = server({ maxHandshakes: 100_000 });
  for (let i = 1; i <= 2_000; i++) {
    const bytes = hello(i);
    const result = endpoint.handleDatagram(i, bytes, NetAddress.parse(`10.0.${i >> 8}.${i & 0xff}:1000`));
    assert.equal(result.kind, "answer");
    assert(result.answer.length <= 3 * bytes.length);
    assert(result.answer.length < 400, `a ServerHello of ${result.answer.length} bytes`);
  }
  assert.equal(endpoint.connectionCount, 0);
});

Deno.test("Endpoint drops Hellos that are too short or have an invalid key", () => {
  const endpoint = server();
  const short = hello(5).subarray(0, 1199);
  assert.equal(endpoint.handleDatagram(0, short.slice(), NetAddress.parse("10.0.0.1:1")).kind, "drop");
  const damaged = hello(5).slice();
  damaged.fill(0, 22, 54);
  assert.equal(endpoint.handleDatagram(0, damaged, NetAddress.parse("10.0.0.1:1")).kind, "drop");
  assert.equal(endpoint.drops.get("damaged"), 1);
});

Deno.test("Endpoint sends no response to empty datagrams, random bytes and single bytes", () => {
  const endpoint = server();
  const random = new Random(3);
  assert.equal(endpoint.handleDatagram(0, new Uint8Array(0), NetAddress.parse("10.0.0.1:1")).kind, "drop");
  for (let i = 0; i < 256; i++) {
    assert.equal(endpoint.handleDatagram(0, new Uint8Array([i]), NetAddress.parse("10.0.0.1:1")).kind, "drop");
    const rubbish = random.bytes(random.integer(1, 100));
    assert.equal(endpoint.handleDatagram(0, rubbish, NetAddress.parse("10.0.0.1:1")).kind, "drop");
  }
  assert.equal(endpoint.connectionCount, 0);
});

Deno.test("Endpoint creates no connection for a ClientFinish whose token has expired", () => {
  const pair = new Pair();
  pair.client.wire.rule = ({ bytes }) => typeOf(bytes) === PacketType.clientFinish ? LOST : undefined;
  pair.connect();
  pair.run(100_000);
  const clientFinish = firstClientFinish(pair);
  const { endpoint } = pair.server;
  const tooLateUs = pair.nowUs + TOKEN_LIFETIME_US + 1;
  const result = endpoint.handleDatagram(tooLateUs, clientFinish.slice(), pair.client.address);
  assert.deepEqual([result.kind, result.reason], ["drop", "bad token"]);
  assert.equal(endpoint.connectionCount, 0);
  assert.equal(endpoint.handleDatagram(pair.nowUs, clientFinish.slice(), pair.client.address).kind, "new-connection");
});

Deno.test("Endpoint accepts a ClientFinish whose token took ten seconds there and back", () => {
  const pair = new Pair();
  pair.client.wire.rule = ({ bytes }) => typeOf(bytes) === PacketType.clientFinish ? LOST : undefined;
  pair.connect();
  pair.run(100_000);
  const { endpoint } = pair.server;
  const result = endpoint.handleDatagram(pair.nowUs + 10_100_000, firstClientFinish(pair).slice(), pair.client.address);
  assert.equal(result.kind, "new-connection");
});

Deno.test("Endpoint creates no connection for a token that was issued to another address", () => {
  const pair = new Pair();
  pair.client.wire.rule = ({ bytes }) => typeOf(bytes) === PacketType.clientFinish ? LOST : undefined;
  pair.connect();
  pair.run(100_000);
  const { endpoint } = pair.server;
  for (const other of [NetAddress.parse("10.0.0.1:4001"), NetAddress.parse("10.0.0.9:4000")]) {
    assert.equal(endpoint.handleDatagram(pair.nowUs, firstClientFinish(pair).slice(), other).reason, "bad token");
  }
  assert.equal(endpoint.connectionCount, 0);
});

Deno.test("Endpoint neither creates nor refuses a connection for a ClientFinish whose frames or tag were modified", () => {
  for (const authorize of [() => undefined, () => "not you"]) {
    const pair = new Pair({ serverEndpoint: { authorize } });
    pair.client.wire.rule = ({ bytes }) => typeOf(bytes) === PacketType.clientFinish ? LOST : undefined;
    pair.connect();
    pair.run(100_000);
    const { endpoint } = pair.server;
    const genuine = firstClientFinish(pair);
    for (const fromEnd of [1, 16, 17, 20]) {
      const changed = genuine.slice();
      changed[changed.length - fromEnd]! ^= 1;
      const { kind, reason } = endpoint.handleDatagram(pair.nowUs, changed, pair.client.address);
      assert.deepEqual({ kind, reason }, { kind: "drop", reason: "damaged" });
      assert.equal(endpoint.connectionCount, 0);
    }
    const { kind } = endpoint.handleDatagram(pair.nowUs, genuine.slice(), pair.client.address);
    assert.equal(kind, authorize() === undefined ? "new-connection" : "answer");
  }
});

Deno.test("Endpoint creates no connection while its record of ended connections is full, and does so later", () => {
  const pair = Pair.connected({ serverEndpoint: { maxRememberedClosed: 1 } });
  pair.client.connection.close(pair.nowUs, 0, "");
  pair.run(4_000_000);
  const { endpoint } = pair.server;
  assert.equal(endpoint.rememberedCount, 1);
  const second = pair.connect();
  pair.run(2_000_000);
  assert.equal(second.state, "finish-sent");
  assert.equal(endpoint.connectionCount, 0);
  assert((endpoint.drops.get("too many handshakes") ?? 0) > 0);
  second.close(pair.nowUs, 0, "");
  pair.run(TOKEN_LIFETIME_US);
  const third = pair.connect();
  pair.run(1_000_000);
  assert.equal(third.state, "established");
});

Deno.test("Endpoint drops a ClientFinish that is replayed after its connection has ended", () => {
  const pair = Pair.connected();
  const clientFinish = firstClientFinish(pair);
  pair.client.connection.close(pair.nowUs, 0, "");
  pair.run(4_000_000);
  const { endpoint } = pair.server;
  assert.equal(endpoint.connectionCount, 0);
  assert.equal(endpoint.rememberedCount, 1);
  const result = endpoint.handleDatagram(pair.nowUs, clientFinish.slice(), pair.client.address);
  assert.equal(result.kind, "drop");
  assert.equal(result.reason, "repeated");
  // And when its ID is forgotten, so is its token.
  const later = endpoint.handleDatagram(pair.nowUs + TOKEN_LIFETIME_US + 1, clientFinish.slice(), pair.client.address);
  assert.equal(later.reason, "bad token");
  assert.equal(endpoint.connectionCount, 0);
});

Deno.test("Endpoint responds to an unknown version of a Hello's size with the versions that it supports", () => {
  const endpoint = server();
  const bytes = hello(0x1234).slice();
  new DataView(bytes.buffer).setUint32(1, 0x534c_0099);
  const result = endpoint.handleDatagram(0, bytes.slice(), NetAddress.parse("10.0.0.1:1"));
  assert.equal(result.kind, "answer");
  const header = new PacketHeader();
  assert(header.decode(result.answer));
  assert.equal(header.type, PacketType.versionNegotiation);
  assert.equal(header.destinationId, 0x1234);
  assert.deepEqual(readVersions(result.answer, header), [VERSION]);
  assert.equal(endpoint.handleDatagram(0, bytes.subarray(0, 1199), NetAddress.parse("10.0.0.1:1")).kind, "drop");
});

Deno.test("handshake ends when the server supports only other versions, but not on a list that includes ours", () => {
  for (
    const [versions, ends] of [[[0x534c_0008, 0x534c_0009], true], [[0x534c_0008, VERSION], false]] as const
  ) {
    const pair = new Pair();
    pair.client.wire.rule = () => LOST;
    const { localId } = pair.connect();
    pair.run(1000);
    const list = new Uint8Array(29);
    const view = new DataView(list.buffer);
    list[0] = PacketType.versionNegotiation;
    view.setBigUint64(5, BigInt(localId));
    versions.forEach((version, i) => view.setUint32(21 + 4 * i, version));
    pair.inject(pair.client, list);
    assert.equal(pair.client.connection.isClosed, ends);
    assert.deepEqual(
      pair.client.heard("closed").map(({ reason }) => reason),
      ends ? [{ kind: "version", supported: [...versions] }] : [],
    );
  }
});

Deno.test("Endpoint that is full sends a Refusal with a reason and keeps no state", () => {
  const pair = new Pair({ serverEndpoint: { limits: { maxConnections: 1 } } });
  pair.connect();
  pair.run(200_000);
  assert.equal(pair.server.endpoint.connectionCount, 1);
  pair.connect();
  pair.run(500_000);
  assert.equal(pair.server.endpoint.connectionCount, 1);
  const [closed] = pair.client.heard("closed");
  assert(closed?.reason.kind === "peer");
  assert.equal(closed.reason.code, TransportErrorCode.unavailable);
  assert.match(closed.reason.reason, /full/);
  assert.equal(pair.client.connections[0]!.state, "established");
});

Deno.test("Endpoint that is about to stop refuses new connections and keeps the existing ones", () => {
  const pair = Pair.connected();
  pair.server.endpoint.refuseNew();
  pair.connect();
  pair.run(500_000);
  const [closed] = pair.client.heard("closed");
  assert(closed?.reason.kind === "peer");
  assert.match(closed.reason.reason, /shutting down/);
  assert.equal(pair.client.connections[0]!.state, "established");
  assert.equal(pair.server.endpoint.connectionCount, 1);
});

Deno.test("Endpoint assigns no connection ID that another connection has, or had recently", () => {
  const random = new Random(3);
  // The random source returns each ID five times.
  let draws = 0;
  let drawn = random.bytes(8);
  const randomBytes = (count: number): Uint8Array => {
    if (count !== 8) return random.bytes(count);
    if (draws++ % 5 === 0) drawn = random.bytes(8);
    return drawn.slice();
  };
  const pair = new Pair({ serverEndpoint: { randomBytes } });
  for (let i = 0; i < 3; i++) {
    pair.connect();
    pair.run(200_000);
  }
  pair.client.connections[0]!.close(pair.nowUs, 0, "");
  pair.run(2_000_000);
  for (let i = 0; i < 3; i++) {
    pair.connect();
    pair.run(200_000);
  }
  assert.equal(new Set(pair.server.connections.map(({ localId }) => localId)).size, 6);
  assert.equal(pair.server.endpoint.connectionCount, 5);
});

Deno.test("Endpoint accepts another connection when one has ended", () => {
  const pair = new Pair({ serverEndpoint: { limits: { maxConnections: 1 } } });
  for (let i = 0; i < 5; i++) {
    pair.connect();
    assert(pair.runUntil(() => pair.client.connection.state === "established", { withinUs: 1_000_000 }), `round ${i}`);
    pair.client.connection.close(pair.nowUs, 0, "");
    pair.run(4_000_000);
    assert.equal(pair.server.endpoint.connectionCount, 0);
    assert.equal(pair.client.endpoint.connectionCount, 0);
  }
  assert.equal(pair.server.connections.length, 5);
});
