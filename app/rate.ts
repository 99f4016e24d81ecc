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
