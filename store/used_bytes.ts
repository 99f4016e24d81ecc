/**
 * How quotas count space.
 *
 * @module
 */

/** The block size of most disks. */
export const BLOCK_BYTES = 4096;

/**
 * The bytes that a file counts as: whole blocks, and at least one, so that the number of empty files is limited, too.
 * Folders and links count as empty files.
 */
export function usedBytes(sizeBytes: number): number {
  return Math.max(1, Math.ceil(sizeBytes / BLOCK_BYTES)) * BLOCK_BYTES;
}
