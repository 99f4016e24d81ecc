import assert from "node:assert/strict";
import fc from "fast-check";
import { MAX_VARINT } from "../../base/bytes.ts";
import { MAX_ZEROS_BYTES } from "../../protocol/wire/frame.ts";
import { PacketHeader, PACKETS_PER_KEY } from "../../protocol/wire/packet.ts";
import { type Message, RefusalReason, ResultStatus } from "../../transfer/messages.ts";
import { decodeMessage } from "../../transfer/message_decoder.ts";
import { encodeMessage } from "../../transfer/message_encoder.ts";
import { MAX_FILE_BYTES } from "../../transfer/file_store.ts";
import { GOLDEN_FRAMES, GOLDEN_MESSAGES, GOLDEN_PACKETS } from "../wire/golden.ts";
import { decodePacket } from "../../testing/wire_decode.ts";
import {
  decodeFrames,
  encodeFrames,
  encodePacket,
  type FrameValue,
  fromHex,
  type PacketValue,
} from "../../testing/wire_values.ts";

/** Fixed, so that a run can be repeated; a failure prints its own counterexample. */
const SEED = 0x534c;

const boundaries = [2 ** 6, 2 ** 14, 2 ** 30, 2 ** 31, 2 ** 32, 2 ** 53 - 2].flatMap((at) => [at - 1, at, at + 1]);
/** Any value of a varint, often one next to where its size changes. */
const varints = fc.oneof(fc.constantFrom(0, 1, ...boundaries), fc.maxSafeNat(), fc.nat(100));
const packetNumbers = varints.map((value) => Math.min(value, MAX_VARINT - 1));
/** As `fc.record`, but of plain objects, which strict equality asks for. */
function record<Value>(model: { [Key in keyof Value]: fc.Arbitrary<Value[Key]> }): fc.Arbitrary<Value> {
  return fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<Value>;
}

const hexOf = (minLength: number, maxLength: number) =>
  fc.uint8Array({ minLength, maxLength }).map((bytes) => bytes.toHex());
const text = (maxLength: number) => fc.string({ unit: "grapheme", maxLength });

const parameters = record({
  maxIdleTimeoutMs: varints.map((value) => Math.max(value, 1)),
  maxDatagramBytes: varints.map((value) => Math.max(value, 1200)),
  initialMaxData: varints,
  initialMaxStreamData: varints,
  initialMaxStreams: varints,
  maxAckDelayUs: fc.nat(16_383_999),
  receiveBurstBytes: varints.map((value) => Math.max(value, 65_536)),
});

/** Ranges that lie as close to their top as gaps and lengths say, newest first. */
const ackRanges = fc
  .tuple(packetNumbers, fc.array(fc.tuple(varints, varints), { minLength: 1, maxLength: 40 }))
  .map(([largest, parts]) => {
    const ranges: [number, number][] = [];
    let end = largest + 1;
    for (const [gap, length] of parts) {
      const start = Math.max(0, end - 1 - length);
      ranges.push([start, end]);
      if (start < 2 + gap) break;
      end = start - 1 - gap;
    }
    return ranges;
  });

const stream: fc.Arbitrary<FrameValue> = record({
  streamId: varints,
  offset: varints,
  data: hexOf(0, 200),
  fin: fc.boolean(),
})
  .map((value) => ({
    frame: "stream",
    ...value,
    offset: Math.min(value.offset, MAX_VARINT - value.data.length / 2),
  }));

const frames: fc.Arbitrary<FrameValue> = fc.oneof(
  { arbitrary: stream, weight: 3 },
  {
    arbitrary: record({ frame: fc.constant("ack" as const), delayUs: varints, ranges: ackRanges }),
    weight: 3,
  },
  fc.constant<FrameValue>({ frame: "ping" }),
  record({ frame: fc.constant("resetStream" as const), streamId: varints, code: varints, finalSize: varints }),
  record({ frame: fc.constant("stopSending" as const), streamId: varints, code: varints }),
  record({
    frame: fc.constant("zeros" as const),
    streamId: varints,
    offset: fc.nat({ max: MAX_VARINT - MAX_ZEROS_BYTES }),
    length: fc.integer({ min: 1, max: MAX_ZEROS_BYTES }),
  }),
  record({ frame: fc.constant("rateLimit" as const), bytesPerSecond: varints, isBackground: fc.boolean() }),
  record({ frame: fc.constantFrom("maxData", "maxStreams"), value: varints }),
  record({ frame: fc.constant("maxStreamData" as const), streamId: varints, value: varints }),
  record({ frame: fc.constantFrom("pathChallenge", "pathResponse"), data: hexOf(8, 8) }),
  record({
    frame: fc.constant("close" as const),
    isApplication: fc.boolean(),
    code: varints,
    reason: text(20),
  }),
  record({ frame: fc.constant("parameters" as const), parameters }),
);

