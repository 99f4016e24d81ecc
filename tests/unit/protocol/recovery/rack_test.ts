import assert from "node:assert/strict";
import { DUP_THRESHOLD, Rack, type RackFlight, WINDOW_PERSIST } from "../../../../protocol/recovery/rack.ts";
import { RttEstimator } from "../../../../protocol/recovery/rtt_estimator.ts";
import { SentPacket, SentState } from "../../../../protocol/sent_packet.ts";

const RTT_US = 100_000;
/** A quarter of the minimum RTT: the window's unit. */
const QUARTER_US = 25_000;
/** Nothing is missing. */
const IDLE: RackFlight = { firstOutstanding: 1_000_000, nextPacketNumber: 1_000_000, outstanding: 0 };

function packetOf(packetNumber: number, sentUs: number, state: SentState = SentState.outstanding): SentPacket {
  const packet = new SentPacket();
  return Object.assign(packet, { packetNumber, sentUs, state, ackEliciting: true });
}

/** A Rack to which packet 100 was acknowledged after 100 ms, on a path with a constant RTT of 100 ms. */
class Rig {
  readonly rack = new Rack();
  readonly rtt = new RttEstimator();

  constructor() {
    for (let i = 0; i < 100; i++) this.rtt.update(RTT_US, 0, 0);
    this.rack.onPacketAcked(packetOf(100, 0), RTT_US);
  }

  /** The window with that many packets delivered after the oldest missing one. */
  windowUs(delivered = 1): number {
    this.rack.updateWindow({ firstOutstanding: 0, nextPacketNumber: 1 + delivered, outstanding: 1 }, this.rtt);
    return this.rack.windowUs;
  }

  /** A packet that was sent together with number 100 arrives `lateUs` after it. */
  late(lateUs: number, state: SentState = SentState.outstanding, nextPacketNumber = 200): void {
    this.rack.onLatePacket(packetOf(50, 0, state), RTT_US + lateUs, this.rtt.minUs, nextPacketNumber);
  }

  /** Enters and leaves loss recovery. */
  recover(times: number): void {
    for (let i = 0; i < times; i++) {
      this.rack.onPacketLost(300);
      this.rack.updateWindow({ firstOutstanding: 299, nextPacketNumber: 400, outstanding: 1 }, this.rtt);
      this.rack.updateWindow(IDLE, this.rtt);
    }
  }
}

Deno.test("Rack keeps the RTT of the most recently sent packet that was acknowledged", () => {
  const rack = new Rack();
  assert.equal(rack.newestAcked, -1);
  rack.onPacketAcked(packetOf(5, 1_000), 51_000);
  assert.deepEqual([rack.newestAcked, rack.rttUs], [5, 50_000]);
  rack.onPacketAcked(packetOf(4, 900), 91_000);
  assert.deepEqual([rack.newestAcked, rack.rttUs], [5, 50_000]);
  rack.onPacketAcked(packetOf(6, 71_000), 91_000);
  assert.deepEqual([rack.newestAcked, rack.rttUs], [6, 20_000]);
});

Deno.test("Rack's window is a quarter of the minimum RTT until three later packets are delivered, then zero", () => {
  const rig = new Rig();
  for (let delivered = 0; delivered < DUP_THRESHOLD; delivered++) assert.equal(rig.windowUs(delivered), QUARTER_US);
  assert.equal(rig.rack.lossDelayUs, RTT_US + QUARTER_US);
  assert.equal(rig.windowUs(DUP_THRESHOLD), 0);
  assert.equal(rig.rack.lossDelayUs, RTT_US);
});

Deno.test("Rack's window is zero during loss recovery if reordering was never observed", () => {
  const rig = new Rig();
  rig.rack.onPacketLost(10);
  rig.rack.updateWindow({ firstOutstanding: 9, nextPacketNumber: 20, outstanding: 11 }, rig.rtt);
  assert.equal(rig.rack.windowUs, 0);
  rig.rack.updateWindow({ firstOutstanding: 10, nextPacketNumber: 20, outstanding: 10 }, rig.rtt);
  assert.equal(rig.rack.windowUs, QUARTER_US);
});

Deno.test("Rack keeps a window however many packets are delivered, once reordering was observed", () => {
  const rig = new Rig();
  rig.late(1_000);
  assert.equal(rig.rack.reorderingSeen, true);
  assert.equal(rig.windowUs(1_000), QUARTER_US);
  rig.rack.onPacketLost(10);
  assert.equal(rig.windowUs(1_000), QUARTER_US);
});

Deno.test("Rack raises the window to the size that would have prevented a spurious loss", () => {
  for (const [lateUs, multiplier] of [[1_000, 1], [25_000, 1], [25_001, 2], [60_000, 3]] as const) {
    const rig = new Rig();
    rig.late(lateUs, SentState.lost);
    assert.equal(rig.rack.windowMultiplier, multiplier, `${lateUs} us late`);
    assert.equal(rig.windowUs(), multiplier * QUARTER_US);
  }
});

