import assert from "node:assert/strict";
import {
  isLost,
  isPersistentCongestion,
  LossDetection,
  type LossParameters,
} from "../../../../protocol/recovery/loss_detection.ts";
import { RttEstimator } from "../../../../protocol/recovery/rtt_estimator.ts";
import { SentPacket, SentState } from "../../../../protocol/sent_packet.ts";
import { SentPackets } from "../../../../protocol/recovery/sent_packets.ts";

const RTT_US = 100_000;
/** 9/8 of the round trip. */
const LOSS_DELAY_US = 112_500;
const MAX_ACK_DELAY_US = 25_000;

/** Loss detection with what it works on, driven as a connection drives it. */
class Rig {
  readonly sent: SentPackets;
  readonly rtt = new RttEstimator();
  readonly detection: LossDetection;
  spurious = 0;

  constructor(options: { firstPacketNumber?: number; maxPtoBackoffUs?: number } = {}) {
    this.sent = new SentPackets({ firstPacketNumber: options.firstPacketNumber ?? 0 });
    this.detection = new LossDetection(
      options.maxPtoBackoffUs === undefined ? {} : { maxPtoBackoffUs: options.maxPtoBackoffUs },
    );
    this.detection.maxAckDelayUs = MAX_ACK_DELAY_US;
    // Many samples, so that the deviation is gone and the thresholds are round numbers.
    for (let i = 0; i < 100; i++) this.rtt.update(RTT_US, 0, MAX_ACK_DELAY_US);
  }

  send(nowUs: number, change: Partial<SentPacket> = {}): number {
    const packet = this.sent.begin(this.sent.nextPacketNumber, nowUs);
    Object.assign(packet, { sizeBytes: 1_000, ackEliciting: true, inFlight: true }, change);
    this.sent.commit(packet);
    return packet.packetNumber;
  }

  sendMany(count: number, nowUs: number): void {
    for (let i = 0; i < count; i++) this.send(nowUs);
  }

  /** One ACK frame with these numbers; returns the numbers declared lost on its evidence. */
  ack(nowUs: number, ...packetNumbers: number[]): number[] {
    this.detection.onAckReceived(Math.max(...packetNumbers));
    for (const packetNumber of packetNumbers) {
      this.sent.onAckRange(packetNumber, packetNumber + 1, (packet) => {
        if (this.detection.onPacketAcked(packet, nowUs, this.rtt)) this.spurious++;
      });
    }
    return this.detect(nowUs);
  }

  detect(nowUs: number): number[] {
    const lost: number[] = [];
    const count = this.detection.detectLost(nowUs, this.sent, this.rtt, (packet) => {
      assert.equal(packet.state, SentState.lost);
      lost.push(packet.packetNumber);
    });
    assert.equal(count, lost.length);
    return lost;
  }

  timerUs(): number {
    return this.detection.timerUs(this.sent, this.rtt);
  }
}

Deno.test("isLost judges by packets, by time, and only what was sent before an acknowledged packet", () => {
  const packet = new SentPacket();
  packet.packetNumber = 10;
  packet.sentUs = 1_000;
  packet.state = SentState.outstanding;
  const judge = (change: Partial<LossParameters>) =>
    isLost(packet, { nowUs: 2_000, largestAcked: 11, packetThreshold: 3, lossDelayUs: 5_000, ...change });
  assert.equal(judge({ largestAcked: 9 }), "unknown");
  assert.equal(judge({ largestAcked: 9, nowUs: 1_000_000 }), "unknown");
  assert.equal(judge({}), "wait");
  assert.equal(judge({ largestAcked: 12 }), "wait");
  assert.equal(judge({ largestAcked: 13 }), "lost");
  assert.equal(judge({ nowUs: 5_999 }), "wait");
  assert.equal(judge({ nowUs: 6_000 }), "lost");
  assert.equal(judge({ largestAcked: 99, packetThreshold: Infinity }), "wait");
  packet.state = SentState.acked;
  assert.equal(judge({ largestAcked: 13 }), "settled");
  packet.state = SentState.lost;
  assert.equal(judge({ largestAcked: 13 }), "settled");
});

Deno.test("isPersistentCongestion asks for losses over more than three PTOs", () => {
  assert.equal(isPersistentCongestion(1_000, 301_000, 100_000), false);
  assert.equal(isPersistentCongestion(1_000, 301_001, 100_000), true);
  assert.equal(isPersistentCongestion(Infinity, 1_000, 100_000), false);
});

Deno.test("LossDetection declares a packet lost three below the largest acknowledged", () => {
  const rig = new Rig();
  rig.sendMany(5, 0);
  assert.deepEqual(rig.ack(RTT_US, 2), []);
  assert.deepEqual(rig.ack(RTT_US, 3), [0]);
  assert.deepEqual(rig.ack(RTT_US, 4), [1]);
  assert.equal(rig.sent.bytesInFlight, 0);
  assert.equal(rig.detection.largestAcked, 4);
});

