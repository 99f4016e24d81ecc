/**
 * Faults on purpose, for trying out what a bad network does: `--simulate drop=10%,corrupt=1%,delay=50ms`.
 *
 * A driver puts every datagram through {@link FaultInjector.outgoing} or {@link FaultInjector.incoming}, which passes
 * it on zero, one or two times, now or later. Where no fault is asked for, a driver makes no injector at all.
 *
 * Each direction is treated by itself: a delay of 50 ms on one side adds 100 ms to a round trip. The delay keeps the
 * order of datagrams, and so does its jitter; only `reorder` changes it. Timers of less than about 2 ms are late, so a
 * short delay is a little longer than asked for.
 *
 * @module
 */

import type { FaultOptions } from "../app/api.ts";
import { Random, RandomWalk } from "../base/random.ts";

/** What {@link parseFaults} says of a text that names no faults. */
export interface FaultError {
  /** One sentence for the person who typed it. */
  readonly error: string;
}

/** Longest delay and jitter. It bounds what is held for later. */
const MAX_DELAY_US = 60_000_000;

/** The keys of a description, as typed, with the option that each sets. */
const SHARE_KEYS = { drop: "drop", corrupt: "corrupt", duplicate: "duplicate", reorder: "reorder" } as const;
const TIME_KEYS = { delay: "delayUs", jitter: "jitterUs" } as const;
const ALL_KEYS = [...Object.keys(SHARE_KEYS), ...Object.keys(TIME_KEYS), "seed"];

const US_PER_UNIT: Readonly<Record<string, number>> = { us: 1, ms: 1000, s: 1_000_000 };

/** A decimal number without sign. */
const DECIMAL = "((?:\\d+(?:\\.\\d+)?|\\.\\d+)(?:e-?\\d+)?)";
const SHARE_PATTERN = new RegExp(`^${DECIMAL}(%?)$`);
const TIME_PATTERN = new RegExp(`^${DECIMAL}(us|ms|s)$`);

/**
 * Reads a description such as `drop=10%,corrupt=0.01,reorder=5%,delay=50ms,jitter=500us,seed=7`: pairs of key and
 * value, each key at most once, at least one. Shares are percentages or fractions below 1.
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

/** The description that {@link parseFaults} reads back as `options`; empty where there is no fault and no seed. */
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
  if (match === null) return { error: `${key}=${value} is not a share: write ${key}=10% or ${key}=0.1` };
  const isPercent = match[2] === "%";
  const number = Number(match[1]);
  if (isPercent && number > 100) return { error: `${key}=${value} is more than 100%` };
  // 1 may be meant as 1% or as 100%: ask.
  if (!isPercent && number >= 1) {
    return { error: `${key}=${value} may mean two things: write ${key}=${value}% or less than 1` };
  }
  return isPercent ? number / 100 : number;
}

function parseTime(key: string, value: string): number | FaultError {
  if (value.startsWith("-")) return { error: `${key}=${value} is negative: nothing arrives before it is sent` };
  const match = TIME_PATTERN.exec(value);
  if (match === null) return { error: `${key}=${value} is not a time: write ${key}=50ms, ${key}=2s or ${key}=500us` };
  const timeUs = Math.round(Number(match[1]) * (US_PER_UNIT[match[2] ?? ""] ?? NaN));
  if (timeUs > MAX_DELAY_US) return { error: `${key}=${value} is more than ${formatTime(MAX_DELAY_US)}` };
  return timeUs;
}

function parseSeed(value: string): number | FaultError {
  const seed = /^\d+$/.test(value) ? Number(value) : NaN;
  if (!Number.isSafeInteger(seed)) return { error: `seed=${value} is not an integer from 0 to 2^53-1` };
  return seed;
}

/** As a percentage where that reads back as the same number, else as a fraction. */
function formatShare(share: number): string {
  const percent = Number((share * 100).toPrecision(12));
  return percent / 100 === share && percent >= 1e-6 ? `${percent}%` : `${share}`;
}

