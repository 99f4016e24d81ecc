/**
 * What is fuzzed. A target makes one input, feeds it, and throws where anything happens that must not: an exception
 * where a value was promised, or an answer that contradicts itself.
 *
 * @module
 */

import assert from "node:assert/strict";
import { MAX_DATAGRAM_BYTES, type Random, Reader } from "../../protocol/mod.ts";
import { PacketHeader } from "../../protocol/wire/packet.ts";
import { readParameters, writeParameters } from "../../protocol/wire/parameters.ts";
import { Writer } from "../../protocol/wire/cursor.ts";
import { GOLDEN_FRAMES, GOLDEN_MESSAGES, GOLDEN_PACKETS } from "../../tests/wire/golden.ts";
import { decodePacket } from "../../tests/wire/wire_decode.ts";
import { decodeFrames, encodeFrames, encodePacket, fromHex } from "../../tests/wire/wire_values.ts";
import {
  checkFileName,
  MAX_DISPLAY_LENGTH,
  MAX_FILE_NAME_BYTES,
  receivedName,
  sanitizeForDisplay,
} from "../../transfer/file_name.ts";
import { decodeMessage, encodeMessage } from "../../transfer/messages.ts";
import { converse } from "./conversation.ts";
import { anyFrames, anyMessage, anyPacket, anyParameters, anyText, garbage, mutated, resealed } from "./input.ts";

/** Makes an input from `random` and feeds it; `note` keeps the bytes fed last, for the report of a failure. */
export type Target = (random: Random, note: (input: Uint8Array) => void) => void | Promise<void>;

const utf8 = new TextEncoder();
const goldenPackets = GOLDEN_PACKETS.map(({ hex }) => fromHex(hex));
const goldenFrames = GOLDEN_FRAMES.map(({ hex }) => fromHex(hex));
const goldenMessages = GOLDEN_MESSAGES.map(({ hex }) => fromHex(hex));

/** One of three: bytes from nowhere, known valid ones changed, or ones made by the grammar and perhaps changed. */
function hostile(random: Random, golden: readonly Uint8Array[], made: () => Uint8Array): Uint8Array {
  if (random.chance(0.1)) return garbage(random);
  const valid = random.chance(0.3) ? random.pick(golden) : made();
  return random.chance(0.8) ? mutated(random, valid) : valid;
}

/** The targets by name. */
export const TARGETS: ReadonlyMap<string, Target> = new Map<string, Target>([
  ["packet", fuzzPacket],
  ["frames", fuzzFrames],
  ["parameters", fuzzParameters],
  ["message", fuzzMessage],
  ["name", fuzzName],
  ["conversation", converse],
]);

function fuzzPacket(random: Random, note: (input: Uint8Array) => void): void {
  let datagram = hostile(random, goldenPackets, () => encodePacket(anyPacket(random)));
  if (random.chance(0.7)) datagram = resealed(datagram);
  note(datagram);
  const header = new PacketHeader();
  if (header.decode(datagram)) {
    const { tokenStart, tokenEnd, headerEnd } = header;
    assert(
      tokenStart <= tokenEnd && tokenEnd <= headerEnd && headerEnd <= datagram.length,
      "a header beyond its packet",
    );
  }
  decodePacket(datagram);
}

function fuzzFrames(random: Random, note: (input: Uint8Array) => void): void {
  const bytes = hostile(random, goldenFrames, () => encodeFrames(anyFrames(random)));
  note(bytes);
  const { values, error } = decodeFrames(bytes);
  assert(error === undefined || error.message.length > 0, "an error without words");
  // Reasons that are no UTF-8 are shown as best they can be, and so do not come back as they were.
  const exact = values.filter(({ frame }) => frame !== "close");
  if (exact.length > 0) assert.deepEqual(decodeFrames(encodeFrames(exact)), { values: exact, error: undefined });
}

function fuzzParameters(random: Random, note: (input: Uint8Array) => void): void {
  const make = (): Uint8Array => written((writer) => writeParameters(writer, anyParameters(random)));
  const bytes = hostile(random, [make()], make);
  note(bytes);
  const parameters = readParameters(new Reader().reset(bytes));
  if ("malformed" in parameters) return;
  const again = written((writer) => writeParameters(writer, parameters));
  assert.deepEqual(readParameters(new Reader().reset(again)), parameters);
}

function written(write: (writer: Writer) => void): Uint8Array {
  const writer = new Writer().reset(new Uint8Array(MAX_DATAGRAM_BYTES));
  write(writer);
  return writer.buffer.slice(0, writer.position);
}

function fuzzMessage(random: Random, note: (input: Uint8Array) => void): void {
  const bytes = hostile(random, goldenMessages, () => encodeMessage(anyMessage(random)));
  note(bytes);
  const result = decodeMessage(bytes);
  if (result === "incomplete" || "malformed" in result) return;
  assert(result.consumed >= 2 && result.consumed <= bytes.length, "a message beyond its bytes");
  const again = decodeMessage(encodeMessage(result.message));
  assert(typeof again === "object" && "message" in again, "a message that cannot be read again");
  assert.deepEqual(again.message, result.message);
}

function fuzzName(random: Random, note: (input: Uint8Array) => void): void {
  const name = anyText(random);
  note(utf8.encode(name));
  const shown = sanitizeForDisplay(name);
  assert(shown.length <= MAX_DISPLAY_LENGTH + "...".length, "a text too long to show");
  // deno-lint-ignore no-control-regex -- that there are none is the point
  assert(!/[\u0000-\u001f\u007f-\u009f]/.test(shown), "a control character is shown");
  if (checkFileName(name) !== undefined) return;
  assert(!/[/\\:\0]/.test(name) && name !== "." && name !== ".." && name !== "", "a name that leads elsewhere");
  assert(utf8.encode(name).length <= MAX_FILE_NAME_BYTES, "a name too long for a disk");
  assert.equal(checkFileName(receivedName(name, random.integer(1, 1000))), undefined);
}
