import assert from "node:assert/strict";
import type { LinkOptions } from "../../netem/link.ts";
import type { Goal } from "../../sim/client_host.ts";
import { World } from "../../sim/world.ts";

const ROUND_TRIP_US = 100_000;

/** Infinite rate: only round trips take time. */
const LINK: LinkOptions = { delayUs: ROUND_TRIP_US / 2 };

/** A Hello without an answer is repeated after so long. */
const HELLO_TIMEOUT_US = 300_000;

/**
 * The cost of losing any other packet: a probe timeout after one sample of the round trip, which is two round trips and,
 * for a single packet, the 25 ms by which its acknowledgement may be delayed (RFC 8985, section 7.2). Thus the loss of
 * the last packet costs one round trip more than it takes to miss the response.
 */
const PTO_US = 2 * ROUND_TRIP_US + 25_000;

/** With a file that fits into the first packet, beside the token and the handshake message. */
const REQUESTS: readonly Goal[] = [
  { kind: "put", name: "file", sizeBytes: 800 },
  { kind: "get", name: "file", sizeBytes: 800 },
  { kind: "list" },
];

type Direction = "up" | "down";

/** The result of one request, and the number of packets in each direction. */
interface Exchange {
  readonly endUs: number;
  readonly sent: Readonly<Record<Direction, number>>;
  readonly events: ReadonlyMap<string, number>;
}

/** Makes one request on a new connection; `lost` is the number of the packet, from 0, that one direction loses. */
async function exchange(goal: Goal, lost?: { direction: Direction; index: number }): Promise<Exchange> {
  const sent = { up: 0, down: 0 };
  const world: World = new World({
    seed: 1,
    up: LINK,
    down: LINK,
    clients: [{ goals: [goal] }],
    trace: ({ kind, to }) => {
      if (kind !== "transmit") return;
      const direction = to === world.server.addresses[0] ? "up" : "down";
      sent[direction]++;
      if (direction === lost?.direction) lose(direction);
    },
  });
  const lose = (direction: Direction) =>
    world.linkOf(0)[direction].change({ loss: sent[direction] === lost?.index ? 1 : 0 });
  if (lost !== undefined) lose(lost.direction);
  assert(await world.run(60_000_000));
  assert.equal(world.results[0]!.outcome.kind, "done");
  const { endUs } = world;
  await world.finish();
  return { endUs, sent, events: world.server.events };
}

for (const goal of REQUESTS) {
  Deno.test(`World: a ${goal.kind} of 800 bytes is done in two round trips including the handshake, and few packets`, async () => {
    const { endUs, sent } = await exchange(goal);
    assert.equal(endUs, 2 * ROUND_TRIP_US);
    // Up: Hello, request, and CONNECTION_CLOSE twice. Down: ServerHello and response. A put ends its batch on both sides; a get
    // tells its result before the close.
    const expected = { put: { up: 5, down: 3 }, get: { up: 5, down: 2 }, list: { up: 4, down: 2 } };
    assert.deepEqual(sent, expected[goal.kind]);
  });

  Deno.test(`World: a ${goal.kind} of 800 bytes takes at most a probe timeout longer if any one packet is lost`, async () => {
    const { sent } = await exchange(goal);
    for (const direction of ["up", "down"] as const) {
      for (let index = 0; index < sent[direction]; index++) {
        const { endUs, events } = await exchange(goal, { direction, index });
        const moreUs = endUs - 2 * ROUND_TRIP_US;
        const limitUs = index === 0 ? HELLO_TIMEOUT_US : index === 1 ? PTO_US : 0;
        assert(moreUs <= limitUs, `packet ${index} ${direction}: ${moreUs} us more, ${limitUs} at most`);
        // The server learns the result as well, though that of a get is only in the last packets.
        assert.equal(events.get("failed"), undefined, `packet ${index} ${direction}`);
        assert.equal(events.get({ put: "received", get: "sent", list: "listed" }[goal.kind]), 1);
      }
    }
  });
}

const MANY = 1000;
const SMALL_BYTES = 10_000;
const WAN: LinkOptions = { rateBitsPerSecond: 100_000_000, delayUs: 25_000, queueBytes: 625_000 };

/** A case of many small files: serialization takes 0.83 s, a round trip 0.05 s. */
interface Many {
  readonly kind: "put" | "get";
  readonly loss: number;
  /** How long the disk takes to make a file durable. */
  readonly commitUs: number;
  readonly limitUs: number;
}

const CASES: readonly Many[] = [
  { kind: "put", loss: 0, commitUs: 0, limitUs: 1_150_000 },
  { kind: "get", loss: 0, commitUs: 0, limitUs: 1_350_000 },
  { kind: "put", loss: 0, commitUs: 20_000, limitUs: 1_200_000 },
  { kind: "get", loss: 0, commitUs: 20_000, limitUs: 1_400_000 },
  { kind: "put", loss: 0.1, commitUs: 0, limitUs: 1_500_000 },
  { kind: "get", loss: 0.1, commitUs: 0, limitUs: 1_900_000 },
];

for (const { kind, loss, commitUs, limitUs } of CASES) {
  const disk = commitUs === 0 ? "" : `, with a disk that takes ${commitUs / 1000} ms`;
  Deno.test(`World: ${kind} of 1,000 files of 10 KB at ${loss * 100} % loss${disk} is done in ${limitUs / 1e6} s`, async () => {
    const link = { ...WAN, loss };
    const goals = Array.from({ length: MANY }, (_, i) => ({ kind, name: `file-${i}`, sizeBytes: SMALL_BYTES }));
    const world = new World({ seed: 1, up: link, down: link, commitUs, clients: [{ goals }] });
    assert(await world.run(4 * limitUs), `${world.results.length} files were done within ${4 * limitUs} us`);
    assert(world.results.every(({ outcome }) => outcome.kind === "done"));
    assert(world.endUs <= limitUs, `it took ${world.endUs} us of ${limitUs}`);
    await world.finish();
  });
}

Deno.test("World: small files requested after a large one do not wait for its end", async () => {
  const goals: Goal[] = [{ kind: "put", name: "large", sizeBytes: 20_000_000 }];
  for (let i = 0; i < 10; i++) goals.push({ kind: "put", name: `small-${i}`, sizeBytes: SMALL_BYTES });
  const world = new World({ seed: 1, up: WAN, down: WAN, clients: [{ goals }] });
  assert(await world.run(10_000_000));
  const large = world.results.find(({ goal }) => goal.kind !== "list" && goal.name === "large")!;
  const small = world.results.filter((result) => result !== large);
  assert.equal(small.length, 10);
  assert(small.every(({ endUs }) => endUs < 500_000), `the last took until ${small.at(-1)!.endUs} us`);
  assert(large.endUs > 1_500_000);
});