const ownIds = fc.maxSafeNat().map((id) => Math.max(1, id));
const peerIds = hexOf(8, 8);
const frameRuns = fc.array(frames, { minLength: 1, maxLength: 8 });

const packets: fc.Arbitrary<PacketValue> = fc.oneof(
  record({ packet: fc.constant("data" as const), to: peerIds, number: packetNumbers, sealed: hexOf(0, 300) }),
  record({
    packet: fc.constant("clientFinish" as const),
    to: peerIds,
    from: ownIds,
    token: hexOf(0, 256),
    handshake: hexOf(0, 512),
    number: packetNumbers.map((number) => number % PACKETS_PER_KEY),
    sealed: hexOf(0, 300),
  }),
  record({
    packet: fc.constant("hello" as const),
    from: ownIds,
    handshake: hexOf(0, 512),
    cookie: hexOf(0, 256),
    sizeBytes: fc.integer({ min: 1200, max: 1500 }),
  }),
  record({
    packet: fc.constant("serverHello" as const),
    to: peerIds,
    from: ownIds,
    token: hexOf(0, 256),
    handshake: hexOf(0, 512),
    tag: hexOf(16, 16),
  }),
  record({
    packet: fc.constant("versionNegotiation" as const),
    to: peerIds,
    from: peerIds,
    versions: fc.array(fc.nat(0xffff_ffff), { minLength: 1, maxLength: 64 }),
  }),
  record({ packet: fc.constant("reset" as const), to: peerIds, token: hexOf(16, 16) }),
  record({ packet: fc.constant("cookie" as const), to: peerIds, cookie: hexOf(0, 256) }),
  record({
    packet: fc.constant("refusal" as const),
    to: peerIds,
    mac: hexOf(16, 16),
    code: fc.integer({ min: 0, max: 255 }),
    reason: text(60),
  }),
);

const sha256 = fc.uint8Array({ minLength: 32, maxLength: 32 });
const names = text(60);
const sizes = varints.map((size) => Math.min(size, MAX_FILE_BYTES));
/** Times before 1970 and after, or none. */
const times = fc.tuple(varints, fc.boolean()).map(([timeUs, isEarly]) => isEarly && timeUs > 0 ? -timeUs : timeUs);
const modes = fc.nat(0o777);
const attributes = fc.oneof(
  record({ sizeBytes: sizes, modifiedUs: times, mode: modes }),
  record({ sizeBytes: sizes, modifiedUs: times }),
  record({ sizeBytes: sizes, mode: modes }),
  record({ sizeBytes: sizes }),
);
const entries = fc.tuple(names, attributes).map(([name, rest]) => ({ name, ...rest }));

const messages: fc.Arbitrary<Message> = fc.oneof(
  fc.tuple(entries, fc.boolean()).map(([entry, overwrite]): Message => ({ type: "put", ...entry, overwrite })),
  record({ type: fc.constantFrom("get" as const, "stat" as const), name: names }),
  fc.constant<Message>({ type: "list" }),
  attributes.map((file): Message => ({ type: "file", ...file })),
  record({ type: fc.constant("digest" as const), sha256 }),
  record({
    type: fc.constant("result" as const),
    status: fc.constantFrom(...Object.values(ResultStatus)),
    sha256,
    savedName: names,
  }),
  entries.map((entry): Message => ({ type: "entry", kind: "file", ...entry })),
  record({ type: fc.constant("end" as const), count: varints }),
  record({
    type: fc.constant("end" as const),
    count: varints,
    unlisted: record({ count: varints.filter((count) => count > 0), examples: names }),
  }),
  record({
    type: fc.constant("refused" as const),
    reason: fc.constantFrom(...Object.values(RefusalReason)),
    message: names,
  }),
);

type Mutation = {
  readonly kind: "flip" | "set" | "cut" | "insert" | "repeat";
  readonly at: number;
  readonly byte: number;
};

