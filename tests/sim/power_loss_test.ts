/**
 * A power failure, and an error, at every single operation of the disk while the store makes, replaces, moves and removes
 * files, folders and links: what is there afterwards is the state before or the one after, or a step between them that
 * has only whole files; what was reported as done stays; and the same call again completes it.
 *
 * Concurrent files are the matter of `disk_crash_test.ts`, files that resume that of `resume_crash_test.ts`.
 */

import assert from "node:assert/strict";
import { SimulatedDisk } from "../../sim/disk/disk.ts";
import { DirectoryStore } from "../../store/directory_store.ts";
import { diskError } from "../../store/disk_error.ts";
import { STALE_AFTER_MS } from "../../store/stale_partial_files.ts";
import { pattern } from "../../testing/file_store_compliance.ts";
import { promised, type PromisedStore } from "../../testing/promised_store.ts";
import { StoreError, type StoreErrorKind } from "../../transfer/file_store.ts";
import { lossesOf } from "./power_loss.ts";

const FOLDER = "/files";
/** A partial file, or a link that is about to replace something. */
const PARTIAL = /(?:^|\/)\.sluice-[0-9a-f]{32}\.part(?:@.*)?$/;
const START_MS = 1_700_000_000_000;
let nowMs = START_MS;
/** The contents that files have, by the word that stands for them below. */
const CONTENTS: Readonly<Record<string, Uint8Array>> = {
  old: pattern(9000, 1),
  new: pattern(13_000, 2),
  empty: new Uint8Array(0),
};

/** One call of the store. */
interface Case {
  readonly what: string;
  /** What is there before, and after: "a=old" is a file, "d/" a folder, "l@a" a link. */
  readonly before: readonly string[];
  readonly after: readonly string[];
  /** What may be there in between. */
  readonly between?: readonly (readonly string[])[];
  readonly call: (store: PromisedStore) => Promise<unknown>;
  /** How the same call fails that finds its work done; default: not at all. */
  readonly repeated?: StoreErrorKind;
  /** Whether the disk has no hard links. */
  readonly hasNoLinks?: boolean;
  /** What is left on it when the power fails just after an empty file has claimed the name, which is taken from then on. */
  readonly claimed?: readonly string[];
}

