/**
 * Every timer of a connection, named, in one table. The connection has one deadline: the earliest of these.
 *
 * @module
 */

/** The timers, each with what it is for. */
export const Timer = {
  /** When to send the Hello again, because no ServerHello came. */
  hello: 0,
  /** When to give up reaching the server. */
  handshake: 1,
  /** When to give up the connection, because nothing arrived. */
  idle: 2,
  /** When to send a PING, so that neither the peer nor a NAT in between forgets this connection. */
  keepAlive: 3,
  /** When to declare packets lost, or to send a probe (PTO). */
  lossDetection: 4,
  /** When to acknowledge what is being held back. */
  ackDelay: 5,
  /** When the pacer lets the next datagram go. */
  pacing: 6,
  /** When to ask again whether the peer is at its new address. */
  pathValidation: 7,
  /** When to forget the connection after it was closed. */
  closing: 8,
} as const;

/** One of {@link Timer}'s values. */
export type Timer = (typeof Timer)[keyof typeof Timer];

const TIMER_COUNT = Object.keys(Timer).length;

/** Deadlines in microseconds, Infinity where a timer is not armed. */
export class TimerTable {
  readonly #deadlines = new Float64Array(TIMER_COUNT).fill(Infinity);

  /** Arms the timer, or disarms it when `deadlineUs` is Infinity. */
  set(timer: Timer, deadlineUs: number): void {
    this.#deadlines[timer] = deadlineUs;
  }

  stop(timer: Timer): void {
    this.#deadlines[timer] = Infinity;
  }

  stopAll(): void {
    this.#deadlines.fill(Infinity);
  }

  get(timer: Timer): number {
    return this.#deadlines[timer]!;
  }

  /** The earliest deadline of all, or Infinity. */
  nextUs(): number {
    let earliest = Infinity;
    for (let i = 0; i < TIMER_COUNT; i++) {
      const deadline = this.#deadlines[i]!;
      if (deadline < earliest) earliest = deadline;
    }
    return earliest;
  }

  /** Whether the timer is due; a due timer is disarmed. */
  expire(timer: Timer, nowUs: number): boolean {
    if (this.#deadlines[timer]! > nowUs) return false;
    this.#deadlines[timer] = Infinity;
    return true;
  }
}
