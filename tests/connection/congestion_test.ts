import assert from "node:assert/strict";
import { Random } from "../../base/random.ts";
import { LOST, Pair } from "../../testing/connection_pair.ts";

/** A pair whose client uses CUBIC, whose window is predictable from the RFC. */
function cubicPair(): Pair {
  const pair = Pair.connected({ client: { sendPolicy: { kind: "cubic" } } });
  pair.run(500_000);
  return pair;
}

function send(pair: Pair, length: number): () => boolean {
  pair.send(new Random(1).bytes(length));
  return () => pair.client.heard("stream-delivered").length > 0;
}

Deno.test("Connection has no more in flight than the congestion window", () => {
  const pair = cubicPair();
  const isDone = send(pair, 3_000_000);
  let mostBytes = 0;
  const isOver = (): boolean => {
    const { bytesInFlight, congestionWindowBytes } = pair.client.connection.stats;
    mostBytes = Math.max(mostBytes, bytesInFlight);
    return bytesInFlight > congestionWindowBytes || isDone();
  };
  assert(pair.runUntil(isOver, { withinUs: 20_000_000 }));
  assert(isDone(), `${mostBytes} bytes were in flight`);
});

Deno.test("Connection undoes the congestion response to a spurious loss", () => {
  const pair = cubicPair();
  const isDone = send(pair, 1_000_000);
  pair.run(90_000);
  const first = pair.client.wire.sent.length;
  pair.client.wire.rule = ({ index }) => index === first + 2 ? [{ extraDelayUs: 60_000 }] : undefined;
  const windowBytes = () => pair.client.connection.stats.congestionWindowBytes;
  let mostBytes = 0;
  let isReduced = false;
  const isRepaired = (): boolean => {
    isReduced ||= windowBytes() < mostBytes;
    mostBytes = Math.max(mostBytes, windowBytes());
    return pair.client.connection.stats.spuriousLosses > 0;
  };
  assert(pair.runUntil(isRepaired, { withinUs: 2_000_000 }));
  assert(isReduced, "there was nothing to undo");
  assert.equal(windowBytes(), mostBytes);
  assert(pair.runUntil(isDone, { withinUs: 20_000_000 }));
});

Deno.test("Connection restarts with the minimum window after an outage: persistent congestion", () => {
  const pair = cubicPair();
  const isDone = send(pair, 5_000_000);
  pair.run(200_000);
  const { congestionWindowBytes, datagramBytes } = pair.client.connection.stats;
  assert(congestionWindowBytes > 50 * datagramBytes);
  pair.client.wire.rule = () => LOST;
  pair.run(5_000_000);
  pair.client.wire.rule = () => undefined;
  let leastBytes = Infinity;
  const isOver = (): boolean => {
    leastBytes = Math.min(leastBytes, pair.client.connection.stats.congestionWindowBytes);
    return isDone();
  };
  assert(pair.runUntil(isOver, { withinUs: 30_000_000 }));
  assert(leastBytes <= 4 * datagramBytes, `the window was ${leastBytes} bytes at least`);
});
