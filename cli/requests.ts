/**
 * The requests of the client program, shared by its command line and its interactive shell.
 *
 * @module
 */

import path from "node:path";
import { SluiceError } from "../app/api.ts";
import { quote } from "../base/display_text.ts";
import { checkLocalName, checkPath } from "../transfer/file_name.ts";
import type { Client } from "../app/client/api.ts";
import { ServerSide } from "../app/client/tree/server_side.ts";
import { survey } from "../app/client/tree/survey.ts";
import type { ClientTask } from "./client_arguments.ts";
import { type CliContext, type FileNeeds, WHOLE_DISK } from "./context.ts";
import type { Confirm } from "./confirm.ts";
import type { ExitCode } from "./exit_codes.ts";
import { selectAll, selectBy } from "./path_filter.ts";
import { getsToOutput, isStandardOutput, pipeToSend } from "./pipes.ts";
import { DEFAULT_TREE_OPTIONS, mustCompare } from "./tree_options.ts";
import { runTree, type TreeJob } from "./tree_run.ts";
import { type ConnectedSession, runTransfers, type Settled, type Transfer } from "./transfers.ts";

type SendTask = Extract<ClientTask, { kind: "send" }>;
type GetTask = Extract<ClientTask, { kind: "get" }>;

/** What the requests of transfers use of their context. */
type RequestContext = Pick<CliContext, "entryAt" | "isPipe" | "localSide" | "nameRules" | "sizeOf">;

/** What {@link transfersOf} uses of it. */
type NamesContext = Omit<RequestContext, "localSide">;

/** The transfers of a command, before there is a connection. */
export interface TransferRequest {
  readonly needs: FileNeeds;
  run(session: ConnectedSession, confirm: Confirm): Promise<ExitCode>;
}

/** Prepares the transfers of a command. Throws SluiceError (usage) if it cannot be carried out as it is written. */
export function prepareTransfers(task: SendTask | GetTask, context: RequestContext): TransferRequest {
  const transfers = transfersOf(task, context);
  const { direction } = transfers[0]!;
  const isTree = mustCompare(task.tree) || transfers.some((transfer) => isFolder(transfer, context));
  const run = (parts: readonly Transfer[], session: ConnectedSession, confirm: Confirm) =>
    runTree(jobsOf(selected(parts, task, context), session.client, context), session, {
      direction,
      tree: task.tree,
      confirm,
    });
  return {
    needs: needsOf(transfers),
    async run(session, confirm) {
      if (isTree) return await run(transfers, session, confirm);
      const folders: Transfer[] = [];
      const exitCode = await runTransfers(transfers, session, lookingAround({ context, folders, session }));
      if (folders.length === 0) return exitCode;
      return exitCode || await run(folders, session, confirm);
    },
  };
}

/** Whether a transfer is known to be one of a folder. A server is asked what a name is only if it must be. */
function isFolder({ direction, file, special }: Transfer, { entryAt }: RequestContext): boolean {
  if (special !== undefined) return false;
  return direction === "send" ? entryAt(file) === "folder" : isWholeStore(file) || file.endsWith("/");
}

/** Looks whether a single file need not be transferred, which costs nothing where its name is free. */
function lookingAround(
  { context, folders, session: { client, signal } }: {
    readonly context: RequestContext;
    /** Gets the names that turn out to be folders. */
    readonly folders: Transfer[];
    readonly session: ConnectedSession;
  },
) {
  const isSame = async (transfer: Transfer): Promise<boolean> => {
    if (transfer.special !== undefined) return false;
    const [job] = jobsOf([transfer], client, context);
    const made = await survey(job!, { ...DEFAULT_TREE_OPTIONS, select: selectAll, signal });
    return made?.plan.unchanged.length === 1;
  };
  const ifKnown = async (look: () => Promise<Settled | undefined>): Promise<Settled | undefined> => {
    try {
      return await look();
    } catch (error) {
      // What it failed for is what the transfer fails for, and says.
      if (error instanceof SluiceError) return undefined;
      throw error;
    }
  };
  return {
    before: (transfer: Transfer) =>
      ifKnown(async () => {
        const { direction, file, target = file, ifExists } = transfer;
        const mayBeSame = direction === "get" && transfer.special === undefined && ifExists !== "replace" &&
          context.entryAt(target) === "other";
        return mayBeSame && await isSame(transfer) ? "unchanged" : undefined;
      }),
    afterRefusal: (transfer: Transfer) =>
      ifKnown(async () => {
        if (transfer.direction === "send") return await isSame(transfer) ? "unchanged" : undefined;
        if (transfer.special !== undefined) return undefined;
        if ((await client.stat(transfer.file)).kind !== "folder") return undefined;
        folders.push(transfer);
        return "elsewhere";
      }),
  };
}

function jobsOf(transfers: readonly Transfer[], client: Client, { localSide }: RequestContext): TreeJob[] {
  return transfers.map(({ direction, file, target = file }) => {
    if (direction === "send") {
      return {
        name: file,
        from: localSide(file),
        to: new ServerSide(target === file ? path.basename(file) : target, client),
      };
    }
    return {
      name: file,
      from: new ServerSide(isWholeStore(file) ? "" : trimSlashes(file), client),
      to: localSide(target),
    };
  });
}

