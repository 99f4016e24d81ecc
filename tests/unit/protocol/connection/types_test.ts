import assert from "node:assert/strict";
import { joinStats } from "../../../../protocol/connection/types.ts";

Deno.test("joinStats has every counter of every part", () => {
  const own = { retransmittedBytes: 1, duplicatesReceived: 2 };
  const recovery = { packetsLost: 3, spuriousLosses: 4, bytesInFlight: 5, packetsRemembered: 6 };
  const acks = { largestReceived: 16, rangesRemembered: 7 };
  const path = {
    datagramsSent: 8,
    datagramsReceived: 9,
    bytesSent: 10,
    bytesReceived: 11,
    smoothedRttUs: 12,
    minRttUs: 13,
    congestionWindowBytes: 14,
    datagramBytes: 15,
  };
  assert.deepEqual(joinStats({ own, recovery, acks, path }), { ...own, ...recovery, ...acks, ...path });
});
