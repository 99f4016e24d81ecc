import assert from "node:assert/strict";
import { CallerError, DEFAULT_CONFIG, type SendPolicy } from "../../protocol/mod.ts";
import { LOST, Pair } from "../../testing/connection_pair.ts";

const SECOND_US = 1_000_000;

/** A fixed rate in bytes per second, or the default's congestion control. */
function policyOf(rate: number | undefined): SendPolicy {
  return rate === undefined ? DEFAULT_CONFIG.sendPolicy : { kind: "fixed", rateBytesPerSecond: rate };
}

/** A connection with unlimited data to send, at this rate in bytes per second, which is set before the handshake. */
function sending(rate: number | undefined, bytes = 30_000_000): Pair {
  const pair = new Pair();
  pair.connect().setSendPolicy(pair.nowUs, policyOf(rate));
  assert(pair.runUntil(() => pair.client.connection.state === "established", { withinUs: SECOND_US }));
  pair.send(new Uint8Array(bytes));
  return pair;
}

/** Sets the policy as a program does: what may be sent now is sent immediately. */
function setPolicy(pair: Pair, policy: SendPolicy): void {
  pair.client.connection.setSendPolicy(pair.nowUs, policy);
  pair.serve(pair.client);
}

/** The client's sending rate during the given microseconds, in bytes per second. */
function measure(pair: Pair, forUs: number): number {
  const first = pair.client.wire.sent.length;
  pair.run(forUs);
  const bytes = pair.client.wire.sent.slice(first).reduce((sum, datagram) => sum + datagram.bytes.length, 0);
  return bytes * 1_000_000 / forUs;
}

function assertRate(actual: number, expected: number): void {
  assert(Math.abs(actual - expected) <= 0.03 * expected, `${actual} bytes per second, not ${expected}`);
}

Deno.test("Connection sends at the fixed rate from the first packet on, and at another once it is changed", () => {
  const pair = sending(1_000_000);
  assertRate(measure(pair, SECOND_US), 1_000_000);
  setPolicy(pair, policyOf(3_000_000));
  assertRate(measure(pair, SECOND_US), 3_000_000);
  setPolicy(pair, policyOf(200_000));
  // The packet that waited for the old rate is sent; then the new rate applies.
  pair.run(100_000);
  assertRate(measure(pair, SECOND_US), 200_000);
});

Deno.test("Connection keeps a fixed rate far below two datagrams per round trip", () => {
  const pair = sending(2_000);
  pair.run(2 * SECOND_US);
  assertRate(measure(pair, 100 * SECOND_US), 2_000);
});

Deno.test("Connection sends at its fixed rate despite any loss, and all data arrives in the end", () => {
  const pair = sending(1_000_000, 1_000_000);
  pair.client.wire.rule = ({ index }) => index % 3 === 0 ? LOST : undefined;
  assertRate(measure(pair, SECOND_US), 1_000_000);
  assert(pair.runUntil(() => pair.client.heard("stream-delivered").length === 1, { withinUs: 3 * SECOND_US }));
});

Deno.test("Connection returns to congestion control when the fixed rate is removed, and to the rate when it is set again", () => {
  for (const kind of ["bbr", "cubic"] as const) {
    const pair = new Pair({ client: { sendPolicy: { kind } } });
    pair.connect().setSendPolicy(pair.nowUs, policyOf(500_000));
    pair.run(SECOND_US);
    pair.send(new Uint8Array(30_000_000));
    pair.run(SECOND_US);
    setPolicy(pair, { kind });
    pair.run(SECOND_US);
    // The link has no limit; flow control allows 256 KiB per round trip.
    assert(measure(pair, SECOND_US) > 3_000_000, kind);
    setPolicy(pair, policyOf(500_000));
    pair.run(100_000);
    assertRate(measure(pair, SECOND_US), 500_000);
    assert.equal(pair.client.connection.stats.packetsLost, 0);
  }
});

Deno.test("Connection keeps the packets in flight and its measurements when its rate changes", () => {
  const pair = sending(3_000_000);
  pair.run(SECOND_US);
  const { connection } = pair.client;
  const measured = () => {
    const { bytesInFlight, smoothedRttUs, minRttUs, datagramBytes } = connection.stats;
    return { bytesInFlight, smoothedRttUs, minRttUs, datagramBytes };
  };
  const before = measured();
  assert(before.bytesInFlight > 100_000 && before.datagramBytes === 1472);
  for (const rate of [undefined, 10_000, 5_000_000]) {
    connection.setSendPolicy(pair.nowUs, policyOf(rate));
    assert.deepEqual(measured(), before);
  }
  pair.send(new Uint8Array(1));
  pair.client.connection.setSendPolicy(pair.nowUs, policyOf(10_000_000));
  assert(pair.runUntil(() => pair.client.heard("stream-delivered").length === 2, { withinUs: 30 * SECOND_US }));
  assert.equal(connection.stats.bytesInFlight, 0);
});

Deno.test("Connection does not report losses of packets sent at a fixed rate to a later congestion controller", () => {
  const windowAfter = (isLossy: boolean): number => {
    const pair = new Pair({ client: { sendPolicy: { kind: "cubic" } } });
    pair.connect().setSendPolicy(pair.nowUs, policyOf(2_000_000));
    pair.run(SECOND_US);
    pair.send(new Uint8Array(1_000_000));
    pair.run(200_000);
    const first = pair.client.wire.sent.length;
    // In the last round trip at the fixed rate every fifth packet is lost, after that none.
    const untilUs = pair.nowUs + 40_000;
    pair.client.wire.rule = ({ index, nowUs }) => {
      return isLossy && nowUs < untilUs && (index - first) % 5 === 0 ? LOST : undefined;
    };
    pair.run(40_000);
    setPolicy(pair, { kind: "cubic" });
    pair.run(100_000);
    assert.equal(pair.client.connection.stats.packetsLost > 0, isLossy);
    return pair.client.connection.stats.congestionWindowBytes;
  };
  const [lossy, clean] = [windowAfter(true), windowAfter(false)];
  assert(lossy > 0.7 * clean, `${lossy} and ${clean}`);
});

Deno.test("Connection rejects an invalid rate and keeps its policy", () => {
  const pair = sending(1_000_000);
  for (const rate of [0, -1, NaN, Infinity]) {
    assert.throws(() => pair.client.connection.setSendPolicy(pair.nowUs, policyOf(rate)), CallerError);
  }
  assertRate(measure(pair, SECOND_US), 1_000_000);
});

Deno.test("Connection that has ended accepts a rate without arming a timer", () => {
  const pair = sending(1_000_000);
  pair.client.connection.close(pair.nowUs, 0, "");
  pair.run(10 * SECOND_US);
  const { connection } = pair.client;
  assert.equal(connection.isClosed, true);
  connection.setSendPolicy(pair.nowUs, policyOf(5_000_000));
  connection.setSendPolicy(pair.nowUs, policyOf(undefined));
  assert.equal(connection.pollTimeout(), Infinity);
});
