import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import type { Connection, Endpoint } from "../../protocol/mod.ts";
import { PacketProtection } from "../../protocol/crypto/packet_protection.ts";
import { PacketHeader } from "../../protocol/wire/packet.ts";
import { PeerIdentity } from "../../protocol/handshake/peer_identity.ts";
import { decodeFrames, fromHex } from "../../testing/wire_values.ts";
import {
  ACCESS_TOKEN,
  answerOf,
  CLIENT_ADDRESS,
  FRAMES,
  makeBusyServer,
  makeClient,
  makeServer,
  makeVectors,
  NOW_US,
  otherVersion,
  readBlocks,
  SERVER_ADDRESS,
  transmitted,
  unknownData,
} from "./vectors.ts";

const TEXT = await Deno.readTextFile(new URL("../../docs/PROTOCOL.md", import.meta.url));
const SHOWN = readBlocks(TEXT, "vectors");

/** Bytes that the text shows; a copy. */
function shown(name: string): Uint8Array {
  const hex = SHOWN.get(name);
  assert(hex !== undefined, `PROTOCOL.md shows ${name}`);
  return fromHex(hex);
}

Deno.test("PROTOCOL.md shows the vectors that this implementation computes, and no others", () => {
  assert.deepEqual([...SHOWN], [...makeVectors()]);
});

Deno.test("the vectors' client accepts what PROTOCOL.md shows, and sends it", () => {
  const { client, connection } = connected();
  assert.equal(connection.state, "finish-sent");
  const stream = connection.openStream()!;
  stream.write(fromHex("0300"));
  stream.finish();
  const finish = transmitted(connection);
  const header = new PacketHeader();
  assert(header.decode(finish));
  const expected = shown("ClientFinish");
  assert.equal(finish.subarray(0, header.headerEnd).toHex(), expected.subarray(0, header.headerEnd).toHex());
  receive(client, shown("Data, server, 0"));
  assert.equal(connection.state, "established");
  assert.equal(stream.peek().toHex(), "140100");
  assert(stream.isEndReceived);
});

Deno.test("the vectors' client believes the Refusal and the Reset that PROTOCOL.md shows, and no other bytes", () => {
  for (const [name, kind] of [["Refusal", "peer"], ["Reset", "reset"]] as const) {
    const { client, connection } = connected();
    for (let at = 1; at < shown(name).length; at++) {
      const damaged = shown(name);
      damaged[at]! ^= 1;
      receive(client, damaged);
      assert.equal(connection.state, "finish-sent", `${name} with byte ${at} changed`);
    }
    receive(client, shown(name));
    assert.equal(connection.closeReason?.kind, kind);
    if (connection.closeReason?.kind === "peer") assert.equal(connection.closeReason.reason, "full");
  }
});

Deno.test("the vectors' client drops the ServerHello that PROTOCOL.md shows with any byte changed, and waits for it", () => {
  const client = makeClient();
  const connection = client.connect(NOW_US, SERVER_ADDRESS);
  transmitted(connection);
  for (let at = 0; at < shown("ServerHello").length; at++) {
    const damaged = shown("ServerHello");
    damaged[at]! ^= 1;
    receive(client, damaged);
    assert.equal(connection.state, "hello-sent", `byte ${at} changed`);
  }
  receive(client, shown("ServerHello"));
  assert.equal(connection.state, "finish-sent");
});

Deno.test("the vectors' client drops the VersionNegotiation that PROTOCOL.md shows: it lists the version in use", () => {
  const client = makeClient();
  const connection = client.connect(NOW_US, SERVER_ADDRESS);
  transmitted(connection);
  receive(client, shown("VersionNegotiation"));
  assert.equal(connection.state, "hello-sent");
});

Deno.test("the vectors' client sends its Hello again with the cookie that PROTOCOL.md shows, and a server takes it", () => {
  const client = makeClient();
  const connection = client.connect(NOW_US, SERVER_ADDRESS);
  transmitted(connection);
  receive(client, shown("Cookie"));
  const hello = transmitted(connection);
  assert.equal(hello.subarray(0, shown("Hello with cookie").length).toHex(), shown("Hello with cookie").toHex());
  const busy = makeBusyServer();
  answerOf(busy, shown("Hello"));
  assert.equal(answerOf(busy, shown("Hello"))[0], shown("Cookie")[0]);
  assert.equal(answerOf(busy, hello)[0], shown("ServerHello")[0]);
});

