/**
 * Clients that go on by themselves: servers that restart, networks that are gone, machines that sleep, servers that are
 * busy. Whatever happens in the middle of a transfer, it is done in the end, and the file is complete and correct.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type AccessEntry, AccessTable } from "../../app/server/access.ts";
import { Random } from "../../base/random.ts";
import { isThorough } from "../../testing/effort.ts";
import { clientKey, World } from "../../sim/world.ts";

const SECOND_US = 1_000_000;
const MINUTE_US = 60 * SECOND_US;
const SIZE_BYTES = 3_000_000;
const RATE_BITS_PER_SECOND = 20_000_000;
/** How long the file takes, undisturbed and at best. */
const LINE_US = SIZE_BYTES * 8e6 / RATE_BITS_PER_SECOND;
const SEEDS = Array.from({ length: isThorough ? 20 : 10 }, (_, index) => index + 1);
const KINDS = ["put", "get"] as const;

interface Run {
  readonly world: World;
  readonly random: Random;
  /** A moment from the start of an undisturbed transfer to a little after its end. */
  readonly momentUs: number;
}

/** One file over a link that the seed draws, and what `disturb` does to it. */
async function runOne(
  { seed, kind, limitUs, disturb }: {
    readonly seed: number;
    readonly kind: (typeof KINDS)[number];
    readonly limitUs: number;
    readonly disturb: (run: Run) => void;
  },
): Promise<World> {
  const random = new Random(seed);
  const link = {
    rateBitsPerSecond: RATE_BITS_PER_SECOND,
    delayUs: random.integer(1_000, 100_000),
    queueBytes: 200_000,
    loss: random.chance(0.5) ? 0 : 0.02,
  };
  const goals = [{ kind, name: "file", sizeBytes: SIZE_BYTES }];
  const commitUs = random.pick([0, 30_000, 300_000]);
  // Given explicitly, it is for the first contact, too.
  const world = new World({ seed, up: link, down: link, commitUs, clients: [{ goals, retryForMs: 600_000 }] });
  // The first contact is not retried: something is under way when it happens.
  const connectedUs = 4 * link.delayUs + (link.loss === 0 ? 0 : SECOND_US);
  const momentUs = random.integer(connectedUs, Math.round(6 * link.delayUs + SECOND_US + 1.2 * LINE_US));
  disturb({ world, random, momentUs });
  const what = `${kind}, seed ${seed}`;
  assert(await world.run(limitUs), `${what}: not done after ${limitUs} us`);
  assert.equal(world.results[0]!.outcome.kind, "done", `${what}: ${JSON.stringify(world.results[0]!.outcome)}`);
  await world.finish();
  return world;
}

for (const kind of KINDS) {
  Deno.test(`World: a ${kind} is done although its server is killed and started again in the middle of it`, async () => {
    for (const seed of SEEDS) {
      await runOne({
        seed,
        kind,
        limitUs: 2 * MINUTE_US,
        disturb: ({ world, random, momentUs }) => {
          world.at(momentUs, () => random.chance(0.5) ? world.server.kill() : world.server.cutPower());
          world.at(momentUs + random.integer(0, 30 * SECOND_US), () => world.restartServer());
        },
      });
    }
  });

  Deno.test(`World: a ${kind} is done although its server is stopped and started again in the middle of it`, async () => {
    for (const seed of SEEDS) {
      await runOne({
        seed,
        kind,
        limitUs: 2 * MINUTE_US,
        disturb: ({ world, random, momentUs }) => {
          world.at(momentUs, () => world.server.stop(random.integer(0, 200)));
          world.at(momentUs + random.integer(2, 30) * SECOND_US, () => {
            world.server.kill();
            world.restartServer();
          });
        },
      });
    }
  });

  Deno.test(`World: a ${kind} is done although the network is gone for two minutes`, async () => {
    for (const seed of SEEDS) {
      let backUs = 0;
      const world = await runOne({
        seed,
        kind,
        limitUs: 5 * MINUTE_US,
        disturb: ({ world, momentUs }) => {
          backUs = momentUs + 2 * MINUTE_US;
          const { up, down } = world.linkOf(0);
          const { loss } = up.options;
          world.at(momentUs, () => [up, down].forEach((link) => link.change({ loss: 1 })));
          world.at(backUs, () => [up, down].forEach((link) => link.change({ loss: loss ?? 0 })));
        },
      });
      // The pause between two attempts is at most 5 s, and a Hello is sent again after 0.6 s.
      assert(world.endUs < backUs + 8 * SECOND_US + 4 * LINE_US, `seed ${seed}: ${world.endUs - backUs} us`);
    }
  });

  Deno.test(`World: a ${kind} is done soon after a sleep of five minutes, whether or not the clock went on`, async () => {
    for (const seed of SEEDS) {
      for (const hasClockStood of [false, true]) {
        let wakesUs = 0;
        const world = await runOne({
          seed,
          kind,
          limitUs: 10 * MINUTE_US,
          disturb: ({ world, momentUs }) => {
            wakesUs = momentUs + 5 * MINUTE_US;
            const [client] = world.clients;
            world.at(momentUs, () => {
              const { wake } = client!.sleep({ hasClockStood });
              world.at(wakesUs, wake);
            });
          },
        });
        // It does not wait for its idle timeout, of a minute.
        assert(world.endUs < wakesUs + 5 * SECOND_US + 4 * LINE_US, `seed ${seed}: ${world.endUs - wakesUs} us`);
      }
    }
  });
}

