/**
 * Limits how many log lines clients can cause: ten thousand at once, then a hundred a second. Further lines are left out
 * and counted; a line of its own reports the count once a second at most.
 *
 * Lines about files are counted apart from all others, so a flood of connections does not hide what happened to files.
 * What the server reports of itself is never left out.
 *
 * @module
 */

import type { Platform, Timer } from "../app/platform.ts";
import type { ServerEvent } from "../app/server/api.ts";
import { TokenBucket } from "../base/token_bucket.ts";

/** A third of what systemd's journal accepts by default, and more than people cause by their work. */
export const LINES_PER_SECOND = 100;

/** A folder of five thousand files is logged in full: some 1.5 MB. */
export const LINES_AT_ONCE = 10_000;

/** Time between two reports of lines that were left out. */
const REPORT_EVERY_US = 1_000_000;

/**
 * For every kind of event the bucket that its lines are taken from; "unlimited" for those that clients cannot cause at
 * will, because the server's owner causes them or their number has a bound of its own.
 */
const BUCKETS: Readonly<Record<ServerEvent["kind"], "file" | "other" | "unlimited">> = {
  "receiving": "file",
  "received": "file",
  "sending": "file",
  "sent": "file",
  "failed": "file",
  "connected": "other",
  "access-denied": "other",
  "address-changed": "other",
  "listed": "other",
  "made": "other",
  "removed": "other",
  "moved": "other",
  "refused": "other",
  "disconnected": "other",
  "folder-unavailable": "unlimited",
  "listening": "unlimited",
  "socket": "unlimited",
  "exposed": "unlimited",
  "unlisted": "unlimited",
  "root-created": "unlimited",
  "access-changed": "unlimited",
  "access-unreadable": "unlimited",
  // Once a minute: app/server/drop_report.ts.
  "dropped": "unlimited",
  // The owner asked for a line for each injected fault.
  "fault": "unlimited",
  "draining": "unlimited",
  "stopped": "unlimited",
};

/** See the module's description. */
export class LineLimit {
  readonly #clock: Pick<Platform, "nowUs">;
  readonly #report: (lines: number) => void;
  readonly #timer: Timer;
  readonly #buckets = { file: bucket(), other: bucket() };
  #leftOut = 0;

  /** `report` is given the number of lines that were left out since the last report, never 0. */
  constructor(clock: Pick<Platform, "nowUs" | "timer">, report: (lines: number) => void) {
    this.#clock = clock;
    this.#report = report;
    this.#timer = clock.timer(() => this.flush());
  }

  /** Whether an event may be logged; if not, it is counted. */
  admits({ kind }: Pick<ServerEvent, "kind">): boolean {
    const name = BUCKETS[kind];
    if (name === "unlimited" || this.#buckets[name].take(this.#clock.nowUs())) return true;
    if (this.#leftOut++ === 0) this.#timer.set(REPORT_EVERY_US);
    return false;
  }

  /** Reports what has not been reported yet, and leaves no timer set. */
  flush(): void {
    this.#timer.clear();
    const lines = this.#leftOut;
    this.#leftOut = 0;
    if (lines > 0) this.#report(lines);
  }
}

function bucket(): TokenBucket {
  return new TokenBucket({ perSecond: LINES_PER_SECOND, burst: LINES_AT_ONCE });
}
