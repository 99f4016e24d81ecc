/**
 * Golden bytes of every packet, frame and transfer message: written by hand from `docs/PROTOCOL.md`, their CRCs
 * computed by another program, so that the codec is held to the specification and not to itself. The specification's
 * worked examples are these.
 *
 * @module
 */

import type { Message } from "../../transfer/messages.ts";
import { type FrameValue, fromHex, type PacketValue } from "../../testing/wire_values.ts";

/** One value and its bytes. */
export interface Golden<Value> {
  readonly name: string;
  /** Spaces and line ends do not count; `(00 x 3)` stands for `00 00 00`. */
  readonly hex: string;
  readonly value: Value;
  /** Valid, but this implementation writes the value in another way. */
  readonly decodeOnly?: true;
}

const CLIENT_ID = 0x0012_3456_789a_bcde;
const CLIENT_ID_HEX = "00123456789abcde";
const SERVER_ID = 0x000f_edcb_a987_6543;
const SERVER_ID_HEX = "000fedcba9876543";
const PARAMETERS = {
  maxIdleTimeoutMs: 60_000,
  maxDatagramBytes: 65_507,
  initialMaxData: 1_048_576,
  initialMaxStreamData: 262_144,
  initialMaxStreams: 64,
  maxAckDelayUs: 25_000,
};

/** Whole datagrams. The first four are one handshake: the client asks for the list of files, of which there are none. */
export const GOLDEN_PACKETS: readonly Golden<PacketValue>[] = [
  {
    name: "hello",
    hex: `c1 53 4c 00 01 00 00 00 00 00 00 00 00 00 12 34 56 78 9a bc de
          00 (00 x 1174) 7f 3d c6 27`,
    value: { packet: "hello", from: CLIENT_ID, sizeBytes: 1200 },
  },
  {
    name: "server-hello",
    hex: `c2 53 4c 00 01 00 12 34 56 78 9a bc de 00 0f ed cb a9 87 65 43
          04 de ad be ef
          06 01 80 00 ea 60 02 80 00 ff e3 03 80 10 00 00 04 80 04 00 00 05 40 40 06 80 00 61 a8
          4b 32 90 3b`,
    value: { packet: "server-hello", to: CLIENT_ID_HEX, from: SERVER_ID, token: "deadbeef", parameters: PARAMETERS },
  },
  {
    name: "client-finish: parameters, and LIST on stream 0",
    hex: `c3 53 4c 00 01 00 0f ed cb a9 87 65 43 00 12 34 56 78 9a bc de
          04 de ad be ef 00
          20 06 01 80 00 ea 60 02 80 00 ff e3 03 80 10 00 00 04 80 04 00 00 05 40 40 06 80 00 61 a8
          0b 00 02 03 00
          2e 65 3e 0e`,
    value: {
      packet: "client-finish",
      to: SERVER_ID_HEX,
      from: CLIENT_ID,
      token: "deadbeef",
      number: 0,
      frames: [
        { frame: "parameters", parameters: PARAMETERS },
        { frame: "stream", streamId: 0, offset: 0, data: "0300", fin: true },
      ],
    },
  },
  {
    name: "data: acknowledgement, and END on stream 0",
    hex: `40 00 12 34 56 78 9a bc de 00
          02 00 40 c8 00 00
          0b 00 03 14 01 00
          61 b0 a3 fa`,
    value: {
      packet: "data",
      to: CLIENT_ID_HEX,
      number: 0,
      frames: [
        { frame: "ack", delayUs: 200, ranges: [[0, 1]] },
        { frame: "stream", streamId: 0, offset: 0, data: "140100", fin: true },
      ],
    },
  },
  {
    name: "data: a packet number past 2^32",
    hex: "40 00 0f ed cb a9 87 65 43 c0 00 00 01 00 00 00 07 01 b1 34 2e bd",
    value: { packet: "data", to: SERVER_ID_HEX, number: 2 ** 32 + 7, frames: [{ frame: "ping" }] },
  },
  {
    name: "version negotiation",
    hex: "c0 00 00 00 00 00 12 34 56 78 9a bc de 00 00 00 00 00 00 00 00 53 4c 00 01 4a a6 1f f6",
    value: {
      packet: "versionNegotiation",
      to: CLIENT_ID_HEX,
      from: "0000000000000000",
      versions: [0x534c_0001],
    },
  },
  {
    name: "reset",
    hex: "c4 53 4c 00 01 00 0f ed cb a9 87 65 43 40 7b 19 29 3f 39",
    value: { packet: "reset", to: SERVER_ID_HEX, number: 123 },
  },
  {
    name: "reset of version 2",
    hex: `c4 53 4c 00 02 00 0f ed cb a9 87 65 43
          00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f`,
    value: { packet: "tokenReset", to: SERVER_ID_HEX, token: "000102030405060708090a0b0c0d0e0f" },
  },
  {
    name: "cookie",
    hex: "c6 53 4c 00 02 00 12 34 56 78 9a bc de 04 c0 0c 1e 00 a4 e8 01 4b",
    value: { packet: "cookie", to: CLIENT_ID_HEX, cookie: "c00c1e00" },
  },
  {
    name: "refusal",
    hex: `c5 53 4c 00 02 00 12 34 56 78 9a bc de
          10 11 12 13 14 15 16 17 18 19 1a 1b 1c 1d 1e 1f
          66 75 6c 6c`,
    value: { packet: "refusal", to: CLIENT_ID_HEX, mac: "101112131415161718191a1b1c1d1e1f", text: "full" },
  },
];

