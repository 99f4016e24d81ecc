import assert from "node:assert/strict";
import { FrameType } from "../../protocol/wire/frame.ts";
import { PacketType } from "../../protocol/wire/packet.ts";
import { MessageType } from "../../transfer/messages.ts";
import { decodeMessage } from "../../transfer/message_decoder.ts";
import { encodeMessage } from "../../transfer/message_encoder.ts";
import { GOLDEN_FRAMES, GOLDEN_MESSAGES, GOLDEN_PACKETS } from "./golden.ts";
import { readBlocks } from "./vectors.ts";
import { decodePacket } from "../../testing/wire_decode.ts";
import { decodeFrames, encodeFrames, encodePacket, fromHex } from "../../testing/wire_values.ts";

for (const { name, hex, value } of GOLDEN_PACKETS) {
  Deno.test(`golden packet decodes: ${name}`, () => assert.deepEqual(decodePacket(fromHex(hex)), value));
  Deno.test(`golden packet encodes: ${name}`, () => assert.equal(encodePacket(value).toHex(), fromHex(hex).toHex()));
}

for (const { name, hex, value, decodeOnly } of GOLDEN_FRAMES) {
  Deno.test(`golden frame decodes: ${name}`, () => {
    const values = value.filter((frame) => frame.frame !== "padding");
    assert.deepEqual(decodeFrames(fromHex(hex)), { values, error: undefined });
  });
  if (decodeOnly) continue;
  Deno.test(`golden frame encodes: ${name}`, () => assert.equal(encodeFrames(value).toHex(), fromHex(hex).toHex()));
}

for (const { name, hex, value, decodeOnly } of GOLDEN_MESSAGES) {
  const bytes = fromHex(hex);
  Deno.test(`golden message decodes: ${name}`, () => {
    assert.deepEqual(decodeMessage(bytes), { message: value, consumed: bytes.length });
  });
  if (decodeOnly) continue;
  Deno.test(`golden message encodes: ${name}`, () => assert.equal(encodeMessage(value).toHex(), bytes.toHex()));
}

Deno.test("golden datagrams are of every packet type, frame type and message type", () => {
  const packetTypes = new Set(GOLDEN_PACKETS.map(({ hex }) => fromHex(hex)[0]));
  const { unknownVersion: _, ...onWire } = PacketType;
  assert.deepEqual(Object.values(onWire).filter((type) => !packetTypes.has(type)), []);
  const frameTypes = new Set(GOLDEN_FRAMES.map(({ hex }) => fromHex(hex)[0]!));
  assert.deepEqual(Object.values(FrameType).filter((type) => !frameTypes.has(type)), []);
  const messageTypes = new Set(GOLDEN_MESSAGES.map(({ value }) => value.type as string));
  assert.deepEqual(Object.keys(MessageType).filter((type) => !messageTypes.has(type)), []);
});

Deno.test("PROTOCOL.md shows golden frames and messages by their names, one at least of each type", async () => {
  const text = await Deno.readTextFile(new URL("../../docs/PROTOCOL.md", import.meta.url));
  const shown = readBlocks(text, "golden");
  const isShown = ({ name, hex }: { readonly name: string; readonly hex: string }): boolean =>
    shown.get(name) === fromHex(hex).toHex();
  const frames = GOLDEN_FRAMES.filter(isShown);
  const messages = GOLDEN_MESSAGES.filter(isShown);
  assert.equal(frames.length + messages.length, shown.size);
  const typesOf = (golden: readonly { readonly hex: string }[]) => new Set(golden.map(({ hex }) => fromHex(hex)[0]!));
  const [frameTypes, messageTypes] = [typesOf(frames), typesOf(messages)];
  assert.deepEqual(Object.values(FrameType).filter((type) => !frameTypes.has(type)), []);
  assert.deepEqual(Object.values(MessageType).filter((type) => !messageTypes.has(type)), []);
});
