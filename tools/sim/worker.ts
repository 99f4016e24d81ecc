/**
 * Runs a share of the seeds of `deno task sim --jobs N` on a thread of its own.
 *
 * @module
 */

import type { Sums } from "./summary.ts";
import { runSeeds, type Share } from "./seeds.ts";

/** A message from a worker. */
export type Report =
  /** The number of worlds that have ended since the last report. */
  | { readonly kind: "progress"; readonly worlds: number }
  | { readonly kind: "failed"; readonly message: string }
  /** The whole share is done. */
  | { readonly kind: "done"; readonly sums: Sums };

/** A worker's own global. */
interface Thread {
  onmessage: ((event: MessageEvent<Share>) => void) | null;
  postMessage(report: Report): void;
}

const thread = globalThis as unknown as Thread;

thread.onmessage = async ({ data }) => {
  const summary = await runSeeds(data, {
    onWorlds: (worlds) => thread.postMessage({ kind: "progress", worlds }),
    onFailed: (message) => thread.postMessage({ kind: "failed", message }),
  });
  thread.postMessage({ kind: "done", sums: summary.sums });
};
