/**
 * The mode that a received file gets: who may read, write and execute it.
 *
 * Rules: no user gets a right that the file's source did not give to users of their class (owner, group, others), or that
 * a new file here does not give; a program stays executable for those of them who may read it. A file that replaces another one
 * gets its mode, but a source that is private to its owner stays private. Set-user-ID, set-group-ID and sticky bits are
 * never set: they would give a peer's file rights of this machine's users. If the user who sends or gets a file asks for
 * exactly its mode, it gets that.
 *
 * @module
 */

/** Read and write permission of a new file; the operating system removes what umask or default ACLs do not allow. */
export const NEW_FILE_MODE = 0o666;

/** The mode of a partial file: no other user may read it. */
export const PARTIAL_MODE = 0o600;

/** The permission bits of a mode. */
export const PERMISSION_BITS = 0o777;

const READ_ALL = 0o444;
const OWNER_ALL = 0o700;
const OWNER_EXECUTES = 0o100;
const OTHERS_ALL = 0o077;
/** Read and write permission of others than the owner. */
const OTHERS_ACCESS = 0o066;

const GROUP_WRITES = 0o020;
const OTHERS_WRITE = 0o002;

/** Whether a folder of this mode lets users other than its owner write to it. */
export function isWritableByOthers(mode: number): boolean {
  return (mode & (GROUP_WRITES | OTHERS_WRITE)) !== 0;
}

/** What the mode of a received file follows from; each is permission bits. */
export interface ModeSources {
  /** What a new file here gets. */
  readonly fresh: number;
  /** The mode of the file that was sent; undefined if it is not known. */
  readonly source: number | undefined;
  /** The file that is replaced, if there is one, and whether its owner and group are those of the new file. */
  readonly replaced?: { readonly mode: number; readonly isSameOwner: boolean } | undefined;
  /** Whether the source's mode is wanted exactly. Default: no. */
  readonly isExact?: boolean;
}

/** The mode for creating a partial file: what its group and others cannot have in the end, they never have. */
export function creationMode(source: number | undefined): number {
  return NEW_FILE_MODE & ((source ?? PERMISSION_BITS) | OWNER_ALL);
}

/** The permission bits of a complete file. See the module's description. */
export function finalMode({ fresh, source, replaced, isExact = false }: ModeSources): number {
  if (isExact && source !== undefined) return source & PERMISSION_BITS;
  if (replaced === undefined) return newFileMode(fresh, source);
  // The bits of another owner or group are about other users.
  if (!replaced.isSameOwner) return newFileMode(fresh, source) & replaced.mode;
  return source !== undefined && (source & OTHERS_ALL) === 0 ? replaced.mode & OWNER_ALL : replaced.mode;
}

function newFileMode(fresh: number, source: number | undefined): number {
  if (source === undefined) return fresh;
  const mode = fresh & (source | OWNER_ALL);
  return mode | (source & ((mode & READ_ALL) >> 2));
}

/**
 * Whether a disk that was asked for the mode `wanted` kept it: no other user can read or write what they should not, and
 * the owner can execute what they should. Disks without modes show the same bits for every file; those that do no harm
 * count as kept.
 */
export function keepsMode(actual: number, wanted: number): boolean {
  return (actual & ~wanted & OTHERS_ACCESS) === 0 && (wanted & ~actual & OWNER_EXECUTES) === 0;
}

/**
 * The mode for creating a folder; the operating system removes what the umask does not allow. No user gets a right that
 * they do not have in the folder above, or that the `source`, if its mode is known, does not give.
 */
export function newFolderMode(above: number, source: number | undefined): number {
  return above & (source ?? PERMISSION_BITS) & PERMISSION_BITS | OWNER_ALL;
}

/** The mode of an existing folder after its source's was set: it only loses rights, which its owner may have chosen. */
export function narrowedFolderMode(existing: number, source: number): number {
  return existing & source & PERMISSION_BITS | OWNER_ALL;
}
