/**
 * Compares the identities of files that two calls to the disk found: the file under a name can be replaced between two
 * calls, the file of a descriptor cannot.
 *
 * @module
 */

/** Identifies a file or folder on the machine while it exists; a part of `DiskStats`. */
export interface FileIdentity {
  /** The disk that it is on. */
  readonly dev: number;
  /** Its inode number. 0 if the platform has none. */
  readonly ino: number;
}

/** Whether both are the same file. Without inode numbers they are assumed to be. */
export function isSameFile(one: FileIdentity, other: FileIdentity | undefined): boolean {
  if (other === undefined) return false;
  if (!(one.ino > 0 && other.ino > 0)) return true;
  return one.ino === other.ino && one.dev === other.dev;
}
