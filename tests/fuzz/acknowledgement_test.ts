/**
 * Both ends of acknowledgement together, over a link that loses and reorders both ways: every packet that arrives is
 * reported, and if no ACK is lost, none that arrived in time is declared lost.
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import { isThorough } from "../../testing/effort.ts";
import { Random } from "../../base/random.ts";
import { AckReporter } from "../../protocol/recovery/ack_reporter.ts";
import { AckTracker } from "../../protocol/recovery/ack_tracker.ts";
import { LossDetection } from "../../protocol/recovery/loss_detection.ts";
import { RttEstimator } from "../../protocol/recovery/rtt_estimator.ts";
import { SentPackets } from "../../protocol/recovery/sent_packets.ts";
import { RECEIPT_STRIDE, SentPacket, SentState } from "../../protocol/sent_packet.ts";
import { Reader, Writer } from "../../base/bytes.ts";
import { type AckFrame, readFrames } from "../../protocol/wire/frame.ts";
import { Recorder } from "../../testing/wire_values.ts";
import { modelParameters } from "../../testing/model_check.ts";

const DELAY_US = 20_000;
const MAX_ACK_DELAY_US = 5_000;
const PACKET_GAP_US = 100;

interface Link {
  readonly seed: number;
  readonly lossUp: number;
  readonly lossDown: number;
  readonly jitterUs: number;
  /** The receiver is busy, and gets to sending no more often than this. */
  readonly busyUs: number;
  /** Share of the ACK packets whose arrival the receiver learns of. */
  readonly confirmed: number;
  readonly packets: number;
}

/** What is known of one packet. */
interface Life {
  arrivedUs: number;
  /** An ACK frame, sent before the packet arrived, reached the sender and said that it had not. */
  wasMissed: boolean;
  /** ACK packets that reported it: how many were sent, and how many of them reached the sender. */
  reportedIn: number;
  heardIn: number;
}

class Listener extends Recorder {
  readonly ranges: [number, number][] = [];

  override onAck(ack: AckFrame): void {
    for (let i = 0; i < ack.rangeCount; i++) this.ranges.push([ack.starts[i]!, ack.ends[i]!]);
  }
}

class Exchange {
  readonly #link: Link;
  readonly #random: Random;
  readonly #sent = new SentPackets();
  readonly #detection = new LossDetection();
  readonly #rtt = new RttEstimator();
  readonly #acks: AckTracker;
  readonly #reporter: AckReporter;
  readonly #lives: Life[] = [];
  #events: { atUs: number; run: () => void }[] = [];
  #nowUs = 0;
  #acksSentUs = 0;

  constructor(link: Link) {
    this.#link = link;
    this.#random = new Random(link.seed);
    this.#acks = new AckTracker({ maxAckDelayUs: MAX_ACK_DELAY_US });
    this.#reporter = new AckReporter(this.#acks);
    this.#rtt.seed(2 * DELAY_US);
  }

