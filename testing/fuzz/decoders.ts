/**
 * Every decoder of bytes that a peer chose: packets, frames, parameters, tokens, messages, names, and the numbers that
 * all of them are made of. None may throw; and what is taken is written again, read again, and must be the same.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Reader, varintSize } from "../../base/bytes.ts";
import { AddressTokens, TOKEN_BYTES } from "../../protocol/handshake/address_token.ts";
import { TOKEN_LIFETIME_US } from "../../protocol/limits.ts";
import {
  DEFAULT_RECEIVE_BURST_BYTES,
  MAX_ACK_DELAY_LIMIT_US,
  readParameters,
  writeParameters,
} from "../../protocol/wire/parameters.ts";
import { PacketHeader, PacketType } from "../../protocol/wire/packet.ts";
import { decodePacket } from "../wire_decode.ts";
import { decodeFrames, encodeFrames, encodePacket, type FrameValue } from "../wire_values.ts";
import { checkFileName, checkLocalName, MAX_FILE_NAME_BYTES, receivedName } from "../../transfer/file_name.ts";
import { MAX_DISPLAY_LENGTH, sanitizeForDisplay } from "../../base/display_text.ts";
import { decodeMessage } from "../../transfer/message_decoder.ts";
import { encodeMessage } from "../../transfer/message_encoder.ts";
import { anyFrames, anyMessage, anyPacket, anyParameters, anyText, anyVarint } from "./input.ts";
import { bucket, type InputTarget, withoutNumbers, written } from "./target.ts";

const utf8 = new TextEncoder();

const TYPE_NAMES = new Map<number, string>(Object.entries(PacketType).map(([name, type]) => [type, name]));

/** The decoders by name. */
export const DECODERS: readonly (readonly [string, InputTarget])[] = [
  ["numbers", {
    kind: "input",
    make: (random) =>
      written((writer) => {
        for (let left = random.integer(1, 5); left > 0; left--) {
          const value = anyVarint(random);
          writer.varintAs(value, random.pick([1, 2, 4, 8].filter((size) => size >= varintSize(value))));
        }
      }),
    feed: feedNumbers,
  }],
  ["packet", {
    kind: "input",
    make: (random) => encodePacket(anyPacket(random)),
    feed: feedPacket,
  }],
  ["frames", { kind: "input", make: (random) => encodeFrames(anyFrames(random)), feed: feedFrames }],
  ["parameters", {
    kind: "input",
    make: (random) => written((writer) => writeParameters(writer, anyParameters(random))),
    feed: feedParameters,
  }],
  ["token", {
    kind: "input",
    make: (random) => random.chance(0.5) ? goodToken() : random.bytes(TOKEN_BYTES),
    feed: feedToken,
  }],
  ["message", { kind: "input", make: (random) => encodeMessage(anyMessage(random)), feed: feedMessage }],
  ["name", { kind: "input", make: (random) => utf16Of(anyText(random)), feed: feedName }],
];

/** Varints to the end, each written again in as many bytes. */
function feedNumbers(input: Uint8Array): Set<string> {
  const features = new Set<string>();
  const reader = new Reader().reset(input);
  while (reader.remaining > 0) {
    const start = reader.position;
    const value = reader.varint();
    if (reader.failed) {
      assert.equal(value, 0, "a failed reader gives nothing");
      assert.equal(reader.remaining, 0, "a failed reader stands at its end");
      return features.add("failed");
    }
    const size = reader.position - start;
    const again = written((writer) => writer.varintAs(value, size));
    assert.deepEqual(again, input.slice(start, reader.position));
    features.add(`${size} bytes for ${varintSize(value)}`);
  }
  return features;
}

function feedPacket(datagram: Uint8Array): Set<string> {
  const features = new Set<string>();
  const header = new PacketHeader();
  if (!header.decode(datagram)) return features.add(`malformed ${(datagram[0] ?? 0) >> 6} ${bucket(datagram.length)}`);
  const { type, tokenStart, tokenEnd, headerEnd, packetNumber } = header;
  assert(tokenStart <= tokenEnd && tokenEnd <= headerEnd && headerEnd <= datagram.length, "a header beyond its packet");
  const name = TYPE_NAMES.get(type)!;
  const packet = decodePacket(datagram);
  features.add(`${name} ${packet === undefined ? "refused" : "taken"}`);
  features.add(`${name} token ${bucket(tokenEnd - tokenStart)}`);
  if (packetNumber >= 0) features.add(`${name} number of ${varintSize(packetNumber)}`);
  if (packet === undefined) return features;
  // An ID above 2^53-1 is read as none, and cannot be written; a reason that is not UTF-8 is decoded as best it can be.
  if ("from" in packet && typeof packet.from === "number" && packet.from < 0) return features;
  if (packet.packet === "refusal") return features;
  assert.deepEqual(decodePacket(encodePacket(packet)), packet);
  return features;
}

function feedFrames(input: Uint8Array): Set<string> {
  const { values, error } = decodeFrames(input);
  const features = new Set<string>();
  assert(error === undefined || error.message.length > 0, "an error without words");
  if (error !== undefined) {
    features.add(`error ${withoutNumbers(error.message)} ${values.length > 0 ? "later on" : "at once"}`);
  }
  for (const value of values) features.add(describe(value));
  const exact = values.filter(({ frame }) => frame !== "close");
  if (exact.length > 0) assert.deepEqual(decodeFrames(encodeFrames(exact)), { values: exact, error: undefined });
  return features;
}

