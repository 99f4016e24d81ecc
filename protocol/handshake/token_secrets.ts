/**
 * The secret under which a server seals its half of a handshake into the token. It is replaced at intervals: with it, every
 * handshake whose token was recorded could be opened, as with the ticket key of a TLS server. The one before stays as long as a
 * token of its time may still arrive, and is then overwritten.
 *
 * @module
 */

import { TOKEN_SECRET_LIFETIME_US } from "../limits.ts";

/** Bytes of a secret. */
export const SECRET_BYTES = 32;

/** What a server's secrets are made with. */
export interface TokenSecretsOptions {
  /** The first of them; it is overwritten when its time is over. */
  readonly secret: Uint8Array;
  readonly tokenLifetimeUs: number;
  readonly randomBytes: (count: number) => Uint8Array;
}

/** The secret of now, and for a while the one before. Times are those of the server's clock, microseconds. */
export class TokenSecrets {
  readonly #options: TokenSecretsOptions;
  #current: Uint8Array;
  #previous: Uint8Array | undefined;
  #sinceUs: number | undefined;

  constructor(options: TokenSecretsOptions) {
    this.#options = options;
    this.#current = options.secret.slice();
  }

  /** The secret for a token that is issued now; a new one where the last has had its time. */
  forIssue(nowUs: number): Uint8Array {
    this.#sinceUs ??= nowUs;
    if (nowUs - this.#sinceUs >= TOKEN_SECRET_LIFETIME_US) {
      this.#previous?.fill(0);
      this.#previous = this.#current;
      this.#current = this.#options.randomBytes(SECRET_BYTES);
      this.#sinceUs = nowUs;
    }
    this.#wipePrevious(nowUs);
    return this.#current;
  }

  /** The secret of a token that was issued then and has not expired; undefined where it cannot be one of this server's. */
  forToken(nowUs: number, issuedUs: number): Uint8Array | undefined {
    this.#wipePrevious(nowUs);
    return issuedUs >= (this.#sinceUs ?? Infinity) ? this.#current : this.#previous;
  }

  #wipePrevious(nowUs: number): void {
    if (this.#previous === undefined || nowUs - this.#sinceUs! <= this.#options.tokenLifetimeUs) return;
    this.#previous.fill(0);
    this.#previous = undefined;
  }
}
