/**
 * Several transfers over one connection, many small ones or a few large ones at a time; one that fails does not keep
 * the others from being done. A few have each a bar and a report; many have one bar, a line each, and a total.
 *
 * @module
 */

import { basename } from "node:path";
import { quote } from "../base/display_text.ts";
import { SluiceError } from "../app/api.ts";
import type { Client, Progress, TransferReport } from "../app/client/api.ts";
import { describeError } from "./console.ts";
import { type CliSession, nowMs } from "./context.ts";
import { ExitCode, exitCodeOf } from "./exit_codes.ts";
import { Parallelism, type Slot } from "../app/client/parallelism.ts";
import type { IfExists } from "../transfer/file_store.ts";
import { ProblemList } from "./problem_list.ts";
import { checksumsMatch, describeNotKept, type Direction, reportLine, reportLines, totalLine } from "./report.ts";
import { TotalProgress } from "./total_progress.ts";

/** More transfers than this have a line each. */
export const MAX_REPORTED_AT_LENGTH = 10;

/** One file to transfer. */
export interface Transfer {
  readonly direction: Direction;
  /** A local path (send) or a name on the server (get). */
  readonly file: string;
  /** The name to store it under (send), or the path to save it at (get). */
  readonly target: string | undefined;
  /** What to do with a file of that name there; a server knows no "beside". */
  readonly ifExists: IfExists;
}

/** A session that is connected to a server. */
export type ConnectedSession = Pick<CliSession, "clock" | "console" | "quiet" | "view"> & {
  readonly client: Client;
  /** Cancels the transfers. */
  readonly signal: AbortSignal;
};

/** Runs the transfers; the exit code is that of the first in order that failed. Once aborted, no other starts. */
export function runTransfers(transfers: readonly Transfer[], session: ConnectedSession): Promise<ExitCode> {
  return new TransferRun(transfers, session).run();
}

/** What shows the progress of a transfer. */
interface Display {
  update(progress: Progress): void;
  end(report?: TransferReport): void;
}

class TransferRun {
  readonly #transfers: readonly Transfer[];
  readonly #session: ConnectedSession;
  readonly #parallelism = new Parallelism();
  readonly #total: TotalProgress | undefined;
  readonly #exitCodes: ExitCode[];
  readonly #problems: ProblemList;
  readonly #ended = Promise.withResolvers<void>();
  /** Attributes of which the user knows that the disk does not keep them. */
  readonly #toldNotKept = new Set<string>();
  #next = 0;
  #running = 0;
  #isBeginning = false;

  constructor(transfers: readonly Transfer[], session: ConnectedSession) {
    this.#transfers = transfers;
    this.#session = session;
    this.#problems = new ProblemList(session, { isSummary: transfers.length > MAX_REPORTED_AT_LENGTH });
    this.#exitCodes = transfers.map(() => ExitCode.interrupted);
    if (transfers.length > MAX_REPORTED_AT_LENGTH) {
      this.#total = new TotalProgress(transfers.length, session.view.start());
    }
  }

