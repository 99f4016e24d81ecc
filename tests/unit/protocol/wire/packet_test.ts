import assert from "node:assert/strict";
import { InvariantError } from "../../../../base/invariant.ts";
import { Writer } from "../../../../base/bytes.ts";
import {
  MAC_BYTES,
  MAX_PACKET_NUMBER,
  MAX_TOKEN_BYTES,
  PacketHeader,
  PACKETS_PER_KEY,
  PacketType,
  readVersions,
  VERSION,
  writeClientFinishHeader,
  writeDataHeader,
  writeHello,
  writeVersionNegotiation,
} from "../../../../protocol/wire/packet.ts";
import { GOLDEN_PACKETS } from "../../../wire/golden.ts";
import { fromHex } from "../../../../testing/wire_values.ts";

const PEER_ID = fromHex("fedcba9876543210");
const MESSAGE = { handshake: fromHex("5e5e") };

function newWriter(): Writer {
  return new Writer().reset(new Uint8Array(2000));
}

function decode(datagram: Uint8Array): PacketHeader | undefined {
  const header = new PacketHeader();
  return header.decode(datagram) ? header : undefined;
}

function goldenHello(): Uint8Array {
  return fromHex(GOLDEN_PACKETS[0]!.hex);
}

Deno.test("PacketHeader.decode finds where each part of a ClientFinish header lies", () => {
  const writer = newWriter();
  const token = fromHex("aabbcc");
  const length = writeClientFinishHeader(writer, {
    ...MESSAGE,
    destinationId: PEER_ID,
    sourceId: 7,
    token,
    packetNumber: 64,
  });
  const header = decode(writer.buffer.subarray(0, length + 9))!;
  assert.deepEqual(
    [header.type, header.version, header.destinationIdStart, header.sourceIdStart],
    [PacketType.clientFinish, VERSION, 5, 13],
  );
  assert.deepEqual([header.tokenStart, header.tokenEnd, header.packetNumber, header.headerEnd], [22, 25, 64, length]);
  assert.deepEqual([header.handshakeStart, header.handshakeEnd], [26, 28]);
});

Deno.test("PacketHeader.decode keeps nothing of the previous packet", () => {
  const writer = newWriter();
  writeClientFinishHeader(writer, {
    ...MESSAGE,
    destinationId: PEER_ID,
    sourceId: 7,
    token: fromHex("aa"),
    packetNumber: 64,
  });
  const header = new PacketHeader();
  assert.equal(header.decode(writer.buffer), true);
  assert.equal(header.decode(goldenHello()), true);
  assert.deepEqual([header.type, header.packetNumber, header.tokenEnd], [PacketType.hello, -1, 55]);
  writer.reset(writer.buffer);
  writeDataHeader(writer, fromHex("0000000000000005"), 9);
  assert.equal(header.decode(writer.buffer), true);
  assert.deepEqual([header.destinationId, header.sourceIdStart, header.packetNumber], [5, -1, 9]);
});

Deno.test("PacketHeader.decode refuses every packet cut short", () => {
  for (const { name, hex } of GOLDEN_PACKETS) {
    const datagram = fromHex(hex);
    const header = new PacketHeader();
    header.decode(datagram);
    const isProtected = header.type === PacketType.data || header.type === PacketType.clientFinish;
    const isOpenEnded = header.type === PacketType.versionNegotiation;
    // A Refusal's reason and a ServerHello's message have no length: a cut is found by their MAC.
    const least = header.type === PacketType.refusal
      ? header.headerEnd + MAC_BYTES + 1
      : header.type === PacketType.serverHello
      ? header.tokenEnd + MAC_BYTES
      : isProtected || isOpenEnded
      ? header.headerEnd
      : datagram.length;
    for (let length = 0; length < least; length++) {
      assert.equal(header.decode(datagram.subarray(0, length)), false, `${name} cut to ${length}`);
    }
  }
});

Deno.test("PacketHeader.decode refuses first bytes that no packet has", () => {
  const known: number[] = Object.values(PacketType);
  for (let first = 0; first < 256; first++) {
    const datagram = goldenHello();
    datagram[0] = first;
    if (!known.includes(first)) assert.equal(decode(datagram), undefined, first.toString(16));
  }
});

Deno.test("PacketHeader.decode shows a packet of another version, so that it can be answered", () => {
  const datagram = goldenHello();
  datagram[4] = 3;
  datagram[0] = 0xff;
  const header = decode(datagram)!;
  assert.deepEqual(
    [header.type, header.version, header.sourceIdStart],
    [PacketType.unknownVersion, VERSION + 2, 13],
  );
  assert.equal(decode(datagram.subarray(0, 20)), undefined);
});

