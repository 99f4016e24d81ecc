/**
 * Processes the frames of an authenticated packet: passes each to the component that handles it.
 *
 * @module
 */

import { type CloseReason, PeerError, TransportErrorCode } from "../errors.ts";
import type { LossRecovery } from "./loss_recovery.ts";
import type { Path } from "./path.ts";
import type { StreamTable } from "../streams/stream_table.ts";
import { Reader } from "../../base/bytes.ts";
import {
  AckFrame,
  type FrameHandler,
  FrameType,
  MAX_ZEROS_BYTES,
  readFrames,
  type ReadFramesOptions,
} from "../wire/frame.ts";
import { FRAME_RULES } from "../wire/frame_rules.ts";
import { type PacketHeader, PacketType } from "../wire/packet.ts";
import type { TransportParameters } from "../wire/parameters.ts";

/** What a ZEROS frame stands for. Never written to. */
const ZEROS = new Uint8Array(MAX_ZEROS_BYTES);

/** Options of a {@link FrameReceiver}. */
export interface FrameReceiverOptions {
  readonly streams: StreamTable;
  readonly recovery: LossRecovery;
  readonly path: Path;
  readonly isClient: boolean;
  readonly onRateLimit: (nowUs: number, bytesPerSecond: number, isBackground: boolean) => void;
  readonly onClose: (reason: CloseReason) => void;
  readonly onParameters: (parameters: TransportParameters) => void;
}

/** Reads the frames of packets and acts on them. */
export class FrameReceiver implements FrameHandler {
  readonly #options: FrameReceiverOptions;
  readonly #streams: StreamTable;
  readonly #reader = new Reader();
  /** How the frames of ClientFinish and Data packets are read. */
  readonly #clientFinish: ReadFramesOptions;
  readonly #data: ReadFramesOptions;
  #nowUs = 0;
  #isAckEliciting = false;
  /** Whether the packet being read has had a ZEROS frame. */
  #hasZeros = false;

  constructor(options: FrameReceiverOptions) {
    this.#options = options;
    this.#streams = options.streams;
    const ack = new AckFrame();
    this.#clientFinish = { ack, rule: FRAME_RULES.clientFinish };
    this.#data = { ack, rule: options.isClient ? FRAME_RULES.serverData : FRAME_RULES.clientData };
  }

  /**
   * Processes the frames of a ClientFinish or Data packet, which end before `payloadEnd`. Returns whether any of them is
   * ack-eliciting. Throws PeerError.
   */
  receive(nowUs: number, datagram: Uint8Array, { type, headerEnd }: PacketHeader, payloadEnd: number): boolean {
    this.#nowUs = nowUs;
    this.#isAckEliciting = false;
    this.#hasZeros = false;
    const isFinish = type === PacketType.clientFinish;
    if (isFinish && headerEnd < payloadEnd && datagram[headerEnd] !== FrameType.parameters) {
      throw new PeerError(TransportErrorCode.transportParameterError, "a ClientFinish without PARAMETERS first");
    }
    const reader = this.#reader.reset(datagram, headerEnd, payloadEnd);
    const error = readFrames(reader, this, isFinish ? this.#clientFinish : this.#data);
    if (error !== undefined) throw new PeerError(error.code, error.message);
    return this.#isAckEliciting;
  }

  onAckEliciting(): void {
    this.#isAckEliciting = true;
  }

  onPing(): void {}

  onAck(ack: AckFrame): void {
    this.#options.recovery.onAckFrame(this.#nowUs, ack);
  }

  onStream(streamId: number, offset: number, buffer: Uint8Array, start: number, end: number, fin: boolean): void {
    this.#streams.onStreamFrame(streamId, offset, buffer, start, end, fin);
  }

  onZeros(streamId: number, offset: number, length: number): void {
    // A packet full of them would keep this side busy for milliseconds with a few bytes each.
    if (this.#hasZeros) throw new PeerError(TransportErrorCode.protocolViolation, "a packet with two ZEROS frames");
    this.#hasZeros = true;
    this.#streams.onZerosFrame(streamId, offset, length === ZEROS.length ? ZEROS : ZEROS.subarray(0, length));
  }

  onResetStream(streamId: number, code: number, finalSize: number): void {
    this.#streams.onResetStream(streamId, code, finalSize);
  }

  onStopSending(streamId: number, code: number): void {
    this.#streams.onStopSending(streamId, code);
  }

  onRateLimit(bytesPerSecond: number, isBackground: boolean): void {
    this.#options.onRateLimit(this.#nowUs, bytesPerSecond, isBackground);
  }

  onMaxData(maximum: number): void {
    this.#streams.onMaxData(maximum);
  }

  onMaxStreamData(streamId: number, maximum: number): void {
    this.#streams.onMaxStreamData(streamId, maximum);
  }

  onMaxStreams(maximum: number): void {
    this.#streams.onMaxStreams(maximum);
  }

  onPathChallenge(buffer: Uint8Array, at: number): void {
    this.#options.path.validation.onChallenge(buffer.slice(at, at + 8));
  }

  onPathResponse(buffer: Uint8Array, at: number): void {
    this.#options.path.validation.onResponse(buffer.slice(at, at + 8));
  }

  onConnectionClose(isApplication: boolean, code: number, reason: string): void {
    this.#options.onClose({ kind: "peer", isApplication, code, reason });
  }

  onParameters(parameters: TransportParameters): void {
    this.#options.onParameters(parameters);
  }
}
