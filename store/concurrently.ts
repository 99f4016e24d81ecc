/**
 * Many calls to the disk, some of them at a time.
 *
 * @module
 */

/**
 * The number of concurrent calls. A busy event loop continues each of them only after some milliseconds, so that with a
 * few at a time a large folder would take seconds.
 */
const CALLS_AT_ONCE = 64;

/** Calls `work` for each item, in order, with up to 64 calls running. After a rejection no further call begins. */
export async function forEachConcurrently<Item>(
  items: readonly Item[],
  work: (item: Item) => Promise<void>,
): Promise<void> {
  let next = 0;
  const workOn = async (): Promise<void> => {
    while (next < items.length) {
      try {
        await work(items[next++]!);
      } catch (error) {
        next = items.length;
        throw error;
      }
    }
  };
  const results = await Promise.allSettled(Array.from({ length: CALLS_AT_ONCE }, workOn));
  const failed = results.find((result) => result.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}
