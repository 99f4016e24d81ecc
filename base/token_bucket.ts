/**
 * How often something may happen: so many times a second, and so many at once after a quiet time.
 *
 * Hot: what a flood of strangers costs is decided here; nothing is allocated.
 *
 * @module
 */

/** What a bucket holds. */
export interface TokenBucketOptions {
  /** Tokens that accrue in a second. */
  readonly perSecond: number;
  /** Most tokens that it holds; it begins with so many. */
  readonly burst: number;
}

/** One bucket. */
export class TokenBucket {
  readonly #buckets: TokenBuckets;

  constructor(options: TokenBucketOptions) {
    this.#buckets = new TokenBuckets({ ...options, count: 1 });
  }

  /** Takes a token if there is one. Times are microseconds of a clock that does not go back. */
  take(nowUs: number): boolean {
    return this.#buckets.take(nowUs, 0);
  }

  /** Puts back a token that was taken for nothing. */
  putBack(): void {
    this.#buckets.putBack(0);
  }
}

/** Many buckets of one kind, by number, in memory that does not grow. */
export class TokenBuckets {
  readonly #perUs: number;
  readonly #burst: number;
  readonly #tokens: Float64Array;
  readonly #atUs: Float64Array;

  constructor({ perSecond, burst, count }: TokenBucketOptions & { readonly count: number }) {
    this.#perUs = perSecond / 1e6;
    this.#burst = burst;
    this.#tokens = new Float64Array(count).fill(burst);
    this.#atUs = new Float64Array(count);
  }

  /** Takes a token from the bucket of that number, if it has one. */
  take(nowUs: number, index: number): boolean {
    const accrued = Math.max(0, nowUs - this.#atUs[index]!) * this.#perUs;
    const tokens = Math.min(this.#burst, this.#tokens[index]! + accrued);
    this.#atUs[index] = nowUs;
    this.#tokens[index] = tokens >= 1 ? tokens - 1 : tokens;
    return tokens >= 1;
  }

  /** Puts back a token that was taken for nothing. */
  putBack(index: number): void {
    this.#tokens[index] = Math.min(this.#burst, this.#tokens[index]! + 1);
  }
}
