/**
 * What is said of a transfer: every figure with its heading, how it is written, and how much worse it may become before
 * a comparison with the baseline fails.
 *
 * @module
 */

import type { Place } from "./scenarios.ts";

/** Who carried the file. */
export type Contestant = "send" | "get" | "tcp" | "quic";

/** One number about a transfer, and how it is written. */
interface FigureSpec {
  readonly heading: string;
  readonly unit: string;
  /** What one of the unit is. */
  readonly one: number;
  readonly digits: number;
  /** Which way is worse, and how much worse is still the same; absent where it is not compared. */
  readonly tolerance?: { readonly worse: "lower" | "higher"; readonly by: number };
  /** For programs alone: not in the table. */
  readonly isDetail?: true;
}

const MBIT = { unit: "Mbit/s", one: 1e6, digits: 1 };
const PERCENT = { unit: "%", one: 0.01, digits: 1 };
const MS = { unit: "ms", one: 1, digits: 1 };
const SECONDS = { unit: "s", one: 1, digits: 2 };
const MB = { unit: "MB", one: 1e6, digits: 0 };

/** All figures, in the order of the columns. */
export const FIGURES = {
  /** File bits a second, from connecting to the verified end. */
  goodputBitsPerSecond: { heading: "goodput", ...MBIT },
  /** Goodput / (rate x (1 - loss)). */
  shareOfPossible: { heading: "of possible", ...PERCENT, tolerance: { worse: "lower", by: 0.01 } },
  /** Goodput / that of TCP in the same run. */
  shareOfTcp: { heading: "of TCP", ...PERCENT },
  /** File bytes sent again, per file byte. */
  retransmittedShare: { heading: "sent again", ...PERCENT, tolerance: { worse: "higher", by: 0.01 } },
  /** Bytes of all datagrams that the sender sent, per file byte. */
  sentBytesPerFileByte: {
    heading: "sent/file",
    unit: "x",
    one: 1,
    digits: 3,
    tolerance: { worse: "higher", by: 0.015 },
  },
  /** Packets declared lost that had arrived, per packet sent. */
  spuriousShare: { heading: "spurious", ...PERCENT, digits: 2, tolerance: { worse: "higher", by: 0.002 } },
  /** Wait in the link's queue; where that cannot be seen, the smoothed round trip less the least one. */
  queueDelayMeanMs: { heading: "queue", ...MS, tolerance: { worse: "higher", by: 2 } },
  /** The longest such wait. */
  queueDelayMaxMs: { heading: "at most", ...MS },
  /** From connecting to the verified end. */
  seconds: { heading: "time", ...SECONDS },
  /** From the start of the client's process to the verified end. */
  secondsWithStart: { heading: "with start", ...SECONDS },
  /** File bits over that time / (rate x (1 - loss)). */
  shareWithStart: { heading: "of possible", ...PERCENT },
  /** CPU time, user and system, of all threads, from connecting on. */
  clientCpuSecondsPerGib: { heading: "CPU client", ...SECONDS, unit: "s/GiB" },
  /** The same, from the first that came of the transfer on. */
  serverCpuSecondsPerGib: { heading: "CPU server", ...SECONDS, unit: "s/GiB" },
  /** Of both ends and the simulator together. */
  simulatorCpuSecondsPerGib: { heading: "CPU, all", ...SECONDS, unit: "s/GiB" },
  /** Largest resident set, the runtime's own included. */
  clientPeakBytes: { heading: "RAM client", ...MB },
  serverPeakBytes: { heading: "RAM server", ...MB },
  /**
   * How far the relay is to be trusted: datagrams that Sluice sent and the relay never saw, as it had not the time to
   * empty its socket's buffer, per datagram sent; and how late it was with the others.
   */
  relayMissedShare: { heading: "relay missed", ...PERCENT, digits: 2 },
  relayLateMeanMs: { heading: "relay late", ...MS, digits: 2 },
  relayLateMaxMs: { heading: "relay late at most", ...MS, isDetail: true },
  /** Datagrams that the relay's link lost for want of room in its queue. */
  queueDropped: { heading: "queue dropped", unit: "", one: 1, digits: 0, isDetail: true },
} as const satisfies Record<string, FigureSpec>;

/** The name of a figure. */
export type FigureName = keyof typeof FIGURES;

/** What is known of a transfer. */
export type Figures = Readonly<Partial<Record<FigureName, number>>>;

/** One transfer of the table, or the medians of several. */
export interface Measurement {
  readonly scenario: string;
  readonly place: Place;
  readonly contestant: Contestant;
  readonly sizeBytes: number;
  /** Transfers that it is made of. */
  readonly runs: number;
  readonly figures: Figures;
  /** Why there are no figures. */
  readonly failure?: string;
}

/** The figures' names, in the order of the columns. */
export const FIGURE_NAMES = Object.keys(FIGURES) as readonly FigureName[];

/** What is said of a figure. */
export function figureSpec(name: FigureName): FigureSpec {
  return FIGURES[name];
}

/** A figure as a person reads it, without its unit; a dash where there is none. */
export function formatFigure(name: FigureName, value: number | undefined): string {
  const { one, digits } = figureSpec(name);
  return value === undefined ? "-" : (value / one).toFixed(digits);
}

/** Each figure's median by itself, over the runs that have it; the mean of both middle ones where they are even. */
export function medians(runs: readonly Figures[]): Figures {
  const result: Partial<Record<FigureName, number>> = {};
  for (const name of FIGURE_NAMES) {
    const values = runs.flatMap((figures) => figures[name] ?? []).sort((a, b) => a - b);
    if (values.length === 0) continue;
    const upper = values[Math.floor(values.length / 2)]!;
    const lower = values[Math.floor((values.length - 1) / 2)]!;
    result[name] = (lower + upper) / 2;
  }
  return result;
}

/** Runs of one transfer as one measurement: their medians, or what went wrong first. */
export function summarise(runs: readonly Measurement[]): Measurement {
  const failed = runs.find(({ failure }) => failure !== undefined);
  return { ...(failed ?? runs[0]!), runs: runs.length, figures: medians(runs.map(({ figures }) => figures)) };
}
