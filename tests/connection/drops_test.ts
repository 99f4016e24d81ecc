// Datagrams that an on-path attacker has modified, replayed or forged: each is dropped, changes nothing,
// and is counted under the matching reason.

import assert from "node:assert/strict";
import { Random } from "../../base/random.ts";
import { type DropReason } from "../../protocol/mod.ts";
import { PacketType } from "../../protocol/wire/packet.ts";
import { Pair } from "../../testing/connection_pair.ts";

const TEXT = new TextEncoder().encode("what must arrive as it is, ".repeat(2_000));

/** First byte of the connection ID, and of the packet number behind it. */
const ID_AT = 1;
const NUMBER_AT = 9;

/** An encrypted connection on which the server has received {@link TEXT}. */
function delivered(clientKey = 22): Pair {
  const key = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
  const pair = new Pair({ serverEndpoint: { staticKey: key(11) }, clientEndpoint: { staticKey: key(clientKey) } });
  pair.connect();
  assert(pair.runUntil(() => pair.client.heard("connected").length > 0, { withinUs: 1_000_000 }));
  pair.send(TEXT);
  assert(pair.runUntil(() => pair.server.bytesOn(0).length === TEXT.length, { withinUs: 10_000_000 }));
  pair.run(200_000);
  return pair;
}

/** The first, or last, packet of a type that the client sent. */
function sent(pair: Pair, type: PacketType, which: "first" | "last" = "first"): Uint8Array {
  const packets = pair.client.wire.sent.filter(({ bytes }) => bytes[0] === type);
  return packets.at(which === "first" ? 0 : -1)!.bytes.slice();
}

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const out = bytes.slice();
  out[at < 0 ? out.length + at : at]! ^= 0x10;
  return out;
}

/** The increase of the server's drop counters. */
function newDrops(pair: Pair, act: () => void): Partial<Record<DropReason, number>> {
  const before = new Map(pair.server.endpoint.drops);
  act();
  const now = [...pair.server.endpoint.drops].map(([reason, count]) => [reason, count - (before.get(reason) ?? 0)]);
  return Object.fromEntries(now.filter(([, count]) => count !== 0));
}

Deno.test("Endpoint.drops distinguishes modified and forged packets from replayed ones", () => {
  const pair = delivered();
  const data = sent(pair, PacketType.data, "last");
  const other = sent(delivered(33), PacketType.data, "last");
  const random = new Random(5);
  const cases: readonly (readonly [what: string, bytes: Uint8Array, reason: DropReason])[] = [
    ["as it was", data, "repeated"],
    ["another byte of its text", flipped(data, 40), "damaged"],
    ["another tag", flipped(data, -1), "damaged"],
    ["another number", flipped(data, NUMBER_AT), "damaged"],
    ["cut short", data.slice(0, -1), "damaged"],
    ["longer", Uint8Array.of(...data, 0), "damaged"],
    ["its header, and what came to mind", Uint8Array.of(...data.slice(0, 12), ...random.bytes(80)), "damaged"],
    ["that of another connection", Uint8Array.of(...data.slice(0, NUMBER_AT), ...other.slice(NUMBER_AT)), "damaged"],
    ["half a header", data.slice(0, 5), "malformed"],
    ["another type", flipped(data, 0), "malformed"],
    ["another connection's ID", flipped(data, ID_AT + 5), "unknown connection"],
  ];
  for (const [what, bytes, reason] of cases) {
    assert.deepEqual(newDrops(pair, () => pair.inject(pair.server, bytes)), { [reason]: 1 }, what);
  }
  assert.equal(pair.server.connection.state, "established");
  assert.deepEqual(pair.server.bytesOn(0), TEXT);
});

Deno.test("Endpoint.drops counts modified Hello and ClientFinish packets, and the endpoint accepts the genuine ones", () => {
  const pair = delivered();
  const hello = sent(pair, PacketType.hello);
  const clientFinish = sent(pair, PacketType.clientFinish);
  const cases: readonly (readonly [what: string, bytes: Uint8Array, reason: DropReason])[] = [
    ["a Hello whose key is of low order", hello.fill(0, 22, 54), "damaged"],
    ["a Hello that is too short", hello.slice(0, 1199), "malformed"],
    ["a Hello of another version", flipped(hello, 4), "unknown version"],
    ["a ClientFinish as it was", clientFinish, "repeated"],
    ["a ClientFinish with another text", flipped(clientFinish, -20), "damaged"],
    ["a ClientFinish for another connection", flipped(clientFinish, 10), "bad token"],
  ];
  for (const [what, bytes, reason] of cases) {
    assert.deepEqual(newDrops(pair, () => pair.inject(pair.server, bytes)), { [reason]: 1 }, what);
  }
  assert.equal(pair.server.connections.length, 1);
});

Deno.test("Endpoint.drops identifies packets replayed after the end of their connection", () => {
  const pair = delivered();
  const data = sent(pair, PacketType.data);
  const clientFinish = sent(pair, PacketType.clientFinish);
  pair.client.connection.close(pair.nowUs, 0, "");
  assert(pair.runUntil(() => pair.server.connection.state === "draining", { withinUs: 1_000_000 }));
  assert.deepEqual(newDrops(pair, () => pair.inject(pair.server, data)), { late: 1 });
  pair.run(4_000_000);
  assert.deepEqual(newDrops(pair, () => pair.inject(pair.server, data)), { "unknown connection": 1 });
  assert.deepEqual(newDrops(pair, () => pair.inject(pair.server, clientFinish)), { repeated: 1 });
  assert.equal(pair.server.endpoint.connectionCount, 0);
});

Deno.test("Endpoint.drops of a client counts packets that were modified on the way to it", () => {
  const pair = delivered();
  const answers = pair.server.wire.sent.map(({ bytes }) => bytes);
  const data = answers.filter((bytes) => bytes[0] === PacketType.data).at(-1)!;
  const { drops } = pair.client.endpoint;
  pair.inject(pair.client, flipped(data, -1));
  assert.equal(drops.get("damaged"), 1);
  pair.inject(pair.client, data);
  assert.equal(drops.get("repeated"), 1);
  pair.inject(pair.client, answers.find((bytes) => bytes[0] === PacketType.serverHello)!);
  assert.equal(drops.get("out of place"), 1);
  assert.equal(pair.client.connection.state, "established");
});
