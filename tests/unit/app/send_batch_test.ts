import assert from "node:assert/strict";
import fc from "fast-check";
import { SendBatch } from "../../../app/send_batch.ts";

/** Writes datagrams of these lengths, each filled with its number. */
function sourceOf(lengths: readonly number[]) {
  let next = 0;
  return {
    get polls() {
      return next;
    },
    pollTransmit(_nowUs: number, buffer: Uint8Array): number {
      assert(buffer.length >= 65_507, "any datagram has room");
      const length = lengths[next++] ?? 0;
      buffer.fill(next, 0, length);
      return length;
    },
  };
}

/** What a batch sends: the lengths of its datagrams. */
function contents({ bytes, segmentBytes }: SendBatch): number[] {
  const lengths: number[] = [];
  for (let at = 0; at < bytes.length; at += segmentBytes) lengths.push(bytes.subarray(at, at + segmentBytes).length);
  return lengths;
}

Deno.test("SendBatch.fill collects datagrams of one length, the last of which may be shorter", () => {
  const batch = new SendBatch(64);
  const source = sourceOf([1472, 1472, 1472, 1000, 1472]);
  assert.equal(batch.fill(0, source, 100), 4);
  assert.deepEqual(contents(batch), [1472, 1472, 1472, 1000]);
  assert.deepEqual([batch.bytes[0], batch.bytes[1472], batch.bytes.at(-1)], [1, 2, 4]);
  assert.equal(batch.takeRest(), false);
});

Deno.test("SendBatch.takeRest gives the datagram that was longer than those before", () => {
  const batch = new SendBatch(64);
  assert.equal(batch.fill(0, sourceOf([1200, 1200, 9000, 1200]), 100), 3);
  assert.deepEqual(contents(batch), [1200, 1200]);
  assert.equal(batch.takeRest(), true);
  assert.deepEqual(contents(batch), [9000]);
  assert(batch.bytes.every((byte) => byte === 3));
  assert.equal(batch.takeRest(), false);
});

Deno.test("SendBatch.fill sends alone what is short, or what a socket takes alone", () => {
  assert.deepEqual(fillOnce(new SendBatch(64), [40, 40, 40]), [40]);
  assert.deepEqual(fillOnce(new SendBatch(1), [1472, 1472]), [1472]);
  assert.deepEqual(fillOnce(new SendBatch(64), [65_507, 65_507]), [65_507]);
  assert.deepEqual(fillOnce(new SendBatch(64), []), undefined);
});

Deno.test("SendBatch.fill stops at the most that it may, that a socket takes, and that a call takes", () => {
  const many = new Array<number>(200).fill(1000);
  assert.equal(fillOnce(new SendBatch(64), many, 5)!.length, 5);
  assert.equal(fillOnce(new SendBatch(64), many)!.length, 64);
  assert.equal(fillOnce(new SendBatch(64), new Array<number>(200).fill(8872))!.length, 7);
});

Deno.test("SendBatch sends every datagram once, in order, whatever their lengths are", () => {
  const length = fc.oneof(fc.integer({ min: 1, max: 65_507 }), fc.constantFrom(1200, 1472, 8872));
  fc.assert(fc.property(fc.array(length, { maxLength: 100 }), fc.constantFrom(1, 3, 64), (lengths, maxSegments) => {
    const batch = new SendBatch(maxSegments);
    const source = sourceOf(lengths);
    const sent: number[] = [];
    while (batch.takeRest() || batch.fill(0, source, 50) > 0) {
      assert(batch.bytes.length <= 65_507);
      assert(contents(batch).length <= maxSegments);
      sent.push(...contents(batch));
    }
    assert.deepEqual(sent, lengths);
  }));
});

function fillOnce(batch: SendBatch, lengths: readonly number[], most = 1000): number[] | undefined {
  return batch.fill(0, sourceOf(lengths), most) === 0 ? undefined : contents(batch);
}
