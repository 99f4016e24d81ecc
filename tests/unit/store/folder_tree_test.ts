import assert from "node:assert/strict";
import { SimulatedDisk } from "../../../sim/disk/disk.ts";
import type { SimulatedDiskOptions } from "../../../sim/disk/options.ts";
import type { Disk } from "../../../store/disk.ts";
import {
  type EnterOptions,
  FolderTree,
  hasShortName,
  isSameFolder,
  kindOf,
  makeFolder,
} from "../../../store/folder_tree.ts";
import { syncFolder } from "../../../store/folder_sync.ts";
import { RootFolder } from "../../../store/root_folder.ts";
import { Spelling } from "../../../store/spelling.ts";
import { assertRefused, pattern } from "../../../testing/file_store_compliance.ts";

const LOOKING: EnterOptions = { subject: '"it"', isChange: false, makesMissing: false };
const CHANGING: EnterOptions = { ...LOOKING, isChange: true };
const MAKING: EnterOptions = { ...CHANGING, makesMissing: true };

async function treeOn(disk: Disk): Promise<FolderTree> {
  const root = await RootFolder.open("/srv", { disk, create: true });
  return new FolderTree(root, {
    disk,
    sync: (folder) => syncFolder(disk, folder),
    spelling: new Spelling(disk),
  });
}

function diskWith(names: readonly string[], options: SimulatedDiskOptions = {}): SimulatedDisk {
  const disk = new SimulatedDisk({ nowMs: () => 1, ...options });
  for (const name of names) disk.put(`/srv/${name}`, pattern(1));
  return disk;
}

Deno.test("FolderTree.enter enters the store's own folder and those below it", async () => {
  const disk = diskWith(["a/b/c"]);
  const tree = await treeOn(disk);
  for (const name of ["", "a", "a/b"]) {
    const folder = await tree.enter(name, LOOKING);
    assert.deepEqual([folder.path, folder.name], [name === "" ? "/srv" : `/srv/${name}`, name]);
    assert.equal(folder.identity.ino, (await disk.stat(folder.path)).ino);
    await tree.requireSame(folder);
  }
  assert.deepEqual((await tree.enter("a/b", LOOKING)).steps.map((step) => step.name), ["a", "a/b"]);
});

Deno.test("FolderTree.enter makes missing folders only if it is told to", async () => {
  const disk = diskWith(["a/b"]);
  const tree = await treeOn(disk);
  for (const how of [LOOKING, CHANGING]) {
    const error = await assertRefused("not-found", () => tree.enter("a/new/er", how));
    assert.match(error.message, /^"it" does not exist/);
  }
  await tree.enter("a/new/er", MAKING);
  assert.deepEqual(disk.tree("/srv"), ["a/", "a/b", "a/new/", "a/new/er/"]);
});

Deno.test("FolderTree.enter refuses a way through files and links, and says which", async () => {
  const disk = diskWith(["a/file", "elsewhere/x"]);
  disk.putLink("/srv/a/link", "../elsewhere");
  const tree = await treeOn(disk);
  const before = disk.tree("/srv");
  for (const how of [LOOKING, CHANGING, MAKING]) {
    const file = await assertRefused("not-a-file", () => tree.enter("a/file/x", how));
    assert.equal(file.message, '"a/file" is a file, so that "it" cannot be below it');
    const link = await assertRefused("not-a-file", () => tree.enter("a/link", { ...how, subject: '"a/link"' }));
    assert.match(link.message, /^"a\/link" is a symbolic link, which is not followed here, not a folder/);
  }
  assert.deepEqual(disk.tree("/srv"), before);
});

Deno.test("FolderTree.enter gives a new folder the mode of the one above it, less the umask", async () => {
  for (const [above, expected] of [[0o700, 0o700], [0o750, 0o750], [0o755, 0o755], [0o777, 0o755], [0o500, 0o700]]) {
    const disk = diskWith([]);
    await disk.mkdir("/srv", 0o777);
    const tree = await treeOn(modesOn(disk, { "/srv": above! }));
    await tree.enter("a/b", MAKING);
    for (const path of ["/srv/a", "/srv/a/b"]) {
      assert.equal(((await disk.stat(path)).mode & 0o777).toString(8), expected!.toString(8), path);
    }
  }
});

/** The disk, with these permission bits of some paths. */
function modesOn(disk: SimulatedDisk, modes: Readonly<Record<string, number>>): SimulatedDisk {
  for (const call of ["stat", "lstat"] as const) {
    const original = disk[call].bind(disk) as Disk["stat"];
    disk[call] = async (path: string) => {
      const stats = await original(path);
      const mode = modes[path];
      return stats === undefined || mode === undefined
        ? stats
        : Object.assign(stats, { mode: stats.mode & ~0o777 | mode });
    };
  }
  return disk;
}

Deno.test("FolderTree.enter knows which folders other users may write to", async () => {
  const disk = modesOn(diskWith(["open/below/x", "own/x"]), { "/srv/open": 0o770, "/srv/own": 0o755 });
  const tree = await treeOn(disk);
  const isShared = async (name: string) => (await tree.enter(name, LOOKING)).isShared;
  assert.deepEqual(await Promise.all(["", "own", "open", "open/below"].map(isShared)), [false, false, true, true]);
});

const fold = (name: string) => name.normalize("NFD").toUpperCase();

