/**
 * The scenarios of the QUIC interop runner that are about connections rather than a long transfer: handshakes over links
 * that lose nearly half of the datagrams, what a server sends to an unvalidated address, thousands of files over one
 * connection, files of minimal size, and a server that is restarted.
 *
 * @module
 */

import assert from "node:assert/strict";
import { sample } from "../../testing/effort.ts";
import type { LinkOptions } from "../../netem/link.ts";
import { DEFAULT_CONFIG } from "../../protocol/mod.ts";
import type { TraceEvent } from "../../sim/node.ts";
import { World } from "../../sim/world.ts";
import { HEADER_BYTES } from "./goals.ts";
import { type Direction, MB, MBIT, PACKET_BYTES, Run, type Scenario, SECOND_US } from "./scenario.ts";

const ROUND_TRIP_US = 30_000;

/** The runner's link: 10 Mbit/s, 30 ms, a queue of 25 packets. */
const LINK: LinkOptions = {
  rateBitsPerSecond: 10 * MBIT,
  delayUs: ROUND_TRIP_US / 2,
  queueBytes: 25 * PACKET_BYTES,
  overheadBytes: HEADER_BYTES,
  mtuBytes: PACKET_BYTES - HEADER_BYTES,
};
const DIRECTIONS: readonly Direction[] = ["put", "get"];
const SEEDS = sample([1, 2, 3], 1);

const CONNECTIONS = 50;
/** A client gives up after so long, so that clients started at this interval are alone. */
const HANDSHAKE_TIMEOUT_US = 10 * SECOND_US;

/** The impairments of the link while the clients connect. */
const HANDSHAKE_FAULTS: Readonly<Record<string, LinkOptions>> = {
  "loses 30 % each way, up to three in a row": { loss: 0.3, maxConsecutiveLosses: 3 },
  "damages 30 % each way": { corrupt: 0.3 },
};

/** Connects all clients at an interval, each for a file of 1 KB; returns how long each took, sorted. */
async function connectAll(
  options: { seed: number; direction: Direction; fault: LinkOptions; everyUs: number; words: string },
): Promise<number[]> {
  const { seed, direction, fault, everyUs, words } = options;
  const link = { ...LINK, ...fault };
  const clients = Array.from({ length: CONNECTIONS }, (_, i) => ({
    goals: [{ kind: direction, name: `file-${i}`, sizeBytes: 1024 }],
    startUs: i * everyUs,
  }));
  const world = new World({ seed, up: link, down: link, clients });
  assert(await world.run(CONNECTIONS * HANDSHAKE_TIMEOUT_US), `${words}: some did not end`);
  for (const { client, outcome } of world.results) {
    assert.equal(outcome.kind, "done", `${words}, client ${client}: ${JSON.stringify(outcome)}`);
  }
  assert.equal(world.results.length, CONNECTIONS, words);
  const { sent, lost, corrupted } = world.linkStats;
  assert(lost + corrupted > 0.2 * sent, `${words}: ${lost + corrupted} of ${sent} were lost or corrupted`);
  await world.finish();
  return world.results.map(({ startUs, endUs }) => endUs - startUs).sort((a, b) => a - b);
}

for (const [what, fault] of Object.entries(HANDSHAKE_FAULTS)) {
  for (const everyUs of [0, HANDSHAKE_TIMEOUT_US]) {
    const when = everyUs === 0 ? "at once" : "one after the other";
    Deno.test(`World: ${CONNECTIONS} clients ${when} all connect over a link that ${what}`, async () => {
      for (const direction of DIRECTIONS) {
        for (const seed of SEEDS) {
          const words = `${direction}, seed ${seed}`;
          const times = await connectAll({ seed, direction, fault, everyUs, words });
          // Half of the exchanges of Hello and ServerHello succeed at once, and half of those of request and response: two
          // retries of 0.3 s for most, and for the worst the ten seconds of the handshake timeout.
          const [median, longest] = [times[CONNECTIONS / 2]!, times.at(-1)!];
          assert(median <= 2 * ROUND_TRIP_US + 2 * 300_000, `${words}: the median is ${median} us`);
          assert(longest <= HANDSHAKE_TIMEOUT_US, `${words}: the longest took ${longest} us`);
        }
      }
    });
  }
}

