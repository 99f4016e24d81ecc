/**
 * Progress bars on a terminal, one for each running transfer; in a pipe, nothing.
 *
 * Lines of text and bars share one screen: {@link ProgressView.print} removes the bars, prints, and draws them again.
 *
 * @module
 */

import type { Progress } from "../app/client/api.ts";
import { sanitizeForDisplay } from "../base/display_text.ts";
import { formatBytes } from "../base/units.ts";
import type { ProgressTask, ProgressView } from "./console.ts";
import { type CliContext, nowMs } from "./context.ts";
import { formatClock, formatRate } from "./format.ts";
import { cut, fit, pad, widthOf } from "./width.ts";

/** A transfer that takes less time needs no bar. */
const SHOW_AFTER_MS = 80;

/** The least time between two drawings for updates alone. */
const REDRAW_MS = 100;

/** Bars on standard error if it is a terminal and they are `enabled`; else a view that shows nothing. */
export function createProgressView(
  context: Pick<CliContext, "clock" | "console">,
  { enabled }: { readonly enabled: boolean },
): ProgressView {
  if (enabled && context.console.errIsTerminal) return new TerminalProgressView(context);
  const task: ProgressTask = { update: () => {}, finish: () => {} };
  return { start: () => task, busy: () => task, print: (write) => write(), close: () => {} };
}

/** Work that has no bar. */
interface Busy {
  readonly text: string;
}

/** Moves the cursor up a line. */
const UP = "\x1b[1A";

/** Erases from the cursor to the end of the screen. */
const ERASE = "\r\x1b[J";

/** At the right edge: two for the "^C" that a terminal shows, one because a full line wraps on some. */
const FREE_COLUMNS = 3;

class TerminalProgressView implements ProgressView {
  readonly #context: Pick<CliContext, "clock" | "console">;
  readonly #shown = new Set<Meter | Busy>();
  /** Lines of bars on the screen; the cursor is at the end of the last one. */
  #drawnLines = 0;
  #drawnMs = -Infinity;

  constructor(context: Pick<CliContext, "clock" | "console">) {
    this.#context = context;
  }