function describe(value: FrameValue): string {
  if (value.frame === "stream") {
    return `stream of ${bucket(value.data.length / 2)} at ${varintSize(value.offset)}${value.fin ? ", fin" : ""}`;
  }
  if (value.frame === "ack") return `${value.frame} of ${bucket(value.ranges.length)}`;
  if (value.frame === "close") return `close for ${bucket(value.reason.length)}`;
  return value.frame;
}

function feedParameters(input: Uint8Array): Set<string> {
  const parameters = readParameters(new Reader().reset(input));
  if ("malformed" in parameters) return new Set([withoutNumbers(parameters.malformed)]);
  assert(parameters.maxIdleTimeoutMs > 0 && parameters.maxDatagramBytes >= 1200, "bounds are kept");
  assert(parameters.maxAckDelayUs < MAX_ACK_DELAY_LIMIT_US, "bounds are kept");
  assert(parameters.receiveBurstBytes >= DEFAULT_RECEIVE_BURST_BYTES, "bounds are kept");
  const again = written((writer) => writeParameters(writer, parameters));
  assert.deepEqual(readParameters(new Reader().reset(again)), parameters);
  return new Set(Object.entries(parameters).map(([key, value]) => `${key} of ${varintSize(value)}`));
}

/** Of one secret, for one address, at one time. */
const TOKENS = new AddressTokens(new Uint8Array(32).fill(7), TOKEN_LIFETIME_US);
const BINDING = { address: "192.0.2.1:4000", clientId: new Uint8Array(8).fill(1), serverId: 2 ** 40 + 1 };
const ISSUED_US = 1_000_000;

function goodToken(): Uint8Array {
  return TOKENS.issue(ISSUED_US, BINDING);
}

/** No bytes but those that were issued are a token. */
function feedToken(input: Uint8Array): Set<string> {
  const isGood = TOKENS.verify(input, { ...BINDING, nowUs: ISSUED_US + 1 });
  const size = Math.sign(input.length - TOKEN_BYTES);
  if (!isGood) return new Set([`bad, ${["shorter", "of the size", "longer"][size + 1]}, ${input[0] === 1}`]);
  assert.deepEqual(input, goodToken(), "a token that was not issued");
  for (const other of [{ address: "192.0.2.1:4001" }, { serverId: 1 }, { clientId: new Uint8Array(8) }]) {
    assert(!TOKENS.verify(input, { ...BINDING, ...other, nowUs: ISSUED_US + 1 }), "a token for somebody else");
  }
  return new Set(["good"]);
}

/** Every beginning of a message is an incomplete one, whatever follows it. */
function feedMessage(input: Uint8Array): Set<string> {
  const result = decodeMessage(input);
  const type = input.length === 0 ? "none" : String(input[0]! & 0x1f);
  if (result === "incomplete") return new Set([`incomplete ${type}`]);
  if ("malformed" in result) return new Set([withoutNumbers(result.malformed)]);
  const { message, consumed } = result;
  assert(consumed >= 2 && consumed <= input.length, "a message beyond its bytes");
  for (let length = Math.max(0, consumed - 40); length < consumed; length++) {
    assert.equal(
      decodeMessage(input.subarray(0, length)),
      "incomplete",
      `${length} of ${consumed} bytes are a message`,
    );
  }
  assert.deepEqual(decodeMessage(input.subarray(0, consumed)), result, "what follows a message changes it");
  const again = decodeMessage(encodeMessage(message));
  assert(typeof again === "object" && "message" in again, "a message that cannot be read again");
  assert.deepEqual(again.message, message);
  const name = "name" in message ? message.name : "savedName" in message ? message.savedName : "";
  const more = input.length > consumed ? "and more" : "alone";
  return new Set([`${message.type} ${more}`, `${message.type} ${bucket(name.length)}`]);
}

/** A name's code units, so that halves of surrogate pairs come along. */
function utf16Of(text: string): Uint8Array {
  return Uint8Array.from([...Array(text.length).keys()].flatMap((at) => {
    const unit = text.charCodeAt(at);
    return [unit >> 8, unit & 0xff];
  }));
}

function feedName(input: Uint8Array): Set<string> {
  let name = "";
  for (let at = 0; at + 1 < input.length; at += 2) name += String.fromCharCode(input[at]! << 8 | input[at + 1]!);
  const shown = sanitizeForDisplay(name);
  assert(shown.length <= MAX_DISPLAY_LENGTH + "...".length, "a text too long to show");
  // deno-lint-ignore no-control-regex -- that there are none is the point
  assert(!/[\u0000-\u001f\u007f-\u009f]/.test(shown), "a control character is shown");
  const isCut = shown.length > MAX_DISPLAY_LENGTH || shown.endsWith("...");
  assert(isCut || sanitizeForDisplay(shown) === shown, "what is fit to be shown is changed");
  const features = new Set([shown === name ? "shown as it is" : isCut ? "cut" : "escaped"]);
  const reason = checkFileName(name);
  if (reason !== undefined) return features.add(reason);
  assert(!/[/\0]/.test(name) && name !== "." && name !== ".." && name !== "", "a name that leads elsewhere");
  assert(utf8.encode(name).length <= MAX_FILE_NAME_BYTES, "a name too long for a disk");
  const localReason = checkLocalName(name, "windows");
  if (localReason === undefined) assert(!/[\\:]/.test(name), "a name that leads elsewhere on Windows");
  else features.add(localReason.replace(/"[^"]+" is the/, "X"));
  for (const attempt of [1, 2, 999]) assert.equal(checkFileName(receivedName(name, attempt)), undefined);
  return features.add(`a name of ${bucket(name.length)}`);
}
