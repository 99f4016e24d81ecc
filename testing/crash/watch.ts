/**
 * Looks at names on the real disk again and again, by other means than Sluice's: each must be absent, or have exactly the
 * old bytes or exactly the new ones, and never go back.
 *
 * @module
 */

import { createHash } from "node:crypto";
import path from "node:path";
import { PARTIAL_FILE_NAME } from "../../store/partial_file.ts";

/** What a name shows. */
export type Shown = "absent" | "old" | "new" | "mixed";

/** A name, and the SHA-256 in hex of what it may show. */
export interface WatchedName {
  readonly path: string;
  /** Absent if there was no file of this name before. */
  readonly oldSha256?: string | undefined;
  readonly newSha256: string;
}

/** What a look at a folder of partial files finds. */
export interface Partial {
  readonly name: string;
  readonly sizeBytes: number;
  /** Differs when its content or its place in the folder does. */
  readonly version: string;
}

const PIECE_BYTES = 256 * 1024;
const PAUSE_MS = 2;

/** Watches names in one folder. */
export class Watch {
  /** Looks at a name so far, and how many of them read its whole content. */
  looks = 0;
  reads = 0;
  /** A sentence for each name that lost what it had shown. */
  readonly lost: string[] = [];
  /** A sentence for each name that showed something else than a whole version. */
  readonly mixed: string[] = [];
  /** A sentence for each file that should not be there. */
  readonly foreign = new Set<string>();
  readonly #folder: string;
  readonly #names: readonly WatchedName[];
  readonly #last = new Map<string, { version: string; shown: Shown }>();
  #isOver = false;
  #running: Promise<void> = Promise.resolve();

  constructor(folder: string, names: readonly WatchedName[]) {
    this.#folder = folder;
    this.#names = names;
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
    return this.#last.get(name.path)?.shown ?? "absent";
  }

  /** Looks at each name once. A thorough look reads also what seems unchanged. */
  async look({ isThorough }: { isThorough: boolean }): Promise<void> {
    for (const name of this.#names) await this.#lookAt(name, isThorough);
    const expected = new Set(this.#names.map((name) => path.basename(name.path)));
    for await (const { name } of Deno.readDir(this.#folder)) {
      if (!expected.has(name) && !PARTIAL_FILE_NAME.test(name)) this.foreign.add(`"${name}" lies in ${this.#folder}`);
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
    const isWorse = RANK[found.shown] < RANK[last?.shown ?? (name.oldSha256 === undefined ? "absent" : "old")];
    if (isWorse && found.shown !== "mixed") {
      this.lost.push(`${name.path} was ${last?.shown ?? "old"}, is ${found.shown}`);
    }
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
      return { version: "", shown: "absent" };
    }
    using _closing = file;
    // A name may get another file at any time, so both are of the open one.
    const version = versionOf(await file.stat());
    if (version === last?.version) return last;
    this.reads++;
    const sha256 = await hashOf(file);
    return { version, shown: sha256 === name.newSha256 ? "new" : sha256 === name.oldSha256 ? "old" : "mixed" };
  }
}

const RANK: Readonly<Record<Shown, number>> = { absent: 0, old: 1, mixed: 1, new: 2 };

/** The partial files in a folder. */
export async function partialsIn(folder: string): Promise<Partial[]> {
  const found: Partial[] = [];
  for await (const { name } of Deno.readDir(folder)) {
    if (!PARTIAL_FILE_NAME.test(name)) continue;
    const stats = await Deno.lstat(path.join(folder, name)).catch(() => undefined);
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
