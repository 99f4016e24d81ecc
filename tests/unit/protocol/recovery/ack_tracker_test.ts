import assert from "node:assert/strict";
import fc from "fast-check";
import { AckTracker } from "../../../../protocol/recovery/ack_tracker.ts";

const MAX_ACK_DELAY_US = 25_000;

const SIZE_BYTES = 1_200;

function tracker(maxRanges = 1_000): AckTracker {
  return new AckTracker({ maxAckDelayUs: MAX_ACK_DELAY_US, maxRanges });
}

/** A tracker that acknowledges several packets at once, and has acknowledged numbers 0 to 999. */
function seasoned(): AckTracker {
  const acks = tracker();
  for (let pn = 0; pn < 1_000; pn++) {
    acks.onPacketReceived(pn, pn, true, SIZE_BYTES);
    if (acks.shouldAck(pn)) acks.onAckSent(pn);
  }
  acks.onAckSent(999);
  return acks;
}

/** Receives packets from `first` on until an ACK is due immediately, and sends it; returns the number of packets. */
function packetsPerAck(acks: AckTracker, first: number, nowUs: number): number {
  for (let count = 1;; count++) {
    acks.onPacketReceived(first + count - 1, nowUs, true, SIZE_BYTES);
    if (!acks.shouldAck(nowUs)) continue;
    acks.onAckSent(nowUs);
    return count;
  }
}

function rangesOf(acks: AckTracker): [number, number][] {
  return Array.from({ length: acks.ranges.length }, (_, i) => [acks.ranges.start(i), acks.ranges.end(i)]);
}

Deno.test("AckTracker delays the ACK of a single packet by max_ack_delay", () => {
  const acks = tracker();
  assert.equal(acks.ackDeadlineUs, Infinity);
  assert.equal(acks.shouldAck(Number.MAX_SAFE_INTEGER), false);
  acks.onPacketReceived(0, 1_000, true, SIZE_BYTES);
  assert.equal(acks.ackDeadlineUs, 1_000 + MAX_ACK_DELAY_US);
  assert.equal(acks.hasUnackedEliciting, true);
  assert.equal(acks.shouldAck(25_999), false);
  assert.equal(acks.shouldAck(26_000), true);
});

Deno.test("AckTracker acknowledges every second ack-eliciting packet immediately", () => {
  const acks = tracker();
  acks.onPacketReceived(0, 1_000, true, SIZE_BYTES);
  acks.onPacketReceived(1, 2_000, true, SIZE_BYTES);
  assert.equal(acks.ackDeadlineUs, 2_000);
  acks.onAckSent(0);
  assert.equal(acks.ackDeadlineUs, Infinity);
  assert.equal(acks.hasUnackedEliciting, false);
  acks.onPacketReceived(2, 3_000, true, SIZE_BYTES);
  assert.equal(acks.shouldAck(3_000), false);
});

Deno.test("AckTracker acknowledges less often while packets keep arriving, and soon when they stop", () => {
  const acks = seasoned();
  const threshold = packetsPerAck(acks, 1_000, 2_000);
  assert.ok(threshold > 4);
  let next = 1_000 + threshold;
  for (let i = 0; i < threshold - 1; i++) acks.onPacketReceived(next++, 3_000, true, SIZE_BYTES);
  assert.ok(acks.ackDeadlineUs > 3_000 && acks.ackDeadlineUs < 3_000 + MAX_ACK_DELAY_US);
  acks.onAckSent(acks.ackDeadlineUs);
  assert.equal(packetsPerAck(acks, next, 30_000), threshold >> 1, "the sender's window may be as small as that");
});

Deno.test("AckTracker never schedules an ACK for packets that are not ack-eliciting", () => {
  const acks = tracker();
  for (const pn of [0, 1, 5, 3]) acks.onPacketReceived(pn, 0, false, SIZE_BYTES);
  assert.equal(acks.ackDeadlineUs, Infinity);
  assert.deepEqual(rangesOf(acks), [[0, 2], [3, 4], [5, 6]]);
});