  async run(): Promise<ExitCode> {
    const startMs = nowMs(this.#session);
    this.#beginMore();
    await this.#ended.promise;
    this.#total?.finish();
    this.#problems.finish();
    if (this.#total !== undefined) this.#tellTotal(this.#total, nowMs(this.#session) - startMs);
    return this.#exitCodes.find((code) => code !== ExitCode.done) ?? ExitCode.done;
  }

  #beginMore(): void {
    // A transfer that begins may tell its size at once: the loop that began it goes on.
    if (this.#isBeginning) return;
    this.#isBeginning = true;
    const { signal } = this.#session;
    while (this.#next < this.#transfers.length && !signal.aborted && this.#parallelism.mayBegin) {
      const index = this.#next++;
      this.#running++;
      void this.#runOne(index, this.#parallelism.begin());
    }
    this.#isBeginning = false;
    if (this.#running === 0) this.#ended.resolve();
  }

  async #runOne(index: number, slot: Slot): Promise<void> {
    const transfer = this.#transfers[index]!;
    const display = this.#total?.begin() ?? this.#ownDisplay();
    const onProgress = (progress: Progress) => {
      display.update(progress);
      if (progress.totalBytes === 0) return;
      slot.onSize(progress.totalBytes);
      this.#beginMore();
    };
    try {
      const report = await runTransfer(transfer, this.#session, onProgress);
      const isVerified = checksumsMatch(report);
      display.end(isVerified ? report : undefined);
      // A line says that all is well; what is not has its error.
      if (isVerified || this.#total === undefined) this.#tellReport(report, transfer.direction);
      this.#warnIfBeside(transfer, report);
      if (!isVerified) throw new SluiceError("failed", "the checksums differ; transfer it again");
      this.#exitCodes[index] = ExitCode.done;
      this.#warnIfNotKept(report);
    } catch (thrown) {
      display.end();
      const error = asInterruption(thrown, this.#session.signal);
      this.#exitCodes[index] = exitCodeOf(error);
      this.#tellError(transfer, describeError(error));
    }
    slot.end();
    this.#running--;
    this.#beginMore();
  }

  #ownDisplay(): Display {
    const task = this.#session.view.start();
    return { update: (progress) => task.update(progress), end: () => task.finish() };
  }

  #tellReport(report: TransferReport, direction: Direction): void {
    const { console, quiet, view } = this.#session;
    if (quiet) return;
    const lines = this.#total === undefined ? reportLines(report, direction) : [reportLine(report)];
    view.print(() => {
      for (const line of lines) console.out(line);
      if (this.#transfers.length > 1 && this.#total === undefined) console.out("");
    });
  }

  /** Also where only errors are printed: a script must not take the older file for the one that it got. */
  #warnIfBeside({ direction, file, target = file }: Transfer, { savedAs }: TransferReport): void {
    if (direction === "send" || savedAs === target) return;
    const text = `${quote(target)} exists; saved as ${quote(savedAs)}`;
    this.#problems.add({ severity: "warning", text, names: [target, savedAs] });
  }

  /** Once for each attribute: a disk that does not keep one keeps it of no file. */
  #warnIfNotKept({ savedAs, notKept }: TransferReport): void {
    const untold = notKept.filter((attribute) => !this.#toldNotKept.has(attribute));
    if (this.#session.quiet || untold.length === 0) return;
    for (const attribute of untold) this.#toldNotKept.add(attribute);
    const text = `${quote(savedAs)} was saved, but ${describeNotKept(untold)} (said once)`;
    this.#problems.add({ severity: "warning", text, names: [savedAs] });
  }

  #tellError({ file, target = file }: Transfer, words: string): void {
    const names = [file, basename(file), target] as const;
    const isNamed = this.#transfers.length === 1 || names.some((name) => words.includes(quote(name)));
    const text = isNamed ? words : `${quote(file)}: ${words}`;
    this.#problems.add({ severity: "error", names, text });
  }

  #tellTotal(total: TotalProgress, elapsedMs: number): void {
    const { console, quiet, view } = this.#session;
    if (quiet) return;
    const { doneCount, doneBytes } = total;
    const { direction } = this.#transfers[0]!;
    const line = totalLine({ count: this.#transfers.length, doneCount, doneBytes, elapsedMs }, direction);
    view.print(() => console.out(line));
  }
}

function runTransfer(
  transfer: Transfer,
  { client, signal }: ConnectedSession,
  onProgress: (progress: Progress) => void,
): Promise<TransferReport> {
  const { file, target, ifExists } = transfer;
  return transfer.direction === "send"
    ? client.send(file, {
      overwrite: ifExists === "replace",
      onProgress,
      signal,
      ...(target === undefined ? {} : { as: target }),
    })
    : client.get(file, { ifExists, onProgress, signal, ...(target === undefined ? {} : { output: target }) });
}

/** What was thrown because of an abort is an interruption, in whatever words it comes. */
export function asInterruption(error: unknown, signal: AbortSignal): unknown {
  const isAbort = error === signal.reason || (error instanceof DOMException && error.name === "AbortError");
  return signal.aborted && isAbort ? new SluiceError("interrupted", "interrupted before it was done") : error;
}
