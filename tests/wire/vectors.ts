/**
 * The test vectors of `docs/PROTOCOL.md`, section 19.1, computed by this implementation: one handshake with fixed keys, and
 * every packet that can follow from it. What a server answers without a connection comes from a real {@link Endpoint}; the
 * packets with frames are built from the codec, so that they stay the same when an algorithm changes.
 *
 * @module
 */

import { createHmac } from "node:crypto";
import { NetAddress } from "../../base/net_address.ts";
import { Writer } from "../../base/bytes.ts";
import { Endpoint, type EndpointOptions, KeyPair } from "../../protocol/mod.ts";
import { encodeCredentials } from "../../protocol/handshake/peer_identity.ts";
import { refusalKeyOf } from "../../protocol/handshake/packet_macs.ts";
import { Handshake } from "../../protocol/crypto/noise.ts";
import { nextKey, PacketProtection } from "../../protocol/crypto/packet_protection.ts";
import { PacketHeader, PACKETS_PER_KEY, writeClientFinishHeader, writeDataHeader } from "../../protocol/wire/packet.ts";
import { encodeParameters } from "../../protocol/wire/parameters.ts";
import { encodeFrames, type FrameValue, fromHex } from "../../testing/wire_values.ts";

/** Connection IDs. */
export const CLIENT_ID = 0x0012_3456_789a_bcde;
export const SERVER_ID = 0x000f_edcb_a987_6543;
/** Addresses, and the time on both clocks, microseconds. */
export const CLIENT_ADDRESS = NetAddress.parse("192.0.2.1:50000");
export const SERVER_ADDRESS = NetAddress.parse("192.0.2.2:65432");
export const NOW_US = 1_000_000;

const CLIENT_STATIC = new Uint8Array(32).fill(0x11);
const CLIENT_EPHEMERAL = new Uint8Array(32).fill(0x22);
const SERVER_STATIC = new Uint8Array(32).fill(0x33);
const SERVER_EPHEMERAL = new Uint8Array(32).fill(0x44);
const SECRET = new Uint8Array(32).fill(0x55);
/** What the client proves to know. */
export const ACCESS_TOKEN = new TextEncoder().encode("abcdefghijklmnopqrstuvwx");
const PARAMETERS = {
  maxIdleTimeoutMs: 60_000,
  maxDatagramBytes: 65_507,
  initialMaxData: 1_048_576,
  initialMaxStreamData: 262_144,
  initialMaxStreams: 64,
  maxAckDelayUs: 25_000,
  receiveBurstBytes: 65_536,
};
/** That leads to {@link PARAMETERS}. */
const CONFIG = { connectionWindowBytes: 1_048_576, orderedWindowBytes: 262_144, maxStreams: 64 };

const NOTHING = new Uint8Array(0);

/** Frames of the packets with frames, by the name of their vector. */
export const FRAMES: Readonly<Record<string, readonly FrameValue[]>> = {
  "ClientFinish": [
    { frame: "parameters", parameters: PARAMETERS },
    { frame: "stream", streamId: 0, offset: 0, data: "0300", fin: true },
  ],
  "Data, server, 0": [
    { frame: "ack", delayUs: 200, ranges: [[0, 1]] },
    { frame: "stream", streamId: 0, offset: 0, data: "140100", fin: true },
  ],
  "Data, client, 1": [{ frame: "ack", delayUs: 0, ranges: [[0, 1]] }],
  "Data, client, 2^22": [{ frame: "ping" }],
};

/** Random bytes that are fixed: each request gets the next of its length, and the last of them again and again. */
function scripted(...values: readonly Uint8Array[]): (count: number) => Uint8Array {
  const byLength = new Map<number, Uint8Array[]>();
  for (const value of values) byLength.set(value.length, [...byLength.get(value.length) ?? [], value]);
  return (count) => {
    const left = byLength.get(count) ?? [];
    return (left.length > 1 ? left.shift()! : left[0] ?? new Uint8Array(count)).slice();
  };
}

/** The server of the vectors: its next ServerHello has the connection ID and the ephemeral key of these. */
export function makeServer(options: Partial<EndpointOptions> = {}): Endpoint {
  return new Endpoint({
    isServer: true,
    staticKey: SERVER_STATIC,
    config: CONFIG,
    randomBytes: scripted(idBytes(SERVER_ID), SECRET, SERVER_EPHEMERAL),
    ...options,
  });
}