const CASES: readonly Case[] = [
  { what: "stores a new file", before: [], after: ["a=new"], call: put("a"), repeated: "exists" },
  { what: "replaces a file", before: ["a=old"], after: ["a=new"], call: put("a", { overwrite: true }) },
  { what: "stores a new file that may replace one", before: [], after: ["a=new"], call: put("a", { overwrite: true }) },
  {
    what: "stores a file in new folders",
    before: [],
    between: [["d/"], ["d/", "d/e/"]],
    after: ["d/", "d/e/", "d/e/a=new"],
    call: put("d/e/a"),
    repeated: "exists",
  },
  {
    what: "makes folders",
    before: [],
    between: [["d/"]],
    after: ["d/", "d/e/"],
    call: (store) => store.makeFolder("d/e", { modifiedUs: 1_000_000 }),
  },
  {
    what: "makes a link",
    before: [],
    after: ["l@a"],
    call: (store) => store.makeLink("l", { target: "a", overwrite: false }),
  },
  {
    what: "replaces a link",
    before: ["l@a"],
    after: ["l@b"],
    call: (store) => store.makeLink("l", { target: "b", overwrite: true }),
  },
  {
    what: "replaces a file by a link",
    before: ["a=old"],
    after: ["a@b"],
    call: (store) => store.makeLink("a", { target: "b", overwrite: true }),
  },
  {
    what: "moves a file",
    before: ["a=old"],
    // By a link, so that it replaces nothing.
    between: [["a=old", "b=old"]],
    after: ["b=old"],
    call: (store) => store.move("a", { newName: "b", overwrite: false }),
    repeated: "not-found",
  },
  {
    what: "stores a new file, on a disk without hard links",
    before: [],
    hasNoLinks: true,
    claimed: ["a=empty"],
    after: ["a=new"],
    call: put("a"),
    repeated: "exists",
  },
  {
    what: "replaces a file, on a disk without hard links",
    before: ["a=old"],
    hasNoLinks: true,
    after: ["a=new"],
    call: put("a", { overwrite: true }),
  },
  {
    what: "moves a file to another folder, on a disk without hard links",
    before: ["a=old", "d/"],
    hasNoLinks: true,
    claimed: ["a=old", "d/", "d/b=empty"],
    after: ["d/", "d/b=old"],
    call: (store) => store.move("a", { newName: "d/b", overwrite: false }),
    repeated: "not-found",
  },
  {
    what: "moves a file to a new folder",
    before: ["a=old"],
    between: [["a=old", "d/"], ["a=old", "d/", "d/b=old"]],
    after: ["d/", "d/b=old"],
    call: (store) => store.move("a", { newName: "d/b", overwrite: false }),
    repeated: "not-found",
  },
  {
    what: "moves a file over another",
    before: ["a=new", "b=old"],
    after: ["b=new"],
    call: (store) => store.move("a", { newName: "b", overwrite: true }),
    repeated: "not-found",
  },
  {
    what: "moves a file over another in another folder",
    before: ["a=new", "d/", "d/b=old"],
    after: ["d/", "d/b=new"],
    call: (store) => store.move("a", { newName: "d/b", overwrite: true }),
    repeated: "not-found",
  },
  {
    what: "moves a folder",
    before: ["d/", "d/a=old", "e/"],
    after: ["e/", "e/f/", "e/f/a=old"],
    call: (store) => store.move("d", { newName: "e/f", overwrite: false }),
    repeated: "not-found",
  },
  { what: "removes a file", before: ["a=old"], after: [], call: (store) => store.remove("a"), repeated: "not-found" },
  { what: "removes a link", before: ["l@a"], after: [], call: (store) => store.remove("l"), repeated: "not-found" },
  {
    what: "moves a folder below a new one",
    before: ["d/", "d/a=old"],
    between: [["d/", "d/a=old", "n/"]],
    after: ["n/", "n/f/", "n/f/a=old"],
    call: (store) => store.move("d", { newName: "n/f", overwrite: false }),
    repeated: "not-found",
  },
  {
    what: "removes a folder with everything in it",
    before: ["d/", "d/a=old", "d/e/", "d/e/b=old", "d/l@a"],
    between: [...partsOf("d/a=old", "d/e/ d/e/b=old", "d/e/", "d/l@a")],
    after: [],
    call: (store) => store.remove("d", { recursive: true }),
    repeated: "not-found",
  },
];

/** The folder "d/" with each choice of these entries; one that is given twice, with more and with less, is there once. */
function* partsOf(...entries: readonly string[]): Generator<readonly string[]> {
  for (let choice = 0; choice < 2 ** entries.length; choice++) {
    const chosen = entries.filter((_, index) => (choice & 2 ** index) !== 0).flatMap((entry) => entry.split(" "));
    if (new Set(chosen).size === chosen.length) yield ["d/", ...chosen];
  }
}

/** Stores a file with the new content. */
function put(name: string, { overwrite = false } = {}): Case["call"] {
  return async (store) => {
    const bytes = CONTENTS.new!;
    const file = await store.create(name, { sizeBytes: bytes.length, modifiedUs: 1_600_000_000_000_000, overwrite });
    try {
      for (let at = 0; at < bytes.length; at += 4500) file.write(at, bytes.subarray(at, at + 4500));
    } catch (error) {
      file.abort();
      throw error;
    }
    const result = await new Promise((resolve) => file.commit(resolve));
    if (result instanceof StoreError) throw result;
  };
}

function diskBefore({ before, hasNoLinks = false }: Case): SimulatedDisk {
  const disk = new SimulatedDisk({ nowMs: () => nowMs, faults: { hasNoLinks } });
  disk.putFolder(FOLDER);
  for (const entry of before) {
    const [name, what = ""] = entry.split(/[=@]/);
    if (entry.endsWith("/")) disk.putFolder(`${FOLDER}/${name}`);
    else if (entry.includes("@")) disk.putLink(`${FOLDER}/${name}`, what);
    else disk.put(`${FOLDER}/${name}`, CONTENTS[what]!);
  }
  return disk;
}

