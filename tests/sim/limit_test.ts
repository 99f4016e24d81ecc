// What the client says limited a transfer is what the world limited it by.

import assert from "node:assert/strict";
import { limitOf, LimitTally, lossShare, SLOW_MS } from "../../cli/limit.ts";
import type { ClientPlan, WorldOptions } from "../../sim/world.ts";
import { World } from "../../sim/world.ts";
import { sample } from "../../testing/effort.ts";
import { MB, MBIT, SECOND_US } from "./scenario.ts";

const SEEDS = sample([1, 2, 3, 4, 5, 6, 7, 8], 2);

/** A link of 20 Mbit/s with a round trip of 50 ms and a queue of one. */
const SLOW_LINK = { rateBitsPerSecond: 20 * MBIT, delayUs: 25_000, queueBytes: 125_000 };
const FAST_LINK = { rateBitsPerSecond: 200 * MBIT, delayUs: 25_000, queueBytes: 1_250_000 };

interface Scene {
  readonly world: Omit<WorldOptions, "clients" | "seed">;
  readonly direction: "send" | "get";
  readonly files?: number;
  readonly sizeBytes?: number;
  readonly isPipe?: boolean;
  /** The limit that the client sets for both directions. */
  readonly bytesPerSecond?: number;
}

/** What the client finds out about a scene. */
async function causeIn(
  { bytesPerSecond, direction, files = 1, isPipe = false, sizeBytes = 12 * MB, world: options }: Scene,
  seed: number,
) {
  const tally = new LimitTally();
  const goals: ClientPlan["goals"] = Array.from({ length: files }, (_, i) => {
    const name = `file-${i}`;
    return direction === "send" ? { kind: "put", name, sizeBytes, isPipe } : { kind: "get", name, sizeBytes };
  });
  const world = new World({ seed, ...options, clients: [{ goals, onSample: (sample) => tally.add(sample) }] });
  if (bytesPerSecond !== undefined) {
    tally.limitBytesPerSecond = bytesPerSecond;
    world.clients[0]!.setRateLimit({ bytesPerSecond, isBackground: false });
  }
  assert(await world.run(200 * SECOND_US), "it has no outcome");
  for (const { outcome } of world.results) assert.equal(outcome.kind, "done");
  const elapsedMs = (world.endUs - world.results[0]!.startUs) / 1000;
  assert.ok(elapsedMs > SLOW_MS, `it took only ${elapsedMs} ms`);
  const facts = { ...tally.sums, direction, elapsedMs, cpuMs: 0 };
  return { cause: limitOf(facts), loss: lossShare(facts), counts: facts.counts };
}

const FIXED = { sendPolicy: { kind: "fixed", rateBytesPerSecond: 1_000_000 } } as const;
const SMALL_WINDOWS = { directWindowBytes: 64 * 1024, orderedWindowBytes: 64 * 1024, connectionWindowBytes: 64 * 1024 };

const SCENES: readonly (readonly [what: string, cause: string, scene: Scene])[] = [
  ["a slow link", "link", { direction: "send", world: { up: SLOW_LINK, down: SLOW_LINK } }],
  ["a slow link under several files", "link", {
    direction: "send",
    files: 12,
    sizeBytes: MB,
    world: { up: SLOW_LINK, down: SLOW_LINK },
  }],
  ["a slow link behind a pipe", "link", { direction: "send", isPipe: true, world: { up: SLOW_LINK, down: SLOW_LINK } }],
  ["loss", "loss", { direction: "send", world: { up: { ...SLOW_LINK, loss: 0.15 }, down: SLOW_LINK } }],
  ["a fixed rate", "rate", { direction: "send", world: { up: FAST_LINK, down: FAST_LINK, config: FIXED } }],
  ["a limit", "rate-limit", {
    direction: "send",
    bytesPerSecond: 2_000_000,
    world: { up: FAST_LINK, down: FAST_LINK },
  }],
  ["its own limit", "rate-limit", {
    direction: "get",
    bytesPerSecond: 2_000_000,
    world: { up: FAST_LINK, down: FAST_LINK },
  }],
  ["a small receive window", "server", {
    direction: "send",
    sizeBytes: 6 * MB,
    world: { up: FAST_LINK, down: FAST_LINK, config: SMALL_WINDOWS },
  }],
  ["the server's disk", "server-disk", {
    direction: "send",
    world: { up: FAST_LINK, down: FAST_LINK, commitUs: 4 * SECOND_US },
  }],
  ["this machine's disk", "local-disk", {
    direction: "get",
    world: { up: FAST_LINK, down: FAST_LINK, commitUs: 4 * SECOND_US },
  }],
  ["a slow link from the server", "link-or-server", { direction: "get", world: { up: SLOW_LINK, down: SLOW_LINK } }],
  ["loss on the way from the server", "loss", {
    direction: "get",
    world: { up: SLOW_LINK, down: { ...SLOW_LINK, loss: 0.15 } },
  }],
];

for (const [what, expected, scene] of SCENES) {
  Deno.test(`a client that ${scene.direction === "send" ? "sends" : "gets"} knows that ${what} limits it`, async () => {
    for (const seed of SEEDS) {
      const { cause, counts, loss } = await causeIn(scene, seed);
      assert.equal(cause, expected, `seed ${seed}: ${JSON.stringify(counts)}, ${loss} lost`);
      const lossOfLink = scene.world[scene.direction === "send" ? "up" : "down"]?.loss ?? 0;
      if (lossOfLink > 0) assert.ok(Math.abs(loss - lossOfLink) < 0.05, `seed ${seed}: ${loss} lost`);
    }
  });
}