Deno.test("AckTracker acknowledges a gap, and the packets that fill it, immediately", () => {
  const acks = seasoned();
  acks.onPacketReceived(1_001, 2_010, true, SIZE_BYTES);
  assert.equal(acks.ackDeadlineUs, 2_010);
  acks.onAckSent(2_010);
  acks.onPacketReceived(1_002, 2_020, true, SIZE_BYTES);
  assert.equal(acks.shouldAck(2_020), false, "the gap was reported before");
  acks.onPacketReceived(1_000, 2_030, true, SIZE_BYTES);
  assert.equal(acks.ackDeadlineUs, 2_030);
});

/** A {@link seasoned} tracker of a path that has just delayed number 1000 until 1001 to 1004 had arrived. */
function reordered(): AckTracker {
  const acks = seasoned();
  for (const pn of [1_001, 1_002, 1_003, 1_004, 1_000]) acks.onPacketReceived(pn, 2_000, true, SIZE_BYTES);
  acks.onAckSent(2_000);
  return acks;
}

Deno.test("AckTracker acknowledges no packet immediately that is late as others were, nor the gap before it", () => {
  const acks = reordered();
  for (const pn of [1_006, 1_007, 1_008, 1_009, 1_005]) acks.onPacketReceived(pn, 3_000, true, SIZE_BYTES);
  assert.equal(acks.shouldAck(3_000), false);
  assert.ok(acks.ackDeadlineUs <= 3_000 + MAX_ACK_DELAY_US);
});

Deno.test("AckTracker acknowledges a gap immediately that stays open for longer than any before, once", () => {
  const acks = reordered();
  for (const pn of [1_006, 1_007, 1_008, 1_009]) acks.onPacketReceived(pn, 3_000, true, SIZE_BYTES);
  assert.equal(acks.shouldAck(3_000), false);
  acks.onPacketReceived(1_010, 3_000, true, SIZE_BYTES);
  assert.equal(acks.shouldAck(3_000), true);
  acks.onAckSent(3_000);
  acks.onPacketReceived(1_011, 3_000, true, SIZE_BYTES);
  assert.equal(acks.shouldAck(3_000), false, "reported before");
});

Deno.test("AckTracker looks for the next gap when the first is filled", () => {
  const acks = reordered();
  for (const pn of [1_006, 1_005, 1_007, 1_009, 1_010, 1_011, 1_012]) {
    acks.onPacketReceived(pn, 3_000, true, SIZE_BYTES);
  }
  assert.equal(acks.shouldAck(3_000), false, "1008 is no later than 1000 was");
  acks.onPacketReceived(1_013, 3_000, true, SIZE_BYTES);
  assert.equal(acks.shouldAck(3_000), true);
});

Deno.test("AckTracker acknowledges immediately a packet that is later than any before", () => {
  const acks = reordered();
  acks.onPacketReceived(1_010, 3_000, true, SIZE_BYTES);
  acks.onAckSent(3_000);
  acks.onPacketReceived(1_005, 3_000, true, SIZE_BYTES);
  assert.equal(acks.shouldAck(3_000), true);
});

Deno.test("AckTracker acknowledges gaps immediately again two seconds after the last packet that was late", () => {
  const acks = reordered();
  acks.onPacketReceived(1_006, 2_002_000, true, SIZE_BYTES);
  assert.equal(acks.shouldAck(2_002_000), true);
});

Deno.test("AckTracker detects no gap if ACK-only packets fill it, nor before the first packet", () => {
  const acks = seasoned();
  acks.onPacketReceived(1_000, 2_001, false, SIZE_BYTES);
  acks.onPacketReceived(1_001, 2_002, true, SIZE_BYTES);
  assert.ok(acks.ackDeadlineUs > 2_002);
  const fresh = tracker();
  fresh.onPacketReceived(1_000, 0, true, SIZE_BYTES);
  assert.equal(fresh.ackDeadlineUs, MAX_ACK_DELAY_US);
});

