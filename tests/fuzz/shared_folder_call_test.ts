/**
 * SharedFolderCall against a disk that takes its time, fails, or refuses at once: no caller hears that its entry is durable
 * before a sync that began after it has ended well, everybody hears in the end, and no sync is made for nobody.
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import { SharedFolderCall } from "../../store/shared_folder_call.ts";
import { assertReached, modelParameters, type Seen, step, type StepOf } from "../../testing/model_check.ts";

const folder = fc.constantFrom("a", "b");

const STEP = fc.oneof(
  step(6, "ask", { folder, count: fc.integer({ min: 1, max: 3 }) }),
  step(5, "end", { pick: fc.nat(5), isBroken: fc.nat(3).map((n) => n === 3) }),
  step(4, "turn"),
  step(1, "refuse", { isRefusing: fc.boolean() }),
);

interface DiskSync {
  readonly folder: string;
  readonly startedAt: number;
  readonly done: PromiseWithResolvers<void>;
  /** How it ended. */
  outcome: "running" | "done" | "broken";
}

interface Caller {
  readonly folder: string;
  readonly askedAt: number;
  heard: string | undefined;
}

class SyncMachine {
  readonly #seen: Seen;
  readonly #syncs: DiskSync[] = [];
  readonly #callers: Caller[] = [];
  readonly #shared: SharedFolderCall<void>;
  #isRefusing = false;
  /** Found where a throw would only be taken for the disk's. */
  #problem: string | undefined;
  /** Counts what happens. */
  #clock = 0;

  constructor(seen: Seen) {
    this.#seen = seen;
    this.#shared = new SharedFolderCall((folder) => this.#start(folder));
  }

  async take(step: StepOf<typeof STEP>): Promise<void> {
    switch (step.kind) {
      case "ask":
        for (let i = 0; i < step.count; i++) this.#ask(step.folder);
        break;
      case "end": {
        const running = this.#syncs.filter(({ outcome }) => outcome === "running");
        const sync = running[step.pick % running.length];
        if (sync !== undefined) this.#end(sync, step.isBroken);
        break;
      }
      case "turn":
        await settle();
        break;
      case "refuse":
        this.#isRefusing = step.isRefusing;
        break;
    }
    this.#check();
  }

  async finish(): Promise<void> {
    this.#isRefusing = false;
    await settle();
    for (let rounds = 0; this.#callers.some(({ heard }) => heard === undefined); rounds++) {
      assert.ok(rounds < 4, "someone waits for a sync that never ends");
      for (const sync of this.#syncs) if (sync.outcome === "running") this.#end(sync, false);
      await settle();
      this.#check();
    }
    if (this.#callers.length > 1.5 * this.#syncs.length) this.#seen("shared");
  }

  #start(folder: string): Promise<void> {
    const isRunning = this.#syncs.some((sync) => sync.folder === folder && sync.outcome === "running");
    if (isRunning) this.#problem = "two syncs of a folder at a time";
    const isWanted = this.#callers.some((caller) => caller.folder === folder && caller.heard === undefined);
    if (!isWanted) this.#problem = "a sync for nobody";
    const outcome = this.#isRefusing ? "broken" : "running";
    const sync: DiskSync = { folder, startedAt: ++this.#clock, done: Promise.withResolvers(), outcome };
    this.#syncs.push(sync);
    if (this.#isRefusing) {
      this.#seen("refused at once");
      throw new Error(`broken ${sync.startedAt}`);
    }
    return sync.done.promise;
  }

  #end(sync: DiskSync, isBroken: boolean): void {
    sync.outcome = isBroken ? "broken" : "done";
    if (isBroken) sync.done.reject(new Error(`broken ${sync.startedAt}`));
    else sync.done.resolve();
    this.#seen(`ended ${sync.outcome}`);
  }

  #ask(folder: string): void {
    const caller: Caller = { folder, askedAt: ++this.#clock, heard: undefined };
    const isRunning = this.#syncs.some((sync) => sync.folder === folder && sync.outcome === "running");
    if (isRunning) this.#seen("asked while one runs");
    this.#callers.push(caller);
    this.#shared.call(folder).then(() => caller.heard = "done", (error: Error) => caller.heard = error.message);
  }

  /** What a caller hears is the result of the first sync that began after its request: no other sync covers it. */
  #checkHeard(caller: Caller): void {
    const own = this.#syncs.find(({ folder, startedAt }) => folder === caller.folder && startedAt > caller.askedAt);
    assert.ok(own !== undefined, "heard before a sync began");
    const expected = own.outcome === "broken" ? `broken ${own.startedAt}` : own.outcome;
    assert.equal(caller.heard, expected);
  }

  #check(): void {
    assert.equal(this.#problem, undefined);
    for (const caller of this.#callers) if (caller.heard !== undefined) this.#checkHeard(caller);
  }
}

/** Lets everything that waits for no disk go on. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

Deno.test("SharedFolderCall gives each caller the result of the first sync that began after its request", async () => {
  const counts = new Map<string, number>();
  const seen = (what: string): void => void counts.set(what, (counts.get(what) ?? 0) + 1);
  const steps = fc.array(STEP, { maxLength: 40, size: "max" });
  await fc.assert(
    fc.asyncProperty(steps, async (taken) => {
      const machine = new SyncMachine(seen);
      for (const step of taken) await machine.take(step);
      await machine.finish();
    }),
    modelParameters(300),
  );
  assertReached(counts, {
    "shared": 100,
    "asked while one runs": 300,
    "ended done": 500,
    "ended broken": 100,
    "refused at once": 50,
  });
});
