import assert from "node:assert/strict";
import fs from "node:fs";
import { nodeDisk as disk } from "../../../io/node_disk.ts";
import { SimulatedDisk } from "../../../sim/disk/disk.ts";
import { OpenedFile, readAt } from "../../../store/opened_file.ts";
import { assertRefused, pattern } from "../../../testing/file_store_compliance.ts";

function inFolder(run: (folder: string) => Promise<void>): () => Promise<void> {
  return async () => {
    const folder = Deno.makeTempDirSync({ prefix: "sluice-test-" });
    try {
      await run(folder);
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  };
}

Deno.test(
  "OpenedFile follows a link only when told to",
  inFolder(async (folder) => {
    Deno.writeFileSync(`${folder}/a`, pattern(5));
    Deno.symlinkSync("a", `${folder}/link`);
    const options = { disk, name: "link", subject: '"link"' };
    await assertRefused("not-a-file", () => OpenedFile.open(`${folder}/link`, { ...options, followLinks: false }));
    const file = await OpenedFile.open(`${folder}/link`, { ...options, followLinks: true });
    assert.deepEqual([file.info.name, file.info.sizeBytes], ["link", 5]);
    file.close();
  }),
);

Deno.test("OpenedFile.open gives the permission bits, where the platform has modes", async () => {
  const simulated = new SimulatedDisk();
  simulated.put("/a", pattern(5));
  simulated.fchmod(simulated.openSync("/a", simulated.flags.O_RDONLY), 0o4750);
  const options = { name: "a", subject: '"a"', followLinks: false };
  const file = await OpenedFile.open("/a", { ...options, disk: simulated });
  assert.equal(file.info.mode, 0o750);
  file.close();
  const other = await OpenedFile.open("deno.json", { ...options, disk: { ...disk, hasModes: false } });
  assert.equal(other.info.mode, undefined);
  other.close();
});

Deno.test(
  "OpenedFile reads its own file after the name has gone",
  inFolder(async (folder) => {
    Deno.writeFileSync(`${folder}/a`, pattern(5));
    const file = await OpenedFile.open(`${folder}/a`, { disk, name: "a", subject: '"a"', followLinks: false });
    Deno.removeSync(`${folder}/a`);
    const into = new Uint8Array(5);
    assert.equal(file.read(0, into), 5);
    assert.deepEqual(into, pattern(5));
    file.close();
  }),
);

/** A file on a simulated disk on which each change has a time of its own, and a call that changes it. */
async function changedBy(change: (disk: SimulatedDisk) => unknown): Promise<boolean> {
  let nowMs = 1000;
  const simulated = new SimulatedDisk({ nowMs: () => nowMs++ });
  simulated.put("/folder/a", pattern(5), { modifiedMs: 7 });
  simulated.put("/folder/b", pattern(5, 2), { modifiedMs: 7 });
  const options = { disk: simulated, name: "a", subject: '"a"', followLinks: false };
  const file = await OpenedFile.open("/folder/a", options);
  assert.equal(file.hasChanged(), false);
  await change(simulated);
  const result = file.hasChanged();
  assert.equal(file.hasChanged(), result, "a change that is none is forgotten");
  file.close();
  return result;
}

Deno.test("OpenedFile.hasChanged notices new bytes with the old size and time", async () => {
  assert(await changedBy((disk) => disk.put("/folder/a", pattern(5, 3), { modifiedMs: 7 })));
  assert(await changedBy((disk) => disk.put("/folder/a", pattern(6), { modifiedMs: 7 })));
  assert(await changedBy((disk) => disk.put("/folder/a", pattern(5), { modifiedMs: 8 })));
});

Deno.test("OpenedFile.hasChanged notices that the file itself was renamed or given another mode", async () => {
  assert(await changedBy((disk) => disk.rename("/folder/a", "/folder/c")));
  assert(await changedBy((disk) => disk.fchmod(disk.openSync("/folder/a", disk.flags.O_RDONLY), 0o600)));
});

Deno.test("OpenedFile.hasChanged is false for a file that was removed, replaced, or given another name", async () => {
  assert.equal(await changedBy((disk) => disk.unlink("/folder/a")), false);
  assert.equal(await changedBy((disk) => disk.rename("/folder/b", "/folder/a")), false);
  assert.equal(await changedBy((disk) => disk.link("/folder/a", "/folder/c")), false);
});

Deno.test("OpenedFile.hasChanged notices a change after one that is none", async () => {
  assert(
    await changedBy(async (disk) => {
      const descriptor = disk.openSync("/folder/a", disk.flags.O_WRONLY);
      await disk.rename("/folder/b", "/folder/a");
      disk.write(descriptor, pattern(5, 4), 0, 5, 0);
    }),
  );
});

Deno.test(
  "OpenedFile.hasChanged notices on a real disk that a file was overwritten and its time restored",
  inFolder(async (folder) => {
    const path = `${folder}/a`;
    const restored = new Date(1_500_000_000_000);
    const overwrite = (seed: number) => {
      const descriptor = fs.openSync(path, "r+");
      fs.writeSync(descriptor, pattern(5, seed), 0, 5, 0);
      fs.closeSync(descriptor);
      Deno.utimeSync(path, restored, restored);
      return Deno.statSync(path).ctime?.getTime();
    };
    Deno.writeFileSync(path, pattern(5));
    const firstMs = overwrite(1);
    const file = await OpenedFile.open(path, { disk, name: "a", subject: '"a"', followLinks: false });
    assert.equal(file.hasChanged(), false);
    // Deno gives the change time in whole seconds, and on Windows not at all.
    while (overwrite(2) === firstMs && firstMs !== undefined) await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(file.hasChanged(), firstMs !== undefined);
    file.close();
  }),
);

Deno.test(
  "OpenedFile.hasChanged is false on a real disk for a file that another one has replaced",
  inFolder(async (folder) => {
    const path = `${folder}/a`;
    Deno.writeFileSync(path, pattern(5));
    const file = await OpenedFile.open(path, { disk, name: "a", subject: '"a"', followLinks: false });
    const { ctimeMs } = fs.statSync(path);
    do {
      await new Promise((resolve) => setTimeout(resolve, 50));
      Deno.writeFileSync(`${folder}/b`, pattern(6));
    } while (fs.statSync(`${folder}/b`).ctimeMs === ctimeMs && Deno.build.os !== "windows");
    Deno.renameSync(`${folder}/b`, path);
    assert.equal(file.hasChanged(), false);
    file.close();
  }),
);

Deno.test(
  "readAt reports a fault of the disk",
  inFolder(async (folder) => {
    // A folder opens like a file, and reading it is an error of the operating system's.
    const descriptor = fs.openSync(folder, "r");
    await assertRefused(
      "not-a-file",
      () => readAt(descriptor, { disk, offset: 0, into: new Uint8Array(1), subject: '"a"' }),
    );
    fs.closeSync(descriptor);
  }),
);

Deno.test("OpenedFile.open refuses a file that does not say how large it is", async () => {
  if (Deno.build.os !== "linux") return await assert.rejects(() => openPath("/nonexistent"), { name: "StoreError" });
  // Deno itself denies access to /proc without all permissions.
  const isAllowed = Deno.permissions.querySync({ name: "read", path: "/proc/self/status" }).state === "granted" &&
    canStat("/proc/self/status");
  await assert.rejects(() => openPath("/proc/self/status"), {
    name: "StoreError",
    kind: isAllowed ? "not-a-file" : "denied",
  });
});

Deno.test("OpenedFile.close ignores errors of the disk, and closes once", async () => {
  const failing = new SimulatedDisk({ faults: { errorRates: { close: 1 } } });
  failing.put("/a", pattern(5));
  const file = await OpenedFile.open("/a", { disk: failing, name: "a", subject: '"a"', followLinks: false });
  file.close();
  file.close();
  assert.deepEqual([failing.openDescriptors, failing.meter.operations.close], [0, 1]);
  failing.meter.faults = { errorRates: { fstat: 1, close: 1 } };
  const open = () => OpenedFile.open("/a", { disk: failing, name: "a", subject: '"a"', followLinks: false });
  await assertRefused("io", open);
  assert.equal(failing.openDescriptors, 0);
});

async function openPath(path: string): Promise<void> {
  (await OpenedFile.open(path, { disk, name: "status", subject: '"status"', followLinks: true })).close();
}

function canStat(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}