function formatTime(timeUs: number): string {
  if (timeUs % 1_000_000 === 0) return `${timeUs / 1_000_000}s`;
  return timeUs % 1000 === 0 ? `${timeUs / 1000}ms` : `${timeUs}us`;
}

/** One fault that was injected. The delay that every datagram gets is not one. */
export interface InjectedFault {
  /** `overflow`: dropped because too much was already held for later. */
  readonly fault: "drop" | "corrupt" | "duplicate" | "reorder" | "overflow";
  readonly direction: "outgoing" | "incoming";
  /** Size of the datagram. */
  readonly bytes: number;
  /** Which datagram of its direction it was, from 1. */
  readonly packet: number;
}

/** How a {@link FaultInjector} is made. */
export interface FaultInjectorOptions {
  readonly faults: FaultOptions;
  /** Hears of each injected fault. */
  readonly onFault?: (fault: InjectedFault) => void;
}

/** Passes a datagram on. The bytes are valid during the call alone. */
export type Deliver = (datagram: Uint8Array) => void;

/** What a reordered datagram is late by, on top of the delay. */
const REORDER_EXTRA_US = 5_000;

/** Bytes held for later in one direction. Beyond it datagrams are dropped, as a router with a full queue does. */
const MAX_HELD_BYTES = 64 * 1024 * 1024;

/** Most bits flipped in a corrupted datagram. */
const MAX_FLIPPED_BITS = 8;

const PAST_TENSE = {
  drop: "dropped",
  corrupt: "corrupted",
  duplicate: "duplicated",
  reorder: "held back",
  overflow: "dropped (too much delayed already)",
} as const;

/** One line for a log: `simulated fault: dropped outgoing datagram 17 (1200 bytes)`. */
export function describeFault({ fault, direction, bytes, packet }: InjectedFault): string {
  return `simulated fault: ${PAST_TENSE[fault]} ${direction} datagram ${packet} (${bytes} bytes)`;
}

/** Treats one socket's datagrams as `faults` says. */
export class FaultInjector {
  /** The seed that makes the same decisions again; drawn where the options named none. */
  readonly seed: number;
  readonly #outgoing: Direction;
  readonly #incoming: Direction;
  #closed = false;

  constructor(options: FaultInjectorOptions) {
    this.seed = options.faults.seed ?? crypto.getRandomValues(new Uint32Array(1))[0]!;
    const random = new Random(this.seed);
    this.#outgoing = new Direction("outgoing", random.fork("outgoing"), options);
    this.#incoming = new Direction("incoming", random.fork("incoming"), options);
  }

  /** Datagrams held for later, in both directions. */
  get heldCount(): number {
    return this.#outgoing.heldCount + this.#incoming.heldCount;
  }

  /** Datagrams held for later that are on their way out. */
  get heldOutgoingCount(): number {
    return this.#outgoing.heldCount;
  }

