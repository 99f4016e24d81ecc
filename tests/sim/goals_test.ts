/**
 * The goals as tests in simulated time: once at full size, and over 20 seeds with files of a size that is quickly
 * simulated. A bound is what holds, with a small margin; where it falls short of the goal, a comment states the goal.
 *
 * @module
 */

import assert from "node:assert/strict";
import { isThorough, sample } from "../../testing/effort.ts";
import { configOf, type Figures, linkOf, measure, measureAll, processorOf } from "./goals.ts";

/** The minimum share of the link, and the maximum of the costs; see {@link Figures}. */
interface Bounds {
  readonly share: number;
  readonly retransmittedShare: number;
  readonly spuriousShare: number;
  readonly queueMs: number;
  readonly sentPerByte: number;
  /** Where a path may make the receiver acknowledge each packet on its own. */
  readonly acksPerDatagram?: number;
}

/** The bounds on one link. */
interface Goal {
  /** A scenario of `perf/`. */
  readonly name: string;
  /** A file of this size over 20 seeds: the median, and the minimum share. */
  readonly sizeBytes: number;
  readonly median: Bounds;
  readonly worstShare: number;
  /** A file of the goal's size, once. */
  readonly fullBytes: number;
  readonly full: Bounds;
}

const MB = 1_000_000;
const SEEDS = Array.from({ length: 8 }, (_, index) => index + 1);

/** The startup and the last round trips weigh more with 30 MB than with 100 MB: hence the lower shares. */
const GOALS: readonly Goal[] = [
  {
    name: "clean-lan",
    sizeBytes: 30 * MB,
    median: { share: 0.903, retransmittedShare: 0.02, spuriousShare: 0.001, queueMs: 0.5, sentPerByte: 1.07 },
    worstShare: 0.9,
    fullBytes: 100 * MB,
    full: { share: 0.913, retransmittedShare: 0.015, spuriousShare: 0.001, queueMs: 0.5, sentPerByte: 1.06 },
  },
  {
    name: "wan",
    sizeBytes: 30 * MB,
    median: { share: 0.878, retransmittedShare: 0.005, spuriousShare: 0.001, queueMs: 8, sentPerByte: 1.055 },
    worstShare: 0.88,
    fullBytes: 100 * MB,
    full: { share: 0.923, retransmittedShare: 0.002, spuriousShare: 0.001, queueMs: 10, sentPerByte: 1.055 },
  },
  {
    name: "wan-1",
    sizeBytes: 30 * MB,
    median: { share: 0.768, retransmittedShare: 0.02, spuriousShare: 0.001, queueMs: 25, sentPerByte: 1.07 },
    worstShare: 0.69,
    fullBytes: 100 * MB,
    // The goal is a share of 0.92.
    full: { share: 0.883, retransmittedShare: 0.016, spuriousShare: 0.001, queueMs: 20, sentPerByte: 1.065 },
  },
  {
    name: "wan-10",
    sizeBytes: 30 * MB,
    median: { share: 0.763, retransmittedShare: 0.135, spuriousShare: 0.001, queueMs: 25, sentPerByte: 1.19 },
    worstShare: 0.67,
    fullBytes: 100 * MB,
    // The goal is a share of 0.90, and 1.15 times the retransmissions of 0.111 that the loss makes necessary.
    full: { share: 0.883, retransmittedShare: 0.128, spuriousShare: 0.001, queueMs: 25, sentPerByte: 1.18 },
  },
  {
    name: "wan-20",
    sizeBytes: 30 * MB,
    median: { share: 0.693, retransmittedShare: 0.3, spuriousShare: 0.001, queueMs: 25, sentPerByte: 1.36 },
    worstShare: 0.57,
    fullBytes: 100 * MB,
    full: { share: 0.873, retransmittedShare: 0.288, spuriousShare: 0.001, queueMs: 35, sentPerByte: 1.34 },
  },
  {
    name: "lfn",
    sizeBytes: 100 * MB,
    median: { share: 0.523, retransmittedShare: 0.018, spuriousShare: 0.001, queueMs: 125, sentPerByte: 1.065 },
    worstShare: 0.51,
    fullBytes: 500 * MB,
    // The goal is a share of 0.85.
    full: { share: 0.813, retransmittedShare: 0.006, spuriousShare: 0.001, queueMs: 75, sentPerByte: 1.055 },
  },
  {
    name: "reorder",
    sizeBytes: 30 * MB,
    median: {
      share: 0.843,
      retransmittedShare: 0.005,
      spuriousShare: 0.01,
      queueMs: 32,
      sentPerByte: 1.055,
      acksPerDatagram: 0.05,
    },
    worstShare: 0.8,
    fullBytes: 100 * MB,
    full: {
      share: 0.903,
      retransmittedShare: 0.01,
      spuriousShare: 0.01,
      queueMs: 32,
      sentPerByte: 1.055,
      acksPerDatagram: 0.05,
    },
  },
  {
    // Each program is away for two fifths of the time. What the receive buffer does not hold meanwhile is lost.
    name: "wan-busy",
    sizeBytes: 30 * MB,
    median: { share: 0.75, retransmittedShare: 0.1, spuriousShare: 0.001, queueMs: 25, sentPerByte: 1.15 },
    worstShare: 0.7,
    fullBytes: 100 * MB,
    // The goal is 1.06 bytes sent.
    full: { share: 0.84, retransmittedShare: 0.1, spuriousShare: 0.001, queueMs: 33, sentPerByte: 1.15 },
  },
  // The goal is a share of 0.88 with either timer. Startup overruns the queue, and ends with a bound on the bytes in flight
  // that is less than the link carries, until the next probe.
  {
    name: "short-queue",
    sizeBytes: 30 * MB,
    median: { share: 0.75, retransmittedShare: 0.065, spuriousShare: 0.001, queueMs: 1, sentPerByte: 1.115 },
    worstShare: 0.745,
    fullBytes: 100 * MB,
    full: { share: 0.83, retransmittedShare: 0.025, spuriousShare: 0.001, queueMs: 1, sentPerByte: 1.075 },
  },
  {
    name: "short-queue-2ms",
    sizeBytes: 30 * MB,
    median: { share: 0.81, retransmittedShare: 0.085, spuriousShare: 0.001, queueMs: 1.5, sentPerByte: 1.135 },
    worstShare: 0.8,
    fullBytes: 100 * MB,
    full: { share: 0.845, retransmittedShare: 0.03, spuriousShare: 0.001, queueMs: 1.5, sentPerByte: 1.08 },
  },
];

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor((numbers.length - 1) / 2)]!;
}

