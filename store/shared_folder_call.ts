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

/** Options of {@link SharedFolderCall}. */
export interface SharedFolderCallOptions {
  /** Whether a call that need not wait begins before `call` returns, so that only later callers share one. */
  readonly beginsAtOnce?: boolean;
}

/**
 * While a call about a folder is running, callers wait for the next one and share it. So many concurrent callers cost
 * two calls, and a single one costs one.
 */
export class SharedFolderCall<Result> {
  readonly #run: (folder: string) => Promise<Result>;
  readonly #beginsAtOnce: boolean;
  readonly #folders = new Map<string, Calls<Result>>();

  constructor(run: (folder: string) => Promise<Result>, { beginsAtOnce = false }: SharedFolderCallOptions = {}) {
    this.#run = run;
    this.#beginsAtOnce = beginsAtOnce;
  }

  /** Resolves to the result of a call that began after this one: it includes all entries that the folder has now. */
  readonly call = (folder: string): Promise<Result> => {
    let calls = this.#folders.get(folder);
    if (calls === undefined) {
      this.#folders.set(folder, calls = { running: undefined, waiting: undefined });
      if (this.#beginsAtOnce) return this.#begin(folder, calls);
    }
    // The running call may have begun before the caller's entry existed.
    return calls.waiting ??= this.#next(folder, calls);
  };

  async #next(folder: string, calls: Calls<Result>): Promise<Result> {
    // Its failure is reported to the callers that wait for it.
    await calls.running?.catch(() => {});
    calls.running = calls.waiting;
    calls.waiting = undefined;
    return await this.#end(folder, calls, this.#run(folder));
  }

  #begin(folder: string, calls: Calls<Result>): Promise<Result> {
    return calls.running = this.#end(folder, calls, this.#run(folder));
  }

  async #end(folder: string, calls: Calls<Result>, result: Promise<Result>): Promise<Result> {
    try {
      return await result;
    } finally {
      if (calls.waiting === undefined) this.#folders.delete(folder);
    }
  }
}
