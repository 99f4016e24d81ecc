import assert from "node:assert/strict";
import { type BackgroundTask, BackgroundWork } from "../../../transfer/background_work.ts";

/** Work whose next step is due after a delay, and a task of so many steps. */
function scene() {
  const delays: number[] = [];
  const work = new BackgroundWork((delayUs) => void delays.push(delayUs));
  const order: string[] = [];
  const task = (name: string, steps: number): BackgroundTask => ({
    get hasWork() {
      return steps > 0;
    },
    work: () => {
      steps--;
      order.push(name);
    },
  });
  return { work, delays, order, task };
}

Deno.test("BackgroundWork.step gives tasks their turns, and asks for a step as long as there is work", () => {
  const { work, delays, order, task } = scene();
  work.add(task("none", 0));
  assert.deepEqual(delays, []);
  work.add(task("a", 2));
  work.add(task("b", 3));
  const removed = task("c", 1);
  work.add(removed);
  work.remove(removed);
  for (let done = 0; done < delays.length; done++) work.step();
  assert.deepEqual(order, ["a", "b", "a", "b", "b"]);
  assert.deepEqual(delays, [0, 0, 0, 0, 0]);
});

Deno.test("BackgroundWork.step is followed by a pause while connections are served", () => {
  const { work, delays, task } = scene();
  work.add(task("a", 20));
  for (let step = 0; step < 4; step++) {
    work.noteTraffic();
    work.step();
  }
  for (let served = 0; served < 100; served++) work.noteTraffic();
  work.step();
  // What comes in a pause is little.
  work.noteTraffic();
  work.step();
  assert.deepEqual(delays.map((delayUs) => delayUs > 0), [false, false, false, false, true, true, false]);
});

Deno.test("BackgroundWork.step does not take what its own task sends for traffic", () => {
  const { work, delays } = scene();
  work.add({ hasWork: true, work: () => work.noteTraffic() });
  work.step();
  work.step();
  assert.deepEqual(delays, [0, 0, 0]);
});
