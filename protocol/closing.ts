/**
 * The last words of a connection (RFC 9000, section 10.2): what CONNECTION_CLOSE says, and how often.
 *
 * @module
 */

import { type CloseReason, TransportErrorCode } from "./errors.ts";
import type { ConnectionClose } from "./wire/frame.ts";

/** A program that ends does not stay to answer, so its CONNECTION_CLOSE goes out more than once. */
const COPIES = 2;

/** Decides when a closing side speaks. */
export class Closing {
  readonly #reason: CloseReason;
  #dueCount = COPIES;
  #heardCount = 0;

  constructor(reason: CloseReason) {
    this.#reason = reason;
  }

  /**
   * The peer goes on talking. It is answered ever more rarely, at its 1st, 2nd, 4th, 8th packet (section 10.2.1), so
   * that two sides that close at once do not keep answering each other.
   */
  onPacketReceived(): undefined {
    if (Number.isInteger(Math.log2(++this.#heardCount))) this.#dueCount = 1;
  }

  /** What is to be sent now, or undefined. */
  take(): ConnectionClose | undefined {
    if (this.#dueCount === 0) return undefined;
    this.#dueCount--;
    const reason = this.#reason;
    if (reason.kind === "local") return { isApplication: true, code: reason.code, reason: reason.reason };
    if (reason.kind === "violation") return { isApplication: false, code: reason.code, reason: reason.reason };
    return { isApplication: false, code: TransportErrorCode.noError, reason: "" };
  }
}