  start(): ProgressTask {
    const meter = new Meter();
    const startMs = nowMs(this.#context);
    return {
      update: (progress) => {
        const atMs = nowMs(this.#context);
        meter.update(progress, atMs);
        if (atMs - startMs < SHOW_AFTER_MS) return;
        const isNew = !this.#shown.has(meter);
        this.#shown.add(meter);
        // A reader that is slow gets the newest state, not all that there were.
        if (this.#context.console.errWaitingBytes() > 0) return;
        // No other update may follow for a long time.
        const isLast = progress.phase === "connecting";
        if (isNew || isLast || atMs - this.#drawnMs >= REDRAW_MS) this.#redraw();
      },
      finish: () => {
        if (this.#shown.delete(meter)) this.#redraw();
      },
    };
  }

  busy(text: string): Pick<ProgressTask, "finish"> {
    const busy: Busy = { text };
    this.#shown.add(busy);
    this.#redraw();
    return {
      finish: () => {
        if (this.#shown.delete(busy)) this.#redraw();
      },
    };
  }

  print(write: () => void): void {
    this.#draw([]);
    write();
    this.#redraw();
  }

  close(): void {
    this.#shown.clear();
    this.#draw([]);
  }

  #redraw(): void {
    this.#drawnMs = nowMs(this.#context);
    const columns = this.#context.console.columns() - FREE_COLUMNS;
    this.#draw(
      [...this.#shown].map((each) => "text" in each ? cut(each.text, columns) : progressLine(each, { columns })),
    );
  }

  /** Replaces the lines on the screen, in one write, so that nothing flickers. */
  #draw(lines: readonly string[]): void {
    if (this.#drawnLines === 0 && lines.length === 0) return;
    const erase = this.#drawnLines === 0 ? "" : UP.repeat(this.#drawnLines - 1) + ERASE;
    this.#context.console.draw(erase + lines.join("\n"));
    this.#drawnLines = lines.length;
  }
}

/** Weight of the newest sample in the average rate. */
const RATE_GAIN = 0.2;

/** Samples closer together than this are one. */
const SAMPLE_MS = 200;

/** When nothing was transferred for so long, the recent rate says nothing of the time left. */
const STALLED_AFTER_MS = 3_000;

/** Estimates the speed of one transfer. */
export class Meter {
  /** The last update; undefined before the first. */
  progress: Progress | undefined;
  /** Recent average (exponentially weighted), bytes per second; undefined before the second sample. */
  rate: number | undefined;
  /** For how long nothing more was transferred, milliseconds, as of the last update. */
  stalledMs = 0;
  #sampleMs = 0;
  #sampleBytes = 0;
  #movedMs = 0;

  update(progress: Progress, nowMs: number): void {
    const isFirst = this.progress === undefined || this.progress.phase === "connecting";
    if (isFirst || progress.transferredBytes !== this.progress?.transferredBytes) this.#movedMs = nowMs;
    this.stalledMs = nowMs - this.#movedMs;
    this.progress = progress;
    const elapsedMs = nowMs - this.#sampleMs;
    if (!isFirst && elapsedMs < SAMPLE_MS) return;
    if (!isFirst) {
      const sample = Math.max(0, progress.transferredBytes - this.#sampleBytes) / elapsedMs * 1000;
      this.rate = this.rate === undefined ? sample : this.rate + RATE_GAIN * (sample - this.rate);
    }
    this.#sampleMs = nowMs;
    this.#sampleBytes = progress.transferredBytes;
  }
}

const NAME_COLUMNS = 24;

/** Of " 100 %". */
const PERCENT_COLUMNS = 6;

const MAX_BAR_COLUMNS = 30;
const MIN_BAR_COLUMNS = 5;

/** Room for "1000.0 MB/s, 59:59 left", so that the bar keeps its length. */
const OUTLOOK_COLUMNS = 23;

/** A transfer's line, at most `columns` wide: name, bar, per cent, rate and time left. */
export function progressLine(meter: Meter, options: { columns: number }): string {
  const progress = meter.progress;
  if (progress === undefined) return "";
  // In a narrow terminal the name makes room for the per cent.
  const nameColumns = Math.max(1, Math.min(NAME_COLUMNS, options.columns - PERCENT_COLUMNS));
  const name = fit(sanitizeForDisplay(progress.name), nameColumns);
  if (progress.phase === "connecting") return cut(`${name} connecting`, options.columns);
  if (progress.totalBytes === 0 && progress.phase === "transferring") {
    return cut(`${name} ${formatBytes(progress.transferredBytes)}`, options.columns);
  }
  const share = progress.totalBytes === 0 ? 1 : Math.min(1, progress.transferredBytes / progress.totalBytes);
  const tail = ` ${String(Math.floor(share * 100)).padStart(3)} % ${pad(outlook(meter, progress), OUTLOOK_COLUMNS)}`;
  const barColumns = Math.min(MAX_BAR_COLUMNS, options.columns - NAME_COLUMNS - widthOf(tail) - 1);
  if (barColumns < MIN_BAR_COLUMNS) return cut(`${name}${tail}`, options.columns).trimEnd();
  const filled = Math.round(share * barColumns);
  return `${name} ${"█".repeat(filled)}${"░".repeat(barColumns - filled)}${tail}`.trimEnd();
}

function outlook(meter: Meter, progress: Progress): string {
  if (progress.phase === "verifying") return "verifying";
  if (meter.stalledMs >= STALLED_AFTER_MS) return `no progress for ${formatClock(meter.stalledMs)}`;
  if (meter.rate === undefined || progress.transferredBytes === 0) return "";
  const rate = formatRate(meter.rate, 1000);
  return `${rate}, ${formatClock((progress.totalBytes - progress.transferredBytes) / meter.rate * 1000)} left`;
}