Deno.test("AckTracker.onPacketReceived refuses a duplicate and changes nothing", () => {
  const acks = tracker();
  assert.equal(acks.isDuplicate(7), false);
  assert.equal(acks.onPacketReceived(7, 0, true, SIZE_BYTES), true);
  assert.equal(acks.isDuplicate(7), true);
  assert.equal(acks.onPacketReceived(7, 5, true, SIZE_BYTES), false);
  assert.equal(acks.ackDeadlineUs, MAX_ACK_DELAY_US);
});

Deno.test("AckTracker.ackDelayUs counts from the arrival of the largest packet", () => {
  const acks = tracker();
  acks.onPacketReceived(5, 100, true, SIZE_BYTES);
  acks.onPacketReceived(3, 400, true, SIZE_BYTES);
  assert.equal(acks.largestReceived, 5);
  assert.equal(acks.ackDelayUs(1_000), 900);
});

Deno.test("AckTracker.onAckAcked drops ranges, and still recognizes their packets as duplicates", () => {
  const acks = tracker();
  for (const pn of [0, 1, 3, 4, 8]) acks.onPacketReceived(pn, 0, true, SIZE_BYTES);
  acks.onAckSent(0);
  acks.onAckAcked(5, 0);
  assert.deepEqual(rangesOf(acks), [[8, 9]]);
  for (const pn of [0, 1, 3, 4, 8]) assert.equal(acks.isDuplicate(pn), true);
  for (const pn of [2, 5]) assert.equal(acks.isDuplicate(pn), false);
});

Deno.test("AckTracker accepts a late packet, and reports only that one", () => {
  const acks = tracker();
  for (const pn of [0, 1, 3]) acks.onPacketReceived(pn, 0, true, SIZE_BYTES);
  acks.onAckSent(0);
  acks.onAckAcked(4, 0);
  assert.equal(acks.onPacketReceived(2, 900_000, true, SIZE_BYTES), true);
  assert.equal(acks.shouldAck(900_000), true);
  assert.deepEqual(rangesOf(acks), [[2, 3]]);
});

Deno.test("AckTracker counts a packet as received if it arrives a second after the ranges around it were acknowledged", () => {
  const acks = tracker();
  for (const pn of [0, 1, 3]) acks.onPacketReceived(pn, 0, true, SIZE_BYTES);
  acks.onAckSent(0);
  acks.onAckAcked(4, 10);
  acks.onPacketReceived(4, 20, true, SIZE_BYTES);
  acks.onAckSent(0);
  acks.onAckAcked(5, 1_000_009);
  assert.equal(acks.isDuplicate(2), false);
  acks.onPacketReceived(6, 1_000_009, true, SIZE_BYTES);
  acks.onAckSent(0);
  acks.onAckAcked(5, 1_000_010);
  assert.equal(acks.isDuplicate(2), true, "no longer known");
  assert.equal(acks.onPacketReceived(2, 1_000_011, true, SIZE_BYTES), false);
  assert.equal(acks.isDuplicate(5), false);
});

Deno.test("AckTracker reports a late packet at least once, whatever the peer acknowledges in the meantime", () => {
  const acks = tracker();
  for (const pn of [0, 1, 3]) acks.onPacketReceived(pn, 0, true, SIZE_BYTES);
  acks.onAckSent(0);
  assert.equal(acks.lowestUnreported, Infinity);
  acks.onPacketReceived(2, 10, true, SIZE_BYTES);
  assert.equal(acks.lowestUnreported, 2);
  acks.onAckAcked(4, 20);
  assert.deepEqual(rangesOf(acks), [[2, 4]], "no frame has reported it yet");
  acks.onAckSent(20);
  acks.onAckAcked(4, 40);
  assert.deepEqual(rangesOf(acks), []);
});

