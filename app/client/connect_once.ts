/**
 * One connection to a server: resolves the host, tries its addresses, and says why none of them responded.
 *
 * @module
 */

import { formatDuration } from "../../base/units.ts";
import { NetAddress } from "../../base/net_address.ts";
import { DEFAULT_CONFIG } from "../../protocol/mod.ts";
import { SluiceError } from "../api.ts";
import type { Platform } from "../platform.ts";
import { AllAttemptsFailed, type FailedAttempt, interleaveFamilies, raceAddresses } from "./address_race.ts";
import type { Client, ClientOptions } from "./api.ts";
import { ConnectedClient } from "./client.ts";
import { interrupted } from "./errors.ts";
import { NoResponse } from "./connect_error.ts";

/** An attempt lasts at least so long, microseconds: what is left of the time may be less. */
const MIN_ATTEMPT_US = 100_000;

/** A client that ends with its connection. */
export type OneConnection = Client & Pick<ConnectedClient, "closeReason" | "idleTimeoutUs" | "stats">;

/** How to connect once. */
export interface OneConnectionOptions extends ClientOptions {
  /** How long it may take, milliseconds. */
  readonly withinMs: number;
}

/** Connects to a server once; rejects with SluiceError. */
export async function connectOnce(
  options: OneConnectionOptions,
  platform: Platform,
): Promise<OneConnection> {
  const { host, port, signal, withinMs } = options;
  if (signal?.aborted) throw interrupted();
  const timeoutUs = Math.max(MIN_ATTEMPT_US, Math.min(timeoutOf(options, platform), Math.round(withinMs * 1000)));
  const deadlineUs = platform.nowUs() + timeoutUs;
  const resolved = await resolve(host, { platform, signal, timeoutUs });
  const addresses = interleaveFamilies(resolved.map((ip) => NetAddress.of(ip, port)));
  try {
    return await raceAddresses(addresses, {
      platform,
      signal,
      attempt: (address, cancel) => {
        const handshakeTimeoutUs = Math.max(deadlineUs - platform.nowUs(), MIN_ATTEMPT_US);
        return ConnectedClient.connect(address, { ...options, signal: cancel, handshakeTimeoutUs }, platform);
      },
    });
  } catch (error) {
    if (!(error instanceof AllAttemptsFailed)) throw error;
    if (signal?.aborted) throw interrupted();
    throw explain(error.failures, timeoutUs / 1e6);
  }
}

/** How long connecting may take, microseconds. */
function timeoutOf({ simulate, timeoutMs }: ClientOptions, platform: Platform): number {
  if (timeoutMs !== undefined) return Math.round(timeoutMs * 1000);
  const { config } = platform.linkOptions(simulate !== undefined);
  return config.handshakeTimeoutUs ?? DEFAULT_CONFIG.handshakeTimeoutUs;
}

/** Resolves a host name, in the time that connecting may take. */
async function resolve(
  host: string,
  { platform, signal, timeoutUs }: { platform: Platform; signal: AbortSignal | undefined; timeoutUs: number },
): Promise<readonly string[]> {
  const { promise, resolve, reject } = platform.defer<readonly string[]>();
  const timer = platform.timer(() => {
    const message =
      `the name "${host}" was not resolved within ${formatDuration(timeoutUs / 1000)}; check the network and its DNS ` +
      "servers, or give an IP address";
    reject(new SluiceError("unreachable", message, { retry: "reconnect" }));
  });
  const onAbort = () => reject(interrupted());
  timer.set(timeoutUs);
  signal?.addEventListener("abort", onAbort);
  platform.resolveHost(host).then(resolve, reject);
  try {
    return await promise;
  } finally {
    timer.clear();
    signal?.removeEventListener("abort", onAbort);
  }
}

/** One error for all attempts: a server's refusal says most, then which addresses were silent, then why others failed. */
function explain(failures: readonly FailedAttempt[], timeoutS: number): unknown {
  const bug = failures.find(({ error }) => !(error instanceof SluiceError));
  if (bug !== undefined) return bug.error;
  const errors = failures.map(({ error }) => error as SluiceError);
  const refusal = errors.find(({ kind }) => kind !== "unreachable");
  if (refusal !== undefined) return refusal;
  const silent = failures.filter(({ error }) => error instanceof NoResponse).map(({ address }) => address.text);
  const others = errors.filter((error) => !(error instanceof NoResponse)).map(({ message }) => message);
  if (silent.length > 0) {
    others.unshift(
      `no response from ${list(silent)} after ${
        formatDuration(timeoutS * 1000)
      }: is the server running, the port right, and UDP allowed by ` +
        "the firewall?",
    );
  }
  const retry = errors.find((error) => error.retry !== undefined)?.retry;
  return new SluiceError("unreachable", others.join("; "), { retry });
}

function list(items: readonly string[]): string {
  return items.length === 1 ? items[0]! : `${items.slice(0, -1).join(", ")} or ${items.at(-1)}`;
}