  /** Treats a datagram about to be sent; `deliver` sends it. `datagram` need not stay valid after the call. */
  outgoing(datagram: Uint8Array, deliver: Deliver): void {
    if (!this.#closed) this.#outgoing.handle(datagram, deliver);
  }

  /** Treats a datagram just received; `deliver` handles it. `datagram` need not stay valid after the call. */
  incoming(datagram: Uint8Array, deliver: Deliver): void {
    if (!this.#closed) this.#incoming.handle(datagram, deliver);
  }

  /** Forgets what is held and stops the timers: nothing is delivered from now on. Idempotent. */
  close(): void {
    this.#closed = true;
    this.#outgoing.close();
    this.#incoming.close();
  }
}

/** One direction's decisions, and what it holds for later. */
class Direction {
  readonly #name: InjectedFault["direction"];
  readonly #random: Random;
  readonly #jitter: RandomWalk;
  readonly #faults: FaultOptions;
  readonly #onFault: ((fault: InjectedFault) => void) | undefined;
  readonly #onTime = new DelayLine();
  /** A line of their own for the reordered, so that the others pass by. */
  readonly #late = new DelayLine();
  #count = 0;

  constructor(name: InjectedFault["direction"], random: Random, { faults, onFault }: FaultInjectorOptions) {
    this.#name = name;
    this.#random = random;
    this.#jitter = new RandomWalk(random.fork("jitter"));
    this.#faults = faults;
    this.#onFault = onFault;
  }

  get heldCount(): number {
    return this.#onTime.count + this.#late.count;
  }

  handle(datagram: Uint8Array, deliver: Deliver): void {
    this.#count++;
    if (this.#decide("drop", datagram)) return;
    let bytes = datagram;
    if (datagram.length > 0 && this.#decide("corrupt", datagram)) {
      bytes = datagram.slice();
      this.#random.flipBits(bytes, MAX_FLIPPED_BITS);
    }
    const copies = this.#decide("duplicate", datagram) ? 2 : 1;
    const isLate = this.#decide("reorder", datagram);
    const { delayUs, jitterUs } = this.#faults;
    for (let copy = 0; copy < copies; copy++) {
      if (!isLate && delayUs === 0 && jitterUs === 0) deliver(copy + 1 < copies ? bytes.slice() : bytes);
      else this.#hold(bytes, deliver, isLate);
    }
  }

  close(): void {
    this.#onTime.close();
    this.#late.close();
  }

  #hold(bytes: Uint8Array, deliver: Deliver, isLate: boolean): void {
    if (this.#onTime.bufferedBytes + this.#late.bufferedBytes + bytes.length > MAX_HELD_BYTES) {
      this.#report("overflow", bytes);
      return;
    }
    const { delayUs, jitterUs } = this.#faults;
    const nowMs = performance.now();
    const lateUs = delayUs + this.#jitter.at(nowMs * 1000, jitterUs) + (isLate ? REORDER_EXTRA_US : 0);
    const line = isLate ? this.#late : this.#onTime;
    line.hold({ dueMs: nowMs + lateUs / 1000, bytes: bytes.slice(), deliver });
  }

  #decide(fault: "drop" | "corrupt" | "duplicate" | "reorder", datagram: Uint8Array): boolean {
    const happens = this.#random.chance(this.#faults[fault]);
    if (happens) this.#report(fault, datagram);
    return happens;
  }

  #report(fault: InjectedFault["fault"], datagram: Uint8Array): void {
    this.#onFault?.({ fault, direction: this.#name, bytes: datagram.length, packet: this.#count });
  }
}

/** A datagram held for later. */
interface Held {
  readonly dueMs: number;
  readonly bytes: Uint8Array;
  readonly deliver: Deliver;
}

/** Datagrams that leave in the order in which they came, each not before it is due; one timer for all. */
class DelayLine {
  bufferedBytes = 0;
  readonly #held = new Map<number, Held>();
  #head = 0;
  #tail = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  get count(): number {
    return this.#held.size;
  }

  hold(datagram: Held): void {
    this.#held.set(this.#tail++, datagram);
    this.bufferedBytes += datagram.bytes.length;
    this.#arm();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#held.clear();
    this.#head = this.#tail;
    this.bufferedBytes = 0;
  }

  #arm(): void {
    const first = this.#held.get(this.#head);
    if (this.#timer !== undefined || first === undefined) return;
    this.#timer = setTimeout(() => this.#release(), Math.max(0, Math.ceil(first.dueMs - performance.now())));
  }

  #release(): void {
    this.#timer = undefined;
    const nowMs = performance.now();
    try {
      for (let first = this.#held.get(this.#head); first !== undefined; first = this.#held.get(this.#head)) {
        if (first.dueMs > nowMs) break;
        this.#held.delete(this.#head++);
        this.bufferedBytes -= first.bytes.length;
        first.deliver(first.bytes);
      }
    } finally {
      this.#arm();
    }
  }
}
