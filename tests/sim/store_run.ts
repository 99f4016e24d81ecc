/**
 * Runs the store on a simulated disk, with many concurrent files in an order drawn from a seed, and checks what the disk may
 * contain at any time: under each name a complete file that was put there, and none older than one that was reported as
 * done.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Random } from "../../base/random.ts";
import { SimulatedDisk } from "../../sim/disk/disk.ts";
import { DirectoryStore } from "../../store/directory_store.ts";
import { createLocalFile, LocalFolders, openLocalFile } from "../../store/local_file.ts";
import { STALE_AFTER_MS } from "../../store/stale_partial_files.ts";
import type { DiskFaults, DiskOperation } from "../../sim/disk/faults.ts";
import { type ReadableFile, StoreError, type WritableFile } from "../../transfer/file_store.ts";
import { pattern } from "../../testing/file_store_compliance.ts";
import { promised, type PromisedStore } from "../../testing/promised_store.ts";

/** A file that a run writes. */
export interface PlannedFile {
  readonly name: string;
  readonly sizeBytes: number;
  readonly overwrite: boolean;
}

/** The plan of a run. */
export interface Plan {
  /** Through the server's store, in a folder that it makes, or at paths of the client, in an existing one. */
  readonly side: "server" | "client";
  /** Names of files that exist before the run. */
  readonly existing: readonly string[];
  readonly files: readonly PlannedFile[];
  readonly faults?: DiskFaults;
}

/** The result of a planned file, in steps of the run's clock. */
interface Write extends PlannedFile {
  readonly bytes: Uint8Array;
  /** When its commit was called. */
  startedAt: number;
  /** When success was reported; Infinity before. */
  doneAt: number;
  /** Its name, or the error. */
  result: string | StoreError | undefined;
}

const FOLDER = "/files";
const OLD_BYTES = pattern(5000, 99);
const TEMPORARY_NAME = /^\.sluice-[0-9a-f]{32}\.part$/;
const START_MS = 1_700_000_000_000;
const MODIFIED_MS = 1_600_000_000_123;
const PIECE_BYTES = 4500;
/** Microtasks after which everything has continued that awaited an ended call to the disk. */
const MICROTASKS = 60;

/** Alternative names for files of the client whose name is taken. */
const RECEIVED = /^(.*)_received(?:_\d+)?$/;

/** A user of the store. Yields a promise to be awaited, or undefined to let others continue first. */
type Actor = Generator<Promise<unknown> | undefined, void, unknown>;

/** An actor that can continue, and how. */
interface Ready {
  readonly actor: Actor;
  readonly resume?: () => ReturnType<Actor["next"]>;
}

/** See the module's description. */
export class StoreRun {
  readonly disk: SimulatedDisk;
  readonly plan: Plan;
  readonly #writes: Write[];
  readonly #random: Random;
  /** Pending calls to the disk. */
  readonly #pending: (() => void)[] = [];
  /** Actors that can continue. */
  readonly #ready: Ready[] = [];
  #isOver = false;
  #nowMs = START_MS;
  #clock = 0;