const mutations: fc.Arbitrary<Mutation[]> = fc.array(
  record({
    kind: fc.constantFrom("flip", "set", "cut", "insert", "repeat"),
    at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    // What turns varints large, or the types of frames into each other, more often than chance has it.
    byte: fc.oneof(fc.nat(255), fc.constantFrom(0x00, 0x01, 0x3f, 0x40, 0x80, 0xbf, 0xc0, 0xdf, 0xff)),
  }),
  { maxLength: 4 },
);

function mutate(bytes: Uint8Array, list: readonly Mutation[]): Uint8Array {
  const out = [...bytes];
  for (const { kind, at, byte } of list) {
    const index = Math.floor(at * out.length);
    if (kind === "cut") out.length = index;
    else if (kind === "insert") out.splice(index, 0, byte);
    else if (kind === "repeat") out.splice(index, 0, ...out.slice(index, index + byte));
    else if (index < out.length) out[index] = kind === "flip" ? out[index]! ^ (1 << (byte & 7)) : byte;
  }
  return Uint8Array.from(out);
}

const anyBytes = fc.uint8Array({ maxLength: 300 });

/** Bytes from nowhere, and valid ones changed. */
function hostile(golden: readonly { readonly hex: string }[], valid: fc.Arbitrary<Uint8Array>) {
  const start = fc.oneof(fc.constantFrom(...golden.map(({ hex }) => fromHex(hex))), valid);
  return fc.oneof(
    { arbitrary: fc.tuple(start, mutations).map(([bytes, list]) => mutate(bytes, list)), weight: 4 },
    { arbitrary: anyBytes, weight: 1 },
  );
}

Deno.test("PacketHeader.decode and what reads on never throw, and keep inside the datagram", () => {
  const datagrams = hostile(GOLDEN_PACKETS, packets.map(encodePacket));
  let accepted = 0;
  fc.assert(
    fc.property(datagrams, (datagram) => {
      const header = new PacketHeader();
      if (header.decode(datagram)) {
        const { tokenStart, tokenEnd, headerEnd } = header;
        assert.equal(tokenStart <= tokenEnd && tokenEnd <= headerEnd && headerEnd <= datagram.length, true);
      }
      if (decodePacket(datagram) !== undefined) accepted++;
    }),
    { numRuns: 4000, seed: SEED },
  );
  // The test would prove nothing if all of them had been refused.
  assert.equal(accepted > 500, true);
});

Deno.test("readFrames never throws, and states only frames that are written as frames again", () => {
  const known = GOLDEN_FRAMES.map(({ hex }) => ({ hex }));
  fc.assert(
    fc.property(hostile(known, frameRuns.map(encodeFrames)), (bytes) => {
      const { values, error } = decodeFrames(bytes);
      assert.equal(error === undefined || error.message.length > 0, true);
      // Reasons that are no UTF-8 are shown as best they can be, and so do not come back as they were.
      const exact = values.filter((value) => value.frame !== "close");
      if (exact.length > 0) assert.deepEqual(decodeFrames(encodeFrames(exact)), { values: exact, error: undefined });
    }),
    { numRuns: 4000, seed: SEED },
  );
});

Deno.test("decodeMessage never throws, and never consumes more than there is", () => {
  fc.assert(
    fc.property(hostile(GOLDEN_MESSAGES, messages.map(encodeMessage)), (bytes) => {
      const result = decodeMessage(bytes);
      if (result === "incomplete" || "malformed" in result) return;
      assert.equal(result.consumed >= 2 && result.consumed <= bytes.length, true);
      const again = decodeMessage(encodeMessage(result.message));
      assert.deepEqual(typeof again === "object" && "message" in again && again.message, result.message);
    }),
    { numRuns: 4000, seed: SEED },
  );
});

Deno.test("frames come back as they were written", () => {
  fc.assert(
    fc.property(frameRuns, (values) => {
      assert.deepEqual(decodeFrames(encodeFrames(values)), { values, error: undefined });
    }),
    { numRuns: 2000, seed: SEED },
  );
});

Deno.test("packets come back as they were written", () => {
  fc.assert(
    fc.property(packets, (value) => {
      assert.deepEqual(decodePacket(encodePacket(value)), value);
    }),
    { numRuns: 1000, seed: SEED },
  );
});

Deno.test("messages come back as they were written", () => {
  fc.assert(
    fc.property(messages, (message) => {
      const bytes = encodeMessage(message);
      assert.deepEqual(decodeMessage(bytes), { message, consumed: bytes.length });
    }),
    { numRuns: 1000, seed: SEED },
  );
});
