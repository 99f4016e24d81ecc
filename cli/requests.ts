/**
 * The requests of the client program, shared by its command line and its interactive shell.
 *
 * @module
 */

import path from "node:path";
import { SluiceError } from "../app/api.ts";
import type { Client } from "../app/client/api.ts";
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
    const files = await Promise.race([client.list(), aborted.promise]);
    for (const line of listingLines(files, { forTerminal: console.outIsTerminal })) console.out(line);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/**
 * The transfers that a command asks for. Throws SluiceError (usage) if `--output` names no folder and must, or if two
 * files would get one name: which one is left would be chance.
 */
export function transfersOf(
  task: Extract<ClientTask, { kind: "send" | "get" }>,
  context: Pick<CliContext, "isFolder">,
): Transfer[] {
  if (task.kind === "get") return getsOf(task, context);
  requireDifferentNames(task.files, "send one of them by itself, with --as NAME");
  return task.files.map((file) => ({ direction: "send", file, target: task.as, overwrite: task.force }));
}

function getsOf(
  task: Extract<ClientTask, { kind: "get" }>,
  { isFolder }: Pick<CliContext, "isFolder">,
): Transfer[] {
  const { names, output, force } = task;
  const intoFolder = output !== undefined && isFolder(output);
  if (output !== undefined && !intoFolder && (names.length > 1 || /[/\\]$/.test(output))) {
    throw new SluiceError("usage", `"${output}" is not an existing folder; create it, or leave out --output`);
  }
  requireDifferentNames(names, "get one of them by itself, with --output PATH");
  return names.map((file) => ({
    direction: "get",
    file,
    // A name on the server never leads out of the folder that the user named.
    target: intoFolder ? path.join(output, path.basename(file)) : output,
    overwrite: force,
  }));
}

/**
 * Throws SluiceError (usage) if two files have the same last part. Names that differ in case or normalization are left to
 * the disk that stores them, which may tell them apart, and otherwise refuses the second one.
 */
function requireDifferentNames(files: readonly string[], advice: string): void {
  const fileOf = new Map<string, string>();
  for (const file of files) {
    const name = path.basename(file);
    const other = fileOf.get(name);
    if (other === file) throw new SluiceError("usage", `"${file}" is given twice`);
    if (other !== undefined) {
      throw new SluiceError("usage", `"${other}" and "${file}" would both be stored as "${name}"; ${advice}`);
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