/** Leaves out what was named, and is excluded nevertheless, as by `*` and `--exclude "*.tmp"`. */
function selected(
  transfers: readonly Transfer[],
  { tree: { patterns } }: SendTask | GetTask,
  context: RequestContext,
): readonly Transfer[] {
  const select = selectBy(patterns);
  return transfers.filter((transfer) => {
    const name = path.basename(transfer.file);
    if (/^\.{0,2}$/.test(name)) return true;
    const selection = select(name, { isFolder: isFolder(transfer, context) });
    return selection !== "excluded";
  });
}

/**
 * The transfers that a command asks for. Throws SluiceError (usage) if it cannot be done as it is written: `--output`
 * names no folder and must, or two sources would get one name, so that it would be chance which one is left.
 */
export function transfersOf(task: SendTask | GetTask, context: NamesContext): Transfer[] {
  return task.kind === "get" ? getsOf(task, context) : sendsOf(task, context);
}

function sendsOf(task: SendTask, context: NamesContext): Transfer[] {
  const { files, as, tree } = task;
  requireDifferentNames(files, (file) => path.basename(file), "send one of them by itself, with --as NAME");
  const ifExists = tree.ifDifferent === "replace" ? "replace" : "refuse";
  return files.map((file) => {
    const pipe = pipeToSend(file, task, context);
    if (pipe !== undefined) return pipe;
    const name = path.basename(file);
    const target = as?.endsWith("/") ? `${as}${name}` : as;
    if (context.entryAt(file) !== "folder") {
      // So that the whole is known from the start; a file that changes meanwhile is known by its own.
      const sizeBytes = context.sizeOf(file);
      return { direction: "send", file, target, ifExists, ...(sizeBytes === undefined ? {} : { sizeBytes }) };
    }
    const place = target ?? name;
    if (target === undefined && /^\.{0,2}$/.test(name)) {
      throw new SluiceError("usage", `${quote(file)} gives the folder no name on the server; use --as NAME`);
    }
    const reason = isWholeStore(place) ? undefined : checkPath(place);
    if (reason !== undefined) {
      const advice = as === undefined ? "; use --as for another name" : "";
      throw new SluiceError("usage", `${quote(place)} cannot be a folder's name on a server: ${reason}${advice}`);
    }
    return { direction: "send", file, target: isWholeStore(place) ? "" : place, ifExists };
  });
}

function getsOf(task: GetTask, context: NamesContext): Transfer[] {
  const { names, output, tree } = task;
  if (isStandardOutput(output)) return getsToOutput(task);
  const intoFolder = output !== undefined && context.entryAt(output) === "folder";
  if (output !== undefined && !intoFolder && (names.length > 1 || /[/\\]$/.test(output))) {
    throw new SluiceError("usage", `${quote(output)} is not an existing folder; create it, or leave out --output`);
  }
  const isForced = tree.ifDifferent === "replace";
  const ifExists = isForced ? "replace" : output === undefined || intoFolder ? "beside" : "refuse";
  requireDifferentNames(names, (name) => path.posix.basename(name), "get one of them by itself, with --output PATH");
  return names.map((file) => {
    // What a folder has goes into the folder that was named, whether that exists or not.
    const isContent = isWholeStore(file) || file.endsWith("/");
    const target = isContent
      ? output ?? (isWholeStore(file) ? "." : trimSlashes(path.posix.basename(file)))
      : undefined;
    if (target !== undefined) return { direction: "get", file, target, ifExists };
    return { direction: "get", file, target: placeOf(file, { output, intoFolder, ...context }), ifExists };
  });
}

/**
 * Where to save what a server has under a name, so that no name leads out of the folder that was asked for; undefined
 * where the client is to decide, which refuses names that this disk cannot have.
 */
function placeOf(
  name: string,
  { output, intoFolder, nameRules }:
    & { output: string | undefined; intoFolder: boolean }
    & Pick<CliContext, "nameRules">,
): string | undefined {
  if (output !== undefined && !intoFolder) return output;
  const last = path.posix.basename(name);
  if (checkPath(name) !== undefined || checkLocalName(last, nameRules) !== undefined) return undefined;
  if (output !== undefined) return path.join(output, last);
  return last === name ? undefined : last;
}

/** "." and "/": all that the server has for this client. */
function isWholeStore(name: string): boolean {
  return /^(?:\.?\/*)$/.test(name) && name !== "";
}

function trimSlashes(name: string): string {
  return name.replace(/\/+$/, "");
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
 * What transfers read and write on this machine: the files and folders to send, and the folders to save in. For many
 * files it is their folders, for many folders the whole disk.
 */
export function needsOf(transfers: readonly Transfer[]): FileNeeds {
  const named = transfers.filter(({ special }) => special !== "standard");
  const sent = named.filter(({ direction }) => direction === "send").map(({ file }) => file);
  const got = named.filter(({ direction }) => direction === "get").map(({ file, target }) => target ?? file);
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
