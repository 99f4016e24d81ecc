/**
 * How the programs end: one number for each kind of ending, so that a script can tell them apart.
 *
 * @module
 */

import { SluiceError } from "../app/api.ts";
import type { FailureKind } from "../transfer/failure.ts";

/** The exit codes of both programs. */
export const ExitCode = {
  /** Done, and what was transferred is verified. */
  done: 0,
  /** A transfer failed, or a bug of ours. */
  failed: 1,
  /** The command line makes no sense. */
  usage: 2,
  /** The server has no such file. */
  notFound: 3,
  /** The server would not do it. */
  refused: 4,
  /** No server answered. */
  unreachable: 5,
  /** A file of this machine could not be read or written. */
  localDisk: 6,
  /** Standard output could not be written. */
  output: 7,
  /** Ended because the reader of its output has gone: 128 + SIGPIPE, as a shell reports it. */
  outputClosed: 141,
  /** Ended because its terminal has gone: 128 + SIGHUP, as a shell reports it. */
  hungUp: 129,
  /** Ended by Ctrl-C: 128 + SIGINT. */
  interrupted: 130,
} as const;

/** One of {@link ExitCode}'s values. */
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

const CODE_BY_KIND: Readonly<Record<FailureKind, ExitCode>> = {
  "failed": ExitCode.failed,
  "usage": ExitCode.usage,
  "not-found": ExitCode.notFound,
  "refused": ExitCode.refused,
  "unreachable": ExitCode.unreachable,
  "local-disk": ExitCode.localDisk,
  "interrupted": ExitCode.interrupted,
};

/** What was to be written to standard output could not be: the reason, or none if its reader has gone. */
export class OutputError extends Error {
  override readonly name = "OutputError";
  constructor(readonly reason: string | undefined) {
    super(reason ?? "the reader of standard output has gone");
  }
}

/** The exit code that fits what was thrown; anything that is not an error of ours for users is a bug, and `failed`. */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof OutputError) return error.reason === undefined ? ExitCode.outputClosed : ExitCode.output;
  return error instanceof SluiceError ? CODE_BY_KIND[error.kind] : ExitCode.failed;
}
