/**
 * A power failure at every single operation of the disk, and a fault of every operation, while folders and links are made
 * and entries removed and moved: what is left is the old state or the new one, and what was reported as done stays.
 */

import assert from "node:assert/strict";
import { Random } from "../../base/random.ts";
import { SimulatedDisk } from "../../sim/disk/disk.ts";
import { DirectoryStore } from "../../store/directory_store.ts";
import { diskError } from "../../store/disk_error.ts";
import { promised, type PromisedStore } from "../../testing/promised_store.ts";
import { commit, pattern } from "../../testing/file_store_compliance.ts";
import { StoreError } from "../../transfer/file_store.ts";

/** What the disk has before each change. */
const OLD = ["a", "f/", "f/g/", "f/g/x", "f/l@../a"];
const BYTES = new Map([["a", pattern(5000, 1)], ["f/g/x", pattern(9000, 2)]]);
const NEW_BYTES = pattern(6000, 3);

/** A change of the tree. */
interface Change {
  readonly what: string;
  readonly run: (store: PromisedStore) => Promise<unknown>;
  /** What there is afterwards. */
  readonly after: readonly string[];
  /** Names that may be there after a power failure, but not all of `after`: the change has several steps. */
  readonly between?: (names: readonly string[]) => boolean;
  readonly hasNoLinks?: boolean;
}

const without = (...gone: string[]) => OLD.filter((name) => !gone.includes(name));
const sorted = (...names: string[]) => names.sort();

const CHANGES: readonly Change[] = [
  {
    what: "a folder is made",
    run: (store) => store.makeFolder("n", { modifiedUs: 1e15 }),
    after: sorted(...OLD, "n/"),
  },
  {
    what: "a folder is made below new ones",
    run: (store) => store.makeFolder("f/n/m"),
    after: sorted(...OLD, "f/n/", "f/n/m/"),
    between: (names) => names.join() === sorted(...OLD, "f/n/").join(),
  },
  {
    what: "a file is stored below new folders",
    run: (store) => storeFile(store, "n/m/y"),
    after: sorted(...OLD, "n/", "n/m/", "n/m/y"),
    between: (names) => [["n/"], ["n/", "n/m/"]].some((made) => names.join() === sorted(...OLD, ...made).join()),
  },
  {
    what: "a link is made",
    run: (store) => store.makeLink("f/n", { target: "g/x", overwrite: false }),
    after: sorted(...OLD, "f/n@g/x"),
  },
  {
    what: "a link replaces a link",
    run: (store) => store.makeLink("f/l", { target: "g", overwrite: true }),
    after: sorted(...without("f/l@../a"), "f/l@g"),
  },
  { what: "a file is removed", run: (store) => store.remove("f/g/x"), after: without("f/g/x") },
  { what: "a link is removed", run: (store) => store.remove("f/l"), after: without("f/l@../a") },
  {
    what: "a folder is removed",
    run: (store) => store.remove("f", { recursive: true }),
    after: ["a"],
    between: (names) => names.every((name) => OLD.includes(name)) && names.includes("a"),
  },
  {
    what: "a file is moved to another folder",
    run: (store) => store.move("a", { newName: "f/g/a", overwrite: false }),
    after: sorted(...without("a"), "f/g/a"),
    between: (names) => names.join() === sorted(...OLD, "f/g/a").join(),
  },
  {
    what: "a file is moved to another folder, on a disk without hard links",
    run: (store) => store.move("a", { newName: "f/g/a", overwrite: false }),
    after: sorted(...without("a"), "f/g/a"),
    // The claim of the name, see `claimAndRename`.
    between: (names) => names.join() === sorted(...OLD, "f/g/a").join(),
    hasNoLinks: true,
  },
  {
    what: "a file is renamed",
    run: (store) => store.move("a", { newName: "b", overwrite: false }),
    after: sorted(...without("a"), "b"),
    between: (names) => names.join() === sorted(...OLD, "b").join(),
  },
  {
    what: "a file replaces another one",
    run: (store) => store.move("a", { newName: "f/g/x", overwrite: true }),
    after: without("a"),
  },
  {
    what: "a folder is moved below a new one",
    run: (store) => store.move("f/g", { newName: "n/h", overwrite: false }),
    after: sorted(...without("f/g/", "f/g/x"), "n/", "n/h/", "n/h/x"),
    between: (names) => names.join() === sorted(...OLD, "n/").join(),
  },
];

const ROOT = "/srv";

