/**
 * What a connection can be told, each value with its unit, its default and why.
 *
 * The defaults suit a link nobody has described: anything from loopback to a satellite. Limits that stop an attack
 * are in `limits.ts`.
 *
 * @module
 */

import { CallerError } from "./errors.ts";

/** The congestion controllers that can be chosen by name: the default first. */
export const CONGESTION_NAMES = ["bbr", "cubic"] as const;

/**
 * What decides how fast a side sends: a congestion control algorithm, one that yields to all other traffic, or a fixed rate
 * that ignores loss, in bytes of UDP payload per second.
 */
export type SendPolicy =
  | { readonly kind: (typeof CONGESTION_NAMES)[number] }
  | { readonly kind: "background" }
  | { readonly kind: "fixed"; readonly rateBytesPerSecond: number };

/** Options of one connection. Times in microseconds, sizes in bytes. */
export interface ConnectionConfig {
  /**
   * A connection on which nothing arrives for so long is given up. The lower of both sides' values counts.
   * Default 60 s: a link dead for 30 s must not end a transfer.
   */
  readonly idleTimeoutUs: number;
  /** A client gives up reaching the server after so long. Default 10 s, in which it sends many Hellos. */
  readonly handshakeTimeoutUs: number;
  /** A client with nothing to say sends a PING so often. Default 10 s: under the 30 s of most NATs. */
  readonly keepAliveUs: number;
  /**
   * The same while a transfer is open. Default 2 s: a client that only receives has nothing in flight, and would not
   * notice for long that its server was restarted.
   */
  readonly transferKeepAliveUs: number;
  /**
   * The resolution of the platform's timers: none fires sooner than this after it was set, and one that is set for later
   * fires up to half of this late. Default 2.1 ms, that of Deno's `setTimeout`. The pacer's bursts follow from it.
   */
  readonly timerTickUs: number;
  /** The longest this side holds back an acknowledgement. Default 25 ms (RFC 9000, section 18.2). */
  readonly maxAckDelayUs: number;
  /**
   * The largest UDP payload that path MTU discovery may try. Default 1472: Ethernet's 1500 less IPv4 and UDP headers.
   * On loopback the largest that there is pays best.
   */
  readonly maxDatagramBytes: number;
  /**
   * The same on a local network, at rates at which the number of datagrams is what limits. Default 8872: six full fragments
   * of Ethernet, and nearly what a jumbo frame of 9,000 bytes carries. No larger than `maxDatagramBytes` for none.
   */
  readonly maxJumboBytes: number;
  /** The largest UDP payload that this side takes (max_datagram_bytes). Default 65,507: all that IPv4 carries. */
  readonly maxReceivedBytes: number;
  /**
   * What this side receives at once without loss, the capacity of its socket's buffer less what may wait in it
   * (receive_burst_bytes). Default 64 KiB: half of what Linux's default buffer holds in small datagrams.
   */
  readonly receiveBurstBytes: number;
  /**
   * What a stream may have outstanding while its bytes are held in memory. At least twice the application's largest
   * message, which it reads as a whole, since credit is given by halves of windows; the connection's window is to have as
   * much room for each stream. Default 256 KiB.
   */
  readonly orderedWindowBytes: number;
  /**
   * What a stream may have outstanding once its bytes go straight to a file. Default 1 GiB: a hole costs no memory
   * there, so this is only to be beyond any link's bandwidth-delay product.
   */
  readonly directWindowBytes: number;
  /** What all streams together may have outstanding while held in memory. Default 16 MiB. */
  readonly connectionWindowBytes: number;
  /** Streams that the peer may have open at once. Default 128: small files pipeline, and 128 open files are few. */
  readonly maxStreams: number;
  /** Default bbr, which random loss does not slow down; cubic behaves as TCP does. */
  readonly sendPolicy: SendPolicy;
  /** Upper bound of the congestion window. Default 1 GiB, beyond 10 Gbit/s at 600 ms; lower on loopback. */
  readonly maxCongestionWindowBytes: number;
  /**
   * Whether nothing on the path queues but the peer's receive buffer, as on loopback. Then the bound is what the peer receives
   * at once (receive_burst_bytes), if that is more than `maxCongestionWindowBytes`. Default: no.
   */
  readonly isQueueless: boolean;
}

