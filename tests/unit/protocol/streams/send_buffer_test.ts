import assert from "node:assert/strict";
import { CallerError } from "../../../../protocol/errors.ts";
import { InvariantError } from "../../../../base/invariant.ts";
import { type ByteSource, MIN_ZEROS_BYTES } from "../../../../protocol/streams/byte_flow.ts";
import { MAX_ZEROS_AHEAD_BYTES } from "../../../../protocol/limits.ts";
import { SendBuffer } from "../../../../protocol/streams/send_buffer.ts";

const NO_LIMIT = Number.MAX_SAFE_INTEGER;

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** A source that gives `text` and counts its reads. */
class TextSource implements ByteSource {
  readonly #bytes: Uint8Array;
  readCount = 0;

  constructor(text: string) {
    this.#bytes = bytesOf(text);
  }

  read(offset: number, into: Uint8Array): void {
    this.readCount++;
    into.set(this.#bytes.subarray(offset, offset + into.length));
  }
}

/** Sends the next range; returns "start:text", with "!" if it ends the stream and "*" if it is a retransmission. */
function send(buffer: SendBuffer, maxBytes = 1200, limitOffset = NO_LIMIT): string | undefined {
  if (!buffer.next(maxBytes, limitOffset)) return undefined;
  const { rangeStart, rangeEnd, rangeFin, rangeIsRetransmission } = buffer;
  const target = new Uint8Array(rangeEnd - rangeStart + 2);
  buffer.take(target, 1);
  assert.equal(target[0], 0);
  assert.equal(target.at(-1), 0);
  const text = new TextDecoder().decode(target.subarray(1, -1));
  return `${rangeStart}:${text}${rangeFin ? "!" : ""}${rangeIsRetransmission ? "*" : ""}`;
}

function bufferOf(text: string): SendBuffer {
  const buffer = new SendBuffer();
  buffer.append(bytesOf(text));
  return buffer;
}

Deno.test("SendBuffer.next picks new bytes in order and the FIN with the last of them", () => {
  const buffer = bufferOf("hello world");
  buffer.finish();
  assert.equal(buffer.endOffset, 11);
  assert.equal(send(buffer, 5), "0:hello");
  assert.equal(buffer.sentOffset, 5);
  assert.equal(send(buffer, 100), "5: world!");
  assert.equal(send(buffer), undefined);
  assert.equal(buffer.hasPending(NO_LIMIT), false);
});

Deno.test("SendBuffer.next stays below the limit for new bytes", () => {
  const buffer = bufferOf("hello world");
  assert.equal(buffer.hasPending(0), false);
  assert.equal(send(buffer, 100, 0), undefined);
  assert.equal(send(buffer, 100, 4), "0:hell");
  assert.equal(buffer.hasPending(4), false);
  assert.equal(send(buffer, 100, 4), undefined);
  assert.equal(send(buffer, 100, 5), "4:o");
});

Deno.test("SendBuffer.next needs room for at least one byte if there are any to send", () => {
  const buffer = bufferOf("hello");
  buffer.finish();
  assert.equal(buffer.next(0, NO_LIMIT), false);
  assert.equal(send(buffer), "0:hello!");
  buffer.onLost(0, 5, true);
  assert.equal(buffer.next(0, NO_LIMIT), false);
});

Deno.test("SendBuffer.next changes nothing until take", () => {
  const buffer = bufferOf("hello");
  assert.equal(buffer.next(3, NO_LIMIT), true);
  assert.equal(buffer.next(2, NO_LIMIT), true);
  assert.deepEqual([buffer.rangeStart, buffer.rangeEnd, buffer.sentOffset], [0, 2, 0]);
});

Deno.test("SendBuffer sends a FIN without data when the stream is finished after its last byte was sent", () => {
  const buffer = bufferOf("hi");
  assert.equal(send(buffer), "0:hi");
  buffer.finish();
  assert.equal(buffer.hasPending(0), true, "a FIN needs no credit");
  assert.equal(send(buffer, 0, 0), "2:!");
  assert.equal(send(buffer), undefined);
});

Deno.test("SendBuffer sends, loses and completes a stream of no bytes", () => {
  const buffer = new SendBuffer();
  assert.equal(buffer.hasPending(NO_LIMIT), false);
  buffer.finish();
  assert.equal(send(buffer), "0:!");
  buffer.onLost(0, 0, true);
  assert.equal(buffer.hasPending(0), true);
  assert.equal(send(buffer), "0:!*");
  assert.equal(buffer.isFullyAcked, false);
  buffer.onAcked(0, 0, true);
  assert.equal(buffer.isFullyAcked, true);
});

Deno.test("SendBuffer sends lost ranges first, lowest first, without credit", () => {
  const buffer = bufferOf("0123456789");
  for (let index = 0; index < 4; index++) send(buffer, 2);
  buffer.onLost(6, 8, false);
  buffer.onLost(0, 2, false);
  assert.equal(buffer.hasPending(0), true);
  assert.equal(send(buffer, 1, 0), "0:0*");
  assert.equal(send(buffer, 100, 0), "1:1*");
  assert.equal(send(buffer, 100, 0), "6:67*");
  assert.equal(send(buffer, 100, 0), undefined);
  assert.equal(send(buffer, 100), "8:89");
});

Deno.test("SendBuffer.onLost joins neighbouring losses into one range", () => {
  const buffer = bufferOf("0123456789");
  for (let index = 0; index < 5; index++) send(buffer, 2);
  buffer.onLost(2, 4, false);
  buffer.onLost(4, 6, false);
  assert.equal(send(buffer), "2:2345*");
});

Deno.test("SendBuffer.onLost makes only unacknowledged bytes pending", () => {
  const buffer = bufferOf("0123456789");
  buffer.finish();
  send(buffer);
  buffer.onAcked(3, 6, false);
  buffer.onAcked(9, 10, false);
  buffer.onLost(0, 10, true);
  assert.equal(send(buffer), "0:012*");
  assert.equal(send(buffer), "6:678*");
  assert.equal(send(buffer), "10:!*", "the FIN was lost although the last byte was not");
  assert.equal(send(buffer), undefined);
});

Deno.test("SendBuffer.onAcked of bytes declared lost cancels their retransmission", () => {
  const buffer = bufferOf("0123456789");
  buffer.finish();
  send(buffer);
  buffer.onLost(0, 10, true);
  buffer.onAcked(0, 10, true);
  assert.equal(buffer.hasPending(NO_LIMIT), false);
  assert.equal(buffer.isFullyAcked, true);
  buffer.onLost(0, 10, true);
  assert.equal(buffer.hasPending(NO_LIMIT), false);
});

Deno.test("SendBuffer counts acknowledged bytes once", () => {
  const buffer = bufferOf("0123456789");
  send(buffer);
  assert.equal(buffer.unackedBytes, 10);
  buffer.onAcked(2, 6, false);
  buffer.onAcked(4, 8, false);
  assert.deepEqual([buffer.ackedBytes, buffer.unackedBytes], [6, 4]);
  assert.equal(buffer.isFullyAcked, false);
  buffer.append(bytesOf("ab"));
  assert.equal(buffer.unackedBytes, 6);
});

Deno.test("SendBuffer.isFullyAcked needs the FIN as well as the bytes", () => {
  const buffer = bufferOf("hi");
  send(buffer);
  buffer.finish();
  send(buffer);
  buffer.onAcked(0, 2, false);
  assert.equal(buffer.isFullyAcked, false);
  buffer.onAcked(2, 2, true);
  assert.equal(buffer.isFullyAcked, true);
});

Deno.test("SendBuffer.take crosses from memory into a source and back", () => {
  const buffer = bufferOf("head ");
  buffer.append(new Uint8Array(0));
  buffer.appendSource(new TextSource("of a file"), 9);
  buffer.append(bytesOf(" tail"));
  buffer.finish();
  assert.equal(send(buffer, 3), "0:hea");
  assert.equal(send(buffer), "3:d of a file tail!");
});

Deno.test("SendBuffer.take reads lost bytes again from the source", () => {
  const buffer = new SendBuffer();
  const source = new TextSource("0123456789");
  buffer.appendSource(source, 10);
  send(buffer);
  buffer.onLost(4, 6, false);
  assert.equal(send(buffer), "4:45*");
  assert.equal(source.readCount, 2);
});

Deno.test("SendBuffer.take marks nothing sent when a source throws", () => {
  const buffer = new SendBuffer();
  buffer.appendSource({
    read() {
      throw new RangeError("the file is shorter now");
    },
  }, 10);
  assert.equal(buffer.next(4, NO_LIMIT), true);
  assert.throws(() => buffer.take(new Uint8Array(4), 0), RangeError);
  assert.equal(buffer.sentOffset, 0);
  assert.equal(buffer.hasPending(NO_LIMIT), true);
});

Deno.test("SendBuffer.take throws InvariantError without a picked range, or without room", () => {
  const buffer = bufferOf("hello");
  assert.throws(() => buffer.take(new Uint8Array(10), 0), InvariantError);
  buffer.next(5, NO_LIMIT);
  assert.throws(() => buffer.take(new Uint8Array(10), 6), InvariantError);
  buffer.take(new Uint8Array(10), 5);
  assert.throws(() => buffer.take(new Uint8Array(10), 0), InvariantError);
  buffer.onLost(0, 5, false);
  buffer.next(5, NO_LIMIT);
  buffer.onAcked(0, 5, false);
  assert.throws(() => buffer.take(new Uint8Array(10), 0), InvariantError, "a picked range does not outlive an ACK");
});

Deno.test("SendBuffer.append and appendSource throw CallerError after finish and beyond 2^53-1", () => {
  const finished = bufferOf("x");
  finished.finish();
  assert.throws(() => finished.append(bytesOf("y")), CallerError);
  const full = new SendBuffer({ startOffset: Number.MAX_SAFE_INTEGER - 1 });
  full.append(bytesOf("x"));
  assert.throws(() => full.append(bytesOf("y")), CallerError);
  assert.throws(() => new SendBuffer().appendSource(new TextSource(""), -1), CallerError);
});

Deno.test("SendBuffer.onAcked and onLost throw InvariantError for bytes that were never sent", () => {
  const buffer = bufferOf("hello");
  send(buffer, 2);
  assert.throws(() => buffer.onAcked(0, 3, false), InvariantError);
  assert.throws(() => buffer.onLost(2, 3, false), InvariantError);
  assert.throws(() => buffer.onAcked(0, 2, true), InvariantError);
});

Deno.test("SendBuffer.reset drops everything except sentOffset", () => {
  const buffer = bufferOf("0123456789");
  send(buffer, 6);
  buffer.onLost(0, 3, false);
  buffer.reset();
  assert.equal(buffer.hasPending(NO_LIMIT), false);
  assert.equal(buffer.next(100, NO_LIMIT), false);
  assert.deepEqual([buffer.sentOffset, buffer.unackedBytes, buffer.isFullyAcked], [6, 0, false]);
  buffer.onLost(3, 6, false);
  buffer.onAcked(0, 6, false);
  buffer.append(bytesOf("more"));
  buffer.finish();
  assert.equal(buffer.hasPending(NO_LIMIT), false);
});

for (const startOffset of [2 ** 31 - 3, 2 ** 32 - 3, Number.MAX_SAFE_INTEGER - 10]) {
  Deno.test(`SendBuffer sends and completes a stream from offset ${startOffset} on`, () => {
    const buffer = new SendBuffer({ startOffset });
    buffer.append(bytesOf("01234"));
    buffer.appendSource(new TextSource("56789"), 5);
    buffer.finish();
    assert.equal(buffer.endOffset, startOffset + 10);
    assert.equal(send(buffer, 7), `${startOffset}:0123456`);
    assert.equal(send(buffer, 7), `${startOffset + 7}:789!`);
    buffer.onLost(startOffset, startOffset + 7, false);
    buffer.onAcked(startOffset + 7, startOffset + 10, true);
    assert.equal(send(buffer), `${startOffset}:0123456*`);
    buffer.onAcked(startOffset, startOffset + 7, false);
    assert.equal(buffer.isFullyAcked, true);
    assert.deepEqual([buffer.ackedBytes, buffer.unackedBytes], [10, 0]);
  });
}

Deno.test("SendBuffer.repeatBuffered makes unacknowledged bytes pending, if all of them are in memory", () => {
  const buffer = bufferOf("hello world");
  buffer.finish();
  send(buffer, 6);
  buffer.onAcked(0, 2, false);
  assert.equal(buffer.repeatBuffered(), true);
  assert.equal(send(buffer), "2:llo *");
  assert.equal(send(buffer), "6:world!");
  assert.equal(buffer.repeatBuffered(), true);
  assert.equal(send(buffer), "2:llo world!*");
  buffer.onAcked(2, 11, true);
  assert.equal(buffer.repeatBuffered(), true);
  assert.equal(send(buffer), undefined);
});

Deno.test("SendBuffer.repeatBuffered does nothing for bytes of a source, and after a reset", () => {
  const source = new TextSource("file");
  const buffer = bufferOf("head");
  buffer.appendSource(source, 4);
  send(buffer);
  assert.equal(buffer.repeatBuffered(), false);
  assert.equal(send(buffer), undefined);
  const given = bufferOf("gone");
  send(given);
  given.reset();
  assert.equal(given.repeatBuffered(), false);
});

Deno.test("SendBuffer.memoryBytes counts bytes appended from memory until they are acknowledged, and no source", () => {
  const buffer = new SendBuffer();
  buffer.append(bytesOf("abc"));
  buffer.appendSource(new TextSource("0123456789"), 10);
  buffer.append(bytesOf("de"));
  assert.equal(buffer.memoryBytes, 5);
  while (send(buffer, 5) !== undefined);
  buffer.onAcked(0, 5, false);
  // One range of bytes is acknowledged.
  assert.equal(buffer.memoryBytes, 2 + 16);
  buffer.onAcked(5, 15, false);
  assert.equal(buffer.memoryBytes, 16);
  buffer.reset();
  assert.equal(buffer.memoryBytes, 0);
});

/** A source of ones, and of zeros from `start` to before `end`. */
function zerosSource(start: number, end: number): ByteSource {
  return {
    read: (_, into) => void into.fill(1),
    zerosAt(offset, maxBytes) {
      assert(maxBytes >= MIN_ZEROS_BYTES);
      const count = offset < start ? 0 : Math.min(end - offset, maxBytes);
      return count >= MIN_ZEROS_BYTES ? count : 0;
    },
  };
}

/** Sends zeros; returns "start-end", with "*" if it is a retransmission. */
function sendZeros(buffer: SendBuffer, maxBytes = 65_536, limitOffset = NO_LIMIT): string | undefined {
  if (!buffer.nextZeros(maxBytes, limitOffset)) return undefined;
  const { rangeStart, rangeEnd, rangeFin, rangeIsRetransmission } = buffer;
  assert.equal(rangeFin, false);
  buffer.takeZeros();
  return `${rangeStart}-${rangeEnd}${rangeIsRetransmission ? "*" : ""}`;
}

Deno.test("SendBuffer.nextZeros picks the zeros of a source, where the next range begins with them", () => {
  const buffer = new SendBuffer();
  buffer.append(new Uint8Array(3000));
  buffer.appendSource(zerosSource(1000, 100_000), 101_000);
  buffer.append(new Uint8Array(3000));
  assert.equal(sendZeros(buffer), undefined, "bytes in memory are not looked at");
  send(buffer, 3000);
  assert.equal(sendZeros(buffer), undefined);
  assert.equal(buffer.sentOffset, 3000);
  send(buffer, 1000);
  assert.equal(sendZeros(buffer), "4000-69536");
  assert.equal(sendZeros(buffer, 10_000), "69536-79536");
  assert.equal(sendZeros(buffer), "79536-103000");
  assert.equal(sendZeros(buffer), undefined);
  assert.equal(buffer.sentOffset, 103_000);
});

Deno.test("SendBuffer.nextZeros stays below the limit and within its segment, and leaves short runs to next", () => {
  const buffer = new SendBuffer();
  buffer.appendSource(zerosSource(0, 10_000), 10_000);
  buffer.appendSource(zerosSource(0, 10_000), 10_000);
  assert.equal(sendZeros(buffer, 65_536, MIN_ZEROS_BYTES - 1), undefined);
  assert.equal(sendZeros(buffer, MIN_ZEROS_BYTES - 1), undefined);
  assert.equal(sendZeros(buffer, 65_536, 5000), "0-5000");
  assert.equal(sendZeros(buffer, 65_536, 5000), undefined);
  assert.equal(sendZeros(buffer), "5000-10000");
  assert.equal(sendZeros(buffer), "10000-19999");
});

Deno.test("SendBuffer.nextZeros leaves the last byte to next, which may carry the FIN", () => {
  const buffer = new SendBuffer();
  buffer.appendSource(zerosSource(0, 5000), 5000);
  buffer.finish();
  assert.equal(sendZeros(buffer), "0-4999");
  assert.equal(buffer.hasPending(NO_LIMIT), true);
  assert.equal(send(buffer), "4999:\u0001!");
  buffer.onAcked(0, 4999, false);
  assert.equal(buffer.isFullyAcked, false);
  buffer.onAcked(4999, 5000, true);
  assert.equal(buffer.isFullyAcked, true);
});

Deno.test("SendBuffer.nextZeros picks lost ranges first, as far as they were not acknowledged", () => {
  const buffer = new SendBuffer();
  buffer.appendSource(zerosSource(0, 100_000), 200_000);
  assert.equal(sendZeros(buffer), "0-65536");
  assert.equal(sendZeros(buffer), "65536-100000");
  send(buffer, 50_000);
  buffer.onLost(0, 65_536, false);
  buffer.onAcked(20_000, 30_000, false);
  assert.equal(sendZeros(buffer, 65_536, 0), "0-20000*", "they need no credit");
  assert.equal(sendZeros(buffer), "30000-65536*");
  buffer.onLost(100_000, 150_000, false);
  assert.equal(sendZeros(buffer), undefined);
  assert.equal(buffer.next(1200, NO_LIMIT) && buffer.rangeStart, 100_000);
});

Deno.test("SendBuffer.nextZeros goes no further ahead of what is acknowledged than the peer takes", () => {
  const buffer = new SendBuffer();
  buffer.appendSource(zerosSource(0, 100_000_000), 100_000_000);
  const sendAll = () => {
    while (sendZeros(buffer) !== undefined);
    return buffer.sentOffset;
  };
  assert.equal(sendAll(), MAX_ZEROS_AHEAD_BYTES);
  assert.equal(buffer.next(1200, NO_LIMIT), true, "what is beyond it can be sent as data");
  buffer.onAcked(1, MAX_ZEROS_AHEAD_BYTES, false);
  assert.equal(sendAll(), MAX_ZEROS_AHEAD_BYTES, "the first byte is missing");
  buffer.onLost(0, 1, false);
  buffer.onAcked(0, 1, false);
  assert.equal(sendAll(), 99_999_999);
});

Deno.test("SendBuffer.nextZeros changes nothing until takeZeros, and picks nothing after a reset", () => {
  const buffer = new SendBuffer();
  buffer.appendSource(zerosSource(0, 10_000), 20_000);
  assert.equal(buffer.nextZeros(5000, NO_LIMIT), true);
  assert.equal(buffer.nextZeros(4000, NO_LIMIT), true);
  assert.deepEqual([buffer.rangeStart, buffer.rangeEnd, buffer.sentOffset], [0, 4000, 0]);
  buffer.onAcked(0, 0, false);
  assert.throws(() => buffer.takeZeros(), InvariantError);
  assert.equal(buffer.nextZeros(4000, NO_LIMIT), true);
  buffer.reset();
  assert.throws(() => buffer.takeZeros(), InvariantError);
  assert.equal(buffer.nextZeros(4000, NO_LIMIT), false);
});

Deno.test("SendBuffer.nextZeros passes on an error of a source, and marks nothing as sent", () => {
  const buffer = new SendBuffer();
  const read = () => {
    throw new RangeError("from the source");
  };
  buffer.appendSource({ read, zerosAt: read }, 10_000);
  assert.throws(() => buffer.nextZeros(4000, NO_LIMIT), /from the source/);
  assert.equal(buffer.sentOffset, 0);
});
