/**
 * Looks after what a server has stored: lists, describes, removes, moves and makes entries.
 *
 * Patterns are judged by the server. A name that exists is taken as it is, so that a file of the name "a*" is no pattern.
 *
 * @module
 */

import { quote, sanitizeForDisplay } from "../base/display_text.ts";
import { SluiceError } from "../app/api.ts";
import type { Client } from "../app/client/api.ts";
import type { EntryKind, FileInfo } from "../transfer/file_store.ts";
import type { Confirm } from "./confirm.ts";
import { describeError } from "./console.ts";
import type { CliSession } from "./context.ts";
import { ExitCode, exitCodeOf } from "./exit_codes.ts";
import { counted } from "./format.ts";
import {
  entryRecord,
  listingLines,
  longListingLines,
  sortListing,
  spaceLines,
  statLines,
  unlistedLine,
} from "./listing.ts";
import type { ManagementTask } from "./management_arguments.ts";
import { ProblemList } from "./problem_list.ts";
import type { ResultRecord } from "./records.ts";
import { tellMessage, tellResult } from "./results.ts";

/** A session that is connected to a server. */
export type ManagementSession = Pick<CliSession, "console" | "json" | "quiet" | "view"> & {
  readonly client: Client;
  readonly signal: AbortSignal;
  readonly confirm: Confirm;
};

/** Requests that run at once. */
const MAX_CONCURRENT = 32;

/** Above so many removed names, only their number is printed. */
const MAX_PRINTED = 10;

