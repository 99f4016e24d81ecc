/**
 * The closing state of a connection (RFC 9000, section 10.2): the contents of the packet with CONNECTION_CLOSE, and how
 * often it is sent.
 *
 * @module
 */

import { type CloseReason, TransportErrorCode } from "../errors.ts";
import type { ConnectionClose } from "../wire/frame.ts";

/** CONNECTION_CLOSE is sent more than once, because a program that exits is not there to repeat it on request. */
const COPIES = 2;

/** The same on a path that has lost packets: at 20 % loss, all copies are lost once in about 600 times. */
const COPIES_WHERE_LOST = 4;

/** Maximum bytes of frames before a CONNECTION_CLOSE: about twenty of the shortest responses. */
const LAST_FRAMES_BYTES = 900;

/** The contents of a packet that closes the connection. */
export interface ClosePacket {
  /** Frames that precede CONNECTION_CLOSE, if there is room. */
  readonly frames: Uint8Array;
  readonly close: ConnectionClose;
}

/** What a {@link CloseState} needs from its connection. */
export interface CloseStateOptions {
  /** Returns short responses that the peer may not have received yet, as frames. */
  readonly streams: { takeUnacked(maxBytes: number): Uint8Array };
  readonly path: { readonly isValidated: boolean };
  /** Packets of this side that were declared lost. */
  readonly packetsLost: number;
}

/** Decides when a closing side sends CONNECTION_CLOSE. */
export class CloseState {
  readonly #packet: ClosePacket;
  #dueCount: number;
  #receivedCount = 0;

  constructor(reason: CloseReason, { streams, path, packetsLost }: CloseStateOptions) {
    // With the last responses in the same packet, this side can close without waiting for their acknowledgement: they
    // arrive with the close, or both are lost. A peer that violated the protocol receives only the error, and an address
    // that is not validated as little as possible.
    const hasFrames = reason.kind === "local" && path.isValidated;
    this.#packet = { frames: hasFrames ? streams.takeUnacked(LAST_FRAMES_BYTES) : NOTHING, close: closeFrame(reason) };
    this.#dueCount = packetsLost > 0 ? COPIES_WHERE_LOST : COPIES;
  }

  /**
   * A packet arrived from the peer. CONNECTION_CLOSE is repeated with backoff, on its 1st, 2nd, 4th, 8th packet
   * (section 10.2.1), so that two sides that close at the same time do not keep answering each other.
   */
  onPacketReceived(): undefined {
    if (Number.isInteger(Math.log2(++this.#receivedCount))) this.#dueCount = 1;
  }

  /** The packet to send now, or undefined. */
  take(): ClosePacket | undefined {
    if (this.#dueCount === 0) return undefined;
    this.#dueCount--;
    return this.#packet;
  }
}

const NOTHING = new Uint8Array(0);

function closeFrame(reason: CloseReason): ConnectionClose {
  if (reason.kind === "local") return { isApplication: true, code: reason.code, reason: reason.reason };
  if (reason.kind === "violation") return { isApplication: false, code: reason.code, reason: reason.reason };
  return { isApplication: false, code: TransportErrorCode.noError, reason: "" };
}