Deno.test("the vectors' server accepts what PROTOCOL.md shows", () => {
  let provesToken = false;
  const server = makeServer({
    authorize: (peer: PeerIdentity) => {
      provesToken = peer.provesToken(ACCESS_TOKEN);
      return undefined;
    },
  });
  assert.equal(answerOf(server, shown("Hello")).toHex(), shown("ServerHello").toHex());
  const { connection, kind } = receive(server, shown("ClientFinish"));
  assert.equal(kind, "new-connection");
  assert(provesToken, "the proof is that of the access token");
  const event = [connection!.pollEvent(), connection!.pollEvent()].find((event) => event?.kind === "stream-opened");
  assert(event?.kind === "stream-opened");
  assert.equal(event.stream.peek().toHex(), "0300");
  assert(event.stream.isEndReceived);
  event.stream.write(fromHex("140100"));
  event.stream.finish();
  // Acknowledged by the client's first Data packet.
  assert(transmitted(connection!).length > 0);
  for (const name of ["Data, client, 1", "Data, client, 2^22"]) {
    const { kind, reason } = receive(server, shown(name));
    assert.deepEqual({ kind, reason }, { kind: "connection", reason: undefined }, name);
  }
  assert.equal(receive(server, shown("ClientFinish")).reason, "repeated");
  assert.equal(connection!.state, "established");
});

Deno.test("the vectors' packets open under the keys that PROTOCOL.md shows, and hold the frames that it shows", () => {
  for (const [name, frames] of Object.entries(FRAMES)) {
    const isServers = name.includes("server");
    const receive = shown(isServers ? "ks, key 0" : "kc, key 0");
    const header = new PacketHeader();
    const packet = shown(name);
    assert(header.decode(packet));
    const protection = new PacketProtection({ receive, send: new Uint8Array(32) });
    const end = protection.open(packet, header.headerEnd, header.packetNumber);
    assert.equal(packet.subarray(header.headerEnd, end).toHex(), SHOWN.get(`frames of ${name}`), name);
    assert.deepEqual(decodeFrames(shown(`frames of ${name}`)), { values: frames, error: undefined });
  }
});

Deno.test("the tag and the MAC that PROTOCOL.md shows are under the keys that it shows", () => {
  const mac = (key: string, ...covered: readonly Uint8Array[]): string => {
    const hmac = createHmac("sha256", shown(key));
    for (const bytes of covered) hmac.update(bytes);
    return new Uint8Array(hmac.digest().subarray(0, 16)).toHex();
  };
  const serverHello = shown("ServerHello");
  assert.equal(serverHello.subarray(-16).toHex(), mac("key of the tag", serverHello.subarray(0, -16)));
  const refusal = shown("Refusal");
  const codeAndText = refusal.subarray(29);
  assert.equal(refusal.subarray(13, 29).toHex(), mac("key of the MAC", refusal.subarray(0, 13), codeAndText));
});

Deno.test("PROTOCOL.md's table of answers has the sizes that a server with default parameters sends", () => {
  const hello = shown("Hello");
  const server = makeServer({ config: {} });
  const serverHello = answerOf(server, hello);
  const sized = (datagram: Uint8Array, bytes: number): Uint8Array => {
    const copy = new Uint8Array(bytes);
    copy.set(datagram.subarray(0, bytes));
    return copy;
  };
  const busy = makeBusyServer();
  answerOf(busy, hello);
  const badToken = shown("ClientFinish");
  badToken[30]! ^= 1;
  const sent: readonly [string, Uint8Array, number][] = [
    ["Hello", hello, serverHello.length],
    ["Hello, under a flood", hello, lengthOfAnswer(busy, hello)],
    ["packet of another version", otherVersion(hello), lengthOfAnswer(server, otherVersion(hello))],
    [
      "packet of another version",
      sized(otherVersion(hello), 1199),
      lengthOfAnswer(server, sized(otherVersion(hello), 1199)),
    ],
    ["Data for an unknown connection", unknownData(), lengthOfAnswer(server, unknownData())],
    ["Data for an unknown connection", sized(unknownData(), 29), lengthOfAnswer(server, sized(unknownData(), 29))],
    ["ClientFinish with a bad token", badToken, lengthOfAnswer(server, badToken)],
    ["Reset", shown("Reset"), lengthOfAnswer(server, shown("Reset"))],
  ];
  const rows = [...TEXT.matchAll(/^\| (\w[^|]*?) +\| (\d+) +\| ([\w ]+?) +\| (\d+) +\| (\d\.\d\d) +\|$/gm)];
  assert.deepEqual(
    rows.map(([, name, from, , to, factor]) => [name, Number(from), Number(to), factor]),
    sent.map(([name, datagram, answer]) => [name, datagram.length, answer, (answer / datagram.length).toFixed(2)]),
  );
});

/** A client that has received the ServerHello of the text. */
function connected(): { readonly client: Endpoint; readonly connection: Connection } {
  const client = makeClient();
  const connection = client.connect(NOW_US, SERVER_ADDRESS);
  assert.equal(transmitted(connection).toHex(), SHOWN.get("Hello"));
  receive(client, shown("ServerHello"));
  return { client, connection };
}

function receive(endpoint: Endpoint, datagram: Uint8Array): ReturnType<Endpoint["handleDatagram"]> {
  return endpoint.handleDatagram(NOW_US, datagram, CLIENT_ADDRESS);
}

function lengthOfAnswer(endpoint: Endpoint, datagram: Uint8Array): number {
  const result = receive(endpoint, datagram.slice());
  return result.kind === "answer" ? result.answer.length : 0;
}
