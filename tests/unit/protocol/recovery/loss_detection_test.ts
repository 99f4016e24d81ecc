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
/** The round trip, and a window of a quarter of it. */
const LOSS_DELAY_US = 125_000;
const MAX_ACK_DELAY_US = 25_000;

/** Loss detection with its inputs, driven as a connection drives it. */
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

  /** Processes one ACK frame with these numbers; returns the numbers declared lost because of it. */
  ack(nowUs: number, ...packetNumbers: number[]): number[] {
    this.detection.onAckReceived();
    for (const packetNumber of packetNumbers) {
      this.sent.onAckRange(packetNumber, packetNumber + 1, (packet) => {
        if (this.detection.onPacketAcked(packet, nowUs, this.rtt, this.sent.nextPacketNumber)) this.spurious++;
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

Deno.test("isLost decides by time, and only for packets sent before one that was acknowledged", () => {
  const packet = new SentPacket();
  packet.packetNumber = 10;
  packet.sentUs = 1_000;
  packet.state = SentState.outstanding;
  const judge = (change: Partial<LossParameters>) =>
    isLost(packet, { nowUs: 2_000, newestAcked: 11, lossDelayUs: 5_000, ...change });
  assert.equal(judge({ newestAcked: 9 }), "unknown");
  assert.equal(judge({ newestAcked: 9, nowUs: 1_000_000 }), "unknown");
  assert.equal(judge({}), "wait");
  assert.equal(judge({ newestAcked: 99 }), "wait");
  assert.equal(judge({ nowUs: 5_999 }), "wait");
  assert.equal(judge({ nowUs: 6_000 }), "lost");
  packet.state = SentState.acked;
  assert.equal(judge({ nowUs: 6_000 }), "settled");
  packet.state = SentState.lost;
  assert.equal(judge({ nowUs: 6_000 }), "settled");
});

Deno.test("isPersistentCongestion requires losses over more than three PTOs", () => {
  assert.equal(isPersistentCongestion(1_000, 301_000, 100_000), false);
  assert.equal(isPersistentCongestion(1_000, 301_001, 100_000), true);
  assert.equal(isPersistentCongestion(Infinity, 1_000, 100_000), false);
});

Deno.test("LossDetection declares a packet lost as soon as three later ones are delivered", () => {
  const rig = new Rig();
  rig.sendMany(5, 0);
  assert.deepEqual(rig.ack(RTT_US, 2), []);
  assert.deepEqual(rig.ack(RTT_US, 3), []);
  assert.deepEqual(rig.ack(RTT_US, 4), [0, 1]);
  assert.equal(rig.sent.bytesInFlight, 0);
  assert.equal(rig.detection.newestAcked, 4);
});

Deno.test("LossDetection declares no packet of a burst lost because of one later packet, until they are late", () => {
  const rig = new Rig();
  for (let i = 0; i < 5; i++) rig.send(i * 100);
  assert.deepEqual(rig.ack(RTT_US + 400, 4), []);
  assert.equal(rig.timerUs(), LOSS_DELAY_US);
  assert.deepEqual(rig.detect(LOSS_DELAY_US), [0]);
  // In recovery there is no window if reordering was never observed.
  assert.deepEqual(rig.detect(LOSS_DELAY_US + 100), [1, 2, 3]);
});

Deno.test("LossDetection ignores ACK-only packets, which the peer may acknowledge at any time", () => {
  const rig = new Rig();
  rig.send(0, { ackEliciting: false, inFlight: false });
  rig.sendMany(3, 0);
  assert.deepEqual(rig.ack(RTT_US, 3, 2, 1), [0]);
  rig.ack(2 * RTT_US, 0);
  assert.equal(rig.spurious, 0);
  rig.sendMany(4, 2 * RTT_US);
  assert.deepEqual(rig.ack(3 * RTT_US, 7, 6, 5), [4], "no reordering was observed");
});

Deno.test("LossDetection observes reordering when a later packet has overtaken another", () => {
  const rig = new Rig();
  rig.sendMany(4, 0);
  rig.ack(RTT_US, 3, 1);
  rig.ack(RTT_US + 1_000, 2);
  rig.sendMany(4, RTT_US + 2_000);
  assert.deepEqual(rig.ack(2 * RTT_US + 2_000, 5, 6, 7), [0], "by its time alone");
  // RACK.rtt and a reordering window of a quarter of it, from the sending of packet 4 on.
  assert.equal(rig.detection.lossTimeUs, RTT_US + 2_000 + RTT_US + 25_000);
});

Deno.test("LossDetection declares a packet lost a round trip and a quarter after its sending", () => {
  const rig = new Rig();
  rig.send(1_000);
  rig.send(2_000);
  assert.deepEqual(rig.ack(102_000, 1), []);
  assert.equal(rig.detection.lossTimeUs, 1_000 + LOSS_DELAY_US);
  assert.equal(rig.timerUs(), 1_000 + LOSS_DELAY_US);
  assert.deepEqual(rig.detection.onTimeout(126_000), { kind: "loss" });
  assert.equal(rig.detection.ptoCount, 0);
  assert.deepEqual(rig.detect(126_000), [0]);
  assert.equal(rig.detection.lossTimeUs, Infinity);
  assert.equal(rig.timerUs(), Infinity);
});

Deno.test("LossDetection never decides faster than the timers' granularity", () => {
  const rig = new Rig();
  for (let i = 0; i < 200; i++) rig.rtt.update(100, 0, MAX_ACK_DELAY_US);
  rig.sendMany(2, 0);
  rig.ack(100, 1);
  assert.equal(rig.detection.lossTimeUs, 1_000);
});

Deno.test("LossDetection allows a packet the RTT of the newest one that was acknowledged", () => {
  for (const rttUs of [100_500, 800_000]) {
    const rig = new Rig();
    rig.sendMany(2, 0);
    rig.ack(rttUs, 1);
    assert.equal(rig.detection.lossTimeUs, rttUs + 25_000);
  }
});

Deno.test("LossDetection.timerUs is the PTO while no later packet is acknowledged, Infinity with none in flight", () => {
  const rig = new Rig();
  assert.equal(rig.timerUs(), Infinity);
  rig.send(5_000, { ackEliciting: false, inFlight: false });
  assert.equal(rig.timerUs(), Infinity);
  rig.send(7_000);
  assert.equal(rig.timerUs(), 7_000 + rig.rtt.ptoUs(MAX_ACK_DELAY_US));
  rig.send(9_000);
  assert.equal(rig.timerUs(), 9_000 + rig.rtt.ptoUs(MAX_ACK_DELAY_US));
});

Deno.test("LossDetection doubles the PTO up to the maximum, and resets the backoff on an acknowledgement", () => {
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
  assert.equal(rig.sent.ackElicitingInFlight, 41, "a PTO declares nothing lost");
  rig.ack(nowUs, 40);
  assert.equal(rig.detection.ptoCount, 0);
});

Deno.test("LossDetection probes after two round trips plus max_ack_delay while there are few RTT samples", () => {
  const sent = new SentPackets();
  const detection = new LossDetection();
  const rtt = new RttEstimator();
  rtt.seed(RTT_US);
  const packet = sent.begin(0, 5_000);
  Object.assign(packet, { sizeBytes: 100, ackEliciting: true, inFlight: true });
  sent.commit(packet);
  assert.equal(rtt.ptoUs(MAX_ACK_DELAY_US), 3 * RTT_US + MAX_ACK_DELAY_US);
  assert.equal(detection.timerUs(sent, rtt), 5_000 + 2 * RTT_US + MAX_ACK_DELAY_US);
  detection.onTimeout(230_000);
  assert.equal(detection.timerUs(sent, rtt), 5_000 + 2 * (2 * RTT_US + MAX_ACK_DELAY_US));
});

Deno.test("LossDetection waits at least one PTO without backoff, however low the cap", () => {
  const rig = new Rig({ maxPtoBackoffUs: 1_000 });
  rig.send(0);
  rig.detection.onTimeout(rig.timerUs());
  assert.equal(rig.timerUs(), rig.rtt.ptoUs(MAX_ACK_DELAY_US));
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
  assert.deepEqual(rig.ack(startUs + periodUs + RTT_US, 6, 5, 4), [1, 2, 3]);
  assert.equal(rig.detection.persistentCongestion, true);
  rig.detect(startUs + periodUs + RTT_US);
  assert.equal(rig.detection.persistentCongestion, false);
});

Deno.test("LossDetection finds no persistent congestion before the first RTT sample", () => {
  const rig = new Rig();
  const periodUs = 3 * rig.rtt.ptoUs(MAX_ACK_DELAY_US);
  // The first detection comes with the first sample: all of these were sent before it.
  rig.send(1_000_000);
  rig.send(1_000_001 + periodUs);
  rig.sendMany(3, 1_000_002 + periodUs);
  assert.deepEqual(rig.ack(1_000_002 + periodUs + RTT_US, 4, 3, 2), [0, 1]);
  assert.equal(rig.detection.persistentCongestion, false);
});

Deno.test("LossDetection does not let persistent congestion start or end with MTU probes or ACK-only packets", () => {
  const rig = new Rig();
  rig.send(0);
  rig.ack(RTT_US, 0);
  const periodUs = 3 * rig.rtt.ptoUs(MAX_ACK_DELAY_US);
  rig.send(1_000_000, { mtuProbe: true });
  rig.send(1_000_001, { ackEliciting: false, inFlight: false });
  rig.send(1_000_002 + periodUs / 2);
  rig.send(1_000_002 + periodUs, { mtuProbe: true });
  rig.sendMany(3, 1_000_003 + periodUs);
  assert.deepEqual(rig.ack(1_000_003 + periodUs + RTT_US, 7, 6, 5), [1, 2, 3, 4]);
  assert.equal(rig.detection.persistentCongestion, false);
});

Deno.test("LossDetection works on packet numbers about 2^32 and 2^53", () => {
  for (const first of [2 ** 32 - 3, Number.MAX_SAFE_INTEGER - 7]) {
    const rig = new Rig({ firstPacketNumber: first });
    rig.sendMany(6, 0);
    assert.deepEqual(rig.ack(RTT_US, first + 4, first + 3, first + 2), [first, first + 1]);
    assert.deepEqual(rig.ack(RTT_US + 1_000, first), [], "a spurious loss, so reordering is observed");
    const next = rig.send(2 * RTT_US);
    assert.deepEqual(rig.ack(3 * RTT_US, next), [first + 5]);
    assert.equal(rig.detection.lossTimeUs, Infinity);
  }
});

Deno.test("LossDetection.meanLatenessUs is a mean of late packets and of those in order", () => {
  const rig = new Rig();
  rig.sendMany(3, 0);
  rig.ack(RTT_US, 1);
  assert.equal(rig.detection.meanLatenessUs, 0);
  rig.ack(RTT_US + 64_000, 0);
  assert.equal(rig.detection.meanLatenessUs, 1_000, "a 64th");
  rig.ack(RTT_US + 65_000, 2);
  assert.equal(rig.detection.meanLatenessUs, 1_000 - 1_000 / 64);
});
