import assert from "node:assert/strict";
import { JOBS_PER_TURN, Turns } from "../../../../transfer/server/turns.ts";

/** Turns, what was done, and when the next was asked for. */
class Scene {
  readonly done: string[] = [];
  readonly asked: number[] = [];
  nowUs = 0;
  isShared = false;
  readonly turns = new Turns({
    nowUs: () => this.nowUs,
    isShared: () => this.isShared,
    wakeIn: (delayUs) => this.asked.push(delayUs),
  });

  add(...sources: readonly string[]): void {
    for (const source of sources) this.turns.add(source, () => this.done.push(source));
  }

  /** What is done in the next turn. */
  next(nowUs = this.nowUs): string[] {
    this.nowUs = nowUs;
    this.done.length = 0;
    this.turns.next();
    return [...this.done];
  }
}

/** As many as a turn has room for. */
const FULL: readonly string[] = Array.from({ length: JOBS_PER_TURN }, () => "a");

Deno.test("Turns does at once what a turn has room for, and asks for the next one once", () => {
  const scene = new Scene();
  scene.add("a");
  assert.deepEqual(scene.done, ["a"]);
  scene.add(...FULL);
  assert.equal(scene.done.length, JOBS_PER_TURN);
  assert.deepEqual(scene.asked, [0]);
});

Deno.test("Turns goes on in later turns, source after source, each in its order", () => {
  const scene = new Scene();
  scene.add(...FULL);
  const order: string[] = [];
  const many = FULL.map((_, index) => `a${index}`);
  for (const name of [...many, "b0", "c0", "b1"]) scene.turns.add(name[0]!, () => order.push(name));
  assert.deepEqual(order, []);
  scene.next();
  assert.deepEqual(order, ["a0", "b0", "c0", "a1", "b1", ...many.slice(2, -3)]);
  scene.next();
  assert.deepEqual(order.slice(JOBS_PER_TURN), many.slice(-3));
  assert.deepEqual(scene.asked, [0, 0, 0]);
});

Deno.test("Turns lets who comes later wait for those who wait, and has room again in the next turn", () => {
  const scene = new Scene();
  scene.add(...FULL, ...FULL, "a");
  assert.deepEqual(scene.next(), FULL);
  scene.add("b");
  assert.deepEqual(scene.next(), ["a", "b"]);
  scene.add("c");
  assert.deepEqual(scene.done, ["a", "b", "c"]);
});

Deno.test("Turns asks for no more turns when nothing was done in the last", () => {
  const scene = new Scene();
  scene.add("a");
  scene.next();
  assert.deepEqual(scene.asked, [0]);
  scene.add("a");
  assert.deepEqual(scene.asked, [0, 0]);
});

Deno.test("Turns does nothing before its time, and asks to be called at the earliest", () => {
  const scene = new Scene();
  for (const atUs of [9_000, 5_000]) scene.turns.addAt(atUs, "a", () => scene.done.push(`at ${atUs}`));
  assert.deepEqual(scene.next(1_000), []);
  assert.deepEqual(scene.asked, [0, 4_000]);
  assert.deepEqual(scene.next(4_999), []);
  assert.deepEqual(scene.asked.at(-1), 1);
  assert.deepEqual(scene.next(5_000), ["at 5000"]);
  scene.next(5_001);
  assert.deepEqual(scene.asked.at(-1), 3_999);
  assert.deepEqual(scene.next(9_000), ["at 9000"]);
});

Deno.test("Turns takes jobs that a job adds", () => {
  const scene = new Scene();
  scene.turns.add("a", () => {
    scene.turns.addAt(7, "a", () => scene.done.push("later"));
    scene.add("b");
  });
  assert.deepEqual(scene.done, ["b"]);
  assert.deepEqual(scene.next(7), ["later"]);
});

/** Four jobs of 2 ms each, on a scene in which a turn takes two of them. */
function slowScene(): Scene {
  const scene = new Scene();
  for (let i = 0; i < 4; i++) {
    scene.turns.add("a", () => {
      scene.done.push("slow");
      scene.nowUs += 2_000;
    });
  }
  assert.equal(scene.done.length, 2);
  return scene;
}

Deno.test("Turns has no more jobs in a turn that took four milliseconds", () => {
  const scene = slowScene();
  assert.equal(scene.next().length, 2);
});

Deno.test("Turns leaves half of the time to who is served otherwise, where somebody else is and jobs are slow", () => {
  const scene = new Scene();
  scene.isShared = true;
  for (let i = 0; i < 4; i++) scene.turns.add("a", () => void (scene.nowUs += 3_000));
  const endUs = 6_000;
  assert.equal(scene.nowUs, endUs);
  assert.deepEqual(scene.next(endUs + 1_000), []);
  assert.equal(scene.asked.at(-1), 5_000);
  scene.add("b");
  assert.deepEqual(scene.done, []);
  scene.next(endUs + 5_999);
  assert.deepEqual([scene.nowUs, scene.asked.at(-1)], [endUs + 5_999, 1]);
  assert.deepEqual(scene.next(endUs + 6_000), ["b"]);
});

Deno.test("Turns does not rest while one source is served alone", () => {
  const scene = slowScene();
  scene.isShared = true;
  assert.equal(scene.next(scene.nowUs).length, 2);
});
