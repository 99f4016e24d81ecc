/**
 * Mistakes in the bytes on the wire, and in what is kept of packet numbers and offsets.
 *
 * @module
 */

import type { Mutant } from "./mutant.ts";

const RANGE_SET = "tests/unit/base/range_set_test.ts";
const FRAME = "tests/unit/protocol/wire/frame_test.ts";
const FRAME_WRITER = "tests/unit/protocol/wire/frame_writer_test.ts";
const GOLDEN = "tests/wire/golden_test.ts";
const FUZZ = "tests/fuzz/wire_test.ts";

/** See the module's description. */
export const WIRE_MUTANTS: readonly Mutant[] = [
  {
    id: "range-touch",
    broken: "Ranges that touch from below are not joined: an off-by-one in the search",
    file: "base/range_set.ts",
    text: "const first = this.#firstEndingAfter(start - 1);",
    becomes: "const first = this.#firstEndingAfter(start);",
    caughtBy: [RANGE_SET],
  },
  {
    id: "range-gap-end",
    broken: "The last gap of a stretch runs on to the next range, beyond the stretch's end",
    file: "base/range_set.ts",
    text: "if (rangeStart > from) visit(from, Math.min(rangeStart, end));",
    becomes: "if (rangeStart > from) visit(from, rangeStart);",
    caughtBy: [RANGE_SET],
  },
  {
    id: "crc-not-checked",
    broken: "The checksum of a packet is not looked at",
    file: "protocol/crypto/checksum.ts",
    text: "return payloadEnd >= headerEnd && checkCrc32(datagram) ? payloadEnd : -1;",
    becomes: "return payloadEnd >= headerEnd ? payloadEnd : -1;",
    caughtBy: ["tests/unit/protocol/crypto/checksum_test.ts"],
  },
  {
    id: "crc-skips-header",
    broken: "The checksum leaves out the first byte, so that damage to a packet's type is not found",
    file: "protocol/crypto/checksum.ts",
    text: "return appendCrc32(buffer, 0, payloadEnd);",
    becomes: "return appendCrc32(buffer, 1, payloadEnd);",
    caughtBy: ["tests/unit/protocol/crypto/checksum_test.ts", GOLDEN],
  },
  {
    id: "varint-boundary",
    broken: "The least number of four bytes is written in two",
    file: "base/bytes.ts",
    text: "if (value < 0x4000) return 2;",
    becomes: "if (value <= 0x4000) return 2;",
    caughtBy: ["tests/unit/base/bytes_test.ts"],
  },
  {
    id: "varint-shift",
    broken: "The halves of an eight-byte number are put together by a shift, which keeps 32 bits",
    file: "base/bytes.ts",
    text: "return high * TWO_32 + this.#half(at + 4);",
    becomes: "return (high << 32) + this.#half(at + 4);",
    caughtBy: ["tests/unit/base/bytes_test.ts"],
  },
  {
    id: "ack-gap-field",
    broken: "The gap in an ACK frame is written one too large, so that all older ranges are one too low",
    file: "protocol/wire/frame_writer.ts",
    text: "return ranges.start(index + 1) - ranges.end(index) - 1;",
    becomes: "return ranges.start(index + 1) - ranges.end(index);",
    caughtBy: [FRAME_WRITER, GOLDEN],
  },
  {
    id: "ack-skips-range",
    broken: "The oldest range of an ACK frame is not read",
    file: "protocol/wire/frame.ts",
    text: "ack.rangeCount = moreRanges + 1;",
    becomes: "ack.rangeCount = Math.max(1, moreRanges);",
    caughtBy: [FRAME, GOLDEN],
  },
  {
    id: "ack-never-partial",
    broken: "An ACK frame with some of the ranges reads like one with all: what it leaves out counts as not arrived",
    file: "protocol/wire/frame.ts",
    text: "ack.isPartial = type === FrameType.partialAck;",
    becomes: "ack.isPartial = false;",
    caughtBy: [GOLDEN, FUZZ],
  },
  {
    id: "stream-offset-bound",
    broken: "Stream data may reach past offset 2^53-1",
    file: "protocol/wire/frame.ts",
    text: "if (offset > MAX_VARINT - length) return PAST_LAST_OFFSET;",
    becomes: "if (offset > MAX_VARINT) return PAST_LAST_OFFSET;",
    caughtBy: [FRAME, FUZZ],
  },
  {
    id: "ack-count-unbounded",
    broken: "An ACK frame has memory reserved for as many ranges as it says, whatever fits into the packet",
    file: "protocol/wire/frame.ts",
    text: "if (reader.failed || moreRanges > reader.remaining / 2) return CUT_SHORT;",
    becomes: "if (reader.failed) return CUT_SHORT;",
    caughtBy: [FRAME, FUZZ],
  },
  {
    id: "parameter-twice",
    broken: "A parameter that is sent twice counts as its second value",
    file: "protocol/wire/parameters.ts",
    text: "if (!reader.failed && values.has(id)) return { malformed: `parameter ${id} twice` };",
    becomes: "",
    caughtBy: ["tests/unit/protocol/wire/parameters_test.ts"],
  },
];
