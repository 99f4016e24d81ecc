import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { SluiceError } from "../../../../../app/api.ts";
import type { ExistingEntry, Select, TreeEntry } from "../../../../../app/client/tree/entry.ts";
import { LocalSide } from "../../../../../app/client/tree/local_side.ts";
import { nodeDisk } from "../../../../../io/node_disk.ts";
import type { Disk } from "../../../../../store/disk.ts";

const all: Select = () => "included";
const TIME_US = 1_600_000_000_123_000;

/** Runs a test in a folder of its own; `pauses` counts the turns that were left to others. */
function inFolder(
  run: (folder: string, open: (root: string, disk?: Disk) => LocalSide, pauses: () => number) => Promise<void>,
) {
  return async () => {
    const folder = await Deno.makeTempDir();
    let pauses = 0;
    const pause = () => {
      pauses++;
      return Promise.resolve();
    };
    try {
      await run(folder, (root, disk = nodeDisk) => new LocalSide(join(folder, root), { disk, pause }), () => pauses);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  };
}

function folderEntry(path: string, changes: Partial<TreeEntry> = {}): TreeEntry {
  return { path, kind: "folder", sizeBytes: 0, ...changes };
}

function linkStep(path: string, target: string, replaces = false) {
  return { entry: { path, kind: "link" as const, sizeBytes: 0, target }, replaces };
}

Deno.test(
  "LocalSide.read finds everything once, folders before what they have, and follows no link below the root",
  inFolder(async (folder, open) => {
    const root = join(folder, "r");
    await Deno.mkdir(join(root, "d", "empty"), { recursive: true });
    await Deno.writeTextFile(join(root, "d", "a"), "12345", { mode: 0o640 });
    await Deno.utime(join(root, "d", "a"), new Date(TIME_US / 1000), new Date(TIME_US / 1000));
    await Deno.writeTextFile(join(root, "line\nbreak"), "");
    await Deno.symlink("..", join(root, "d", "loop"));
    await Deno.writeTextFile(join(root, `.sluice-${"0".repeat(32)}.part`), "partial");
    await Deno.symlink("r", join(folder, "link"));
    const content = await open("link").read(all);
    const found = content!.found.map((entry) => "kind" in entry ? `${entry.kind} ${entry.path}` : "");
    assert.deepEqual(found, ["folder ", "folder d", "file line\nbreak", "file d/a", "folder d/empty", "link d/loop"]);
    const entries = content!.found as readonly ExistingEntry[];
    const file = entries.find(({ path }) => path === "d/a");
    assert.deepEqual(file, { path: "d/a", kind: "file", sizeBytes: 5, modifiedUs: TIME_US, mode: 0o640 });
    assert.equal(entries.find(({ path }) => path === "d/loop")?.target, "..");
  }),
);

Deno.test(
  "LocalSide.read does not look into what is excluded, but tells of it",
  inFolder(async (folder, open) => {
    await Deno.mkdir(join(folder, "r", "build", "x"), { recursive: true });
    await Deno.writeTextFile(join(folder, "r", "a.o"), "");
    const select: Select = (path) => path === "build" || path === "a.o" ? "excluded" : "included";
    const content = await open("r").read(select);
    assert.deepEqual(content!.found.map(({ path }) => path), [""]);
    assert.deepEqual(content!.excluded, ["a.o", "build"]);
  }),
);

Deno.test(
  "LocalSide.read names what has a name that is not UTF-8, and touches nothing by that name",
  inFolder(async (folder, open) => {
    await Deno.mkdir(join(folder, "r"));
    await Deno.writeTextFile(join(folder, "r", "a"), "");
    const disk: Disk = {
      ...nodeDisk,
      readdir: () => Promise.resolve(["a", "bad\ufffd"]),
      lstat: (path) => path.endsWith("a") ? nodeDisk.lstat(path) : Promise.reject(new Error(`looked at ${path}`)),
    };
    const { found } = (await open("r", disk).read(all))!;
    assert.deepEqual(found.filter(({ path }) => path.startsWith("bad")), [
      { path: "bad\ufffd", severity: "failed", reason: "has a name that is not valid UTF-8: rename it" },
    ]);
  }),
);

Deno.test(
  "LocalSide.read names what it cannot read, and goes on",
  inFolder(async (folder, open) => {
    await Deno.mkdir(join(folder, "r", "locked"), { recursive: true });
    await Deno.writeTextFile(join(folder, "r", "a"), "");
    const disk: Disk = {
      ...nodeDisk,
      readdir: (path) =>
        path.endsWith("locked")
          ? Promise.reject(Object.assign(new Error("no"), { code: "EACCES" }))
          : nodeDisk.readdir(path),
    };
    const { found } = (await open("r", disk).read(all))!;
    assert.deepEqual(found.map(({ path }) => path), ["", "a", "locked", "locked"]);
    assert.deepEqual(found.at(-1), {
      path: "locked",
      severity: "failed",
      reason: "cannot be accessed: permission denied; check its owner and mode, and those of its folder",
    });
  }),
);

Deno.test(
  "LocalSide.read tells nothing from what cannot be accessed",
  inFolder(async (folder, open) => {
    assert.equal(await open("missing").read(all), undefined);
    await Deno.symlink("nowhere", join(folder, "dangling"));
    await assert.rejects(
      open("dangling").read(all),
      (error) => error instanceof SluiceError && error.kind === "local-disk",
    );
  }),
);

Deno.test(
  "LocalSide.digest hashes a file in pieces, and lets others have their turn",
  inFolder(async (folder, open, pauses) => {
    const bytes = new Uint8Array(9 * 1024 * 1024).map((_, index) => index % 251);
    await Deno.writeFile(join(folder, "big"), bytes);
    assert.equal(await open("").digest("big"), createHash("sha256").update(bytes).digest("hex"));
    assert.equal(pauses(), 3);
    await Deno.symlink("big", join(folder, "link"));
    await assert.rejects(open("").digest("link"), /is a symbolic link/);
  }),
);

Deno.test(
  "LocalSide.makeFolder makes folders that are no wider than their source, and leaves those that exist",
  inFolder(async (folder, open) => {
    const side = open("r");
    await side.makeFolder(folderEntry("", { mode: 0o500 }));
    await side.makeFolder(folderEntry("private", { mode: 0o700 }));
    await side.makeFolder(folderEntry("private", { mode: 0o755 }));
    const modeOf = (path: string) => Deno.statSync(join(folder, path)).mode! & 0o777;
    assert.equal(modeOf("r"), 0o700, "its owner must be able to fill it");
    assert.equal(modeOf("r/private"), 0o700);
    await Deno.writeTextFile(join(folder, "r", "file"), "");
    await assert.rejects(side.makeFolder(folderEntry("file")), /"[^"]*file" already exists/);
    await Deno.symlink("private", join(folder, "r", "link"));
    await assert.rejects(side.makeFolder(folderEntry("link")), /already exists/);
  }),
);

Deno.test(
  "LocalSide.finishFolder sets the time of a folder, and of no other through a link",
  inFolder(async (folder, open) => {
    await Deno.mkdir(join(folder, "d"));
    await open("").finishFolder(folderEntry("d", { modifiedUs: TIME_US }));
    assert.equal(Deno.statSync(join(folder, "d")).mtime?.getTime(), TIME_US / 1000);
    await Deno.symlink("d", join(folder, "link"));
    await assert.rejects(open("").finishFolder(folderEntry("link", { modifiedUs: 0 })));
  }),
);

Deno.test(
  "LocalSide.makeLink makes links, and replaces one only where it is asked to",
  inFolder(async (folder, open) => {
    const side = open("");
    await side.makeLink(linkStep("l", "a/b"));
    await assert.rejects(side.makeLink(linkStep("l", "c")), /already exists/);
    assert.equal(await Deno.readLink(join(folder, "l")), "a/b");
    const modifiedUs = 1_000_000_000_123_000;
    const replacing = linkStep("l", "c", true);
    await side.makeLink({ ...replacing, entry: { ...replacing.entry, modifiedUs } });
    assert.equal((await Deno.lstat(join(folder, "l"))).mtime?.getTime(), modifiedUs / 1000);
    assert.equal(await Deno.readLink(join(folder, "l")), "c");
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["l"]);
  }),
);

Deno.test(
  "LocalSide.remove removes a link and not its target, and no folder that has something",
  inFolder(async (folder, open) => {
    const side = open("");
    await Deno.mkdir(join(folder, "d"));
    await Deno.writeTextFile(join(folder, "d", "a"), "");
    await Deno.symlink("d", join(folder, "l"));
    await side.remove({ path: "l", kind: "link", sizeBytes: 0 });
    await assert.rejects(side.remove(folderEntry("d")), /is not empty/);
    await side.remove({ path: "d/a", kind: "file", sizeBytes: 0 });
    await side.remove(folderEntry("d"));
    assert.deepEqual([...Deno.readDirSync(folder)], []);
  }),
);
