/**
 * Fills one datagram: header, frames in order of urgency, protection; and notes in a SentPacket what it carries.
 *
 * Hot: nothing is allocated for a Data packet of stream frames and acknowledgements.
 *
 * @module
 */

import type { LastWords } from "./close_state.ts";
import type { LossRecovery } from "./loss_recovery.ts";
import type { Path } from "./path.ts";
import type { PacketProtection } from "../crypto/packet_protection.ts";
import { AckReporter } from "../recovery/ack_reporter.ts";
import type { AckTracker } from "../recovery/ack_tracker.ts";
import type { SentPacket } from "../sent_packet.ts";
import type { StreamTable } from "../streams/stream_table.ts";
import { Writer } from "../../base/bytes.ts";
import {
  writeConnectionClose,
  writePadding,
  writeParametersFrame,
  writePathChallenge,
  writePathResponse,
  writePing,
} from "../wire/frame.ts";
import { type ClientFinishHeader, writeClientFinishHeader, writeDataHeader } from "../wire/packet.ts";
import type { TransportParameters } from "../wire/parameters.ts";

/** Beside stream data an ACK frame takes at most this share of a datagram. */
const MAX_ACK_SHARE = 0.5;

/** After so many packets of ACKs alone a PING asks the peer to acknowledge one, so that old ranges can be forgotten. */
const ACKS_BEFORE_PING = 8;

/**
 * A PING alone is padded to this: if its sender has moved without knowing, three times as much (RFC 9000, section 8)
 * must let a challenge through.
 */
const MIN_PING_BYTES = 32;

/** The longest CONNECTION_CLOSE: type, code, a reason of 256 bytes and its length. */
const MAX_CLOSE_BYTES = 1 + 8 + 2 + 256;

/** With fewer ranges than this there is nothing worth forgetting. */
const RANGES_WORTH_A_PING = 8;

/** What goes into every ClientFinish packet; the server may see any of them first. */
export interface ClientFinishFields extends Omit<ClientFinishHeader, "destinationId" | "packetNumber"> {
  readonly parameters: TransportParameters;
}

/** What a builder is made with. */
export interface PacketBuilderOptions {
  readonly streams: StreamTable;
  readonly acks: AckTracker;
  readonly path: Path;
  readonly recovery: LossRecovery;
}

/** Builds the packets of one connection. */
export class PacketBuilder {
  #protection!: PacketProtection;
  readonly #streams: StreamTable;
  readonly #acks: AckTracker;
  readonly #ackReporter: AckReporter;
  readonly #path: Path;
  readonly #recovery: LossRecovery;
  readonly #writer = new Writer();
  #peerId: Uint8Array = new Uint8Array(8);
  #clientFinish: ClientFinishFields | undefined;
  #packet!: SentPacket;
  #headerEnd = 0;
  #ackOnlyCount = 0;

  constructor(options: PacketBuilderOptions) {
    this.#streams = options.streams;
    this.#acks = options.acks;
    this.#ackReporter = new AckReporter(options.acks);
    this.#path = options.path;
    this.#recovery = options.recovery;
  }

  /** The connection ID that the peer chose for itself, and what protects the packets that go there. */
  setPeer(peerId: Uint8Array, protection: PacketProtection): void {
    this.#peerId = peerId;
    this.#protection = protection;
  }

  /** Whether packets go to this connection ID. */
  sendsTo(peerId: Uint8Array): boolean {
    return this.#peerId.every((byte, i) => byte === peerId[i]);
  }

  /** While set, packets are ClientFinish packets with these fields. */
  setClientFinish(clientFinish: ClientFinishFields | undefined): void {
    this.#clientFinish = clientFinish;
  }

