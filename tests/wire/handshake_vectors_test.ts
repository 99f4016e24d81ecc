// The handshake with fixed keys: both sides make the golden datagrams, byte for byte.

import assert from "node:assert/strict";
import { Writer } from "../../base/bytes.ts";
import { Handshake } from "../../protocol/crypto/noise.ts";
import { PacketProtection } from "../../protocol/crypto/packet_protection.ts";
import { KeyPair } from "../../protocol/crypto/x25519.ts";
import { refusalKeyOf, sealRefusal, sealServerHello } from "../../protocol/handshake/packet_macs.ts";
import { PacketHeader } from "../../protocol/wire/packet.ts";
import { encodeParameters } from "../../protocol/wire/parameters.ts";
import { toHex } from "../../transfer/hex.ts";
import { encodeFrames, encodePacket, type FrameValue, fromHex, type PacketValue } from "../../testing/wire_values.ts";
import { GOLDEN_PACKETS, PARAMETERS } from "./golden.ts";

function key(byte: number): Uint8Array {
  return new Uint8Array(32).fill(byte);
}

function golden(name: string): { readonly bytes: Uint8Array; readonly value: PacketValue } {
  const { hex, value } = GOLDEN_PACKETS.find((packet) => packet.name.startsWith(name))!;
  return { bytes: fromHex(hex), value };
}

const CLIENT_ID = fromHex("00123456789abcde");
const RESET_TOKEN = fromHex("000102030405060708090a0b0c0d0e0f");
const FINISH_FRAMES: readonly FrameValue[] = [
  { frame: "parameters", parameters: PARAMETERS },
  { frame: "stream", streamId: 0, offset: 0, data: "0300", fin: true },
];
const ANSWER_FRAMES: readonly FrameValue[] = [
  { frame: "ack", delayUs: 200, ranges: [[0, 1]] },
  { frame: "stream", streamId: 0, offset: 0, data: "140100", fin: true },
];

/** Both sides after message 2. */
function sides(): { client: Handshake; server: Handshake; messages: readonly [Uint8Array, Uint8Array] } {
  const prologue = Uint8Array.of(0x53, 0x4c, 0, 1, ...CLIENT_ID);
  const client = new Handshake({
    role: "initiator",
    prologue,
    staticKey: new KeyPair(key(0x11)),
    ephemeralKey: key(0x22),
  });
  const server = new Handshake({
    role: "responder",
    prologue,
    staticKey: new KeyPair(key(0x33)),
    ephemeralKey: key(0x44),
  });
  const first = client.writeMessage(new Uint8Array(0))!;
  assert.notEqual(server.readMessage(first), undefined);
  const second = server.writeMessage(Uint8Array.of(...RESET_TOKEN, ...encodeParameters(PARAMETERS)))!;
  return { client, server, messages: [first, second] };
}

/** The header of a golden packet, with frames sealed behind it. */
function sealed(name: string, protection: PacketProtection, frames: readonly FrameValue[]): string {
  const { bytes } = golden(name);
  const header = new PacketHeader();
  assert(header.decode(bytes));
  const writer = new Writer().reset(new Uint8Array(1200));
  writer.bytes(bytes, 0, header.headerEnd);
  writer.bytes(encodeFrames(frames));
  const length = protection.seal(writer.buffer, header.headerEnd, writer.position, header.packetNumber);
  return toHex(writer.buffer.subarray(0, length));
}

Deno.test("handshake vectors: Hello and ServerHello carry the messages, and the tag covers all before it", () => {
  const { messages, server } = sides();
  const hello = golden("hello");
  assert(hello.value.packet === "hello");
  assert.equal(hello.value.handshake, toHex(messages[0]));
  const serverHello = golden("serverHello");
  assert(serverHello.value.packet === "serverHello");
  assert.equal(serverHello.value.handshake, toHex(messages[1]));
  assert.equal(toHex(server.chainingKey), "0078dbc913f3bde618fdfde189141408eac53088399ad3ab8504fd6b00d1fad0");
  const datagram = new Uint8Array(serverHello.bytes.length);
  const tagStart = datagram.length - 16;
  datagram.set(serverHello.bytes.subarray(0, tagStart));
  assert.equal(sealServerHello(datagram, tagStart, server.chainingKey), datagram.length);
  assert.equal(toHex(datagram), toHex(serverHello.bytes));
});

Deno.test("handshake vectors: ClientFinish, Data and Refusal are under the keys of Split", () => {
  const { client, messages, server } = sides();
  assert.notEqual(client.readMessage(messages[1]), undefined);
  const third = client.writeMessage(new Uint8Array(0))!;
  assert.notEqual(server.readMessage(third), undefined);
  const finish = golden("clientFinish");
  assert(finish.value.packet === "clientFinish");
  assert.equal(finish.value.handshake, toHex(third));
  const [clientKeys, serverKeys] = [client.split(), server.split()];
  assert.equal(toHex(clientKeys.send), "141399b149034c671cc52b0ec1fcb71262d7ad66908d693bebe61b7b96344a35");
  assert.equal(toHex(serverKeys.send), "60527cc7e2d79cdaddd51660085b843ccd6f6c53947fc6c3cf13a11b0eb9af74");
  const refusalKey = refusalKeyOf(serverKeys.send);
  assert.equal(toHex(refusalKey), "a54fd93c06ded07e85ab25812e450044c442de631d6a86e4c30340365baecd76");
  const refusal = encodePacket({ ...golden("refusal").value, mac: "00".repeat(16) } as PacketValue);
  sealRefusal(refusal, 13, refusalKey);
  assert.equal(toHex(refusal), toHex(golden("refusal").bytes));
  const [fromClient, fromServer] = [new PacketProtection(clientKeys), new PacketProtection(serverKeys)];
  assert.equal(sealed("clientFinish", fromClient, FINISH_FRAMES), toHex(finish.bytes));
  assert.equal(sealed("data: ack", fromServer, ANSWER_FRAMES), toHex(golden("data: ack").bytes));
  assert.equal(sealed("data: PING", fromClient, [{ frame: "ping" }]), toHex(golden("data: PING").bytes));
});
