/**
 * What is asked of the disk by all who ask at the same time, a little in each turn of the event loop: between two turns
 * the socket is emptied, and who sends a file keeps its speed. Sources have their turns in rotation, so that one with a
 * thousand requests is no more in the way of the others than one with a few. Where the disk is slow, all this takes up to
 * half of the time while several sources have work here, and all of it while one has.
 *
 * @module
 */

/** What is to be done. */
export type Job = () => void;

/** Jobs in a turn at most. Most take a fraction of a millisecond. */
export const JOBS_PER_TURN = 16;

/** After so long a turn has no more of them: a disk that has much to do takes milliseconds for one. */
const TURN_US = 4_000;

/** What turns are made with. */
export interface TurnsOptions {
  /** Any steady clock, microseconds. */
  readonly nowUs: () => number;
  /** Whether more than one source is being served, by turns or otherwise. */
  readonly isShared: () => boolean;
  /**
   * Has {@link Turns.next} called once, on a later turn and not before so many microseconds have passed; what it was asked
   * before is forgotten.
   */
  readonly wakeIn: (delayUs: number) => void;
}

interface Delayed {
  readonly atUs: number;
  readonly source: string;
  readonly job: Job;
}

/** See the module's description. */
export class Turns {
  readonly #options: TurnsOptions;
  /** By source, in the order in which they have their turns. None is empty. */
  readonly #waiting = new Map<string, Job[]>();
  #delayed: Delayed[] = [];
  /** Jobs of this turn, and how long they took. */
  #done = 0;
  #spentUs = 0;
  /** Before this there is no next turn. */
  #restUntilUs = -Infinity;
  #isNextAsked = false;

  constructor(options: TurnsOptions) {
    this.#options = options;
  }

  /** Does it now, where this turn allows that and nobody waits, else when it is its turn. */
  add(source: string, job: Job): void {
    this.#enqueue(source, job);
    this.#serve();
    this.#askForNext();
  }

  /** The same, not before a time. */
  addAt(atUs: number, source: string, job: Job): void {
    this.#delayed.push({ atUs, source, job });
    this.#askForNext();
  }

  /** Another turn of the event loop. */
  next(): void {
    const nowUs = this.#options.nowUs();
    this.#isNextAsked = false;
    if (nowUs < this.#restUntilUs) return this.#askForNext(this.#restUntilUs - nowUs);
    this.#done = 0;
    this.#spentUs = 0;
    const due = this.#delayed.filter(({ atUs }) => atUs <= nowUs);
    this.#delayed = this.#delayed.filter(({ atUs }) => atUs > nowUs);
    for (const { source, job } of due) this.#enqueue(source, job);
    this.#serve();
    if (this.#done > 0) this.#askForNext();
    else if (this.#delayed.length > 0) {
      // Not the next turn: what is added meanwhile asks for that.
      this.#options.wakeIn(Math.min(...this.#delayed.map(({ atUs }) => atUs)) - nowUs);
    }
  }

  #askForNext(delayUs = 0): void {
    if (this.#isNextAsked) return;
    this.#isNextAsked = true;
    this.#options.wakeIn(delayUs);
  }

  #enqueue(source: string, job: Job): void {
    const jobs = this.#waiting.get(source);
    if (jobs === undefined) this.#waiting.set(source, [job]);
    else jobs.push(job);
  }

  #serve(): void {
    const { isShared, nowUs } = this.#options;
    for (const [source, jobs] of this.#waiting) {
      if (this.#done === JOBS_PER_TURN || this.#spentUs >= TURN_US) return;
      this.#done++;
      const job = jobs.shift()!;
      // Behind the others, while there is more.
      this.#waiting.delete(source);
      if (jobs.length > 0) this.#waiting.set(source, jobs);
      const startUs = nowUs();
      job();
      const endUs = nowUs();
      this.#spentUs += endUs - startUs;
      if (this.#spentUs >= TURN_US && isShared()) this.#restUntilUs = endUs + this.#spentUs;
    }
  }
}
