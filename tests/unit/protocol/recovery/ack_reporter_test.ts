import assert from "node:assert/strict";
import { RangeSet } from "../../../../base/range_set.ts";
import { AckReporter, MAX_ACK_BYTES, MAX_RETOLD_BYTES } from "../../../../protocol/recovery/ack_reporter.ts";
import { AckTracker } from "../../../../protocol/recovery/ack_tracker.ts";
import { RECEIPT_STRIDE, ReceiptKind, SentPacket } from "../../../../protocol/sent_packet.ts";
import { Writer } from "../../../../base/bytes.ts";
import { type AckValue, decodeFrames } from "../../../../testing/wire_values.ts";

/** A tracker and its reporter, and what the frames told. */
class Rig {
  readonly acks = new AckTracker({ maxAckDelayUs: 25_000 });
  readonly reporter = new AckReporter(this.acks);
  readonly told = new RangeSet();

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
      return operands.slice(0, 3);
    });
    const frames = values as AckValue[];
    for (const { ranges } of frames) for (const [start, end] of ranges) this.told.add(start, end);
    return { frames, receipts, sizeBytes: writer.position };
  }
}

Deno.test("AckReporter writes nothing where there is nothing to tell, or no room", () => {
  const rig = new Rig();
  assert.deepEqual(rig.report().frames, []);
  rig.receive(1);
  assert.deepEqual(rig.report(4).frames, []);
  assert.equal(rig.acks.hasUnackedEliciting, true);
});

Deno.test("AckReporter tells all in one ACK where it fits", () => {
  const rig = new Rig();
  rig.receive(3);
  const { frames, receipts } = rig.report();
  assert.deepEqual(frames, [{ frame: "ack", delayUs: 500, ranges: [[4, 5], [2, 3], [0, 1]] }]);
  assert.deepEqual(receipts, [[0, 5, 0]]);
  assert.equal(rig.acks.hasUnackedEliciting, false);
});

Deno.test("AckReporter has ACKs follow each other at once until all is told, the newest first", () => {
  const rig = new Rig();
  rig.receive(1_000);
  let packets = 0;
  let lowest = Infinity;
  while (rig.acks.shouldAck(500)) {
    assert.equal(rig.acks.hasUnackedEliciting, true);
    const { frames } = rig.report();
    packets++;
    const [newest, older] = frames;
    assert.equal(newest!.ranges[0]![0], 1_998);
    // The older ones go on where the last packet ended: right below the newest at first.
    if (packets === 1) lowest = newest!.ranges.at(-1)![0];
    assert.equal(older!.ranges[0]![0], lowest - 2);
    lowest = older!.ranges.at(-1)![0];
  }
  // 250 ranges fit into half of a packet's room.
  assert.equal(packets, 3);
  assert.equal(rig.told.length, 1_000);
  assert.equal(rig.acks.ackDeadlineUs, Infinity);
  assert.equal(rig.acks.hasUnackedEliciting, false);
});

Deno.test("AckReporter tells a late packet at once, however deep below the newest", () => {
  const rig = new Rig();
  rig.receive(3_000);
  while (rig.acks.shouldAck(500)) rig.report();
  rig.acks.onPacketReceived(2_001, 1_000, true, 1_200);
  const { frames } = rig.report();
  assert.deepEqual(frames[1]!.ranges[0], [2_000, 2_003]);
  assert.equal(rig.acks.shouldAck(1_000), false);
});

Deno.test("AckReporter tells the newest in every packet, and each of the older in turn", () => {
  const rig = new Rig();
  rig.receive(2_000);
  while (rig.acks.shouldAck(500)) rig.report();
  rig.told.clear();
  const packets = Array.from({ length: 55 }, () => rig.report());
  for (const { frames, receipts, sizeBytes } of packets) {
    const [newest, older] = frames;
    // The packet that ends a round tells what is left.
    const leastBytes = older!.frame === "ack" ? 0 : 0.9 * MAX_RETOLD_BYTES;
    assert.ok(sizeBytes <= MAX_RETOLD_BYTES && sizeBytes > leastBytes, `${sizeBytes} bytes`);
    assert.deepEqual([newest!.frame, newest!.delayUs, newest!.ranges[0]], ["partialAck", 500, [3_998, 3_999]]);
    // Only the frame that goes down to the lowest range may say that there is nothing below.
    assert.equal(older!.frame === "ack", older!.ranges.at(-1)![0] === 0);
    assert.equal(older!.delayUs, 0);
    frames.forEach(({ frame, ranges }, i) => {
      const lowest = ranges.at(-1)![0];
      assert.deepEqual(receipts[i]!.slice(0, 2), [frame === "ack" ? 0 : lowest, ranges[0]![1]]);
    });
  }
  assert.equal(rig.told.length, 2_000, "all are told of within 55 packets");
  // Half of the room holds some 90 ranges: the 1,910 others take 21 packets or 22, and then it begins anew.
  const rounds = packets.filter(({ frames }) => frames[1]!.frame === "ack").length;
  assert.ok(rounds >= 2 && rounds <= 3, `${rounds} rounds`);
});

Deno.test("AckReporter gives ranges never told of more room than those told before", () => {
  const rig = new Rig();
  rig.receive(300);
  const { sizeBytes } = rig.report();
  assert.ok(sizeBytes > 600 && sizeBytes <= MAX_ACK_BYTES, `${sizeBytes} bytes`);
  assert.equal(rig.acks.shouldAck(500), false);
  rig.acks.onPacketReceived(600, 500, true, 1_200);
  const next = rig.report();
  assert.ok(next.sizeBytes <= MAX_RETOLD_BYTES + 4, `${next.sizeBytes} bytes`);
  assert.equal(next.frames[0]!.ranges[0]![0], 600);
});

Deno.test("AckReporter goes on to tell of old ranges while new ones come in", () => {
  const rig = new Rig();
  rig.receive(1_000);
  for (let i = 0; i < 12; i++) {
    rig.receive(20, 10_000 + 40 * i);
    rig.report();
  }
  assert.equal(rig.told.containsRange(0, 1), true);
  assert.equal(rig.told.length, rig.acks.ranges.length);
});

Deno.test("AckReporter gives a single range all the room where that is too little to share", () => {
  const rig = new Rig();
  rig.receive(300, 1_000_000);
  const { frames } = rig.report(12);
  assert.equal(rig.acks.shouldAck(500), false, "another packet would tell the same");
  assert.equal(frames.length, 1);
  assert.equal(frames[0]!.frame, "partialAck");
  assert.deepEqual(frames[0]!.ranges[0], [1_000_598, 1_000_599]);
});

Deno.test("AckReporter tells all in the end, however little room there is, and nothing once it is known", () => {
  for (const maxBytes of [20, 33, 64, 200]) {
    const rig = new Rig();
    rig.receive(200);
    const receipts: number[][] = [];
    for (let i = 0; i < 200 && rig.told.length < 200; i++) receipts.push(...rig.report(maxBytes).receipts);
    assert.equal(rig.told.length, 200, `in ${maxBytes} bytes`);
    for (const [start, end, report] of receipts) rig.acks.onAckAcked(start!, end!, report!, 1_000);
    assert.equal(rig.acks.ranges.length, 0, `in ${maxBytes} bytes`);
  }
});
