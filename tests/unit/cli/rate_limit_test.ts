import assert from "node:assert/strict";
import { parseRateSchedule } from "../../../app/rate.ts";
import { runClient } from "../../../cli/client_program.ts";
import { followSchedule } from "../../../cli/rate_limit.ts";
import { FakeContext } from "../../../testing/cli_fakes.ts";

const MINUTE_US = 60_000_000;

Deno.test("followSchedule applies each limit when its time has come, until it is stopped", () => {
  const schedule = parseRateSchedule("08:00,8M 18:00,off");
  assert(!("error" in schedule));
  const context = new FakeContext();
  context.minute = 7 * 60 + 58;
  const applied: number[] = [];
  const stop = followSchedule(schedule, context, (bytesPerSecond) => applied.push(bytesPerSecond));
  const pass = (minutes: number) => {
    context.minute = (context.minute + minutes) % 1440;
    context.clock.pass(MINUTE_US);
  };
  pass(1);
  assert.deepEqual(applied, []);
  pass(1);
  pass(60);
  assert.deepEqual(applied, [1_000_000]);
  pass(9 * 60);
  assert.deepEqual(applied, [1_000_000, Infinity]);
  stop();
  assert.equal(context.clock.armed, 0);
});

Deno.test("followSchedule has nothing to follow in a limit that holds all day", () => {
  const context = new FakeContext();
  followSchedule([{ fromMinute: 0, bytesPerSecond: 1 }], context, () => assert.fail());
  followSchedule(undefined, context, () => assert.fail());
  assert.equal(context.clock.armed, 0);
});

Deno.test("runClient connects with the limit of this time of day, and in the background if that is asked for", async () => {
  for (
    const [args, rateLimit] of [
      [[], undefined],
      [["--limit", "8M"], { bytesPerSecond: 1_000_000, isBackground: false }],
      [["--background"], { bytesPerSecond: Infinity, isBackground: true }],
      [["--limit", "08:00,8M 18:00,16M", "--background"], { bytesPerSecond: 2_000_000, isBackground: true }],
    ] as const
  ) {
    const context = new FakeContext();
    context.minute = 60;
    context.knownHosts.keys.set("h:7", context.engine.serverKey);
    assert.equal(await runClient(["list", "--server", "h:7", ...args], context), 0);
    assert.deepEqual(context.engine.connections[0]!.rateLimit, rateLimit);
    assert.equal(context.clock.armed, 0);
  }
});