/** Bytes that the server received from each address, and sent to it. */
class AddressMeter {
  readonly received = new Map<string, number>();
  readonly sent = new Map<string, number>();
  /** The maximum ratio of bytes sent to bytes received, by address, while it is unvalidated. */
  readonly worst = new Map<string, number>();
  isOpen = (_address: string): boolean => true;
  onReceived = (_address: string, _nowUs: number): void => {};

  readonly trace = ({ kind, node, from, to, bytes, nowUs }: TraceEvent): void => {
    // The server is node 0.
    if (node !== 0) return;
    if (kind === "deliver") {
      this.received.set(from, (this.received.get(from) ?? 0) + bytes.length);
      this.onReceived(from, nowUs);
    } else if (kind === "transmit") {
      const sent = (this.sent.get(to) ?? 0) + bytes.length;
      this.sent.set(to, sent);
      if (!this.isOpen(to)) return;
      this.worst.set(to, Math.max(this.worst.get(to) ?? 0, sent / (this.received.get(to) ?? 0)));
    }
  };
}

const AMPLIFICATION_FACTOR = 3;
/** For so long no more datagrams arrive from the client. */
const SILENCE_US = 3 * SECOND_US;
/** Probes are sent at least this often, however long the outage lasts. */
const MAX_SILENCE_US = 3 * SECOND_US;

Deno.test("World: a server sends at most three times the received bytes to a client whose later packets are lost", async () => {
  for (const direction of DIRECTIONS) {
    for (const seed of SEEDS) {
      const there = { ...LINK };
      // The first Hello arrives, and nothing after it.
      const up = { blackouts: [{ fromUs: 1_500, untilUs: SILENCE_US }] };
      const isPut = direction === "put";
      const scenario: Scenario = {
        name: "amplification limit",
        there: isPut ? { ...there, ...up } : there,
        back: isPut ? there : { ...there, ...up },
        sizeBytes: 5000,
        limitUs: SILENCE_US + MAX_SILENCE_US + 2 * ROUND_TRIP_US,
        check: () => {},
      };
      const meter = new AddressMeter();
      const run = new Run(scenario, direction, seed, meter.trace);
      const { world } = run;
      const client = world.clients[0]!.addresses[0]!;
      // The token validates the address; it comes with the first ClientFinish packet, which cannot arrive earlier.
      meter.isOpen = () => world.network.nowUs < SILENCE_US;
      run.assert(await world.run(scenario.limitUs), `not done after ${scenario.limitUs} us`);
      run.assert(world.results[0]!.outcome.kind === "done", JSON.stringify(world.results[0]!.outcome));
      run.assert(world.linkOf(0).up.stats.blackedOut >= 3, "too few datagrams were lost");
      const worst = meter.worst.get(client) ?? 0;
      run.assert(worst > 0 && worst <= AMPLIFICATION_FACTOR, `${worst} times the received bytes`);
      await world.finish();
    }
  }
});

Deno.test("World: a server sends at most three times the received bytes to a new address that stays silent", async () => {
  const moved = "172.16.0.9:40000";
  for (const direction of DIRECTIONS) {
    for (const seed of SEEDS) {
      const scenario: Scenario = {
        name: "amplification limit after migration",
        there: LINK,
        sizeBytes: 3 * MB,
        limitUs: 0,
        check: () => {},
      };
      const meter = new AddressMeter();
      const run = new Run(scenario, direction, seed, meter.trace);
      const { world } = run;
      const { up } = world.linkOf(0);
      let silentUs = Infinity;
      // What is in transit when the first datagram from the new address arrives is delivered, then nothing for a while.
      meter.onReceived = (address, nowUs) => {
        if (address !== moved || silentUs !== Infinity) return;
        silentUs = nowUs;
        up.change({ loss: 1 });
        world.at(nowUs + SILENCE_US, () => up.change({ loss: 0 }));
      };
      meter.isOpen = () => world.network.nowUs < silentUs + SILENCE_US;
      world.at(SECOND_US, () => world.rebind(0, moved));
      // Serialization takes 2.4 s, and a receiving client's keep-alive reveals the migration after 2 s.
      const limitUs = 2_500_000 + 2 * SECOND_US + SILENCE_US + MAX_SILENCE_US + SECOND_US;
      run.assert(await world.run(limitUs), `not done after ${limitUs} us`);
      run.assert(world.results[0]!.outcome.kind === "done", JSON.stringify(world.results[0]!.outcome));
      run.assert(up.stats.lost > 0 && silentUs < limitUs, "nothing was lost after the migration");
      const worst = meter.worst.get(moved) ?? 0;
      run.assert(worst > 0 && worst <= AMPLIFICATION_FACTOR, `${worst} times the received bytes`);
      await world.finish();
    }
  }
});

