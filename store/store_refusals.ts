/**
 * What a store refuses by the name alone, before the disk is asked, and how it says that an entry is of another kind.
 *
 * @module
 */

import { StoreError } from "../transfer/file_store.ts";
import { badName, checkLocalPath, type NameRules, pathError } from "../transfer/file_name.ts";
import { checkLinkTarget } from "../transfer/link_target.ts";
import { quote } from "../base/display_text.ts";
import type { DiskStats } from "./disk.ts";
import { diskError, toStoreError } from "./disk_error.ts";

/** The longest pattern, in UTF-16 code units. */
export const MAX_PATTERN_LENGTH = 1024;

/** The refusals of one store; each is undefined for what is accepted. */
export class StoreRefusals {
  readonly #nameRules: NameRules;
  readonly #readOnly: boolean;

  constructor(options: { readonly nameRules: NameRules; readonly readOnly: boolean }) {
    this.#nameRules = options.nameRules;
    this.#readOnly = options.readOnly;
  }

  /** Of an existing entry. One whose name this disk cannot have does not exist; the disk would take the name for another. */
  ofExisting(name: string): StoreError | undefined {
    return pathError(name) ?? (this.#ofLocalName(name) && toStoreError(diskError("ENOENT"), quote(name)));
  }

  /** Of a new entry. */
  ofNew(name: string): StoreError | undefined {
    return pathError(name) ?? this.#ofLocalName(name) ?? this.#ofChange(name, "stored");
  }

  /** Of a folder to list, "" for the store's own, and a pattern. */
  ofList(path: string, pattern: string): StoreError | undefined {
    const refusal = path === "" ? undefined : this.ofExisting(path);
    if (refusal !== undefined || pattern.length <= MAX_PATTERN_LENGTH) return refusal;
    return new StoreError("bad-name", `the pattern is longer than ${MAX_PATTERN_LENGTH} characters`);
  }

  /** Of a removal. */
  ofRemoval(name: string): StoreError | undefined {
    return this.ofExisting(name) ?? this.#ofChange(name, "removed");
  }

  /** Of a move. */
  ofMove(name: string, newName: string): StoreError | undefined {
    const refusal = this.ofExisting(name) ?? this.ofNew(newName);
    if (refusal !== undefined) return refusal;
    if (name === newName) return badName(newName, "this is the name that it has");
    return newName.startsWith(`${name}/`) ? badName(name, "a folder cannot be moved into itself") : undefined;
  }

  /** Of a symbolic link's target. */
  ofTarget(name: string, target: string): StoreError | undefined {
    const reason = checkLinkTarget(name, target, { nameRules: this.#nameRules });
    return reason === undefined ? undefined : badName(name, `this symbolic link is refused: ${reason}`);
  }

  #ofLocalName(name: string): StoreError | undefined {
    const reason = checkLocalPath(name, this.#nameRules);
    return reason === undefined ? undefined : badName(name, reason);
  }

  #ofChange(name: string, verb: string): StoreError | undefined {
    if (!this.#readOnly) return undefined;
    return new StoreError("read-only", `${quote(name)} cannot be ${verb}: this server only gives files`);
  }
}

/** Says what to get instead, if an entry was not opened because it is no file. */
export function explainKind(error: unknown, stats: DiskStats | undefined, subject: string): unknown {
  if (!(error instanceof StoreError) || error.kind !== "not-a-file") return error;
  if (stats?.isDirectory()) {
    return new StoreError("not-a-file", `${subject} is a folder, not a file; list it, and get what is in it`);
  }
  if (!stats?.isSymbolicLink()) return error;
  return new StoreError("not-a-file", `${error.message}; get the file that it leads to, or the folder that it is in`);
}