/** The client of the vectors. */
export function makeClient(): Endpoint {
  const randomBytes = scripted(idBytes(CLIENT_ID), new Uint8Array(32), CLIENT_EPHEMERAL);
  return new Endpoint({ isServer: false, staticKey: CLIENT_STATIC, token: ACCESS_TOKEN, config: CONFIG, randomBytes });
}

/** A server with no time for Hellos: it answers the second with a Cookie. */
export function makeBusyServer(): Endpoint {
  return makeServer({ limits: { maxHandshakes: 1 } });
}

/** What an endpoint answers a datagram with; fails where it does not. */
export function answerOf(endpoint: Endpoint, datagram: Uint8Array): Uint8Array {
  const result = endpoint.handleDatagram(NOW_US, datagram.slice(), CLIENT_ADDRESS);
  if (result.kind !== "answer") throw new Error(`not answered: ${result.kind} (${result.reason})`);
  return result.answer.slice();
}

/** The next datagram of a connection. */
export function transmitted(connection: ReturnType<Endpoint["connect"]>): Uint8Array {
  const buffer = new Uint8Array(65_536);
  return buffer.slice(0, connection.pollTransmit(NOW_US, buffer));
}

/** Every vector, by its name in the text, in the text's order. */
export function makeVectors(): Map<string, string> {
  const vectors = new Map<string, string>();
  const set = (name: string, bytes: Uint8Array): void => void vectors.set(name, bytes.toHex());
  set("client's static key", CLIENT_STATIC);
  set("client's ephemeral key", CLIENT_EPHEMERAL);
  set("server's static key", SERVER_STATIC);
  set("server's ephemeral key", SERVER_EPHEMERAL);
  set("C", idBytes(CLIENT_ID));
  set("S", idBytes(SERVER_ID));
  set("parameters", encodeParameters(PARAMETERS));
  set("access token", ACCESS_TOKEN);
  set("secret", SECRET);

  const hello = transmitted(makeClient().connect(NOW_US, SERVER_ADDRESS));
  const serverHello = answerOf(makeServer(), hello);
  addHandshake(set, { hello, serverHello });
  addStatelessAnswers(set, { hello, clientFinish: fromHex(vectors.get("ClientFinish")!) });
  return vectors;
}

/**
 * The bytes in the blocks of `docs/PROTOCOL.md` with this info string, as hex, by name. A line that does not begin with a space
 * begins an entry: its name, two spaces or more, and its first bytes; the lines below it have the rest.
 */
export function readBlocks(text: string, info: "vectors" | "golden"): Map<string, string> {
  const entries = new Map<string, string>();
  for (const [, block] of text.matchAll(new RegExp(`\\n\`\`\`${info}\\n([^\`]*)\`\`\``, "g"))) {
    let name = "";
    for (const line of block!.trimEnd().split("\n")) {
      const start = /^(\S.*?) {2,}(.*)$/.exec(line);
      if (start !== null) name = start[1]!;
      if (start !== null && entries.has(name)) throw new Error(`${name} is shown twice`);
      entries.set(name, (entries.get(name) ?? "") + fromHex(start?.[2] ?? line).toHex());
    }
  }
  return entries;
}

type Set = (name: string, bytes: Uint8Array) => void;

/** From the prologue to the last packet that the two ends exchange. */
function addHandshake(set: Set, { hello, serverHello }: { hello: Uint8Array; serverHello: Uint8Array }): void {
  const { token, message } = partsOf(serverHello);
  const prologue = fromHex(`534c0001 ${idBytes(CLIENT_ID).toHex()}`);
  const client = new Handshake({
    role: "initiator",
    prologue,
    staticKey: new KeyPair(CLIENT_STATIC),
    ephemeralKey: CLIENT_EPHEMERAL,
  });
  set("prologue", prologue);
  set("h0", client.handshakeHash);
  set("message 1", client.writeMessage(NOTHING)!);
  set("h1", client.handshakeHash);
  set("Hello", hello);
  addCookie(set, hello);

  const payload = client.readMessage(message)!;
  set("reset token", payload.subarray(0, 16));
  set("token", token);
  set("message 2", message);
  set("h2", client.handshakeHash);
  set("ck2", client.chainingKey);
  set("key of the tag", createHmac("sha256", client.chainingKey).update("sluice server hello").digest());
  set("ServerHello", serverHello);

  const credentials = encodeCredentials(ACCESS_TOKEN, client.handshakeHash);
  set("proof", credentials.subarray(1));
  const handshake = client.writeMessage(credentials)!;
  set("message 3", handshake);
  set("h3", client.handshakeHash);
  set("message 3, no credentials", messageWithoutCredentials(message));
  const { send: kc, receive: ks } = client.split();
  set("kc, key 0", kc);
  set("ks, key 0", ks);
  set("kc, key 1", nextKey(kc));
  set("ks, key 1", nextKey(ks));
  set("key of the MAC", refusalKeyOf(ks));

  const fromClient = new PacketProtection({ send: kc.slice(), receive: ks.slice() });
  const fromServer = new PacketProtection({ send: ks.slice(), receive: kc.slice() });
  const finishHeader = { destinationId: idBytes(SERVER_ID), sourceId: CLIENT_ID, token, handshake, packetNumber: 0 };
  const add = (name: string, options: SealOptions): void => {
    set(`frames of ${name}`, encodeFrames(FRAMES[name]!));
    set(name, sealed(name, options));
  };
  add("ClientFinish", { by: fromClient, number: 0, writeHeader: (to) => writeClientFinishHeader(to, finishHeader) });
  const data = (id: number, number: number) => (to: Writer) => writeDataHeader(to, idBytes(id), number);
  add("Data, server, 0", { by: fromServer, number: 0, writeHeader: data(CLIENT_ID, 0) });
  add("Data, client, 1", { by: fromClient, number: 1, writeHeader: data(SERVER_ID, 1) });
  const number = PACKETS_PER_KEY;
  add("Data, client, 2^22", { by: fromClient, number, writeHeader: data(SERVER_ID, number) });
}

