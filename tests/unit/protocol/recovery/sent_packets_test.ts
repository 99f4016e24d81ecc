import assert from "node:assert/strict";
import { ReceiptKind, type SentPacket, SentState } from "../../../../protocol/sent_packet.ts";
import { NEVER_SENT, SentPackets } from "../../../../protocol/recovery/sent_packets.ts";
import { MAX_PACKET_NUMBER } from "../../../../protocol/wire/packet.ts";

function send(sent: SentPackets, nowUs = 0, options: { sizeBytes?: number; eliciting?: boolean } = {}): number {
  const packet = sent.begin(sent.nextPacketNumber, nowUs);
  packet.sizeBytes = options.sizeBytes ?? 1_000;
  packet.ackEliciting = options.eliciting ?? true;
  packet.inFlight = packet.ackEliciting;
  sent.commit(packet);
  return packet.packetNumber;
}

/** Acknowledges the range and returns the packets visited, each as its number and its previous state. */
function ack(sent: SentPackets, start: number, end: number): [number, number][] {
  const visited: [number, number][] = [];
  const count = sent.onAckRange(start, end, (packet) => visited.push([packet.packetNumber, packet.state]));
  assert.equal(count, visited.length);
  return visited;
}

function lose(sent: SentPackets, packetNumber: number, nowUs: number): void {
  sent.markLost(sent.get(packetNumber)!, nowUs);
}

const { outstanding, acked, lost } = SentState;

Deno.test("SentPackets.begin counts nothing until commit, and may be repeated", () => {
  const sent = new SentPackets({ firstPacketNumber: 5 });
  const packet = sent.begin(5, 100);
  packet.sizeBytes = 1_200;
  packet.ackEliciting = true;
  packet.inFlight = true;
  packet.addReceipt(ReceiptKind.ack, 9);
  assert.equal(sent.bytesInFlight, 0);
  assert.equal(sent.nextPacketNumber, 5);
  assert.equal(sent.get(5), undefined);
  const again = sent.begin(5, 200);
  assert.equal(again.receiptCount, 0);
  assert.equal(again.sizeBytes, 0);
  assert.equal(again.inFlight, false);
  again.sizeBytes = 1_300;
  again.ackEliciting = true;
  again.inFlight = true;
  sent.commit(again);
  assert.equal(sent.bytesInFlight, 1_300);
  assert.equal(sent.ackElicitingInFlight, 1);
  assert.equal(sent.lastAckElicitingSentUs, 200);
  assert.equal(sent.nextPacketNumber, 6);
  assert.equal(sent.firstOutstanding, 5);
  assert.equal(sent.get(5)?.state, outstanding);
  assert.deepEqual(sent.stats, { bytesInFlight: 1_300, packetsRemembered: 1 });
});

Deno.test("SentPackets insists on consecutive numbers, one commit each, and a size", () => {
  const sent = new SentPackets();
  assert.throws(() => sent.begin(1, 0), { name: "InvariantError" });
  const packet = sent.begin(0, 0);
  assert.throws(() => sent.commit(packet), { name: "InvariantError" });
  packet.sizeBytes = 1;
  sent.commit(packet);
  assert.throws(() => sent.commit(packet), { name: "InvariantError" });
});

Deno.test("SentPackets.onAckRange visits what is newly acknowledged, lowest first", () => {
  const sent = new SentPackets();
  for (let i = 0; i < 10; i++) send(sent);
  assert.deepEqual(ack(sent, 3, 6), [[3, outstanding], [4, outstanding], [5, outstanding]]);
  assert.equal(sent.bytesInFlight, 7_000);
  assert.equal(sent.get(4)?.state, acked);
  assert.deepEqual(ack(sent, 3, 6), []);
  assert.deepEqual(ack(sent, 1, 8).map(([pn]) => pn), [1, 2, 6, 7]);
  assert.equal(sent.bytesInFlight, 3_000);
  assert.equal(sent.firstOutstanding, 0);
  assert.deepEqual(ack(sent, 0, 10).map(([pn]) => pn), [0, 8, 9]);
  assert.equal(sent.bytesInFlight, 0);
  assert.equal(sent.ackElicitingInFlight, 0);
  assert.equal(sent.firstOutstanding, 10);
  assert.equal(sent.length, 0);
});

