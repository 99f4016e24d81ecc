/**
 * Calls to the disk about a folder that many callers share: one sync makes the names of many files durable (group
 * commit), one reading of a folder answers many questions about its entries.
 *
 * @module
 */

/** The calls about a folder: the running one, and one that waits for it. */
interface Calls<Result> {
  /** The running one, while the code that began it has not been left. */
  fresh: Promise<Result> | undefined;
  running: Promise<Result> | undefined;
  waiting: Promise<Result> | undefined;
}

/** Options of {@link SharedFolderCall}. */
export interface SharedFolderCallOptions {
  /**
   * Whether a call that need not wait begins before `call` returns. It is shared by callers that come in the same microtask:
   * nothing else can have happened since it began.
   */
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

  /** Resolves to the result of a call that did not begin before this one: it includes all entries that the folder has now. */
  readonly call = (folder: string): Promise<Result> => {
    let calls = this.#folders.get(folder);
    if (calls === undefined) {
      this.#folders.set(folder, calls = { fresh: undefined, running: undefined, waiting: undefined });
      if (this.#beginsAtOnce) return this.#begin(folder, calls);
    }
    if (calls.fresh !== undefined) return calls.fresh;
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
    const call = calls.running = calls.fresh = this.#end(folder, calls, this.#run(folder));
    void Promise.resolve().then(() => calls.fresh = undefined);
    return call;
  }

  async #end(folder: string, calls: Calls<Result>, result: Promise<Result>): Promise<Result> {
    try {
      return await result;
    } finally {
      if (calls.waiting === undefined) this.#folders.delete(folder);
    }
  }
}
