/**
 * Tells now and then what datagrams a server has dropped, and why: soon after the first, then once a minute at most,
 * however many come.
 *
 * Left out are those for connections that are just ending. Every one leaves some, and they say nothing.
 *
 * @module
 */

import { DropCounter, type DropCounts, type DropReason } from "../../protocol/mod.ts";
import type { Platform, Timer } from "../platform.ts";

/** What is dropped at about the same time is told together. */
const GATHER_US = 1_000_000;

/** The least time between two reports. */
const REPORT_EVERY_US = 60_000_000;

/** See the module's description. */
export class DropReport {
  readonly #platform: Pick<Platform, "nowUs">;
  readonly #tell: (counts: DropCounts) => void;
  readonly #timer: Timer;
  readonly #counter = new DropCounter();
  #mayTellUs = 0;
  #isTimed = false;

  /** `tell` hears of what was dropped since it heard last; of some, always. */
  constructor(platform: Pick<Platform, "nowUs" | "timer">, tell: (counts: DropCounts) => void) {
    this.#platform = platform;
    this.#tell = tell;
    this.#timer = platform.timer(() => this.flush());
  }

  /** A datagram was dropped. */
  add(reason: DropReason): void {
    if (reason === "late") return;
    this.#counter.add(reason);
    if (this.#isTimed) return;
    this.#isTimed = true;
    this.#timer.set(Math.max(GATHER_US, this.#mayTellUs - this.#platform.nowUs()));
  }

  /** Tells what has not been told yet, and sets no timer: also for the end. */
  flush(): void {
    if (!this.#isTimed) return;
    this.#isTimed = false;
    this.#timer.clear();
    this.#mayTellUs = this.#platform.nowUs() + REPORT_EVERY_US;
    this.#tell(this.#counter.take());
  }
}
