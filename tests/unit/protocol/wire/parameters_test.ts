import assert from "node:assert/strict";
import { Reader, Writer } from "../../../../base/bytes.ts";
import {
  ParameterId,
  parametersSize,
  readParameters,
  type TransportParameters,
  writeParameters,
} from "../../../../protocol/wire/parameters.ts";

const VALID: TransportParameters = {
  maxIdleTimeoutMs: 1,
  maxDatagramBytes: 1200,
  initialMaxData: 0,
  initialMaxStreamData: 2 ** 53 - 1,
  initialMaxStreams: 0,
  maxAckDelayUs: 16_383_999,
  receiveBurstBytes: 65_537,
};
const PAIRS = Object.entries(ParameterId).map(([key, id]) => [id, VALID[key as keyof TransportParameters]] as const);

function read(pairs: readonly (readonly [number, number])[], count = pairs.length) {
  const writer = new Writer().reset(new Uint8Array(2000));
  writer.varint(count);
  for (const pair of pairs) pair.forEach((value) => writer.varint(value));
  return readParameters(new Reader().reset(writer.buffer, 0, writer.position));
}

function withValue(id: number, value: number) {
  return read(PAIRS.map(([pairId, pairValue]) => [pairId, pairId === id ? value : pairValue]));
}

Deno.test("readParameters accepts the extreme values, in any order", () => {
  assert.deepEqual(read(PAIRS), VALID);
  assert.deepEqual(read(PAIRS.toReversed()), VALID);
});

Deno.test("readParameters passes over IDs it does not know", () => {
  assert.deepEqual(read([[0, 5], ...PAIRS, [2 ** 40, 5]]), VALID);
});

Deno.test("readParameters refuses values out of bounds", () => {
  assert.deepEqual(withValue(ParameterId.maxIdleTimeoutMs, 0), { malformed: "max_idle_timeout_ms is 0" });
  assert.deepEqual(withValue(ParameterId.maxDatagramBytes, 1199), { malformed: "max_datagram_bytes is under 1200" });
  assert.deepEqual(withValue(ParameterId.maxAckDelayUs, 16_384_000), { malformed: "max_ack_delay_us is too long" });
});

Deno.test("readParameters refuses an ID that comes twice, known or not", () => {
  assert.deepEqual(read([...PAIRS, [3, 9]]), { malformed: "parameter 3 twice" });
  assert.deepEqual(read([...PAIRS, [99, 1], [99, 1]]), { malformed: "parameter 99 twice" });
});

Deno.test("readParameters takes a missing receive_burst_bytes for 64 KiB, and writeParameters leaves that out", () => {
  const defaults = { ...VALID, receiveBurstBytes: 65_536 };
  const required = PAIRS.filter(([id]) => id !== ParameterId.receiveBurstBytes);
  assert.deepEqual(read(required), defaults);
  const writer = new Writer().reset(new Uint8Array(100));
  writeParameters(writer, defaults);
  assert.equal(writer.buffer[0], required.length);
  assert.deepEqual(readParameters(new Reader().reset(writer.buffer, 0, writer.position)), defaults);
  assert.deepEqual(withValue(ParameterId.receiveBurstBytes, 65_535), {
    malformed: "receive_burst_bytes is under 65536",
  });
});

Deno.test("readParameters refuses a list without one of the six that are required", () => {
  for (const [missing] of PAIRS) {
    if (missing === ParameterId.receiveBurstBytes) continue;
    assert.deepEqual(read(PAIRS.filter(([id]) => id !== missing)), { malformed: `parameter ${missing} missing` });
  }
});

Deno.test("readParameters refuses counts above 64 and lists shorter than their count", () => {
  const many = Array.from({ length: 64 - PAIRS.length }, (_, i) => [100 + i, 0] as const);
  assert.deepEqual(read([...PAIRS, ...many]), VALID);
  assert.deepEqual(read([...PAIRS, ...many, [99, 0]]), { malformed: "more than 64 parameters" });
  assert.deepEqual(read(PAIRS, PAIRS.length + 1), { malformed: "parameters cut short" });
  assert.deepEqual(readParameters(new Reader()), { malformed: "parameters cut short" });
});

Deno.test("parametersSize returns the number of bytes that writeParameters writes", () => {
  const writer = new Writer().reset(new Uint8Array(100));
  writeParameters(writer, VALID);
  assert.equal(writer.position, parametersSize(VALID));
});
