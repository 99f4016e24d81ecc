/**
 * The bounds of a congestion window that all controllers share.
 *
 * @module
 */

/** RFC 9002, section 7.2: the window never goes below so many datagrams. */
export const MIN_WINDOW_DATAGRAMS = 2;

/** The window before anything is known of the path: ten datagrams (RFC 9002, section 7.2; RFC 6928, section 2). */
export function initialWindowBytes(maxDatagramBytes: number): number {
  return Math.min(10 * maxDatagramBytes, Math.max(14_720, 2 * maxDatagramBytes));
}
