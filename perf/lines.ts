/**
 * What the processes of a measurement say to the one that started them: a line of JSON on standard output for each
 * thing. They are told nothing but the end: their standard input is closed.
 *
 * @module
 */

import process from "node:process";
import type { Cost } from "./meter.ts";

/** A server or a relay takes clients now. */
export interface ListeningLine {
  readonly kind: "listening";
  readonly port: number;
}

/** What only the sender of a file knows, and only where it is ours. */
export interface SenderStats {
  readonly retransmittedBytes: number;
  /** UDP payload, acknowledgements included. */
  readonly sentBytes: number;
  readonly datagramsSent: number;
  readonly spuriousLosses: number;
  /** The smoothed round trip less the least one. */
  readonly queueDelayMeanMs: number;
  readonly queueDelayMaxMs: number;
}

/** A transfer is over, and verified. */
export interface EndLine extends Cost {
  readonly kind: "end";
  /** From connecting; of the client alone. */
  readonly seconds?: number;
  readonly sender?: SenderStats | undefined;
}

/** A relay's counters, of the direction to the server. */
export interface RelayedLine {
  readonly kind: "relayed";
  /** Datagrams that were given to the link, and their UDP payload. */
  readonly sent: number;
  readonly sentBytes: number;
  readonly lost: number;
  readonly queueDropped: number;
  readonly meanQueueDelayUs: number;
  readonly maxQueueDelayUs: number;
  /** How much later than due datagrams left, in the worse direction. */
  readonly meanLateUs: number;
  readonly maxLateUs: number;
}

/** Anything that one of them prints. */
export type Line = ListeningLine | EndLine | RelayedLine;

/** Prints a line. */
export function printLine(line: Line): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** The line that `text` is; undefined for what another program printed, such as a command that a peer runs under. */
export function parseLine(text: string): Line | undefined {
  if (!text.startsWith("{")) return undefined;
  try {
    return JSON.parse(text) as Line;
  } catch {
    return undefined;
  }
}

/** Resolves when whoever started this process wants it to end, or has itself ended. */
export async function untilInputEnds(): Promise<void> {
  for await (const _ of Deno.stdin.readable) { /* nothing is said to it */ }
}
