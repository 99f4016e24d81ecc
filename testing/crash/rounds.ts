/**
 * Draws rounds of the crash test, and writes their files.
 *
 * @module
 */

import path from "node:path";
import { ExitCode } from "../../cli/exit_codes.ts";
import { contentOf, drawSizes, olderVersion, write } from "./content.ts";
import type { Round, RoundOptions } from "./round.ts";
import type { WatchedName } from "./watch.ts";

/** Folders of a tree. The last has no files. */
const FOLDERS = ["", "a", path.join("a", "b c"), "d", "empty"];
/** One that only the older version of a tree has. */
const OLD_FOLDER = "old";
/** Files of a round that has many: of single ones, and of a folder. */
const MANY = { files: 12, folder: 40 };
/** When older versions were modified, so that no transfer takes one for the new file, and when the files were. */
const LONG_AGO = new Date("2020-02-02T02:02:02Z");
const MODIFIED = new Date("2021-03-04T05:06:07Z");

/** Draws a round, and writes its files. */
export async function makeRound(options: RoundOptions): Promise<Round> {
  switch (options.kind) {
    case "send files":
    case "get files":
      return await makeFiles(options);
    case "send a folder":
    case "get a folder":
      return await makeMirror(options);
    case "move":
      return await (options.random.chance(0.5) ? makeFolderMove(options) : makeFileMove(options));
    case "remove":
      return await makeRemoval(options);
  }
}

/** Where the files of a transfer come from, and where they go. */
function endsOf({ kind, places: { root, outbox, inbox } }: RoundOptions): { from: string; folder: string } {
  return kind.startsWith("send") ? { from: outbox, folder: root } : { from: root, folder: inbox };
}

async function makeFiles(options: RoundOptions): Promise<Round> {
  const { kind, random, number, maxBytes } = options;
  const { from, folder } = endsOf(options);
  const names: WatchedName[] = [];
  const sources: string[] = [];
  const sizes = drawSizes(random, { maxBytes, many: MANY.files });
  for (const [index, sizeBytes] of sizes.entries()) {
    const name = `${number}-${index}`;
    const bytes = contentOf(random.fork(name), sizeBytes);
    const source = path.join(from, name);
    const target = path.join(folder, name);
    sources.push(source);
    const newSha256 = await write(source, bytes);
    const oldSha256 = random.chance(0.5) ? await write(target, olderVersion(bytes, random)) : undefined;
    names.push({ path: target, newSha256, oldSha256 });
  }
  const targets = names.map((name) => name.path);
  const force = names.some((name) => name.oldSha256 !== undefined) ? ["--force"] : [];
  const args = kind === "send files"
    ? ["send", ...sources]
    : ["get", ...targets.map((target) => path.basename(target)), "--output", folder];
  return {
    kind,
    args: [...args, ...force],
    repeatedCode: ExitCode.done,
    names,
    folder,
    folders: new Set(),
    foldersAfter: new Set(),
    ...bytesOf(sizes),
    leaves: [...sources, ...targets],
  };
}

/** A folder to mirror. At the destination its files are missing, older, or there, beside others that are to be removed. */
async function makeMirror(options: RoundOptions): Promise<Round> {
  const { kind, random, number } = options;
  const { from, folder } = endsOf(options);
  const [source, target] = [path.join(from, `${number}`), path.join(folder, `${number}`)];
  const hasTarget = random.chance(0.7);
  if (hasTarget) await makeFolders(target, [...FOLDERS, OLD_FOLDER]);
  const sizes: number[] = [];
  const names: WatchedName[] = [];
  for (const { name, bytes, newSha256 } of await writeTree(source, options)) {
    const at = path.join(target, name);
    const there = hasTarget ? random.pick(["nothing", "old", "new"] as const) : "nothing";
    if (there === "new") await write(at, bytes, MODIFIED);
    else sizes.push(bytes.length);
    const oldSha256 = there === "old" ? await write(at, olderVersion(bytes, random), LONG_AGO) : undefined;
    names.push({ path: at, newSha256, oldSha256: there === "new" ? newSha256 : oldSha256 });
  }
  for (let left = hasTarget ? random.integer(0, 3) : 0; left > 0; left--) {
    const at = path.join(target, random.pick([...FOLDERS, OLD_FOLDER]), `old-${left}`);
    names.push({ path: at, oldSha256: await write(at, contentOf(random, left * 1000)) });
  }
  const args = kind === "send a folder" ? ["send", source] : ["get", `${number}`, "--output", folder];
  const foldersAfter = inside(target, FOLDERS);
  return {
    kind,
    args: [...args, "--force", "--delete"],
    repeatedCode: ExitCode.done,
    names,
    folder,
    folders: new Set([...foldersAfter, path.join(target, OLD_FOLDER)]),
    foldersAfter,
    ...bytesOf(sizes),
    leaves: [source, target],
  };
}

