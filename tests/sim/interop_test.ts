/**
 * The network scenarios of the QUIC interop runner (its test cases, over the links of its network simulator), as far as
 * they apply to Sluice: without encryption and HTTP. The runner requires that the file arrives; the bounds are ours. The
 * scenarios about connections are in `interop_connections_test.ts`.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { LinkOptions } from "../../netem/link.ts";
import { repeatIntervals } from "../../netem/intervals.ts";
import { Flows } from "./flows.ts";
import { HEADER_BYTES } from "./goals.ts";
import { boundUs, MB, MBIT, PACKET_BYTES, type Run, type Scenario, SECOND_US, testScenarios } from "./scenario.ts";

/** The runner's link: 10 Mbit/s, 30 ms, and a queue of 25 packets, which is one bandwidth-delay product. */
const LINE = { rateBitsPerSecond: 10 * MBIT, roundTripUs: 30_000 };
const LINK: LinkOptions = {
  rateBitsPerSecond: LINE.rateBitsPerSecond,
  delayUs: LINE.roundTripUs / 2,
  queueBytes: 25 * PACKET_BYTES,
};
const LONG: LinkOptions = { ...LINK, delayUs: 750_000 };
const LONG_RTT_US = 1_500_000;

/** Outages of 2 s after each 5 s: what is in transit is lost, and the recovery is detected by the next probe. */
const BLACKHOLES = repeatIntervals({
  firstUs: 5 * SECOND_US,
  lengthUs: 2 * SECOND_US,
  periodUs: 7 * SECOND_US,
  untilUs: 40 * SECOND_US,
});

const MOVES = 5;

/** Gives the client another address, first after 1 s and then every 5 s. */
function rebindEvery5s(addressOf: (move: number) => string): (run: Run) => void {
  return ({ world }) => {
    let current = world.clients[0]!.addresses[0]!;
    for (let move = 0; move < MOVES; move++) {
      world.at((1 + 5 * move) * SECOND_US, () => {
        if (world.isDone) return;
        world.network.rebind(1, current, addressOf(move));
        current = addressOf(move);
      });
    }
  };
}

/** Checks that the server followed the client to its last address. */
function checkMoved(run: Run): void {
  const { remote } = [...run.world.server.connections][0]!;
  run.assert(remote.port === 41004, `the server has the client at ${remote.text}`);
  run.assert(run.world.network.unroutable > 0, "nothing went to an old address");
}

const SCENARIOS: readonly Scenario[] = [
  {
    // Two round trips: Hello and ServerHello, request and response.
    name: "long RTT, 1 KB",
    there: LONG,
    sizeBytes: 1024,
    limitUs: 2 * LONG_RTT_US + 10_000,
    check: (run) => run.assert(run.world.endUs >= 2 * LONG_RTT_US, "the round trip was shorter"),
  },
  {
    // The queue holds a fiftieth of the bandwidth-delay product, so bursts are lost; and the window grows from 32 datagrams to
    // 1,300, at most sixfold per round trip.
    name: "long RTT, 5 MB",
    there: LONG,
    sizeBytes: 5 * MB,
    limitUs: boundUs({ ...LINE, roundTripUs: LONG_RTT_US, sizeBytes: 5 * MB, share: 0.75, roundTrips: 7.5 }),
    check: (run) => run.assert(run.sender.minRttUs >= LONG_RTT_US, "the round trip was shorter"),
  },
  {
    name: "goodput",
    there: LINK,
    sizeBytes: 10 * MB,
    limitUs: boundUs({ ...LINE, sizeBytes: 10 * MB, share: 0.9, roundTrips: 6 }),
    check: (run) => run.assert(run.there.stats.sentBytes < 1.1 * 10 * MB, "more than a tenth was retransmitted"),
  },
  {
    name: "blackhole",
    there: { ...LINK, blackouts: BLACKHOLES },
    sizeBytes: 10 * MB,
    // 10 MB at 10 Mbit/s meet two blackouts; each costs its 2 s, and a probe interval of at most 2 s more.
    limitUs: boundUs({ ...LINE, sizeBytes: 10 * MB, share: 0.85, roundTrips: 6, extraUs: 2 * 4 * SECOND_US }),
    check: (run) => run.assert(run.there.stats.blackedOut > 10, "too few datagrams met a blackout"),
  },
  {
    name: "transfer loss",
    there: { ...LINK, loss: 0.02, maxConsecutiveLosses: 3 },
    sizeBytes: 2 * MB,
    limitUs: boundUs({ ...LINE, sizeBytes: 2 * MB, share: 0.8, roundTrips: 12 }),
    check: (run) => run.assert(run.there.stats.lost >= 10, `${run.there.stats.lost} datagrams were lost`),
  },
  {
    name: "transfer corruption",
    there: { ...LINK, corrupt: 0.02 },
    sizeBytes: 2 * MB,
    limitUs: boundUs({ ...LINE, sizeBytes: 2 * MB, share: 0.8, roundTrips: 12 }),
    check: (run) =>
      run.assert(run.there.stats.corrupted >= 10, `${run.there.stats.corrupted} datagrams were corrupted`),
  },
  {
    name: "port rebinding",
    there: LINK,
    sizeBytes: 30 * MB,
    // What is in transit to the old port is lost, and a client that receives nothing sends nothing until its keep-alive, 2 s
    // after its last datagram: a second for each migration.
    limitUs: boundUs({ ...LINE, sizeBytes: 30 * MB, share: 0.93, roundTrips: 6, extraUs: MOVES * SECOND_US }),
    script: rebindEvery5s((move) => `10.0.0.2:4100${move}`),
    check: checkMoved,
  },
  {
    name: "address rebinding",
    there: LINK,
    sizeBytes: 30 * MB,
    limitUs: boundUs({ ...LINE, sizeBytes: 30 * MB, share: 0.93, roundTrips: 6, extraUs: MOVES * SECOND_US }),
    script: rebindEvery5s((move) => `10.0.${move}.77:4100${move}`),
    check: checkMoved,
  },
];

testScenarios(SCENARIOS);

const CUBIC = { kind: "cubic" } as const;

Deno.test("Flows: cross traffic leaves each flow at least 30 % of its fair share, whichever starts first", () => {
  const late = { startUs: 3 * SECOND_US };
  const measuredUs = 60 * SECOND_US;
  for (const seed of [1, 2, 3]) {
    for (const flows of [[{}, { sendPolicy: CUBIC, ...late }], [{ sendPolicy: CUBIC }, late]]) {
      const competition = new Flows({ seed, link: { ...LINK, overheadBytes: HEADER_BYTES }, flows });
      competition.run(late.startUs);
      const shares = competition.run(late.startUs + measuredUs)
        .map((bytes) => bytes * 8e6 / measuredUs / LINE.rateBitsPerSecond);
      const words = `seed ${seed}: ${shares.map((share) => share.toFixed(3)).join(", ")} of the rate`;
      assert(Math.min(...shares) >= 0.3 / 2, words);
      assert(competition.bottleneck.stats.queueDropped > 0, `${words}: they did not compete`);
    }
  }
});
