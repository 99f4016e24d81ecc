import assert from "node:assert/strict";
import { RangeSet } from "../../../../base/range_set.ts";
import { LatePackets } from "../../../../protocol/recovery/late_packets.ts";

/** What of these packets is still to be told of, as numbers. */
function toTell(late: LatePackets, start = 0, end = 1_000): number[] {
  const ranges = new RangeSet();
  late.addTo(ranges, start, end);
  const numbers: number[] = [];
  for (let i = 0; i < ranges.length; i++) {
    for (let n = ranges.start(i); n < ranges.end(i); n++) numbers.push(n);
  }
  return numbers;
}

Deno.test("LatePackets counts ACK frames from 0 on", () => {
  const late = new LatePackets();
  assert.deepEqual([late.nextReport(), late.nextReport(), late.nextReport()], [0, 1, 2]);
});

Deno.test("LatePackets keeps a packet until a frame that was sent after it arrived is acknowledged", () => {
  const late = new LatePackets();
  const before = late.nextReport();
  late.add(5);
  const after = late.nextReport();
  late.onReportAcked(0, 10, before);
  assert.deepEqual(toTell(late), [5]);
  late.onReportAcked(0, 10, after);
  assert.deepEqual(toTell(late), []);
});

Deno.test("LatePackets keeps what the frame acknowledged did not tell of", () => {
  const late = new LatePackets();
  for (const packetNumber of [5, 6, 20]) late.add(packetNumber);
  const report = late.nextReport();
  late.onReportAcked(0, 6, report);
  assert.deepEqual(toTell(late), [6, 20]);
  late.onReportAcked(6, 100, report);
  assert.deepEqual(toTell(late), []);
});

Deno.test("LatePackets lets the younger generation go too, once a frame after it is acknowledged", () => {
  const late = new LatePackets();
  late.add(5);
  const first = late.nextReport();
  late.add(6);
  const second = late.nextReport();
  late.onReportAcked(0, 10, first);
  assert.deepEqual(toTell(late), [6]);
  // The generation is as old as the frame after the one that ended the elder: a little longer than it need be.
  late.onReportAcked(0, 10, second);
  assert.deepEqual(toTell(late), [6]);
  late.onReportAcked(0, 10, late.nextReport());
  assert.deepEqual(toTell(late), []);
});

Deno.test("LatePackets.addTo adds only what lies within the bounds", () => {
  const late = new LatePackets();
  for (const packetNumber of [3, 4, 5, 9]) late.add(packetNumber);
  late.nextReport();
  late.add(7);
  assert.deepEqual(toTell(late, 4, 8), [4, 5, 7]);
});

Deno.test("LatePackets.removeBelow gives up old packets of both generations", () => {
  const late = new LatePackets();
  late.add(3);
  late.add(8);
  late.nextReport();
  late.add(4);
  late.add(9);
  late.removeBelow(5);
  assert.deepEqual(toTell(late), [8, 9]);
});

Deno.test("LatePackets keeps a bounded number of ranges, however many come and no ACK frame is heard of", () => {
  const late = new LatePackets(10);
  for (let n = 0; n < 200; n += 2) {
    late.add(n);
    if (n === 100) late.nextReport();
  }
  assert.equal(late.length, 20);
  assert.deepEqual(toTell(late).slice(-1), [198], "the oldest go first");
});
