import assert from "node:assert/strict";
import { SentPackets } from "../../../../protocol/recovery/sent_packets.ts";
import { isLossy, TailRedundancy } from "../../../../protocol/recovery/tail_redundancy.ts";

/** Sends a packet, with retransmitted data or without. */
function send(sent: SentPackets, isRepair: boolean): void {
  const packet = sent.begin(sent.nextPacketNumber, 0);
  Object.assign(packet, { sizeBytes: 1_200, ackEliciting: true, inFlight: true });
  sent.commit(packet);
  packet.isRepair = isRepair;
}

/** The numbers of all packets to be copied now. */
function all(copies: TailRedundancy, sent: SentPackets): number[] {
  const numbers: number[] = [];
  for (let packet = copies.next(sent); packet !== undefined; packet = copies.next(sent)) {
    numbers.push(packet.packetNumber);
  }
  return numbers;
}

Deno.test("TailRedundancy selects each retransmission in flight once, oldest first", () => {
  const sent = new SentPackets();
  const copies = new TailRedundancy();
  for (const isRepair of [false, true, false, true, true]) send(sent, isRepair);
  assert.deepEqual(all(copies, sent), [1, 3, 4]);
  assert.deepEqual(all(copies, sent), []);
  send(sent, false);
  send(sent, true);
  assert.deepEqual(all(copies, sent), [6]);
});

Deno.test("TailRedundancy skips retransmissions that were acknowledged or lost again", () => {
  const sent = new SentPackets();
  for (let i = 0; i < 4; i++) send(sent, true);
  sent.onAckRange(1, 2, () => {});
  sent.markLost(sent.get(0)!, 10);
  assert.deepEqual(all(new TailRedundancy(), sent), [2, 3]);
});

Deno.test("TailRedundancy selects nothing if nothing was lost", () => {
  const sent = new SentPackets();
  const copies = new TailRedundancy();
  assert.deepEqual(all(copies, sent), []);
  for (let i = 0; i < 4; i++) send(sent, false);
  assert.deepEqual(all(copies, sent), []);
});

Deno.test("isLossy requires a few losses, and 0.5 % of all packets", () => {
  assert.equal(isLossy(7, 10), false);
  assert.equal(isLossy(8, 10), true);
  assert.equal(isLossy(8, 1_600), true);
  assert.equal(isLossy(8, 1_601), false);
});
