/**
 * SentPackets against a list of all packets: what is in flight, which receipts come back and how often, and what is
 * forgotten when memory is short. `recovery_test.ts` has it together with loss detection, and with memory enough.
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import { InvariantError } from "../../base/invariant.ts";
import { NEVER_SENT, SentPackets } from "../../protocol/recovery/sent_packets.ts";
import { MAX_PACKET_NUMBER } from "../../protocol/wire/packet.ts";
import { RECEIPT_STRIDE, ReceiptKind, type SentPacket, SentState } from "../../protocol/sent_packet.ts";
import { checkModel, type Machine, type Seen, step, type StepOf } from "../../testing/model_check.ts";

const START = fc.record({
  first: fc.constantFrom(0, 2 ** 32 - 20, MAX_PACKET_NUMBER - 40, MAX_PACKET_NUMBER - 4_000),
  maxPackets: fc.constantFrom(1, 2, 5, 20, 70, 1_500),
}, { noNullPrototype: true });

const STEP = fc.oneof(
  step(10, "send", {
    count: fc.integer({ min: 1, max: 8 }),
    flight: fc.constantFrom("data", "data", "data", "padding", "acks"),
    sizeBytes: fc.integer({ min: 1, max: 1_500 }),
    receipts: fc.nat(3),
  }),
  step(1, "sendAcks", { count: fc.integer({ min: 50, max: 600 }) }),
  step(2, "abandon"),
  // Places count back from the newest packet.
  step(8, "ack", { back: fc.nat(40), length: fc.integer({ min: 1, max: 12 }) }),
  step(1, "ackMost", { back: fc.nat(30), length: fc.integer({ min: 100, max: 2_000 }) }),
  step(6, "lose", { which: fc.nat(30), count: fc.integer({ min: 1, max: 4 }) }),
  step(3, "forget", { ageUs: fc.oneof(fc.nat(3), fc.nat(2_000)) }),
  step(3, "wait", { us: fc.integer({ min: 1, max: 500 }) }),
  step(1, "lie", { below: fc.nat(3), beyond: fc.nat(3) }),
);

/** All there is to know of a packet. */
interface NaivePacket {
  readonly packetNumber: number;
  readonly sentUs: number;
  readonly sizeBytes: number;
  readonly ackEliciting: boolean;
  readonly inFlight: boolean;
  readonly receipts: readonly number[];
  fate: "outstanding" | "lost" | "acked";
  lostUs: number;
}

const STATES = { outstanding: SentState.outstanding, lost: SentState.lost, acked: SentState.acked };

class SentPacketsMachine implements Machine<StepOf<typeof STEP>> {
  readonly #first: number;
  readonly #maxPackets: number;
  readonly #seen: Seen;
  readonly #sent: SentPackets;
  /** Those remembered, oldest first. */
  readonly #packets: NaivePacket[] = [];
  readonly #acked = new Set<number>();
  readonly #lost = new Set<number>();
  #next: number;
  #nowUs = 1;
  #lastElicitingUs = 0;

  constructor({ first, maxPackets }: { first: number; maxPackets: number }, seen: Seen) {
    this.#first = this.#next = first;
    this.#maxPackets = maxPackets;
    this.#seen = seen;
    this.#sent = new SentPackets({ firstPacketNumber: first, maxPackets });
  }

  take(step: StepOf<typeof STEP>): void {
    switch (step.kind) {
      case "send":
        for (let i = 0; i < step.count; i++) this.#send(step.flight, step.sizeBytes, step.receipts);
        break;
      case "sendAcks":
        for (let i = 0; i < step.count; i++) this.#send("acks", 40, 1);
        break;
      case "abandon":
        this.#begin()?.addReceipt(ReceiptKind.maxData);
        break;
      case "ack":
      case "ackMost":
        this.#ack(this.#next - step.back - step.length, this.#next - step.back);
        break;
      case "lose":
        this.#lose(step.which, step.count);
        break;
      case "forget":
        this.#forget(this.#nowUs - step.ageUs);
        break;
      case "wait":
        this.#nowUs += step.us;
        break;
      case "lie":
        this.#lie(step.below, step.beyond);
        break;
    }
    this.#compare();
  }

