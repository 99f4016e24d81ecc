import assert from "node:assert/strict";
import fc from "fast-check";
import { AckTracker } from "../../../../protocol/recovery/ack_tracker.ts";

const MAX_ACK_DELAY_US = 25_000;

function tracker(ackElicitingThreshold = 2, maxRanges = 1_000): AckTracker {
  return new AckTracker({ maxAckDelayUs: MAX_ACK_DELAY_US, ackElicitingThreshold, maxRanges });
}

function rangesOf(acks: AckTracker): [number, number][] {
  return Array.from({ length: acks.ranges.length }, (_, i) => [acks.ranges.start(i), acks.ranges.end(i)]);
}

Deno.test("AckTracker holds back the ACK of a single packet for max_ack_delay", () => {
  const acks = tracker();
  assert.equal(acks.ackDeadlineUs, Infinity);
  assert.equal(acks.shouldAck(Number.MAX_SAFE_INTEGER), false);
  acks.onPacketReceived(0, 1_000, true);
  assert.equal(acks.ackDeadlineUs, 1_000 + MAX_ACK_DELAY_US);
  assert.equal(acks.hasUnackedEliciting, true);
  assert.equal(acks.shouldAck(25_999), false);
  assert.equal(acks.shouldAck(26_000), true);
});

Deno.test("AckTracker acknowledges every second ack-eliciting packet at once", () => {
  const acks = tracker();
  acks.onPacketReceived(0, 1_000, true);
  acks.onPacketReceived(1, 2_000, true);
  assert.equal(acks.ackDeadlineUs, 2_000);
  acks.onAckSent();
  assert.equal(acks.ackDeadlineUs, Infinity);
  assert.equal(acks.hasUnackedEliciting, false);
  acks.onPacketReceived(2, 3_000, true);
  assert.equal(acks.shouldAck(3_000), false);
});

Deno.test("AckTracker takes a threshold raised on the way, and still keeps the delay", () => {
  const acks = tracker();
  acks.ackElicitingThreshold = 10;
  for (let pn = 0; pn < 9; pn++) acks.onPacketReceived(pn, 1_000 + pn, true);
  assert.equal(acks.ackDeadlineUs, 1_000 + MAX_ACK_DELAY_US);
  acks.onPacketReceived(9, 1_009, true);
  assert.equal(acks.ackDeadlineUs, 1_009);
  assert.throws(() => acks.ackElicitingThreshold = 0, { name: "InvariantError" });
});

Deno.test("AckTracker never asks for an ACK of packets that are not ack-eliciting", () => {
  const acks = tracker();
  for (const pn of [0, 1, 5, 3]) acks.onPacketReceived(pn, 0, false);
  assert.equal(acks.ackDeadlineUs, Infinity);
  assert.deepEqual(rangesOf(acks), [[0, 2], [3, 4], [5, 6]]);
});

Deno.test("AckTracker acknowledges a gap, and what fills it, at once", () => {
  const acks = tracker(10);
  acks.onPacketReceived(0, 0, true);
  acks.onPacketReceived(2, 10, true);
  assert.equal(acks.ackDeadlineUs, 10);
  acks.onAckSent();
  acks.onPacketReceived(3, 20, true);
  assert.equal(acks.shouldAck(20), false, "the gap was reported before");
  acks.onPacketReceived(1, 30, true);
  assert.equal(acks.ackDeadlineUs, 30);
});

Deno.test("AckTracker sees no gap where packets of ACKs alone fill it, nor before the first packet", () => {
  const acks = tracker(10);
  acks.onPacketReceived(1_000, 0, true);
  acks.onPacketReceived(1_001, 1, false);
  acks.onPacketReceived(1_002, 2, true);
  assert.equal(acks.ackDeadlineUs, MAX_ACK_DELAY_US);
});

Deno.test("AckTracker.onPacketReceived refuses a duplicate and changes nothing", () => {
  const acks = tracker();
  assert.equal(acks.isDuplicate(7), false);
  assert.equal(acks.onPacketReceived(7, 0, true), true);
  assert.equal(acks.isDuplicate(7), true);
  assert.equal(acks.onPacketReceived(7, 5, true), false);
  assert.equal(acks.ackDeadlineUs, MAX_ACK_DELAY_US);
});

Deno.test("AckTracker.ackDelayUs counts from the arrival of the largest packet", () => {
  const acks = tracker();
  acks.onPacketReceived(5, 100, true);
  acks.onPacketReceived(3, 400, true);
  assert.equal(acks.largestReceived, 5);
  assert.equal(acks.ackDelayUs(1_000), 900);
});

