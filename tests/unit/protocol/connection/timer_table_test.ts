import assert from "node:assert/strict";
import { Timer, TimerTable } from "../../../../protocol/connection/timer_table.ts";

Deno.test("TimerTable.nextUs returns the earliest deadline, and Infinity if no timer is armed", () => {
  const timers = new TimerTable();
  assert.equal(timers.nextUs(), Infinity);
  timers.set(Timer.idle, 300);
  timers.set(Timer.pacing, 100);
  timers.set(Timer.closing, 200);
  assert.equal(timers.nextUs(), 100);
  timers.stop(Timer.pacing);
  assert.equal(timers.nextUs(), 200);
  timers.stopAll();
  assert.equal(timers.nextUs(), Infinity);
});

Deno.test("TimerTable.expire disarms a timer that is due, once, and no other", () => {
  const timers = new TimerTable();
  timers.set(Timer.idle, 100);
  timers.set(Timer.keepAlive, 100);
  assert.equal(timers.expire(Timer.idle, 99), false);
  assert.equal(timers.expire(Timer.idle, 100), true);
  assert.equal(timers.expire(Timer.idle, 100), false);
  assert.equal(timers.get(Timer.idle), Infinity);
  assert.equal(timers.get(Timer.keepAlive), 100);
});

Deno.test("Timer has a distinct slot for each name", () => {
  assert.equal(new Set(Object.values(Timer)).size, Object.keys(Timer).length);
});
