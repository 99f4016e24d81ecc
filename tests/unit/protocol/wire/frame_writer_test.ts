import assert from "node:assert/strict";
import { InvariantError } from "../../../../base/invariant.ts";
import { Writer } from "../../../../base/bytes.ts";
import {
  MAX_CONTROL_FRAME_BYTES,
  streamHeaderSize,
  writeAck,
  writeConnectionClose,
  writePadding,
  writePathChallenge,
  writeResetStream,
  writeStreamHeader,
} from "../../../../protocol/wire/frame.ts";
import { decodeFrames, rangesOf } from "../../../../testing/wire_values.ts";

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

Deno.test("writeAck keeps to what the writer has left", () => {
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

Deno.test("streamHeaderSize tells what writeStreamHeader writes", () => {
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
