import assert from "node:assert/strict";
import { CallQueue, MAX_RUNNING_CALLS, type StoreCall } from "../../../../transfer/server/call_queue.ts";

/** A queue whose calls end when the test says so. */
class Calls {
  nowUs = 0;
  /** When the queue asked to be woken; Infinity if it did not. */
  wakeUs = Infinity;
  readonly queue = new CallQueue({
    nowUs: () => this.nowUs,
    wakeIn: (delayUs) => void (this.wakeUs = this.nowUs + delayUs),
  });
  readonly begun: string[] = [];
  readonly #running: (() => void)[] = [];

  add(source: string, name: string): StoreCall {
    const call: StoreCall = (ended) => {
      this.begun.push(name);
      this.#running.push(ended);
    };
    this.queue.add(source, call);
    return call;
  }

  get runningCount(): number {
    return this.#running.length;
  }

  /** Ends the call that began first. */
  end(): void {
    this.#running.shift()!();
  }
}

Deno.test("CallQueue runs a bounded number of calls, and takes waiting sources in rotation", () => {
  const calls = new Calls();
  for (let i = 0; i < MAX_RUNNING_CALLS; i++) calls.add("a", "first");
  for (let i = 0; i < 3; i++) calls.add("a", `a${i}`);
  for (let i = 0; i < 2; i++) calls.add("b", `b${i}`);
  calls.add("c", "c0");
  assert.equal(calls.begun.length, MAX_RUNNING_CALLS);
  for (let i = 0; i < 6; i++) calls.end();
  assert.deepEqual(calls.begun.slice(MAX_RUNNING_CALLS), ["a0", "b0", "c0", "a1", "b1", "a2"]);
});

Deno.test("CallQueue.remove removes a call that has not begun", () => {
  const calls = new Calls();
  const running = Array.from({ length: MAX_RUNNING_CALLS }, () => calls.add("a", "first"));
  const [only, kept] = [calls.add("b", "removed"), calls.add("c", "kept")];
  assert.deepEqual([calls.queue.remove("b", only), calls.queue.remove("b", only)], [true, false]);
  assert.equal(calls.queue.remove("a", running[0]!), false);
  for (let i = 0; i < 2; i++) calls.end();
  assert.deepEqual(calls.begun.slice(MAX_RUNNING_CALLS), ["kept"]);
  assert.equal(calls.queue.remove("c", kept), false);
});

Deno.test("CallQueue runs any number of calls that end before they return", () => {
  const { queue } = new Calls();
  let count = 0;
  const call: StoreCall = (ended) => {
    if (++count < 100_000) queue.add(count % 2 === 0 ? "a" : "b", (again) => call(again));
    ended();
  };
  queue.add("a", call);
  assert.equal(count, 100_000);
});

/** The number of calls of source "a", of 4,000 that wait, that begin in a second. */
function begunInOneSecond(options: { large: readonly string[]; store: "serial" | "parallel"; callUs: number }): number {
  const { large, store, callUs } = options;
  const calls = new Calls();
  const endsUs: number[] = [];
  for (const source of large) calls.queue.beginLarge(source);
  for (let i = 0; i < 4000; i++) calls.add("a", "call");
  while (calls.nowUs < 1_000_000) {
    while (endsUs.length < calls.begun.length) {
      const startUs = store === "parallel" ? calls.nowUs : Math.max(calls.nowUs, endsUs.at(-1) ?? 0);
      endsUs.push(startUs + callUs);
    }
    const endUs = endsUs[ended(calls)] ?? Infinity;
    calls.nowUs = Math.min(endUs, calls.wakeUs);
    if (endUs <= calls.wakeUs) {
      calls.end();
    } else {
      calls.wakeUs = Infinity;
      calls.queue.wake();
    }
  }
  return calls.begun.length;
}

function ended(calls: Calls): number {
  return calls.begun.length - calls.runningCount;
}

Deno.test("CallQueue leaves two thirds of the time to large transfers of other sources", () => {
  const serial = { store: "serial", callUs: 500 } as const;
  assert.ok(begunInOneSecond({ ...serial, large: [] }) >= 2000);
  assert.ok(begunInOneSecond({ ...serial, large: ["a"] }) >= 2000);
  for (const large of [["b"], ["a", "b"], ["b", "b", "c"]]) {
    const count = begunInOneSecond({ ...serial, large });
    assert.ok(count >= 650 && count <= 750, `${count} calls`);
  }
});

Deno.test("CallQueue does not take waiting for the store for work of the processor", () => {
  const parallel = { store: "parallel", callUs: 50_000 } as const;
  const count = begunInOneSecond({ ...parallel, large: ["b"] });
  assert.ok(count >= 300, `${count} calls`);
});

Deno.test("CallQueue.endLarge ends the pauses with a source's last large transfer", () => {
  const calls = new Calls();
  calls.queue.beginLarge("b");
  calls.queue.beginLarge("b");
  // More than is made up for: nothing has run before.
  for (let i = 0; i < 2 * MAX_RUNNING_CALLS; i++) calls.add("a", "call");
  for (let i = 0; i < 2 * MAX_RUNNING_CALLS; i++) {
    calls.nowUs += 1_000;
    calls.end();
  }
  calls.add("a", "paused");
  assert.ok(!calls.begun.includes("paused"));
  calls.queue.endLarge("b");
  calls.queue.wake();
  assert.ok(!calls.begun.includes("paused"));
  calls.queue.endLarge("b");
  calls.queue.wake();
  assert.equal(calls.begun.at(-1), "paused");
});
