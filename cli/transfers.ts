/**
 * Several transfers over one connection, many small ones or a few large ones at a time; one that fails does not keep
 * the others from being done. There is one bar for all of them, a line for each that is done, and a total of several.
 *
 * @module
 */

import { basename } from "node:path";
import { quote } from "../base/display_text.ts";
import { SluiceError } from "../app/api.ts";
import type { Client, Progress, TransferReport } from "../app/client/api.ts";
import { describeError } from "./console.ts";
import { type CliSession, nowMs } from "./context.ts";
import { ExitCode, exitCodeOf, OutputError } from "./exit_codes.ts";
import { counted } from "./format.ts";
import { Parallelism, type Slot } from "../app/client/parallelism.ts";
import type { IfExists } from "../transfer/file_store.ts";
import { describeLimit, type LimitFacts, limitOf } from "./limit.ts";
import { ProblemList } from "./problem_list.ts";
import { checksumsMatch, describeNotKept, fileRecord, reportLines, totalLine } from "./report.ts";
import type { Direction, FileRecord, LimitCause, SummaryRecord } from "./records.ts";
import { tellResult } from "./results.ts";
import { type PartProgress, TotalProgress } from "./total_progress.ts";

/** One file to transfer. */
export interface Transfer {
  readonly direction: Direction;
  /** A local path (send) or a name on the server (get). */
  readonly file: string;
  /** The name to store it under (send), or the path to save it at (get). */
  readonly target: string | undefined;
  /** What to do with a file of that name there; a server knows no "beside". */
  readonly ifExists: IfExists;
  /** Standard input or output, another pipe, or a file that is followed as it grows; undefined for any other file. */
  readonly special?: "standard" | "pipe" | "followed";
  /** The file's size, if it is known. */
  readonly sizeBytes?: number;
}

/** How a transfer ends without one: the file is the same on both sides, or it is something else that is done otherwise. */
export type Settled = "unchanged" | "elsewhere";

/** How to run transfers. */
export interface RunOptions {
  /** Looks before a transfer begins whether there is nothing to do. */
  readonly before?: (transfer: Transfer) => Promise<Settled | undefined>;
  /** Looks, once the server has refused a transfer, whether there was nothing to do. */
  readonly afterRefusal?: (transfer: Transfer) => Promise<Settled | undefined>;
  /** They are parts of a whole: what fails is tried once more at the end. */
  readonly isTree?: boolean;
}

/** What came of transfers. */
export interface TransfersResult {
  /** That of the first in order that failed. */
  readonly exitCode: ExitCode;
  readonly doneCount: number;
  readonly doneBytes: number;
  readonly unchangedCount: number;
  readonly failedCount: number;
  readonly elapsedMs: number;
  /** What limited them, if they were slow, and that in words. */
  readonly limitedBy?: LimitCause;
  readonly limitText?: string;
}

/** A session that is connected to a server. */
export type ConnectedSession =
  & Pick<
    CliSession,
    "clock" | "console" | "cpuUs" | "json" | "quiet" | "readPipe" | "tally" | "verbose" | "view"
  >
  & {
    readonly client: Client;
    /** Cancels the transfers. */
    readonly signal: AbortSignal;
    /** Completes a file that is followed, as it is then. */
    readonly followUntil: AbortSignal;
  };

/** Runs the transfers, and prints a total of many; the exit code is that of the first in order that failed. */
export async function runTransfers(
  transfers: readonly Transfer[],
  session: ConnectedSession,
  options: RunOptions = {},
): Promise<ExitCode> {
  const result = await runAll(transfers, session, options);
  const { doneCount, failedCount, unchangedCount, exitCode } = result;
  const { direction } = transfers[0]!;
  const parts: string[] = [];
  if (transfers.length > 1 && doneCount + failedCount > 0) {
    parts.push(totalLine({ ...result, count: doneCount + failedCount }, direction));
  }
  if (unchangedCount > 0) parts.push(`${counted(unchangedCount, "file")} unchanged`);
  if (result.limitText !== undefined) parts.push(result.limitText);
  const summary: SummaryRecord = {
    type: "summary",
    action: direction,
    isDryRun: false,
    filesDone: doneCount,
    filesUnchanged: unchangedCount,
    bytesDone: result.doneBytes,
    failed: failedCount,
    elapsedMs: Math.round(result.elapsedMs),
    ...(result.limitedBy === undefined ? {} : { limitedBy: result.limitedBy }),
  };
  const lines = parts.length === 0 ? [] : [parts.join("; ")];
  // A reader that has gone is told nothing.
  const isOutputLost = exitCode === ExitCode.output || exitCode === ExitCode.outputClosed;
  if (!session.quiet && !isOutputLost) tellResult(session, summary, lines, { toErr: isToOutput(transfers) });
  return exitCode;
}

/** Runs the transfers. Once aborted, no other starts. */
export function runAll(
  transfers: readonly Transfer[],
  session: ConnectedSession,
  options: RunOptions = {},
): Promise<TransfersResult> {
  return new TransferRun(transfers, session, options).run();
}

