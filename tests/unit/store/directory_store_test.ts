import assert from "node:assert/strict";
import { nodeDisk } from "../../../io/node_disk.ts";
import { Random } from "../../../base/random.ts";
import { SimulatedDisk } from "../../../sim/disk/disk.ts";
import { DISK_OPERATIONS } from "../../../sim/disk/faults.ts";
import { DirectoryStore } from "../../../store/directory_store.ts";
import type { Disk } from "../../../store/disk.ts";
import { diskError } from "../../../store/disk_error.ts";
import { promised, type PromisedStore } from "../../../testing/promised_store.ts";
import { type EntryKind, StoreError } from "../../../transfer/file_store.ts";
import {
  assertRefused,
  commit,
  describeFileStore,
  type MakeStore,
  pattern,
  store,
} from "../../../testing/file_store_compliance.ts";
import { describeTree } from "../../../testing/tree_compliance.ts";
import { describeResuming } from "../../../testing/resume_compliance.ts";

function listPartial(root: string): string[] {
  return [...Deno.readDirSync(root)].map((entry) => entry.name).filter((name) => name.startsWith(".sluice-"));
}

function readIfThere(path: string): Uint8Array | undefined {
  try {
    return Deno.readFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/**
 * What lies in a folder and is open in this process, where the platform tells: Deno's own check does not see descriptors
 * of node:fs. Other test files run in the same process, so theirs must not count.
 */
function openFilesIn(folder: string): string[] {
  if (Deno.build.os !== "linux") return [];
  const real = Deno.realPathSync(folder);
  return [...Deno.readDirSync("/proc/self/fd")].map(({ name }) => openedPath(name)).filter((path) =>
    path.startsWith(real)
  );
}

/** The path that a descriptor was opened by; empty once it is closed. */
function openedPath(descriptor: string): string {
  try {
    return Deno.readLinkSync(`/proc/self/fd/${descriptor}`);
  } catch {
    return "";
  }
}

const makeStore: MakeStore = async ({ readOnly, files }) => {
  const root = Deno.makeTempDirSync({ prefix: "sluice-test-" });
  for (const [name, bytes] of Object.entries(files)) Deno.writeFileSync(`${root}/${name}`, bytes);
  return {
    store: await DirectoryStore.open(root, { disk: nodeDisk, readOnly }),
    put: (name, bytes, modifiedUs) => {
      Deno.writeFileSync(`${root}/${name}`, bytes);
      Deno.utimeSync(`${root}/${name}`, new Date(modifiedUs / 1000), new Date(modifiedUs / 1000));
    },
    // Deno 2.6 forgets the sign of a time that it reads.
    earliestUs: Deno.version.deno.startsWith("2.6.") ? 0 : -Infinity,
    contents: (name) => readIfThere(`${root}/${name}`),
    partialFiles: () => listPartial(root).length,
    dispose: () => {
      const open = openFilesIn(root);
      Deno.removeSync(root, { recursive: true });
      assert.deepEqual(open, [], "no descriptor may stay open");
    },
  };
};

describeFileStore("DirectoryStore", makeStore);

describeTree("DirectoryStore", makeStore);
if (nodeDisk.hasLocks) describeResuming("DirectoryStore", makeStore);

type Run = (root: string, disk: PromisedStore) => void | Promise<void>;

/** A test on a folder of its own. */
function check(what: string, run: Run, machine: Partial<Disk> = {}): void {
  Deno.test(`DirectoryStore ${what}`, async () => {
    // Beside the root lies what must never be reached.
    const parent = Deno.makeTempDirSync({ prefix: "sluice-test-" });
    Deno.writeTextFileSync(`${parent}/secret`, "outside");
    Deno.mkdirSync(`${parent}/root`);
    try {
      const store = await DirectoryStore.open(`${parent}/root`, { disk: { ...nodeDisk, ...machine } });
      await run(`${parent}/root`, promised(store));
      assert.equal(Deno.readTextFileSync(`${parent}/secret`), "outside");
    } finally {
      Deno.removeSync(parent, { recursive: true });
    }
  });
}

/** Every way in refuses `name` as not a file, and it is looked up and listed as what it is, if that is anything. */
async function assertNeverOpened(disk: PromisedStore, name: string, kind?: EntryKind): Promise<void> {
  if (kind === undefined) await assertRefused("not-a-file", () => disk.stat(name));
  else assert.equal((await disk.stat(name)).kind, kind);
  await assertRefused("not-a-file", () => disk.open(name));
  await assertRefused("not-a-file", () => disk.create(name, { sizeBytes: 1, overwrite: true }));
  await assertRefused("exists", () => disk.create(name, { sizeBytes: 1, overwrite: false }));
  const kinds = (await disk.list()).filter((info) => info.name === name).map((info) => info.kind);
  assert.deepEqual(kinds, kind === undefined ? [] : [kind]);
}

check("does not follow a symbolic link", async (root, disk) => {
  Deno.symlinkSync("/etc/passwd", `${root}/passwd`);
  Deno.symlinkSync("../secret", `${root}/relative`);
  Deno.symlinkSync("nowhere", `${root}/dangling`);
  Deno.symlinkSync("itself", `${root}/itself`);
  for (const name of ["passwd", "relative", "dangling", "itself"]) await assertNeverOpened(disk, name, "link");
});

check("does not enter a linked folder", async (root, disk) => {
  Deno.symlinkSync("..", `${root}/up`);
  await assertNeverOpened(disk, "up", "link");
  await assertRefused("not-a-file", () => disk.open("up/secret"));
});

check("does not block on a FIFO", async (root, disk) => {
  assert(new Deno.Command("mkfifo", { args: [`${root}/fifo`] }).outputSync().success);
  await assertNeverOpened(disk, "fifo");
});

check("does not open a socket", async (root, disk) => {
  const listener = Deno.listen({ transport: "unix", path: `${root}/socket` });
  await assertNeverOpened(disk, "socket");
  listener.close();
});

check("does not open a folder", async (root, disk) => {
  Deno.mkdirSync(`${root}/folder`);
  Deno.writeTextFileSync(`${root}/folder/inside`, "x");
  await assertNeverOpened(disk, "folder", "folder");
  assert.equal(Deno.readTextFileSync(`${root}/folder/inside`), "x");
});

check("does not replace a folder that appears before the commit", async (root, disk) => {
  const file = await disk.create("a", { sizeBytes: 0, overwrite: true });
  Deno.mkdirSync(`${root}/a`);
  const result = await commit(file);
  assert(result instanceof StoreError);
  assert.equal(result.kind, "not-a-file");
  assert(Deno.statSync(`${root}/a`).isDirectory);
  assert.deepEqual(listPartial(root), []);
});

check("does not write through a link that appears before the commit", async (root, disk) => {
  for (const overwrite of [true, false]) {
    const file = await disk.create("a", { sizeBytes: 3, overwrite });
    file.write(0, pattern(3));
    Deno.symlinkSync("../secret", `${root}/a`);
    const result = await commit(file);
    assert(result instanceof StoreError);
    assert.equal(result.kind, overwrite ? "not-a-file" : "exists");
    Deno.removeSync(`${root}/a`);
  }
});

check("reports that its folder is missing", async (root, disk) => {
  const file = await disk.create("a", { sizeBytes: 1, overwrite: false });
  file.write(0, pattern(1));
  Deno.removeSync(root, { recursive: true });
  const result = await commit(file);
  assert(result instanceof StoreError);
  for (
    const error of [
      result,
      await assertRefused("io", () => disk.list()),
      await assertRefused("io", () => disk.stat("a")),
      await assertRefused("io", () => disk.open("a")),
      await assertRefused("io", () => disk.create("b", { sizeBytes: 1, overwrite: false })),
    ]
  ) {
    assert.equal(error.kind, "io");
    assert.match(error.message, /folder has gone/);
    assert(!error.message.includes(root), "the folder's path is not the peer's business");
  }
});

check("opens a file without permission for no one but root", async (root, disk) => {
  Deno.writeTextFileSync(`${root}/locked`, "x");
  Deno.chmodSync(`${root}/locked`, 0);
  assert.equal((await disk.stat("locked")).sizeBytes, 1);
  if (Deno.uid() === 0) (await disk.open("locked")).close();
  else assert.match((await assertRefused("denied", () => disk.open("locked"))).message, /"locked"/);
});

check("accepts bytes beyond 4 GiB", async (_root, disk) => {
  const offset = 5 * 2 ** 30 + 7;
  const file = await disk.create("big", { sizeBytes: offset + 1000, overwrite: false });
  file.write(offset, pattern(1000));
  file.write(offset - 2 ** 32, pattern(1000, 2));
  const into = new Uint8Array(2000);
  assert.equal(file.read(offset, into), 1000);
  assert.deepEqual(into.slice(0, 1000), pattern(1000));
  assert.equal(file.read(offset - 2 ** 32 - 500, into), 2000);
  assert.deepEqual(into.slice(500, 1500), pattern(1000, 2));
  file.abort();
}, { freeBytes: () => Promise.resolve(2 ** 40) });

check("refuses a file that is larger than the space left", async (root, disk) => {
  const error = await assertRefused(
    "no-space",
    () => disk.create("a", { sizeBytes: 2_000_000, overwrite: false }),
  );
  assert.match(error.message, /"a".*free some space/);
  assert.deepEqual(listPartial(root), []);
}, { freeBytes: () => Promise.resolve(1024 * 1024) });

check("accepts files if the free space is unknown", async (_root, disk) => {
  await store(disk, "a", { bytes: pattern(10) });
}, { freeBytes: () => Promise.resolve(undefined) });

check("asks the disk for the space left", async (_root, disk) => {
  await assertRefused("no-space", () => disk.create("a", { sizeBytes: 2 ** 52, overwrite: false }));
});

check("keeps a file private until it is complete", async (root, disk) => {
  const usual = `${root}/usual`;
  Deno.writeFileSync(usual, pattern(1), { mode: 0o644 });
  const file = await disk.create("a", { sizeBytes: 0, overwrite: false });
  const [partial] = listPartial(root);
  assert.match(partial!, /^\.sluice-[0-9a-f]{32}\.part$/);
  assert.equal(Deno.statSync(`${root}/${partial}`).mode! & 0o777, 0o600);
  await commit(file);
  assert.equal(Deno.statSync(`${root}/a`).mode! & 0o777, Deno.statSync(usual).mode! & 0o777);
  assert.equal(Deno.statSync(`${root}/a`).nlink, 1);
});

check("lists no names that a peer may not ask for", async (root, disk) => {
  for (const name of ["\ufffd", ".sluice-x", "ok", "a:b"]) Deno.writeTextFileSync(`${root}/${name}`, "x");
  assert.deepEqual((await disk.list()).map((info) => info.name), ["a:b", "ok"]);
});

check("tells which files it does not list, since their names cannot be sent", async (root) => {
  const heard: (readonly string[])[] = [];
  const onUnlisted = (names: readonly string[]) => heard.push(names);
  const put = (name: string) => Deno.writeTextFileSync(`${root}/${name}`, "x");
  for (const name of ["ok", "\ufffd", ".sluice-x"]) put(name);
  Deno.mkdirSync(`${root}/folder\ufffd`);
  const store = promised(await DirectoryStore.open(root, { disk: nodeDisk, onUnlisted }));
  assert.deepEqual(heard, [["folder\ufffd", "\ufffd"]], "when it is opened");
  Deno.removeSync(`${root}/folder\ufffd`);
  for (let times = 0; times < 2; times++) assert.deepEqual((await store.listing()).unlisted, ["\ufffd"]);
  assert.equal(heard.length, 1, "not again");
  put("z\ufffd");
  assert.deepEqual((await store.listing()).unlisted, ["z\ufffd", "\ufffd"]);
  assert.deepEqual(heard.slice(1), [["z\ufffd", "\ufffd"]], "when there are others");
  for (const name of ["z\ufffd", "\ufffd"]) Deno.removeSync(`${root}/${name}`);
  assert.deepEqual(await store.listing(), { entries: [await store.stat("ok")], unlisted: [], gaps: [] });
  assert.equal(heard.length, 2);
});

Deno.test("DirectoryStore counts names that are not UTF-8, which it cannot look up, as files", async () => {
  const disk = new SimulatedDisk();
  const opened = promised(await DirectoryStore.open("/srv", { disk }));
  await store(opened, "ok", { bytes: pattern(1) });
  const readdir = disk.readdir.bind(disk);
  disk.readdir = async (folder) => [...await readdir(folder), "z\ufffd"];
  const { entries, unlisted } = await opened.listing();
  assert.deepEqual([entries.map(({ name }) => name), unlisted], [["ok"], ["z\ufffd"]]);
});

Deno.test("DirectoryStore on Windows takes no name for a folder, a drive, a stream, a device or another file", async () => {
  const disk = new SimulatedDisk({ nameRules: "windows" });
  const windows = promised(await DirectoryStore.open("/srv", { disk }));
  await store(windows, "a", { bytes: pattern(1) });
  for (const name of ["..\\up", "C:up", "C:", "a:stream", "a::$DATA", "aux", "nul.txt", "a.", "a ", "a\nb", "a?"]) {
    const options = { sizeBytes: 1, modifiedUs: undefined, overwrite: true };
    await assertRefused("bad-name", () => windows.create(name, options));
    await assertRefused("not-found", () => windows.open(name));
    await assertRefused("not-found", () => windows.stat(name));
  }
  assert.deepEqual(disk.names("/srv"), ["a"]);
});

Deno.test("DirectoryStore on Windows gives out no partial file under its short name", async () => {
  const disk = new SimulatedDisk({
    nameRules: "windows",
    foldName: (name) => name.startsWith(".s") ? "SLUICE~1.PAR" : name.toUpperCase(),
  });
  const windows = promised(await DirectoryStore.open("/srv", { disk }));
  const file = await windows.create("a", { sizeBytes: 0, modifiedUs: undefined, overwrite: false });
  assert.notEqual(await disk.lstat("/srv/SLUICE~1.PAR"), undefined);
  await assertRefused("bad-name", () => windows.open("SLUICE~1.PAR"));
  await assertRefused("bad-name", () => windows.stat("SLUICE~1.PAR"));
  file.abort();
  await store(windows, "own~1", { bytes: pattern(1) });
  (await windows.open("own~1")).close();
});

check("removes stale partial files, and nothing else", async (root) => {
  const hex = "0123456789abcdef0123456789abcdef";
  const names = [`.sluice-${hex}.part`, `.sluice-${hex}.txt`, ".sluice-0.part", "a.part"];
  for (const name of names) Deno.writeTextFileSync(`${root}/${name}`, "x");
  const remaining = () => [...Deno.readDirSync(root)].map((entry) => entry.name).toSorted();
  const weekMs = 7 * 24 * 60 * 60 * 1000;
  const later = (ms: number): Disk => ({ ...nodeDisk, nowMs: () => Date.now() + ms });
  await DirectoryStore.open(root, { disk: later(weekMs - 60_000) });
  assert.deepEqual(remaining(), names.toSorted(), "a running transfer's file is younger than a week");
  await DirectoryStore.open(root, { disk: later(weekMs + 60_000), readOnly: true });
  assert.deepEqual(remaining(), names.toSorted(), "a read-only store changes nothing");
  await DirectoryStore.open(root, { disk: later(weekMs + 60_000) });
  assert.deepEqual(remaining(), names.slice(1).toSorted());
});

check("does not take an old modification time for a stale partial file", async (root, disk) => {
  const file = await disk.create("a", { sizeBytes: 0, overwrite: false });
  Deno.utimeSync(`${root}/${listPartial(root)[0]}`, new Date(1000), new Date(1000));
  await DirectoryStore.open(root, { disk: nodeDisk });
  assert.equal(await commit(file), "a");
});

check("makes its folder, or says what is wrong with it", async (root) => {
  assert.equal(
    (await DirectoryStore.open(`${root}/x`, { disk: nodeDisk })).rootPath,
    Deno.realPathSync(`${root}/x`),
  );
  await assertRefused("not-found", () => DirectoryStore.open(`${root}/missing`, { disk: nodeDisk, create: false }));
  Deno.writeTextFileSync(`${root}/file`, "x");
  const error = await assertRefused(
    "not-a-file",
    () => DirectoryStore.open(`${root}/file`, { disk: nodeDisk, create: false }),
  );
  assert.match(error.message, /is not a folder/);
  await assert.rejects(() => DirectoryStore.open(`${root}/file`, { disk: nodeDisk }), StoreError);
  await assert.rejects(() => DirectoryStore.open(`${root}/file/below`, { disk: nodeDisk }), StoreError);
});

check("serves a folder that is reached by a link", async (root) => {
  Deno.symlinkSync(root, `${root}-link`);
  const disk = promised(await DirectoryStore.open(`${root}-link`, { disk: nodeDisk }));
  Deno.removeSync(`${root}-link`);
  await store(disk, "a", { bytes: pattern(3) });
  assert.deepEqual(Deno.readFileSync(`${root}/a`), pattern(3));
});

Deno.test("DirectoryStore makes its folder durable, once and before the first file", async () => {
  const disk = new SimulatedDisk();
  disk.put("/srv/other", pattern(1));
  const disks = promised(await DirectoryStore.open("/srv/a", { disk }));
  await store(disks, "x", { bytes: pattern(3) });
  const syncs = disk.meter.operations["fsync-folder"];
  assert.equal(syncs, 2, "/srv and the folder itself");
  for (let seed = 0; seed < 20; seed++) {
    assert.deepEqual(disk.crashed(new Random(seed)).contents("/srv/a/x"), pattern(3));
  }
  await store(disks, "y", { bytes: pattern(3) });
  assert.equal(disk.meter.operations["fsync-folder"], syncs + 1);
});

Deno.test("DirectoryStore makes a folder durable that a killed run had made", async () => {
  const disk = new SimulatedDisk();
  disk.put("/srv/other", pattern(1));
  await DirectoryStore.open("/srv/a", { disk });
  disk.killProcess();
  await store(promised(await DirectoryStore.open("/srv/a", { disk })), "x", { bytes: pattern(3) });
  for (let seed = 0; seed < 20; seed++) {
    assert.deepEqual(disk.crashed(new Random(seed)).contents("/srv/a/x"), pattern(3));
  }
});

Deno.test("DirectoryStore accepts files even if it may not open the folder above its own", async () => {
  const disk = new SimulatedDisk();
  disk.put("/srv/other", pattern(1));
  const open = disk.open.bind(disk);
  disk.open = (path, flags, mode) => {
    if (path === "/srv") return Promise.reject(Object.assign(new Error("Requires"), { name: "NotCapable" }));
    return open(path, flags, mode);
  };
  await store(promised(await DirectoryStore.open("/srv/a", { disk })), "x", { bytes: pattern(3) });
});

Deno.test("DirectoryStore says that its folder could not be made durable, and tries again", async () => {
  const disk = new SimulatedDisk({ faults: { errorRates: { "fsync-folder": 1 } } });
  disk.put("/srv/other", pattern(1));
  const made = promised(await DirectoryStore.open("/srv/a", { disk }));
  const file = await made.create("x", { sizeBytes: 0, overwrite: false });
  const result = await commit(file);
  assert(result instanceof StoreError && result.kind === "io");
  assert.deepEqual(disk.names("/srv/a"), []);
  disk.meter.faults = {};
  await store(made, "x", { bytes: pattern(3) });
  assert.deepEqual(disk.crashed(new Random(3)).contents("/srv/a/x"), pattern(3));
});

/** Spellings of one name to a disk that folds case (NTFS) and Unicode (APFS, HFS+), and three names to any other. */
const SPELLINGS = ["\u00c4rger.txt", "\u00e4rger.TXT", "A\u0308rger.txt"] as const;

Deno.test("DirectoryStore refuses a name that the disk considers equal to an existing one", async () => {
  const [first, ...others] = SPELLINGS;
  for (const hasNoLinks of [false, true]) {
    const disk = new SimulatedDisk({
      faults: { hasNoLinks },
      foldName: (name) => name.normalize("NFD").toUpperCase(),
    });
    const folding = promised(await DirectoryStore.open("/srv", { disk }));
    await store(folding, first, { bytes: pattern(3) });
    for (const other of others) {
      await assertRefused("exists", () => folding.create(other, { sizeBytes: 1, overwrite: false }));
    }
    assert.deepEqual(disk.contents(`/srv/${first}`), pattern(3));
    for (const other of others) {
      const options = { sizeBytes: 1, overwrite: true };
      const error = await assertRefused("bad-name", () => folding.create(other, options));
      assert.match(error.message, new RegExp(`^"${other}" is to this disk another spelling of "${first}"`));
    }
    await store(folding, first, { bytes: pattern(5), overwrite: true });
    assert.deepEqual(disk.contents(`/srv/${first}`), pattern(5));
    assert.deepEqual(disk.names("/srv"), [first]);
  }
});

Deno.test("DirectoryStore stores one of two concurrent files whose names are the same to the disk", async () => {
  for (const [hasNoLinks, overwrite] of [[false, false], [false, true], [true, false], [true, true]] as const) {
    const disk = new SimulatedDisk({ faults: { hasNoLinks }, foldName: (name) => name.toLowerCase() });
    const folding = promised(await DirectoryStore.open("/srv", { disk }));
    const files = await Promise.all(
      ["A", "a"].map((name) => folding.create(name, { sizeBytes: 0, overwrite })),
    );
    const results = await Promise.all(files.map(commit));
    const stored = results.filter((result) => !(result instanceof StoreError));
    assert.equal(stored.length, 1);
    const refused = results.flatMap((result) => result instanceof StoreError ? result.kind : []);
    assert.deepEqual(refused, [overwrite ? "bad-name" : "exists"]);
    assert.deepEqual(disk.names("/srv"), stored);
  }
});

Deno.test("DirectoryStore distinguishes names that the disk distinguishes", async () => {
  const plain = promised(await DirectoryStore.open("/srv", { disk: new SimulatedDisk() }));
  for (const name of SPELLINGS) await store(plain, name, { bytes: pattern(3) });
  assert.deepEqual((await plain.list()).map((info) => info.name), SPELLINGS.toSorted());
});

Deno.test("DirectoryStore reports an error of the disk that occurs while it checks the folder of a missing file", async () => {
  const disk = new SimulatedDisk();
  disk.put("/srv/other", pattern(1));
  const opened = promised(await DirectoryStore.open("/srv/a", { disk }));
  const lstat = disk.lstat.bind(disk);
  let isMissed = false;
  disk.lstat = (path) => {
    if (isMissed && path === "/srv/a") return Promise.reject(diskError("EIO"));
    isMissed ||= path === "/srv/a/x";
    return lstat(path);
  };
  await assertRefused("io", () => opened.stat("x"));
});

Deno.test("DirectoryStore changes nothing in a folder by another spelling of its name", async () => {
  const disk = new SimulatedDisk({ foldName: (name) => name.normalize("NFD").toUpperCase() });
  disk.put("/srv/Folder/x", pattern(3));
  disk.putFolder("/srv/other");
  const folding = promised(await DirectoryStore.open("/srv", { disk }));
  const before = disk.tree("/srv");
  const calls: readonly (() => Promise<unknown>)[] = [
    () => folding.create("folder/new", { sizeBytes: 0, overwrite: false }),
    () => folding.create("folder/x", { sizeBytes: 0, overwrite: true }),
    () => folding.create("Folder/X", { sizeBytes: 0, overwrite: true }),
    () => folding.makeFolder("folder"),
    () => folding.makeFolder("folder/new"),
    () => folding.makeLink("folder/new", { target: "x", overwrite: false }),
    () => folding.remove("folder", { recursive: true }),
    () => folding.remove("folder/x"),
    () => folding.remove("Folder/X"),
    () => folding.move("folder", { newName: "moved", overwrite: false }),
    () => folding.move("folder/x", { newName: "moved", overwrite: false }),
    () => folding.move("Folder/x", { newName: "OTHER/x", overwrite: false }),
    () => folding.move("Folder", { newName: "folder/below", overwrite: false }),
  ];
  for (const call of calls) await assertRefused("bad-name", call);
  assert.deepEqual(disk.tree("/srv"), before);
  // What is only looked at does no harm.
  assert.equal((await folding.stat("folder/x")).sizeBytes, 3);
  await store(folding, "Folder/x", { bytes: pattern(4), overwrite: true });
  await folding.move("Folder", { newName: "folder", overwrite: false });
  await folding.move("folder/x", { newName: "folder/X", overwrite: false });
  assert.deepEqual(disk.tree("/srv"), ["folder/", "folder/X", "other/"]);
  assert.deepEqual(disk.contents("/srv/folder/X"), pattern(4));
});

check(
  "gives new folders the mode of the one above, less the umask and what their source does not give",
  async (root) => {
    if (Deno.build.os === "windows") return;
    const modeOf = (path: string) => (Deno.statSync(`${root}/${path}`).mode! & 0o777).toString(8);
    const allowed = 0o777 & ~Deno.umask();
    for (const above of [0o700, 0o755, 0o777]) {
      Deno.chmodSync(root, above);
      const opened = promised(await DirectoryStore.open(root, { disk: nodeDisk }));
      const name = `of-${above.toString(8)}`;
      await store(opened, `${name}/b/x`, { bytes: pattern(1) });
      await opened.makeFolder(`${name}/own`, { mode: 0o711 });
      await opened.makeFolder(`${name}/private`, { mode: 0o700 });
      const expected = [above & allowed, above & allowed, above & allowed & 0o711, 0o700].map((mode) =>
        mode.toString(8)
      );
      assert.deepEqual(["", "/b", "/own", "/private"].map((path) => modeOf(name + path)), expected);
      await opened.makeFolder(`${name}/private`, { mode: 0o777 });
      await opened.makeFolder(`${name}/b`, { mode: 0o750 });
      assert.equal(modeOf(`${name}/private`), "700", "an existing folder gains no right");
      assert.equal(
        modeOf(`${name}/b`),
        (above & allowed & 0o750).toString(8),
        "and loses what its source does not give",
      );
    }
  },
);

Deno.test("DirectoryStore makes no call to the disk for folders, where a name has none", async () => {
  const disk = new SimulatedDisk();
  disk.put("/srv/old", pattern(3));
  const flat = promised(await DirectoryStore.open("/srv", { disk }));
  await store(flat, "first", { bytes: pattern(3) });
  const counted = async (call: () => Promise<unknown>) => {
    const before = { ...disk.meter.operations };
    await call();
    const { operations } = disk.meter;
    return Object.fromEntries(
      DISK_OPERATIONS.map((name) => [name, operations[name] - before[name]] as const).filter(([, count]) => count > 0),
    );
  };
  const writing = { open: 2, close: 2, write: 1, fchmod: 2, fsync: 1, "fsync-folder": 1, statfs: 1 };
  assert.deepEqual(await counted(() => store(flat, "a", { bytes: pattern(3) })), {
    ...writing,
    fstat: 2,
    lstat: 5,
    link: 1,
    unlink: 1,
  });
  assert.deepEqual(await counted(() => store(flat, "a", { bytes: pattern(4), overwrite: true })), {
    ...writing,
    fstat: 3,
    lstat: 9,
    rename: 1,
  });
  const opened = await counted(async () => (await flat.open("old")).close());
  assert.deepEqual(opened, { open: 1, close: 1, fstat: 1, lstat: 3 });
  assert.deepEqual(await counted(() => flat.stat("old")), { lstat: 3 });
  assert.deepEqual(await counted(() => flat.list()), { readdir: 1, lstat: 2 + 3 });
});

Deno.test("DirectoryStore.create makes a file durable before it refuses a new one as existing", async () => {
  const disk = new SimulatedDisk();
  disk.put("/files/folder/x", pattern(1));
  const server = promised(await DirectoryStore.open("/files", { disk, readOnly: false }));
  // As a server leaves it that is killed before it has synced the folder.
  const { O_CREAT, O_RDWR } = disk.flags;
  const descriptor = await disk.open("/files/folder/placed", O_CREAT | O_RDWR, 0o600);
  await disk.fsync(descriptor);
  disk.close(descriptor);
  await assertRefused("exists", () => server.create("folder/placed", { sizeBytes: 1, overwrite: false }));
  for (let seed = 0; seed < 20; seed++) {
    assert(disk.crashed(new Random(seed)).fileAt("/files/folder/placed") !== undefined, `seed ${seed}: it is lost`);
  }
});
