/**
 * What limited the transfers of a command, in one sentence: the answer to "why is it slow?".
 *
 * A client that sends knows what held it back. One that receives knows only what arrives: whether packets are missing,
 * and whether its own disk, processor or output was the limit; of the link and the server it cannot tell which.
 *
 * @module
 */

import type { LimitSample } from "../app/client/api.ts";
import type { SendPolicy } from "../protocol/mod.ts";
import { formatDuration } from "../base/units.ts";
import { formatBitRate, formatShare } from "./format.ts";
import type { Direction, LimitCause } from "./records.ts";

/** What is known of the transfers of a command. */
export interface LimitFacts {
  readonly direction: Direction;
  readonly elapsedMs: number;
  /** Processor time of this process, milliseconds. */
  readonly cpuMs: number;
  /** How many samples found each limit. */
  readonly counts: Readonly<Partial<Record<LimitSample["limit"], number>>>;
  /** Packets, of all samples together. */
  readonly packetsSent: number;
  readonly packetsLost: number;
  readonly packetsReceived: number;
  readonly packetsMissing: number;
  /** UDP payload, bytes. */
  readonly bytesSent: number;
  readonly bytesReceived: number;
  /** As of the last sample. */
  readonly smoothedRttMs: number;
  /** The rate that the user has set, of UDP payload; undefined with congestion control. */
  readonly fixedBytesPerSecond?: number;
  /** The limit that the user has set for each direction; undefined without one. */
  readonly limitBytesPerSecond?: number;
}

/** Transfers that take less time are not slow. */
export const SLOW_MS = 3_000;

/** Fewer samples say nothing. */
const MIN_SAMPLES = 10;

/** This process was busy for so much of the time. */
const BUSY_SHARE = 0.9;

/** A transfer that uses less of a fixed rate is not limited by it. */
const MIN_RATE_SHARE = 0.75;

/** So much loss slows down every kind of congestion control. */
const LOSS_SHARE = 0.03;

/** What limited the transfers; undefined if they were not slow, or nobody can know. */
export function limitOf(facts: LimitFacts): LimitCause | undefined {
  const { cpuMs, direction, elapsedMs } = facts;
  const counts = Object.entries(facts.counts) as [LimitSample["limit"], number][];
  const sampleCount = counts.reduce((sum, [, count]) => sum + count, 0);
  if (elapsedMs < SLOW_MS || sampleCount < MIN_SAMPLES) return undefined;
  if (cpuMs >= elapsedMs * BUSY_SHARE) return "processor";
  const [most] = counts.reduce((one, other) => other[1] > one[1] ? other : one);
  const isLossy = lossShare(facts) >= LOSS_SHARE;
  if (direction === "get") {
    if (most === "verifying") return "local-disk";
    if (most === "receive-window") return "output";
    if (!isFarBelow(facts.bytesReceived, facts, facts.limitBytesPerSecond ?? Infinity)) return "rate-limit";
    return isLossy ? "loss" : "link-or-server";
  }
  switch (most) {
    case "verifying":
      return "server-disk";
    case "flow-control":
      return "server";
    case "fixed-rate":
      return isFarBelow(facts.bytesSent, facts, facts.fixedBytesPerSecond ?? 0) ? undefined : "rate";
    case "rate-limit":
      return "rate-limit";
    case "no-data":
    case "receive-window":
      return "source";
    case "nothing":
      return "this-machine";
    case "congestion":
      return isLossy ? "loss" : "link";
  }
}

/** Something else had most of the time: the pauses between many small files, or a machine that is busy. */
function isFarBelow(bytes: number, { elapsedMs }: LimitFacts, bytesPerSecond: number): boolean {
  return bytes / elapsedMs * 1000 < bytesPerSecond * MIN_RATE_SHARE;
}

