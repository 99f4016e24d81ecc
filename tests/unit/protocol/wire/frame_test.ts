import assert from "node:assert/strict";
import { TransportErrorCode } from "../../../../protocol/errors.ts";
import { Reader, Writer } from "../../../../base/bytes.ts";
import { AckFrame, FrameType, readFrames } from "../../../../protocol/wire/frame.ts";
import { GOLDEN_FRAMES } from "../../../wire/golden.ts";
import { decodeFrames, encodeFrames, fromHex, Recorder } from "../../../../testing/wire_values.ts";

function codeOf(hex: string): number | undefined {
  return decodeFrames(fromHex(hex)).error?.code;
}

Deno.test("readFrames refuses a packet without frames", () => {
  assert.equal(codeOf(""), TransportErrorCode.protocolViolation);
});

Deno.test("readFrames accepts a packet of padding alone", () => {
  assert.deepEqual(decodeFrames(new Uint8Array(1000)), { values: [], error: undefined });
});

Deno.test("readFrames refuses every type that is not in the table, and types of more than one byte", () => {
  const known: number[] = [...Object.values(FrameType), 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f];
  for (let type = 0; type < 256; type++) {
    if (known.includes(type)) continue;
    const bytes = new Uint8Array(64);
    bytes[0] = type;
    assert.equal(decodeFrames(bytes).error?.code, TransportErrorCode.frameEncodingError, type.toString(16));
  }
  // PING, its type not in the shortest form (RFC 9000, section 12.4).
  assert.equal(codeOf("4001"), TransportErrorCode.frameEncodingError);
});

Deno.test("readFrames tells nothing of a frame that is cut short", () => {
  for (const { name, hex, decodeOnly } of GOLDEN_FRAMES) {
    const bytes = fromHex(hex);
    if (decodeOnly || bytes.length === 1 || name.startsWith("PADDING") || name.startsWith("several")) continue;
    for (let length = 1; length < bytes.length; length++) {
      const { values, error } = decodeFrames(bytes.subarray(0, length));
      assert.deepEqual([values, error === undefined], [[], false], `${name} cut to ${length}`);
    }
  }
});

Deno.test("readFrames acts on the frames before a malformed one", () => {
  const { values, error } = decodeFrames(fromHex("01 10 40 40 3f"));
  assert.deepEqual(values, [{ frame: "ping" }, { frame: "maxData", value: 64 }]);
  assert.equal(error?.code, TransportErrorCode.frameEncodingError);
});

Deno.test("readFrames lets through what a handler throws", () => {
  const handler = new Recorder();
  handler.onPing = () => {
    throw new RangeError("from the handler");
  };
  assert.throws(() => readFrames(new Reader().reset(fromHex("01")), handler), /from the handler/);
});

Deno.test("readFrames refuses STREAM data past offset 2^53-1", () => {
  assert.equal(codeOf("0e 00 c0 1f ff ff ff ff ff fe 01 aa"), undefined);
  assert.equal(codeOf("0e 00 c0 1f ff ff ff ff ff ff 01 aa"), TransportErrorCode.frameEncodingError);
  assert.equal(codeOf("0c 00 c0 1f ff ff ff ff ff fe aa bb"), TransportErrorCode.frameEncodingError);
});

Deno.test("readFrames refuses an ACK of packet numbers that cannot be", () => {
  const bad = [
    ["the first range goes below 0", "02 05 00 00 06"],
    ["a gap goes below 0", "02 05 00 01 00 04 00"],
    ["a range goes below 0", "02 05 00 01 00 01 03"],
    ["a gap of nothing", "02 00 00 01 00 00 00"],
    ["2^53-1", "02 c0 1f ff ff ff ff ff ff 00 00 00"],
    ["sums past 2^53", "02 40 64 00 01 00 c0 1f ff ff ff ff ff ff c0 1f ff ff ff ff ff ff"],
  ] as const;
  for (const [name, hex] of bad) {
    const { values, error } = decodeFrames(fromHex(hex));
    assert.deepEqual([values, error?.code], [[], TransportErrorCode.frameEncodingError], name);
  }
  // The same, but just inside.
  assert.equal(codeOf("02 05 00 00 05"), undefined);
  assert.equal(codeOf("02 05 00 01 00 01 02"), undefined);
});

Deno.test("readFrames reserves nothing for ranges that the packet cannot hold", () => {
  const ack = new AckFrame();
  const capacity = ack.starts.length;
  // It states 2^30 ranges, and holds one.
  const error = readFrames(new Reader().reset(fromHex("02 05 00 bf ff ff ff 00 00 00")), new Recorder(), { ack });
  assert.equal(error?.code, TransportErrorCode.frameEncodingError);
  assert.equal(ack.starts.length, capacity);
});

Deno.test("readFrames reads into the AckFrame it is given, which grows once", () => {
  const ranges = Array.from({ length: 1000 }, (_, i) => [3000 - 3 * i, 3002 - 3 * i] as const);
  const bytes = encodeFrames([{ frame: "ack", delayUs: 5, ranges }]);
  const ack = new AckFrame();
  const recorder = new Recorder();
  assert.equal(readFrames(new Reader().reset(bytes), recorder, { ack }), undefined);
  const grown = ack.starts;
  assert.deepEqual([ack.largestAcked, ack.ackDelayUs, ack.rangeCount, grown.length], [3001, 5, 1000, 1024]);
  assert.deepEqual(recorder.values, [{ frame: "ack", delayUs: 5, ranges }]);
  readFrames(new Reader().reset(bytes), recorder, { ack });
  assert.equal(ack.starts, grown);
});

Deno.test("readFrames refuses a reason longer than 256 bytes, and shows one that is no UTF-8", () => {
  const long = new Writer().reset(new Uint8Array(300));
  long.u8(FrameType.connectionClose);
  long.varint(0);
  long.varint(257);
  assert.equal(decodeFrames(long.buffer).error?.code, TransportErrorCode.frameEncodingError);
  assert.deepEqual(decodeFrames(fromHex("1c 00 02 c3 28")).values, [
    { frame: "close", isApplication: false, code: 0, reason: "\ufffd(" },
  ]);
});

Deno.test("readFrames closes with TRANSPORT_PARAMETER_ERROR over malformed parameters", () => {
  assert.equal(codeOf("20 00"), TransportErrorCode.transportParameterError);
});
