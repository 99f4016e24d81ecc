/**
 * Which names on the command line stand for pipes: standard input and output, FIFOs, and what a shell puts in place of
 * `<(COMMAND)`.
 *
 * @module
 */

import { basename } from "node:path";
import { SluiceError } from "../app/api.ts";
import { quote } from "../base/display_text.ts";
import type { ClientTask } from "./client_arguments.ts";
import type { CliContext } from "./context.ts";
import { mustCompare } from "./tree_options.ts";
import type { Transfer } from "./transfers.ts";

/** The names of standard input and output. */
const STANDARD_INPUT: readonly string[] = ["-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"];
const STANDARD_OUTPUT: readonly string[] = ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"];

/** Pipes that have no name of their own: those of `<(COMMAND)`. */
const NAMELESS_PIPE = /^\/(?:dev|proc\/(?:self|\d+))\/fd\/\d+$/;

/** Whether `--output` names standard output. */
export function isStandardOutput(output: string | undefined): boolean {
  return output !== undefined && STANDARD_OUTPUT.includes(output);
}

/**
 * The transfer of one of the files of a command, if that is a pipe, or is followed as it grows; undefined for any other.
 * Throws SluiceError (usage) if it cannot be carried out as it is written.
 */
export function pipeToSend(
  file: string,
  task: Extract<ClientTask, { kind: "send" }>,
  { isPipe }: Pick<CliContext, "isPipe">,
): Transfer | undefined {
  const { as, tree, follow = false } = task;
  const isStandard = STANDARD_INPUT.includes(file);
  const special = isStandard ? "standard" : follow ? "followed" : isPipe(file) ? "pipe" : undefined;
  if (special === undefined) return undefined;
  if (isStandard && follow) {
    throw new SluiceError("usage", "--follow takes a file; standard input is sent up to its end without it");
  }
  if (mustCompare(tree)) {
    const what = special === "followed" ? "a file that is followed" : "a pipe";
    throw new SluiceError(
      "usage",
      `${what} cannot be compared with what is on the server; leave the options for that out`,
    );
  }
  const isNameless = isStandard || (special === "pipe" && NAMELESS_PIPE.test(file));
  if (isNameless && (as === undefined || as.endsWith("/"))) {
    const what = isStandard ? "standard input" : quote(file);
    throw new SluiceError("usage", `${what} has no name to be stored under; add --as NAME`);
  }
  const target = as?.endsWith("/") ? `${as}${basename(file)}` : as;
  const ifExists = tree.ifDifferent === "replace" ? "replace" : "refuse";
  return { direction: "send", file, target, ifExists, special };
}

/** The transfers of a command to standard output. Throws SluiceError (usage) as {@link pipeToSend} does. */
export function getsToOutput({ names, output, tree }: Extract<ClientTask, { kind: "get" }>): Transfer[] {
  if (mustCompare(tree)) {
    throw new SluiceError("usage", "standard output has nothing to be compared with; leave the options for that out");
  }
  return names.map((file) => ({ direction: "get", file, target: output, ifExists: "refuse", special: "standard" }));
}