/** The share of packets that were lost on their way, 0 to 1. */
export function lossShare(facts: LimitFacts): number {
  const { direction, packetsLost, packetsMissing, packetsReceived, packetsSent } = facts;
  const [lost, all] = direction === "send"
    ? [packetsLost, packetsSent]
    : [packetsMissing, packetsReceived + packetsMissing];
  return all <= 0 ? 0 : Math.max(0, lost / all);
}

/** The cause as the end of a sentence. */
export function describeLimit(cause: LimitCause, facts: LimitFacts): string {
  const { bytesReceived, bytesSent, cpuMs, direction, elapsedMs, smoothedRttMs } = facts;
  const rate = formatBitRate(direction === "send" ? bytesSent : bytesReceived, elapsedMs);
  const loss = lossShare(facts);
  const link = [
    rate,
    `round trip ${formatDuration(smoothedRttMs)}`,
    ...(loss >= 0.001 ? [`${formatShare(loss, 1)} lost`] : []),
  ].join(", ");
  const verifyingMs = elapsedMs * (facts.counts.verifying ?? 0) / sumOf(facts.counts);
  const storing = `${formatDuration(verifyingMs)} of ${formatDuration(elapsedMs)} to store and verify`;
  const words: Readonly<Record<LimitCause, string>> = {
    "link": `the link (${link})`,
    "loss": `packet loss on the link (${link})`,
    "rate": `the fixed rate (${rate})`,
    "rate-limit": `the limit on the rate (${rate})`,
    "server": `the server, which took data no faster (${rate})`,
    "server-disk": `the server's disk (${storing})`,
    "local-disk": `this machine's disk (${storing})`,
    "this-machine": `this machine, whose disk or processor is busy (${rate})`,
    "processor": `this machine's processor (${Math.round(cpuMs / elapsedMs * 100)} % of a core)`,
    "source": "what is sent: there was no more at the time",
    "output": "the reader of the output",
    "link-or-server": `the link or the server (${link})`,
  };
  return `limited by ${words[cause]}`;
}

function sumOf(counts: LimitFacts["counts"]): number {
  return Math.max(1, Object.values(counts).reduce((sum, count) => sum + count, 0));
}

/** What samples add up to. */
export type LimitSums = Omit<LimitFacts, "cpuMs" | "direction" | "elapsedMs">;

/** Adds up samples, of one connection or of several one after the other. */
export class LimitTally {
  #sums: LimitSums = NOTHING;
  /** How the client sends; undefined by default. */
  sendPolicy: SendPolicy | undefined;
  /** The limit of each direction; Infinity for none. */
  limitBytesPerSecond = Infinity;

  constructor(sendPolicy?: SendPolicy) {
    this.sendPolicy = sendPolicy;
  }

  get sums(): LimitSums {
    const { limitBytesPerSecond, sendPolicy } = this;
    return {
      ...this.#sums,
      ...(sendPolicy?.kind === "fixed" ? { fixedBytesPerSecond: sendPolicy.rateBytesPerSecond } : {}),
      ...(limitBytesPerSecond < Infinity ? { limitBytesPerSecond } : {}),
    };
  }

  add(sample: LimitSample): void {
    const sums = this.#sums;
    this.#sums = {
      counts: { ...sums.counts, [sample.limit]: (sums.counts[sample.limit] ?? 0) + 1 },
      packetsSent: sums.packetsSent + sample.packetsSent,
      packetsLost: sums.packetsLost + sample.packetsLost,
      packetsReceived: sums.packetsReceived + sample.packetsReceived,
      packetsMissing: sums.packetsMissing + sample.packetsMissing,
      bytesSent: sums.bytesSent + sample.bytesSent,
      bytesReceived: sums.bytesReceived + sample.bytesReceived,
      smoothedRttMs: sample.smoothedRttMs,
    };
  }

  /** Begins anew. */
  clear(): void {
    this.#sums = NOTHING;
  }
}

const NOTHING: LimitSums = {
  counts: {},
  packetsSent: 0,
  packetsLost: 0,
  packetsReceived: 0,
  packetsMissing: 0,
  bytesSent: 0,
  bytesReceived: 0,
  smoothedRttMs: 0,
};
