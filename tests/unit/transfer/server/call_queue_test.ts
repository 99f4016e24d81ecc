import assert from "node:assert/strict";
import { CallQueue, MAX_RUNNING_CALLS, type StoreCall } from "../../../../transfer/server/call_queue.ts";

/** A queue whose calls end when the test says so. */
class Calls {
  readonly queue = new CallQueue();
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
  const queue = new CallQueue();
  let count = 0;
  const call: StoreCall = (ended) => {
    if (++count < 100_000) queue.add(count % 2 === 0 ? "a" : "b", (again) => call(again));
    ended();
  };
  queue.add("a", call);
  assert.equal(count, 100_000);
});
