/**
 * Several transfers over one connection, a few at a time, each with its bar and its report; one that fails does not
 * keep the others from being done.
 *
 * @module
 */

import { sanitizeForDisplay } from "../../transfer/file_name.ts";
import { type Client, type Progress, SluiceError, type TransferReport } from "../api.ts";
import { type Console, describeError } from "./console.ts";
import { ExitCode, exitCodeOf } from "./exit_codes.ts";
import type { ProgressView } from "./progress.ts";
import { checksumsMatch, type Direction, reportLines } from "./report.ts";

/** Transfers at the same time: enough to fill the pauses between small files, few enough to watch. */
export const MAX_PARALLEL = 4;

/** One file to transfer. */
export interface Transfer {
  readonly direction: Direction;
  /** A local path (send) or a name on the server (get). */
  readonly file: string;
  /** The name to store it under (send), or the path to save it at (get). */
  readonly target: string | undefined;
  readonly overwrite: boolean;
}

/** What {@link runTransfers} works with. */
export interface TransferSurroundings {
  readonly client: Client;
  readonly console: Console;
  readonly view: ProgressView;
  readonly signal: AbortSignal;
  readonly quiet: boolean;
}

/** Runs the transfers; the exit code is that of the first in order that failed. Once aborted, no other is begun. */
export async function runTransfers(
  transfers: readonly Transfer[],
  surroundings: TransferSurroundings,
): Promise<ExitCode> {
  const exitCodes: ExitCode[] = transfers.map(() => ExitCode.interrupted);
  let next = 0;
  const work = async () => {
    while (next < transfers.length && !surroundings.signal.aborted) {
      const index = next++;
      exitCodes[index] = await runAndReport(transfers[index]!, surroundings, transfers.length > 1);
    }
  };
  await Promise.all(Array.from({ length: Math.min(MAX_PARALLEL, transfers.length) }, work));
  return exitCodes.find((code) => code !== ExitCode.done) ?? ExitCode.done;
}

async function runAndReport(
  transfer: Transfer,
  surroundings: TransferSurroundings,
  isOneOfSeveral: boolean,
): Promise<ExitCode> {
  const { console, view, quiet } = surroundings;
  const task = view.start();
  try {
    const report = await runTransfer(transfer, surroundings, (progress) => task.update(progress));
    task.finish();
    if (!quiet) {
      view.print(() => {
        for (const line of reportLines(report, transfer.direction)) console.out(line);
        if (isOneOfSeveral) console.out("");
      });
    }
    if (!checksumsMatch(report)) throw new SluiceError("failed", "the checksums differ; transfer it again");
    return ExitCode.done;
  } catch (thrown) {
    task.finish();
    const error = asInterruption(thrown, surroundings.signal);
    const subject = isOneOfSeveral ? `${sanitizeForDisplay(transfer.file)}: ` : "";
    view.print(() => console.err(`error: ${subject}${describeError(error)}`));
    return exitCodeOf(error);
  }
}

function runTransfer(
  transfer: Transfer,
  surroundings: TransferSurroundings,
  onProgress: (progress: Progress) => void,
): Promise<TransferReport> {
  const { client, signal } = surroundings;
  const { file, target, overwrite } = transfer;
  return transfer.direction === "send"
    ? client.send(file, { overwrite, onProgress, signal, ...(target === undefined ? {} : { as: target }) })
    : client.get(file, { overwrite, onProgress, signal, ...(target === undefined ? {} : { output: target }) });
}

/** What was thrown because of an abort is an interruption, in whatever words it comes. */
export function asInterruption(error: unknown, signal: AbortSignal): unknown {
  const isAbort = error === signal.reason || (error instanceof DOMException && error.name === "AbortError");
  return signal.aborted && isAbort ? new SluiceError("interrupted", "interrupted before it was done") : error;
}