Deno.test("SentPackets.onAckRange reports a packet never sent and changes nothing", () => {
  const sent = new SentPackets({ firstPacketNumber: 100 });
  for (let i = 0; i < 5; i++) send(sent);
  const fail = (): void => assert.fail("nothing to visit");
  assert.equal(sent.onAckRange(103, 106, fail), NEVER_SENT);
  assert.equal(sent.onAckRange(99, 101, fail), NEVER_SENT);
  assert.equal(sent.onAckRange(102, 102, fail), NEVER_SENT);
  sent.begin(105, 0);
  assert.equal(sent.onAckRange(105, 106, fail), NEVER_SENT);
  assert.equal(sent.bytesInFlight, 5_000);
  for (let pn = 100; pn < 105; pn++) assert.equal(sent.get(pn)?.state, outstanding);
});

Deno.test("SentPackets ignores old ranges once their packets are dropped", () => {
  const sent = new SentPackets();
  for (let i = 0; i < 6; i++) send(sent);
  ack(sent, 0, 4);
  assert.equal(sent.get(3), undefined);
  assert.deepEqual(ack(sent, 0, 4), []);
  assert.deepEqual(ack(sent, 0, 5), [[4, outstanding]]);
});

Deno.test("SentPackets keeps a lost packet, so that a late acknowledgement shows it spurious", () => {
  const sent = new SentPackets();
  for (let i = 0; i < 4; i++) send(sent);
  ack(sent, 2, 4);
  lose(sent, 0, 50);
  lose(sent, 1, 60);
  assert.equal(sent.bytesInFlight, 0);
  assert.equal(sent.firstOutstanding, 4);
  assert.equal(sent.get(0)?.state, lost);
  assert.equal(sent.get(0)?.lostUs, 50);
  assert.deepEqual(ack(sent, 0, 1), [[0, lost]]);
  assert.equal(sent.bytesInFlight, 0);
  assert.deepEqual(ack(sent, 0, 1), []);
  assert.equal(sent.get(1)?.state, lost);
});

Deno.test("SentPackets.forgetLost drops packets declared lost before the given time", () => {
  const sent = new SentPackets();
  for (let i = 0; i < 5; i++) send(sent);
  lose(sent, 0, 10);
  ack(sent, 1, 2);
  lose(sent, 2, 20);
  sent.forgetLost(20);
  assert.equal(sent.get(0), undefined);
  assert.equal(sent.get(1), undefined);
  assert.equal(sent.get(2)?.state, lost);
  assert.deepEqual(ack(sent, 0, 2), []);
  sent.forgetLost(21);
  assert.equal(sent.length, 2);
  sent.forgetLost(Infinity);
  assert.equal(sent.length, 2, "outstanding packets stay");
});

Deno.test("SentPackets.markLost refuses a packet that is not outstanding", () => {
  const sent = new SentPackets();
  send(sent);
  lose(sent, 0, 0);
  assert.throws(() => lose(sent, 0, 0), { name: "InvariantError" });
});

Deno.test("SentPackets does not count ACK-only packets as in flight", () => {
  const sent = new SentPackets();
  send(sent, 10);
  send(sent, 20, { eliciting: false });
  assert.equal(sent.bytesInFlight, 1_000);
  assert.equal(sent.ackElicitingInFlight, 1);
  assert.equal(sent.lastAckElicitingSentUs, 10);
  assert.deepEqual(ack(sent, 1, 2), [[1, outstanding]]);
  assert.equal(sent.bytesInFlight, 1_000);
});

Deno.test("SentPackets is full at its limit, and makes room by dropping lost and ACK-only packets", () => {
  const sent = new SentPackets({ maxPackets: 4 });
  for (let i = 0; i < 4; i++) send(sent);
  assert.equal(sent.isFull, true);
  assert.throws(() => sent.begin(4, 0), { name: "InvariantError" });
  lose(sent, 0, 0);
  assert.equal(sent.isFull, false);
  send(sent);
  assert.equal(sent.get(0), undefined);
  assert.equal(sent.isFull, true);
  assert.equal(sent.length, 4);
  ack(sent, 1, 5);
  for (let i = 0; i < 50; i++) send(sent, 0, { eliciting: false });
  assert.equal(sent.length, 4);
  assert.equal(sent.isFull, false);
  assert.equal(sent.firstOutstanding, 51);
});