Deno.test("FolderTree.enter changes nothing in a folder that the disk spells otherwise, and looks into it", async () => {
  for (const [own, other] of [["Folder", "folder"], ["\u00e4", "A\u0308"], ["stra\u00dfe", "STRASSE"]]) {
    const disk = diskWith([`${own}/x`, `a/${own}/y`], { foldName: fold });
    const tree = await treeOn(disk);
    for (const name of [other!, `a/${other}`]) {
      assert.equal((await tree.enter(name, LOOKING)).identity.ino > 0, true);
      for (const how of [CHANGING, MAKING]) {
        const error = await assertRefused("bad-name", () => tree.enter(name, how));
        assert.match(error.message, new RegExp(`^"${name}" is to this disk another spelling of "${own}"`));
      }
    }
    await tree.enter(own!, CHANGING);
    await tree.enter(`a/${own}`, MAKING);
    assert.deepEqual(disk.tree("/srv"), [`${own}/`, `${own}/x`, "a/", `a/${own}/`, `a/${own}/y`].sort());
  }
});

Deno.test("FolderTree.enter refuses the short name that Windows gives to a folder, even to look into it", async () => {
  const shortened = (name: string) => name === "PROGRA~1" ? "program files" : name;
  const disk = diskWith(["program files/x", "a/program files/y", "own~1/z"], {
    foldName: shortened,
    nameRules: "windows",
  });
  const tree = await treeOn(disk);
  for (const name of ["PROGRA~1", "a/PROGRA~1"]) {
    for (const how of [LOOKING, CHANGING, MAKING]) {
      const error = await assertRefused("bad-name", () => tree.enter(name, how));
      assert.match(error.message, /another spelling of a file that exists/);
    }
  }
  for (const how of [LOOKING, MAKING]) await tree.enter("own~1", how);
});

Deno.test("FolderTree.requireSame notices a folder that was removed or replaced, at every level", async () => {
  for (const replaced of ["/srv/a", "/srv/a/b"]) {
    for (const kind of ["nothing", "folder", "link", "file"]) {
      const disk = diskWith(["a/b/x", "elsewhere/y"]);
      const tree = await treeOn(disk);
      const folder = await tree.enter("a/b", CHANGING);
      await tree.requireSame(folder);
      disk.remove(replaced);
      if (kind === "folder") disk.putFolder("/srv/a/b");
      if (kind === "link") disk.putLink(replaced, "elsewhere");
      if (kind === "file") disk.put(replaced, pattern(1));
      const error = await assertRefused("changed", () => tree.requireSame(folder));
      assert.match(error.message, /was removed, or another one is in its place; try again/);
    }
  }
});

Deno.test("FolderTree.makeDurable syncs the folder above each, once", async () => {
  const disk = diskWith([]);
  const tree = await treeOn(disk);
  const syncs = () => disk.meter.operations["fsync-folder"];
  const folder = await tree.enter("a/b", MAKING);
  assert.equal(await tree.makeDurable(folder), true);
  assert.equal(syncs(), 3, "the root's own entry, and two more");
  assert.equal(await tree.makeDurable(await tree.enter("a/b", CHANGING)), false);
  assert.equal(syncs(), 3);
  assert.equal(await tree.makeDurable(await tree.enter("a/c", MAKING)), true);
  assert.equal(syncs(), 4, "of the new folder alone");
  tree.forgetDurable();
  assert.equal(await tree.makeDurable(await tree.enter("a/c", CHANGING)), true);
});

Deno.test("FolderTree.makeDurable does not take a new folder for an earlier one of its path", async () => {
  let nowMs = 1;
  const disk = diskWith([], { nowMs: () => nowMs });
  const tree = await treeOn(disk);
  await tree.makeDurable(await tree.enter("a", MAKING));
  disk.remove("/srv/a");
  nowMs = 2;
  assert.equal(await tree.makeDurable(await tree.enter("a", MAKING)), true);
});

Deno.test("makeFolder returns whether it did, and throws what else the disk says", async () => {
  const disk = diskWith(["file"]);
  assert.equal(await makeFolder(disk, "/srv/a", 0o700), true);
  assert.equal(await makeFolder(disk, "/srv/a", 0o700), false);
  assert.equal(await makeFolder(disk, "/srv/file", 0o700), false);
  await assert.rejects(makeFolder(disk, "/srv/missing/a", 0o700), { code: "ENOENT" });
});

Deno.test("isSameFolder compares what is at the path now", async () => {
  const disk = diskWith(["a/x", "b/x", "file"]);
  const identity = await disk.stat("/srv/a");
  assert.equal(await isSameFolder(disk, { path: "/srv/a", identity }), true);
  for (const path of ["/srv/b", "/srv/file", "/srv/missing"]) {
    assert.equal(await isSameFolder(disk, { path, identity }), false, path);
  }
});

Deno.test("hasShortName suspects names with a tilde and a digit, on Windows alone", () => {
  const [posix, windows] = [new SimulatedDisk(), new SimulatedDisk({ nameRules: "windows" })];
  for (const [name, expected] of [["PROGRA~1", true], ["a~10.txt", true], ["a~b", false], ["a1", false]] as const) {
    assert.deepEqual([hasShortName(windows, name), hasShortName(posix, name)], [expected, false], name);
  }
});

Deno.test("kindOf names what an entry is", async () => {
  const disk = diskWith(["file", "folder/x"]);
  disk.putLink("/srv/link", "file");
  const kinds = await Promise.all(
    ["file", "folder", "link"].map(async (name) => kindOf((await disk.lstat(`/srv/${name}`))!)),
  );
  assert.deepEqual(kinds, ["a file", "a folder", "a symbolic link, which is not followed here"]);
});
