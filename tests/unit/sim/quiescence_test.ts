import assert from "node:assert/strict";
import { Turn } from "../../../sim/quiescence.ts";

Deno.test("Turn is due when a promise of its own was settled, and over when all who waited have gone on", async () => {
  const turn = new Turn();
  const { promise, resolve } = turn.defer<number>();
  let steps = 0;
  const program = (async () => {
    steps = await promise;
    for (let i = 0; i < 50; i++) await Promise.resolve(steps++);
  })();
  await turn.over();
  assert.equal(turn.isDue, false);
  resolve(1);
  assert.equal(turn.isDue, true);
  assert.equal(steps, 0, "nobody goes on in the middle of something");
  await turn.over();
  assert.equal(steps, 51);
  assert.equal(turn.isDue, false);
  await program;
});

Deno.test("Turn is due when a promise of its own was rejected, and when it is marked", async () => {
  const turn = new Turn();
  const { promise, reject } = turn.defer<void>();
  const caught = assert.rejects(promise, /broken/);
  reject(new Error("broken"));
  assert.equal(turn.isDue, true);
  await turn.over();
  await caught;
  turn.mark();
  assert.equal(turn.isDue, true);
  await turn.over();
  assert.equal(turn.isDue, false);
});
