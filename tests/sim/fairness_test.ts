import assert from "node:assert/strict";
import type { SendPolicy } from "../../protocol/mod.ts";
import { sample } from "../../testing/effort.ts";
import { type FlowPlan, Flows, jainIndex } from "./flows.ts";
import { HEADER_BYTES } from "./goals.ts";

const SECOND_US = 1_000_000;
const RATE_BITS_PER_SECOND = 100_000_000;
const ROUND_TRIP_US = 50_000;
const PRODUCT_BYTES = RATE_BITS_PER_SECOND / 8 * ROUND_TRIP_US / SECOND_US;

/** How long they compete, from the start of the last one. */
const COMPETITION_US = 40 * SECOND_US;

/** The stand-in for TCP: it interprets every loss as congestion. */
const CLASSIC: SendPolicy = { kind: "cubic" };

/** How the flows shared the link. */
interface Outcome {
  readonly jain: number;
  /** Throughput of each flow and of all of them, as shares of the link's rate. */
  readonly shares: readonly number[];
  readonly total: number;
  /** Share of the datagrams that the full queue dropped. */
  readonly dropped: number;
  readonly words: string;
}

/** Lets flows compete on a link of 100 Mbit/s and 50 ms with a queue of so many bandwidth-delay products. */
function compete(seed: number, flows: readonly FlowPlan[], queueRoundTrips = 1): Outcome {
  const link = {
    rateBitsPerSecond: RATE_BITS_PER_SECOND,
    delayUs: ROUND_TRIP_US / 2,
    queueBytes: queueRoundTrips * PRODUCT_BYTES,
    overheadBytes: HEADER_BYTES,
  };
  const competition = new Flows({ seed, link, flows });
  const lastStartUs = Math.max(...flows.map(({ startUs = 0 }) => startUs));
  competition.run(lastStartUs);
  const bytes = competition.run(lastStartUs + COMPETITION_US);
  const { stats } = competition.bottleneck;
  const shares = bytes.map((count) => count * 8 / (COMPETITION_US / SECOND_US) / RATE_BITS_PER_SECOND);
  const dropped = stats.queueDropped / stats.sent;
  const total = shares.reduce((sum, share) => sum + share, 0);
  const words = `seed ${seed}: ${shares.map((share) => share.toFixed(3)).join(", ")}; ${dropped.toFixed(3)} dropped`;
  return { jain: jainIndex(shares), shares, total, dropped, words };
}

/** When the second flow starts, after the first. */
const STARTS_US = sample([0, 5, 10], 2).map((seconds) => seconds * SECOND_US);

Deno.test("Flows: two of the default share a link evenly and fill it, whenever the second one starts", () => {
  const outcomes = STARTS_US.map((startUs, seed) => compete(seed, [{}, { startUs }]));
  const words = outcomes.map((outcome) => outcome.words).join("\n");
  const indexes = outcomes.map(({ jain }) => jain).sort((a, b) => a - b);
  assert(indexes[0]! >= 0.93, `Jain's index is ${indexes}\n${words}`);
  for (const { total, dropped } of outcomes) assert(total >= 0.93 && dropped < 0.04, words);
});

Deno.test("Flows: the default and CUBIC both get their share, whichever starts first", () => {
  const late = { startUs: 5 * SECOND_US };
  // The goal is a third of the rate. With a queue of one product a CUBIC flow that came first misses it by half.
  for (const [queueRoundTrips, leastShare] of sample([[1, 0.15], [0.2, 0.17]] as const, 1)) {
    for (const flows of [[{ sendPolicy: CLASSIC }, late], [{}, { sendPolicy: CLASSIC, ...late }]]) {
      const { shares, total, words } = compete(1, flows, queueRoundTrips);
      assert(Math.min(...shares) >= leastShare, words);
      assert(total >= 0.93, words);
    }
  }
});

Deno.test("Flows: four of the default share a link fairly, with a long and with a short queue, in the median of three", () => {
  for (const [queueRoundTrips, leastJain, mostDropped] of sample([[1, 0.87, 0.05], [0.2, 0.8, 0.2]] as const, 1)) {
    const outcomes = [1, 2, 3].map((seed) => compete(seed, [{}, {}, {}, {}], queueRoundTrips));
    const words = outcomes.map((outcome) => outcome.words).join("\n");
    const indexes = outcomes.map(({ jain }) => jain).sort((a, b) => a - b);
    assert(indexes[1]! >= leastJain && indexes[0]! >= leastJain - 0.1, `Jain's index is ${indexes}\n${words}`);
    for (const { total, dropped } of outcomes) assert(total >= 0.93 && dropped <= mostDropped, words);
  }
});

Deno.test("jainIndex is 1 for equal shares, and 1 / n if one flow gets everything", () => {
  assert.equal(jainIndex([3, 3, 3]), 1);
  assert.equal(jainIndex([0, 5, 0, 0]), 0.25);
});
