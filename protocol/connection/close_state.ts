/**
 * The last words of a connection (RFC 9000, section 10.2): what its CONNECTION_CLOSE says, what goes along with it, and
 * how often.
 *
 * @module
 */

import { type CloseReason, TransportErrorCode } from "../errors.ts";
import type { ConnectionClose } from "../wire/frame.ts";

/** A program that ends does not stay to answer, so its CONNECTION_CLOSE goes out more than once. */
const COPIES = 2;

/** The same where packets have been lost: at 20 % loss all of them are lost once in 600 times. */
const COPIES_WHERE_LOST = 4;

/** Most bytes of frames before a CONNECTION_CLOSE: some twenty answers of the shortest kind. */
const LAST_FRAMES_BYTES = 900;

/** What a closing packet says. */
export interface LastWords {
  /** Frames that go first, if there is room. */
  readonly frames: Uint8Array;
  readonly close: ConnectionClose;
}

/** What a {@link Closing} asks of its connection. */
export interface CloseStateOptions {
  /** Gives short answers that the peer may not have yet, as frames. */
  readonly streams: { takeUnacked(maxBytes: number): Uint8Array };
  readonly path: { readonly isValidated: boolean };
  /** Packets of this side that were declared lost. */
  readonly packetsLost: number;
}

/** Decides when a closing side speaks. */
export class CloseState {
  readonly #words: LastWords;
  #dueCount: number;
  #heardCount = 0;

  constructor(reason: CloseReason, { streams, path, packetsLost }: CloseStateOptions) {
    // What this side wrote last need not wait for its acknowledgement: it arrives with the end, or both are lost. A peer
    // that broke a rule is told that alone, and an address that is not proven gets no more than it must.
    const isTold = reason.kind === "local" && path.isValidated;
    this.#words = { frames: isTold ? streams.takeUnacked(LAST_FRAMES_BYTES) : NOTHING, close: closeFrame(reason) };
    this.#dueCount = packetsLost > 0 ? COPIES_WHERE_LOST : COPIES;
  }

  /**
   * The peer goes on talking. It is answered ever more rarely, at its 1st, 2nd, 4th, 8th packet (section 10.2.1), so
   * that two sides that close at once do not keep answering each other.
   */
  onPacketReceived(): undefined {
    if (Number.isInteger(Math.log2(++this.#heardCount))) this.#dueCount = 1;
  }

  /** What is to be sent now, or undefined. */
  take(): LastWords | undefined {
    if (this.#dueCount === 0) return undefined;
    this.#dueCount--;
    return this.#words;
  }
}

const NOTHING = new Uint8Array(0);

function closeFrame(reason: CloseReason): ConnectionClose {
  if (reason.kind === "local") return { isApplication: true, code: reason.code, reason: reason.reason };
  if (reason.kind === "violation") return { isApplication: false, code: reason.code, reason: reason.reason };
  return { isApplication: false, code: TransportErrorCode.noError, reason: "" };
}
