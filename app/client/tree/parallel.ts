/**
 * Many short requests at once, but not all.
 *
 * @module
 */

import { forEachConcurrently } from "../../../store/concurrently.ts";

/**
 * Runs `run` for each item, many at a time, in their order; once aborted, for no other. Rejects if one of them does, when
 * all that had begun have ended.
 */
export async function forEach<Item>(
  items: readonly Item[],
  signal: AbortSignal,
  run: (item: Item) => Promise<void>,
): Promise<void> {
  await forEachConcurrently(items, async (item) => {
    if (!signal.aborted) await run(item);
  });
}
