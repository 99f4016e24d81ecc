// Transfers in the background: alone they fill a link, and beside others they take next to nothing.

import assert from "node:assert/strict";
import type { SendPolicy } from "../../protocol/mod.ts";
import { sample } from "../../testing/effort.ts";
import { type FlowPlan, Flows } from "./flows.ts";
import { HEADER_BYTES } from "./goals.ts";

const SECOND_US = 1_000_000;
const RATE_BITS_PER_SECOND = 100_000_000;
const ROUND_TRIP_US = 50_000;

/** The first of these leaves no room for the target of 60 ms of queue: losses tell of the others there. */
const QUEUES_US = [50_000, 200_000];

const BACKGROUND: SendPolicy = { kind: "background" };

/** The share of the link that each flow has, after five seconds for a start. */
function shares(seed: number, queueUs: number, flows: readonly FlowPlan[]): number[] {
  const link = {
    rateBitsPerSecond: RATE_BITS_PER_SECOND,
    delayUs: ROUND_TRIP_US / 2,
    queueBytes: RATE_BITS_PER_SECOND / 8 * queueUs / SECOND_US,
    overheadBytes: HEADER_BYTES,
  };
  const competition = new Flows({ seed, link, flows });
  competition.run(5 * SECOND_US);
  const bytes = competition.run(20 * SECOND_US);
  return bytes.map((count) => count * 8 / 15 / RATE_BITS_PER_SECOND);
}

Deno.test("Flows: one in the background fills a link that it has for itself", () => {
  for (const queueUs of QUEUES_US) {
    for (const seed of sample([1, 2], 1)) {
      const [share] = shares(seed, queueUs, [{ sendPolicy: BACKGROUND }]);
      assert(share! >= 0.8, `seed ${seed}, a queue of ${queueUs} us: ${share}`);
    }
  }
});

Deno.test("Flows: one in the background leaves the link to others, the default and CUBIC", () => {
  for (const queueUs of QUEUES_US) {
    for (const seed of sample([1, 2], 1)) {
      for (const sendPolicy of [{ kind: "bbr" }, { kind: "cubic" }] as const) {
        const [background, other] = shares(seed, queueUs, [{ sendPolicy: BACKGROUND }, { sendPolicy }]);
        const words = `seed ${seed}, a queue of ${queueUs} us, ${sendPolicy.kind}: ${background}, ${other}`;
        assert(background! <= 0.15 && other! >= 0.75, words);
      }
    }
  }
});