/** Runs a command; rejects with SluiceError if it fails as a whole, and is interrupted by the signal. */
export async function runManagement(task: ManagementTask, session: ManagementSession): Promise<ExitCode> {
  const { signal } = session;
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(new SluiceError("interrupted", "interrupted before it was done"));
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort);
  try {
    return await Promise.race([new Management(session).run(task), aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

class Management {
  readonly #session: ManagementSession;
  #exitCode: ExitCode = ExitCode.done;

  constructor(session: ManagementSession) {
    this.#session = session;
  }

  async run(task: ManagementTask): Promise<ExitCode> {
    switch (task.kind) {
      case "list":
        await this.#list(task);
        break;
      case "stat":
        await this.#stat(task);
        break;
      case "remove":
        await this.#remove(task);
        break;
      case "move":
        await this.#move(task);
        break;
      case "make-folders":
        await this.#each(task.names, async (name) => {
          await this.#client.makeFolder(trimmed(name));
          this.#tell({ type: "made", name: trimmed(name) }, `made ${quote(name)}`);
        });
        break;
      case "space":
        await this.#space();
    }
    return this.#exitCode;
  }

  async #space(): Promise<void> {
    const space = await this.#client.space();
    tellResult(this.#session, { type: "space", ...space }, spaceLines(space));
  }

  get #client(): Client {
    return this.#session.client;
  }

  async #list({ target = "", recursive, long, sort }: Extract<ManagementTask, { kind: "list" }>): Promise<void> {
    const { console } = this.#session;
    const entries = sortListing(await this.#entriesOf(target, recursive), sort);
    if (this.#session.json) return entries.forEach((entry) => tellResult(this.#session, entryRecord(entry), []));
    const lines = long ? longListingLines : listingLines;
    for (const line of lines(entries, { forTerminal: console.outIsTerminal })) console.out(line);
  }

  /** What a list shows for a folder, a file or a pattern. */
  async #entriesOf(target: string, recursive: boolean): Promise<readonly FileInfo[]> {
    const name = trimmed(target);
    if (isRoot(name)) return await this.#listed({ path: "", recursive });
    const found = await this.#find(name);
    if (found?.kind === "folder") return await this.#listed({ path: name, recursive });
    return found === undefined ? await this.#matching(name, recursive) : [found];
  }

  async #stat({ names, checksum }: Extract<ManagementTask, { kind: "stat" }>): Promise<void> {
    let isFirst = true;
    await this.#each(names, async (name) => {
      const entry = await this.#client.stat(trimmed(name), { digest: checksum });
      const lines = statLines(entry);
      tellResult(this.#session, entryRecord(entry), isFirst ? lines : ["", ...lines]);
      isFirst = false;
    }, { concurrent: 1 });
  }

  async #remove(task: Extract<ManagementTask, { kind: "remove" }>): Promise<void> {
    const { names, recursive, isConfirmed } = task;
    const found = new Map<string, EntryKind | undefined>();
    await this.#each(names, async (given) => {
      const name = trimmed(given);
      if (isRoot(name)) throw new SluiceError("usage", "the server's own folder cannot be removed");
      for (const [path, kind] of await this.#toRemove(name)) {
        if (kind === "folder" && !recursive) throw new SluiceError("usage", `${quote(path)} is a folder; use -r`);
        found.set(path, kind);
      }
    }, { concurrent: 1 });
    const doomed = withoutInner(found);
    if (doomed.size === 0 || !(isConfirmed || await this.#isConfirmed(doomed))) return;
    let count = 0;
    await this.#each([...doomed.keys()], async (name) => {
      const removed = await this.#client.remove(name, { recursive });
      count += removed;
      const inner = removed > 1 ? `, ${counted(removed, "entry", "entries")} in all` : "";
      const lines = doomed.size > MAX_PRINTED ? [] : [`removed ${quote(name)}${inner}`];
      this.#tell({ type: "removed", name, count: removed }, ...lines);
    });
    if (doomed.size > MAX_PRINTED) this.#note(`${counted(count, "entry", "entries")} removed`);
  }

  /** The entries that a name or pattern means; the kind of one is unknown if the client may not look. */
  async #toRemove(name: string): Promise<readonly (readonly [string, EntryKind | undefined])[]> {
    try {
      const found = await this.#find(name);
      if (found !== undefined) return [[name, found.kind]];
    } catch (error) {
      // A client may have the right to remove what it may not look at.
      const isDenied = error instanceof SluiceError && error.kind === "refused";
      if (!isDenied || isPattern(name)) throw error;
      return [[name, undefined]];
    }
    return (await this.#matching(name, false)).map((entry) => [entry.name, entry.kind]);
  }

  /** Asks before it removes several entries, or a folder, if there is somebody to ask. */
  async #isConfirmed(doomed: ReadonlyMap<string, EntryKind | undefined>): Promise<boolean> {
    const folders = [...doomed].filter(([, kind]) => kind === "folder").map(([name]) => name);
    if (doomed.size === 1 && folders.length === 0) return true;
    let fileCount = doomed.size - folders.length;
    let folderCount = folders.length;
    for (const path of folders) {
      for (const { kind } of await this.#listed({ path, recursive: true })) {
        if (kind === "folder") folderCount++;
        else fileCount++;
      }
    }
    const what = [
      ...(fileCount > 0 ? [counted(fileCount, "file")] : []),
      ...(folderCount > 0 ? [counted(folderCount, "folder")] : []),
    ].join(" and ");
    const shown = [...doomed.keys()].slice(0, MAX_PRINTED).map((name) => `  ${sanitizeForDisplay(name)}`);
    if (doomed.size > MAX_PRINTED) shown.push(`  and ${doomed.size - MAX_PRINTED} more`);
    const answer = await this.#session.confirm(shown, `remove ${what}?`);
    // As `rm -i` ends, with exit code 0: the user has decided.
    if (answer === false) this.#note("nothing removed");
    return answer !== false;
  }

  async #move({ name: given, newName, force }: Extract<ManagementTask, { kind: "move" }>): Promise<void> {
    const name = trimmed(given);
    const target = trimmed(newName);
    const lastName = name.slice(name.lastIndexOf("/") + 1);
    const isInto = isRoot(target) || newName.endsWith("/") || (await this.#findIfAllowed(target))?.kind === "folder";
    const to = !isInto ? target : isRoot(target) ? lastName : `${target}/${lastName}`;
    await this.#client.move(name, to, { overwrite: force });
    this.#tell({ type: "moved", name, newName: to }, `moved ${quote(name)} to ${quote(to)}`);
  }

  // --- what is on the server ---

  /** An entry by its name; undefined if there is none. */
  async #find(name: string): Promise<FileInfo | undefined> {
    try {
      return await this.#client.stat(name);
    } catch (error) {
      if (error instanceof SluiceError && error.kind === "not-found") return undefined;
      throw error;
    }
  }

  async #findIfAllowed(name: string): Promise<FileInfo | undefined> {
    try {
      return await this.#find(name);
    } catch (error) {
      if (error instanceof SluiceError && error.kind === "refused") return undefined;
      throw error;
    }
  }

  /** The entries that match a pattern. Throws SluiceError (not-found) if none does. */
  async #matching(pattern: string, recursive: boolean): Promise<readonly FileInfo[]> {
    if (!isPattern(pattern)) throw new SluiceError("not-found", `${quote(pattern)} does not exist on the server`);
    const { path, rest } = splitPattern(pattern);
    const query = { path, recursive: recursive || rest.includes("/") || rest.includes("**"), pattern: rest };
    const entries = await this.#listed(query);
    if (entries.length > 0) return entries;
    throw new SluiceError("not-found", `nothing on the server matches ${quote(pattern)}`);
  }

  /** Lists, and warns of what the list lacks. */
  async #listed(query: { path: string; recursive: boolean; pattern?: string }): Promise<readonly FileInfo[]> {
    const warn = (text: string) => tellMessage(this.#session, { severity: "warning", text });
    return await this.#client.list({
      ...query,
      onUnlisted: (unlisted) => warn(unlistedLine(unlisted)),
      onGaps: (gaps) => warn(`the list is not complete: ${sanitizeForDisplay(gaps)}`),
    });
  }

  // --- many of them ---

  /** Does something for each name; one that fails is reported, and the others are done all the same. */
  async #each(
    names: readonly string[],
    act: (name: string) => Promise<void>,
    { concurrent = MAX_CONCURRENT } = {},
  ): Promise<void> {
    const problems = new ProblemList(this.#session);
    const codes: ExitCode[] = names.map(() => ExitCode.done);
    const one = async (name: string, index: number) => {
      try {
        await act(name);
      } catch (error) {
        codes[index] = exitCodeOf(error);
        const words = describeError(error);
        const text = names.length === 1 || words.includes(quote(name)) ? words : `${quote(name)}: ${words}`;
        problems.add({ severity: "error", names: [name], text, error });
      }
    };
    for (let at = 0; at < names.length && !this.#session.signal.aborted; at += concurrent) {
      await Promise.all(names.slice(at, at + concurrent).map((name, index) => one(name, at + index)));
    }
    problems.finish();
    const failed = codes.find((code) => code !== ExitCode.done);
    if (this.#exitCode === ExitCode.done && failed !== undefined) this.#exitCode = failed;
  }

  #tell(record: ResultRecord, ...lines: readonly string[]): void {
    if (!this.#session.quiet) tellResult(this.#session, record, lines);
  }

  /** Sums up, for people. */
  #note(line: string): void {
    const { console, json, quiet, view } = this.#session;
    if (!quiet && !json) view.print(() => console.out(line));
  }
}

/** A name without "/" at its end, as people type those of folders. */
function trimmed(name: string): string {
  return name.replace(/(?<=[^/])\/+$/, "");
}

/** Whether a name means the client's own folder. */
function isRoot(name: string): boolean {
  return name === "" || name === "." || name === "/";
}

function isPattern(text: string): boolean {
  return /[*?[]/.test(text);
}

/** The folder of a pattern, as far as that is a name, and the pattern below it. */
function splitPattern(pattern: string): { readonly path: string; readonly rest: string } {
  const components = pattern.split("/");
  const first = components.findIndex(isPattern);
  return { path: components.slice(0, first).join("/"), rest: components.slice(first).join("/") };
}

/** Without what lies in a folder that is there, too. */
function withoutInner(found: ReadonlyMap<string, EntryKind | undefined>): Map<string, EntryKind | undefined> {
  const isInner = (name: string) => {
    for (let at = name.indexOf("/"); at >= 0; at = name.indexOf("/", at + 1)) {
      if (found.has(name.slice(0, at))) return true;
    }
    return false;
  };
  return new Map([...found].filter(([name]) => !isInner(name)));
}