  /** Everything is acknowledged, lost or not, and nothing remains. */
  finish(): void {
    this.#ack(this.#first, this.#next);
    this.#compare();
    assert.deepEqual([this.#sent.length, this.#sent.bytesInFlight, this.#sent.outstanding], [0, 0, 0]);
  }

  /** Undefined where there is no room, or no number. */
  #begin(): SentPacket | undefined {
    if (this.#next > MAX_PACKET_NUMBER) {
      assert.throws(() => this.#sent.begin(this.#next, this.#nowUs), InvariantError);
      this.#seen("numbers used up");
      return undefined;
    }
    const oldest = this.#packets[0];
    const isFull = this.#packets.length >= this.#maxPackets && oldest?.fate === "outstanding" && oldest.inFlight;
    assert.equal(this.#sent.isFull, isFull);
    if (isFull) {
      this.#seen("full");
      return undefined;
    }
    this.#makeRoom();
    const packet = this.#sent.begin(this.#next, this.#nowUs);
    assert.deepEqual([packet.packetNumber, packet.state, packet.receiptCount], [this.#next, SentState.unused, 0]);
    return packet;
  }

  #makeRoom(): void {
    const packets = this.#packets;
    while (packets.length >= 1_024 && !packets[0]!.inFlight && packets[0]!.fate === "outstanding") {
      packets.shift();
      this.#dropAcked();
      this.#seen("forgot ACKs for others to come");
    }
    if (packets.length < this.#maxPackets) return;
    this.#seen(`forgot the oldest, ${packets[0]!.fate}`);
    packets.shift();
    this.#dropAcked();
  }

  #send(flight: string, sizeBytes: number, receiptCount: number): void {
    const packet = this.#begin();
    if (packet === undefined) return;
    packet.sizeBytes = sizeBytes;
    packet.ackEliciting = flight === "data";
    packet.inFlight = flight !== "acks";
    const receipts: number[] = [];
    for (let i = 0; i < receiptCount; i++) {
      packet.addReceipt(ReceiptKind.stream, this.#next, i);
      receipts.push(ReceiptKind.stream, this.#next, i, 0, 0);
    }
    this.#sent.commit(packet);
    const { ackEliciting, inFlight } = packet;
    const sentUs = this.#nowUs;
    if (ackEliciting) this.#lastElicitingUs = sentUs;
    const fate = "outstanding";
    this.#packets.push({
      packetNumber: this.#next,
      sentUs,
      sizeBytes,
      ackEliciting,
      inFlight,
      receipts,
      fate,
      lostUs: 0,
    });
    this.#next++;
    this.#nowUs++;
  }

  #ack(from: number, to: number): void {
    const start = Math.max(this.#first, from);
    const end = Math.max(start, to);
    const expected = this.#packets.filter(({ packetNumber, fate }) =>
      packetNumber >= start && packetNumber < end && fate !== "acked"
    );
    const visited: number[] = [];
    const count = this.#sent.onAckRange(start, end, (packet) => {
      const naive = expected[visited.length];
      assert.ok(naive !== undefined && naive.packetNumber === packet.packetNumber, "visited out of turn");
      this.#checkPacket(packet, naive);
      assert.ok(!this.#acked.has(naive.packetNumber), "acknowledged twice");
      this.#acked.add(naive.packetNumber);
      if (naive.fate === "lost") this.#seen("a spurious loss");
      naive.fate = "acked";
      this.#compareCounts();
      visited.push(packet.packetNumber);
    });
    if (start === end) return assert.equal(count, NEVER_SENT);
    assert.equal(count, expected.length);
    if (count > 0 && count < end - start) this.#seen("a range of which some is known");
    this.#dropAcked();
  }

  #lose(which: number, count: number): void {
    const open = this.#packets.filter(({ fate }) => fate === "outstanding");
    for (const naive of open.slice(which, which + count)) {
      const packet = this.#sent.get(naive.packetNumber)!;
      this.#checkPacket(packet, naive);
      assert.ok(!this.#lost.has(naive.packetNumber), "lost twice");
      this.#lost.add(naive.packetNumber);
      this.#sent.markLost(packet, this.#nowUs);
      naive.fate = "lost";
      naive.lostUs = this.#nowUs;
      this.#dropAcked();
      assert.throws(() => this.#sent.markLost(packet, this.#nowUs), InvariantError);
    }
  }

  /** From the oldest on, up to the first that is outstanding, or was lost since then. */
  #forget(beforeUs: number): void {
    this.#sent.forgetLost(beforeUs);
    const keeps = ({ fate, lostUs }: NaivePacket): boolean =>
      fate === "outstanding" || (fate === "lost" && lostUs >= beforeUs);
    while (this.#packets.length > 0 && !keeps(this.#packets[0]!)) this.#packets.shift();
  }

  /** The oldest are forgotten at once where they are acknowledged. */
  #dropAcked(): void {
    while (this.#packets[0]?.fate === "acked") this.#packets.shift();
  }

  #lie(below: number, beyond: number): void {
    const start = this.#first - below;
    const end = this.#next + beyond;
    if (start >= this.#first && end <= this.#next && start < end) return;
    assert.equal(this.#sent.onAckRange(start, end, () => assert.fail("visited")), NEVER_SENT);
  }

  #checkPacket(packet: SentPacket, naive: NaivePacket): void {
    assert.equal(packet.packetNumber, naive.packetNumber);
    assert.equal(packet.state, STATES[naive.fate]);
    assert.equal(packet.sentUs, naive.sentUs);
    assert.equal(packet.sizeBytes, naive.sizeBytes);
    assert.equal(packet.ackEliciting, naive.ackEliciting);
    assert.equal(packet.inFlight, naive.inFlight);
    assert.deepEqual(packet.receipts.slice(0, packet.receiptCount * RECEIPT_STRIDE), naive.receipts);
  }

  #compareCounts(): void {
    const open = this.#packets.filter(({ fate }) => fate === "outstanding");
    const flying = open.filter(({ inFlight }) => inFlight);
    assert.equal(this.#sent.outstanding, open.length);
    assert.equal(this.#sent.bytesInFlight, flying.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0));
    assert.equal(this.#sent.ackElicitingInFlight, flying.filter(({ ackEliciting }) => ackEliciting).length);
  }

  #compare(): void {
    const sent = this.#sent;
    this.#compareCounts();
    const firstOpen = this.#packets.find(({ fate }) => fate === "outstanding");
    assert.equal(sent.firstOutstanding, firstOpen?.packetNumber ?? this.#next);
    assert.equal(sent.length, this.#packets.length);
    assert.equal(sent.nextPacketNumber, this.#next);
    assert.equal(sent.lastAckElicitingSentUs, this.#lastElicitingUs);
    assert.ok(this.#packets.length <= this.#maxPackets);
    for (const naive of this.#packets.length > 100 ? this.#packets.slice(0, 50) : this.#packets) {
      this.#checkPacket(sent.get(naive.packetNumber)!, naive);
    }
    const base = this.#packets[0]?.packetNumber ?? this.#next;
    assert.equal(sent.get(base - 1), undefined);
    assert.equal(sent.get(this.#next), undefined);
  }
}

Deno.test("SentPackets equals a list of packets, however few it may remember", () => {
  checkModel({
    start: START,
    step: STEP,
    make: (start, seen) => new SentPacketsMachine(start, seen),
    runs: 300,
    maxSteps: 60,
    reaches: {
      "a spurious loss": 200,
      "a range of which some is known": 200,
      "full": 200,
      "forgot the oldest, lost": 50,
      "forgot the oldest, outstanding": 50,
      "forgot ACKs for others to come": 50,
      "numbers used up": 20,
    },
  });
});
