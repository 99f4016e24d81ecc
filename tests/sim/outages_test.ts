/**
 * Outages of the link and migrations of the client during a transfer, which continues where it was.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { LinkOptions } from "../../netem/link.ts";
import type { TraceEvent } from "../../sim/node.ts";
import { sample } from "../../testing/effort.ts";
import { World } from "../../sim/world.ts";

const SECOND_US = 1_000_000;
const OUTAGE_US = 30 * SECOND_US;
/** Probes are sent at least this often, however long the outage lasts. */
const MAX_SILENCE_US = 3 * SECOND_US;
const RATE_BITS_PER_SECOND = 20_000_000;
const SIZE_BYTES = 2_500_000;
const LINE_US = SIZE_BYTES * 8e6 / RATE_BITS_PER_SECOND;
const KINDS = ["put", "get"] as const;
const ROUND_TRIPS_US = [40_000, 300_000];
/** When it happens, as shares of the time of an undisturbed transfer; the last one is at its very end. */
const MOMENTS = sample([0.5, 0.99, 0.2, 0.8], 2);

interface Case {
  readonly seed: number;
  readonly kind: "put" | "get";
  readonly roundTripUs: number;
  readonly loss?: number;
}

/** A world with one transfer of 2.5 MB; `faults` impair the links. */
function makeWorld(
  { seed, kind, roundTripUs, loss = 0 }: Case,
  faults: { up?: LinkOptions; down?: LinkOptions; trace?: (event: TraceEvent) => void } = {},
): World {
  const queueBytes = RATE_BITS_PER_SECOND / 8 * roundTripUs / 1e6;
  const link = { rateBitsPerSecond: RATE_BITS_PER_SECOND, delayUs: roundTripUs / 2, queueBytes, loss };
  return new World({
    seed,
    up: { ...link, ...faults.up },
    down: { ...link, ...faults.down },
    clients: [{ goals: [{ kind, name: "file", sizeBytes: SIZE_BYTES }] }],
    ...(faults.trace === undefined ? {} : { trace: faults.trace }),
  });
}

/** How long an undisturbed transfer takes. */
async function undisturbedUs(options: Case): Promise<number> {
  const world = makeWorld(options);
  assert(await world.run(60 * SECOND_US));
  return world.endUs;
}

async function assertDone(world: World, what: string): Promise<void> {
  assert(await world.run(120 * SECOND_US), `${what}: not done`);
  assert.equal(world.results[0]!.outcome.kind, "done", what);
}

/** Cuts the named links for 30 s; returns when the first datagram arrived over one again, and when all was done. */
async function outage(options: Case, { fromUs, dead }: { fromUs: number; dead: "up" | "down" | "both" }) {
  const untilUs = fromUs + OUTAGE_US;
  const fault: LinkOptions = { blackouts: [{ fromUs, untilUs }] };
  let heardUs = Infinity;
  const world = makeWorld(options, {
    ...(dead === "down" ? {} : { up: fault }),
    ...(dead === "up" ? {} : { down: fault }),
    // The server is node 0: what it receives came up.
    trace: ({ kind, node, nowUs }) => {
      if (kind !== "deliver" || nowUs < untilUs || heardUs !== Infinity) return;
      if (dead === "both" || (dead === "up") === (node === 0)) heardUs = nowUs;
    },
  });
  const what = `${options.kind}, seed ${options.seed}, ${options.roundTripUs} us, ${dead} dead from ${fromUs} us on`;
  await assertDone(world, what);
  await world.finish();
  return { what, heardUs: heardUs - untilUs, endUs: world.endUs - untilUs };
}

