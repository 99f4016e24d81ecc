import assert from "node:assert/strict";
import { RangeSet } from "../../../../base/range_set.ts";
import { AckReporter, MAX_ACK_BYTES, MAX_REPEAT_BYTES } from "../../../../protocol/recovery/ack_reporter.ts";
import { AckTracker } from "../../../../protocol/recovery/ack_tracker.ts";
import { RECEIPT_STRIDE, ReceiptKind, SentPacket } from "../../../../protocol/sent_packet.ts";
import { Writer } from "../../../../base/bytes.ts";
import { type AckValue, decodeFrames } from "../../../../testing/wire_values.ts";

/** A tracker and its reporter, and what the frames reported. */
class Rig {
  readonly acks = new AckTracker({ maxAckDelayUs: 25_000 });
  readonly reporter = new AckReporter(this.acks);
  readonly reported = new RangeSet();

  /** Receives every other packet, so that each is a range. */
  receive(ranges: number, from = 0): void {
    for (let i = 0; i < ranges; i++) this.acks.onPacketReceived(from + 2 * i, 0, true, 1_200);
  }

  report(maxBytes = 2_000, nowUs = 500): { frames: AckValue[]; receipts: number[][]; sizeBytes: number } {
    const writer = new Writer().reset(new Uint8Array(3_000));
    const packet = new SentPacket();
    const isWritten = this.reporter.write(writer, packet, nowUs, maxBytes);
    assert.equal(isWritten, writer.position > 0);
    if (!isWritten) return { frames: [], receipts: [], sizeBytes: 0 };
    const { values, error } = decodeFrames(writer.buffer, { end: writer.position });
    assert.equal(error, undefined);
    const receipts = Array.from({ length: packet.receiptCount }, (_, i) => {
      const [kind, ...operands] = packet.receipts.slice(i * RECEIPT_STRIDE, (i + 1) * RECEIPT_STRIDE);
      assert.equal(kind, ReceiptKind.ack);
      return operands.slice(0, 1);
    });
    const frames = values as AckValue[];
    for (const { ranges } of frames) for (const [start, end] of ranges) this.reported.add(start, end);
    return { frames, receipts, sizeBytes: writer.position };
  }
}

Deno.test("AckReporter writes nothing if there is nothing to report, or no room", () => {
  const rig = new Rig();
  assert.deepEqual(rig.report().frames, []);
  rig.receive(1);
  assert.deepEqual(rig.report(4).frames, []);
  assert.equal(rig.acks.hasUnackedEliciting, true);
});

Deno.test("AckReporter reports every range that fits in one frame", () => {
  const rig = new Rig();
  rig.receive(3);
  const { frames, receipts } = rig.report();
  assert.deepEqual(frames, [{ frame: "ack", delayUs: 500, ranges: [[4, 5], [2, 3], [0, 1]] }]);
  assert.deepEqual(receipts, [[5]]);
  assert.equal(rig.acks.hasUnackedEliciting, false);
});

Deno.test("AckReporter leaves out the oldest ranges that do not fit", () => {
  const rig = new Rig();
  rig.receive(1_000);
  const { frames, sizeBytes } = rig.report();
  assert.ok(sizeBytes > MAX_ACK_BYTES - 8 && sizeBytes <= MAX_ACK_BYTES, `${sizeBytes} bytes`);
  assert.deepEqual([frames.length, frames[0]!.ranges[0]], [1, [1_998, 1_999]]);
  assert.ok(rig.reported.length > 400, `${rig.reported.length} ranges`);
  assert.equal(rig.acks.ackDeadlineUs, Infinity);
});

Deno.test("AckReporter repeats the newest ranges in few bytes, and each new range in dozens of frames", () => {
  const rig = new Rig();
  rig.receive(300);
  rig.report();
  const counts = new Map<number, number>();
  for (let i = 0; i < 200; i++) {
    rig.receive(2, 600 + 4 * i);
    const { frames, sizeBytes } = rig.report();
    assert.ok(sizeBytes <= MAX_REPEAT_BYTES + 8, `${sizeBytes} bytes`);
    for (const [start] of frames[0]!.ranges) counts.set(start, (counts.get(start) ?? 0) + 1);
  }
  for (let i = 0; i < 100; i++) assert.ok(counts.get(600 + 4 * i)! >= 40, `${counts.get(600 + 4 * i)} frames`);
});

Deno.test("AckReporter gives a late packet all the room that it needs, however far below the newest it is", () => {
  const rig = new Rig();
  rig.receive(400);
  rig.report();
  assert.ok(rig.report().sizeBytes <= MAX_REPEAT_BYTES);
  rig.acks.onPacketReceived(101, 1_000, true, 1_200);
  const { frames } = rig.report();
  assert.ok(frames[0]!.ranges.some(([start, end]) => start <= 101 && end > 101));
  assert.ok(rig.report().sizeBytes <= MAX_REPEAT_BYTES, "once is enough");
});

Deno.test("AckReporter stays within the given size, and has nothing to report once the peer has received the frame", () => {
  for (const maxBytes of [12, 20, 33, 64, 200]) {
    const rig = new Rig();
    rig.receive(200, 1_000_000);
    const { frames, receipts, sizeBytes } = rig.report(maxBytes);
    assert.ok(sizeBytes <= maxBytes);
    assert.deepEqual(frames[0]!.ranges[0], [1_000_398, 1_000_399]);
    assert.equal(rig.acks.shouldAck(500), false, "another packet would report the same");
    rig.acks.onAckAcked(receipts[0]![0]!, 1_000);
    assert.equal(rig.acks.ranges.length, 0, `in ${maxBytes} bytes`);
  }
});