const FILES = 2000;

for (const direction of DIRECTIONS) {
  Deno.test(`World: ${FILES} tiny files are transferred over one connection in 1.2 s (${direction})`, async () => {
    for (const seed of SEEDS) {
      const goals = Array.from({ length: FILES }, (_, i) => ({ kind: direction, name: `file-${i}`, sizeBytes: 32 }));
      const world = new World({ seed, up: LINK, down: LINK, clients: [{ goals }] });
      // Request, 32 bytes, digest and result are some 160 bytes: 0.26 s of serialization. 128 run concurrently, so that there
      // are 16 batches, each of which may take two round trips of 30 ms.
      const limitUs = 260_000 + 16 * 2 * ROUND_TRIP_US;
      assert(await world.run(4 * limitUs), `seed ${seed}: ${world.results.length} are done after ${4 * limitUs} us`);
      assert(world.results.every(({ outcome }) => outcome.kind === "done"));
      assert.equal(world.results.length, FILES);
      assert(world.endUs <= limitUs, `seed ${seed}: took ${world.endUs} us of ${limitUs}`);
      assert.equal(world.server.connectionCount, 1);
      await world.finish();
    }
  });

  Deno.test(`World: a file of up to about one datagram takes two round trips (${direction})`, async () => {
    const sizes = [0, 1];
    for (let sizeBytes = 1000; sizeBytes <= 1250; sizeBytes++) sizes.push(sizeBytes);
    for (const sizeBytes of sizes) {
      const world = new World({
        seed: sizeBytes,
        up: LINK,
        down: LINK,
        clients: [{ goals: [{ kind: direction, name: "file", sizeBytes }] }],
      });
      // A Hello and a full datagram each take a millisecond, and what does not fit goes in a second datagram.
      const limitUs = 2 * ROUND_TRIP_US + 5_000;
      assert(await world.run(SECOND_US), `${sizeBytes} bytes: not done`);
      assert.equal(world.results[0]!.outcome.kind, "done");
      assert(world.endUs <= limitUs, `${sizeBytes} bytes: took ${world.endUs} us of ${limitUs}`);
      await world.finish();
    }
  });

  Deno.test(`World: a restarted server is noticed in 3 s, or when the handshake times out (${direction})`, async () => {
    for (const seed of SEEDS) {
      // Before the Hello, between ServerHello and request, at the handshake's last packet, and during the transfer.
      for (const killUs of [10_000, 35_000, 50_000, 200_000, 1_000_000, 2_000_000]) {
        const words = `seed ${seed}, killed at ${killUs} us`;
        const downUs = 500_000;
        const goals = [{ kind: direction, name: "file", sizeBytes: 5 * MB }];
        const world = new World({ seed, up: LINK, down: LINK, clients: [{ goals }] });
        world.at(killUs, () => world.server.kill());
        world.at(killUs + downUs, () => world.restartServer());
        // A client that puts has something in flight, and so a probe within three seconds; one that gets has its
        // keep-alive of 2 s. One that was not connected yet gets its file. A ClientFinish is not answered with a Reset, for
        // it may be damaged: a client whose first one finds no server waits until its handshake times out.
        const isFresh = killUs < ROUND_TRIP_US / 2;
        const isUnfinished = !isFresh && killUs < 3 * ROUND_TRIP_US / 2;
        const waitUs = isFresh ? 8 * SECOND_US : isUnfinished ? DEFAULT_CONFIG.handshakeTimeoutUs : 3 * SECOND_US;
        const limitUs = killUs + downUs + waitUs + ROUND_TRIP_US;
        assert(await world.run(limitUs), `${words}: it had not heard after ${limitUs} us`);
        const { outcome } = world.results[0]!;
        const expected = isFresh ? "done" : isUnfinished ? "unreachable" : "failed";
        assert.equal(outcome.kind, expected, `${words}: ${JSON.stringify(outcome)}`);
        const kind = isUnfinished ? "handshake-timeout" : "reset";
        if (!isFresh) assert.deepEqual(world.clients[0]!.closeReason, { kind }, words);
        await world.finish();
      }
    }
  });
}
