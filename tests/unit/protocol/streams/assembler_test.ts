import assert from "node:assert/strict";
import { PeerError, TransportErrorCode } from "../../../../protocol/errors.ts";
import { InvariantError } from "../../../../base/invariant.ts";
import { Assembler } from "../../../../protocol/streams/assembler.ts";
import type { ByteSink } from "../../../../protocol/streams/byte_flow.ts";

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** Inserts `text` at `offset`, out of the middle of a buffer that is overwritten afterwards. */
function insert(assembler: Assembler, offset: number, text: string, fin = false): number {
  const buffer = bytesOf(`<${text}>`);
  const newBytes = assembler.insert(offset, buffer, 1, 1 + text.length, fin);
  buffer.fill(0);
  return newBytes;
}

/** Reads and consumes everything readable. */
function readAll(assembler: Assembler): string {
  const text = textOf(assembler.peek());
  assembler.consume(assembler.readableBytes);
  return text;
}

/** A sink that records every write as "offset:text". */
class NotingSink implements ByteSink {
  readonly writes: string[] = [];

  write(offset: number, bytes: Uint8Array): void {
    this.writes.push(`${offset}:${textOf(bytes)}`);
  }
}

function isPeerError(code: TransportErrorCode): (error: unknown) => boolean {
  return (error) => error instanceof PeerError && error.code === code;
}

Deno.test("Assembler reads bytes in order however they arrive", () => {
  const assembler = new Assembler();
  assert.equal(insert(assembler, 6, "world", true), 5);
  assert.equal(assembler.readableBytes, 0);
  assert.equal(assembler.peek().length, 0);
  assert.equal(assembler.gapCount, 1);
  assert.equal(insert(assembler, 0, "hello "), 6);
  assert.equal(assembler.gapCount, 0);
  assert.equal(assembler.readableBytes, 11);
  assert.equal(textOf(assembler.peek()), "hello world");
  assembler.consume(6);
  assert.equal(textOf(assembler.peek()), "world");
  assert.equal(assembler.isComplete, false);
  assembler.consume(5);
  assert.equal(assembler.isComplete, true);
});

Deno.test("Assembler.insert returns only new bytes and keeps the first copy of each", () => {
  const assembler = new Assembler();
  assert.equal(insert(assembler, 2, "cde"), 3);
  assert.equal(insert(assembler, 2, "YYY"), 0);
  assert.equal(insert(assembler, 0, "abYYYfg"), 4);
  assert.equal(readAll(assembler), "abcdefg");
  assert.equal(insert(assembler, 0, "YYYYYYYh"), 1);
  assert.equal(readAll(assembler), "h");
  assert.equal(assembler.receivedBytes, 8);
});

Deno.test("Assembler.bufferedBytes counts bytes neither read nor written to the sink, consumedBytes the others", () => {
  const assembler = new Assembler();
  insert(assembler, 3, "defg");
  assert.deepEqual([assembler.bufferedBytes, assembler.consumedBytes], [4, 0]);
  insert(assembler, 0, "abc");
  assert.deepEqual([assembler.bufferedBytes, assembler.consumedBytes], [7, 0]);
  assembler.consume(2);
  assert.deepEqual([assembler.bufferedBytes, assembler.consumedBytes], [5, 2]);
  assembler.direct(10, new NotingSink());
  assert.deepEqual([assembler.bufferedBytes, assembler.consumedBytes], [0, 7]);
  insert(assembler, 9, "sunk");
  assert.deepEqual([assembler.bufferedBytes, assembler.consumedBytes], [1, 10]);
});

Deno.test("Assembler.peek returns no more than it is asked for", () => {
  const assembler = new Assembler();
  const text = Array.from({ length: 9000 }, (_, index) => String.fromCharCode(97 + index % 26)).join("");
  insert(assembler, 0, text);
  assembler.consume(4000);
  for (const maxBytes of [0, 9, 200, 4500, 100, 10_000]) {
    assert.equal(textOf(assembler.peek(maxBytes)), text.slice(4000, 4000 + maxBytes));
  }
  assert.ok(assembler.memoryBytes < 30_000);
});

