import assert from "node:assert/strict";
import { systemLibC } from "../../../io/libc.ts";
import { SystemTimers, timerTickUs } from "../../../io/system_timer.ts";

/** Sleepers that are woken by hand, and what they were asked for. */
function sleepers() {
  const asked: number[] = [];
  const wakes: (() => void)[] = [];
  const sleep = (delayUs: number) => {
    asked.push(delayUs);
    return new Promise<void>((resolve) => wakes.push(resolve));
  };
  return { asked, wakes, timers: new SystemTimers(sleep) };
}

Deno.test("SystemTimers sleep for short delays, and set timeouts for long ones", async () => {
  const { asked, wakes, timers } = sleepers();
  let fired = 0;
  const timer = timers.timer(() => fired++);
  timer.set(99.5);
  assert.deepEqual(asked, [100]);
  wakes[0]!();
  await Promise.resolve();
  await Promise.resolve();
  assert.equal(fired, 1);
  timer.set(3_001);
  assert.equal(asked.length, 1);
  timer.clear();
});

Deno.test("a timer that was set again or cleared ignores the thread that slept for it", async () => {
  const { wakes, timers } = sleepers();
  let fired = 0;
  const timer = timers.timer(() => fired++);
  timer.set(1000);
  timer.set(500);
  wakes[0]!();
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.equal(fired, 0);
  timer.clear();
  wakes[1]!();
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.equal(fired, 0);
});

Deno.test("SystemTimers let four threads sleep, and set timeouts meanwhile", async () => {
  const { asked, wakes, timers } = sleepers();
  const fired: number[] = [];
  for (const number of [0, 1, 2, 3]) timers.timer(() => fired.push(number)).set(100);
  assert.equal(asked.length, 4);
  await new Promise<void>((resolve) => timers.timer(resolve).set(100));
  assert.equal(asked.length, 4);
  for (const wake of wakes) wake();
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.deepEqual(fired, [0, 1, 2, 3]);
  timers.timer(() => {}).set(100);
  assert.equal(asked.length, 5);
  wakes[4]!();
});

for (const sleep of [undefined, typeof systemLibC === "string" ? undefined : systemLibC.usleepWaiting]) {
  Deno.test(`a timer fires once, not before its delay has passed, with ${sleep === undefined ? "timeouts" : "sleep"}`, async () => {
    const timers = new SystemTimers(sleep);
    for (const delayUs of [0, 1, 150, 2999, 5000]) {
      const before = performance.now();
      let fired = 0;
      await new Promise<void>((resolve) =>
        timers.timer(() => {
          fired++;
          resolve();
        }).set(delayUs)
      );
      assert(performance.now() - before >= delayUs / 1000, `${delayUs} us`);
      assert.equal(fired, 1);
    }
  });
}

Deno.test("timerTickUs is what timers are late, by what sleeps", () => {
  assert.equal(timerTickUs("no library"), 2_100);
  assert.equal(timerTickUs(), typeof systemLibC === "string" ? 2_100 : 300);
});
