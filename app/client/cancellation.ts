/**
 * Waiting that the user, or the end of the client, cuts short.
 *
 * @module
 */

import type { Platform } from "../platform.ts";

/** Resolves after `delayMs`, or as soon as one of the signals is aborted. */
export async function pause(
  delayMs: number,
  { platform, signals }: {
    readonly platform: Pick<Platform, "defer" | "timer">;
    readonly signals: readonly (AbortSignal | undefined)[];
  },
): Promise<void> {
  if (signals.some((signal) => signal?.aborted)) return;
  const { promise, resolve } = platform.defer<void>();
  const timer = platform.timer(resolve);
  timer.set(delayMs * 1000);
  const onAbort = () => resolve();
  for (const signal of signals) signal?.addEventListener("abort", onAbort);
  await promise;
  for (const signal of signals) signal?.removeEventListener("abort", onAbort);
  timer.clear();
}

/** Settles as `promise` does, but rejects with the reason of `whenAborted` as soon as the signal is aborted. */
export async function unlessAborted<Value>(
  promise: Promise<Value>,
  { platform, signal, whenAborted }: {
    readonly platform: Pick<Platform, "defer">;
    readonly signal: AbortSignal | undefined;
    readonly whenAborted: () => Error;
  },
): Promise<Value> {
  const settled = platform.defer<Value>();
  const onAbort = () => settled.reject(whenAborted());
  if (signal?.aborted) onAbort();
  signal?.addEventListener("abort", onAbort);
  promise.then(settled.resolve, settled.reject);
  try {
    return await settled.promise;
  } finally {
    signal?.removeEventListener("abort", onAbort);
  }
}
