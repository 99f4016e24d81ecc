/**
 * Whether two looks at the disk saw the same file. Names can be exchanged between two calls; what a descriptor leads to
 * cannot.
 *
 * @module
 */

/** What tells a file or folder from all others on the machine, as long as it is there; a part of `DiskStats`. */
export interface FileIdentity {
  /** The disk that it is on. */
  readonly dev: number;
  /** Its number there. 0 where the platform tells none. */
  readonly ino: number;
}

/** Whether both are one file. Where the platform tells no numbers, there is nothing that would speak against it. */
export function isSameFile(one: FileIdentity, other: FileIdentity | undefined): boolean {
  if (other === undefined) return false;
  if (!(one.ino > 0 && other.ino > 0)) return true;
  return one.ino === other.ino && one.dev === other.dev;
}