Deno.test("Rack does not raise the window for late packets that were not declared lost", () => {
  const rig = new Rig();
  rig.late(90_000);
  assert.equal(rig.rack.windowMultiplier, 1);
});

Deno.test("Rack raises the window by at least a quarter, once per round trip with a spurious loss", () => {
  const rig = new Rig();
  rig.late(1_000);
  rig.late(1_000, SentState.lost, 200);
  assert.equal(rig.rack.windowMultiplier, 2);
  rig.late(1_000, SentState.lost, 250);
  assert.equal(rig.rack.windowMultiplier, 2);
  rig.late(70_000, SentState.lost, 250);
  assert.equal(rig.rack.windowMultiplier, 3, "but to what this one needs");
  rig.rack.updateWindow({ firstOutstanding: 199, nextPacketNumber: 300, outstanding: 1 }, rig.rtt);
  rig.late(1_000, SentState.lost, 300);
  assert.equal(rig.rack.windowMultiplier, 3);
  rig.rack.updateWindow({ firstOutstanding: 200, nextPacketNumber: 300, outstanding: 1 }, rig.rtt);
  rig.late(1_000, SentState.lost, 300);
  assert.equal(rig.rack.windowMultiplier, 4);
});

Deno.test("Rack bounds the loss delay by two round trips", () => {
  const rig = new Rig();
  rig.late(500_000, SentState.lost);
  assert.ok(rig.rack.windowMultiplier >= 20);
  assert.equal(rig.windowUs(), RTT_US);
  assert.equal(rig.rack.lossDelayUs, 2 * RTT_US);
});

Deno.test("Rack's bound is twice the mean RTT, if the newest packets are those that overtook others", () => {
  const rig = new Rig();
  // Half of the packets take 400 ms. They yield no RTT sample, as packets sent later have arrived by then.
  for (let i = 0; i < 1_000; i++) {
    rig.rack.onPacketAcked(packetOf(101 + i, 0), RTT_US);
    rig.rack.onPacketAcked(packetOf(1, 0), 4 * RTT_US);
  }
  rig.late(300_000, SentState.lost);
  assert.equal(rig.windowUs(), 300_000);
});

Deno.test("Rack keeps the window for 16 recoveries without a spurious loss", () => {
  const rig = new Rig();
  rig.late(60_000, SentState.lost);
  rig.recover(WINDOW_PERSIST - 1);
  assert.equal(rig.rack.windowMultiplier, 3);
  rig.late(1_000, SentState.lost);
  assert.equal(rig.rack.windowMultiplier, 4);
  rig.recover(WINDOW_PERSIST - 1);
  assert.equal(rig.rack.windowMultiplier, 4);
  rig.recover(1);
  assert.equal(rig.rack.windowMultiplier, 1);
});

Deno.test("Rack's window is reduced to the size that late packets needed in the meantime, and no further", () => {
  const rig = new Rig();
  rig.late(90_000, SentState.lost);
  assert.equal(rig.rack.windowMultiplier, 4);
  for (let i = 0; i < 3; i++) {
    rig.late(40_000);
    rig.recover(WINDOW_PERSIST);
    assert.equal(rig.rack.windowMultiplier, 2);
  }
  rig.recover(WINDOW_PERSIST);
  assert.equal(rig.rack.windowMultiplier, 1);
});

Deno.test("Rack's window is not reduced while nothing is lost", () => {
  const rig = new Rig();
  rig.late(60_000, SentState.lost);
  for (let i = 0; i < 100; i++) rig.rack.updateWindow(IDLE, rig.rtt);
  assert.equal(rig.rack.windowMultiplier, 3);
});

Deno.test("Rack's loss delay is at least the timers' granularity, if there is a window", () => {
  const rig = new Rig();
  for (let i = 0; i < 200; i++) rig.rtt.update(100, 0, 0);
  rig.rack.onPacketAcked(packetOf(101, 0), 100);
  assert.equal(rig.windowUs(1), 25);
  assert.equal(rig.rack.lossDelayUs, 1_000);
  assert.equal(rig.windowUs(DUP_THRESHOLD), 0);
  assert.equal(rig.rack.lossDelayUs, 100);
});

Deno.test("Rack bounds its window by RACK.rtt before there is an RTT sample", () => {
  const rack = new Rack();
  rack.onPacketAcked(packetOf(3, 0), 40_000);
  rack.updateWindow({ firstOutstanding: 0, nextPacketNumber: 4, outstanding: 2 }, new RttEstimator());
  assert.equal(rack.windowUs, 10_000);
});
