/**
 * The open descriptors of a process on a simulated disk. Numbers are never reused, so that a use after close is an error
 * and never hits another file.
 *
 * @module
 */

import type { OpenFlags } from "../../store/disk.ts";
import { diskError } from "../../store/disk_error.ts";
import { FileInode, type Inode, LinkInode } from "./inode.ts";

/** The values of Linux. */
export const FLAGS: OpenFlags = {
  O_RDONLY: 0,
  O_WRONLY: 0o1,
  O_RDWR: 0o2,
  O_CREAT: 0o100,
  O_EXCL: 0o200,
  O_NONBLOCK: 0o4000,
  O_NOFOLLOW: 0o400000,
};
const ACCESS_MASK = FLAGS.O_WRONLY | FLAGS.O_RDWR;
const FIRST_DESCRIPTOR = 3;

interface Opened {
  readonly inode: Inode;
  readonly flags: number;
}

/** See the module's description. A descriptor is counted as a reference of its inode. */
export class Descriptors {
  readonly #opened = new Map<number, Opened>();
  #next = FIRST_DESCRIPTOR;

  /** The number of open descriptors. */
  get size(): number {
    return this.#opened.size;
  }

  /** Opens an inode. Throws EISDIR for a folder opened for writing, ELOOP for a link. */
  open(inode: Inode, flags: number): number {
    if (inode instanceof LinkInode) throw diskError("ELOOP", "ELOOP: a link is not followed here");
    if (inode instanceof FileInode) inode.references++;
    else if ((flags & ACCESS_MASK) !== FLAGS.O_RDONLY) throw diskError("EISDIR", "EISDIR: a folder cannot be written");
    const descriptor = this.#next++;
    this.#opened.set(descriptor, { inode, flags });
    return descriptor;
  }

  /** Closes a descriptor, if it is open. */
  close(descriptor: number): void {
    const inode = this.#opened.get(descriptor)?.inode;
    this.#opened.delete(descriptor);
    if (inode instanceof FileInode) inode.references--;
  }

  /** All open descriptors. */
  all(): number[] {
    return [...this.#opened.keys()];
  }

  /** The inode of a descriptor. Throws EBADF. */
  get(descriptor: number): Inode {
    return this.#require(descriptor).inode;
  }

  /** The file that a descriptor may read or write. Throws EBADF, or EISDIR. */
  file(descriptor: number, use: "read" | "write"): FileInode {
    const { inode, flags } = this.#require(descriptor);
    if (!(inode instanceof FileInode)) throw diskError("EISDIR", `EISDIR: descriptor ${descriptor}`);
    const otherUse = use === "read" ? FLAGS.O_WRONLY : FLAGS.O_RDONLY;
    if ((flags & ACCESS_MASK) === otherUse) throw diskError("EBADF", `EBADF: descriptor ${descriptor}, ${use}`);
    return inode;
  }

  #require(descriptor: number): Opened {
    const opened = this.#opened.get(descriptor);
    if (opened === undefined) throw diskError("EBADF", `EBADF: descriptor ${descriptor}`);
    return opened;
  }
}