Deno.test("PacketHeader.decode reports a connection ID that this side cannot have assigned", () => {
  for (
    const [id, expected] of [["0020000000000000", -1], ["ffffffffffffffff", -1], ["001fffffffffffff", 2 ** 53 - 1]]
  ) {
    const writer = newWriter();
    writeDataHeader(writer, fromHex(id as string), 0);
    assert.equal(decode(writer.buffer)!.destinationId, expected);
  }
});

Deno.test("PacketHeader.decode refuses a packet number that no half-open range can end after", () => {
  const writer = newWriter();
  writeDataHeader(writer, PEER_ID, MAX_PACKET_NUMBER + 1);
  assert.equal(decode(writer.buffer), undefined);
  writeDataHeader(writer.reset(writer.buffer), PEER_ID, MAX_PACKET_NUMBER);
  assert.equal(decode(writer.buffer)!.packetNumber, MAX_PACKET_NUMBER);
});

Deno.test("PacketHeader.decode refuses a Hello that could be used to amplify, or that is addressed", () => {
  const short = new Uint8Array(1199);
  short.set(goldenHello().subarray(0, 1199));
  assert.equal(decode(short), undefined);
  const addressed = goldenHello();
  addressed[12] = 1;
  assert.equal(decode(addressed), undefined);
});

Deno.test("PacketHeader.decode refuses a connection ID of 0 where a side states its own, or the other's", () => {
  const [hello, serverHello, clientFinish] = GOLDEN_PACKETS.map(({ hex }) => fromHex(hex));
  for (const [datagram, at] of [[hello, 13], [serverHello, 13], [clientFinish, 13], [clientFinish, 5]] as const) {
    const changed = datagram!.slice();
    assert.notEqual(decode(changed), undefined);
    changed.fill(0, at, at + 8);
    assert.equal(decode(changed), undefined, `type ${changed[0]}, ID at ${at}`);
  }
});

Deno.test("PacketHeader.decode refuses a ClientFinish whose number is beyond the first key", () => {
  const header = { ...MESSAGE, destinationId: PEER_ID, sourceId: 7, token: new Uint8Array(0) };
  const writer = newWriter();
  writeClientFinishHeader(writer, { ...header, packetNumber: PACKETS_PER_KEY - 1 });
  assert.equal(decode(writer.buffer)!.packetNumber, PACKETS_PER_KEY - 1);
  writeClientFinishHeader(writer.reset(writer.buffer), { ...header, packetNumber: PACKETS_PER_KEY });
  assert.equal(decode(writer.buffer), undefined);
});

Deno.test("PacketHeader.decode refuses a token longer than any server needs", () => {
  const header = { destinationId: PEER_ID, sourceId: 7, packetNumber: 1 };
  const writer = newWriter();
  writeClientFinishHeader(writer, { ...MESSAGE, ...header, token: new Uint8Array(MAX_TOKEN_BYTES) });
  assert.equal(decode(writer.buffer)!.packetNumber, 1);
  // The token's length, 0x4100, grows by one.
  writer.buffer[22] = 1;
  assert.equal(decode(writer.buffer), undefined);
  assert.throws(
    () => writeClientFinishHeader(newWriter(), { ...MESSAGE, ...header, token: new Uint8Array(257) }),
    InvariantError,
  );
});

Deno.test("writeHello writes any size from 1200 on, anywhere in a buffer, over what was there", () => {
  const buffer = new Uint8Array(1600).fill(0xee);
  const length = writeHello(new Writer().reset(buffer, 100), { ...MESSAGE, sourceId: 5, sizeBytes: 1300 });
  const datagram = buffer.subarray(100, 1400);
  assert.deepEqual([length, decode(datagram)?.type], [1300, PacketType.hello]);
  assert.equal(datagram.subarray(25).every((byte) => byte === 0), true);
  assert.deepEqual([buffer[99], buffer[1400]], [0xee, 0xee]);
  assert.throws(() => writeHello(newWriter(), { ...MESSAGE, sourceId: 5, sizeBytes: 1199 }), InvariantError);
  assert.throws(
    () => writeHello(new Writer().reset(new Uint8Array(1199)), { ...MESSAGE, sourceId: 5 }),
    InvariantError,
  );
});

Deno.test("readVersions reads 1 to 64 versions, whole ones", () => {
  const read = (versions: readonly number[], extra = 0) => {
    const writer = newWriter();
    const length = writeVersionNegotiation(writer, { destinationId: PEER_ID, sourceId: PEER_ID, versions });
    const datagram = writer.buffer.subarray(0, length + extra);
    return readVersions(datagram, decode(datagram)!);
  };
  assert.deepEqual(read([VERSION, 0xffff_ffff]), [VERSION, 0xffff_ffff]);
  assert.equal(read([1], 1), undefined);
  assert.equal(read([1], -4), undefined);
  assert.equal(read(Array<number>(64).fill(1))!.length, 64);
  assert.equal(read(Array<number>(64).fill(1), 4), undefined);
  assert.throws(() => read([]), InvariantError);
});
