/**
 * Rates of sending as people write them: bits per second with a decimal prefix, as links are sold.
 *
 * @module
 */

import { SluiceError } from "./api.ts";

/** The lowest rate that can be set, bits per second: a full datagram every 1.5 s. Slower, a peer looks dead. */
export const MIN_RATE = 8_000;

/** The highest, bits per second: beyond what one process can send. */
export const MAX_RATE = 100_000_000_000;

const PREFIXES: Readonly<Record<string, number>> = { "": 1, k: 1e3, m: 1e6, g: 1e9 };

/** "80M", "1.5G", "800k", "8000"; "80Mbit/s", "80 Mbit/s" and "80Mbps" are the same. */
const PATTERN = /^(?<number>\d+(?:\.\d+)?) ?(?<prefix>[kKmMgG]?)(?:bits?\/s|bit|bps)?$/;

/** What is bytes cannot be meant: eight times as much would be sent as the person thinks, or an eighth. */
const BYTES = /^[\d.]+ ?[kKmMgG]?(?:B|i?B\/s|Bps|bytes?(?:\/s)?)$/;

/** The rate that `text` says, in bits per second, or what is wrong with it. */
export function parseRate(text: string): number | { readonly error: string } {
  if (BYTES.test(text)) return { error: "a rate is in bits per second, such as 80M; eight bits are a byte" };
  const { number, prefix } = PATTERN.exec(text)?.groups ?? {};
  if (number === undefined) return { error: "a rate is a number of bits per second, such as 800k, 80M or 1.5G" };
  const rate = Math.round(Number(number) * PREFIXES[prefix!.toLowerCase()]!);
  return isRate(rate) ? rate : { error: OUT_OF_BOUNDS };
}

/** A rate in bits per second, with its unit: "80 Mbit/s", "1.5 Gbit/s". */
export function formatBitRate(bitsPerSecond: number): string {
  const [unit, size] = bitsPerSecond >= 1e9
    ? ["Gbit/s", 1e9] as const
    : bitsPerSecond >= 1e6
    ? ["Mbit/s", 1e6] as const
    : ["kbit/s", 1e3] as const;
  return `${Number((bitsPerSecond / size).toFixed(3))} ${unit}`;
}

/** Bytes per second for what a caller gave in bits. Throws SluiceError (usage) where it is out of bounds. */
export function bytesPerSecond(bitsPerSecond: number | undefined): number | undefined {
  if (bitsPerSecond === undefined) return undefined;
  if (!isRate(bitsPerSecond)) throw new SluiceError("usage", `${bitsPerSecond} bit/s: ${OUT_OF_BOUNDS}`);
  return bitsPerSecond / 8;
}

const OUT_OF_BOUNDS = `a rate is from ${formatBitRate(MIN_RATE)} to ${formatBitRate(MAX_RATE)}`;

function isRate(bitsPerSecond: number): boolean {
  return bitsPerSecond >= MIN_RATE && bitsPerSecond <= MAX_RATE;
}
