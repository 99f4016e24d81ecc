/**
 * Builds one datagram: header, frames in order of urgency, packet protection. Records in a SentPacket what it carries.
 *
 * Hot: nothing is allocated for a Data packet of stream frames and acknowledgements.
 *
 * @module
 */

import type { ClosePacket } from "./close_state.ts";
import type { LossRecovery } from "./loss_recovery.ts";
import type { Path } from "./path.ts";
import type { RateLimits } from "./rate_limits.ts";
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

/** The largest share of a datagram that an ACK frame takes from stream data. */
const MAX_ACK_SHARE = 0.5;

/** After so many consecutive ACK-only packets a PING elicits an acknowledgement, so that old ranges can be discarded. */
const ACKS_BEFORE_PING = 8;

/**
 * A packet with only a PING is padded to this size: if its sender's address has changed unnoticed, three times this size,
 * the peer's anti-amplification limit (RFC 9000, section 8), must suffice for a PATH_CHALLENGE.
 */
const MIN_PING_BYTES = 32;

/** The longest CONNECTION_CLOSE: type, code, a reason of 256 bytes and its length. */
const MAX_CLOSE_BYTES = 1 + 8 + 2 + 256;

/** With fewer ranges than this a PING does not pay: too little could be discarded. */
const RANGES_WORTH_A_PING = 8;

/** The contents of every ClientFinish packet: all are alike, because any of them may be the first to reach the server. */
export interface ClientFinishFields extends Omit<ClientFinishHeader, "destinationId" | "packetNumber"> {
  readonly parameters: TransportParameters;
}

/** Options of a {@link PacketBuilder}. */
export interface PacketBuilderOptions {
  readonly streams: StreamTable;
  readonly acks: AckTracker;
  readonly path: Path;
  readonly recovery: LossRecovery;
  readonly limits: RateLimits;
}

/** Builds the packets of one connection. */
export class PacketBuilder {
  #protection!: PacketProtection;
  readonly #streams: StreamTable;
  readonly #acks: AckTracker;
  readonly #ackReporter: AckReporter;
  readonly #path: Path;
  readonly #recovery: LossRecovery;
  readonly #limits: RateLimits;
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
    this.#limits = options.limits;
  }

  /** Sets the connection ID that the peer chose, and the keys that protect the packets sent to it. */
  setPeer(peerId: Uint8Array, protection: PacketProtection): void {
    this.#peerId = peerId;
    this.#protection = protection;
  }

  /** Whether packets are sent to this connection ID. */
  sendsTo(peerId: Uint8Array): boolean {
    return this.#peerId.every((byte, i) => byte === peerId[i]);
  }

  /** While the fields are set, packets are built as ClientFinish packets with these fields. */
  setClientFinish(clientFinish: ClientFinishFields | undefined): void {
    this.#clientFinish = clientFinish;
  }

  /** Builds a packet with the pending frames, or else with a PING, so that it is ack-eliciting. Returns its length. */
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
    this.#limits.fill(writer, this.#packet);
    this.#streams.sender.fill(writer, this.#packet);
    if (writer.position === afterAck) {
      writePing(writer);
      writePadding(writer, Math.max(0, MIN_PING_BYTES - this.#protection.overheadBytes - writer.position));
    }
    return this.#finish({ ackEliciting: true });
  }

  /** Builds an ACK-only packet. Returns its length, or 0 if there is nothing to acknowledge. */
  buildAck(nowUs: number, buffer: Uint8Array): number {
    const writer = this.#begin(nowUs, buffer, this.#path.sendableBytes);
    if (!this.#ackReporter.write(writer, this.#packet, nowUs, writer.remaining - 1)) return 0;
    this.#ackOnlyCount++;
    // One PING per RTT is enough; more would fill the congestion window, which these packets may exceed.
    const ping = this.#ackOnlyCount >= ACKS_BEFORE_PING && this.#acks.ranges.length >= RANGES_WORTH_A_PING &&
      !this.#recovery.isAnythingInFlight;
    if (ping) writePing(writer);
    return this.#finish({ ackEliciting: ping });
  }

  /** Builds a path MTU probe of `sizeBytes` (RFC 8899, section 4.1): a PING and padding. Returns its length. */
  buildMtuProbe(nowUs: number, buffer: Uint8Array, sizeBytes: number): number {
    const writer = this.#begin(nowUs, buffer, sizeBytes);
    this.#packet.mtuProbe = true;
    writePing(writer);
    writePadding(writer, writer.remaining);
    return this.#finish({ ackEliciting: true });
  }

  /**
   * Builds a packet with CONNECTION_CLOSE. Returns its length, or 0 if none is due or the anti-amplification limit leaves
   * too little. The packet is not recorded as sent: it is repeated when further packets arrive from the peer.
   */
  buildClose(nowUs: number, buffer: Uint8Array, close: ClosePacket | undefined): number {
    if (close === undefined) return 0;
    const writer = this.#begin(nowUs, buffer, this.#path.datagramBytes);
    if (close.frames.length + MAX_CLOSE_BYTES <= writer.remaining) writer.bytes(close.frames);
    writeConnectionClose(writer, close.close);
    if (writer.position + this.#protection.overheadBytes > this.#path.sendableBytes) return 0;
    return this.#finish({ ackEliciting: false });
  }

  // --- internals ---

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