Deno.test("AckTracker remembers no more ranges than allowed, and drops the oldest", () => {
  const acks = tracker(3);
  for (const pn of [0, 10, 20, 30, 40]) acks.onPacketReceived(pn, 0, true, SIZE_BYTES);
  assert.deepEqual(rangesOf(acks), [[20, 21], [30, 31], [40, 41]]);
  assert.equal(acks.isDuplicate(15), false);
  assert.equal(acks.isDuplicate(5), true);
  assert.equal(acks.isDuplicate(10), true);
});

Deno.test("AckTracker works up to the largest packet number", () => {
  const acks = tracker();
  const last = Number.MAX_SAFE_INTEGER - 1;
  for (let pn = last - 3; pn <= last; pn++) {
    assert.equal(acks.onPacketReceived(pn, 0, true, SIZE_BYTES), true);
  }
  assert.deepEqual(rangesOf(acks), [[last - 3, last + 1]]);
  acks.onAckSent(0);
  acks.onAckAcked(last + 1, 0);
  assert.equal(acks.isDuplicate(last), true);
  assert.equal(acks.ranges.length, 0);
});

Deno.test("AckTracker agrees with a plain Set, and always has a range to report when an ACK is due", () => {
  const step = fc.oneof(
    { weight: 8, arbitrary: fc.record({ kind: fc.constant("packet" as const), number: fc.nat(60) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("sent" as const), number: fc.constant(0) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("acked" as const), number: fc.nat(60) }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120, size: "max" }), (steps) => {
      const acks = tracker();
      const seen = new Set<number>();
      /** Received since the last frame; and the largest number of each frame. */
      const unreported = new Set<number>();
      const frames: number[] = [];
      /** Numbers that the tracker need not report: reported, and below the largest of a frame that the peer has. */
      const released = new Set<number>();
      steps.forEach(({ kind, number }, nowUs) => {
        if (kind === "packet") {
          assert.equal(acks.isDuplicate(number), seen.has(number));
          assert.equal(acks.onPacketReceived(number, nowUs, true, SIZE_BYTES), !seen.has(number));
          if (!seen.has(number)) unreported.add(number);
          seen.add(number);
          if (unreported.size > 0) assert.ok(acks.ackDeadlineUs <= nowUs + MAX_ACK_DELAY_US);
        } else if (kind === "sent" && unreported.size > 0) {
          unreported.clear();
          acks.onAckSent(nowUs);
          frames.push(Math.max(...seen));
        } else if (kind === "acked" && frames.length > 0) {
          const largest = frames[number % frames.length]!;
          for (const each of seen) if (each <= largest && !unreported.has(each)) released.add(each);
          acks.onAckAcked(largest + 1, nowUs);
        }
        assert.equal(acks.hasUnackedEliciting, unreported.size > 0);
        assert.equal(acks.lowestUnreported, Math.min(Infinity, ...unreported));
        for (const each of seen) {
          if (!released.has(each)) assert.equal(acks.ranges.contains(each), true, `${each} is not reported`);
        }
        for (const [from, to] of rangesOf(acks)) {
          for (let each = from; each < to; each++) assert.equal(seen.has(each), true, `${each} was not received`);
        }
      });
      // Once the peer has received a frame with the largest number, nothing is left to report.
      acks.onAckSent(steps.length);
      acks.onAckAcked(Math.max(0, ...seen) + (seen.size > 0 ? 1 : 0), steps.length);
      assert.equal(acks.ranges.length, 0);
    }),
    { numRuns: 300, seed: 2 },
  );
});

Deno.test("AckTracker remembers a bounded number of ranges if every other packet is late and no ACK is acknowledged", () => {
  const acks = tracker(10);
  for (let first = 0; first < 1_000; first += 10) {
    for (const packetNumber of [1, 3, 5, 7, 9, 0, 2, 4, 6, 8]) {
      acks.onPacketReceived(first + packetNumber, first, true, SIZE_BYTES);
      if (packetNumber === 9) acks.onAckSent(first);
    }
  }
  assert(acks.stats.rangesRemembered <= 2 * 10, `${acks.stats.rangesRemembered} ranges`);
});
