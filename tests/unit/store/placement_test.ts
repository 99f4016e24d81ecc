import assert from "node:assert/strict";
import { nodeDisk } from "../../../io/node_disk.ts";
import { SimulatedDisk } from "../../../sim/disk/disk.ts";
import type { Disk } from "../../../store/disk.ts";
import { diskError } from "../../../store/disk_error.ts";
import { syncFolder } from "../../../store/folder_sync.ts";
import {
  placeExclusively,
  type Placement,
  placeReplacing,
  removeQuietly,
  requireReplaceable,
} from "../../../store/placement.ts";
import { Spelling } from "../../../store/spelling.ts";
import { assertRefused, pattern } from "../../../testing/file_store_compliance.ts";

function check(what: string, run: (folder: string) => void | Promise<void>): void {
  Deno.test(what, async () => {
    const folder = Deno.makeTempDirSync({ prefix: "sluice-test-" });
    try {
      await run(folder);
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  });
}

function failingLink(code: string): Disk["link"] {
  return () => Promise.reject(diskError(code));
}

/** The placement of a file of the folder's, on a disk that is like this machine's but for what is said. */
async function placement(
  folder: string,
  options: { from?: string; machine?: Partial<Disk> } = {},
): Promise<Placement & { readonly spelling: Spelling }> {
  const { from = "temporary", machine = {} } = options;
  const disk = machine instanceof SimulatedDisk ? machine : { ...nodeDisk, ...machine };
  const sync = (path: string) => syncFolder(disk, path);
  const temporaryPath = `${folder}/${from}`;
  const identity = await disk.lstat(temporaryPath) ?? { dev: 0, ino: 0 };
  return {
    disk,
    spelling: new Spelling(disk),
    sync,
    temporaryPath,
    identity,
    finalPath: `${folder}/a`,
    subject: '"a"',
  };
}

function names(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map((entry) => entry.name).toSorted();
}

// With hard links, and on a disk that has none (as FAT reports it, and as some network file systems do).
for (
  const [label, machine] of [["", {}], [" without hard links", { link: failingLink("EPERM") }], [
    " where there are no hard links",
    { link: failingLink("ENOTSUP") },
  ]] as const
) {
  check(`placeExclusively gives a free name${label}`, async (folder) => {
    Deno.writeTextFileSync(`${folder}/temporary`, "new");
    assert.equal(await placeExclusively(await placement(folder, { machine })), true);
    assert.deepEqual(names(folder), ["a"]);
    assert.equal(Deno.readTextFileSync(`${folder}/a`), "new");
  });

  check(`placeExclusively leaves a taken name alone${label}`, async (folder) => {
    Deno.writeTextFileSync(`${folder}/temporary`, "new");
    Deno.writeTextFileSync(`${folder}/a`, "old");
    assert.equal(await placeExclusively(await placement(folder, { machine })), false);
    assert.deepEqual(names(folder), ["a", "temporary"]);
    assert.equal(Deno.readTextFileSync(`${folder}/a`), "old");
  });

  check(`placeExclusively lets one of many win${label}`, async (folder) => {
    const contenders = Array.from({ length: 8 }, (_, index) => `temporary-${index}`);
    for (const from of contenders) Deno.writeTextFileSync(`${folder}/${from}`, from);
    const won = await Promise.all(
      contenders.map(async (from) => placeExclusively(await placement(folder, { from, machine }))),
    );
    assert.equal(won.filter(Boolean).length, 1);
    assert.equal(Deno.readTextFileSync(`${folder}/a`), contenders[won.indexOf(true)]);
  });

  check(`placeExclusively leaves no empty file when its own is gone${label}`, async (folder) => {
    await assert.rejects(placeExclusively(await placement(folder, { from: "gone", machine })));
    assert.deepEqual(names(folder), []);
  });
}

check("placeExclusively passes on what is wrong with the disk", async (folder) => {
  Deno.writeTextFileSync(`${folder}/temporary`, "new");
  const placing = placeExclusively(await placement(folder, { machine: { link: failingLink("EIO") } }));
  await assert.rejects(placing, { code: "EIO" });
  assert.deepEqual(names(folder), ["temporary"]);
});

Deno.test("placeExclusively leaves no empty file when its claim cannot be closed", async () => {
  const disk = new SimulatedDisk({ faults: { hasNoLinks: true, errorRates: { close: 1 } } });
  disk.put("/temporary", pattern(3));
  await assert.rejects(placeExclusively(await placement("", { machine: disk })), { code: "EIO" });
  assert.deepEqual(disk.names("/"), ["temporary"]);
});

Deno.test("placeExclusively removes only its own name if the folder cannot be synced", async () => {
  const disk = new SimulatedDisk();
  const place = (words: string) => {
    disk.put("/temporary", new TextEncoder().encode(words));
    return placement("", { machine: disk });
  };
  const failing = () => Promise.reject(diskError("EIO"));
  await assert.rejects(placeExclusively({ ...await place("own"), sync: failing }), { code: "EIO" });
  assert.deepEqual(disk.names("/"), []);
  const sync = async () => {
    await placeReplacing(await place("another's"));
    return await failing();
  };
  await assert.rejects(placeExclusively({ ...await place("own"), sync }), { code: "EIO" });
  assert.equal(new TextDecoder().decode(disk.contents("/a")), "another's");
});

check("placeReplacing takes the name from a file", async (folder) => {
  Deno.writeTextFileSync(`${folder}/temporary`, "new");
  Deno.writeTextFileSync(`${folder}/a`, "old");
  await placeReplacing(await placement(folder));
  assert.deepEqual([names(folder), Deno.readTextFileSync(`${folder}/a`)], [["a"], "new"]);
});

Deno.test("placeReplacing does not replace a file that got another spelling of the name in the meantime", async () => {
  for (const hasNoLinks of [false, true]) {
    const disk = new SimulatedDisk({ faults: { hasNoLinks }, foldName: (name) => name.toUpperCase() });
    disk.put("/temporary", pattern(3));
    const placing = await placement("", { machine: disk });
    const lstat = disk.lstat.bind(disk);
    disk.lstat = async (path) => {
      const stats = await lstat(path);
      // Right after the look, another program takes the name.
      if (path === "/a" && stats === undefined) disk.put("/A", pattern(5));
      return stats;
    };
    const error = await assertRefused("bad-name", () => placeReplacing(placing));
    assert.match(error.message, /^"a" is to this disk another spelling of "A", which exists$/);
    assert.deepEqual([disk.names("/"), disk.contents("/A")], [["A", "temporary"], pattern(5)]);
  }
});

Deno.test("placeReplacing gives up on a name that is taken and freed again and again", async () => {
  const disk = new SimulatedDisk();
  disk.put("/temporary", pattern(3));
  const link = (_from: string, to: string) => {
    disk.put(to, pattern(1));
    return Promise.reject(diskError("EEXIST"));
  };
  const lstat = async (path: string) => {
    if (path === "/a" && disk.fileAt(path) !== undefined) disk.remove(path);
    return await SimulatedDisk.prototype.lstat.call(disk, path);
  };
  const busy = Object.assign(disk, { link, lstat });
  await assertRefused("exists", async () => placeReplacing(await placement("", { machine: busy })));
});

check("requireReplaceable refuses a taken name, and anything but a file", async (folder) => {
  Deno.writeTextFileSync(`${folder}/file`, "");
  Deno.mkdirSync(`${folder}/folder`);
  const [disk, subject] = [nodeDisk, '"x"'];
  const overwrite = { spelling: new Spelling(disk) };
  assert.equal(await requireReplaceable(`${folder}/free`, { disk, overwrite: false, subject }), "free");
  assert.equal(await requireReplaceable(`${folder}/file`, { disk, overwrite, subject }), "taken");
  await assertRefused("exists", () => requireReplaceable(`${folder}/file`, { disk, overwrite: false, subject }));
  await assertRefused("not-a-file", () => requireReplaceable(`${folder}/folder`, { disk, overwrite, subject }));
});

check("removeQuietly removes a file, and ignores errors", (folder) => {
  Deno.writeTextFileSync(`${folder}/a`, "");
  removeQuietly(nodeDisk, `${folder}/a`);
  removeQuietly(nodeDisk, `${folder}/a`);
  assert.deepEqual(names(folder), []);
});
