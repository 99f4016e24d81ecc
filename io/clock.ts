/**
 * The clock of the whole program.
 *
 * @module
 */

import process from "node:process";

/** Microseconds since the program started, never going back. */
export function nowUs(): number {
  return Math.floor(performance.now() * 1000);
}

/** Processor time that this process has used, in user and system mode, of all threads, microseconds. */
export function cpuUs(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** Minutes since midnight, in local time. */
export function minuteOfDay(): number {
  const now = new Date();
  return 60 * now.getHours() + now.getMinutes();
}

/** Unpredictable bytes from the operating system. */
export function randomBytes(count: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(count));
}
