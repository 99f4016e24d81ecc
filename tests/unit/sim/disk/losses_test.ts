import assert from "node:assert/strict";
import { SimulatedDisk } from "../../../../sim/disk/disk.ts";
import { LOSES_ALL, LOSES_NOTHING } from "../../../../sim/disk/losses.ts";

async function unsyncedDisk(): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk();
  disk.put("/old", new Uint8Array([1]));
  const { O_RDWR, O_CREAT } = disk.flags;
  const made = disk.openSync("/new", O_RDWR | O_CREAT);
  disk.write(made, new Uint8Array([2, 2]), 0, 2, 0);
  const changed = disk.openSync("/old", O_RDWR);
  disk.write(changed, new Uint8Array([3, 3]), 0, 2, 0);
  disk.putFolder("/folder");
  await disk.rename("/new", "/folder/new");
  return disk;
}

Deno.test("LOSES_ALL takes back every change that was not synced", async () => {
  const left = (await unsyncedDisk()).crashed(LOSES_ALL);
  assert.deepEqual(left.tree("/"), ["folder/", "old"]);
  assert.deepEqual(left.contents("/old"), new Uint8Array([1]));
});

Deno.test("LOSES_NOTHING leaves the disk as the process saw it", async () => {
  const left = (await unsyncedDisk()).crashed(LOSES_NOTHING);
  assert.deepEqual(left.tree("/"), ["folder/", "folder/new", "old"]);
  assert.deepEqual(left.contents("/old"), new Uint8Array([3, 3]));
  assert.deepEqual(left.contents("/folder/new"), new Uint8Array([2, 2]));
});