/** What a disk shows, in the words of {@link Case}; partial files are left out. */
function shown(disk: SimulatedDisk): string {
  const entries = disk.tree(FOLDER).filter((entry) => !PARTIAL.test(entry));
  return entries.map((entry) => {
    const bytes = entry.includes("@") ? undefined : disk.contents(`${FOLDER}/${entry}`);
    return bytes === undefined ? entry : `${entry}=${contentOf(bytes)}`;
  }).join(" ");
}

function contentOf(bytes: Uint8Array): string {
  const found = Object.entries(CONTENTS).find(([, content]) => content.toHex() === bytes.toHex());
  return found?.[0] ?? `${bytes.length} other bytes`;
}

async function open(disk: SimulatedDisk): Promise<PromisedStore> {
  return promised(await DirectoryStore.open(FOLDER, { disk }));
}

/** Runs the call in a program that has just started. */
async function runOn(disk: SimulatedDisk, { call }: Case): Promise<void> {
  await call(await open(disk));
}

/** Asserts that the same call completes what a failure has left. */
async function assertCompletes(disk: SimulatedDisk, one: Case, where: string): Promise<void> {
  const isDone = shown(disk) === one.after.join(" ");
  if (shown(disk) === one.claimed?.join(" ")) {
    await assert.rejects(runOn(disk, one), (error) => error instanceof StoreError && error.kind === "exists", where);
    return;
  }
  try {
    await runOn(disk, one);
    assert(!isDone || one.repeated === undefined, `${where}: done twice`);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    assert(isDone && error.kind === one.repeated, `${where}: ${error.message}`);
  }
  assert.equal(shown(disk), one.after.join(" "), where);
  assert.equal(disk.openDescriptors, 0, where);
  nowMs += STALE_AFTER_MS + 1;
  const later = await DirectoryStore.open(FOLDER, { disk });
  await later.removeStaleBelow();
  nowMs = START_MS;
  assert.equal(disk.temporaryFiles, 0, `${where}: a partial file stays for ever`);
}

function assertShows(disk: SimulatedDisk, allowed: readonly (readonly string[])[], where: string): void {
  const now = shown(disk);
  assert(allowed.some((entries) => entries.join(" ") === now), `${where}: ${now}`);
}

for (const one of CASES) {
  const { what, before, between = [], claimed = before, after } = one;
  const allowed = [before, ...between, claimed, after];

  Deno.test(`a power failure at any operation leaves the old or the new: the store ${what}`, async () => {
    const disk = diskBefore(one);
    const left: { disk: SimulatedDisk; where: string }[] = [];
    let count = 0;
    let failure: unknown;
    const cut = (operation: string, states: Case["between"] & object): void => {
      for (const { what, losses } of lossesOf(`${count}`)) {
        const where = `operation ${count}, ${operation}, ${what} lost`;
        const crashed = disk.crashed(losses);
        try {
          assertShows(crashed, states, where);
        } catch (error) {
          failure ??= error;
        }
        left.push({ disk: crashed, where });
      }
      count++;
    };
    disk.meter.beforeOperation = (operation) => cut(operation, allowed);
    await runOn(disk, one);
    disk.meter.beforeOperation = undefined;
    cut("end", [after]);
    if (failure !== undefined) throw failure;
    for (const { disk, where } of left) await assertCompletes(disk, one, where);
  });

  for (const code of ["EIO", "ENOSPC"]) {
    Deno.test(`${code} at any operation leaves the old or the new: the store ${what}`, async () => {
      for (let failing = 0, isOver = false; !isOver; failing++) {
        const disk = diskBefore(one);
        let count = 0;
        let failed: string | undefined;
        disk.meter.beforeOperation = (operation) => {
          if (count++ !== failing) return;
          failed = operation;
          throw diskError(code);
        };
        let isDone = true;
        try {
          await runOn(disk, one);
        } catch (error) {
          if (!(error instanceof StoreError)) throw error;
          isDone = false;
        }
        disk.meter.beforeOperation = undefined;
        const where = `operation ${failing}, ${failed}`;
        assertShows(disk, isDone ? [after] : allowed, where);
        assert.equal(disk.openDescriptors, 0, where);
        await assertCompletes(disk, one, where);
        isOver = failed === undefined;
      }
    });
  }
}