/** Every path carries datagrams of this size (RFC 9000, section 14); also the size a Hello is padded to. */
export const BASE_DATAGRAM_BYTES = 1200;

/** The largest UDP payload over IPv4, and what both sides can receive. */
export const MAX_DATAGRAM_BYTES = 65_507;

/** The defaults of {@link ConnectionConfig}. */
export const DEFAULT_CONFIG: ConnectionConfig = Object.freeze({
  idleTimeoutUs: 60_000_000,
  handshakeTimeoutUs: 10_000_000,
  keepAliveUs: 10_000_000,
  transferKeepAliveUs: 2_000_000,
  timerTickUs: 2_100,
  maxAckDelayUs: 25_000,
  maxDatagramBytes: 1472,
  maxJumboBytes: 8872,
  maxReceivedBytes: MAX_DATAGRAM_BYTES,
  receiveBurstBytes: 64 * 1024,
  orderedWindowBytes: 256 * 1024,
  directWindowBytes: 1024 * 1024 * 1024,
  connectionWindowBytes: 16 * 1024 * 1024,
  maxStreams: 128,
  sendPolicy: Object.freeze({ kind: CONGESTION_NAMES[0] }),
  maxCongestionWindowBytes: 1024 * 1024 * 1024,
  isQueueless: false,
});

const BOUNDS: Readonly<
  Record<Exclude<keyof ConnectionConfig, "sendPolicy" | "isQueueless">, readonly [number, number]>
> = {
  idleTimeoutUs: [1_000_000, 86_400_000_000],
  handshakeTimeoutUs: [100_000, 3_600_000_000],
  keepAliveUs: [100_000, 3_600_000_000],
  transferKeepAliveUs: [100_000, 3_600_000_000],
  timerTickUs: [1, 100_000],
  maxAckDelayUs: [0, 1_000_000],
  maxDatagramBytes: [BASE_DATAGRAM_BYTES, MAX_DATAGRAM_BYTES],
  maxJumboBytes: [BASE_DATAGRAM_BYTES, MAX_DATAGRAM_BYTES],
  maxReceivedBytes: [BASE_DATAGRAM_BYTES, MAX_DATAGRAM_BYTES],
  receiveBurstBytes: [64 * 1024, 2 ** 30],
  orderedWindowBytes: [16 * 1024, 64 * 1024 * 1024],
  directWindowBytes: [64 * 1024, 2 ** 40],
  connectionWindowBytes: [64 * 1024, 2 ** 40],
  maxStreams: [1, 65_536],
  maxCongestionWindowBytes: [2 * BASE_DATAGRAM_BYTES, 2 ** 40],
};

/** Fills in the defaults and checks every value against its bounds. Throws CallerError naming the bad one. */
export function resolveConfig(overrides: Partial<ConnectionConfig> = {}): ConnectionConfig {
  const config = { ...DEFAULT_CONFIG, ...overrides };
  checkSendPolicy(config.sendPolicy);
  for (const [name, [low, high]] of Object.entries(BOUNDS)) {
    const value = config[name as keyof typeof BOUNDS];
    if (!Number.isSafeInteger(value) || value < low || value > high) {
      throw new CallerError(`${name} must be a whole number from ${low} to ${high}, not ${value}`);
    }
  }
  return config;
}

/** Throws CallerError for an algorithm that does not exist, or a rate that is not positive and finite. */
export function checkSendPolicy(policy: SendPolicy): void {
  if (policy.kind === "fixed") {
    const { rateBytesPerSecond: rate } = policy;
    if (!(rate > 0 && rate < Infinity)) {
      throw new CallerError(`a fixed rate must be positive and finite, not ${rate} bytes per second`);
    }
  } else if (policy.kind !== "background" && !CONGESTION_NAMES.includes(policy.kind)) {
    const kinds = [...CONGESTION_NAMES, "background"].join(", ");
    throw new CallerError(`a send policy is one of ${kinds} and fixed, not ${policy.kind}`);
  }
}

/** Whether both decide alike. */
export function isSameSendPolicy(a: SendPolicy, b: SendPolicy): boolean {
  if (a.kind !== "fixed" || b.kind !== "fixed") return a.kind === b.kind;
  return a.rateBytesPerSecond === b.rateBytesPerSecond;
}
