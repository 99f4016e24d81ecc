/**
 * Sending rates as people write them: bits per second with a decimal prefix, as links are sold. Only this file converts
 * between them and the bytes per second of a {@link SendPolicy}.
 *
 * @module
 */

import { parseDecimal } from "../base/units.ts";
import { CallerError, checkSendPolicy, type SendPolicy } from "../protocol/mod.ts";
import { SluiceError } from "./api.ts";

/** The lowest rate that can be set, bits per second: a full datagram every 1.5 s. Slower, a peer looks dead. */
export const MIN_RATE = 8_000;

/** The highest, bits per second: beyond what one process can send. */
export const MAX_RATE = 100_000_000_000;

/** "80Mbit/s", "80 Mbit/s" and "80Mbps" are the same as "80M". */
const UNIT = /(?:bits?\/s|bit|bps)$/;

/** A rate in bytes is refused: the user might mean eight times as much, or an eighth. */
const BYTES = /^[\d.]+ ?[kKmMgG]?(?:B|i?B\/s|Bps|bytes?(?:\/s)?)$/;

/** The rate that `text` says, in bits per second, or what is wrong with it. */
function parseRate(text: string): number | { readonly error: string } {
  if (BYTES.test(text)) return { error: "a rate is in bits per second, such as 80M; eight bits are a byte" };
  const rate = parseDecimal(text.replace(UNIT, ""));
  if (rate === undefined) return { error: "a rate is a number of bits per second, such as 800k, 80M or 1.5G" };
  return isRate(rate) ? rate : { error: OUT_OF_BOUNDS };
}

/** A rate in bits per second, with its unit: "80 Mbit/s", "1.5 Gbit/s". */
function formatBitRate(bitsPerSecond: number): string {
  const [unit, size] = bitsPerSecond >= 1e9
    ? ["Gbit/s", 1e9] as const
    : bitsPerSecond >= 1e6
    ? ["Mbit/s", 1e6] as const
    : ["kbit/s", 1e3] as const;
  return `${Number((bitsPerSecond / size).toFixed(3))} ${unit}`;
}

/** The send policy for a rate as people write it, or what is wrong with it. */
export function parseFixedRate(text: string): SendPolicy | { readonly error: string } {
  const rate = parseRate(text);
  return typeof rate === "number" ? { kind: "fixed", rateBytesPerSecond: rate / 8 } : rate;
}

/** A rate as people write it, in bytes per second, or what is wrong with it. */
export function parseByteRate(text: string): number | { readonly error: string } {
  const rate = parseRate(text);
  return typeof rate === "number" ? rate / 8 : rate;
}

/** A limit that changes with the time of day: each entry holds from its minute of the day on, ascending. */
export type RateSchedule = readonly { readonly fromMinute: number; readonly bytesPerSecond: number }[];

/**
 * Reads a limit, `20M` or `off`, or several with the times from which they hold: `08:00,20M 18:00,off`. Returns what is
 * wrong with it otherwise.
 */
export function parseRateSchedule(text: string): RateSchedule | { readonly error: string } {
  const entries: { fromMinute: number; bytesPerSecond: number }[] = [];
  const words = text.trim().split(/\s+/);
  for (const word of words) {
    const { hour, minute, rate } = /^(?:(?<hour>[01]?\d|2[0-3]):(?<minute>[0-5]\d),)?(?<rate>.*)$/.exec(word)!
      .groups as Record<string, string>;
    if (hour === undefined && words.length > 1) {
      return { error: `"${word}" has no time; several limits are written as in 08:00,20M 18:00,off` };
    }
    const bytesPerSecond = rate === "off" ? Infinity : parseByteRate(rate!);
    if (typeof bytesPerSecond !== "number") return bytesPerSecond;
    const fromMinute = hour === undefined ? 0 : 60 * Number(hour) + Number(minute);
    if (entries.some((entry) => entry.fromMinute === fromMinute)) {
      return { error: `${hour}:${minute} has two limits` };
    }
    entries.push({ fromMinute, bytesPerSecond });
  }
  return entries.sort((a, b) => a.fromMinute - b.fromMinute);
}

/** The limit at a minute of the day, bytes per second; before the first entry it is that of the evening before. */
export function limitAt(schedule: RateSchedule, minuteOfDay: number): number {
  const entry = schedule.findLast(({ fromMinute }) => fromMinute <= minuteOfDay) ?? schedule.at(-1);
  return entry?.bytesPerSecond ?? Infinity;
}

/** Throws SluiceError (usage) for a limit that is out of bounds. */
export function requireRateLimit({ bytesPerSecond }: { readonly bytesPerSecond: number }): void {
  if (bytesPerSecond === Infinity || isRate(8 * bytesPerSecond)) return;
  throw new SluiceError("usage", `${bytesPerSecond} bytes/s: ${OUT_OF_BOUNDS}`);
}

/** A policy in words that follow "sending": "at 80 Mbit/s", "as fast as the link allows". */
export function describeSendPolicy(policy: SendPolicy): string {
  return policy.kind === "fixed" ? `at ${formatBitRate(8 * policy.rateBytesPerSecond)}` : "as fast as the link allows";
}

/** Throws SluiceError (usage) for a policy that is out of bounds. */
export function requireSendPolicy(policy: SendPolicy | undefined): void {
  if (policy === undefined) return;
  if (policy.kind === "fixed" && !isRate(8 * policy.rateBytesPerSecond)) {
    throw new SluiceError("usage", `${policy.rateBytesPerSecond} bytes/s: ${OUT_OF_BOUNDS}`);
  }
  try {
    checkSendPolicy(policy);
  } catch (error) {
    if (!(error instanceof CallerError)) throw error;
    throw new SluiceError("usage", error.message);
  }
}

const OUT_OF_BOUNDS = `a rate is from ${formatBitRate(MIN_RATE)} to ${formatBitRate(MAX_RATE)}`;

function isRate(bitsPerSecond: number): boolean {
  return bitsPerSecond >= MIN_RATE && bitsPerSecond <= MAX_RATE;
}