Deno.test("Assembler.peek joins blocks, and continues after a partial consume", () => {
  const assembler = new Assembler();
  const text = Array.from({ length: 12_000 }, (_, index) => String.fromCharCode(97 + index % 26)).join("");
  for (let at = text.length - 1000; at >= 0; at -= 1000) insert(assembler, at, text.slice(at, at + 1000));
  assert.equal(textOf(assembler.peek()), text);
  assembler.consume(5000);
  assert.equal(textOf(assembler.peek()), text.slice(5000));
  insert(assembler, text.length, "more");
  assert.equal(textOf(assembler.peek()), text.slice(5000) + "more");
  assembler.consume(7002);
  assert.equal(textOf(assembler.peek()), "re");
  assembler.consume(2);
  assert.equal(assembler.bufferedBytes, 0);
  insert(assembler, text.length + 4, "again");
  assert.equal(readAll(assembler), "again");
});

Deno.test("Assembler.consume throws InvariantError for more than is readable", () => {
  const assembler = new Assembler();
  insert(assembler, 0, "ab");
  assert.throws(() => assembler.consume(3), InvariantError);
  assert.throws(() => assembler.consume(-1), InvariantError);
});

Deno.test("Assembler.direct writes bytes to the sink as they arrive, each once", () => {
  const assembler = new Assembler();
  const sink = new NotingSink();
  assembler.direct(10, sink);
  insert(assembler, 4, "efg");
  insert(assembler, 3, "dEFGh");
  insert(assembler, 4, "EFG");
  assert.deepEqual(sink.writes, ["4:efg", "3:d", "7:h"]);
  assert.equal(assembler.directRemainingBytes, 5);
  assert.equal(assembler.directContiguousBytes, 0);
  insert(assembler, 0, "abc");
  assert.equal(assembler.directContiguousBytes, 8);
  assert.equal(assembler.bufferedBytes, 0);
});

Deno.test("Assembler.direct passes a frame inside the region on as a view of the input", () => {
  const assembler = new Assembler();
  const buffer = new Uint8Array(100);
  let seen: Uint8Array | undefined;
  assembler.direct(1000, {
    write(_offset, bytes) {
      seen = bytes;
    },
  });
  assembler.insert(500, buffer, 20, 80, false);
  assert.equal(seen?.buffer, buffer.buffer);
  assert.deepEqual([seen?.byteOffset, seen?.length], [20, 60]);
});

Deno.test("Assembler.direct writes bytes that are buffered already, and keeps those after the region", () => {
  const assembler = new Assembler();
  const sink = new NotingSink();
  insert(assembler, 0, "PUT.file b");
  insert(assembler, 12, "tesDIG");
  assembler.consume(4);
  assembler.direct(11, sink);
  assert.deepEqual(sink.writes, ["0:file b", "8:tes"]);
  assert.equal(assembler.bufferedBytes, 3);
  insert(assembler, 10, "??");
  assert.deepEqual(sink.writes.slice(2), ["6:??"]);
  assert.equal(readAll(assembler), "DIG");
});

Deno.test("Assembler.directContiguousBytes never counts bytes that were not written to the sink yet", () => {
  const assembler = new Assembler();
  insert(assembler, 0, "m".repeat(3 * 4096));
  let givenBytes = 0;
  const sink = {
    write(_offset: number, bytes: Uint8Array): void {
      givenBytes += bytes.length;
      assert.ok(assembler.directContiguousBytes <= givenBytes, `${assembler.directContiguousBytes} of ${givenBytes}`);
    },
  };
  assembler.consume(1);
  assembler.direct(4 * 4096, sink);
  assert.equal(assembler.directContiguousBytes, 3 * 4096 - 1);
  insert(assembler, 3 * 4096, "m".repeat(5000));
  assert.equal(givenBytes, 4 * 4096);
  assert.equal(assembler.directContiguousBytes, 4 * 4096);
});

