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
): Promise<Placement> {
  const { from = "temporary", machine = {} } = options;
  const disk = machine instanceof SimulatedDisk ? machine : { ...nodeDisk, ...machine };
  const sync = (path: string) => syncFolder(disk, path);
  const temporaryPath = `${folder}/${from}`;
  const identity = await disk.lstat(temporaryPath) ?? { dev: 0, ino: 0 };
  return { disk, sync, temporaryPath, identity, finalPath: `${folder}/a`, subject: '"a"' };
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

check("requireReplaceable refuses a taken name, and anything but a file", async (folder) => {
  Deno.writeTextFileSync(`${folder}/file`, "");
  Deno.mkdirSync(`${folder}/folder`);
  const [disk, subject] = [nodeDisk, '"x"'];
  await requireReplaceable(`${folder}/free`, { disk, overwrite: false, subject });
  await requireReplaceable(`${folder}/file`, { disk, overwrite: true, subject });
  await assertRefused("exists", () => requireReplaceable(`${folder}/file`, { disk, overwrite: false, subject }));
  await assertRefused("not-a-file", () => requireReplaceable(`${folder}/folder`, { disk, overwrite: true, subject }));
});

check("removeQuietly removes a file, and ignores errors", (folder) => {
  Deno.writeTextFileSync(`${folder}/a`, "");
  removeQuietly(nodeDisk, `${folder}/a`);
  removeQuietly(nodeDisk, `${folder}/a`);
  assert.deepEqual(names(folder), []);
});