Deno.test("SentPackets drops the oldest ACK-only packets, but none after a packet in flight", () => {
  const sent = new SentPackets();
  for (let i = 0; i < 100_000; i++) send(sent, i, { eliciting: false });
  assert.equal(sent.length, 1_024);
  assert.equal(sent.firstOutstanding, 100_000 - 1_024);
  assert.deepEqual(ack(sent, 0, 1), []);
  const inFlight = send(sent);
  for (let i = 0; i < 5_000; i++) send(sent, i, { eliciting: false });
  assert.equal(sent.get(inFlight)?.state, outstanding);
  assert.equal(sent.length, 5_001);
  ack(sent, inFlight, inFlight + 1);
  send(sent, 0, { eliciting: false });
  assert.equal(sent.length, 1_024);
  assert.equal(ack(sent, inFlight, sent.nextPacketNumber).length, 1_024);
});

Deno.test("SentPackets reuses its objects once warm", () => {
  const sent = new SentPackets();
  const objects = new Set<SentPacket>();
  for (let round = 0; round < 100; round++) {
    for (let i = 0; i < 40; i++) {
      const packet = sent.begin(sent.nextPacketNumber, round);
      packet.sizeBytes = 1;
      sent.commit(packet);
      objects.add(packet);
    }
    ack(sent, sent.nextPacketNumber - 40, sent.nextPacketNumber);
  }
  assert.ok(objects.size <= 64, `${objects.size} objects`);
});

for (const [name, first] of [["2^32", 2 ** 32 - 500], ["2^53", MAX_PACKET_NUMBER - 999]] as const) {
  Deno.test(`SentPackets grows and keeps order across ${name}`, () => {
    const sent = new SentPackets({ firstPacketNumber: first });
    for (let i = 0; i < 1_000; i++) send(sent, i, { sizeBytes: i + 1 });
    for (let i = 0; i < 1_000; i++) {
      assert.equal(sent.get(first + i)?.packetNumber, first + i);
      assert.equal(sent.get(first + i)?.sizeBytes, i + 1);
    }
    assert.equal(sent.bytesInFlight, 500_500);
    for (let i = 1; i < 1_000; i += 2) assert.equal(ack(sent, first + i, first + i + 1).length, 1);
    assert.equal(sent.bytesInFlight, 250_000);
    assert.equal(ack(sent, first, first + 1_000).length, 500);
    assert.equal(sent.bytesInFlight, 0);
    assert.equal(sent.firstOutstanding, first + 1_000);
  });
}

Deno.test("SentPackets refuses a packet number beyond the last", () => {
  const sent = new SentPackets({ firstPacketNumber: MAX_PACKET_NUMBER });
  send(sent);
  assert.equal(ack(sent, MAX_PACKET_NUMBER, MAX_PACKET_NUMBER + 1).length, 1);
  assert.throws(() => sent.begin(MAX_PACKET_NUMBER + 1, 0), { name: "InvariantError" });
});

Deno.test("SentPackets.zerosInFlight counts packets with ZEROS until they are acknowledged or lost", () => {
  const sent = new SentPackets();
  const sendZeros = () => {
    const packet = sent.begin(sent.nextPacketNumber, 0);
    assert.equal(packet.hasZeros, false, "a record that is used again is cleared");
    packet.sizeBytes = 40;
    packet.ackEliciting = packet.inFlight = packet.hasZeros = true;
    sent.commit(packet);
  };
  for (let i = 0; i < 100; i++) {
    sendZeros();
    sendZeros();
    send(sent);
    assert.equal(sent.zerosInFlight, 2);
    const first = 3 * i;
    ack(sent, first, first + 1);
    assert.equal(sent.zerosInFlight, 1);
    lose(sent, first + 1, 10);
    assert.equal(sent.zerosInFlight, 0);
    ack(sent, first + 1, first + 3);
    assert.equal(sent.zerosInFlight, 0, "an acknowledgement of a lost packet changes nothing");
  }
});
