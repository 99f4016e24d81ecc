/**
 * Golden bytes of every packet, frame and transfer message: written by hand from `docs/PROTOCOL.md`, so that the codec is held
 * to the specification and not to itself. The specification's examples of frames and messages are these; its packets are the
 * vectors of `vectors.ts`.
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
/** The server's parameters, and the client's. */
export const PARAMETERS = {
  maxIdleTimeoutMs: 60_000,
  maxDatagramBytes: 65_507,
  initialMaxData: 1_048_576,
  initialMaxStreamData: 262_144,
  initialMaxStreams: 64,
  maxAckDelayUs: 25_000,
  receiveBurstBytes: 65_536,
};

/** Whole datagrams. The first four are one handshake: the client asks for the list of files, of which there are none. */
export const GOLDEN_PACKETS: readonly Golden<PacketValue>[] = [
  {
    name: "hello",
    hex: `c1 53 4c 00 01 00 00 00 00 00 00 00 00 00 12 34 56 78 9a bc de
          20 0f aa 68 4e d2 88 67 b9 7f 4a 6a 2d ee 5d f8 ce 97 4e 76 b7 01 8e 3f 22 a1 c4 cf 26 78 57 0f
          20
          00 (00 x 1145)`,
    value: {
      packet: "hello",
      from: CLIENT_ID,
      handshake: "0faa684ed28867b97f4a6a2dee5df8ce974e76b7018e3f22a1c4cf2678570f20",
      cookie: "",
      sizeBytes: 1200,
    },
  },
  {
    name: "serverHello",
    hex: `c2 53 4c 00 01 00 12 34 56 78 9a bc de 00 0f ed cb a9 87 65 43
          04 de ad be ef
          ff 2e e4 56 01 ec 1b 67 31 0c 77 90 40 45 85 ae 69 73 31 ee e1 c1 f8 cf 24 19 73 1c 1f ff 3e 6b
          5c da 1c 2d 80 29 87 7d 73 fa d6 28 23 94 6c cd 0c 5d a3 5c 12 91 00 f4 3d 33 a5 9c f1 9e a8 fc
          38 38 7c 80 73 0a 98 2a 2f aa 69 f3 5b eb cb 2e fd 90 33 12 db 90 17 d2 d3 e9 36 d8 b7 11 d0 ee
          7a 61 cf 4a 96 d8 97 8f f1 35 f6 9b b0 07 b9 88 34 fa 6c 3e 31 da 3f 6c 27 a1 ca 00 7d ef a2 f8
          2f 8d f6 32 86 f9 79 3f 7b ad 14 47 a1
          0e dc 67 ab 38 2e d0 30 e9 47 c3 b6 bd ed 77 da`,
    value: {
      packet: "serverHello",
      to: CLIENT_ID_HEX,
      from: SERVER_ID,
      token: "deadbeef",
      handshake: fromHex(`
          ff 2e e4 56 01 ec 1b 67 31 0c 77 90 40 45 85 ae 69 73 31 ee e1 c1 f8 cf 24 19 73 1c 1f ff 3e 6b
          5c da 1c 2d 80 29 87 7d 73 fa d6 28 23 94 6c cd 0c 5d a3 5c 12 91 00 f4 3d 33 a5 9c f1 9e a8 fc
          38 38 7c 80 73 0a 98 2a 2f aa 69 f3 5b eb cb 2e fd 90 33 12 db 90 17 d2 d3 e9 36 d8 b7 11 d0 ee
          7a 61 cf 4a 96 d8 97 8f f1 35 f6 9b b0 07 b9 88 34 fa 6c 3e 31 da 3f 6c 27 a1 ca 00 7d ef a2 f8
          2f 8d f6 32 86 f9 79 3f 7b ad 14 47 a1`).toHex(),
      tag: "0edc67ab382ed030e947c3b6bded77da",
    },
  },
  {
    name: "clientFinish: parameters, and LIST on stream 0",
    hex: `c3 53 4c 00 01 00 0f ed cb a9 87 65 43 00 12 34 56 78 9a bc de
          04 de ad be ef
          40 40 f4 e4 98 8e 97 bd cb f0 f7 99 d0 2d d2 24 26 24 bd a7 2d 20 0e 97 e3 22 c4 f7 23 21 38 96
          a3 1e 95 8d d4 b6 13 f9 56 3e 1d f0 ec d9 d7 c3 3b e0 9f 5b e0 7a 1e b8 1d e0 fc ef 03 82 01 58
          d3 70
          00
          07 40 b9 20 81 91 b1 95 c4 e3 20 54 df a2 1e 02 96 ad 3b 98 54 2a bd 2b 42 dc d3 7d fc 52 bf 90
          dd 31 e2 93 d5 3c ab bc c2 fd 95 e3 70 99 7f 6f 65 06 25`,
    value: {
      packet: "clientFinish",
      to: SERVER_ID_HEX,
      from: CLIENT_ID,
      token: "deadbeef",
      handshake: fromHex(`
          f4 e4 98 8e 97 bd cb f0 f7 99 d0 2d d2 24 26 24 bd a7 2d 20 0e 97 e3 22 c4 f7 23 21 38 96 a3 1e
          95 8d d4 b6 13 f9 56 3e 1d f0 ec d9 d7 c3 3b e0 9f 5b e0 7a 1e b8 1d e0 fc ef 03 82 01 58 d3 70`).toHex(),
      number: 0,
      sealed: fromHex(`
          07 40 b9 20 81 91 b1 95 c4 e3 20 54 df a2 1e 02 96 ad 3b 98 54 2a bd 2b 42 dc d3 7d fc 52 bf 90
          dd 31 e2 93 d5 3c ab bc c2 fd 95 e3 70 99 7f 6f 65 06 25`).toHex(),
    },
  },
  {
    name: "data: acknowledgement, and END on stream 0",
    hex: `40 00 12 34 56 78 9a bc de 00
          7a 9e 4c 80 aa e6 27 9a b3 45 48 97 30 cd a7 ec ef 53 a1 63 46 b2 64 40 c3 10 eb 0a`,
    value: {
      packet: "data",
      to: CLIENT_ID_HEX,
      number: 0,
      sealed: "7a9e4c80aae6279ab345489730cda7ecef53a16346b26440c310eb0a",
    },
  },
  {
    name: "data: PING, with the first packet number of the second key",
    hex: "40 00 0f ed cb a9 87 65 43 80 40 00 00 69 ba 05 df ee 69 b4 92 8a ac 09 03 96 72 bc 42 c9 " +
      "",
    value: { packet: "data", to: SERVER_ID_HEX, number: 2 ** 22, sealed: "69ba05dfee69b4928aac09039672bc42c9" },
  },
  {
    name: "version negotiation",
    hex: "c0 00 00 00 00 00 12 34 56 78 9a bc de 00 00 00 00 00 00 00 00 53 4c 00 01",
    value: {
      packet: "versionNegotiation",
      to: CLIENT_ID_HEX,
      from: "0000000000000000",
      versions: [0x534c_0001],
    },
  },
  {
    name: "reset",
    hex: `c4 53 4c 00 01 00 0f ed cb a9 87 65 43
          00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f`,
    value: { packet: "reset", to: SERVER_ID_HEX, token: "000102030405060708090a0b0c0d0e0f" },
  },
  {
    name: "cookie",
    hex: "c6 53 4c 00 01 00 12 34 56 78 9a bc de 04 c0 0c 1e 00",
    value: { packet: "cookie", to: CLIENT_ID_HEX, cookie: "c00c1e00" },
  },
  {
    name: "refusal",
    hex: `c5 53 4c 00 01 00 12 34 56 78 9a bc de
          9e 71 0a ab a2 8b af 36 01 af 9e d2 d7 58 51 8a
          02 66 75 6c 6c`,
    value: { packet: "refusal", to: CLIENT_ID_HEX, mac: "9e710aaba28baf3601af9ed2d758518a", code: 2, reason: "full" },
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
    name: "ZEROS, as many as one frame can stand for",
    hex: "21 03 c0 00 00 01 00 00 00 00 80 01 00 00",
    value: [{ frame: "zeros", streamId: 3, offset: 2 ** 32, length: 65_536 }],
  },
  {
    name: "ZEROS at the start of a stream",
    hex: "21 03 00 50 00",
    value: [{ frame: "zeros", streamId: 3, offset: 0, length: 4096 }],
  },
  {
    name: "RATE_LIMIT of 2,500,000 bytes per second (20 Mbit/s)",
    hex: "22 80 26 25 a0 00",
    value: [{ frame: "rateLimit", bytesPerSecond: 2_500_000, isBackground: false }],
  },
  {
    name: "RATE_LIMIT of any rate, in the background",
    hex: "22 00 01",
    value: [{ frame: "rateLimit", bytesPerSecond: 0, isBackground: true }],
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
    name: "PARAMETERS with a receive_burst_bytes of 2 MiB",
    hex: `20 07 01 80 00 ea 60 02 80 00 ff e3 03 80 10 00 00 04 80 04 00 00 05 40 40 06 80 00 61 a8
          07 80 20 00 00`,
    value: [{ frame: "parameters", parameters: { ...PARAMETERS, receiveBurstBytes: 2_097_152 } }],
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
const MODIFIED_US = 1_783_933_200_000_000;

/** Transfer messages. */
export const GOLDEN_MESSAGES: readonly Golden<Message>[] = [
  {
    name: "PUT",
    hex: "01 16 09 68 65 6c 6c 6f 2e 74 78 74 05 07 00 06 56 7a 50 b0 64 00 41 ed",
    value: { type: "put", name: "hello.txt", sizeBytes: 5, modifiedUs: MODIFIED_US, mode: 0o755, overwrite: true },
  },
  {
    name: "PUT of a later version: more flags, and a field that is not known",
    hex: "01 17 09 68 65 6c 6c 6f 2e 74 78 74 05 41 02 00 06 56 7a 50 b0 64 00 aa bb",
    value: { type: "put", name: "hello.txt", sizeBytes: 5, modifiedUs: MODIFIED_US, overwrite: false },
    decodeOnly: true,
  },
  {
    name: "GET",
    hex: "02 0b 09 68 65 6c 6c 6f 2e 74 78 74 00",
    value: { type: "get", name: "hello.txt" },
  },
  {
    name: "GET of a file of which the client has a part, compressed where that is worth it",
    hex: "02 07 05 61 2f 62 2e 63 06",
    value: { type: "get", name: "a/b.c", held: true, zstd: true },
  },
  { name: "LIST", hex: "03 03 00 00 00", value: { type: "list" } },
  {
    name: "LIST of what is below a folder and matches a pattern",
    hex: "03 0a 01 61 01 06 2a 2e 6a 70 65 67",
    value: { type: "list", path: "a", recursive: true, pattern: "*.jpeg" },
  },
  { name: "STAT", hex: "04 05 03 c3 a9 21 00", value: { type: "stat", name: "é!" } },
  {
    name: "MAKE, a folder",
    hex: "05 0e 01 61 00 0e 00 06 56 7a 50 b0 64 00 41 ed",
    value: { type: "make", name: "a", kind: "folder", sizeBytes: 0, modifiedUs: MODIFIED_US, mode: 0o755 },
  },
  {
    name: "MAKE, a folder of exactly this mode",
    hex: "05 07 01 61 00 40 8c 41 ed",
    value: { type: "make", name: "a", kind: "folder", sizeBytes: 0, mode: 0o755, exactMode: true },
  },
  {
    name: "MAKE, a link",
    hex: "05 0a 03 61 2f 62 00 11 03 63 2f 64",
    value: { type: "make", name: "a/b", kind: "link", sizeBytes: 0, target: "c/d", overwrite: true },
  },
  { name: "REMOVE", hex: "06 03 01 61 01", value: { type: "remove", name: "a", recursive: true } },
  { name: "MOVE", hex: "07 07 01 61 03 62 2f 63 00", value: { type: "move", name: "a", newName: "b/c" } },
  { name: "SPACE", hex: "08 00", value: { type: "space" } },
  {
    name: "PUT of a file whose size is not known yet",
    hex: "01 04 01 61 00 20",
    value: { type: "put", name: "a", sizeBytes: 0, overwrite: false, unsized: true },
  },
  {
    name: "PUT of a file of which the server may have a part",
    hex: "01 08 01 61 80 10 00 00 40 40",
    value: { type: "put", name: "a", sizeBytes: 1_048_576, overwrite: false, resumable: true },
  },
  {
    name: "FILE",
    hex: "10 0a 05 02 00 06 56 7a 50 b0 64 00",
    value: { type: "file", sizeBytes: 5, modifiedUs: MODIFIED_US },
  },
  {
    name: "FILE, last modified before 1970",
    hex: "10 0a 05 02 ff ff f3 19 c6 e6 41 00",
    value: { type: "file", sizeBytes: 5, modifiedUs: -14_182_940_000_000 },
  },
  {
    name: "HAVE",
    hex: "15 09 80 01 00 00 80 10 00 00 01",
    value: { type: "have", blockBytes: 65_536, heldBytes: 1_048_576, zstd: true },
  },
  {
    name: "HASHES",
    hex: `16 21 01 2c f2 4d ba 5f b0 a3 0e 26 e8 3b 2a c5 b9 e2 9e
          1b 16 1e 5c 1f a7 42 5e 73 04 33 62 93 8b 98 24`,
    value: { type: "hashes", hashes: SHA256 },
  },
  {
    name: "CHUNK",
    hex: "17 08 00 00 05 68 65 6c 6c 6f",
    value: { type: "chunk", offset: 0, content: fromHex("68 65 6c 6c 6f") },
  },
  {
    name: "CHUNK, compressed",
    hex: "17 0c 01 05 43 e8 07 aa bb cc dd ee ff 00",
    value: { type: "chunk", offset: 5, plainBytes: 1000, content: fromHex("aa bb cc dd ee ff 00") },
  },
  {
    name: "DATA",
    hex: "18 08 02 00 05 03 80 01 00 00",
    value: { type: "data", ranges: [{ offset: 0, length: 5 }, { offset: 8, length: 65_536 }] },
  },
  {
    name: "SAME",
    hex: "19 06 01 05 80 01 00 00",
    value: { type: "same", ranges: [{ offset: 5, length: 65_536 }] },
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
    hex: "13 14 09 68 65 6c 6c 6f 2e 74 78 74 05 02 00 06 56 7a 50 b0 64 00",
    value: { type: "entry", name: "hello.txt", kind: "file", sizeBytes: 5, modifiedUs: MODIFIED_US },
  },
  {
    name: "ENTRY whose modification time is not known",
    hex: "13 0c 09 68 65 6c 6c 6f 2e 74 78 74 05 00",
    value: { type: "entry", name: "hello.txt", kind: "file", sizeBytes: 5 },
  },
  {
    name: "ENTRY of a link",
    hex: "13 0a 03 61 2f 62 00 10 03 63 2f 64",
    value: { type: "entry", name: "a/b", kind: "link", sizeBytes: 0, target: "c/d" },
  },
  { name: "END", hex: "14 04 02 00 00 00", value: { type: "end", count: 2 } },
  {
    name: "END, with a file that is not listed, and another gap",
    hex: "14 0d 02 01 06 22 7a ef bf bd 22 03 6f 64 64",
    value: { type: "end", count: 2, unlisted: { count: 1, examples: '"z\ufffd"' }, gaps: "odd" },
  },
  { name: "DONE", hex: "1a 01 02", value: { type: "done", count: 2 } },
  {
    name: "CAPACITY",
    hex: "1b 07 07 80 10 00 00 05 06",
    value: { type: "capacity", freeBytes: 1_048_576, usedBytes: 5, quotaBytes: 6 },
  },
  {
    name: "REFUSED",
    hex: "1f 0c 01 0a 6e 61 6d 65 20 74 61 6b 65 6e",
    value: { type: "refused", reason: 1, message: "name taken" },
  },
  {
    name: "REFUSED, as the server has a part of the file",
    hex: "1f 11 0d 0f 61 20 70 61 72 74 20 69 73 20 74 68 65 72 65",
    value: { type: "refused", reason: 13, message: "a part is there" },
  },
];
