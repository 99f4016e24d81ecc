/**
 * Many short requests at once, but not all.
 *
 * @module
 */

/** Requests that wait for a round trip or for the disk at the same time. */
const MAX_AT_ONCE = 64;

/** Runs `run` for each item, many at a time, in their order; once aborted, for no other. Rejects if one of them does. */
export async function forEach<Item>(
  items: Iterable<Item>,
  signal: AbortSignal,
  run: (item: Item) => Promise<void>,
): Promise<void> {
  const remaining = items[Symbol.iterator]();
  const work = async (): Promise<void> => {
    for (let next = remaining.next(); !next.done && !signal.aborted; next = remaining.next()) await run(next.value);
  };
  await Promise.all(Array.from({ length: MAX_AT_ONCE }, work));
}