class TransferRun {
  readonly #transfers: readonly Transfer[];
  readonly #session: ConnectedSession;
  readonly #options: RunOptions;
  readonly #parallelism = new Parallelism();
  /** Whether all are written to standard output, in order, and none after one that failed. */
  readonly #isToOutput: boolean;
  readonly #total: TotalProgress;
  readonly #exitCodes: ExitCode[];
  readonly #problems: ProblemList;
  readonly #ended = Promise.withResolvers<void>();
  /** Attributes of which the user knows that the disk does not keep them. */
  readonly #toldNotKept = new Set<string>();
  /** The transfers that have not begun, and those that begin anew. */
  readonly #waiting: number[];
  readonly #again: number[] = [];
  readonly #retried = new Set<number>();
  #running = 0;
  #isBeginning = false;
  #hasFailed = false;
  #doneCount = 0;
  #doneBytes = 0;
  #unchangedCount = 0;

  constructor(transfers: readonly Transfer[], session: ConnectedSession, options: RunOptions) {
    this.#transfers = transfers;
    this.#session = session;
    this.#options = options;
    this.#problems = new ProblemList(session);
    this.#isToOutput = isToOutput(transfers);
    this.#exitCodes = transfers.map(() => ExitCode.interrupted);
    this.#waiting = transfers.map((_, index) => index).reverse();
    this.#total = new TotalProgress(transfers.map(({ sizeBytes }) => sizeBytes), session.view.start());
  }

