import assert from "node:assert/strict";
import { TransportErrorCode } from "../../../../protocol/errors.ts";
import { Reader, Writer } from "../../../../base/bytes.ts";
import {
  AckFrame,
  FrameType,
  MAX_CONTROL_FRAME_BYTES,
  readFrames,
  streamHeaderSize,
  writeAck,
  writeConnectionClose,
  writePadding,
  writePathChallenge,
  writeResetStream,
  writeStreamHeader,
} from "../../../../protocol/wire/frame.ts";
import { GOLDEN_FRAMES } from "../../../wire/golden.ts";
import { decodeFrames, encodeFrames, fromHex, rangesOf, Recorder } from "../../../../testing/wire_values.ts";
import { InvariantError } from "../../../../base/invariant.ts";

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

Deno.test("readFrames reports nothing of a truncated frame", () => {
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

Deno.test("readFrames passes on an error of a handler", () => {
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

Deno.test("readFrames refuses ZEROS of no byte, of more than 65,536, and past offset 2^53-1", () => {
  const cases = [
    ["21 00 00 00", TransportErrorCode.frameEncodingError],
    ["21 00 00 01", undefined],
    ["21 00 00 80 01 00 00", undefined],
    ["21 00 00 80 01 00 01", TransportErrorCode.frameEncodingError],
    ["21 00 00 c0 1f ff ff ff ff ff ff", TransportErrorCode.frameEncodingError],
    ["21 00 c0 1f ff ff ff ff ff fe 01", undefined],
    ["21 00 c0 1f ff ff ff ff ff ff 01", TransportErrorCode.frameEncodingError],
  ] as const;
  for (const [hex, code] of cases) assert.equal(codeOf(hex), code, hex);
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

Deno.test("readFrames refuses a reason longer than 256 bytes, and accepts one that is not UTF-8", () => {
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

const LARGEST = 2 ** 53 - 1;

function newWriter(size = 2000): Writer {
  return new Writer().reset(new Uint8Array(size));
}

Deno.test("writeAck reports as many of the newest ranges as fit, whatever the room", () => {
  const ranges = Array.from({ length: 200 }, (_, i) => [20_000 - 90 * i, 20_010 - 90 * i] as const);
  for (let maxBytes = 0; maxBytes < 700; maxBytes++) {
    const writer = newWriter();
    const count = writeAck(writer, rangesOf(ranges), { ackDelayUs: 100, maxBytes });
    assert.equal(writer.position <= maxBytes, true);
    if (count === 0) {
      // Type, largest (4), delay (2), count and first range take 9 bytes.
      assert.deepEqual([writer.position, maxBytes < 9], [0, true]);
      continue;
    }
    const { values, error } = decodeFrames(writer.buffer, { end: writer.position });
    assert.equal(error, undefined);
    assert.deepEqual(values, [{ frame: "ack", delayUs: 100, ranges: ranges.slice(0, count) }]);
    // One range more takes 3 bytes, and the 65th lengthens the count by one.
    if (count < ranges.length) assert.equal(writer.position + 3 + (count === 64 ? 1 : 0) > maxBytes, true);
  }
});

Deno.test("writeAck stays within the writer's remaining bytes", () => {
  const writer = newWriter(9);
  assert.equal(writeAck(writer, rangesOf([[70, 80], [10, 20]]), { ackDelayUs: 0, maxBytes: 100 }), 2);
  assert.equal(writeAck(newWriter(5), rangesOf([[70, 80]]), { ackDelayUs: 0, maxBytes: 100 }), 0);
});

Deno.test("writeAck repeats ranges in part of the room only, and gives the rest to those that reach the given number", () => {
  const ranges = [[70, 80], [40, 50], [10, 20]] as const;
  for (
    const [repeatBytes, reportFrom, count] of [
      [100, Infinity, 3],
      [5, Infinity, 1],
      [9, Infinity, 2],
      [5, 45, 2],
      [5, 15, 3],
      [5, 20, 2],
    ] as const
  ) {
    const writer = newWriter();
    const options = { ackDelayUs: 0, maxBytes: 100, repeatBytes, reportFrom };
    assert.equal(writeAck(writer, rangesOf(ranges), options), count, `${repeatBytes} bytes, from ${reportFrom}`);
    const { values } = decodeFrames(writer.buffer, { end: writer.position });
    assert.deepEqual(values, [{ frame: "ack", delayUs: 0, ranges: ranges.slice(0, count) }]);
  }
});

Deno.test("writeAck writes nothing where there is nothing to acknowledge", () => {
  const writer = newWriter();
  assert.equal(writeAck(writer, rangesOf([]), { ackDelayUs: 0, maxBytes: 100 }), 0);
  assert.equal(writer.position, 0);
});

Deno.test("streamHeaderSize returns the number of bytes that writeStreamHeader writes", () => {
  for (const streamId of [0, 64]) {
    for (const offset of [0, 1, 63, 64, 2 ** 14, 2 ** 30, 2 ** 32]) {
      for (const length of [0, 63, 64, 1200, 16_384]) {
        const writer = newWriter();
        writeStreamHeader(writer, streamId, offset, length, true);
        assert.equal(writer.position, streamHeaderSize(streamId, offset, length));
      }
    }
  }
});

Deno.test("MAX_CONTROL_FRAME_BYTES bounds the longest frame of fixed fields", () => {
  const writer = newWriter();
  writeResetStream(writer, LARGEST, LARGEST, LARGEST);
  assert.equal(writer.position, MAX_CONTROL_FRAME_BYTES);
});

Deno.test("writeConnectionClose cuts a long reason between characters", () => {
  const writer = newWriter();
  writeConnectionClose(writer, { isApplication: true, code: LARGEST, reason: "x" + "é".repeat(200) });
  // Type, code, length, and the reason: 256 bytes would end inside of an é.
  assert.equal(writer.position, 1 + 8 + 2 + 255);
  const { values } = decodeFrames(writer.buffer, { end: writer.position });
  const reason = "x" + "é".repeat(127);
  assert.deepEqual(values, [{ frame: "close", isApplication: true, code: LARGEST, reason }]);
});

Deno.test("writePadding overwrites what was there, and stays inside the buffer", () => {
  const writer = new Writer().reset(new Uint8Array(10).fill(0xee));
  writePadding(writer, 9);
  assert.deepEqual([...writer.buffer], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0xee]);
  assert.throws(() => writePadding(writer, 2), InvariantError);
});

Deno.test("writePathChallenge takes 8 bytes and no other number", () => {
  assert.throws(() => writePathChallenge(newWriter(), new Uint8Array(7)), InvariantError);
});

Deno.test("readFrames tells which frames are ack-eliciting: all but PADDING, ACK and CONNECTION_CLOSE", () => {
  const quiet = new Set(["padding", "ack", "close"]);
  for (const { name, hex, value } of GOLDEN_FRAMES) {
    class Counter extends Recorder {
      count = 0;
      onAckEliciting(): void {
        this.count++;
      }
    }
    const counter = new Counter();
    const bytes = fromHex(hex);
    assert.equal(readFrames(new Reader().reset(bytes, 0, bytes.length), counter), undefined);
    assert.equal(counter.count, value.filter(({ frame }) => !quiet.has(frame)).length, name);
  }
});