Deno.test("Assembler.direct holds back ordered bytes after the region until it is complete", () => {
  const assembler = new Assembler();
  const sink = new NotingSink();
  insert(assembler, 0, "PUT.");
  assert.equal(readAll(assembler), "PUT.");
  assembler.direct(6, sink);
  insert(assembler, 8, "esDIGEST", true);
  assert.equal(assembler.readableBytes, 0);
  assert.equal(assembler.bufferedBytes, 6);
  insert(assembler, 4, "byte");
  assert.deepEqual(sink.writes, ["4:es", "0:byte"]);
  assert.deepEqual([assembler.directRemainingBytes, assembler.directContiguousBytes], [0, 6]);
  assert.equal(readAll(assembler), "DIGEST");
  assert.equal(assembler.isComplete, true);
});

Deno.test("Assembler.direct accepts an empty region, and one region after another", () => {
  const assembler = new Assembler();
  const sink = new NotingSink();
  assembler.direct(0, sink);
  insert(assembler, 0, "a");
  assert.equal(readAll(assembler), "a");
  assembler.direct(2, sink);
  insert(assembler, 1, "bc");
  assembler.direct(2, sink);
  insert(assembler, 3, "deF");
  assert.deepEqual(sink.writes, ["0:bc", "0:de"]);
  assert.equal(readAll(assembler), "F");
});

Deno.test("Assembler.direct throws InvariantError while the previous region is incomplete", () => {
  const assembler = new Assembler();
  assembler.direct(2, new NotingSink());
  assert.throws(() => assembler.direct(2, new NotingSink()), InvariantError);
});

Deno.test("Assembler is stopped by an error of the sink, and passes it on", () => {
  const failing: ByteSink = {
    write() {
      throw new RangeError("the disk is full");
    },
  };
  const assembler = new Assembler();
  assembler.direct(10, failing);
  assert.throws(() => insert(assembler, 0, "abc"), RangeError);
  assert.equal(insert(assembler, 0, "abcd"), 1);
  assert.deepEqual([assembler.receivedBytes, assembler.bufferedBytes, assembler.consumedBytes], [4, 0, 4]);

  const holding = new Assembler();
  insert(holding, 0, "abc");
  assert.throws(() => holding.direct(10, failing), RangeError);
  assert.equal(holding.bufferedBytes, 0);
  assert.equal(insert(holding, 3, "d"), 1);
});

Deno.test("Assembler.stop called by the sink ends delivery immediately", () => {
  const assembler = new Assembler();
  let writes = 0;
  const sink: ByteSink = {
    write() {
      writes++;
      assembler.stop();
    },
  };
  insert(assembler, 0, "ab");
  insert(assembler, 4, "ef");
  assembler.direct(5, sink);
  assert.equal(writes, 1);
  assert.equal(assembler.bufferedBytes, 0);
  insert(assembler, 2, "cd");
  assert.equal(writes, 1);
});

Deno.test("Assembler.stop drops buffered bytes and continues to track flow control", () => {
  const assembler = new Assembler();
  insert(assembler, 0, "abc");
  insert(assembler, 5, "fg");
  assembler.stop();
  assert.deepEqual([assembler.bufferedBytes, assembler.readableBytes, assembler.peek().length], [0, 0, 0]);
  assert.equal(assembler.consumedBytes, 7, "missing bytes use no credit either");
  assert.equal(insert(assembler, 3, "defgh", true), 3);
  assert.deepEqual([assembler.bufferedBytes, assembler.consumedBytes, assembler.finalSize], [0, 8, 8]);
  assert.equal(assembler.isComplete, true);
  assert.throws(() => insert(assembler, 8, "i"), isPeerError(TransportErrorCode.finalSizeError));
});