Deno.test("World: a put whose client is killed and started again at once goes on, and sends the file about once", async () => {
  for (const seed of SEEDS) {
    const random = new Random(seed);
    const link = {
      rateBitsPerSecond: RATE_BITS_PER_SECOND,
      delayUs: random.integer(1_000, 50_000),
      queueBytes: 200_000,
    };
    const goal = { kind: "put", name: "file", sizeBytes: 4 * SIZE_BYTES } as const;
    const world = new World({ seed, up: link, down: link, clients: [{ goals: [goal] }] });
    // The server takes the old connection for alive for another minute.
    let atUs = 0;
    for (let kills = 0; kills < 3; kills++) {
      atUs += random.integer(SECOND_US, 2 * SECOND_US);
      world.at(atUs, () => {
        if (world.results[0] !== undefined) return;
        world.clients[0]!.kill();
        world.restartClient(0);
      });
    }
    await world.runUntil(atUs);
    assert(await world.run(MINUTE_US));
    const { outcome } = world.results[0]!;
    // One that was killed when the server had stored the file, and not heard of it, finds that it is there.
    const isThere = outcome.kind === "refused" && outcome.message.includes("already exists");
    assert(outcome.kind === "done" || isThere, `seed ${seed}: ${JSON.stringify(outcome)}`);
    const sentBytes = world.linkOf(0).up.stats.sentBytes;
    assert(sentBytes < 1.4 * goal.sizeBytes, `seed ${seed}: ${sentBytes} bytes were sent`);
    await world.finish();
  }
});

Deno.test("World: of two runs that send the same file the newer takes over, and the older one ends, and does not try again", async () => {
  const link = { rateBitsPerSecond: RATE_BITS_PER_SECOND, delayUs: 10_000, queueBytes: 200_000 };
  const goal = { kind: "put", name: "file", sizeBytes: 4 * SIZE_BYTES } as const;
  const rights = ["read", "write", "list"] as const;
  const entry = { kind: "key", secret: clientKey(0), name: "both", rights, folder: undefined, quotaBytes: undefined };
  const access = new AccessTable([entry as AccessEntry]);
  const clients = [0, 1].map((index) => ({
    goals: [goal],
    keyOf: 0,
    startUs: index * SECOND_US,
    retryForMs: "default" as const,
  }));
  const world = new World({
    seed: 1,
    up: link,
    down: link,
    clients,
    access: { read: () => access, poll: () => undefined },
  });
  assert(await world.run(MINUTE_US));
  const [older, newer] = [0, 1].map((client) => world.results.find((result) => result.client === client)!);
  assert.equal(newer!.outcome.kind, "done");
  assert(older!.outcome.kind !== "done");
  assert.match(older!.outcome.message, /taken over by a newer transfer of the same client/);
  assert(older!.endUs < 2 * SECOND_US, `it ended at ${older!.endUs} us`);
  // It polls its access table as long as it runs.
  world.server.stop(0);
  await world.finish();
});

/** A put that the server stores, while the answer is lost; `meanwhile` happens before the network is back. */
async function putWithoutAnswer(seed: number, meanwhile: { readonly isReplaced: boolean }): Promise<World> {
  const link = { rateBitsPerSecond: RATE_BITS_PER_SECOND, delayUs: 20_000, queueBytes: 200_000 };
  const goal = { kind: "put", name: "file", sizeBytes: SIZE_BYTES } as const;
  const world = new World({
    seed,
    up: link,
    down: link,
    commitUs: 300_000,
    clients: [
      { goals: [goal], retryForMs: "default" },
      // Another file of the same name, size and time.
      { goals: meanwhile.isReplaced ? [{ ...goal, overwrite: true }] : [], startUs: 30 * SECOND_US },
    ],
  });
  const { up, down } = world.linkOf(0);
  const backUs = 2 * MINUTE_US;
  const look = (atUs: number) => {
    if (!world.server.has("file")) return world.at(atUs + 5_000, () => look(atUs + 5_000));
    // It has its name, but is not durable yet: only then the server answers.
    for (const way of [up, down]) way.change({ loss: 1 });
    world.at(backUs, () => [up, down].forEach((way) => way.change({ loss: 0 })));
  };
  look(0);
  assert(await world.run(3 * MINUTE_US));
  assert(world.endUs > backUs, "the answer arrived");
  await world.finish();
  return world;
}

