import assert from "node:assert/strict";
import { NetAddress } from "../../base/net_address.ts";
import { Random } from "../../base/random.ts";
import { MAX_PATH_PACKETS_BEYOND_WINDOW } from "../../protocol/limits.ts";
import { writeAck, writePathChallenge, writePing } from "../../protocol/wire/frame.ts";
import { LOST, Pair } from "../../testing/connection_pair.ts";

/** Addresses that differ in the port only, and one on another host. */
const MOVES = [NetAddress.parse("10.0.0.1:4999"), NetAddress.parse("192.168.7.7:4000")];

Deno.test("Connection continues when the client's address changes during an upload", () => {
  for (const address of MOVES) {
    const pair = Pair.connected();
    const bytes = new Random(1).bytes(2_000_000);
    pair.send(bytes);
    pair.run(150_000);
    assert(pair.server.bytesOn(0).length < bytes.length);
    pair.client.address = address;
    assert(
      pair.runUntil(() => pair.client.heard("stream-delivered").length === 1, { withinUs: 5_000_000 }),
      address.text,
    );
    assert.deepEqual(pair.server.bytesOn(0), bytes);
    assert.equal(pair.server.connection.remote.text, address.text);
    assert.deepEqual(pair.server.heard("address-changed").map(({ remote }) => remote), [address]);
  }
});

Deno.test("Connection continues when the client's address changes during a download", () => {
  for (const address of MOVES) {
    const pair = Pair.connected();
    const bytes = new Random(1).bytes(2_000_000);
    pair.server.onEvent = (event) => {
      if (event.kind !== "stream-opened") return;
      event.stream.write(bytes);
      event.stream.finish();
    };
    pair.send(new Uint8Array(10));
    pair.run(250_000);
    const before = pair.client.bytesOn(0).length;
    assert(before > 0 && before < bytes.length);
    pair.client.address = address;
    // The client sends nothing until its keep-alive timer expires.
    assert(pair.runUntil(() => pair.client.bytesOn(0).length === bytes.length, { withinUs: 8_000_000 }), address.text);
    assert.deepEqual(pair.client.bytesOn(0), bytes);
  }
});

Deno.test("Connection sends at most three times the received bytes to a new address until it is validated", () => {
  const pair = Pair.connected();
  const bytes = new Random(1).bytes(1_000_000);
  pair.server.onEvent = (event) => {
    if (event.kind !== "stream-opened") return;
    event.stream.write(bytes);
    event.stream.finish();
  };
  const stream = pair.send(new Uint8Array(10), { finish: false });
  pair.run(200_000);
  // From here on nothing reaches the client, so the challenge gets no response.
  pair.client.address = NetAddress.parse("192.168.7.7:4000");
  pair.server.wire.rule = () => LOST;
  pair.run(1000);
  const clientStart = pair.client.wire.sent.length;
  stream.write(new Uint8Array(500));
  pair.serve(pair.client);
  pair.run(19_000);
  let serverSent = pair.server.wire.sent.length;
  for (let i = 0; i < 200; i++) {
    pair.run(100_000);
    if (!pair.server.connection.remote.equals(pair.client.address)) {
      serverSent = pair.server.wire.sent.length;
      continue;
    }
    const received = sum(pair.client.wire.sent.slice(clientStart));
    const sent = sum(pair.server.wire.sent.slice(serverSent));
    assert(sent <= 3 * received, `${sent} bytes to an address that sent ${received}`);
  }
  assert.equal(pair.server.connection.remote.text, pair.client.address.text);
  pair.server.wire.rule = () => undefined;
  assert(pair.runUntil(() => pair.client.bytesOn(0).length === bytes.length, { withinUs: 20_000_000 }));
});

Deno.test("Connection sends at most three times the received bytes to a new address when it closes, too", () => {
  for (const packets of [1, 2, 5]) {
    const pair = Pair.connected();
    pair.send(new Uint8Array(10));
    pair.run(500_000);
    pair.client.address = NetAddress.parse("192.168.7.7:4000");
    const sentBefore = pair.server.wire.sent.length;
    // A packet that migrates the connection, and others that violate the protocol; CONNECTION_CLOSE is longer than both.
    pair.forge(pair.client, (writer) => writePing(writer), 1_000);
    const neverSent = { length: 1, start: () => 60, end: () => 61 };
    for (let n = 0; n < packets; n++) {
      pair.forge(pair.client, (w) => writeAck(w, neverSent, { ackDelayUs: 0, maxBytes: 40 }), 2_000 + n);
    }
    const sent = sum(pair.server.wire.sent.slice(sentBefore));
    // A header, a packet number of two bytes, a frame and a tag.
    const received = 1 + 8 + 2 + 1 + 16 + packets * (1 + 8 + 2 + 5 + 16);
    assert.equal(pair.server.heard("closed").length, 1);
    assert(sent <= 3 * received, `${sent} bytes for ${received}`);
  }
});

Deno.test("Connection responds to a flood of challenges with little more than its congestion window allows", () => {
  const pair = Pair.connected();
  pair.client.wire.rule = () => LOST;
  pair.send(new Uint8Array(1_000_000));
  pair.run(50_000);
  for (let n = 0; n < 500; n++) pair.forge(pair.server, (w) => writePathChallenge(w, new Uint8Array(8)), 1_000 + n);
  const { bytesInFlight, congestionWindowBytes, datagramBytes } = pair.client.connection.stats;
  const most = congestionWindowBytes + (MAX_PATH_PACKETS_BEYOND_WINDOW + 2) * datagramBytes;
  assert(bytesInFlight > congestionWindowBytes, "a response does not wait for the window");
  assert(bytesInFlight <= most, `${bytesInFlight} bytes in flight, the window is ${congestionWindowBytes}`);
});

Deno.test("Connection does not follow a late packet back to the old address", () => {
  const pair = Pair.connected();
  const stream = pair.send(new Uint8Array(1000), { finish: false });
  pair.run(500_000);
  const old = pair.client.address;
  const held = pair.client.wire.sent.length;
  pair.client.wire.rule = ({ index }) => index === held ? [{ extraDelayUs: 300_000 }] : undefined;
  stream.write(new Uint8Array(1000));
  pair.serve(pair.client);
  pair.client.address = NetAddress.parse("10.0.0.1:4999");
  stream.write(new Uint8Array(1000));
  pair.serve(pair.client);
  pair.run(1_000_000);
  assert.notEqual(pair.server.connection.remote.text, old.text);
  assert.equal(pair.server.heard("address-changed").length, 1);
  assert.equal(pair.server.bytesOn(0).length, 3000);
});

Deno.test("Connection does not migrate for a datagram whose tag is invalid", () => {
  const pair = Pair.connected();
  pair.run(500_000);
  const copy = pair.client.wire.sent.at(-1)!.bytes.slice();
  copy[9]! += 1; // another packet number
  pair.inject(pair.server, copy, NetAddress.parse("203.0.113.5:666"));
  assert.equal(pair.server.connection.remote.text, pair.client.address.text);
  assert.equal(pair.server.heard("address-changed").length, 0);
});

Deno.test("Connection of a client does not follow the server to another address", () => {
  const pair = Pair.connected();
  const remote = pair.client.connection.remote;
  pair.server.address = NetAddress.parse("10.0.0.2:5999");
  pair.send(new Uint8Array(100));
  pair.run(500_000);
  assert.equal(pair.client.connection.remote.text, remote.text);
});

function sum(datagrams: readonly { readonly bytes: Uint8Array }[]): number {
  return datagrams.reduce((total, { bytes }) => total + bytes.length, 0);
}
