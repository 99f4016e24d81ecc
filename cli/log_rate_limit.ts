/**
 * How many lines clients can make the log take: ten thousand at once, then a hundred a second. What is beyond that is left
 * out, and counted in a line of its own, once a second at most.
 *
 * Lines about files are counted apart from all others, so that a flood of connections does not hide what became of files.
 * What the server says of itself is never left out.
 *
 * @module
 */

import type { ServerEvent } from "../app/server/api.ts";
import type { Platform, Timer } from "../app/platform.ts";
import { TokenBucket } from "../base/token_bucket.ts";

/** A third of what systemd's journal takes unless told otherwise, and no limit that a person's work would reach. */
export const LINES_PER_SECOND = 100;

/** A folder of five thousand files is told in full. It comes to some 1.5 MB. */
export const LINES_AT_ONCE = 10_000;

/** Lines that were left out are counted for so long before that is told. */
const TELL_EVERY_US = 1_000_000;

/** What a client does, in two kinds, each with a bucket. */
const KINDS: Readonly<Partial<Record<ServerEvent["kind"], "file" | "other">>> = {
  "receiving": "file",
  "received": "file",
  "sending": "file",
  "sent": "file",
  "failed": "file",
  "connected": "other",
  "access-denied": "other",
  "address-changed": "other",
  "listed": "other",
  "refused": "other",
  "disconnected": "other",
};

/** See the module's description. */
export class LineLimit {
  readonly #clock: Pick<Platform, "nowUs">;
  readonly #tell: (lines: number) => void;
  readonly #timer: Timer;
  readonly #buckets = { file: bucket(), other: bucket() };
  #leftOut = 0;

  /** `tell` hears how many lines were left out since it heard last; of some, always. */
  constructor(clock: Pick<Platform, "nowUs" | "timer">, tell: (lines: number) => void) {
    this.#clock = clock;
    this.#tell = tell;
    this.#timer = clock.timer(() => this.flush());
  }

  /** Whether an event may have its line; if not, it is counted. */
  admits({ kind }: ServerEvent): boolean {
    const which = KINDS[kind];
    if (which === undefined || this.#buckets[which].take(this.#clock.nowUs())) return true;
    if (this.#leftOut++ === 0) this.#timer.set(TELL_EVERY_US);
    return false;
  }

  /** Tells what has not been told yet, and sets no timer: also for the end. */
  flush(): void {
    this.#timer.clear();
    const lines = this.#leftOut;
    this.#leftOut = 0;
    if (lines > 0) this.#tell(lines);
  }
}

function bucket(): TokenBucket {
  return new TokenBucket({ perSecond: LINES_PER_SECOND, burst: LINES_AT_ONCE });
}