async function storeFile(store: PromisedStore, name: string): Promise<void> {
  const file = await store.create(name, { sizeBytes: NEW_BYTES.length, overwrite: false });
  try {
    file.write(0, NEW_BYTES);
  } catch (error) {
    file.abort();
    throw error;
  }
  const result = await commit(file);
  if (result instanceof StoreError) throw result;
}

async function oldDisk(hasNoLinks: boolean): Promise<{ disk: SimulatedDisk; store: PromisedStore }> {
  const disk = new SimulatedDisk({ faults: { hasNoLinks } });
  for (const [name, bytes] of BYTES) disk.put(`${ROOT}/${name}`, bytes);
  disk.putLink(`${ROOT}/f/l`, "../a");
  const store = promised(await DirectoryStore.open(ROOT, { disk }));
  assert.deepEqual(visible(disk), OLD);
  return { disk, store };
}

function visible(disk: SimulatedDisk): string[] {
  return disk.tree(ROOT).filter((name) => !name.includes(".sluice-"));
}

/** Fails unless the disk is in the old state or the new one, and each name has content that it may have. */
function assertOldOrNew(disk: SimulatedDisk, change: Change, options: { isDone: boolean; isStrict?: boolean }): void {
  const names = visible(disk);
  const isNew = names.join() === change.after.join();
  const isOld = names.join() === OLD.join();
  const isBetween = !options.isStrict && (change.between?.(names) ?? false);
  assert(isNew || !options.isDone && (isOld || isBetween), `a mix is left: ${names.join(" ")}`);
  const possible = [...BYTES.values(), NEW_BYTES, ...(change.hasNoLinks ? [new Uint8Array(0)] : [])];
  for (const name of names) {
    const bytes = disk.contents(`${ROOT}/${name}`);
    if (bytes === undefined) continue;
    const isWhole = possible.some((one) => one.length === bytes.length && one.every((byte, at) => byte === bytes[at]));
    assert(isWhole, `${name} has a mix of contents`);
    if (name === "a") assert.deepEqual(bytes, BYTES.get("a"));
  }
  const contents = names.map((name) => disk.contents(`${ROOT}/${name}`)?.length ?? 0);
  if (!change.what.includes("removed") && !change.what.includes("replaces another")) {
    for (const { length } of BYTES.values()) assert(contents.includes(length), "a file is lost");
  }
}

for (const change of CHANGES) {
  const { hasNoLinks = false, run, what } = change;

  Deno.test(`a power failure at any operation leaves the old tree or the new one: ${what}`, async () => {
    for (let seed = 0; seed < 12; seed++) {
      const { disk, store } = await oldDisk(hasNoLinks);
      let index = 0;
      let failure: unknown;
      const crash = (isDone: boolean): void => {
        for (let draw = 0; draw < 4; draw++) {
          const left = disk.crashed(new Random(seed).fork(`crash ${index} ${draw}`));
          try {
            assertOldOrNew(left, change, { isDone });
          } catch (error) {
            failure ??= new Error(`seed ${seed}, operation ${index}, draw ${draw}: ${error}`);
          }
        }
        index++;
      };
      disk.meter.beforeOperation = () => crash(false);
      await run(store);
      disk.meter.beforeOperation = undefined;
      crash(true);
      if (failure !== undefined) throw failure;
      assert(index > 3, "there were operations");
    }
  });

  Deno.test(`a fault at any operation leaves the old tree or the new one, and says so: ${what}`, async () => {
    for (let failing = 0, isDone = false; !isDone; failing++) {
      const { disk, store } = await oldDisk(hasNoLinks);
      let index = 0;
      isDone = true;
      disk.meter.beforeOperation = () => {
        if (index++ !== failing) return;
        isDone = false;
        throw diskError("EIO");
      };
      const result = await run(store).catch((error: unknown) => error);
      disk.meter.beforeOperation = undefined;
      const isRefused = result instanceof StoreError;
      assert(isRefused || !(result instanceof Error), String(result));
      assertOldOrNew(disk, change, { isDone: !(result instanceof Error) });
      assert.equal(disk.openDescriptors, 0);
      // The same call again ends what was begun.
      const again = await run(store).catch((error: unknown) => error);
      if (again instanceof StoreError) assert(["exists", "not-found"].includes(again.kind), again.message);
      if (again instanceof StoreError && isRefused && !hasNoLinks) {
        assert.deepEqual(visible(disk), change.after, `operation ${failing}: ${again.message}`);
      }
    }
  });
}