/** Compares the median of each figure with its bound. */
function check(runs: readonly Figures[], bounds: Bounds, what: string): void {
  for (const name of Object.keys(bounds) as (keyof Bounds)[]) {
    const figure = median(runs.map((run) => run[name]));
    const bound = bounds[name]!;
    const holds = name === "share" ? figure >= bound : figure <= bound;
    assert(holds, `${what}: ${name} is ${figure}, the bound is ${bound}`);
  }
}

function conditionsOf(name: string) {
  return { config: configOf(name), processor: processorOf(name) };
}

for (const { name, sizeBytes, median: typical, worstShare, fullBytes, full } of GOALS) {
  Deno.test(`World: ${fullBytes / MB} MB over ${name} use ${full.share} of it`, async () => {
    check(
      await measureAll(linkOf(name), { seeds: [1], sizeBytes: fullBytes, ...conditionsOf(name) }),
      full,
      name,
    );
  });

  if (!isThorough) continue;
  Deno.test(`World: ${sizeBytes / MB} MB over ${name} use ${typical.share} of it, over ${SEEDS.length} seeds`, async () => {
    const runs = await measureAll(linkOf(name), { seeds: SEEDS, sizeBytes, ...conditionsOf(name) });
    check(runs, typical, name);
    const shares = runs.map(({ share }) => share);
    const worst = Math.min(...shares);
    const seed = SEEDS[shares.indexOf(worst)];
    assert(worst >= worstShare, `${name}: seed ${seed} used ${worst} of the link, the bound is ${worstShare}`);
  });
}

Deno.test("World: a put between busy machines finds the rate, although a pause of theirs disperses the first train", async () => {
  const link = { rateBitsPerSecond: 82_050_000, delayUs: 30_480, queueBytes: 730_000 };
  const processor = processorOf("wan-busy");
  const { seconds } = await measure(link, { seed: 34, sizeBytes: 12 * MB, config: { timerTickUs: 2_100 }, processor });
  // A start that takes the rate of that train for the bottleneck's ends at an eighth of it, and takes 3.8 s.
  assert(seconds < 2.5, `${seconds}`);
});

for (const kind of ["put", "get"] as const) {
  Deno.test(`World: a ${kind} of 100 MB at 100 Mbit/s and 100 ms loses less than half a second to its startup`, async () => {
    const link = { rateBitsPerSecond: 100 * MB, delayUs: 50_000 };
    const { startupMs, share } = await measure(link, { seed: 1, sizeBytes: 100 * MB, kind });
    assert(startupMs < 500, `${startupMs} ms`);
    assert(share >= 0.89, `${share}`);
  });

  Deno.test(`World: a ${kind} fills a link whose return direction has a hundredth of the rate`, async () => {
    const runs = await measureAll(linkOf("thin-return"), { seeds: sample(SEEDS, 3), sizeBytes: 10 * MB, kind });
    // ACKs come in lumps here, and show no queue: Startup doubts its first train, and overshoots before it ends.
    const bounds = { share: 0.908, retransmittedShare: 0.016, spuriousShare: 0.001, queueMs: 13, sentPerByte: 1.065 };
    check(runs, bounds, kind);
    assert(runs.every(({ share }) => share >= 0.89), `${Math.min(...runs.map(({ share }) => share))}`);
  });
}
