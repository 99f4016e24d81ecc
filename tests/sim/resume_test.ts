/**
 * Transfers that are interrupted again and again, at random moments, on either side: in the end the file is there, whole
 * and correct, and not much of it has travelled twice.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Random } from "../../base/random.ts";
import type { TraceEvent } from "../../sim/node.ts";
import type { Goal } from "../../sim/client_host.ts";
import { World } from "../../sim/world.ts";
import { isThorough } from "../../testing/effort.ts";

const SECOND_US = 1_000_000;
const MINUTE_US = 60 * SECOND_US;
const SIZE_BYTES = 6_000_000;
const RATE_BITS_PER_SECOND = 20_000_000;
const LINE_US = SIZE_BYTES * 8e6 / RATE_BITS_PER_SECOND;
/** So long the client waits for a server that is silent. */
const TIMEOUT_US = 3 * SECOND_US;
const SEEDS = Array.from({ length: isThorough ? 30 : 12 }, (_, index) => index + 1);

/**
 * What an interruption costs at most: the first part, what was in no block that is whole, and what was on its way, or is
 * sent until the other side is found dead.
 */
const LOST_BYTES = 1_000_000;

interface Options {
  readonly seed: number;
  readonly kind: "put" | "get";
  /** Power failures lose what was not synced, so that no bound holds. */
  readonly cutsPower: boolean;
}

function makeWorld({ seed, kind }: Options, random: Random): { world: World; sentBytes: () => number } {
  const link = {
    rateBitsPerSecond: RATE_BITS_PER_SECOND,
    delayUs: random.integer(1_000, 50_000),
    queueBytes: 200_000,
    loss: random.pick([0, 0, 0.01]),
  };
  // A client may be killed when its file is stored, and before it knows.
  const goals = [{
    kind,
    name: "file",
    sizeBytes: SIZE_BYTES,
    ...(kind === "put" ? { overwrite: true } : {}),
  }] as Goal[];
  let sentBytes = 0;
  const trace = ({ kind, bytes }: TraceEvent): void => {
    if (kind === "transmit") sentBytes += bytes.length;
  };
  const clients = [{ goals, retryForMs: 600_000, timeoutMs: TIMEOUT_US / 1000 }];
  const world = new World({ seed, up: link, down: link, clients, trace });
  return { world, sentBytes: () => sentBytes };
}

/** Nothing arrives in either direction for a while; often the connection ends by that, on one side sooner. */
function losesNetwork(world: World, blackout: { readonly fromUs: number; readonly untilUs: number }): number {
  world.at(blackout.fromUs, () => {
    const { up, down } = world.linkOf(0);
    for (const link of [up, down]) link.change({ blackouts: [blackout] });
  });
  return blackout.untilUs;
}

/** Interrupts a transfer some times; returns how often, and the bytes that were sent in both directions. */
async function run(options: Options): Promise<{ readonly interruptions: number; readonly sentBytes: number }> {
  const random = new Random(options.seed);
  const { world, sentBytes } = makeWorld(options, random);
  const interruptions = random.integer(1, 4);
  const client = world.clients[0]!;
  let atUs = 0;
  for (let count = 0; count < interruptions; count++) {
    atUs += random.integer(SECOND_US / 2, Math.round(LINE_US * 0.6));
    if (random.chance(0.25)) {
      atUs = losesNetwork(world, { fromUs: atUs, untilUs: atUs + random.integer(SECOND_US, 4 * TIMEOUT_US) });
      continue;
    }
    const restart = atUs + random.integer(1_000, SECOND_US);
    const host = random.chance(0.5) ? client : world.server;
    const isPower = options.cutsPower && random.chance(0.5);
    world.at(atUs, () => {
      if (!host.isDown) isPower ? host.cutPower() : host.kill();
    });
    world.at(restart, () => host === client ? world.restartClient(0) : world.restartServer());
    atUs = restart;
  }
  // A client that is down pursues nothing.
  await world.runUntil(atUs + 1);
  const what = `${options.kind}, seed ${options.seed}`;
  assert(await world.run(10 * MINUTE_US), `${what}: not done`);
  assert.equal(world.results[0]!.outcome.kind, "done", `${what}: ${JSON.stringify(world.results[0]!.outcome)}`);
  await world.finish();
  return { interruptions, sentBytes: sentBytes() };
}

for (const kind of ["put", "get"] as const) {
  Deno.test(`World: a ${kind} is resumed after each crash and each loss of the network, without much that travels twice`, async () => {
    for (const seed of SEEDS) {
      const { interruptions, sentBytes } = await run({ seed, kind, cutsPower: false });
      const mostBytes = 1.1 * SIZE_BYTES + interruptions * LOST_BYTES;
      assert(sentBytes <= mostBytes, `${kind}, seed ${seed}: ${sentBytes} bytes for ${interruptions} interruptions`);
    }
  });

  Deno.test(`World: a ${kind} is right in the end, whatever the power failures left of it`, async () => {
    for (const seed of SEEDS) await run({ seed, kind, cutsPower: true });
  });
}
