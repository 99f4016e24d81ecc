import assert from "node:assert/strict";
import { CallerError, NO_RATE_LIMIT } from "../../protocol/mod.ts";
import { LOST, Pair } from "../../testing/connection_pair.ts";

const SECOND_US = 1_000_000;

/** A connection with unlimited data to send; the link has no limit. */
function sending(): Pair {
  const pair = new Pair();
  pair.connect();
  assert(pair.runUntil(() => pair.client.connection.state === "established", { withinUs: SECOND_US }));
  pair.send(new Uint8Array(60_000_000));
  return pair;
}

function limit(bytesPerSecond: number): { bytesPerSecond: number; isBackground: boolean } {
  return { bytesPerSecond, isBackground: false };
}

/** The client's sending rate during the given microseconds, in bytes per second. */
function measure(pair: Pair, forUs = SECOND_US): number {
  const first = pair.client.wire.sent.length;
  pair.run(forUs);
  const bytes = pair.client.wire.sent.slice(first).reduce((sum, datagram) => sum + datagram.bytes.length, 0);
  return bytes * 1_000_000 / forUs;
}

function assertRate(actual: number, expected: number): void {
  assert(Math.abs(actual - expected) <= 0.03 * expected, `${actual} bytes per second, not ${expected}`);
}

Deno.test("Connection sends no faster than its limit, and as fast as before once it has none", () => {
  const pair = sending();
  pair.run(SECOND_US);
  const free = measure(pair);
  for (const rate of [300_000, 1_000_000, 2_000]) {
    pair.client.connection.limitSending(pair.nowUs, limit(rate));
    // What was allowed before goes out first.
    pair.run(2 * SECOND_US);
    assertRate(measure(pair, 20 * SECOND_US), rate);
  }
  pair.client.connection.limitSending(pair.nowUs, NO_RATE_LIMIT);
  pair.serve(pair.client);
  // The limit was not taken for the path's rate: one round trip suffices.
  pair.run(SECOND_US / 5);
  const again = measure(pair);
  assert(again > 0.8 * free, `${again} after the limit, ${free} before`);
});

Deno.test("Connection sends no faster than its peer asks, even if the first frame is lost", () => {
  for (const isLost of [false, true]) {
    const pair = sending();
    pair.run(SECOND_US);
    let lost = 0;
    if (isLost) pair.server.wire.rule = () => lost++ < 20 ? LOST : undefined;
    pair.server.connection.limitReceiving(pair.nowUs, limit(400_000));
    pair.serve(pair.server);
    pair.run(3 * SECOND_US);
    assertRate(measure(pair, 5 * SECOND_US), 400_000);
    pair.server.connection.limitReceiving(pair.nowUs, limit(800_000));
    pair.client.connection.limitSending(pair.nowUs, limit(600_000));
    pair.serve(pair.server);
    pair.run(SECOND_US);
    assertRate(measure(pair, 5 * SECOND_US), 600_000);
  }
});

Deno.test("Connection keeps its limit and its peer's apart, and takes the latest of each", () => {
  const pair = sending();
  pair.server.connection.limitReceiving(pair.nowUs, limit(1_000_000));
  pair.server.connection.limitReceiving(pair.nowUs, limit(500_000));
  pair.serve(pair.server);
  pair.run(2 * SECOND_US);
  assertRate(measure(pair, 5 * SECOND_US), 500_000);
  pair.server.connection.limitReceiving(pair.nowUs, NO_RATE_LIMIT);
  pair.serve(pair.server);
  pair.run(SECOND_US);
  assert(measure(pair) > 1_500_000);
});

Deno.test("Connection refuses a limit that is no rate", () => {
  const pair = sending();
  for (const rate of [0, -1, NaN]) {
    assert.throws(() => pair.client.connection.limitSending(pair.nowUs, limit(rate)), CallerError);
    assert.throws(() => pair.client.connection.limitReceiving(pair.nowUs, limit(rate)), CallerError);
  }
});
