import assert from "node:assert/strict";
import {
  AVOIDED_FACTOR,
  ShortCalls,
  type ShortCallsOptions,
  SLICE_US,
  SURELY_SLOW_US,
} from "../../../io/short_calls.ts";

/** Calls on a clock that only they advance; `turn` begins the next turn of the event loop. */
class Fixture {
  nowUs = 0;
  /** What was called, in its order. */
  readonly made: string[] = [];
  #next: (() => void)[] = [];
  readonly #calls: ShortCalls;

  constructor(options: Pick<ShortCallsOptions, "beginsLater"> = {}) {
    const inNextTurn = (action: () => void) => this.#next.push(action);
    this.#calls = new ShortCalls({ ...options, nowUs: () => this.nowUs, inNextTurn });
  }

  call(name: string, tookUs: number): Promise<string> {
    return this.#calls.run(() => {
      this.nowUs += tookUs;
      this.made.push(name);
      return name;
    }, () => {
      this.made.push(`${name} in the pool`);
      return Promise.resolve(name);
    });
  }

  fail(error: Error): Promise<never> {
    return this.#calls.run<never>(() => {
      throw error;
    }, () => Promise.reject(error));
  }

  turn(): void {
    const actions = this.#next;
    this.#next = [];
    for (const action of actions) action();
  }

  get hasNextTurn(): boolean {
    return this.#next.length > 0;
  }
}

Deno.test("ShortCalls makes calls at once while the turn has time for them", async () => {
  const fixture = new Fixture();
  const first = fixture.call("a", SLICE_US - 1);
  const second = fixture.call("b", 5);
  assert.deepEqual(fixture.made, ["a", "b"]);
  assert.deepEqual(await Promise.all([first, second]), ["a", "b"]);
});

Deno.test("ShortCalls leaves what has no time to later turns, in its order", async () => {
  const fixture = new Fixture();
  const calls = ["a", "b", "c", "d", "e"].map((name) => fixture.call(name, SLICE_US / 2));
  assert.deepEqual(fixture.made, ["a", "b"]);
  fixture.turn();
  assert.deepEqual(fixture.made, ["a", "b", "c", "d"]);
  // Also one that comes when there is time again.
  calls.push(fixture.call("f", 1));
  assert.deepEqual(fixture.made, ["a", "b", "c", "d"]);
  fixture.turn();
  assert.deepEqual(fixture.made, ["a", "b", "c", "d", "e", "f"]);
  assert.deepEqual(await Promise.all(calls), ["a", "b", "c", "d", "e", "f"]);
  fixture.turn();
  assert.equal(fixture.hasNextTurn, false, "it is idle again");
});

Deno.test("ShortCalls counts what its caller does between two calls", () => {
  const fixture = new Fixture();
  void fixture.call("a", 1);
  fixture.nowUs += SLICE_US;
  void fixture.call("b", 1);
  assert.deepEqual(fixture.made, ["a"]);
});

Deno.test("ShortCalls passes errors on, and goes on", async () => {
  const fixture = new Fixture();
  const error = new Error("no such file");
  await assert.rejects(fixture.fail(error), error);
  void fixture.call("a", SLICE_US);
  const waiting = fixture.fail(error);
  void fixture.call("b", 1);
  fixture.turn();
  await assert.rejects(waiting, error);
  assert.deepEqual(fixture.made, ["a", "b"]);
});

Deno.test("ShortCalls leaves a slow disk to the thread pool for a while", async () => {
  const fixture = new Fixture();
  const slow = (): Promise<unknown> => {
    fixture.turn();
    return fixture.call("slow", SURELY_SLOW_US * 0.5);
  };
  for (let count = 0; count < 6; count++) await slow();
  const begunUs = fixture.nowUs;
  fixture.turn();
  await fixture.call("a", 1);
  assert.deepEqual(fixture.made, [...Array(6).fill("slow"), "a in the pool"]);
  fixture.nowUs = begunUs + AVOIDED_FACTOR * SURELY_SLOW_US * 2.5;
  fixture.turn();
  await fixture.call("b", 1);
  assert.equal(fixture.made.at(-1), "b in the pool");
  fixture.nowUs = begunUs + AVOIDED_FACTOR * SURELY_SLOW_US * 3;
  fixture.turn();
  await fixture.call("c", 1);
  assert.equal(fixture.made.at(-1), "c");
});

Deno.test("ShortCalls takes no disk for slow because of long calls among many short ones", async () => {
  const fixture = new Fixture();
  for (let round = 0; round < 20; round++) {
    for (let count = 0; count < 50; count++) {
      fixture.turn();
      await fixture.call("a", count < 4 ? SURELY_SLOW_US * 0.9 : 20);
    }
  }
  assert.equal(fixture.made.filter((name) => name !== "a").length, 0);
});

Deno.test("ShortCalls takes a disk for slow because of one call that took very long", async () => {
  const fixture = new Fixture();
  await fixture.call("a", SURELY_SLOW_US);
  fixture.turn();
  await fixture.call("b", 1);
  assert.deepEqual(fixture.made, ["a", "b in the pool"]);
});

Deno.test("ShortCalls begins calls in the next turn, together, where it is to", async () => {
  const fixture = new Fixture({ beginsLater: true });
  const calls = ["a", "b"].map((name) => fixture.call(name, 5));
  assert.deepEqual(fixture.made, []);
  fixture.turn();
  assert.deepEqual(fixture.made, ["a", "b"]);
  calls.push(fixture.call("c", 5));
  assert.deepEqual(fixture.made, ["a", "b"]);
  fixture.turn();
  assert.deepEqual(await Promise.all(calls), ["a", "b", "c"]);
  fixture.turn();
  assert.equal(fixture.hasNextTurn, false, "it is idle again");
});

Deno.test("ShortCalls leaves calls to the pool that waited when the disk turned out to be slow", () => {
  const fixture = new Fixture();
  void fixture.call("a", SURELY_SLOW_US);
  void fixture.call("b", 1);
  assert.deepEqual(fixture.made, ["a"]);
  fixture.turn();
  assert.deepEqual(fixture.made, ["a", "b in the pool"]);
});
