import assert from "node:assert/strict";
import type { LimitSample } from "../../../app/client/api.ts";
import { describeLimit, type LimitFacts, limitOf, LimitTally, lossShare } from "../../../cli/limit.ts";
import type { LimitCause } from "../../../cli/records.ts";

/** Five seconds of sending at 20 Mbit/s. */
const FACTS: LimitFacts = {
  direction: "send",
  elapsedMs: 5_000,
  cpuMs: 500,
  counts: { congestion: 50 },
  packetsSent: 10_000,
  packetsLost: 2,
  packetsReceived: 1_000,
  packetsMissing: 0,
  bytesSent: 12_500_000,
  bytesReceived: 100_000,
  smoothedRttMs: 50,
};

const GET: LimitFacts = {
  ...FACTS,
  direction: "get",
  packetsReceived: 10_000,
  bytesReceived: 12_500_000,
  counts: { "no-data": 50 },
};

const CASES: readonly (readonly [LimitFacts, LimitCause, words: string])[] = [
  [FACTS, "link", "limited by the link (20.0 Mbit/s, round trip 50 ms)"],
  [
    { ...FACTS, packetsLost: 100 },
    "link",
    "limited by the link (20.0 Mbit/s, round trip 50 ms, 1.0 % lost)",
  ],
  [
    { ...FACTS, packetsLost: 1_240 },
    "loss",
    "limited by packet loss on the link (20.0 Mbit/s, round trip 50 ms, 12.4 % lost)",
  ],
  [{ ...FACTS, counts: { "fixed-rate": 50 } }, "rate", "limited by the fixed rate (20.0 Mbit/s)"],
  [{ ...FACTS, counts: { "rate-limit": 50 } }, "rate-limit", "limited by the limit on the rate (20.0 Mbit/s)"],
  [{ ...GET, limitBytesPerSecond: 2_600_000 }, "rate-limit", "limited by the limit on the rate (20.0 Mbit/s)"],
  [
    { ...GET, limitBytesPerSecond: 5_000_000 },
    "link-or-server",
    "limited by the link or the server (20.0 Mbit/s, round trip 50 ms)",
  ],
  [
    { ...FACTS, counts: { "flow-control": 30, congestion: 20 } },
    "server",
    "limited by the server, which took data no faster (20.0 Mbit/s)",
  ],
  [
    { ...FACTS, counts: { verifying: 30, congestion: 20 } },
    "server-disk",
    "limited by the server's disk (3 s of 5 s to store and verify)",
  ],
  [{ ...FACTS, counts: { "no-data": 50 } }, "source", "limited by what is sent: there was no more at the time"],
  [
    { ...FACTS, counts: { nothing: 50 } },
    "this-machine",
    "limited by this machine, whose disk or processor is busy (20.0 Mbit/s)",
  ],
  [{ ...FACTS, cpuMs: 4_900 }, "processor", "limited by this machine's processor (98 % of a core)"],
  [GET, "link-or-server", "limited by the link or the server (20.0 Mbit/s, round trip 50 ms)"],
  [
    { ...GET, packetsMissing: 1_111 },
    "loss",
    "limited by packet loss on the link (20.0 Mbit/s, round trip 50 ms, 10.0 % lost)",
  ],
  [
    { ...GET, counts: { verifying: 40, "no-data": 10 } },
    "local-disk",
    "limited by this machine's disk (4 s of 5 s to store and verify)",
  ],
  [{ ...GET, counts: { "receive-window": 50 } }, "output", "limited by the reader of the output"],
];

Deno.test("limitOf names what limited slow transfers, and describeLimit says it with its figures", () => {
  for (const [facts, cause, words] of CASES) {
    assert.equal(limitOf(facts), cause);
    assert.equal(describeLimit(cause, facts), words);
  }
});

Deno.test("limitOf takes no fixed rate for the limit of what is far below it", () => {
  const facts: LimitFacts = { ...FACTS, counts: { "fixed-rate": 50 }, fixedBytesPerSecond: 2_600_000 };
  assert.equal(limitOf(facts), "rate");
  assert.equal(limitOf({ ...facts, fixedBytesPerSecond: 5_000_000 }), undefined);
});

Deno.test("limitOf says nothing of transfers that were not slow, or of which too little is known", () => {
  assert.equal(limitOf({ ...FACTS, elapsedMs: 2_900 }), undefined);
  assert.equal(limitOf({ ...FACTS, counts: {} }), undefined);
  assert.equal(limitOf({ ...FACTS, counts: { congestion: 9 } }), undefined);
});

Deno.test("lossShare is a share, also where more arrived than was missing, or nothing at all", () => {
  assert.equal(lossShare({ ...GET, packetsMissing: -3 }), 0);
  assert.equal(lossShare({ ...FACTS, packetsLost: 5, packetsSent: 0 }), 0);
  assert.equal(lossShare({ ...FACTS, packetsLost: 2_500 }), 0.25);
});

Deno.test("LimitTally adds up samples, and begins anew", () => {
  const tally = new LimitTally();
  const sample: LimitSample = {
    limit: "congestion",
    packetsSent: 10,
    packetsLost: 1,
    packetsReceived: 3,
    packetsMissing: 2,
    bytesSent: 12_000,
    bytesReceived: 300,
    smoothedRttMs: 40,
  };
  tally.add(sample);
  tally.add({ ...sample, limit: "verifying", smoothedRttMs: 50 });
  tally.add(sample);
  assert.deepEqual(tally.sums, {
    counts: { congestion: 2, verifying: 1 },
    packetsSent: 30,
    packetsLost: 3,
    packetsReceived: 9,
    packetsMissing: 6,
    bytesSent: 36_000,
    bytesReceived: 900,
    smoothedRttMs: 40,
  });
  tally.clear();
  assert.deepEqual([tally.sums.counts, tally.sums.packetsSent], [{}, 0]);
});

Deno.test("LimitTally knows a fixed rate, and that there is none", () => {
  const tally = new LimitTally();
  const rates = [undefined, { kind: "bbr" }, { kind: "fixed", rateBytesPerSecond: 1000 }] as const;
  const known = rates.map((policy) => {
    tally.sendPolicy = policy;
    return tally.sums.fixedBytesPerSecond;
  });
  assert.deepEqual(known, [undefined, undefined, 1000]);
});
