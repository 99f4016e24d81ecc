import assert from "node:assert/strict";
import { Quiescence } from "../../../sim/quiescence.ts";

Deno.test("Quiescence is disturbed by a resolved promise, and reached when its awaiters have continued", async () => {
  const quiescence = new Quiescence();
  const { promise, resolve } = quiescence.defer<number>();
  let steps = 0;
  const program = (async () => {
    steps = await promise;
    for (let i = 0; i < 50; i++) await Promise.resolve(steps++);
  })();
  await quiescence.reached();
  assert.equal(quiescence.isDisturbed, false);
  resolve(1);
  assert.equal(quiescence.isDisturbed, true);
  assert.equal(steps, 0, "nothing continues synchronously");
  await quiescence.reached();
  assert.equal(steps, 51);
  assert.equal(quiescence.isDisturbed, false);
  await program;
});

Deno.test("Quiescence is disturbed by a rejected promise, and by disturb()", async () => {
  const quiescence = new Quiescence();
  const { promise, reject } = quiescence.defer<void>();
  const caught = assert.rejects(promise, /broken/);
  reject(new Error("broken"));
  assert.equal(quiescence.isDisturbed, true);
  await quiescence.reached();
  await caught;
  quiescence.disturb();
  assert.equal(quiescence.isDisturbed, true);
  await quiescence.reached();
  assert.equal(quiescence.isDisturbed, false);
});