Deno.test("LossDetection declares a packet lost 9/8 round trips after its sending", () => {
  const rig = new Rig();
  rig.send(1_000);
  rig.send(2_000);
  assert.deepEqual(rig.ack(102_000, 1), []);
  assert.equal(rig.detection.lossTimeUs, 1_000 + LOSS_DELAY_US);
  assert.equal(rig.timerUs(), 1_000 + LOSS_DELAY_US);
  assert.deepEqual(rig.detection.onTimeout(113_500), { kind: "loss" });
  assert.equal(rig.detection.ptoCount, 0);
  assert.deepEqual(rig.detect(113_500), [0]);
  assert.equal(rig.detection.lossTimeUs, Infinity);
  assert.equal(rig.timerUs(), Infinity);
});

Deno.test("LossDetection never judges faster than the timers' granularity", () => {
  const rig = new Rig();
  for (let i = 0; i < 200; i++) rig.rtt.update(100, 0, MAX_ACK_DELAY_US);
  rig.sendMany(2, 0);
  rig.ack(100, 1);
  assert.equal(rig.detection.lossTimeUs, 1_000);
});

Deno.test("LossDetection measures the time threshold by the larger of smoothed and latest round trip", () => {
  const rig = new Rig();
  rig.rtt.update(800_000, 0, MAX_ACK_DELAY_US);
  rig.sendMany(2, 0);
  rig.ack(800_000, 1);
  assert.equal(rig.detection.lossTimeUs, 900_000);
});

Deno.test("LossDetection.timerUs is the PTO while only a later packet could tell, Infinity with none in flight", () => {
  const rig = new Rig();
  assert.equal(rig.timerUs(), Infinity);
  rig.send(5_000, { ackEliciting: false, inFlight: false });
  assert.equal(rig.timerUs(), Infinity);
  rig.send(7_000);
  assert.equal(rig.timerUs(), 7_000 + rig.rtt.ptoUs(MAX_ACK_DELAY_US));
  rig.send(9_000);
  assert.equal(rig.timerUs(), 9_000 + rig.rtt.ptoUs(MAX_ACK_DELAY_US));
});

Deno.test("LossDetection doubles the PTO up to the longest wait, and starts over on an acknowledgement", () => {
  const rig = new Rig();
  const ptoUs = rig.rtt.ptoUs(MAX_ACK_DELAY_US);
  let nowUs = 0;
  const waitsUs: number[] = [];
  rig.send(nowUs);
  for (let i = 0; i < 40; i++) {
    const atUs = rig.timerUs();
    waitsUs.push(atUs - nowUs);
    nowUs = atUs;
    assert.deepEqual(rig.detection.onTimeout(nowUs), { kind: "probe" });
    rig.send(nowUs);
  }
  assert.deepEqual(waitsUs.slice(0, 6), [ptoUs, 2 * ptoUs, 4 * ptoUs, 8 * ptoUs, 16 * ptoUs, 3_000_000]);
  assert.equal(Math.max(...waitsUs), 3_000_000);
  assert.equal(rig.sent.ackElicitingInFlight, 41, "a PTO marks nothing lost");
  rig.ack(nowUs, 40);
  assert.equal(rig.detection.ptoCount, 0);
});

Deno.test("LossDetection waits one plain PTO at least, however low the cap", () => {
  const rig = new Rig({ maxPtoBackoffUs: 1_000 });
  rig.send(0);
  rig.detection.onTimeout(rig.timerUs());
  assert.equal(rig.timerUs(), rig.rtt.ptoUs(MAX_ACK_DELAY_US));
});

Deno.test("LossDetection is not fooled twice by the same reordering in packets", () => {
  const rig = new Rig();
  let nowUs = 0;
  for (let round = 0; round < 20; round++, nowUs += 10_000) {
    const first = rig.sent.nextPacketNumber;
    rig.sendMany(11, nowUs);
    // The first packet of each round arrives after the ten that follow it.
    for (let i = 1; i <= 10; i++) rig.ack(nowUs + RTT_US + i, first + i);
    rig.ack(nowUs + RTT_US + 11, first);
  }
  assert.equal(rig.spurious, 1);
  assert.equal(rig.detection.packetThreshold, 11);
});

Deno.test("LossDetection is not fooled twice by the same reordering in time", () => {
  const rig = new Rig();
  let nowUs = 0;
  for (let round = 0; round < 20; round++, nowUs += 500_000) {
    const first = rig.sent.nextPacketNumber;
    rig.sendMany(2, nowUs);
    rig.ack(nowUs + RTT_US, first + 1);
    if (rig.timerUs() < nowUs + 160_000) {
      rig.detection.onTimeout(rig.timerUs());
      rig.detect(nowUs + LOSS_DELAY_US);
    }
    rig.ack(nowUs + 160_000, first);
  }
  assert.equal(rig.spurious, 1);
  assert.ok(rig.detection.timeThreshold > 1.6 && rig.detection.timeThreshold <= 2);
});

