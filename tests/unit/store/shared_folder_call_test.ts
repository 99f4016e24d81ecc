import assert from "node:assert/strict";
import { SharedFolderCall } from "../../../store/shared_folder_call.ts";

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

  /** Ends the oldest sync, and lets its callers continue. */
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
function ask(shared: SharedFolderCall<void>, count: number, folder = "a"): string[] {
  const ended: string[] = [];
  for (let i = 0; i < count; i++) {
    shared.call(folder).then(() => ended.push("done"), (error: Error) => ended.push(error.message));
  }
  return ended;
}

Deno.test("SharedFolderCall makes one sync for all callers of one turn", async () => {
  const disk = new SlowDisk();
  const ended = ask(new SharedFolderCall(disk.sync), 100);
  await turn();
  assert.deepEqual(disk.folders, ["a"]);
  assert.equal(ended.length, 0);
  await disk.end();
  assert.equal(ended.length, 100);
});

Deno.test("SharedFolderCall lets a caller during a sync wait for the next one, since its entry may be newer", async () => {
  const disk = new SlowDisk();
  const shared = new SharedFolderCall(disk.sync);
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

Deno.test("SharedFolderCall reports a failure only to the callers that waited for that sync", async () => {
  const disk = new SlowDisk();
  const shared = new SharedFolderCall(disk.sync);
  const first = ask(shared, 2);
  await turn();
  const second = ask(shared, 2);
  await disk.end(new Error("broken"));
  await disk.end();
  assert.deepEqual([first, second], [["broken", "broken"], ["done", "done"]]);
});

Deno.test("SharedFolderCall gives all of its callers the result", async () => {
  let calls = 0;
  const shared = new SharedFolderCall((folder) => Promise.resolve(`${folder} ${++calls}`));
  assert.deepEqual(await Promise.all([shared.call("a"), shared.call("a")]), ["a 1", "a 1"]);
  assert.equal(await shared.call("a"), "a 2");
});

Deno.test("SharedFolderCall makes calls about different folders at the same time", async () => {
  const disk = new SlowDisk();
  const shared = new SharedFolderCall(disk.sync);
  ask(shared, 3, "a");
  ask(shared, 3, "b");
  await turn();
  assert.deepEqual(disk.folders, ["a", "b"]);
});

Deno.test("SharedFolderCall begins at once if asked to, and later callers share the next call", async () => {
  const disk = new SlowDisk();
  const shared = new SharedFolderCall(disk.sync, { beginsAtOnce: true });
  const ended = ask(shared, 5);
  assert.deepEqual(disk.folders, ["a"]);
  await Promise.resolve();
  const later = ask(shared, 100);
  assert.deepEqual(disk.folders, ["a"]);
  await disk.end();
  assert.deepEqual([ended.length, later.length], [5, 0]);
  assert.deepEqual(disk.folders, ["a", "a"]);
  await disk.end(new Error("late"));
  assert.deepEqual(later, Array(100).fill("late"));
  const again = ask(shared, 1);
  assert.deepEqual(disk.folders, ["a", "a", "a"]);
  await disk.end();
  assert.deepEqual(again, ["done"]);
});