Deno.test("AckTracker.onAckAcked forgets ranges, and still knows their packets as duplicates", () => {
  const acks = tracker();
  for (const pn of [0, 1, 3, 4, 8]) acks.onPacketReceived(pn, 0, true);
  acks.onAckSent();
  acks.onAckAcked(4);
  assert.deepEqual(rangesOf(acks), [[8, 9]]);
  for (const pn of [0, 1, 2, 3, 4]) assert.equal(acks.isDuplicate(pn), true);
  assert.equal(acks.onPacketReceived(2, 10, true), false, "too old to know: taken as received");
  assert.equal(acks.isDuplicate(5), false);
  acks.onAckAcked(1);
  assert.deepEqual(rangesOf(acks), [[8, 9]]);
});

Deno.test("AckTracker.onAckAcked keeps a late packet that no ACK has reported yet", () => {
  const acks = tracker();
  for (const pn of [0, 1, 3]) acks.onPacketReceived(pn, 0, true);
  acks.onAckSent();
  acks.onPacketReceived(2, 10, true);
  acks.onAckAcked(3);
  assert.equal(acks.shouldAck(10), true);
  assert.deepEqual(rangesOf(acks), [[2, 4]]);
  assert.equal(acks.isDuplicate(0), true);
  acks.onAckSent();
  acks.onAckAcked(3);
  assert.equal(acks.ranges.length, 0);
});

Deno.test("AckTracker remembers no more ranges than allowed, and drops the oldest", () => {
  const acks = tracker(2, 3);
  for (const pn of [0, 10, 20, 30, 40]) acks.onPacketReceived(pn, 0, true);
  assert.deepEqual(rangesOf(acks), [[20, 21], [30, 31], [40, 41]]);
  assert.equal(acks.isDuplicate(15), false);
  assert.equal(acks.isDuplicate(5), true);
  assert.equal(acks.isDuplicate(10), true);
});

Deno.test("AckTracker works up to the largest packet number there can be", () => {
  const acks = tracker();
  const last = Number.MAX_SAFE_INTEGER - 1;
  for (let pn = last - 3; pn <= last; pn++) assert.equal(acks.onPacketReceived(pn, 0, true), true);
  assert.deepEqual(rangesOf(acks), [[last - 3, last + 1]]);
  acks.onAckSent();
  acks.onAckAcked(last);
  assert.equal(acks.isDuplicate(last), true);
  assert.equal(acks.ranges.length, 0);
});

Deno.test("AckTracker agrees with a plain Set, and always has a range to report when an ACK is due", () => {
  const step = fc.oneof(
    { weight: 8, arbitrary: fc.record({ kind: fc.constant("packet" as const), number: fc.nat(60) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("sent" as const), number: fc.constant(0) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("acked" as const), number: fc.constant(0) }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120, size: "max" }), fc.integer({ min: 1, max: 4 }), (steps, threshold) => {
      const acks = tracker(threshold);
      const seen = new Set<number>();
      const unreported = new Set<number>();
      let reported = -1;
      let floor = 0;
      steps.forEach(({ kind, number }, nowUs) => {
        if (kind === "packet") {
          const fresh = !seen.has(number) && number >= floor;
          assert.equal(acks.isDuplicate(number), !fresh);
          assert.equal(acks.onPacketReceived(number, nowUs, true), fresh);
          if (!fresh) return;
          seen.add(number);
          unreported.add(number);
          assert.ok(acks.ackDeadlineUs <= nowUs + MAX_ACK_DELAY_US);
        } else if (kind === "sent" && unreported.size > 0) {
          reported = Math.max(...seen);
          unreported.clear();
          acks.onAckSent();
        } else if (kind === "acked" && reported >= 0) {
          floor = Math.max(floor, Math.min(reported + 1, ...unreported));
          acks.onAckAcked(reported);
        }
        assert.equal(acks.hasUnackedEliciting, unreported.size > 0);
        for (const each of unreported) assert.equal(acks.ranges.contains(each), true);
        const expected = [...seen].filter((each) => each >= floor).sort((a, b) => a - b);
        assert.deepEqual(
          rangesOf(acks).flatMap(([from, to]) => Array.from({ length: to - from }, (_, i) => from + i)),
          expected,
        );
      });
    }),
    { numRuns: 300, seed: 2 },
  );
});