/** The Cookie of a server that has no time, and the Hello that brings it back, up to its padding. */
function addCookie(set: Set, hello: Uint8Array): void {
  const busy = makeBusyServer();
  answerOf(busy, hello);
  const cookie = answerOf(busy, hello);
  set("Cookie", cookie);
  const client = makeClient();
  const connection = client.connect(NOW_US, SERVER_ADDRESS);
  transmitted(connection);
  client.handleDatagram(NOW_US, cookie, SERVER_ADDRESS);
  const header = new PacketHeader();
  const again = transmitted(connection);
  if (!header.decode(again)) throw new Error("the client sent what is not a packet");
  set("Hello with cookie", again.subarray(0, header.tokenEnd));
}

/** What a server sends that has no connection. */
function addStatelessAnswers(
  set: Set,
  { hello, clientFinish }: { hello: Uint8Array; clientFinish: Uint8Array },
): void {
  const refusing = makeServer({ authorize: () => "full" });
  answerOf(refusing, hello);
  set("Refusal", answerOf(refusing, clientFinish));
  set("Reset", answerOf(makeServer(), unknownData()));
  set("VersionNegotiation", answerOf(makeServer(), otherVersion(hello)));
}

/** A Data packet of 30 bytes for a connection that the server does not know. */
export function unknownData(): Uint8Array {
  return fromHex(`40 ${idBytes(SERVER_ID).toHex()} 00 (00 x 20)`);
}

/** The Hello, of version 0x534C0002. */
export function otherVersion(hello: Uint8Array): Uint8Array {
  const other = hello.slice();
  other[4] = 2;
  return other;
}

/** Message 3 of a client that has no access token. */
function messageWithoutCredentials(message2: Uint8Array): Uint8Array {
  const client = new Handshake({
    role: "initiator",
    prologue: fromHex(`534c0001 ${idBytes(CLIENT_ID).toHex()}`),
    staticKey: new KeyPair(CLIENT_STATIC),
    ephemeralKey: CLIENT_EPHEMERAL,
  });
  client.writeMessage(NOTHING);
  client.readMessage(message2);
  return client.writeMessage(NOTHING)!;
}

interface SealOptions {
  readonly by: PacketProtection;
  readonly number: number;
  readonly writeHeader: (writer: Writer) => void;
}

function sealed(name: string, { by, number, writeHeader }: SealOptions): Uint8Array {
  const writer = new Writer().reset(new Uint8Array(2_000));
  writeHeader(writer);
  const headerEnd = writer.position;
  writer.bytes(encodeFrames(FRAMES[name]!));
  return writer.buffer.slice(0, by.seal(writer.buffer, headerEnd, writer.position, number));
}

/** Token and message 2 of a ServerHello. */
function partsOf(serverHello: Uint8Array): { readonly token: Uint8Array; readonly message: Uint8Array } {
  const header = new PacketHeader();
  if (!header.decode(serverHello)) throw new Error("the server answered with what is not a packet");
  const { handshakeEnd, handshakeStart, tokenEnd, tokenStart } = header;
  return {
    token: serverHello.slice(tokenStart, tokenEnd),
    message: serverHello.slice(handshakeStart, handshakeEnd),
  };
}

function idBytes(id: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(id));
  return bytes;
}
