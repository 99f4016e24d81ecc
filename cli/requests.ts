/**
 * The requests of the client program, shared by its command line and its interactive shell.
 *
 * @module
 */

import path from "node:path";
import { SluiceError } from "../app/api.ts";
import { quote, sanitizeForDisplay } from "../base/display_text.ts";
import { checkFileName, checkLocalName, type NameRules } from "../transfer/file_name.ts";
import type { Client } from "../app/client/api.ts";
import type { UnlistedFiles } from "../transfer/messages.ts";
import type { ClientTask } from "./client_arguments.ts";
import type { Console } from "./console.ts";
import { type CliContext, type FileNeeds, WHOLE_DISK } from "./context.ts";
import { listingLines } from "./report.ts";
import type { Transfer } from "./transfers.ts";

/** Prints the server's files: a table on a terminal, tab-separated lines elsewhere. */
export async function printListing(
  client: Client,
  options: { console: Console; signal: AbortSignal },
): Promise<void> {
  const { console, signal } = options;
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(new SluiceError("interrupted", "interrupted before the list was complete"));
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort);
  try {
    let unlisted: UnlistedFiles | undefined;
    const listing = client.list({ onUnlisted: (files) => unlisted = files });
    const files = await Promise.race([listing, aborted.promise]);
    for (const line of listingLines(files, { forTerminal: console.outIsTerminal })) console.out(line);
    if (unlisted !== undefined) console.err(unlistedLine(unlisted));
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** A warning: the list is not all that the server has. */
function unlistedLine({ count, examples }: UnlistedFiles): string {
  const files = count === 1 ? "1 more file on the server has a name" : `${count} more files on the server have names`;
  return `warning: ${files} that cannot be sent: ${sanitizeForDisplay(examples)}`;
}

/**
 * The transfers that a command asks for. Throws SluiceError if it cannot be done as it is written: `--output` names no
 * folder and must, or a file that exists, or two files would get one name, so that it would be chance which one is left.
 */
export function transfersOf(
  task: Extract<ClientTask, { kind: "send" | "get" }>,
  context: Pick<CliContext, "entryAt" | "nameRules">,
): Transfer[] {
  if (task.kind === "get") return getsOf(task, context);
  requireDifferentNames(task.files, path.basename, "send one of them by itself, with --as NAME");
  if (task.files.includes("-")) throw noStreaming("standard input cannot be sent yet", "send");
  const ifExists = task.force ? "replace" : "refuse";
  return task.files.map((file) => ({ direction: "send", file, target: task.as, ifExists }));
}

function getsOf(
  task: Extract<ClientTask, { kind: "get" }>,
  { entryAt, nameRules }: Pick<CliContext, "entryAt" | "nameRules">,
): Transfer[] {
  const { names, output, force } = task;
  if (output === "-") throw noStreaming("standard output cannot be written to yet", "--output");
  const found = output === undefined ? undefined : entryAt(output);
  const intoFolder = found === "folder";
  if (output !== undefined && !intoFolder && (names.length > 1 || /[/\\]$/.test(output))) {
    throw new SluiceError("usage", `${quote(output)} is not an existing folder; create it, or leave out --output`);
  }
  // The place that was asked for, or none: a script would go on with what is there.
  if (found === "other" && !force) {
    const advice = "use --force to replace it, or --output for another place";
    throw new SluiceError("local-disk", `${quote(output!)} already exists; ${advice}`);
  }
  const ifExists = force ? "replace" : output === undefined || intoFolder ? "beside" : "refuse";
  requireDifferentNames(names, (name) => name, "");
  return names.map((file) => ({
    direction: "get",
    file,
    target: intoFolder ? pathIn(output!, { name: file, nameRules }) : output,
    ifExists,
  }));
}

/**
 * The path of a name from the server in a folder, out of which no such path leads; undefined for a name that this disk
 * cannot have, which the client then refuses.
 */
function pathIn(folder: string, { name, nameRules }: { name: string; nameRules: NameRules }): string | undefined {
  const isGood = checkFileName(name) === undefined && checkLocalName(name, nameRules) === undefined;
  return isGood ? path.join(folder, name) : undefined;
}

function noStreaming(what: string, before: string): SluiceError {
  return new SluiceError("usage", `${what}; for a file of the name "-": ${before} ./-`);
}

/**
 * Throws SluiceError (usage) if two files have the same name. Names that differ in case or normalization are left to
 * the disk that stores them, which may tell them apart, and otherwise refuses the second one.
 */
function requireDifferentNames(files: readonly string[], nameOf: (file: string) => string, advice: string): void {
  const fileOf = new Map<string, string>();
  for (const file of files) {
    const name = nameOf(file);
    const other = fileOf.get(name);
    if (other === file) throw new SluiceError("usage", `${quote(file)} is given twice`);
    if (other !== undefined) {
      throw new SluiceError(
        "usage",
        `${quote(other)} and ${quote(file)} would both be stored as ${quote(name)}; ${advice}`,
      );
    }
    fileOf.set(name, file);
  }
}

/** Deno searches the list of permissions at each call, so a long one costs more than it protects. */
const MAX_NEEDS = 32;

/**
 * What transfers read and write on this machine: the files to send, and the folders to save in. For many files it is
 * their folders, for many folders the whole disk.
 */
export function needsOf(transfers: readonly Transfer[]): FileNeeds {
  const sent = transfers.filter(({ direction }) => direction === "send").map(({ file }) => file);
  const got = transfers.filter(({ direction }) => direction === "get").map(({ file, target }) => target ?? file);
  const write = fewOf(foldersOf(got));
  const read = sent.length > MAX_NEEDS ? foldersOf(sent) : sent;
  return { read: fewOf([...read, ...write]), write };
}

function foldersOf(files: readonly string[]): string[] {
  return [...new Set(files.map((file) => path.dirname(file)))];
}

function fewOf(paths: readonly string[]): readonly string[] {
  return paths.length > MAX_NEEDS ? WHOLE_DISK.read : paths;
}
