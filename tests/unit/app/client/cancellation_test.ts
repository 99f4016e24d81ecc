import assert from "node:assert/strict";
import { pause, unlessAborted } from "../../../../app/client/cancellation.ts";
import { FakeClock } from "../../../../testing/fake_clock.ts";

const clock = new FakeClock();
const platform = { defer: <Value>() => Promise.withResolvers<Value>(), timer: clock.timer.bind(clock) };

/** Whether a promise has settled by now. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol();
  // The microtasks run first.
  const later = new Promise((resolve) => setTimeout(() => resolve(pending), 0));
  return await Promise.race([promise.catch(() => {}), later]) !== pending;
}

Deno.test("pause ends after its time", async () => {
  const paused = pause(10, { platform, signals: [undefined, new AbortController().signal] });
  clock.pass(9_999);
  assert.equal(await isSettled(paused), false);
  clock.pass(1);
  assert.equal(await isSettled(paused), true);
});

Deno.test("pause ends with any of its signals, before and while it waits, and leaves no timer", async () => {
  const [one, other] = [new AbortController(), new AbortController()];
  const paused = pause(10, { platform, signals: [one.signal, other.signal] });
  assert.equal(await isSettled(paused), false);
  other.abort();
  assert.equal(await isSettled(paused), true);
  assert.equal(await isSettled(pause(10, { platform, signals: [one.signal, other.signal] })), true);
  assert.equal(clock.armed, 0);
});

Deno.test("unlessAborted settles as its promise does", async () => {
  const { signal } = new AbortController();
  const whenAborted = () => new Error("aborted");
  assert.equal(await unlessAborted(Promise.resolve(7), { platform, signal, whenAborted }), 7);
  const reason = new Error("why");
  const rejected = unlessAborted(Promise.reject(reason), { platform, signal: undefined, whenAborted });
  await assert.rejects(rejected, (error) => error === reason);
});

Deno.test("unlessAborted rejects as soon as the signal is aborted, whatever becomes of the promise", async () => {
  const abort = new AbortController();
  const aborted = new Error("aborted");
  const { promise, reject } = Promise.withResolvers<never>();
  const waiting = unlessAborted(promise, { platform, signal: abort.signal, whenAborted: () => aborted });
  abort.abort();
  await assert.rejects(waiting, (error) => error === aborted);
  // Nobody hears of it, and nothing is unhandled.
  reject(new Error("later"));
  const late = unlessAborted(new Promise(() => {}), { platform, signal: abort.signal, whenAborted: () => aborted });
  assert.equal(await isSettled(late), true);
});
