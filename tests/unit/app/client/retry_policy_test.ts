import assert from "node:assert/strict";
import { SluiceError } from "../../../../app/api.ts";
import { Backoff, Outage } from "../../../../app/client/retry_policy.ts";
import { FakeClock } from "../../../../testing/fake_clock.ts";

/** A machine whose random bytes are all the same. */
function machine(byte = 0): FakeClock & { randomBytes(count: number): Uint8Array } {
  return Object.assign(new FakeClock(), { randomBytes: (count: number) => new Uint8Array(count).fill(byte) });
}

Deno.test("Backoff.next doubles the delay up to 5 s, draws it from its upper half, and begins again after reset", () => {
  const least = new Backoff(machine(0));
  assert.deepEqual(Array.from({ length: 7 }, () => least.next()), [100, 200, 400, 800, 1600, 2500, 2500]);
  least.reset();
  assert.equal(least.next(), 100);
  const most = new Backoff(machine(255)).next();
  assert(most > 199 && most <= 200, `${most}`);
});

Deno.test("Outage.leftMs is what is left of the time, never less than 0", () => {
  const platform = machine();
  const outage = new Outage(platform, 10_000);
  platform.pass(4_000_000);
  assert.deepEqual([outage.elapsedMs, outage.leftMs], [4_000, 6_000]);
  platform.pass(7_000_000);
  assert.deepEqual([outage.elapsedMs, outage.leftMs], [11_000, 0]);
});

Deno.test("Outage.giveUp says what was tried and for how long, unless there was one attempt", () => {
  const platform = machine();
  const outage = new Outage(platform, 10_000);
  const error = new SluiceError("unreachable", "no response", { retry: "reconnect" });
  outage.failures = 1;
  assert.equal(outage.giveUp(error), error);
  outage.failures = 3;
  const lost = new SluiceError("failed", "idle connection timeout", { retry: "reconnect" });
  outage.loss = { error: lost, reason: "no response for 1 min" };
  platform.pass(10_000_000);
  const { kind, message } = outage.giveUp(error);
  assert.equal(kind, "unreachable");
  assert.equal(message, "connection lost: no response for 1 min; no response; gave up after 3 attempts in 10 s");
  assert.equal(outage.giveUp(lost).message, "connection lost: no response for 1 min; gave up after 3 attempts in 10 s");
  platform.pass(590_000_000);
  assert.match(outage.giveUp(lost).message, /; gave up after 3 attempts in 10 min$/);
});