  async run(): Promise<TransfersResult> {
    const { cpuUs, tally } = this.#session;
    const startMs = nowMs(this.#session);
    const startCpuUs = cpuUs();
    tally.clear();
    this.#beginMore();
    await this.#ended.promise;
    this.#total.finish();
    this.#problems.finish();
    const failures = this.#exitCodes.filter((code) => code !== ExitCode.done);
    const elapsedMs = nowMs(this.#session) - startMs;
    const cpuMs = (cpuUs() - startCpuUs) / 1000;
    return {
      exitCode: failures[0] ?? ExitCode.done,
      failedCount: failures.length,
      doneCount: this.#doneCount,
      doneBytes: this.#doneBytes,
      unchangedCount: this.#unchangedCount,
      elapsedMs,
      ...this.#limit({ elapsedMs, cpuMs }),
    };
  }

  #limit(times: Pick<LimitFacts, "cpuMs" | "elapsedMs">): Pick<TransfersResult, "limitText" | "limitedBy"> {
    const direction = this.#transfers[0]?.direction;
    // Of a command that achieved nothing, the errors say why.
    if (direction === undefined || this.#doneCount === 0) return {};
    const facts = { ...this.#session.tally.sums, ...times, direction };
    const limitedBy = limitOf(facts);
    return limitedBy === undefined ? {} : { limitedBy, limitText: describeLimit(limitedBy, facts) };
  }

  #beginMore(): void {
    // A transfer that begins may tell its size at once: the loop that began it goes on.
    if (this.#isBeginning) return;
    this.#isBeginning = true;
    const { signal } = this.#session;
    while (!signal.aborted && this.#mayBegin) {
      if (this.#waiting.length === 0 && this.#running === 0) this.#waiting.push(...this.#again.splice(0).reverse());
      const index = this.#waiting.pop();
      if (index === undefined) break;
      this.#running++;
      void this.#runOne(index, this.#parallelism.begin());
    }
    this.#isBeginning = false;
    if (this.#running === 0) this.#ended.resolve();
  }

  get #mayBegin(): boolean {
    return this.#isToOutput ? this.#running === 0 && !this.#hasFailed : this.#parallelism.mayBegin;
  }

  async #runOne(index: number, slot: Slot): Promise<void> {
    const transfer = this.#transfers[index]!;
    const display = this.#total.begin(transfer.sizeBytes);
    const onProgress = (progress: Progress) => {
      display.update(progress);
      if (progress.totalBytes === 0) return;
      slot.onSize(progress.totalBytes);
      this.#beginMore();
    };
    if (transfer.sizeBytes !== undefined) slot.onSize(transfer.sizeBytes);
    try {
      const settled = await this.#options.before?.(transfer) ?? await this.#transfer(index, display, onProgress);
      if (settled !== undefined) this.#settle(index, display, settled);
    } catch (thrown) {
      const error = asInterruption(thrown, this.#session.signal);
      if (this.#mayRetry(index, error)) {
        display.postpone();
        this.#again.push(index);
      } else {
        display.end();
        this.#exitCodes[index] = exitCodeOf(error);
        this.#hasFailed = true;
        // A reader that has gone is told nothing, and of other failures of the output the user is told at the end.
        if (!(error instanceof OutputError)) this.#tellError(transfer, error);
      }
    }
    slot.end();
    this.#running--;
    this.#beginMore();
  }

  /** Transfers one file, and reports it; or tells why it need not be transferred. Rejects with what it failed for. */
  async #transfer(
    index: number,
    display: PartProgress,
    onProgress: (progress: Progress) => void,
  ): Promise<Settled | undefined> {
    const transfer = this.#transfers[index]!;
    let report: TransferReport;
    try {
      report = await runTransfer(transfer, this.#session, onProgress);
    } catch (error) {
      const isRefused = error instanceof SluiceError && error.kind === "refused";
      const settled = isRefused ? await this.#options.afterRefusal?.(transfer) : undefined;
      if (settled === undefined) throw error;
      return settled;
    }
    const isVerified = checksumsMatch(report);
    if (!isVerified) throw new SluiceError("failed", "the checksums differ; transfer it again");
    display.end(report);
    this.#tellReport(report, transfer.direction);
    this.#warnIfBeside(transfer, report);
    this.#exitCodes[index] = ExitCode.done;
    this.#doneCount++;
    this.#doneBytes += report.sizeBytes;
    this.#warnIfNotKept(report);
    return undefined;
  }

  #settle(index: number, display: PartProgress, settled: Settled): void {
    display.end();
    this.#exitCodes[index] = ExitCode.done;
    if (settled !== "unchanged") return;
    this.#unchangedCount++;
    const { direction, file } = this.#transfers[index]!;
    const { quiet, verbose } = this.#session;
    const lines = verbose ? [`unchanged: ${quote(file)}`] : [];
    if (!quiet) this.#tell({ type: "file", action: direction, status: "unchanged", name: file }, lines);
  }

  /** Each part of a tree once: it may have changed while it was read, or its checksum was wrong. */
  #mayRetry(index: number, error: unknown): boolean {
    const { isTree = false } = this.#options;
    if (!isTree || this.#session.signal.aborted || this.#retried.has(index)) return false;
    this.#retried.add(index);
    return error instanceof SluiceError && error.kind === "failed";
  }

  #tellReport(report: TransferReport, direction: Direction): void {
    const { console, quiet, verbose } = this.#session;
    if (quiet) return;
    const isAlone = this.#transfers.length === 1;
    const columns = console.outIsTerminal ? console.columns() : Infinity;
    this.#tell(fileRecord(report, direction), reportLines(report, direction, { verbose, isAlone, columns }));
  }

  #tell(record: FileRecord, lines: readonly string[]): void {
    tellResult(this.#session, record, lines, { toErr: this.#isToOutput });
  }

  /** Also where only errors are printed: a script must not take the older file for the one that it got. */
  #warnIfBeside({ direction, file, target = file }: Transfer, { savedAs }: TransferReport): void {
    if (direction === "send" || this.#isToOutput || savedAs === target) return;
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

  #tellError({ file, target = file }: Transfer, error: unknown): void {
    const words = describeError(error);
    const names = [file, basename(file), target] as const;
    const isNamed = this.#transfers.length === 1 || names.some((name) => words.includes(quote(name)));
    const text = isNamed ? words : `${quote(file)}: ${words}`;
    this.#problems.add({ severity: "error", names, text, error });
  }
}

/** Whether files are written to standard output, which then has room for nothing else. */
function isToOutput(transfers: readonly Transfer[]): boolean {
  return transfers.some(({ direction, special }) => direction === "get" && special === "standard");
}

function runTransfer(
  transfer: Transfer,
  session: ConnectedSession,
  onProgress: (progress: Progress) => void,
): Promise<TransferReport> {
  return transfer.direction === "send" ? runSend(transfer, session, onProgress) : runGet(transfer, session, onProgress);
}

function runSend(
  { file, target, ifExists, special }: Transfer,
  { client, followUntil, readPipe, signal }: ConnectedSession,
  onProgress: (progress: Progress) => void,
): Promise<TransferReport> {
  const options = { overwrite: ifExists === "replace", onProgress, signal };
  if (special === "standard" || special === "pipe") {
    const source = readPipe(special === "standard" ? undefined : file);
    return client.sendFrom(source, { ...options, as: target ?? basename(file) });
  }
  return client.send(file, {
    ...options,
    ...(target === undefined ? {} : { as: target }),
    ...(special === "followed" ? { followUntil } : {}),
  });
}

function runGet(
  { file, target, ifExists, sizeBytes, special }: Transfer,
  { client, console, signal }: ConnectedSession,
  onProgress: (progress: Progress) => void,
): Promise<TransferReport> {
  if (special === "standard") {
    const write = async (bytes: Uint8Array) => {
      const loss = await console.outBytes(bytes);
      if (loss !== undefined) throw new OutputError(loss.reason);
    };
    return client.getTo(file, { write }, { onProgress, signal });
  }
  return client.get(file, {
    ifExists,
    onProgress,
    signal,
    ...(target === undefined ? {} : { output: target }),
    ...(sizeBytes === undefined ? {} : { sizeBytes }),
  });
}

/** What was thrown because of an abort is an interruption, in whatever words it comes. */
export function asInterruption(error: unknown, signal: AbortSignal): unknown {
  const isAbort = error === signal.reason || (error instanceof DOMException && error.name === "AbortError");
  return signal.aborted && isAbort ? new SluiceError("interrupted", "interrupted before it was done") : error;
}
