/**
 * How the processes of a measurement report to the one that started them: lines of JSON on standard output. They end
 * when their standard input is closed.
 *
 * @module
 */

import process from "node:process";
import type { ResourceUsage } from "./resource_meter.ts";

/** A server or a relay is ready. */
export interface ListeningLine {
  readonly kind: "listening";
  readonly port: number;
}

/** A process that only takes time does so from now on. */
export interface ReadyLine {
  readonly kind: "ready";
}

/** What only the sender of a file can measure; Sluice alone reports it. */
export interface SenderStats {
  readonly retransmittedBytes: number;
  /** UDP payload, acknowledgements included. */
  readonly sentBytes: number;
  readonly datagramsSent: number;
  readonly spuriousLosses: number;
  /** The smoothed round trip less the minimum one. */
  readonly queueDelayMeanMs: number;
  readonly queueDelayMaxMs: number;
}

/** A transfer is complete and verified. */
export interface EndLine extends ResourceUsage {
  readonly kind: "end";
  /** From connecting; only from the client. */
  readonly seconds?: number;
  readonly sender?: SenderStats | undefined;
}

/** A relay's counters, of the direction to the server. */
export interface RelayedLine {
  readonly kind: "relayed";
  /** Datagrams given to the link, and their UDP payload. */
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

/** A line of any kind. */
export type Line = ListeningLine | ReadyLine | EndLine | RelayedLine;

/** Prints a line. */
export function printLine(line: Line): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** Parses a line; undefined for the output of another program, such as the command prefix of a peer. */
export function parseLine(text: string): Line | undefined {
  if (!text.startsWith("{")) return undefined;
  try {
    return JSON.parse(text) as Line;
  } catch {
    return undefined;
  }
}

/** Resolves when standard input is closed, on purpose or because the parent process ended. */
export async function untilInputEnds(): Promise<void> {
  for await (const _ of Deno.stdin.readable) { /* there is no input */ }
}
