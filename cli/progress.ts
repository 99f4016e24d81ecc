/**
 * Progress bars on a terminal, one for each running transfer; in a pipe, nothing.
 *
 * Lines of text and bars share one screen: whoever prints goes through {@link ProgressView.print}, which takes the
 * bars away first, and back afterwards. What draws them is loaded when the first is needed: most runs are short, or in
 * a pipe, and it takes longer to load than a small file takes to go.
 *
 * @module
 */

import { sanitizeForDisplay } from "../transfer/file_name.ts";
import type { Progress } from "../app/client/api.ts";
import type { Console } from "./console.ts";
import { formatBytes, formatDuration, formatRate } from "./format.ts";

/** The bars of several transfers. */
export interface ProgressView {
  /** A bar for a transfer; it shows from its first update on. */
  start(): ProgressTask;
  /** Runs `write`, which prints lines, with the bars out of the way. */
  print(write: () => void): void;
  /** Takes the bars away. */
  close(): void;
}

/** One transfer's bar. */
export interface ProgressTask {
  update(progress: Progress): void;
  /** Takes the bar away. */
  finish(): void;
}

/** What cli-progress is used for, typed as far as that goes. */
interface MultiBar {
  create(total: number, startValue: number, payload: { line: () => string }): { update(value: number): void };
  /** Draws all bars now; without it they are drawn ten times a second. */
  update(): void;
  stop(): void;
}

type MakeMultiBar = new (options: Readonly<Record<string, unknown>>) => MultiBar;

/** A transfer that is over sooner needs no bar, nor the time that it takes to load what draws it. */
const SHOW_AFTER_MS = 80;

/** Bars on `console`'s standard error if it is a terminal and `enabled`; else a view that shows nothing. */
export function createProgressView(
  console: Console,
  options: { enabled: boolean; nowMs: () => number },
): ProgressView {
  if (options.enabled && console.errIsTerminal) return new TerminalProgressView(console, options.nowMs);
  const task: ProgressTask = { update: () => {}, finish: () => {} };
  return { start: () => task, print: (write) => write(), close: () => {} };
}

class TerminalProgressView implements ProgressView {
  readonly #console: Console;
  readonly #nowMs: () => number;
  readonly #shown = new Set<Meter>();
  #MultiBar: MakeMultiBar | undefined;
  #isLoading = false;
  #bars: MultiBar | undefined;

  constructor(console: Console, nowMs: () => number) {
    this.#console = console;
    this.#nowMs = nowMs;
  }

  start(): ProgressTask {
    const meter = new Meter();
    const startMs = this.#nowMs();
    return {
      update: (progress) => {
        const nowMs = this.#nowMs();
        meter.update(progress, nowMs);
        if (this.#shown.has(meter) || nowMs - startMs < SHOW_AFTER_MS) return;
        this.#shown.add(meter);
        this.#redraw();
      },
      finish: () => {
        if (this.#shown.delete(meter)) this.#redraw();
      },
    };
  }

  print(write: () => void): void {
    this.#clear();
    write();
    this.#redraw();
  }

  close(): void {
    this.#shown.clear();
    this.#clear();
  }

  #clear(): void {
    this.#bars?.stop();
    this.#bars = undefined;
  }

  #redraw(): void {
    this.#clear();
    if (this.#shown.size === 0) return;
    if (this.#MultiBar === undefined) return void this.#load();
    this.#bars = this.#createBars(this.#MultiBar);
    for (const meter of this.#shown) {
      this.#bars.create(1, 0, { line: () => progressLine(meter, { columns: this.#console.columns() - 1 }) });
    }
    this.#bars.update();
  }

  async #load(): Promise<void> {
    if (this.#isLoading) return;
    this.#isLoading = true;
    const { default: cliProgress } = await import("cli-progress");
    this.#MultiBar = cliProgress.MultiBar;
    this.#redraw();
  }

  #createBars(MultiBar: MakeMultiBar): MultiBar {
    const console = this.#console;
    return new MultiBar({
      format: (_options: unknown, _params: unknown, payload: { line: () => string }) => payload.line(),
      stream: {
        isTTY: true,
        get columns() {
          return console.columns();
        },
        write: (text: string) => {
          console.draw(text);
          return true;
        },
      },
      clearOnComplete: true,
      // The terminal stays as it is, so that nothing needs repair when the program is killed.
      hideCursor: false,
      linewrap: true,
      forceRedraw: true,
      emptyOnZero: true,
    });
  }
}

/** Weight of the newest sample in the average rate. */
const RATE_GAIN = 0.2;

/** Samples closer together than this are one. */
const SAMPLE_MS = 200;

/** Follows one transfer: where it is, and how fast it has been lately. */
export class Meter {
  /** The latest news; undefined before the first. */
  progress: Progress | undefined;
  /** Average of late, bytes a second; undefined until there is one. */
  rate: number | undefined;
  #sampleMs = 0;
  #sampleBytes = 0;

  update(progress: Progress, nowMs: number): void {
    const isFirst = this.progress === undefined || this.progress.phase === "connecting";
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
const MAX_BAR_COLUMNS = 30;
const MIN_BAR_COLUMNS = 5;

/** Room for "100.0 MB/s, 59 min 59 s left", so that the bar keeps its length. */
const OUTLOOK_COLUMNS = 28;

/** A transfer's line, at most `columns` wide: name, bar, per cent, rate and time left. */
export function progressLine(meter: Meter, options: { columns: number }): string {
  const progress = meter.progress;
  if (progress === undefined) return "";
  const name = fit(sanitizeForDisplay(progress.name), NAME_COLUMNS);
  if (progress.phase === "connecting") return `${name} connecting`.slice(0, options.columns);
  if (progress.totalBytes === 0 && progress.phase === "transferring") {
    return `${name} ${formatBytes(progress.transferredBytes)}`.slice(0, options.columns);
  }
  const share = progress.totalBytes === 0 ? 1 : Math.min(1, progress.transferredBytes / progress.totalBytes);
  const tail = ` ${String(Math.floor(share * 100)).padStart(3)} % ${outlook(meter, progress).padEnd(OUTLOOK_COLUMNS)}`;
  const barColumns = Math.min(MAX_BAR_COLUMNS, options.columns - name.length - tail.length - 1);
  if (barColumns < MIN_BAR_COLUMNS) return `${name}${tail}`.slice(0, options.columns).trimEnd();
  const filled = Math.round(share * barColumns);
  return `${name} ${"█".repeat(filled)}${"░".repeat(barColumns - filled)}${tail}`.trimEnd();
}

function outlook(meter: Meter, progress: Progress): string {
  if (progress.phase === "verifying") return "verifying";
  if (meter.rate === undefined || progress.transferredBytes === 0) return "";
  const rate = formatRate(meter.rate, 1000);
  if (meter.rate < 1) return `${rate}, stalled`;
  return `${rate}, ${formatDuration((progress.totalBytes - progress.transferredBytes) / meter.rate * 1000)} left`;
}

/** Exactly `columns` characters; what is too long keeps its end, where names differ. */
function fit(text: string, columns: number): string {
  return text.length <= columns ? text.padEnd(columns) : `…${text.slice(text.length - columns + 1)}`;
}
