/**
 * Looks at names on the real disk again and again, by other means than Sluice's: each must have exactly what it had before
 * the command or exactly what it has after it, and never go back.
 *
 * @module
 */

import { createHash } from "node:crypto";
import path from "node:path";
import { PARTIAL_FILE_NAME } from "../../store/partial_file.ts";

/** What a name shows; "gone" is no file where there must always be one. */
export type Shown = "old" | "new" | "gone" | "mixed";

/** A name, and what it may show. */
export interface WatchedName {
  readonly path: string;
  /** The SHA-256 in hex of the file that it has before the command. Absent: none. */
  readonly oldSha256?: string | undefined;
  /** The same after the command. */
  readonly newSha256?: string | undefined;
  /** The name to which its file is moved: one of the two always has it. It comes behind this one in a watch's list. */
  readonly movedTo?: WatchedName;
}

/** What a look at a folder of partial files finds. */
export interface Partial {
  /** Relative to the folder. */
  readonly name: string;
  readonly sizeBytes: number;
  /** Differs when its content or its place in the folder does. */
  readonly version: string;
}

/** What is watched. */
export interface Watched {
  readonly folder: string;
  readonly names: readonly WatchedName[];
  /** The folders below it that may be there, by their full paths. */
  readonly folders: ReadonlySet<string>;
}

const PIECE_BYTES = 256 * 1024;
const PAUSE_MS = 2;

/** Watches names below one folder. */
export class Watch {
  /** Looks at a name so far, and how many of them read its whole content. */
  looks = 0;
  reads = 0;
  /** A sentence for each name that lost what it had shown. */
  readonly lost: string[] = [];
  /** A sentence for each name that showed something else than a whole version. */
  readonly mixed: string[] = [];
  /** A sentence for each entry that should not be there. */
  readonly foreign = new Set<string>();
  readonly #watched: Watched;
  readonly #expected: ReadonlySet<string>;
  readonly #last = new Map<string, { version: string; shown: Shown }>();
  #isOver = false;
  #running: Promise<void> = Promise.resolve();

  constructor(watched: Watched) {
    this.#watched = watched;
    this.#expected = new Set([...watched.names.map((name) => name.path), ...watched.folders]);
  }

  /** Looks at all names until {@link stop}. */
  start(): void {
    this.#running = this.#loop();
  }

  /** Stops, after a last look that reads everything. */
  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#running;
    await this.look({ isThorough: true });
  }

  /** What a name showed last. */
  shown(name: WatchedName): Shown {
    return this.#last.get(name.path)?.shown ?? "old";
  }

  /** Looks at each name once. A thorough look reads also what seems unchanged. */
  async look({ isThorough }: { isThorough: boolean }): Promise<void> {
    const { folder, names } = this.#watched;
    for (const name of names) await this.#lookAt(name, isThorough);
    for (const name of names) {
      if (name.movedTo === undefined || this.shown(name) !== "new" || this.shown(name.movedTo) === "new") continue;
      this.lost.push(`${name.path} is gone, and ${name.movedTo.path} does not have its file`);
    }
    for await (const entry of entriesBelow(folder)) {
      if (this.#expected.has(entry) || PARTIAL_FILE_NAME.test(path.basename(entry))) continue;
      this.foreign.add(`"${path.relative(folder, entry)}" lies in ${folder}`);
    }
  }

  async #loop(): Promise<void> {
    while (!this.#isOver) {
      await this.look({ isThorough: false });
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }

  async #lookAt(name: WatchedName, isThorough: boolean): Promise<void> {
    this.looks++;
    const last = this.#last.get(name.path);
    const found = await this.#read(name, isThorough ? undefined : last);
    this.#last.set(name.path, found);
    if (found.shown === "mixed") this.mixed.push(`${name.path} has neither its old nor its new bytes`);
    const isWorse = found.shown === "gone" || found.shown === "old" && last?.shown === "new";
    if (isWorse) this.lost.push(`${name.path} was ${last?.shown ?? "old"}, is ${found.shown}`);
  }

  async #read(
    name: WatchedName,
    last: { version: string; shown: Shown } | undefined,
  ): Promise<{ version: string; shown: Shown }> {
    let file: Deno.FsFile;
    try {
      file = await Deno.open(name.path);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      return { version: "", shown: shownBy(name, undefined) ?? "gone" };
    }
    using _closing = file;
    // A name may get another file at any time, so both are of the open one.
    const version = versionOf(await file.stat());
    if (version === last?.version) return last;
    this.reads++;
    return { version, shown: shownBy(name, await hashOf(file)) ?? "mixed" };
  }
}

/** What a name shows that has this content, or none. */
function shownBy({ oldSha256, newSha256 }: WatchedName, sha256: string | undefined): Shown | undefined {
  return sha256 === newSha256 ? "new" : sha256 === oldSha256 ? "old" : undefined;
}

/** The paths of everything below a folder, from which entries may vanish meanwhile. */
async function* entriesBelow(folder: string): AsyncGenerator<string> {
  const below: string[] = [];
  try {
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      const entry = path.join(folder, name);
      yield entry;
      if (isDirectory) below.push(entry);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  for (const entry of below) yield* entriesBelow(entry);
}

/** The partial files below a folder. */
export async function partialsIn(folder: string): Promise<Partial[]> {
  const found: Partial[] = [];
  for await (const entry of entriesBelow(folder)) {
    if (!PARTIAL_FILE_NAME.test(path.basename(entry))) continue;
    const stats = await Deno.lstat(entry).catch(() => undefined);
    const name = path.relative(folder, entry);
    if (stats !== undefined) found.push({ name, sizeBytes: stats.size, version: versionOf(stats) });
  }
  return found;
}

function versionOf({ dev, ino, size, mtime, ctime }: Deno.FileInfo): string {
  return [dev, ino, size, mtime?.getTime(), ctime?.getTime()].join(" ");
}

async function hashOf(file: Deno.FsFile): Promise<string> {
  const hash = createHash("sha256");
  const piece = new Uint8Array(PIECE_BYTES);
  for (let count = await file.read(piece); count !== null; count = await file.read(piece)) {
    hash.update(piece.subarray(0, count));
  }
  return hash.digest("hex");
}