  /** A packet with whatever is pending, or else with a PING: in any case the peer acknowledges it. Returns its length. */
  build(nowUs: number, buffer: Uint8Array): number {
    const writer = this.#begin(nowUs, buffer, this.#recovery.datagramBytes);
    if (this.#acks.hasUnackedEliciting) {
      this.#ackReporter.write(writer, this.#packet, nowUs, writer.remaining * MAX_ACK_SHARE);
    }
    const afterAck = writer.position;
    const challenge = this.#path.validation.takeChallenge();
    if (challenge !== undefined) writePathChallenge(writer, challenge);
    const { validation } = this.#path;
    for (let data = validation.takeResponse(); data !== undefined; data = validation.takeResponse()) {
      writePathResponse(writer, data);
    }
    this.#streams.sender.fill(writer, this.#packet);
    if (writer.position === afterAck) {
      writePing(writer);
      writePadding(writer, Math.max(0, MIN_PING_BYTES - this.#protection.overheadBytes - writer.position));
    }
    return this.#finish({ ackEliciting: true });
  }

  /** A packet of an ACK alone, or 0 where there is nothing to acknowledge. */
  buildAck(nowUs: number, buffer: Uint8Array): number {
    const writer = this.#begin(nowUs, buffer, this.#path.sendableBytes);
    if (!this.#ackReporter.write(writer, this.#packet, nowUs, writer.remaining - 1)) return 0;
    this.#ackOnlyCount++;
    // One a round trip is enough, and more of them would fill the congestion window, which they do not ask.
    const ping = this.#ackOnlyCount >= ACKS_BEFORE_PING && this.#acks.ranges.length >= RANGES_WORTH_A_PING &&
      !this.#recovery.isAnythingInFlight;
    if (ping) writePing(writer);
    return this.#finish({ ackEliciting: ping });
  }

  /** A path MTU probe of `sizeBytes` (RFC 8899, section 4.1): a PING and padding. */
  buildMtuProbe(nowUs: number, buffer: Uint8Array, sizeBytes: number): number {
    const writer = this.#begin(nowUs, buffer, sizeBytes);
    this.#packet.mtuProbe = true;
    writePing(writer);
    writePadding(writer, writer.remaining);
    return this.#finish({ ackEliciting: true });
  }

  /**
   * A packet that closes the connection, or 0 where there is nothing to say, or the address is not proven and may not be
   * sent so much. Not remembered: it is sent again when the peer is heard from.
   */
  buildClose(nowUs: number, buffer: Uint8Array, words: LastWords | undefined): number {
    if (words === undefined) return 0;
    const writer = this.#begin(nowUs, buffer, this.#path.datagramBytes);
    if (words.frames.length + MAX_CLOSE_BYTES <= writer.remaining) writer.bytes(words.frames);
    writeConnectionClose(writer, words.close);
    if (writer.position + this.#protection.overheadBytes > this.#path.sendableBytes) return 0;
    return this.#finish({ ackEliciting: false });
  }

  // --- inside ---

  #begin(nowUs: number, buffer: Uint8Array, sizeBytes: number): Writer {
    this.#packet = this.#recovery.begin(nowUs);
    const writer = this.#writer.reset(buffer, 0, sizeBytes - this.#protection.overheadBytes);
    const { packetNumber } = this.#packet;
    if (this.#clientFinish === undefined) {
      writeDataHeader(writer, this.#peerId, packetNumber);
      this.#headerEnd = writer.position;
    } else {
      writeClientFinishHeader(writer, { ...this.#clientFinish, destinationId: this.#peerId, packetNumber });
      this.#headerEnd = writer.position;
      writeParametersFrame(writer, this.#clientFinish.parameters);
    }
    return writer;
  }

  #finish(options: { ackEliciting: boolean }): number {
    const packet = this.#packet;
    const length = this.#protection.seal(
      this.#writer.buffer,
      this.#headerEnd,
      this.#writer.position,
      packet.packetNumber,
    );
    packet.sizeBytes = length;
    packet.ackEliciting = options.ackEliciting || this.#clientFinish !== undefined;
    packet.inFlight = packet.ackEliciting;
    if (packet.ackEliciting) this.#ackOnlyCount = 0;
    this.#recovery.commit(packet);
    return length;
  }
}
