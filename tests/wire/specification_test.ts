/**
 * Holds the tables of `docs/PROTOCOL.md` to the code: numbers of packets, frames, messages, parameters and errors, limits, and
 * which frames each side may send in which packet. Its vectors are `vectors_test.ts`'s.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Writer } from "../../base/bytes.ts";
import { type Connection, TransportErrorCode } from "../../protocol/mod.ts";
import { PacketProtection } from "../../protocol/crypto/packet_protection.ts";
import * as limits from "../../protocol/limits.ts";
import { FrameType, MAX_REASON_BYTES, MAX_ZEROS_BYTES } from "../../protocol/wire/frame.ts";
import * as packet from "../../protocol/wire/packet.ts";
import { MAX_PARAMETERS, ParameterId } from "../../protocol/wire/parameters.ts";
import { ApplicationErrorCode } from "../../transfer/application_error.ts";
import { MAX_FILE_BYTES } from "../../transfer/file_store.ts";
import { MAX_RANGES } from "../../transfer/file_receiver.ts";
import { MAX_FILE_NAME_BYTES } from "../../transfer/file_name.ts";
import * as messages from "../../transfer/messages.ts";
import { encodeFrames, type FrameValue, fromHex } from "../../testing/wire_values.ts";
import * as vectors from "./vectors.ts";

const TEXT = await Deno.readTextFile(new URL("../../docs/PROTOCOL.md", import.meta.url));

/** The rows of the first table below a heading, without its head; each a list of cells. */
function rowsBelow(heading: string): string[][] {
  const at = TEXT.indexOf(`\n${heading}\n`);
  assert(at >= 0, `PROTOCOL.md has the heading ${heading}`);
  const table = /\n\|.*\n\| -.*\n((?:\|.*\n)+)/.exec(TEXT.slice(at));
  assert(table !== null, `${heading} has a table`);
  return table[1]!.trimEnd().split("\n").map((row) => row.slice(1, -1).split("|").map((cell) => cell.trim()));
}

/** "streamLimitError" as the text has it. */
function upperSnake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}

/** A table's numbers by name; `name` makes the code's name of a row's cell. */
function numbersOf(
  rows: readonly string[][],
  cells: { readonly number: number; readonly name: number },
): Map<string, number> {
  return new Map(rows.map((row) => [row[cells.name]!, Number(row[cells.number]!.split(" ")[0])]));
}

Deno.test("PROTOCOL.md numbers the packets as the code does", () => {
  const { unknownVersion: _, ...types } = packet.PacketType;
  const expected = Object.entries(types).map(([name, type]) => [name[0]!.toUpperCase() + name.slice(1), type]);
  assert.deepEqual(
    numbersOf(rowsBelow("## 5. Packets"), { number: 0, name: 1 }),
    new Map(expected as [string, number][]),
  );
});

Deno.test("PROTOCOL.md numbers the frames as the code does", () => {
  const names: Readonly<Record<string, string>> = {
    connectionClose: "CONNECTION_CLOSE (transport)",
    applicationClose: "CONNECTION_CLOSE (application)",
  };
  const expected = Object.entries(FrameType).map(([name, type]) => [names[name] ?? upperSnake(name), type] as const);
  assert.deepEqual(numbersOf(rowsBelow("### 7.1 Table of frames"), { number: 0, name: 1 }), new Map(expected));
});

Deno.test("PROTOCOL.md numbers the parameters as the code does", () => {
  const expected = Object.entries(ParameterId).map(([name, id]) => [upperSnake(name).toLowerCase(), id] as const);
  assert.deepEqual(numbersOf(rowsBelow("## 8. Transport parameters"), { number: 0, name: 1 }), new Map(expected));
});

Deno.test("PROTOCOL.md numbers the messages as the code does", () => {
  const expected = Object.entries(messages.MessageType).map(([name, type]) => [name.toUpperCase(), type] as const);
  assert.deepEqual(numbersOf(rowsBelow("### 14.1 Messages"), { number: 0, name: 1 }), new Map(expected));
});

Deno.test("PROTOCOL.md numbers the flags of a file's attributes as the code does", () => {
  const expected = Object.entries(messages.AttributeFlag);
  assert.deepEqual(numbersOf(rowsBelow("#### Attributes of a file"), { number: 0, name: 1 }), new Map(expected));
});

Deno.test("PROTOCOL.md numbers the other flags as the code does", () => {
  const { GetFlag, ListFlag, StatFlag, RemoveFlag, MoveFlag, HaveFlag, ChunkFlag, CapacityFlag } = messages;
  const expected = Object.entries({
    GET: GetFlag,
    LIST: ListFlag,
    STAT: StatFlag,
    REMOVE: RemoveFlag,
    MOVE: MoveFlag,
    HAVE: HaveFlag,
    CHUNK: ChunkFlag,
    CAPACITY: CapacityFlag,
  }).flatMap(([message, flags]) => Object.entries(flags).map(([name, flag]) => `${message} ${flag} ${name}`));
  const shown = rowsBelow("#### Other flags").map(([message, flag, name]) => `${message} ${Number(flag)} ${name}`);
  assert.deepEqual(shown, expected);
});

