/**
 * A file that is interrupted and resumes, with a power failure or an error at every single operation of the disk: its name
 * shows the old content or the new, and the next try, which compares what it is offered, completes the new.
 */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { SimulatedDisk } from "../../sim/disk/disk.ts";
import type { DiskOperation } from "../../sim/disk/faults.ts";
import { DirectoryStore } from "../../store/directory_store.ts";
import { diskError } from "../../store/disk_error.ts";
import { createLocalFile, LocalFolders } from "../../store/local_file.ts";
import { STALE_AFTER_MS } from "../../store/stale_partial_files.ts";
import { StoreError, type WritableFile } from "../../transfer/file_store.ts";
import { pattern } from "../../testing/file_store_compliance.ts";
import { promised } from "../../testing/promised_store.ts";
import { lossesOf } from "./power_loss.ts";

const FOLDER = "/files";
const PATH = `${FOLDER}/a`;
const BLOCK = 65_536;
const OLD = pattern(7 * BLOCK, 1);
const NEW = newVersion();
const MODIFIED_US = 1_600_000_000_000_000;

/** Like the old version in two blocks, with zeros over old bytes, and longer. */
function newVersion(): Uint8Array {
  const bytes = pattern(8 * BLOCK + 500, 2);
  bytes.set(OLD.subarray(BLOCK, 3 * BLOCK), BLOCK);
  bytes.fill(0, 4 * BLOCK, 5 * BLOCK + 300);
  return bytes;
}

type Create = () => Promise<WritableFile>;

/** How the two sides create the file, each anew as after a start of the program. */
const SIDES: Readonly<Record<string, (disk: SimulatedDisk) => Create>> = {
  server: (disk) => async () => {
    const store = promised(await DirectoryStore.open(FOLDER, { disk }));
    return store.create("a", { ...attributes, overwrite: true });
  },
  client: (disk) => () => {
    const folders = new LocalFolders(disk);
    return createLocalFile(PATH, { ...attributes, ifExists: "replace", folders });
  },
};
const attributes = {
  sizeBytes: NEW.length,
  modifiedUs: MODIFIED_US,
  resume: { purpose: "peer", reusesOld: true },
};

/** Receives the file up to a block, and then keeps or commits it; resolves to the number of bytes that were not held. */
async function receive(create: Create, untilBlock = Infinity): Promise<number> {
  const file = await create();
  let sentBytes = 0;
  try {
    const offered = new Uint8Array(file.heldBytes);
    for (let at = 0; at < offered.length; at += BLOCK) file.readHeld(at, offered.subarray(at, at + BLOCK));
    for (let at = 0; at < Math.min(NEW.length, untilBlock * BLOCK); at += BLOCK) {
      const block = NEW.subarray(at, at + BLOCK);
      if (isEqual(block, offered.subarray(at, at + BLOCK))) file.reuse(at, block.length);
      else {
        file.write(at, block);
        sentBytes += block.length;
      }
    }
    if (untilBlock !== Infinity) {
      file.keep();
      return sentBytes;
    }
    // What a receiver does: the file is hashed by reading it back.
    const back = new Uint8Array(NEW.length);
    assert.equal(file.read(0, back), back.length);
    assert(isEqual(back, NEW), "what is read back is what was sent");
  } catch (error) {
    file.keep();
    throw error;
  }
  const result = await new Promise((resolve) => file.commit(resolve));
  if (result instanceof StoreError) throw result;
  return sentBytes;
}

/** Two tries that are interrupted, and one that is not. */
async function receiveInThree(create: Create): Promise<void> {
  await receive(create, 5);
  await receive(create, 6);
  await receive(create);
}

function newDisk(nowMs = () => 0): SimulatedDisk {
  const disk = new SimulatedDisk({ nowMs });
  disk.put(PATH, OLD);
  return disk;
}

function isEqual(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}

function isOneOf(bytes: Uint8Array | undefined, versions: readonly Uint8Array[]): boolean {
  return versions.some((version) => bytes !== undefined && isEqual(version, bytes));
}

/** Asserts that a next try completes the file, and leaves nothing but what is stale some time. */
async function assertCompletes(disk: SimulatedDisk, side: string, where: string): Promise<void> {
  disk.meter.faults = {};
  await receive(SIDES[side]!(disk));
  assert(isOneOf(disk.contents(PATH), [NEW]), where);
  assert.equal(disk.openDescriptors, 0, where);
}

for (const side of Object.keys(SIDES)) {
  Deno.test(`a file that resumes sends what it does not hold (${side})`, async () => {
    const disk = newDisk();
    const create = SIDES[side]!(disk);
    assert.equal(await receive(create, 5), 3 * BLOCK, "two blocks are those of the old version");
    assert.equal(disk.temporaryFiles, 1);
    // The block of zeros is sent again and again: where the partial file has zeros, the older version is offered.
    assert.equal(await receive(create, 6), 2 * BLOCK);
    assert.equal(await receive(create), 3 * BLOCK + 500);
    assert(isOneOf(disk.contents(PATH), [NEW]));
    assert.equal(disk.temporaryFiles, 0);
    assert.equal(disk.openDescriptors, 0);
  });

  Deno.test(`a power failure at any operation leaves what the next try completes (${side})`, async () => {
    const disk = newDisk();
    const crashed: { left: SimulatedDisk; where: string }[] = [];
    let count = 0;
    let isDone = false;
    const crash = (where: string): void => {
      for (const { what, losses } of lossesOf(where)) {
        const left = disk.crashed(losses);
        const versions = isDone ? [NEW] : [OLD, NEW];
        assert(isOneOf(left.contents(PATH), versions), `${where}, ${what} lost`);
        crashed.push({ left, where: `${where}, ${what} lost` });
      }
    };
    disk.meter.beforeOperation = (operation) => crash(`operation ${count++}, ${operation}`);
    await receiveInThree(SIDES[side]!(disk));
    isDone = true;
    crash("end");
    for (const { left, where } of crashed) await assertCompletes(left, side, where);
  });

  for (const code of ["EIO", "ENOSPC", "EMFILE"]) {
    Deno.test(`${code} at any operation leaves what the next try completes (${side})`, async () => {
      for (let failing = 0, isDone = false; !isDone; failing++) {
        let nowMs = 0;
        const disk = newDisk(() => nowMs);
        let count = 0;
        let failed: DiskOperation | undefined;
        disk.meter.beforeOperation = (operation) => {
          if (count++ !== failing) return;
          failed = operation;
          throw diskError(code);
        };
        try {
          await receiveInThree(SIDES[side]!(disk));
        } catch (error) {
          assert(error instanceof StoreError, String(error));
        }
        disk.meter.beforeOperation = undefined;
        const where = `operation ${failing}, ${failed}`;
        assert(isOneOf(disk.contents(PATH), [OLD, NEW]), where);
        assert.equal(disk.openDescriptors, 0, where);
        if (failed !== "unlink") assert(disk.temporaryFiles <= 1, where);
        await assertCompletes(disk, side, where);
        nowMs = STALE_AFTER_MS + 1;
        await SIDES[side]!(disk)().then((file) => file.abort());
        assert.equal(disk.temporaryFiles, 0, where);
        isDone = failed === undefined;
      }
    });
  }
}
