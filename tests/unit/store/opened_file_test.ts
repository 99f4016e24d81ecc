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