Deno.test("Assembler.direct does nothing after stop, in the middle of a region as well", () => {
  const assembler = new Assembler();
  const sink: ByteSink = { write: () => assert.fail("a write after the stop") };
  assembler.direct(2, sink);
  assembler.stop();
  assembler.direct(3, sink);
  insert(assembler, 0, "abcde", true);
  assert.equal(assembler.isComplete, true);
});

Deno.test("Assembler.insert accepts a FIN without bytes, also as the final size of a reset stream", () => {
  const empty = new Assembler();
  assert.equal(insert(empty, 0, "", true), 0);
  assert.equal(empty.isComplete, true);

  const reset = new Assembler();
  insert(reset, 0, "abc");
  insert(reset, 100, "", true);
  reset.stop();
  assert.deepEqual([reset.finalSize, reset.highestOffset, reset.consumedBytes], [100, 100, 100]);
});

Deno.test("Assembler.insert throws a final size error when the final size changes or is exceeded", () => {
  const isFinalSizeError = isPeerError(TransportErrorCode.finalSizeError);
  const assembler = new Assembler();
  insert(assembler, 0, "abcdef");
  assert.throws(() => insert(assembler, 0, "abc", true), isFinalSizeError, "below bytes already received");
  assert.equal(assembler.finalSize, undefined);
  insert(assembler, 6, "gh", true);
  assert.throws(() => insert(assembler, 7, "hi"), isFinalSizeError);
  assert.throws(() => insert(assembler, 8, "i", true), isFinalSizeError);
  assert.throws(() => insert(assembler, 0, "a", true), isFinalSizeError);
  assert.deepEqual([assembler.highestOffset, assembler.receivedBytes, assembler.finalSize], [8, 8, 8]);
  assert.equal(insert(assembler, 6, "gh", true), 0);
  assert.equal(readAll(assembler), "abcdefgh");
});

Deno.test("Assembler.insert throws a protocol violation for more gaps than it keeps", () => {
  const assembler = new Assembler({ maxGaps: 3 });
  for (const offset of [1, 3, 5]) insert(assembler, offset, "x");
  assert.equal(assembler.gapCount, 3);
  assert.throws(() => insert(assembler, 7, "x"), isPeerError(TransportErrorCode.protocolViolation));
});

Deno.test("Assembler.insert throws a frame encoding error beyond 2^53-1", () => {
  const assembler = new Assembler();
  assert.throws(
    () => insert(assembler, Number.MAX_SAFE_INTEGER - 1, "ab"),
    isPeerError(TransportErrorCode.frameEncodingError),
  );
  assert.equal(assembler.highestOffset, 0);
});

for (const startOffset of [2 ** 31 - 3, 2 ** 32 - 3, Number.MAX_SAFE_INTEGER - 10]) {
  Deno.test(`Assembler reads a stream, or writes it to a sink, from offset ${startOffset} on`, () => {
    const assembler = new Assembler({ startOffset });
    const sink = new NotingSink();
    assert.deepEqual([assembler.gapCount, assembler.receivedBytes, assembler.highestOffset], [0, 0, startOffset]);
    insert(assembler, startOffset + 5, "fghij", true);
    assert.equal(assembler.gapCount, 1);
    insert(assembler, startOffset, "abcde");
    assert.equal(textOf(assembler.peek()), "abcdefghij");
    assembler.consume(2);
    assembler.direct(6, sink);
    // Buffered bytes are written in one piece per block.
    assert.equal(sink.writes.map((write) => write.slice(2)).join(""), "cdefgh");
    assert.equal(readAll(assembler), "ij");
    assert.equal(assembler.isComplete, true);
  });
}

Deno.test("Assembler.memoryBytes counts whole blocks, however little of them is used, and ranges", () => {
  const assembler = new Assembler();
  assert.equal(assembler.memoryBytes, 0);
  for (let i = 1; i <= 10; i++) insert(assembler, 4096 * i, "x");
  assert.equal(assembler.memoryBytes, 10 * (4096 + 16));
  assembler.stop();
  assert.equal(assembler.memoryBytes, 10 * 16);
});
