/**
 * The scene of attacks on a store on the real disk: a user of the server's machine may write in its folder, or above it.
 * What lies elsewhere must stay as it is, whatever happens. Races are not left to chance: a disk that is the real one but
 * for one call does the exchange at the worst moment.
 *
 * @module
 */

import assert from "node:assert/strict";
import { nodeDisk } from "../io/node_disk.ts";
import { DirectoryStore } from "../store/directory_store.ts";
import type { Disk } from "../store/disk.ts";
import { promised, type PromisedStore } from "./promised_store.ts";
import { StoreError, type StoreErrorKind, type WritableFile } from "../transfer/file_store.ts";
import { pattern } from "./file_store_compliance.ts";

/** The time of last modification of what nobody may touch. */
export const SECRET_TIME: Date = new Date(1_500_000_000_000);

type Hook = "open" | "openSync" | "tryLock" | "link" | "readdir" | "rename";

/** A scene: a store's folder, and beside it what must stay as it is. */
export interface Scene {
  /** Holds `root`, `secret` and `foreign/`. */
  readonly folder: string;
  readonly root: string;
  /** A file that nobody may read or touch; in `foreign` there is one of the same kind, named "a". */
  readonly secret: string;
  readonly store: PromisedStore;
  /** What the disk does before its own work; set it when the time has come. */
  readonly before: { -readonly [Call in Hook]?: (path: string) => void };
}

function disk(before: Scene["before"]): Disk {
  return {
    ...nodeDisk,
    open(path, flags, mode) {
      before.open?.(path);
      return nodeDisk.open(path, flags, mode);
    },
    openSync(path, flags, mode) {
      before.openSync?.(path);
      return nodeDisk.openSync(path, flags, mode);
    },
    tryLock(path) {
      before.tryLock?.(path);
      return nodeDisk.tryLock(path);
    },
    link(oldPath, newPath) {
      before.link?.(oldPath);
      return nodeDisk.link(oldPath, newPath);
    },
    rename(oldPath, newPath) {
      before.rename?.(oldPath);
      return nodeDisk.rename(oldPath, newPath);
    },
    readdir(folder) {
      before.readdir?.(folder);
      return nodeDisk.readdir(folder);
    },
  };
}

/** A test in a scene of its own. */
export function attack(what: string, run: (scene: Scene) => void | Promise<void>): void {
  Deno.test(`a store ${what}`, async () => {
    const folder = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "sluice-test-" }));
    const before: Scene["before"] = {};
    try {
      const [root, secret] = [`${folder}/root`, `${folder}/secret`];
      Deno.mkdirSync(`${folder}/foreign`);
      for (const path of [secret, `${folder}/foreign/a`]) {
        Deno.writeTextFileSync(path, "secret", { mode: 0o640 });
        Deno.utimeSync(path, SECRET_TIME, SECRET_TIME);
      }
      const store = promised(await DirectoryStore.open(root, { disk: disk(before) }));
      await run({ folder, root, secret, store, before });
      for (const path of [secret, `${folder}/foreign/a`]) {
        assert.equal(Deno.readTextFileSync(path), "secret");
        const { mode, mtime } = Deno.statSync(path);
        assert.deepEqual([mode! & 0o777, mtime], [0o640, SECRET_TIME]);
      }
      assert.deepEqual(names(`${folder}/foreign`), ["a"]);
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  });
}

/** The names in a folder, sorted. */
export function names(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map((entry) => entry.name).toSorted();
}

/** The path of the partial file in a folder. */
export function partialFile(folder: string): string {
  const name = names(folder).find((name) => name.endsWith(".part"));
  assert(name !== undefined, "a file is on its way");
  return `${folder}/${name}`;
}

/** Makes a FIFO. */
export function makeFifo(path: string): void {
  assert(new Deno.Command("mkfifo", { args: [path] }).outputSync().success);
}

/** Creates a file of three bytes, which are written. */
export async function begin(
  store: PromisedStore,
  name: string,
  options: { overwrite?: boolean } = {},
): Promise<WritableFile> {
  const file = await store.create(name, {
    sizeBytes: 3,
    modifiedUs: 1_600_000_000_000_000,
    overwrite: options.overwrite ?? false,
  });
  file.write(0, pattern(3));
  return file;
}

/** Asserts that a commit failed so, and returns its error. */
export function assertFailed(result: string | StoreError, kind: StoreErrorKind): StoreError {
  assert(result instanceof StoreError, `it was stored as ${result}`);
  assert.equal(result.kind, kind, result.message);
  return result;
}