Deno.test("PROTOCOL.md numbers the errors and the reasons of REFUSED as the code does", () => {
  const transport = numbersOf(rowsBelow("### 13.2 Transport error codes"), { number: 0, name: 1 });
  for (const [name, code] of Object.entries(TransportErrorCode)) {
    assert.equal(transport.get(upperSnake(name)), code, name);
  }
  const application = Object.entries(ApplicationErrorCode).map(([name, code]) =>
    [upperSnake(name).toLowerCase().replaceAll("_", " "), code] as const
  );
  assert.deepEqual(
    numbersOf(rowsBelow("### 13.3 Application error codes"), { number: 0, name: 1 }),
    new Map(application),
  );
  const cells = rowsBelow("### 14.2 Fields").flatMap((row) => [row.slice(0, 2), row.slice(2, 4), row.slice(4, 6)])
    .filter(([number]) => number !== "");
  const reasons = Object.entries(messages.RefusalReason).map(([name, reason]) =>
    [upperSnake(name).toLowerCase().replaceAll("_", "-"), reason] as const
  );
  assert.deepEqual(new Map([...numbersOf(cells, { number: 0, name: 1 })].sort()), new Map([...reasons].sort()));
});

Deno.test("PROTOCOL.md's table of limits has the code's values", () => {
  const rows = new Map(rowsBelow("## 15. Limits").map(([what, limit]) => [what!, limit!]));
  const expected: Readonly<Record<string, number | string>> = {
    "Hello": packet.MIN_HELLO_BYTES,
    "message 1, message 3": packet.MAX_HANDSHAKE_BYTES,
    "credentials": packet.MAX_HANDSHAKE_BYTES - 64,
    "token, cookie": packet.MAX_TOKEN_BYTES,
    "versions in VersionNegotiation": packet.MAX_LISTED_VERSIONS,
    "reason of a Refusal": packet.MAX_REFUSAL_BYTES,
    "packet number": `2^53-${2 ** 53 - packet.MAX_PACKET_NUMBER}`,
    "packets under one key": `2^${Math.log2(packet.PACKETS_PER_KEY)}`,
    "bytes to an address that is not validated": limits.AMPLIFICATION_FACTOR,
    "lifetime of tokens and cookies, memory of ended IDs": limits.TOKEN_LIFETIME_US / 1_000_000,
    "transport parameters": MAX_PARAMETERS,
    "reason of CONNECTION_CLOSE": MAX_REASON_BYTES,
    "bytes of one ZEROS frame": MAX_ZEROS_BYTES,
    "end of ZEROS beyond the contiguous part of a stream": limits.MAX_ZEROS_AHEAD_BYTES,
    "gaps in a half of a stream": limits.MAX_STREAM_GAPS,
    "ranges of packet numbers remembered": limits.MAX_ACK_RANGES,
    "packets with challenges or responses beyond the window": limits.MAX_PATH_PACKETS_BEYOND_WINDOW,
    "PTO, where a connection is kept for some of them": limits.MAX_KEPT_PTO_US / 1_000_000,
    "body of a message": messages.MAX_BODY_BYTES,
    "name, target, pattern, saved name": messages.MAX_NAME_BYTES,
    "component of a name": MAX_FILE_NAME_BYTES,
    "text": messages.MAX_TEXT_BYTES,
    "size of a block": messages.MIN_BLOCK_BYTES,
    "content of a CHUNK, decompressed": messages.MAX_CHUNK_BYTES,
    "separate parts of a file": MAX_RANGES,
    "file": `2^${Math.log2(MAX_FILE_BYTES)}`,
  };
  for (const [what, limit] of Object.entries(expected)) {
    const shown = rows.get(what)?.replaceAll(/(\d),(\d)/g, "$1$2").split(/[\s;:]+/) ?? [];
    assert(shown.includes(`${limit}`), `${what}: ${limit}, not ${rows.get(what)}`);
  }
});

