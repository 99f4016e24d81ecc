import assert from "node:assert/strict";
import { SimulatedDisk } from "../../../sim/disk/disk.ts";
import { diskError } from "../../../store/disk_error.ts";
import { describeLink, findUnlisted, listTree, measureTree } from "../../../store/tree_listing.ts";
import type { WalkedFolder } from "../../../store/tree_walk.ts";
import { assertRefused, pattern } from "../../../testing/file_store_compliance.ts";
import type { ListQuery, StoreListing } from "../../../transfer/file_store.ts";

const PARTIAL = ".sluice-0123456789abcdef0123456789abcdef.part";

function diskWith(...names: string[]): SimulatedDisk {
  const disk = new SimulatedDisk();
  for (const name of names) disk.put(`/srv/${name}`, pattern(1));
  return disk;
}

async function root(disk: SimulatedDisk): Promise<WalkedFolder> {
  const stats = await disk.stat("/srv");
  return { path: "/srv", name: "", identity: stats, isShared: false, ownerUid: stats.uid };
}

async function list(
  disk: SimulatedDisk,
  { maxEntries, ...query }: Partial<ListQuery> & { maxEntries?: number } = {},
): Promise<Omit<StoreListing, "entries"> & { names: string }> {
  const { entries, ...rest } = await listTree(await root(disk), {
    disk,
    query: { path: "", recursive: true, ...query },
    isPlacing: () => false,
    ...(maxEntries === undefined ? {} : { maxEntries }),
  });
  return { ...rest, names: entries.map(({ name }) => name).join(" ") };
}

/** Makes the folders at these paths unreadable. */
function lock(disk: SimulatedDisk, ...paths: string[]): SimulatedDisk {
  const readdir = disk.readdir.bind(disk);
  disk.readdir = (folder) => paths.includes(folder) ? Promise.reject(diskError("EACCES")) : readdir(folder);
  return disk;
}

Deno.test("listTree says which folders it left out since the list would be too long", async () => {
  const names = ["a/x", "a/y", "b/x", "b/y", "c/x", "c/y"];
  const whole = await list(diskWith(...names), { maxEntries: 9 });
  assert.deepEqual(whole, { names: "a a/x a/y b b/x b/y c c/x c/y", unlisted: [], gaps: [] });
  const two = await list(diskWith(...names), { maxEntries: 8 });
  assert.deepEqual(two.names, "a a/x a/y b b/x b/y c");
  assert.deepEqual(two.gaps, ['the list would be too long with what is in "c"; list one folder at a time']);
  const one = await list(diskWith(...names), { maxEntries: 6 });
  assert.deepEqual(one.names, "a a/x a/y b c");
  assert.match(one.gaps.join(), /what is in "b" and 1 other folders; list one folder at a time$/);
});

Deno.test("listTree says which folders cannot be read, and lists the others", async () => {
  const disk = lock(diskWith("a/x", "b/y", "b/c/z", "d"), "/srv/a", "/srv/b/c");
  const { names, gaps, unlisted } = await list(disk);
  assert.equal(names, "a b b/c b/y d");
  assert.deepEqual(unlisted, []);
  assert.equal(gaps.length, 2);
  assert.match(gaps[0]!, /^the folder "a" cannot be accessed: permission denied/);
  assert.match(gaps[1]!, /^the folder "b\/c" cannot be accessed: permission denied/);
  assert.deepEqual((await list(disk, { recursive: false })).gaps, [], "nothing is missing from this list");
  assert.deepEqual((await list(disk, { pattern: "b/*" })).gaps, [], "nor from this one");
});

Deno.test("listTree leaves out partial files at every level, and counts what cannot be named", async () => {
  const disk = diskWith(PARTIAL, `a/${PARTIAL}`, "a/x", "a/\ufffd", `a/.SLUICE-y`);
  assert.deepEqual(await list(disk), { names: "a a/x", unlisted: ["a/\ufffd"], gaps: [] });
  assert.deepEqual(await findUnlisted(await root(disk), disk), [], "of the folder itself");
  disk.put("/srv/\ufffd", pattern(1));
  assert.deepEqual(await findUnlisted(await root(disk), disk), ["\ufffd"]);
});

Deno.test("listTree shows the target of a link that stays in the store alone", async () => {
  const disk = diskWith("a/x");
  disk.putLink("/srv/a/in", "../a/x");
  disk.putLink("/srv/a/out", "../../etc/passwd");
  const entries = (await listTree(await root(disk), {
    disk,
    query: { path: "", recursive: true },
    isPlacing: () => false,
  })).entries.filter(({ kind }) => kind === "link");
  assert.deepEqual(entries.map(({ name, target }) => [name, target]), [["a/in", "../a/x"], ["a/out", undefined]]);
});

Deno.test("describeLink knows nothing of a link that has just been removed or replaced", async () => {
  const disk = diskWith("file");
  disk.putLink("/srv/link", "file");
  const stats = (await disk.lstat("/srv/link"))!;
  assert.equal((await describeLink("link", { path: "/srv/link", stats, disk }))?.target, "file");
  assert.equal(await describeLink("link", { path: "/srv/file", stats, disk }), undefined);
  disk.remove("/srv/link");
  assert.equal(await describeLink("link", { path: "/srv/link", stats, disk }), undefined);
});

Deno.test("listTree rejects if the folder itself cannot be read", async () => {
  await assert.rejects(list(lock(diskWith("a"), "/srv")), { code: "EACCES" });
  const disk = diskWith("a/x");
  disk.lstat = () => Promise.reject(diskError("EIO"));
  await assertRefused("io", () => list(disk));
});

Deno.test("measureTree counts everything, partial files apart", async () => {
  const disk = diskWith("a/x", "a/b/\ufffd", `a/${PARTIAL}`);
  disk.putLink("/srv/l", "a");
  const { usedBytes, partialBytes } = await measureTree(await root(disk), disk);
  assert.equal(usedBytes, 5 * 4096, "two files, two folders, and a link");
  assert.deepEqual([...partialBytes], [[`/srv/a/${PARTIAL}`, 4096]]);
});