for (const kind of KINDS) {
  for (const dead of ["both", "up", "down"] as const) {
    Deno.test(`World: a ${kind} continues within 3 s of the end of an outage of 30 s (${dead})`, async () => {
      for (const roundTripUs of ROUND_TRIPS_US) {
        for (const [index, share] of MOMENTS.entries()) {
          const options = { seed: index, kind, roundTripUs };
          // Not during the handshake, which times out after 10 s.
          const fromUs = Math.max(3 * roundTripUs, Math.round(await undisturbedUs(options) * share));
          const { what, heardUs, endUs } = await outage(options, { fromUs, dead });
          // The rest of the transfer did not need the link that was cut.
          if (endUs <= 0) continue;
          // Sent within 3 s, or a round trip if that is longer, and then in transit.
          const limitUs = Math.max(MAX_SILENCE_US, roundTripUs) + roundTripUs / 2 + 10_000;
          assert(heardUs <= limitUs, `${what}: the first datagram arrived ${heardUs} us after the outage`);
          const restUs = LINE_US * (1 - share);
          const doneUs = MAX_SILENCE_US + 1.5 * restUs + 4 * roundTripUs;
          assert(endUs <= doneUs, `${what}: done ${endUs} us after the outage, more than ${doneUs}`);
        }
      }
    });

    Deno.test(`World: a ${kind} continues after an outage of 30 s on a link that loses 5 % (${dead})`, async () => {
      for (let seed = 1; seed <= 6; seed++) {
        const options = { seed, kind, roundTripUs: 40_000, loss: 0.05 };
        const fromUs = Math.round(await undisturbedUs(options) * MOMENTS[seed % MOMENTS.length]!);
        const { what, endUs } = await outage(options, { fromUs, dead });
        // If the response to the first probe is lost, the next probe follows 3 s later.
        const doneUs = 2 * MAX_SILENCE_US + 2 * LINE_US;
        assert(endUs <= doneUs, `${what}: done ${endUs} us after the outage, more than ${doneUs}`);
      }
    });
  }
}

/** The client's new addresses: another port of the same NAT, another host, and both alternately. */
const MOVES: Readonly<Record<string, readonly string[]>> = {
  "another port": ["10.0.0.2:41111"],
  "another host": ["172.16.0.9:40000"],
  "three addresses": ["10.0.0.2:41111", "172.16.0.9:40000", "10.0.0.2:40007"],
};
const MOVE_EVERY_US = 200_000;

/** Moves the client from address to address, first at `fromUs`; returns when the transfer was done. */
async function roam(
  options: Case,
  { fromUs, addresses }: { fromUs: number; addresses: readonly string[] },
): Promise<number> {
  const world = makeWorld(options);
  let current = world.clients[0]!.addresses[0]!;
  addresses.forEach((address, index) =>
    world.at(fromUs + index * MOVE_EVERY_US, () => {
      if (world.isDone) return;
      world.network.rebind(1, current, address);
      current = address;
    })
  );
  const what = `${options.kind}, seed ${options.seed}, ${options.roundTripUs} us, from ${fromUs} us on`;
  await assertDone(world, what);
  assert.equal(world.server.connectionCount, 1, `${what}: a connection survives its address`);
  const serverConnection = [...world.server.connections][0]!;
  const { endUs } = world;
  await world.finish();
  assert(addresses.includes(serverConnection.remote.text), what);
  return endUs;
}

for (const kind of KINDS) {
  for (const [move, addresses] of Object.entries(MOVES)) {
    Deno.test(`World: a ${kind} whose client moves to ${move} continues after path validation`, async () => {
      for (const roundTripUs of ROUND_TRIPS_US) {
        for (const [index, share] of MOMENTS.entries()) {
          for (const loss of [0, 0.02]) {
            const options = { seed: 2 * index, kind, roundTripUs, loss };
            const aloneUs = await undisturbedUs(options);
            const fromUs = Math.round(aloneUs * share);
            const addedUs = await roam(options, { fromUs, addresses }) - aloneUs;
            // Path validation, and the retransmission of what was sent to the old address. The server does not notice the
            // migration of a client that sends nothing, while it receives or awaits the result, before its keep-alive after 2 s.
            const lastMoveUs = fromUs + (addresses.length - 1) * MOVE_EVERY_US;
            const isPastEnd = lastMoveUs > aloneUs - roundTripUs;
            const silences = kind === "get" ? addresses.length : isPastEnd ? 1 : 0;
            const limitUs = silences * 2 * SECOND_US + addresses.length * 5 * roundTripUs;
            assert(addedUs <= limitUs, `seed ${options.seed}, ${roundTripUs} us, ${share}: ${addedUs} us later`);
          }
        }
      }
    });
  }
}

Deno.test("World: what is lost of another path does not slow down the new one", async () => {
  for (const seed of [7, 20, 24, 59]) {
    const options = { seed, kind: "get", roundTripUs: 300_000, loss: 0.02 } as const;
    const aloneUs = await undisturbedUs(options);
    const addedUs = await roam(options, { fromUs: Math.round(aloneUs / 2), addresses: MOVES["another host"]! }) -
      aloneUs;
    assert(addedUs < 2 * SECOND_US + 5 * options.roundTripUs, `seed ${seed}: ${addedUs} us later`);
  }
});
