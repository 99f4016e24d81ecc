/**
 * Address validation (RFC 9000, section 8): whether the peer receives packets at the address that they come from. Contains
 * the anti-amplification limit, which applies until then, and PATH_CHALLENGE and PATH_RESPONSE.
 *
 * @module
 */

import { AMPLIFICATION_FACTOR, MAX_PATH_PACKETS_BEYOND_WINDOW, MAX_PENDING_PATH_RESPONSES } from "../limits.ts";
import { DEFAULT_MAX_PTO_BACKOFF_US } from "../recovery/loss_detection.ts";

/** Both roles for one connection: validates the peer's address, and answers the peer's challenges. */
export class PathValidation {
  readonly #randomBytes: (count: number) => Uint8Array;
  #isValidated = true;
  /** Bytes that may still be sent to the unvalidated address (RFC 9000, section 8.1). */
  #allowanceBytes = 0;
  #challenge: Uint8Array | undefined;
  #isChallengeDue = false;
  /** Time from one challenge to the next. */
  #intervalUs = 0;
  #deadlineUs = Infinity;
  /** Pending responses, oldest first. */
  readonly #responses: Uint8Array[] = [];
  /** Challenges and responses taken since the congestion window last had room. */
  #beyondWindow = 0;

  /** The first address counts as validated: the handshake has validated it. */
  constructor(randomBytes: (count: number) => Uint8Array) {
    this.#randomBytes = randomBytes;
  }

  /** Whether the peer's address is validated. */
  get isValidated(): boolean {
    return this.#isValidated;
  }

  /** Bytes that may be sent to the address now; Infinity once it is validated. */
  get allowanceBytes(): number {
    return this.#isValidated ? Infinity : this.#allowanceBytes;
  }

  onDatagramSent(bytes: number): void {
    if (!this.#isValidated) this.#allowanceBytes -= bytes;
  }

  /** A datagram of `bytes` bytes arrived from the address. */
  onDatagramReceived(bytes: number): void {
    if (!this.#isValidated) this.#allowanceBytes += AMPLIFICATION_FACTOR * bytes;
  }

  /**
   * Starts the validation of a new address, from which `receivedBytes` have come. The challenge is repeated after a probe
   * timeout of the new path, with exponential backoff as for a probe (RFC 9000, section 8.2.1).
   */
  begin(nowUs: number, { receivedBytes, ptoUs }: { receivedBytes: number; ptoUs: number }): void {
    this.#isValidated = false;
    this.#allowanceBytes = AMPLIFICATION_FACTOR * receivedBytes;
    this.#challenge = this.#randomBytes(8);
    this.#isChallengeDue = true;
    this.#intervalUs = ptoUs;
    this.#deadlineUs = nowUs + ptoUs;
  }

  /** Ends the validation with success: after a valid response, or because the address was validated recently. */
  end(): void {
    this.#isValidated = true;
    this.#challenge = undefined;
    this.#isChallengeDue = false;
    this.#deadlineUs = Infinity;
  }

  /** When to repeat the challenge; Infinity while none is outstanding. */
  get deadlineUs(): number {
    return this.#deadlineUs;
  }

  onTimeout(nowUs: number): void {
    if (this.#isValidated) return;
    this.#isChallengeDue = true;
    this.#intervalUs = Math.max(this.#intervalUs, Math.min(2 * this.#intervalUs, DEFAULT_MAX_PTO_BACKOFF_US));
    this.#deadlineUs = nowUs + this.#intervalUs;
  }

  /** PATH_CHALLENGE: each is answered (RFC 9000, section 8.2.2), up to a limit of pending responses. */
  onChallenge(data: Uint8Array): void {
    if (this.#responses.length < MAX_PENDING_PATH_RESPONSES) this.#responses.push(data);
  }

  /** PATH_RESPONSE: counts only if it echoes an outstanding challenge of ours. */
  onResponse(data: Uint8Array): void {
    if (this.#challenge === undefined || !data.every((byte, i) => byte === this.#challenge![i])) return;
    this.end();
  }

  /** Whether a challenge or a response is due. */
  get hasPending(): boolean {
    return this.#isChallengeDue || this.#responses.length > 0;
  }

  /**
   * Whether a pending challenge or response may be sent although the congestion window is full: it must not wait for
   * acknowledgements of packets sent to an address that the peer may have left. Call it before each packet.
   */
  isUrgent(isWindowFull: boolean): boolean {
    if (!isWindowFull) this.#beyondWindow = 0;
    return this.hasPending && this.#beyondWindow < MAX_PATH_PACKETS_BEYOND_WINDOW;
  }

  /** The challenge to send now, or undefined. */
  takeChallenge(): Uint8Array | undefined {
    if (!this.#isChallengeDue) return undefined;
    this.#isChallengeDue = false;
    this.#beyondWindow++;
    return this.#challenge;
  }

  /** The response to send now, or undefined. */
  takeResponse(): Uint8Array | undefined {
    const response = this.#responses.shift();
    if (response !== undefined) this.#beyondWindow++;
    return response;
  }
}