/** A folder that gets another name. */
async function makeFolderMove(options: RoundOptions): Promise<Round> {
  const { number, places: { root } } = options;
  const [from, to] = [`${number}-from`, `${number}-to`];
  const sources: WatchedName[] = [];
  const targets: WatchedName[] = [];
  for (const { name, newSha256 } of await writeTree(path.join(root, from), options)) {
    const movedTo = { path: path.join(root, to, name), newSha256 };
    sources.push({ path: path.join(root, from, name), oldSha256: newSha256, movedTo });
    targets.push(movedTo);
  }
  const foldersAfter = inside(path.join(root, to), FOLDERS);
  return {
    ...managing(options, ["mv", from, to]),
    names: [...sources, ...targets],
    folders: new Set([...inside(path.join(root, from), FOLDERS), ...foldersAfter]),
    foldersAfter,
    leaves: [path.join(root, from), path.join(root, to)],
  };
}

/** A file that goes to another folder, where it replaces one or none. */
async function makeFileMove(options: RoundOptions): Promise<Round> {
  const { number, random, places: { root } } = options;
  const [from, folder] = [`${number}-file`, `${number}-folder`];
  const foldersAfter = inside(root, [folder]);
  await makeFolders(root, [folder]);
  const bytes = contentOf(random, random.integer(0, options.maxBytes));
  const sha256 = await write(path.join(root, from), bytes);
  const to = path.join(root, folder, "file");
  const oldSha256 = random.chance(0.5) ? await write(to, olderVersion(bytes, random)) : undefined;
  const movedTo: WatchedName = { path: to, newSha256: sha256, oldSha256 };
  return {
    ...managing(options, ["mv", from, `${folder}/file`, ...oldSha256 === undefined ? [] : ["--force"]]),
    names: [{ path: path.join(root, from), oldSha256: sha256, movedTo }, movedTo],
    folders: foldersAfter,
    foldersAfter,
    leaves: [path.join(root, from), path.join(root, folder)],
  };
}

/** A folder that is removed with all that is in it. */
async function makeRemoval(options: RoundOptions): Promise<Round> {
  const { number, places: { root } } = options;
  const folder = path.join(root, `${number}`);
  const files = await writeTree(folder, options);
  return {
    ...managing(options, ["rm", "-r", `${number}`]),
    names: files.map(({ name, newSha256 }) => ({ path: path.join(folder, name), oldSha256: newSha256 })),
    folders: inside(folder, FOLDERS),
    foldersAfter: new Set(),
    leaves: [folder],
  };
}

/** What the commands that move and remove have in common: they say so when there is nothing of that name any more. */
function managing(
  { kind, places: { root } }: RoundOptions,
  args: readonly string[],
): Pick<Round, "kind" | "args" | "repeatedCode" | "folder" | "totalBytes" | "sizes"> {
  return { kind, args, repeatedCode: ExitCode.notFound, folder: root, ...bytesOf([]) };
}

function bytesOf(sizes: readonly number[]): Pick<Round, "totalBytes" | "sizes"> {
  return { totalBytes: sizes.reduce((sum, size) => sum + size, 0), sizes: new Set(sizes) };
}

interface TreeFile {
  /** Relative to the tree. */
  readonly name: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly newSha256: string;
}

/** Writes a tree of folders and files. */
async function writeTree(root: string, { random, maxBytes }: RoundOptions): Promise<TreeFile[]> {
  await makeFolders(root, FOLDERS);
  const files: TreeFile[] = [];
  for (const [index, sizeBytes] of drawSizes(random, { maxBytes, many: MANY.folder }).entries()) {
    const name = path.join(random.pick(FOLDERS.slice(0, -1)), `${index}`);
    const bytes = contentOf(random.fork(name), sizeBytes);
    files.push({ name, bytes, newSha256: await write(path.join(root, name), bytes, MODIFIED) });
  }
  return files;
}

async function makeFolders(root: string, folders: readonly string[]): Promise<void> {
  for (const folder of folders) await Deno.mkdir(path.join(root, folder), { recursive: true });
}

function inside(root: string, folders: readonly string[]): ReadonlySet<string> {
  return new Set(folders.map((folder) => path.join(root, folder)));
}
