/**
 * Work on the processor and the disk that nothing else triggers: hashing what a file holds already, comparing it, copying
 * it. It is done in steps, each of which is short, so that datagrams never wait for long; tasks take turns.
 *
 * A turn of the event loop receives one datagram. Steps that follow each other without a pause would let no more through
 * than one for each step, so while datagrams come there are pauses; otherwise the work has all the time.
 *
 * @module
 */

/** Work of many steps. */
export interface BackgroundTask {
  /** Whether it can do something now. */
  readonly hasWork: boolean;
  /** Does a step, about a millisecond at most. May end the task, or others. */
  work(): void;
}

/** The most bytes that a step reads and hashes: SHA-256 takes less than a millisecond for them. */
export const STEP_BYTES: number = 512 * 1024;

/** While datagrams come, the time between two steps: that in which a timer of the platform fires. */
const PAUSE_US = 2_000;

/** In a pause fewer connections that are served are nothing to wait for: such as bring acknowledgements of the work. */
const LIGHT_TRAFFIC = 8;

/** After so many steps in a row, before each of which something came, there are pauses. */
const BUSY_STEPS = 4;

/** See the module's description. */
export class BackgroundWork {
  readonly #schedule: (delayUs: number) => void;
  /** In the order of their turns. */
  readonly #tasks = new Set<BackgroundTask>();
  #isScheduled = false;
  #isPausing = false;
  #busySteps = 0;
  /** How often connections were served since the last step. */
  #traffic = 0;

  /**
   * `schedule` sees to it that {@link step} is called once after a delay in microseconds; without one, after everything
   * that is due now.
   */
  constructor(schedule: (delayUs: number) => void) {
    this.#schedule = schedule;
  }

  /** Lets a task go on until it has nothing to do. To be called whenever it may have got something. */
  add(task: BackgroundTask): void {
    if (task.hasWork) this.#tasks.add(task);
    if (this.#tasks.size > 0 && !this.#isScheduled) {
      this.#isScheduled = true;
      this.#schedule(this.#isPausing ? PAUSE_US : 0);
    }
  }

  /** A connection has been served: it has received something, or sent. */
  noteTraffic(): void {
    this.#traffic++;
  }

  /** The task has ended. */
  remove(task: BackgroundTask): void {
    this.#tasks.delete(task);
  }

  /** Does the next step. */
  step(): void {
    this.#busySteps = this.#traffic > (this.#isPausing ? LIGHT_TRAFFIC : 0) ? this.#busySteps + 1 : 0;
    this.#isPausing = this.#busySteps >= BUSY_STEPS;
    this.#traffic = 0;
    this.#isScheduled = false;
    for (const task of this.#tasks) {
      this.#tasks.delete(task);
      if (!task.hasWork) continue;
      task.work();
      // What the work itself has sent.
      this.#traffic = 0;
      return this.add(task);
    }
  }
}