  constructor(plan: Plan, seed: number) {
    this.plan = plan;
    this.#random = new Random(seed);
    this.disk = this.#newDisk(plan.faults ?? {});
    this.#writes = plan.files.map((file, index) => ({
      ...file,
      bytes: pattern(file.sizeBytes, index + 1),
      startedAt: Infinity,
      doneAt: Infinity,
      result: undefined,
    }));
    if (plan.side === "client") this.disk.put(`${FOLDER}/other`, OLD_BYTES);
    for (const name of plan.existing) this.disk.put(`${FOLDER}/${name}`, OLD_BYTES, { modifiedMs: MODIFIED_MS });
  }

  /** Runs the plan. `onOperation` is called before each operation of the disk, and may throw instead of it. */
  async run(onOperation: (operation: DiskOperation, index: number) => void): Promise<void> {
    let count = 0;
    this.disk.meter.beforeOperation = (operation) => onOperation(operation, count++);
    const ready = this.#ready;
    ready.push({ actor: this.#begin() });
    while (ready.length + this.#pending.length > 0) {
      const index = this.#random.integer(0, ready.length + this.#pending.length - 1);
      if (index < ready.length) this.#step(ready.splice(index, 1)[0]!);
      else this.#pending.splice(index - ready.length, 1)[0]!();
      for (let tick = 0; tick < MICROTASKS; tick++) await undefined;
    }
    this.#isOver = true;
    this.disk.meter.beforeOperation = undefined;
    for (const { name, result } of this.#writes) assert(result !== undefined, `${name} has no result`);
  }

  /** The errors of the planned files. */
  get failures(): StoreError[] {
    return this.#writes.flatMap(({ result }) => result instanceof StoreError ? [result] : []);
  }

  /**
   * Asserts that a disk holds what it may at this moment of the run: this run's, or what a crash left of it. After a
   * crash, or where names could not be removed, a file whose name was taken back may be there all the same.
   */
  assertWhole(disk: SimulatedDisk, options: { readonly isAfterCrash: boolean }): void {
    const names = disk.names(FOLDER).filter((name) => !TEMPORARY_NAME.test(name));
    for (const name of names) {
      const bytes = disk.contents(`${FOLDER}/${name}`)!;
      assert(this.#mayHold(name, bytes, options), `"${name}" has ${bytes.length} bytes that it must not have`);
    }
    for (const { name, doneAt, result } of this.#writes) {
      if (doneAt === Infinity) continue;
      assert(names.includes(String(result)), `"${name}" was done, and is missing: ${result}`);
      // If the disk refuses to set the time, the file is stored all the same.
      const keepsTimes = options.isAfterCrash && this.plan.faults?.errorRates === undefined;
      if (keepsTimes) assert.equal(disk.fileAt(`${FOLDER}/${result}`)!.modifiedMs, MODIFIED_MS);
    }
    for (const name of this.plan.existing) assert(names.includes(name), `"${name}" existed, and is missing`);
  }

  /** Asserts that a program that starts after the crash finds only complete files, and removes stale partial files. */
  async assertRestarts(disk: SimulatedDisk): Promise<void> {
    disk.meter.faults = {};
    const visible = () => disk.names(FOLDER).filter((name) => !TEMPORARY_NAME.test(name));
    const before = visible();
    await this.#restart(disk);
    this.#nowMs += STALE_AFTER_MS + 1;
    await this.#restart(disk);
    this.#nowMs -= STALE_AFTER_MS + 1;
    assert.equal(disk.temporaryFiles, 0, "stale partial files are removed");
    assert.deepEqual(visible(), before);
  }

  #newDisk(faults: DiskFaults): SimulatedDisk {
    return new SimulatedDisk({
      random: this.#random.fork("disk"),
      faults,
      // Each change has a time of its own.
      nowMs: () => this.#nowMs++,
      schedule: (run) => this.#isOver ? run() : this.#pending.push(run),
    });
  }

  async #restart(disk: SimulatedDisk): Promise<void> {
    if (this.plan.side === "client") {
      await new LocalFolders(disk).clearOnce(FOLDER);
      return;
    }
    const listed = await promised(await DirectoryStore.open(FOLDER, { disk })).list();
    const shown = disk.names(FOLDER).filter((name) => !TEMPORARY_NAME.test(name));
    assert.deepEqual(listed.map(({ name }) => name), shown, "unfinished files are not listed");
    for (const { name, sizeBytes } of listed) assert.equal(disk.contents(`${FOLDER}/${name}`)!.length, sizeBytes);
  }

  #mayHold(name: string, bytes: Uint8Array, { isAfterCrash }: { isAfterCrash: boolean }): boolean {
    const isEqual = (other: Uint8Array) => Buffer.compare(bytes, other) === 0;
    // A file that was done later excludes those that were done before.
    const isReplaced = (doneAt: number) =>
      this.#writes.some((other) => other.result === name && other.doneAt < Infinity && other.startedAt > doneAt);
    const isOld = this.plan.existing.includes(name) || this.plan.side === "client" && name === "other";
    if (isOld && isEqual(OLD_BYTES)) return !isReplaced(-1);
    return this.#writes.some((write) => {
      if (write.startedAt === Infinity || !mayBear(write, name)) return false;
      // Without hard links, an empty file claims the name until it is replaced in the same tick.
      const isClaim = this.plan.faults?.hasNoLinks === true && !write.overwrite && isAfterCrash && bytes.length === 0;
      if (!isEqual(write.bytes) && !isClaim) return false;
      if (write.result instanceof StoreError) return write.overwrite || isAfterCrash;
      return !isReplaced(write.doneAt);
    });
  }

  /** Lets an actor go on, to where it gives way to others, or waits for the disk. */
  #step({ actor, resume = () => actor.next() }: Ready): void {
    const { done, value } = resume();
    if (done === true) return;
    if (value === undefined) this.#ready.push({ actor });
    else {
      value.then(
        (result) => this.#ready.push({ actor, resume: () => actor.next(result) }),
        (error) => this.#ready.push({ actor, resume: () => actor.throw(error) }),
      );
    }
  }

  /** Opens what the files go to, and then begins with all of them. */
  *#begin(): Actor {
    let create: PromisedStore["create"];
    let open: PromisedStore["open"];
    const { disk } = this;
    if (this.plan.side === "client") {
      const folders = new LocalFolders(disk);
      create = (name, { overwrite, ...options }) =>
        createLocalFile(`${FOLDER}/${name}`, { ...options, ifExists: overwrite ? "replace" : "beside", folders });
      open = (name) => openLocalFile(`${FOLDER}/${name}`, { disk });
    } else {
      let store: PromisedStore;
      try {
        store = promised((yield DirectoryStore.open(FOLDER, { disk })) as DirectoryStore);
      } catch (error) {
        assert(error instanceof StoreError, String(error));
        for (const write of this.#writes) write.result = error;
        return;
      }
      create = (name, options) => store.create(name, options);
      open = async (name) => {
        await store.list();
        await store.stat(name);
        return await store.open(name);
      };
    }
    for (const write of this.#writes) this.#ready.push({ actor: this.#write(write, create) });
    for (const name of this.plan.existing) this.#ready.push({ actor: this.#read(name, open) });
  }

  *#write(write: Write, create: PromisedStore["create"]): Actor {
    const { name, bytes, overwrite } = write;
    let file: WritableFile | undefined;
    try {
      const options = { sizeBytes: bytes.length, modifiedUs: MODIFIED_MS * 1000, overwrite };
      file = (yield create(name, options)) as WritableFile;
      for (let start = 0; start < bytes.length; start += PIECE_BYTES) {
        yield;
        file.write(start, bytes.subarray(start, start + PIECE_BYTES));
      }
      yield;
    } catch (error) {
      assert(error instanceof StoreError, String(error));
      write.result = error;
      return file?.abort();
    }
    write.startedAt = this.#clock++;
    file.commit((result) => {
      assert.equal(write.result, undefined, "done is called once");
      if (result instanceof StoreError) {
        write.result = result;
        return;
      }
      write.result = result.location.replace(`${FOLDER}/`, "");
      write.doneAt = this.#clock++;
    });
  }

  /** Reads a file that existed from the start: it must be one of those that may be there. */
  *#read(name: string, open: PromisedStore["open"]): Actor {
    let file: ReadableFile | undefined;
    try {
      file = (yield open(name)) as ReadableFile;
      yield;
      const bytes = new Uint8Array(file.info.sizeBytes + 1);
      assert.equal(file.read(0, bytes), file.info.sizeBytes);
      yield;
      assert.equal(file.hasChanged(), false, "a replaced file stays as it was to its readers");
    } catch (error) {
      assert(error instanceof StoreError, String(error));
    } finally {
      file?.close();
    }
  }
}

/** Whether a write may end under a name: its own, or an alternative if it avoids conflicts. */
function mayBear(write: Write, name: string): boolean {
  if (typeof write.result === "string") return write.result === name;
  return write.name === name || (!write.overwrite && RECEIVED.exec(name)?.[1] === write.name);
}