Deno.test("LossDetection finds persistent congestion in a run of losses longer than three PTOs", () => {
  const rig = new Rig();
  rig.send(0);
  rig.ack(RTT_US, 0);
  const periodUs = 3 * rig.rtt.ptoUs(MAX_ACK_DELAY_US);
  const startUs = 1_000_000;
  rig.send(startUs);
  rig.send(startUs + periodUs / 2);
  rig.send(startUs + periodUs + 1);
  rig.sendMany(3, startUs + periodUs + 2);
  assert.deepEqual(rig.ack(startUs + periodUs + RTT_US, 6), [1, 2, 3]);
  assert.equal(rig.detection.persistentCongestion, true);
  rig.detect(startUs + periodUs + RTT_US);
  assert.equal(rig.detection.persistentCongestion, false);
});

Deno.test("LossDetection finds persistent congestion across several detections", () => {
  const rig = new Rig();
  rig.send(0);
  rig.ack(RTT_US, 0);
  const periodUs = 3 * rig.rtt.ptoUs(MAX_ACK_DELAY_US);
  rig.send(1_000_000);
  rig.send(1_000_001 + periodUs);
  rig.sendMany(3, 1_000_002 + periodUs);
  assert.deepEqual(rig.ack(1_050_000 + periodUs, 4), [1]);
  assert.equal(rig.detection.persistentCongestion, false);
  assert.deepEqual(rig.ack(1_050_001 + periodUs, 5), [2]);
  assert.equal(rig.detection.persistentCongestion, true);
});

Deno.test("LossDetection finds no persistent congestion where a packet in between was acknowledged", () => {
  const rig = new Rig();
  rig.send(0);
  rig.ack(RTT_US, 0);
  const periodUs = 3 * rig.rtt.ptoUs(MAX_ACK_DELAY_US);
  rig.send(1_000_000);
  rig.send(1_000_000 + periodUs / 2);
  rig.send(1_000_001 + periodUs);
  rig.sendMany(3, 1_000_002 + periodUs);
  assert.deepEqual(rig.ack(1_000_002 + periodUs + RTT_US, 2, 6), [1, 3]);
  assert.equal(rig.detection.persistentCongestion, false);
});

Deno.test("LossDetection finds no persistent congestion across a loss that proved spurious", () => {
  const rig = new Rig();
  rig.send(0);
  rig.ack(RTT_US, 0);
  const periodUs = 3 * rig.rtt.ptoUs(MAX_ACK_DELAY_US);
  rig.send(1_000_000);
  rig.send(1_000_000 + periodUs / 2);
  rig.send(1_000_001 + periodUs);
  rig.sendMany(4, 1_000_002 + periodUs);
  const nowUs = 1_000_002 + periodUs + RTT_US;
  assert.deepEqual(rig.ack(nowUs, 5), [1, 2]);
  rig.ack(nowUs, 2);
  assert.equal(rig.spurious, 1);
  assert.deepEqual(rig.detect(nowUs + 2 * RTT_US), [3, 4]);
  assert.equal(rig.detection.persistentCongestion, false);
});

Deno.test("LossDetection finds no persistent congestion before the first RTT sample", () => {
  const rig = new Rig();
  const periodUs = 3 * rig.rtt.ptoUs(MAX_ACK_DELAY_US);
  // The first detection comes with the first sample: all of these were sent before it.
  rig.send(1_000_000);
  rig.send(1_000_001 + periodUs);
  rig.sendMany(3, 1_000_002 + periodUs);
  assert.deepEqual(rig.ack(1_000_002 + periodUs + RTT_US, 4), [0, 1]);
  assert.equal(rig.detection.persistentCongestion, false);
});

Deno.test("LossDetection leaves MTU probes and packets of ACKs alone out of persistent congestion's ends", () => {
  const rig = new Rig();
  rig.send(0);
  rig.ack(RTT_US, 0);
  const periodUs = 3 * rig.rtt.ptoUs(MAX_ACK_DELAY_US);
  rig.send(1_000_000, { mtuProbe: true });
  rig.send(1_000_001, { ackEliciting: false, inFlight: false });
  rig.send(1_000_002 + periodUs / 2);
  rig.send(1_000_002 + periodUs, { mtuProbe: true });
  rig.sendMany(3, 1_000_003 + periodUs);
  assert.deepEqual(rig.ack(1_000_003 + periodUs + RTT_US, 7), [1, 2, 3, 4]);
  assert.equal(rig.detection.persistentCongestion, false);
});

Deno.test("LossDetection works on packet numbers about 2^32 and 2^53", () => {
  for (const first of [2 ** 32 - 3, Number.MAX_SAFE_INTEGER - 7]) {
    const rig = new Rig({ firstPacketNumber: first });
    rig.sendMany(6, 0);
    assert.deepEqual(rig.ack(RTT_US, first + 4), [first, first + 1]);
    assert.deepEqual(rig.ack(RTT_US, first + 5, first + 2), []);
    assert.equal(rig.detection.lossTimeUs, LOSS_DELAY_US);
    assert.deepEqual(rig.detect(LOSS_DELAY_US), [first + 3]);
  }
});
