/**
 * The clock of the whole program.
 *
 * @module
 */

/** Microseconds since the program started, never going back. */
export function nowUs(): number {
  return Math.floor(performance.now() * 1000);
}

/** Unpredictable bytes from the operating system. */
export function randomBytes(count: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(count));
}
