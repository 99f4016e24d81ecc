/**
 * The progress of transfers: bars on a terminal, a line every few seconds elsewhere, objects with `--json`.
 *
 * Lines of text and bars share one screen: {@link ProgressView.print} removes the bars, prints, and draws them again.
 * The bars are our own: libraries for them draw to a stream by timers of their own, and know neither our way of
 * printing between them, nor wide characters, nor a reader that is slow.
 *
 * @module
 */

import type { Progress } from "../app/client/api.ts";
import { sanitizeForDisplay } from "../base/display_text.ts";
import { formatBytes } from "../base/units.ts";
import type { ProgressTask, ProgressView } from "./console.ts";
import { type CliContext, nowMs } from "./context.ts";
import { formatClock, formatRate } from "./format.ts";
import { Meter } from "./meter.ts";
import { jsonLine } from "./results.ts";
import { cut, fit, pad, widthOf } from "./width.ts";

/** A transfer that takes less time needs no bar. */
const SHOW_AFTER_MS = 80;

/** The least time between two drawings for updates alone. */
const REDRAW_MS = 100;

/** Time between two lines, and between two objects. */
const LINE_MS = 5_000;
const RECORD_MS = 1_000;

type Context = Pick<CliContext, "clock" | "console">;

/** How to show progress. */
export interface ProgressOptions {
  readonly enabled: boolean;
  readonly json?: boolean;
}

/** A view of the kind that suits standard error; one that shows nothing unless it is `enabled`. */
export function createProgressView(context: Context, { enabled, json = false }: ProgressOptions): ProgressView {
  if (!enabled) return new LineView(context, { everyMs: Infinity, write: () => {} });
  const { console } = context;
  if (json) return new LineView(context, { everyMs: RECORD_MS, write: (meter) => console.out(progressRecord(meter)) });
  if (console.errIsTerminal) return new TerminalProgressView(context);
  return new LineView(context, { everyMs: LINE_MS, write: (meter) => console.err(`progress: ${progressText(meter)}`) });
}

/** What a view without a terminal writes, and how often. */
interface LineOptions {
  readonly everyMs: number;
  readonly write: (meter: Meter) => void;
}

class LineView implements ProgressView {
  readonly #context: Context;
  readonly #options: LineOptions;

  constructor(context: Context, options: LineOptions) {
    this.#context = context;
    this.#options = options;
  }

  start(): ProgressTask {
    const meter = new Meter();
    let writtenMs = nowMs(this.#context);
    return {
      update: (progress) => {
        const atMs = nowMs(this.#context);
        meter.update(progress, atMs);
        if (atMs - writtenMs < this.#options.everyMs) return;
        writtenMs = atMs;
        this.#options.write(meter);
      },
      finish: () => {},
    };
  }

  busy(): Pick<ProgressTask, "finish"> {
    return { finish: () => {} };
  }

  print(write: () => void): void {
    write();
  }

  close(): void {}
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
  readonly #context: Context;
  readonly #shown = new Set<Meter | Busy>();
  /** Lines of bars on the screen; the cursor is at the end of the last one. */
  #drawnLines = 0;
  #drawnMs = -Infinity;

  constructor(context: Context) {
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

const NAME_COLUMNS = 24;

const MAX_BAR_COLUMNS = 30;
const MIN_BAR_COLUMNS = 5;

/** Of " 100 %", and with the rate and the time left, so that the bar keeps its length. */
const PERCENT_COLUMNS = 6;
const TAIL_COLUMNS = widthOf(" 100 %  1000.0 MB/s  59:59 left");
/** With the time left alone. */
const LEFT_COLUMNS = widthOf(" 100 %  59:59 left");

/**
 * A transfer's line, at most `columns` wide: name, bar, per cent, rate and time left. In a narrow terminal the bar goes first,
 * then the rate, then the time, then the name; the per cent stays.
 */
export function progressLine(meter: Meter, { columns }: { readonly columns: number }): string {
  const { progress } = meter;
  if (progress === undefined) return "";
  const name = sanitizeForDisplay(progress.name);
  const nameColumns = Math.max(1, Math.min(NAME_COLUMNS, columns - PERCENT_COLUMNS));
  const isCounted = progress.totalBytes > 0 || progress.phase === "verifying";
  if (progress.phase === "connecting" || !isCounted) {
    const words = progress.phase === "connecting" ? "connecting" : formatBytes(progress.transferredBytes);
    return cut(`${fit(name, nameColumns)} ${words}`, columns);
  }
  const percent = ` ${formatPercent(meter.share).padStart(5)}`;
  const parts = outlook(meter);
  const tail = pad([percent, ...parts].join("  "), TAIL_COLUMNS);
  const barColumns = Math.min(MAX_BAR_COLUMNS, columns - NAME_COLUMNS - widthOf(tail) - 1);
  if (barColumns >= MIN_BAR_COLUMNS) {
    const filled = Math.floor(meter.share * barColumns);
    const bar = `${"█".repeat(filled)}${"░".repeat(barColumns - filled)}`;
    return `${fit(name, NAME_COLUMNS)} ${bar}${tail}`.trimEnd();
  }
  // The time left says more than the rate.
  for (
    const [tail, tailColumns] of [[[percent, ...parts], TAIL_COLUMNS], [
      [percent, ...parts.slice(-1)],
      LEFT_COLUMNS,
    ]] as const
  ) {
    const text = tail.join("  ");
    const room = columns - Math.max(tailColumns, widthOf(text));
    if (room >= MIN_NAME_COLUMNS) return fit(name, Math.min(NAME_COLUMNS, room)) + text;
  }
  return cut(`${fit(name, nameColumns)}${percent}`, columns);
}

/** A name of fewer columns says nothing. */
const MIN_NAME_COLUMNS = 8;

/** The same in words, for a log. */
export function progressText(meter: Meter): string {
  const { progress } = meter;
  if (progress === undefined) return "";
  const name = sanitizeForDisplay(progress.name);
  if (progress.phase === "connecting") return `${name}, connecting`;
  const isCounted = progress.totalBytes > 0 || progress.phase === "verifying";
  const amount = isCounted
    ? `${formatPercent(meter.share)} of ${formatBytes(progress.totalBytes)}`
    : formatBytes(progress.transferredBytes);
  return [name, amount, ...outlook(meter)].join(", ");
}

function progressRecord({ leftMs, progress, rate }: Meter): string {
  const { name, phase, totalBytes, transferredBytes } = progress!;
  return jsonLine({
    type: "progress",
    name,
    phase,
    transferredBytes,
    ...(totalBytes === 0 ? {} : { totalBytes }),
    ...(rate === undefined ? {} : { bytesPerSecond: Math.round(rate) }),
    ...(leftMs === undefined ? {} : { secondsLeft: Math.round(leftMs / 1000) }),
  });
}

/** Rounded down: 100 % is all of it. */
function formatPercent(share: number): string {
  return `${Math.floor(share * 100)} %`;
}

/** What is known of speed and end. */
function outlook({ leftMs, progress, rate, stalledMs }: Meter): string[] {
  const { phase, transferredBytes } = progress as Progress;
  if (phase === "verifying") return ["verifying"];
  if (stalledMs > 0) return [`no progress for ${formatClock(stalledMs)}`];
  if (rate === undefined || rate < 1 || transferredBytes === 0) return [];
  const speed = formatRate(rate, 1000);
  return leftMs === undefined ? [speed] : [speed, `${formatClock(leftMs)} left`];
}
