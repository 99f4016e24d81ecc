// What an endpoint refuses and drops under overload. The decision is in `admission.ts`.

import assert from "node:assert/strict";
import { NetAddress } from "../../base/net_address.ts";
import { Random } from "../../base/random.ts";
import { Writer } from "../../base/bytes.ts";
import { type AdmissionLimits, Endpoint, TransportErrorCode } from "../../protocol/mod.ts";
import { writeDataHeader, writeHello } from "../../protocol/wire/packet.ts";
import { Pair, SERVER_KEY } from "../../testing/connection_pair.ts";

function hello(sourceId: number): Uint8Array {
  const buffer = new Uint8Array(1200);
  const handshake = new Uint8Array(32).fill(9);
  return buffer.subarray(0, writeHello(new Writer().reset(buffer), { sourceId, handshake }));
}

function server(options: { readonly limits: Partial<AdmissionLimits> }): Endpoint {
  const random = new Random(1);
  return new Endpoint({
    isServer: true,
    staticKey: SERVER_KEY,
    randomBytes: (count) => random.bytes(count),
    ...options,
  });
}

Deno.test("Endpoint responds to a flood of Hellos up to its rate limit, drops the rest, and still serves clients with a token", () => {
  const endpoint = server({ limits: { maxHandshakes: 100, maxAnswers: 1000 } });
  const pair = new Pair({ serverEndpoint: { limits: { maxHandshakes: 100, maxAnswers: 1000 } } });
  const kinds = { answer: 0, drop: 0 };
  for (let i = 0; i < 5000; i++) {
    const { kind } = endpoint.handleDatagram(0, hello(i + 1), NetAddress.parse(`198.51.${i >> 8}.${i & 255}:1`));
    kinds[kind as keyof typeof kinds]++;
    // The same flood reaches a server between a client's Hello and its ClientFinish.
    if (i === 2500) pair.connect();
    pair.server.endpoint.handleDatagram(pair.nowUs, hello(i + 1), NetAddress.parse(`198.51.${i >> 8}.${i & 255}:1`));
  }
  assert.deepEqual(kinds, { answer: 110, drop: 4890 });
  assert.equal(endpoint.drops.get("too many handshakes"), 4890);
  // Its Hello is dropped, if at all, and repeated.
  assert(pair.runUntil(() => pair.client.connection.state === "established", { withinUs: 2_000_000 }));
});

Deno.test("Endpoint drops a ClientFinish beyond its source's rate limit, and accepts its retransmission", () => {
  const pair = new Pair({ serverEndpoint: { limits: { maxHandshakesPerAddress: 1 } } });
  const connections = [0, 1, 2].map(() => pair.connect());
  pair.run(200_000);
  assert.deepEqual(connections.map(({ state }) => state), ["established", "established", "finish-sent"]);
  assert.equal(pair.server.endpoint.drops.get("too many handshakes")! > 0, true);
  pair.run(2_000_000);
  assert.equal(connections[2]!.state, "established");
});

Deno.test("Endpoint accepts no more connections from one address than allowed, and refuses others with a reason", () => {
  const pair = new Pair({ serverEndpoint: { limits: { maxConnectionsPerAddress: 2 } } });
  const connections = [0, 1, 2].map(() => pair.connect());
  pair.run(500_000);
  assert.deepEqual(connections.slice(0, 2).map(({ state }) => state), ["established", "established"]);
  const reason = connections[2]!.closeReason;
  assert(reason?.kind === "peer" && reason.code === TransportErrorCode.unavailable);
  assert.match(reason.reason, /has enough of your address, with 2 connections/);
  connections[0]!.close(pair.nowUs, 0, "");
  pair.run(2_000_000);
  const another = pair.connect();
  pair.run(500_000);
  assert.equal(another.state, "established");
});

Deno.test("Endpoint sends no more Resets than its rate limit allows, drops the rest unread, and counts all", () => {
  const endpoint = server({ limits: { maxAnswers: 100 } });
  const undecryptable = new Uint8Array(100);
  const kinds = Array.from(
    { length: 50 },
    () => endpoint.handleDatagram(0, dataPacket(undecryptable), NetAddress.parse("192.0.2.1:1")).kind,
  );
  assert.equal(kinds.filter((kind) => kind === "answer").length, 10);
  assert.equal(endpoint.drops.get("unknown connection"), 50);
});

/** A Data packet of no connection. */
function dataPacket(payload: Uint8Array): Uint8Array {
  const buffer = new Uint8Array(200);
  const headerEnd = writeDataHeader(new Writer().reset(buffer), Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7), 9);
  buffer.set(payload, headerEnd);
  return buffer.slice(0, headerEnd + payload.length);
}
