/**
 * The figures of a transfer: each with its heading, its format, and how much worse it may become before a comparison with
 * the baseline fails.
 *
 * @module
 */

import type { Place } from "./scenarios.ts";

/** What carried the file. */
export type Contestant = "send" | "get" | "tcp" | "quic";

/** One figure of a transfer, and its format. */
interface FigureSpec {
  readonly heading: string;
  readonly unit: string;
  /** The value of one unit. */
  readonly one: number;
  readonly digits: number;
  /** Which direction is worse, and how much worse is within tolerance; absent if the figure is not compared. */
  readonly tolerance?: { readonly worse: "lower" | "higher"; readonly by: number };
  /** Only in the JSON, not in the table. */
  readonly isDetail?: true;
}

const MBIT = { unit: "Mbit/s", one: 1e6, digits: 1 };
const PERCENT = { unit: "%", one: 0.01, digits: 1 };
const MS = { unit: "ms", one: 1, digits: 1 };
const SECONDS = { unit: "s", one: 1, digits: 2 };
const MB = { unit: "MB", one: 1e6, digits: 0 };

/** All figures, in the order of the columns. */
export const FIGURES = {
  /** File bits per second, from connecting to the verified end. */
  goodputBitsPerSecond: { heading: "goodput", ...MBIT },
  /** Goodput / (rate x (1 - loss)). */
  shareOfPossible: { heading: "of possible", ...PERCENT, tolerance: { worse: "lower", by: 0.01 } },
  /** Goodput / that of TCP in the same run. */
  shareOfTcp: { heading: "of TCP", ...PERCENT },
  /** File bytes retransmitted, per file byte. */
  retransmittedShare: { heading: "retransmitted", ...PERCENT, tolerance: { worse: "higher", by: 0.01 } },
  /** Bytes of all datagrams of the sender, per file byte. */
  sentBytesPerFileByte: {
    heading: "sent/file",
    unit: "x",
    one: 1,
    digits: 3,
    tolerance: { worse: "higher", by: 0.015 },
  },
  /** Packets declared lost that arrived, per packet sent. */
  spuriousShare: { heading: "spurious", ...PERCENT, digits: 2, tolerance: { worse: "higher", by: 0.002 } },
  /** Delay in the link's queue; if that cannot be measured, the smoothed round trip less the minimum one. */
  queueDelayMeanMs: { heading: "queue", ...MS, tolerance: { worse: "higher", by: 2 } },
  /** The longest such delay. */
  queueDelayMaxMs: { heading: "at most", ...MS },
  /** From connecting to the verified end. */
  seconds: { heading: "time", ...SECONDS },
  /** From the start of the client's process to the verified end. */
  secondsWithStart: { heading: "with start", ...SECONDS },
  /** File bits over that time / (rate x (1 - loss)). */
  shareWithStart: { heading: "of possible", ...PERCENT },
  /** CPU time, user and system, of all threads, from connecting on. */
  clientCpuSecondsPerGib: { heading: "CPU client", ...SECONDS, unit: "s/GiB" },
  /** The same, from the start of the transfer. */
  serverCpuSecondsPerGib: { heading: "CPU server", ...SECONDS, unit: "s/GiB" },
  /** Both. */
  cpuSecondsPerGib: { heading: "CPU both", ...SECONDS, unit: "s/GiB" },
  /** CPU time of both endpoints and the simulator together. */
  simulatorCpuSecondsPerGib: { heading: "CPU, all", ...SECONDS, unit: "s/GiB" },
  /** Datagrams that full receive buffers dropped in the network namespaces of both endpoints, whatever they belong to. */
  receiveDropped: { heading: "buffers dropped", unit: "", one: 1, digits: 0 },
  /** Largest resident set, including the runtime. */
  clientPeakBytes: { heading: "RAM client", ...MB },
  serverPeakBytes: { heading: "RAM server", ...MB },
  /**
   * The accuracy of the relay: datagrams that Sluice sent and the relay never received, as its socket's buffer was full,
   * per datagram sent; and how much later than due the others left.
   */
  relayMissedShare: { heading: "relay missed", ...PERCENT, digits: 2 },
  relayLateMeanMs: { heading: "relay late", ...MS, digits: 2 },
  relayLateMaxMs: { heading: "relay late at most", ...MS, isDetail: true },
  /** Datagrams that the full queue of the relay's link dropped. */
  queueDropped: { heading: "queue dropped", unit: "", one: 1, digits: 0, isDetail: true },
} as const satisfies Record<string, FigureSpec>;

/** The name of a figure. */
export type FigureName = keyof typeof FIGURES;

/** The known figures of a transfer. */
export type Figures = Readonly<Partial<Record<FigureName, number>>>;

/** One transfer, or the medians of several. */
export interface Measurement {
  readonly scenario: string;
  readonly place: Place;
  readonly contestant: Contestant;
  readonly sizeBytes: number;
  /** Number of transfers. */
  readonly runs: number;
  readonly figures: Figures;
  /** Why there are no figures. */
  readonly failure?: string;
}

/** The figures' names, in the order of the columns. */
export const FIGURE_NAMES = Object.keys(FIGURES) as readonly FigureName[];

/** The properties of a figure. */
export function figureSpec(name: FigureName): FigureSpec {
  return FIGURES[name];
}

/** Formats a figure without its unit; a dash if it is undefined. */
export function formatFigure(name: FigureName, value: number | undefined): string {
  const { one, digits } = figureSpec(name);
  return value === undefined ? "-" : (value / one).toFixed(digits);
}

/** The median of each figure, over the runs that have it; the mean of the two middle ones if their number is even. */
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

/** Combines the runs of one transfer: their medians, and the first failure. */
export function summarise(runs: readonly Measurement[]): Measurement {
  const failed = runs.find(({ failure }) => failure !== undefined);
  return { ...(failed ?? runs[0]!), runs: runs.length, figures: medians(runs.map(({ figures }) => figures)) };
}
