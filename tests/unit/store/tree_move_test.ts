import assert from "node:assert/strict";
import { SimulatedDisk } from "../../../sim/disk/disk.ts";
import { LOSES_ALL } from "../../../sim/disk/losses.ts";
import type { SimulatedDiskOptions } from "../../../sim/disk/options.ts";
import { diskError } from "../../../store/disk_error.ts";
import { syncFolder } from "../../../store/folder_sync.ts";
import { Spelling } from "../../../store/spelling.ts";
import { moveEntry } from "../../../store/tree_move.ts";
import { assertRefused, pattern } from "../../../testing/file_store_compliance.ts";

/** A file "a", a folder "f" with "f/x", and a link "l". */
function filled(options: SimulatedDiskOptions = {}): SimulatedDisk {
  const disk = new SimulatedDisk(options);
  disk.put("/srv/a", pattern(3, 1));
  disk.put("/srv/f/x", pattern(4, 2));
  disk.putLink("/srv/l", "a");
  return disk;
}

/** Moves as a store does; resolves to the folders that were synced, in their order. */
async function move(
  disk: SimulatedDisk,
  from: string,
  options: { to: string; overwrite?: boolean },
): Promise<string[]> {
  const [fromPath, toPath] = [`/srv/${from}`, `/srv/${options.to}`];
  const synced: string[] = [];
  const spelling = new Spelling(disk);
  await moveEntry({
    disk,
    sync: (folder) => {
      synced.push(folder);
      return syncFolder(disk, folder);
    },
    fromPath,
    toPath,
    stats: (await disk.lstat(fromPath))!,
    overwrite: options.overwrite ?? false,
    requireSpelling: (path) => spelling.require(path, '"it"'),
    subject: '"it"',
  });
  return synced;
}

Deno.test("moveEntry moves files, links and folders, and syncs the new name's folder first", async () => {
  for (const overwrite of [false, true]) {
    const disk = filled();
    assert.deepEqual(await move(disk, "a", { to: "f/b", overwrite }), ["/srv/f", "/srv"]);
    await move(disk, "l", { to: "f/m", overwrite });
    assert.deepEqual((await move(disk, "f", { to: "g", overwrite })).slice(0, 1), ["/srv"]);
    assert.deepEqual(disk.tree("/srv"), ["g/", "g/b", "g/m@a", "g/x"]);
    assert.deepEqual([disk.contents("/srv/g/b"), disk.contents("/srv/g/x")], [pattern(3, 1), pattern(4, 2)]);
    assert.deepEqual(disk.crashed(LOSES_ALL).tree("/srv"), disk.tree("/srv"));
  }
});

Deno.test("moveEntry replaces nothing unasked, also without hard links", async () => {
  for (const hasNoLinks of [false, true]) {
    const disk = filled({ faults: { hasNoLinks } });
    const before = disk.tree("/srv");
    for (const [from, to] of [["a", "f"], ["a", "l"], ["a", "f/x"], ["l", "a"], ["f", "a"], ["f", "l"]]) {
      await assertRefused("exists", () => move(disk, from!, { to: to! }));
    }
    assert.deepEqual(disk.tree("/srv"), before);
    await move(disk, "a", { to: "b" });
    assert.deepEqual([disk.contents("/srv/b"), disk.contents("/srv/a")], [pattern(3, 1), undefined]);
  }
});

Deno.test("moveEntry replaces files and links by such, if it is asked to, and no folder", async () => {
  const disk = filled();
  for (const [from, to] of [["a", "f"], ["l", "f"], ["f", "a"], ["f", "l"]]) {
    const error = await assertRefused("not-a-file", () => move(disk, from!, { to: to!, overwrite: true }));
    assert.match(error.message, /^"it" is .*remove it first$/);
  }
  await move(disk, "l", { to: "f/x", overwrite: true });
  await move(disk, "a", { to: "f/x", overwrite: true });
  assert.deepEqual(disk.tree("/srv"), ["f/", "f/x"]);
  assert.deepEqual(disk.contents("/srv/f/x"), pattern(3, 1));
});

Deno.test("moveEntry replaces nothing that takes the new name in the middle of it", async () => {
  for (const hasNoLinks of [false, true]) {
    const disk = filled({ faults: { hasNoLinks } });
    disk.meter.beforeOperation = (operation) => {
      if (operation !== "link") return;
      disk.meter.beforeOperation = undefined;
      disk.put("/srv/b", pattern(9));
    };
    await assertRefused("exists", () => move(disk, "a", { to: "b" }));
    assert.deepEqual([disk.contents("/srv/a"), disk.contents("/srv/b")], [pattern(3, 1), pattern(9)]);
  }
});

const fold = (name: string) => name.normalize("NFD").toUpperCase();

Deno.test("moveEntry gives an entry another spelling of its name, on a disk that takes both for one", async () => {
  for (const overwrite of [false, true]) {
    const disk = filled({ foldName: fold });
    for (const [from, to] of [["a", "A"], ["f", "F"], ["l", "L"], ["F/x", "F/X"]]) {
      await move(disk, from!, { to: to!, overwrite });
    }
    assert.deepEqual(disk.tree("/srv"), ["A", "F/", "F/X", "L@a"]);
    assert.deepEqual([disk.contents("/srv/A"), disk.contents("/srv/F/X")], [pattern(3, 1), pattern(4, 2)]);
  }
});

Deno.test("moveEntry does not replace an entry of which the new name is another spelling", async () => {
  const disk = filled({ foldName: fold });
  disk.put("/srv/B", pattern(9));
  await assertRefused("exists", () => move(disk, "a", { to: "b" }));
  await assertRefused("bad-name", () => move(disk, "a", { to: "b", overwrite: true }));
  assert.deepEqual([disk.contents("/srv/a"), disk.contents("/srv/B")], [pattern(3, 1), pattern(9)]);
});

Deno.test("moveEntry ends a move that a crash has cut short: the file has both names", async () => {
  const disk = filled();
  await disk.link("/srv/a", "/srv/f/b");
  await move(disk, "a", { to: "f/b" });
  assert.deepEqual([disk.contents("/srv/f/b"), disk.contents("/srv/a")], [pattern(3, 1), undefined]);
});

Deno.test("moveEntry leaves a file that has meanwhile taken the old name", async () => {
  const disk = filled();
  disk.meter.beforeOperation = (operation) => {
    if (operation !== "fsync-folder") return;
    disk.meter.beforeOperation = undefined;
    disk.remove("/srv/a");
    disk.put("/srv/a", pattern(9));
  };
  await move(disk, "a", { to: "b" });
  assert.deepEqual([disk.contents("/srv/a"), disk.contents("/srv/b")], [pattern(9), pattern(3, 1)]);
});

Deno.test("moveEntry keeps the old name if the disk fails before the new one is durable", async () => {
  for (const failing of ["link", "fsync-folder"] as const) {
    const disk = filled();
    disk.meter.beforeOperation = (operation) => {
      if (operation === failing) throw diskError("EIO");
    };
    await assert.rejects(move(disk, "a", { to: "f/b" }), { code: "EIO" });
    assert.deepEqual(disk.contents("/srv/a"), pattern(3, 1));
  }
});
