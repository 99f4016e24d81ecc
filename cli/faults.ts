/**
 * The value of `--simulate`, such as `drop=10%,corrupt=1%,delay=50ms`: read and written.
 *
 * @module
 */

import type { FaultOptions } from "../app/api.ts";
import { counted } from "./format.ts";

/** Why {@link parseFaults} did not accept a text. */
export interface FaultError {
  /** One sentence for the user. */
  readonly error: string;
}

/** Longest delay and jitter: it bounds what is in transit. */
const MAX_DELAY_US = 60_000_000;

/** The keys as typed, with the option that each sets. */
const SHARE_KEYS = { drop: "drop", corrupt: "corrupt", duplicate: "duplicate", reorder: "reorder" } as const;
const TIME_KEYS = { delay: "delayUs", jitter: "jitterUs" } as const;
const ALL_KEYS = [...Object.keys(SHARE_KEYS), ...Object.keys(TIME_KEYS), "seed"];

const US_PER_UNIT: Readonly<Record<string, number>> = { us: 1, ms: 1000, s: 1_000_000 };

/** A decimal number without sign. */
const DECIMAL = "((?:\\d+(?:\\.\\d+)?|\\.\\d+)(?:e-?\\d+)?)";
const SHARE_PATTERN = new RegExp(`^${DECIMAL}(%?)$`);
const TIME_PATTERN = new RegExp(`^${DECIMAL}(us|ms|s)$`);

/**
 * Reads faults such as `drop=10%,corrupt=0.01,reorder=5%,delay=50ms,jitter=500us,seed=7`: at least one pair of key and
 * value, each key at most once. Shares are percentages or fractions below 1.
 */
export function parseFaults(text: string): FaultOptions | FaultError {
  const options: { -readonly [Key in keyof FaultOptions]: FaultOptions[Key] } = {
    drop: 0,
    corrupt: 0,
    duplicate: 0,
    reorder: 0,
    delayUs: 0,
    jitterUs: 0,
  };
  const seen = new Set<string>();
  for (const part of text.split(",")) {
    const equals = part.indexOf("=");
    const key = (equals < 0 ? part : part.slice(0, equals)).trim();
    const value = equals < 0 ? "" : part.slice(equals + 1).trim();
    if (!ALL_KEYS.includes(key)) return { error: `unknown fault '${key}': choose from ${ALL_KEYS.join(", ")}` };
    if (value === "") return { error: `fault '${key}' needs a value, such as ${example(key)}` };
    if (seen.has(key)) return { error: `fault '${key}' is given twice` };
    seen.add(key);
    const parsed = key in SHARE_KEYS
      ? parseShare(key, value)
      : key === "seed"
      ? parseSeed(value)
      : parseTime(key, value);
    if (typeof parsed !== "number") return parsed;
    if (key in SHARE_KEYS) options[SHARE_KEYS[key as keyof typeof SHARE_KEYS]] = parsed;
    else if (key in TIME_KEYS) options[TIME_KEYS[key as keyof typeof TIME_KEYS]] = parsed;
    else options.seed = parsed;
  }
  return options;
}

/** Counts injected faults, so that one line tells of all. */
export class FaultCounter {
  readonly #counts = new Map<string, number>();

  /** `line` tells of a fault: `simulated fault: dropped outgoing datagram 17 (1200 bytes)`. */
  add(line: string): void {
    const [, fault = "other"] = /^simulated fault: (.+) (?:outgoing|incoming) datagram /.exec(line) ?? [];
    this.#counts.set(fault, (this.#counts.get(fault) ?? 0) + 1);
  }

  /** "simulated faults: 120 datagrams dropped, 3 corrupted"; undefined if there were none. */
  get summary(): string | undefined {
    const [first, ...rest] = [...this.#counts].sort(([a], [b]) => a < b ? -1 : 1);
    if (first === undefined) return undefined;
    const others = rest.map(([fault, count]) => `, ${count} ${fault}`).join("");
    return `simulated faults: ${counted(first[1], "datagram")} ${first[0]}${others}`;
  }
}

/** The text that {@link parseFaults} reads back as `options`; empty if there is neither a fault nor a seed. */
export function formatFaults(options: FaultOptions): string {
  const parts: string[] = [];
  for (const [key, option] of Object.entries(SHARE_KEYS)) {
    if (options[option] > 0) parts.push(`${key}=${formatShare(options[option])}`);
  }
  for (const [key, option] of Object.entries(TIME_KEYS)) {
    if (options[option] > 0) parts.push(`${key}=${formatTime(options[option])}`);
  }
  if (options.seed !== undefined) parts.push(`seed=${options.seed}`);
  return parts.join(",");
}

function example(key: string): string {
  return key in SHARE_KEYS ? `${key}=10%` : key in TIME_KEYS ? `${key}=50ms` : `${key}=7`;
}

function parseShare(key: string, value: string): number | FaultError {
  const match = SHARE_PATTERN.exec(value);
  if (match === null) return { error: `'${key}=${value}' is not a share: write ${key}=10% or ${key}=0.1` };
  const isPercent = match[2] === "%";
  const number = Number(match[1]);
  if (isPercent && number > 100) return { error: `'${key}=${value}' is more than 100%` };
  // 1 may be meant as 1% or as 100%.
  if (!isPercent && number >= 1) {
    return { error: `'${key}=${value}' is ambiguous: write ${key}=${value}% or less than 1` };
  }
  return isPercent ? number / 100 : number;
}

function parseTime(key: string, value: string): number | FaultError {
  if (value.startsWith("-")) {
    return { error: `'${key}=${value}' is negative: a datagram cannot arrive before it is sent` };
  }
  const match = TIME_PATTERN.exec(value);
  if (match === null) return { error: `'${key}=${value}' is not a time: write ${key}=50ms, ${key}=2s or ${key}=500us` };
  const timeUs = Math.round(Number(match[1]) * (US_PER_UNIT[match[2] ?? ""] ?? NaN));
  if (timeUs > MAX_DELAY_US) return { error: `'${key}=${value}' is more than ${formatTime(MAX_DELAY_US)}` };
  return timeUs;
}

function parseSeed(value: string): number | FaultError {
  const seed = /^\d+$/.test(value) ? Number(value) : NaN;
  if (!Number.isSafeInteger(seed)) return { error: `'seed=${value}' is not an integer from 0 to 2^53-1` };
  return seed;
}

/** As a percentage if that reads back as the same number, else as a fraction. */
function formatShare(share: number): string {
  const percent = Number((share * 100).toPrecision(12));
  return percent / 100 === share && percent >= 1e-6 ? `${percent}%` : `${share}`;
}

function formatTime(timeUs: number): string {
  if (timeUs % 1_000_000 === 0) return `${timeUs / 1_000_000}s`;
  return timeUs % 1000 === 0 ? `${timeUs / 1000}ms` : `${timeUs}us`;
}
