import assert from "node:assert/strict";
import { SimulatedDisk } from "../../../sim/disk/disk.ts";
import type { Disk } from "../../../store/disk.ts";
import { diskError } from "../../../store/disk_error.ts";
import { nameIn, type WalkedFolder, type WalkOptions, walkTree } from "../../../store/tree_walk.ts";
import { pattern } from "../../../testing/file_store_compliance.ts";

function diskWith(...names: string[]): SimulatedDisk {
  const disk = new SimulatedDisk();
  for (const name of names) disk.put(`/srv/${name}`, pattern(1));
  return disk;
}

async function root(disk: Disk): Promise<WalkedFolder> {
  const stats = await disk.stat("/srv");
  return { path: "/srv", name: "", identity: stats, isShared: false, ownerUid: stats.uid };
}

/** What a walk came upon. */
interface Walked {
  readonly visited: string[];
  readonly shared: string[];
  readonly unreadable: string[];
  readonly gone: string[];
  readonly skipped: string[];
}

async function walk(disk: Disk, options: Partial<WalkOptions> = {}): Promise<Walked> {
  const [visited, shared, unreadable]: string[][] = [[], [], []];
  const { gone, skipped } = await walkTree(await root(disk), {
    disk,
    visit: ({ folder, name }) => {
      visited!.push(nameIn(folder, name));
      if (folder.isShared) shared!.push(nameIn(folder, name));
      return true;
    },
    onUnreadable: (folder, { kind }) => unreadable!.push(`${folder.name}: ${kind}`),
    maxEntries: Infinity,
    ...options,
  });
  const names = (folders: Iterable<WalkedFolder>) => [...folders].map(({ name }) => name).sort();
  return {
    visited: visited!.sort(),
    shared: shared!.sort(),
    unreadable: unreadable!,
    gone: names(gone),
    skipped: names(skipped),
  };
}

Deno.test("walkTree visits everything once, and follows no link", async () => {
  const disk = diskWith("a", "b/c", "b/d/e", "f/g");
  disk.putLink("/srv/link", "b");
  disk.putLink("/srv/b/up", "..");
  disk.putFolder("/srv/empty");
  const { visited, ...rest } = await walk(disk);
  assert.deepEqual(visited, ["a", "b", "b/c", "b/d", "b/d/e", "b/up", "empty", "f", "f/g", "link"]);
  assert.deepEqual(rest, { shared: [], unreadable: [], gone: [], skipped: [] });
});

Deno.test("walkTree goes on only where its caller says so, and looks up only the names that it selects", async () => {
  const disk = diskWith("a/b/c", "a/.x", "d/e");
  const visited: string[] = [];
  await walk(disk, {
    selects: (name) => name !== ".x",
    visit: ({ folder, name }) => {
      visited.push(nameIn(folder, name));
      return Promise.resolve(name === "a");
    },
  });
  assert.deepEqual(visited.sort(), ["a", "a/b", "d"]);
});

Deno.test("walkTree walks a tree as deep as a disk can have it", async () => {
  const depth = 1000;
  const disk = diskWith(`${"d/".repeat(depth)}file`);
  assert.equal((await walk(disk)).visited.length, depth + 1);
});

Deno.test("walkTree tells of folders that cannot be read, and goes on with the others", async () => {
  const disk = diskWith("a/x", "b/y", "c/z");
  const readdir = disk.readdir.bind(disk);
  disk.readdir = (folder) => folder === "/srv/b" ? Promise.reject(diskError("EACCES")) : readdir(folder);
  const { visited, unreadable, gone } = await walk(disk);
  assert.deepEqual(visited, ["a", "a/x", "b", "c", "c/z"]);
  assert.deepEqual([unreadable, gone], [["b: denied"], []]);
});

Deno.test("walkTree rejects if its first folder cannot be read, or the disk fails", async () => {
  const disk = diskWith("a/x");
  const whole = disk.readdir.bind(disk);
  disk.readdir = () => Promise.reject(diskError("EACCES"));
  await assert.rejects(walk(disk), { code: "EACCES" });
  disk.readdir = whole;
  const lstat = disk.lstat.bind(disk);
  disk.lstat = (path) => path === "/srv/a/x" ? Promise.reject(diskError("EIO")) : lstat(path);
  await assert.rejects(walk(disk), { kind: "io" });
});

Deno.test("walkTree leaves out folders with which there would be more entries than its limit, and names them", async () => {
  const names = [..."abc"].flatMap((folder) => [..."xyz"].map((name) => `${folder}/${name}`));
  for (const [maxEntries, skipped] of [[12, 0], [11, 1], [6, 2], [5, 3], [3, 3], [1, 3]] as const) {
    const walked = await walk(diskWith(...names), { maxEntries });
    assert.equal(walked.skipped.length, skipped, `at most ${maxEntries}`);
    assert.equal(walked.visited.length, 12 - 3 * skipped, "a folder is read as a whole, or not at all");
    for (const folder of walked.skipped) assert(!walked.visited.some((name) => name.startsWith(`${folder}/`)));
  }
});

Deno.test("walkTree reads one folder of any size", async () => {
  const names = Array.from({ length: 100 }, (_, i) => `f${i}`);
  const { visited, skipped } = await walk(diskWith(...names), { maxEntries: 10 });
  assert.deepEqual([visited.length, skipped], [100, []]);
});

Deno.test("walkTree gives up a folder that another one, or a link, replaces during the walk", async () => {
  for (const kind of ["folder", "link", "nothing"]) {
    const disk = diskWith("a/b/secret", "elsewhere/other");
    const readdir = disk.readdir.bind(disk);
    disk.readdir = (folder) => {
      if (folder === "/srv/a") {
        disk.remove("/srv/a");
        if (kind === "folder") disk.put("/srv/a/b/other", pattern(1));
        if (kind === "link") disk.putLink("/srv/a", "elsewhere");
      }
      return readdir(folder);
    };
    const { visited, unreadable, gone } = await walk(disk);
    assert.deepEqual([gone, unreadable], [["a"], []], kind);
    assert(!visited.includes("a/b/other"), "what lies below it was not walked");
    assert(visited.includes("elsewhere/other"));
  }
});

Deno.test("walkTree knows which folders other users can write to, and all that lies below them", async () => {
  const disk = diskWith("own/a/x", "open/b/y");
  const lstat = disk.lstat.bind(disk);
  disk.lstat = async (path) => {
    const stats = await lstat(path);
    return stats && path === "/srv/open" ? Object.assign(stats, { mode: stats.mode | 0o020 }) : stats;
  };
  assert.deepEqual((await walk(disk)).shared, ["open/b", "open/b/y"]);
});