/** One well-formed frame of each kind, as either side may send it where it may; stream 0 is open. */
const EXAMPLES: Readonly<Record<string, FrameValue>> = {
  PADDING: { frame: "padding", count: 1 },
  PING: { frame: "ping" },
  ACK: { frame: "ack", delayUs: 0, ranges: [[0, 1]] },
  RESET_STREAM: { frame: "resetStream", streamId: 0, code: 1, finalSize: 2 },
  STOP_SENDING: { frame: "stopSending", streamId: 0, code: 1 },
  STREAM: { frame: "stream", streamId: 0, offset: 0, data: "", fin: false },
  ZEROS: { frame: "zeros", streamId: 0, offset: 0, length: 1 },
  RATE_LIMIT: { frame: "rateLimit", bytesPerSecond: 1, isBackground: false },
  MAX_DATA: { frame: "maxData", value: 0 },
  MAX_STREAM_DATA: { frame: "maxStreamData", streamId: 0, value: 0 },
  MAX_STREAMS: { frame: "maxStreams", value: 0 },
  PATH_CHALLENGE: { frame: "pathChallenge", data: "0102030405060708" },
  PATH_RESPONSE: { frame: "pathResponse", data: "0102030405060708" },
  CONNECTION_CLOSE: { frame: "close", isApplication: true, code: 1, reason: "" },
  PARAMETERS: vectors.FRAMES["ClientFinish"]![0]!,
};

/** Columns of the table, and how a connection of the vectors that is established reacts to a frame from there. */
const PACKETS: readonly ((frame: FrameValue) => Connection)[] = [
  (frame) => serverAfter(frame, { isClientFinish: true }),
  (frame) => serverAfter(frame, { isClientFinish: false }),
  (frame) => clientAfter(frame),
];

for (const [names, ...cells] of rowsBelow("### 7.2 Who may send which frame in which packet")) {
  for (const name of names!.split(", ")) {
    Deno.test(`a connection accepts ${name} from whom PROTOCOL.md says, and closes with 0xa otherwise`, () => {
      PACKETS.forEach((react, column) => {
        const { closeReason } = react(EXAMPLES[name]!);
        const violation = closeReason?.kind === "violation" ? closeReason.code : undefined;
        const expected = cells[column]!.startsWith("yes") ? undefined : TransportErrorCode.protocolViolation;
        assert.equal(violation, expected, `column ${column}: ${JSON.stringify(closeReason)}`);
      });
    });
  }
}

const KEYS = vectors.makeVectors();

/** A packet with these frames from the side that sends under the key named. */
function sealed(key: string, frames: readonly FrameValue[], writeHeader: (writer: Writer) => void): Uint8Array {
  const writer = new Writer().reset(new Uint8Array(2_000));
  writeHeader(writer);
  const headerEnd = writer.position;
  writer.bytes(encodeFrames(frames));
  const by = new PacketProtection({ send: fromHex(KEYS.get(key)!), receive: new Uint8Array(32) });
  return writer.buffer.slice(0, by.seal(writer.buffer, headerEnd, writer.position, 1));
}

/** The vectors' server, whose packet 0 is sent, after a packet of the client's that holds the frame. */
function serverAfter(frame: FrameValue, { isClientFinish }: { readonly isClientFinish: boolean }): Connection {
  const server = vectors.makeServer();
  vectors.answerOf(server, fromHex(KEYS.get("Hello")!));
  const first = server.handleDatagram(vectors.NOW_US, fromHex(KEYS.get("ClientFinish")!), vectors.CLIENT_ADDRESS);
  const connection = first.connection!;
  const opened = [connection.pollEvent(), connection.pollEvent()].find((event) => event?.kind === "stream-opened");
  assert(opened?.kind === "stream-opened");
  opened.stream.write(fromHex("140100"));
  assert(vectors.transmitted(connection).length > 0);
  const [token, handshake] = [fromHex(KEYS.get("token")!), fromHex(KEYS.get("message 3")!)];
  const destinationId = fromHex(KEYS.get("S")!);
  const header = { destinationId, sourceId: vectors.CLIENT_ID, token, handshake, packetNumber: 1 };
  const datagram = isClientFinish
    ? sealed("kc, key 0", [EXAMPLES["PARAMETERS"]!, frame], (to) => packet.writeClientFinishHeader(to, header))
    : sealed("kc, key 0", [frame], (to) => packet.writeDataHeader(to, destinationId, 1));
  server.handleDatagram(vectors.NOW_US, datagram, vectors.CLIENT_ADDRESS);
  return connection;
}

/** The vectors' client, whose packet 0 is sent, after a packet of the server's that holds the frame. */
function clientAfter(frame: FrameValue): Connection {
  const client = vectors.makeClient();
  const connection = client.connect(vectors.NOW_US, vectors.SERVER_ADDRESS);
  vectors.transmitted(connection);
  client.handleDatagram(vectors.NOW_US, fromHex(KEYS.get("ServerHello")!), vectors.SERVER_ADDRESS);
  connection.openStream()!.write(fromHex("0300"));
  assert(vectors.transmitted(connection).length > 0);
  const destinationId = fromHex(KEYS.get("C")!);
  const datagram = sealed("ks, key 0", [frame], (to) => packet.writeDataHeader(to, destinationId, 1));
  client.handleDatagram(vectors.NOW_US, datagram, vectors.SERVER_ADDRESS);
  assert.notEqual(connection.state, "finish-sent", "the packet was taken");
  return connection;
}
