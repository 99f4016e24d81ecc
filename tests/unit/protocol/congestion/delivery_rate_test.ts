import assert from "node:assert/strict";
import { DeliveryRateEstimator } from "../../../../protocol/congestion/delivery_rate.ts";
import { SentPacket } from "../../../../protocol/sent_packet.ts";

/** Sends packets of 1,000 bytes and keeps the bytes in flight, so that a test only says when. */
class Sender {
  readonly rate = new DeliveryRateEstimator();
  bytesInFlight = 0;
  #next = 0;

  send(nowUs: number): SentPacket {
    const packet = new SentPacket();
    packet.packetNumber = this.#next++;
    packet.sentUs = nowUs;
    packet.sizeBytes = 1_000;
    this.bytesInFlight += packet.sizeBytes;
    this.rate.onPacketSent(packet, nowUs, this.bytesInFlight);
    return packet;
  }

  ack(packet: SentPacket, nowUs: number): void {
    this.bytesInFlight -= packet.sizeBytes;
    this.rate.onPacketAcked(packet, nowUs);
  }
}

Deno.test("DeliveryRateEstimator measures the rate of a paced flight", () => {
  const sender = new Sender();
  // A packet each millisecond, acknowledged 10 ms later: 1,000 bytes per millisecond.
  const packets: SentPacket[] = [];
  for (let ms = 0; ms < 50; ms++) {
    packets.push(sender.send(ms * 1_000));
    if (ms < 10) continue;
    sender.ack(packets[ms - 10]!, ms * 1_000);
    const sample = sender.rate.onAckDone(ms * 1_000, 10_000);
    // Packets sent once the first had come back measure a full round.
    if (ms < 21) continue;
    assert.equal(sample.deliveryRate, 1_000_000);
    // From the last delivery before it was sent, one millisecond earlier.
    assert.equal(sample.intervalUs, 11_000);
    assert.equal(sample.deliveredBytes, 11_000);
    assert.equal(sample.txInFlightBytes, 11_000);
  }
  assert.equal(sender.rate.totalDeliveredBytes, 40_000);
});

Deno.test("DeliveryRateEstimator uses the send rate if acknowledgements are compressed", () => {
  const sender = new Sender();
  const packets = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((ms) => sender.send(ms * 1_000));
  // All are acknowledged at once, 9 ms after the last was sent: sending took 9 ms, the ACKs arrive in 0 ms.
  for (const packet of packets.slice(0, 9)) sender.ack(packet, 18_000);
  sender.rate.onAckDone(18_000, 5_000);
  const later = sender.send(18_000);
  sender.ack(packets[9]!, 18_001);
  const sample = sender.rate.onAckDone(18_001, 5_000);
  assert.equal(sample.intervalUs, 18_001, "the slower of the ACK rate and the send rate");
  sender.ack(later, 23_001);
  assert.equal(sender.rate.onAckDone(23_001, 5_000).intervalUs, 10_000, "from the first packet of the flight acked");
});

Deno.test("DeliveryRateEstimator takes the newest packet of an ACK as its sample", () => {
  const sender = new Sender();
  const first = sender.send(0);
  const second = sender.send(1_000);
  sender.ack(second, 10_000);
  sender.ack(first, 10_000);
  const sample = sender.rate.onAckDone(10_000, 9_000);
  assert.equal(sample.txInFlightBytes, 2_000);
  assert.equal(sample.deliveredBytes, 2_000);
  assert.equal(sample.deliveryRate, 200_000);
});

Deno.test("DeliveryRateEstimator gives no rate for an interval below the minimum RTT", () => {
  const sender = new Sender();
  const packet = sender.send(0);
  sender.ack(packet, 4_000);
  assert.equal(sender.rate.onAckDone(4_000, 5_000).deliveryRate, 0);
});

Deno.test("DeliveryRateEstimator gives no rate if nothing was acknowledged", () => {
  const sender = new Sender();
  sender.ack(sender.send(0), 1_000);
  assert.equal(sender.rate.onAckDone(1_000, 0).deliveryRate, 1_000_000);
  const sample = sender.rate.onAckDone(2_000, 0);
  assert.equal(sample.deliveryRate, 0);
  assert.equal(sample.deliveredBytes, 0);
});

Deno.test("DeliveryRateEstimator leaves idle time out of the next sample", () => {
  const sender = new Sender();
  sender.ack(sender.send(0), 10_000);
  sender.rate.onAckDone(10_000, 10_000);
  sender.ack(sender.send(60_000_000), 60_010_000);
  const sample = sender.rate.onAckDone(60_010_000, 10_000);
  assert.equal(sample.intervalUs, 10_000);
  assert.equal(sample.deliveryRate, 100_000);
});

Deno.test("DeliveryRateEstimator marks samples as application-limited until the bubble has left", () => {
  const sender = new Sender();
  const before = sender.send(0);
  sender.rate.setAppLimited(sender.bytesInFlight);
  const inside = sender.send(1_000);
  assert.equal(before.appLimited, false);
  assert.equal(inside.appLimited, true);
  sender.ack(before, 10_000);
  assert.equal(sender.rate.onAckDone(10_000, 0).appLimited, false);
  assert.equal(sender.rate.appLimited, true);
  sender.ack(inside, 11_000);
  assert.equal(sender.rate.onAckDone(11_000, 0).appLimited, true);
  assert.equal(sender.rate.appLimited, false);
  assert.equal(sender.send(12_000).appLimited, false);
});

Deno.test("DeliveryRateEstimator counts the bytes lost while the sampled packet was in flight", () => {
  const sender = new Sender();
  sender.rate.onLost(5_000);
  const packet = sender.send(0);
  sender.rate.onLost(3_000);
  sender.ack(packet, 10_000);
  assert.equal(sender.rate.onAckDone(10_000, 0).lostBytes, 3_000);
});
