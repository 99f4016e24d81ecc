/**
 * Whether the peer receives at the address that its packets come from (RFC 9000, section 8): what may be sent there before
 * that is proven, and the challenges and responses that prove it.
 *
 * @module
 */

import { AMPLIFICATION_FACTOR, MAX_PATH_PACKETS_BEYOND_WINDOW, MAX_PENDING_PATH_RESPONSES } from "../limits.ts";
import { DEFAULT_MAX_PTO_BACKOFF_US } from "../recovery/loss_detection.ts";

/** Both sides of it for one connection: asks for the peer's proof, and gives our own. */
export class PathValidation {
  readonly #randomBytes: (count: number) => Uint8Array;
  #isValidated = true;
  /** What may still be sent to an address that is not proven (RFC 9000, section 8.1). */
  #allowanceBytes = 0;
  #challenge: Uint8Array | undefined;
  #isChallengeDue = false;
  /** Time from one challenge to the next. */
  #intervalUs = 0;
  #deadlineUs = Infinity;
  /** Responses that are due, oldest first. */
  readonly #responses: Uint8Array[] = [];
  /** Challenges and responses taken since the congestion window last had room. */
  #beyondWindow = 0;

  /** The first address is proven: the handshake has seen to that. */
  constructor(randomBytes: (count: number) => Uint8Array) {
    this.#randomBytes = randomBytes;
  }

  /** The peer has proven that it receives at the address. */
  get isValidated(): boolean {
    return this.#isValidated;
  }

  /** The most bytes that may be sent to the address now; Infinity once it is proven. */
  get allowanceBytes(): number {
    return this.#isValidated ? Infinity : this.#allowanceBytes;
  }

  onDatagramSent(bytes: number): void {
    if (!this.#isValidated) this.#allowanceBytes -= bytes;
  }

  /** A datagram came from the address. */
  onDatagramReceived(bytes: number): void {
    if (!this.#isValidated) this.#allowanceBytes += AMPLIFICATION_FACTOR * bytes;
  }

  /**
   * The peer's address is another one, from which so many bytes came: asks for its proof, and again after a probe timeout
   * of that path, and twice as long each time, as for a probe (RFC 9000, section 8.2.1).
   */
  begin(nowUs: number, { receivedBytes, ptoUs }: { receivedBytes: number; ptoUs: number }): void {
    this.#isValidated = false;
    this.#allowanceBytes = AMPLIFICATION_FACTOR * receivedBytes;
    this.#challenge = this.#randomBytes(8);
    this.#isChallengeDue = true;
    this.#intervalUs = ptoUs;
    this.#deadlineUs = nowUs + ptoUs;
  }

  /** The address is proven, by a response or because it was a moment ago. */
  end(): void {
    this.#isValidated = true;
    this.#challenge = undefined;
    this.#isChallengeDue = false;
    this.#deadlineUs = Infinity;
  }

  /** When to send the challenge again; Infinity while none is open. */
  get deadlineUs(): number {
    return this.#deadlineUs;
  }

  onTimeout(nowUs: number): void {
    if (this.#isValidated) return;
    this.#isChallengeDue = true;
    this.#intervalUs = Math.max(this.#intervalUs, Math.min(2 * this.#intervalUs, DEFAULT_MAX_PTO_BACKOFF_US));
    this.#deadlineUs = nowUs + this.#intervalUs;
  }

  /** The peer asks for our proof. Each challenge is answered (RFC 9000, section 8.2.2), up to a limit. */
  onChallenge(data: Uint8Array): void {
    if (this.#responses.length < MAX_PENDING_PATH_RESPONSES) this.#responses.push(data);
  }

  /** The peer answers a challenge; it counts if it is ours. */
  onResponse(data: Uint8Array): void {
    if (this.#challenge === undefined || !data.every((byte, i) => byte === this.#challenge![i])) return;
    this.end();
  }

  /** A challenge or a response is due. */
  get hasPending(): boolean {
    return this.#isChallengeDue || this.#responses.length > 0;
  }

  /**
   * What is due goes out now, even if the congestion window is full: it does not wait for packets in flight to an address
   * that the peer may have left. Call it before each packet.
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