Deno.test("World: a put whose answer was lost is done, verified, and not sent twice", async () => {
  for (const seed of SEEDS.slice(0, 15)) {
    const world = await putWithoutAnswer(seed, { isReplaced: false });
    const { outcome } = world.results[0]!;
    assert(outcome.kind === "done", JSON.stringify(outcome));
    const { localSha256, serverSha256, sentBytes } = outcome.report!;
    assert.equal(localSha256, serverSha256);
    assert(sentBytes < 1.3 * SIZE_BYTES, `${sentBytes} bytes were sent`);
  }
});

Deno.test("World: a put whose answer was lost does not replace another client's file, though size and time are the same", async () => {
  for (const seed of SEEDS.slice(0, 15)) {
    const world = await putWithoutAnswer(seed, { isReplaced: true });
    const kinds = [0, 1].map((client) => world.results.find((result) => result.client === client)!.outcome.kind);
    assert.deepEqual(kinds, ["refused", "done"]);
    const theirs = world.content(1, { kind: "put", name: "file", sizeBytes: SIZE_BYTES });
    assert(world.server.disk.fileAt(world.server.pathOf("file"))!.repeats(theirs), "the other file was replaced");
  }
});

Deno.test("World: transfers that a busy server refuses for a minute are done", async () => {
  for (const seed of SEEDS) {
    const link = { rateBitsPerSecond: RATE_BITS_PER_SECOND, delayUs: 10_000, queueBytes: 100_000 };
    // A minute of the link, and a server that takes one transfer at a time.
    const long = { kind: "put", name: "long", sizeBytes: 150_000_000 } as const;
    const goals = Array.from({ length: 5 }, (_, i) => ({ kind: "put", name: `late ${i}`, sizeBytes: 1000 } as const));
    const world = new World({
      seed,
      up: link,
      down: link,
      limits: { maxTransfers: 1 },
      clients: [{ goals: [long] }, { goals, startUs: SECOND_US, retryForMs: "default" }],
    });
    assert(await world.run(3 * MINUTE_US));
    assert(world.results.every(({ outcome }) => outcome.kind === "done"));
    assert(world.server.events.get("refused")! > 20, "hardly anything was refused");
    await world.finish();
    // A long one each is enough.
    if (seed === 3) break;
  }
});

Deno.test("World: a client that a full server refuses at first contact is accepted when there is room", async () => {
  const link = { rateBitsPerSecond: RATE_BITS_PER_SECOND, delayUs: 10_000, queueBytes: 100_000 };
  const goals = [{ kind: "put", name: "file", sizeBytes: 20_000_000 } as const];
  const late = [{ kind: "list" } as const];
  const clients = [{ goals }, { goals: late, startUs: SECOND_US, retryForMs: "default" as const }];
  const world = new World({ seed: 1, up: link, down: link, limits: { maxConnections: 1 }, clients });
  assert(await world.run(MINUTE_US));
  assert.deepEqual(world.results.map(({ outcome }) => outcome.kind), ["done", "done"]);
  assert(world.endUs > 8 * SECOND_US, "the server was not full");
  await world.finish();
});

Deno.test("World: a client gives up an unreachable server at once at first contact, later after the time that it was given", async () => {
  for (
    const [retryForMs, isContacted, leastUs, mostUs] of [
      ["default", false, 10 * SECOND_US, 11 * SECOND_US],
      [60_000, false, 70 * SECOND_US, 72 * SECOND_US],
      [0, true, 61 * SECOND_US, 63 * SECOND_US],
      [30_000, true, 91 * SECOND_US, 93 * SECOND_US],
      ["default", true, 661 * SECOND_US, 663 * SECOND_US],
    ] as const
  ) {
    const link = { rateBitsPerSecond: RATE_BITS_PER_SECOND, delayUs: 10_000, queueBytes: 100_000 };
    const goals = [{ kind: "put", name: "file", sizeBytes: 20_000_000 } as const];
    const world = new World({ seed: 1, up: link, down: link, clients: [{ goals, retryForMs }] });
    world.at(isContacted ? SECOND_US : 0, () => world.server.kill());
    assert(await world.run(20 * MINUTE_US));
    const { outcome } = world.results[0]!;
    const what = `${retryForMs}, ${isContacted}: ${world.endUs} us, ${JSON.stringify(outcome)}`;
    assert.equal(outcome.kind, isContacted && retryForMs === 0 ? "failed" : "unreachable", what);
    assert(world.endUs >= leastUs && world.endUs <= mostUs, what);
    await world.finish();
  }
});