/** Runs of frames. */
export const GOLDEN_FRAMES: readonly Golden<readonly FrameValue[]>[] = [
  { name: "PADDING, three of them", hex: "00 00 00", value: [{ frame: "padding", count: 3 }] },
  { name: "PING", hex: "01", value: [{ frame: "ping" }] },
  {
    name: "ACK of 995 to 1000, 990 to 992, and 1 to 5",
    hex: "02 43 e8 5f 40 02 05 01 02 43 d7 04",
    value: [{ frame: "ack", delayUs: 8000, ranges: [[995, 1001], [990, 993], [1, 6]] }],
  },
  {
    name: "ACK of the largest packet number",
    hex: "02 c0 1f ff ff ff ff ff fe 00 00 00",
    value: [{ frame: "ack", delayUs: 0, ranges: [[2 ** 53 - 2, 2 ** 53 - 1]] }],
  },
  {
    name: "PARTIAL_ACK of 995 to 1000, and 990 to 992",
    hex: "22 43 e8 5f 40 01 05 01 02",
    value: [{ frame: "partialAck", delayUs: 8000, ranges: [[995, 1001], [990, 993]] }],
  },
  {
    name: "RESET_STREAM",
    hex: "04 03 01 80 01 00 00",
    value: [{ frame: "resetStream", streamId: 3, code: 1, finalSize: 65_536 }],
  },
  { name: "STOP_SENDING", hex: "05 03 01", value: [{ frame: "stopSending", streamId: 3, code: 1 }] },
  {
    name: "STREAM at the start of a stream",
    hex: "0a 03 02 68 69",
    value: [{ frame: "stream", streamId: 3, offset: 0, data: "6869", fin: false }],
  },
  {
    name: "STREAM at offset 2^32, with the end of the stream",
    hex: "0f 03 c0 00 00 01 00 00 00 00 05 68 65 6c 6c 6f",
    value: [{ frame: "stream", streamId: 3, offset: 2 ** 32, data: "68656c6c6f", fin: true }],
  },
  {
    name: "STREAM with nothing but the end of the stream",
    hex: "0f 03 40 40 00",
    value: [{ frame: "stream", streamId: 3, offset: 64, data: "", fin: true }],
  },
  {
    name: "STREAM without a length: data to the packet's end",
    hex: "0d 03 40 40 68 69",
    value: [{ frame: "stream", streamId: 3, offset: 64, data: "6869", fin: true }],
    decodeOnly: true,
  },
  {
    name: "STREAM without offset and length",
    hex: "08 03 68 69",
    value: [{ frame: "stream", streamId: 3, offset: 0, data: "6869", fin: false }],
    decodeOnly: true,
  },
  {
    name: "MAX_DATA of the largest value",
    hex: "10 c0 1f ff ff ff ff ff ff",
    value: [{ frame: "maxData", value: 2 ** 53 - 1 }],
  },
  {
    name: "MAX_STREAM_DATA",
    hex: "11 03 80 10 00 00",
    value: [{ frame: "maxStreamData", streamId: 3, value: 1_048_576 }],
  },
  { name: "MAX_STREAMS", hex: "12 40 80", value: [{ frame: "maxStreams", value: 128 }] },
  {
    name: "MAX_STREAMS, its value not in the shortest form",
    hex: "12 c0 00 00 00 00 00 00 80",
    value: [{ frame: "maxStreams", value: 128 }],
    decodeOnly: true,
  },
  {
    name: "PATH_CHALLENGE",
    hex: "1a 01 02 03 04 05 06 07 08",
    value: [{ frame: "pathChallenge", data: "0102030405060708" }],
  },
  {
    name: "PATH_RESPONSE",
    hex: "1b 01 02 03 04 05 06 07 08",
    value: [{ frame: "pathResponse", data: "0102030405060708" }],
  },
  {
    name: "CONNECTION_CLOSE by the transport",
    hex: "1c 0a 03 62 61 64",
    value: [{ frame: "close", isApplication: false, code: 0x0a, reason: "bad" }],
  },
  {
    name: "CONNECTION_CLOSE by the application",
    hex: "1d 05 04 64 6f 6e 65",
    value: [{ frame: "close", isApplication: true, code: 5, reason: "done" }],
  },
  {
    name: "PARAMETERS",
    hex: "20 06 01 80 00 ea 60 02 80 00 ff e3 03 80 10 00 00 04 80 04 00 00 05 40 40 06 80 00 61 a8",
    value: [{ frame: "parameters", parameters: PARAMETERS }],
  },
  {
    name: "PARAMETERS in another order, with one that is not known",
    hex: "20 07 40 63 01 06 80 00 61 a8 05 40 40 04 80 04 00 00 03 80 10 00 00 02 80 00 ff e3 01 80 00 ea 60",
    value: [{ frame: "parameters", parameters: PARAMETERS }],
    decodeOnly: true,
  },
  {
    name: "several frames, padding between them",
    hex: "01 00 00 05 03 01 10 40 40",
    value: [
      { frame: "ping" },
      { frame: "padding", count: 2 },
      { frame: "stopSending", streamId: 3, code: 1 },
      { frame: "maxData", value: 64 },
    ],
  },
];

