/**
 * How much of a pipe, or of a compressed file, may be under way. Its bytes are read in order, so what is behind a gap is in memory on the receiver,
 * and what is not acknowledged on the sender.
 *
 * @module
 */

/**
 * Bytes that its sender may have unacknowledged, and its receiver takes behind a gap. A link of 100 Mbit/s and a round
 * trip of 100 ms holds 1.25 MB, as much waits behind each loss, and again if a retransmission is lost, and half of a window
 * may wait for its update: with 5 % loss, a pipe is as fast as a file with 8 MiB, and a quarter slower with 4.
 */
export const PIPE_WINDOW_BYTES: number = 8 * 1024 * 1024;
