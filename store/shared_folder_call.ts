/**
 * Calls to the disk about a folder that many callers share: one sync makes the names of many files durable (group
 * commit), one reading of a folder answers many questions about its entries.
 *
 * @module
 */

/** The calls about a folder: the running one, and one that waits for it. */
interface Calls<Result> {
  running: Promise<Result> | undefined;
  waiting: Promise<Result> | undefined;
}

/**
 * While a call about a folder is running, callers wait for the next one and share it. So many concurrent callers cost
 * two calls, and a single one costs one.
 */
export class SharedFolderCall<Result> {
  readonly #run: (folder: string) => Promise<Result>;
  readonly #folders = new Map<string, Calls<Result>>();

  constructor(run: (folder: string) => Promise<Result>) {
    this.#run = run;
  }

  /** Resolves to the result of a call that began after this one: it includes all entries that the folder has now. */
  readonly call = (folder: string): Promise<Result> => {
    let calls = this.#folders.get(folder);
    if (calls === undefined) this.#folders.set(folder, calls = { running: undefined, waiting: undefined });
    // The running call may have begun before the caller's entry existed.
    return calls.waiting ??= this.#next(folder, calls);
  };

  async #next(folder: string, calls: Calls<Result>): Promise<Result> {
    // Its failure is reported to the callers that wait for it.
    await calls.running?.catch(() => {});
    calls.running = calls.waiting;
    calls.waiting = undefined;
    try {
      return await this.#run(folder);
    } finally {
      if (calls.waiting === undefined) this.#folders.delete(folder);
    }
  }
}