/** SHA-256 of the five bytes "hello". */
const SHA256 = fromHex("2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
const MODIFIED_MS = 1_783_933_200_000;

/** Transfer messages. */
export const GOLDEN_MESSAGES: readonly Golden<Message>[] = [
  {
    name: "PUT",
    hex: "01 14 09 68 65 6c 6c 6f 2e 74 78 74 05 c0 00 01 9f 5a b4 66 80 01",
    value: { type: "put", name: "hello.txt", sizeBytes: 5, modifiedMs: MODIFIED_MS, overwrite: true },
  },
  {
    name: "PUT of a later version: more flags, and a field that is not known",
    hex: "01 16 09 68 65 6c 6c 6f 2e 74 78 74 05 c0 00 01 9f 5a b4 66 80 06 aa bb",
    value: { type: "put", name: "hello.txt", sizeBytes: 5, modifiedMs: MODIFIED_MS, overwrite: false },
    decodeOnly: true,
  },
  {
    name: "GET",
    hex: "02 0a 09 68 65 6c 6c 6f 2e 74 78 74",
    value: { type: "get", name: "hello.txt" },
  },
  { name: "LIST", hex: "03 00", value: { type: "list" } },
  { name: "STAT", hex: "04 04 03 c3 a9 21", value: { type: "stat", name: "é!" } },
  {
    name: "FILE",
    hex: "10 09 05 c0 00 01 9f 5a b4 66 80",
    value: { type: "file", sizeBytes: 5, modifiedMs: MODIFIED_MS },
  },
  {
    name: "DIGEST",
    hex: `11 20 2c f2 4d ba 5f b0 a3 0e 26 e8 3b 2a c5 b9 e2 9e
          1b 16 1e 5c 1f a7 42 5e 73 04 33 62 93 8b 98 24`,
    value: { type: "digest", sha256: SHA256 },
  },
  {
    name: "RESULT",
    hex: `12 2b 00 2c f2 4d ba 5f b0 a3 0e 26 e8 3b 2a c5 b9 e2 9e
          1b 16 1e 5c 1f a7 42 5e 73 04 33 62 93 8b 98 24
          09 68 65 6c 6c 6f 2e 74 78 74`,
    value: { type: "result", status: 0, sha256: SHA256, savedName: "hello.txt" },
  },
  {
    name: "ENTRY",
    hex: "13 13 09 68 65 6c 6c 6f 2e 74 78 74 05 c0 00 01 9f 5a b4 66 80",
    value: { type: "entry", name: "hello.txt", sizeBytes: 5, modifiedMs: MODIFIED_MS },
  },
  { name: "END", hex: "14 01 02", value: { type: "end", count: 2 } },
  {
    name: "REFUSED",
    hex: "1f 0c 01 0a 6e 61 6d 65 20 74 61 6b 65 6e",
    value: { type: "refused", reason: 1, message: "name taken" },
  },
];

/** All of them, whatever they are. */
export const GOLDEN: readonly Golden<unknown>[] = [...GOLDEN_PACKETS, ...GOLDEN_FRAMES, ...GOLDEN_MESSAGES];