  run(): void {
    for (let i = 0; i < this.#link.packets; i++) {
      this.#runUntil(i * PACKET_GAP_US);
      this.#send();
    }
    // The link is good at last, and a few packets more show what arrived of the others.
    this.#runUntil(this.#nowUs + 200_000);
    for (let i = 0; i < 4_000; i++) {
      this.#send(true);
      this.#runUntil(this.#nowUs + 2_000);
    }
    this.#runUntil(this.#nowUs + 1_000_000);
    this.#lives.forEach(({ arrivedUs, reportedIn, heardIn }, packetNumber) => {
      if (arrivedUs === Infinity) return;
      assert.ok(reportedIn > 0, `packet ${packetNumber} arrived and was never reported`);
      if (this.#link.lossDown > 0) return;
      assert.ok(heardIn > 0, `packet ${packetNumber} arrived, and the sender never heard of it`);
    });
  }

  #at(atUs: number, run: () => void): void {
    let at = this.#events.length;
    while (at > 0 && this.#events[at - 1]!.atUs > atUs) at--;
    this.#events.splice(at, 0, { atUs, run });
  }

  #runUntil(untilUs: number): void {
    for (;;) {
      const eventUs = this.#events[0]?.atUs ?? Infinity;
      const nextUs = Math.min(eventUs, this.#acksDueUs, this.#detection.lossTimeUs);
      if (nextUs > untilUs) break;
      this.#nowUs = Math.max(this.#nowUs, nextUs);
      if (eventUs <= this.#nowUs) this.#events.shift()!.run();
      this.#sendAcks();
      if (this.#detection.lossTimeUs <= this.#nowUs) this.#detectLost();
    }
    this.#nowUs = untilUs;
  }

  #arrivalUs(): number {
    const { jitterUs } = this.#link;
    return this.#nowUs + DELAY_US + (jitterUs === 0 ? 0 : this.#random.integer(0, jitterUs));
  }

  #send(isSafe = false): void {
    const packet = this.#sent.begin(this.#sent.nextPacketNumber, this.#nowUs);
    Object.assign(packet, { sizeBytes: 1_000, ackEliciting: true, inFlight: true });
    this.#sent.commit(packet);
    const { packetNumber } = packet;
    const life: Life = { arrivedUs: Infinity, wasMissed: false, reportedIn: 0, heardIn: 0 };
    this.#lives.push(life);
    if (!isSafe && this.#random.chance(this.#link.lossUp)) return;
    this.#at(this.#arrivalUs(), () => {
      life.arrivedUs = this.#nowUs;
      assert.equal(this.#acks.onPacketReceived(packetNumber, this.#nowUs, true, 1_200), true);
    });
  }

  get #acksDueUs(): number {
    return Math.max(this.#acks.ackDeadlineUs, this.#acksSentUs + this.#link.busyUs);
  }

  #sendAcks(): void {
    if (this.#acksDueUs > this.#nowUs) return;
    this.#acksSentUs = this.#nowUs;
    while (this.#acks.shouldAck(this.#nowUs)) {
      const writer = new Writer().reset(new Uint8Array(1_500));
      const packet = new SentPacket();
      assert.equal(this.#reporter.write(writer, packet, this.#nowUs, writer.buffer.length), true);
      const listener = new Listener();
      assert.equal(readFrames(new Reader().reset(writer.buffer, 0, writer.position), listener), undefined);
      const reported = new Set<number>();
      for (const [start, end] of listener.ranges) for (let n = start; n < end; n++) reported.add(n);
      for (const packetNumber of reported) {
        const life = this.#lives[packetNumber]!;
        assert.ok(life.arrivedUs <= this.#nowUs, `packet ${packetNumber} is reported, and did not arrive`);
        life.reportedIn++;
      }
      const sentUs = this.#nowUs;
      const isSafe = this.#lives.length > this.#link.packets;
      if (!isSafe && this.#random.chance(this.#link.lossDown)) continue;
      this.#at(this.#arrivalUs(), () => this.#onAckPacket(listener.ranges, { packet, reported, sentUs }));
    }
    const isReported = this.#acks.lowestUnreported === Infinity;
    assert.ok(this.#acks.ackDeadlineUs < Infinity || isReported, "a packet is not reported, and no ACK is due");
  }

  #onAckPacket(
    ranges: readonly (readonly [number, number])[],
    ack: { packet: SentPacket; reported: ReadonlySet<number>; sentUs: number },
  ): void {
    this.#detection.onAckReceived();
    let newest = -1;
    for (const [start, end] of ranges) {
      this.#sent.onAckRange(start, end, (packet) => {
        this.#detection.onPacketAcked(packet, this.#nowUs, this.#rtt, this.#sent.nextPacketNumber);
        newest = Math.max(newest, packet.packetNumber);
      });
    }
    for (let n = 0; n < ranges[0]![1]; n++) {
      if (!ack.reported.has(n) && this.#lives[n]!.arrivedUs > ack.sentUs) this.#lives[n]!.wasMissed = true;
    }
    for (const packetNumber of ack.reported) this.#lives[packetNumber]!.heardIn++;
    if (newest >= 0) {
      if (newest === this.#detection.newestAcked) this.#rtt.update(this.#detection.newestRttUs, 0, 0);
      this.#detectLost();
    }
    this.#sent.forgetLost(this.#nowUs - 500_000);
    if (!this.#random.chance(this.#link.confirmed)) return;
    this.#at(this.#arrivalUs(), () => {
      const { receipts, receiptCount } = ack.packet;
      for (let i = 0; i < receiptCount * RECEIPT_STRIDE; i += RECEIPT_STRIDE) {
        this.#acks.onAckAcked(receipts[i + 1]!, this.#nowUs);
      }
    });
  }

  #detectLost(): void {
    this.#detection.detectLost(this.#nowUs, this.#sent, this.#rtt, (packet) => {
      assert.equal(packet.state, SentState.lost);
      const life = this.#lives[packet.packetNumber]!;
      // Had it arrived in time for an ACK, sent a way's delay ago?
      const answerUs = life.arrivedUs + Math.max(MAX_ACK_DELAY_US, this.#link.busyUs);
      if (answerUs > this.#nowUs - DELAY_US || life.wasMissed) return;
      assert.ok(
        life.reportedIn > 0,
        `packet ${packet.packetNumber} is declared lost: it arrived, and was not reported`,
      );
      assert.ok(this.#link.lossDown > 0, `packet ${packet.packetNumber} is declared lost, though it arrived in time`);
    });
  }
}

const LINK: fc.Arbitrary<Link> = fc.record({
  seed: fc.nat(),
  lossUp: fc.constantFrom(0, 0.01, 0.1, 0.3, 0.5),
  lossDown: fc.constantFrom(0, 0.01, 0.1, 0.3, 0.5),
  jitterUs: fc.constantFrom(0, 0, 2_000, 15_000, 40_000),
  busyUs: fc.constantFrom(0, 0, 5_000, 20_000),
  confirmed: fc.constantFrom(0, 0.05, 0.5, 1),
  packets: fc.constantFrom(50, 800, 2_000),
});

Deno.test("Acknowledgement reports all that arrived, and loss detection believes it", () => {
  fc.assert(fc.property(LINK, (link) => new Exchange(link).run()), modelParameters(isThorough ? 30 : 15));
});
