/**
 * All timers of a connection, by name, in one table. The connection's deadline is the earliest of them.
 *
 * @module
 */

/** The timers and their purposes. */
export const Timer = {
  /** When to repeat the Hello, because no ServerHello has arrived. */
  hello: 0,
  /** When to give up the handshake. */
  handshake: 1,
  /** When to give up the connection, because nothing has arrived (idle timeout). */
  idle: 2,
  /** When to send a PING, so that neither the peer nor a NAT on the path discards its state of this connection. */
  keepAlive: 3,
  /** When to declare packets lost, or to send a probe (PTO). */
  lossDetection: 4,
  /** When to send a delayed acknowledgement. */
  ackDelay: 5,
  /** When the pacer allows the next datagram. */
  pacing: 6,
  /** When to repeat the PATH_CHALLENGE to the peer's new address. */
  pathValidation: 7,
  /** When to discard the state of a closed connection. */
  closing: 8,
} as const;

/** One of {@link Timer}'s values. */
export type Timer = (typeof Timer)[keyof typeof Timer];

const TIMER_COUNT = Object.keys(Timer).length;

/** Deadlines in microseconds; Infinity for a timer that is not armed. */
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

  /** The earliest deadline, or Infinity. */
  nextUs(): number {
    let earliest = Infinity;
    for (let i = 0; i < TIMER_COUNT; i++) {
      const deadline = this.#deadlines[i]!;
      if (deadline < earliest) earliest = deadline;
    }
    return earliest;
  }

  /** Returns whether the timer is due; disarms it if so. */
  expire(timer: Timer, nowUs: number): boolean {
    if (this.#deadlines[timer]! > nowUs) return false;
    this.#deadlines[timer] = Infinity;
    return true;
  }
}
