import assert from "node:assert/strict";
import { nodeDisk } from "../../../io/node_disk.ts";
import { SharedFolderSync, syncFolder } from "../../../store/folder_sync.ts";

/** A disk whose syncs end when the test says so. */
class SlowDisk {
  readonly folders: string[] = [];
  readonly #ends: PromiseWithResolvers<void>[] = [];

  readonly sync = (folder: string): Promise<void> => {
    this.folders.push(folder);
    const end = Promise.withResolvers<void>();
    this.#ends.push(end);
    return end.promise;
  };

  /** Ends the oldest sync, and lets who waits for it go on. */
  async end(error?: Error): Promise<void> {
    const end = this.#ends.shift()!;
    if (error === undefined) end.resolve();
    else end.reject(error);
    await turn();
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** Asks for so many syncs; the array fills as they end. */
function ask(shared: SharedFolderSync, count: number, folder = "a"): string[] {
  const ended: string[] = [];
  for (let i = 0; i < count; i++) {
    shared.sync(folder).then(() => ended.push("done"), (error: Error) => ended.push(error.message));
  }
  return ended;
}

Deno.test("SharedFolderSync makes one sync for all callers of one turn", async () => {
  const disk = new SlowDisk();
  const ended = ask(new SharedFolderSync(disk.sync), 100);
  await turn();
  assert.deepEqual(disk.folders, ["a"]);
  assert.equal(ended.length, 0);
  await disk.end();
  assert.equal(ended.length, 100);
});

Deno.test("SharedFolderSync lets a caller during a sync wait for the next one, since its entry may be newer", async () => {
  const disk = new SlowDisk();
  const shared = new SharedFolderSync(disk.sync);
  const first = ask(shared, 1);
  await turn();
  const second = ask(shared, 50);
  await turn();
  assert.deepEqual(disk.folders, ["a"]);
  await disk.end();
  assert.deepEqual([first.length, second.length], [1, 0]);
  assert.deepEqual(disk.folders, ["a", "a"]);
  const third = ask(shared, 1);
  await disk.end();
  assert.deepEqual([second.length, third.length], [50, 0]);
  await disk.end();
  assert.equal(third.length, 1);
  ask(shared, 1);
  await turn();
  assert.equal(disk.folders.length, 4);
});

Deno.test("SharedFolderSync reports a failure only to the callers that waited for that sync", async () => {
  const disk = new SlowDisk();
  const shared = new SharedFolderSync(disk.sync);
  const first = ask(shared, 2);
  await turn();
  const second = ask(shared, 2);
  await disk.end(new Error("broken"));
  await disk.end();
  assert.deepEqual([first, second], [["broken", "broken"], ["done", "done"]]);
});

Deno.test("SharedFolderSync syncs different folders at the same time", async () => {
  const disk = new SlowDisk();
  const shared = new SharedFolderSync(disk.sync);
  ask(shared, 3, "a");
  ask(shared, 3, "b");
  await turn();
  assert.deepEqual(disk.folders, ["a", "b"]);
});

Deno.test("syncFolder syncs a folder, and rejects if it is missing", async () => {
  const folder = Deno.makeTempDirSync({ prefix: "sluice-test-" });
  await syncFolder(nodeDisk, folder);
  Deno.removeSync(folder);
  await assert.rejects(syncFolder(nodeDisk, folder), { code: "ENOENT" });
});
