/**
 * What the operations of a client have in common: a bug or a dead socket ends all of them, and the user's signal those that
 * were given it. Thousands of small files listen to the same promise and the same signal, which would keep a reaction for
 * each as long as they live, and look through their listeners for each that comes and goes.
 *
 * @module
 */

/** The operations that were given one signal. */
interface Listeners {
  readonly actions: Set<() => void>;
  readonly onAbort: () => void;
}

/** See the module's description. */
export class Operations {
  readonly #rejects = new Set<(error: unknown) => void>();
  readonly #listeners = new Map<AbortSignal, Listeners>();
  #failure: { readonly error: unknown } | undefined;

  /** Ends all operations, and those that begin later. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    for (const reject of this.#rejects) reject(error);
  }

  /** Settles as `done` does, and rejects it if the operations fail first. */
  async settled<Value>({ promise, reject }: PromiseWithResolvers<Value>): Promise<Value> {
    if (this.#failure !== undefined) reject(this.#failure.error);
    this.#rejects.add(reject);
    try {
      return await promise;
    } finally {
      this.#rejects.delete(reject);
    }
  }

  /** Calls `action` when the signal is aborted, until the returned function is called. */
  onAbort(signal: AbortSignal | undefined, action: () => void): () => void {
    if (signal === undefined) return () => {};
    const { actions, onAbort } = this.#listeners.get(signal) ?? this.#listen(signal);
    actions.add(action);
    return () => {
      if (!actions.delete(action) || actions.size > 0) return;
      this.#listeners.delete(signal);
      signal.removeEventListener("abort", onAbort);
    };
  }

  #listen(signal: AbortSignal): Listeners {
    const actions = new Set<() => void>();
    const onAbort = () => {
      for (const action of actions) action();
    };
    const listeners = { actions, onAbort };
    this.#listeners.set(signal, listeners);
    signal.addEventListener("abort", onAbort);
    return listeners;
  }
}
