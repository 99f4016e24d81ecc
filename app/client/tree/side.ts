/**
 * One side of a transfer of a tree: a folder of this machine, or one on the server. Each can be the source or the
 * destination.
 *
 * @module
 */

import type { NameRules } from "../../../transfer/file_name.ts";
import type { ExistingEntry, Select, TreeEntry } from "./entry.ts";
import type { Step } from "./plan.ts";
import type { Found } from "./walk.ts";

/** What a side has. */
export interface TreeContent {
  /** A folder comes before what is in it; the root is the first entry. */
  readonly found: readonly Found[];
  /** Excluded entries, as far as they were seen. */
  readonly excluded: readonly string[];
  /** What else keeps this from being all that the side has: each a sentence. */
  readonly gaps: readonly string[];
}

/** See the module's description. Paths are those of entries, from the root on. Promises reject with SluiceError. */
export interface TreeSide {
  /** Undefined if there is nothing. */
  read(select: Select): Promise<TreeContent | undefined>;
  /** The SHA-256 of a file, hex. */
  digest(path: string): Promise<string>;
  /** The rules for the names that links lead to here. */
  readonly nameRules: NameRules;
  /** Why this side cannot have an entry at this path, as a clause; undefined if it can. */
  whyUnstorable(path: string): string | undefined;
  /** Makes a folder in one that exists; one that exists already is left. */
  makeFolder(entry: TreeEntry): Promise<void>;
  /** Gives a folder its attributes, once it has its content. */
  finishFolder(entry: TreeEntry): Promise<void>;
  makeLink(step: Step): Promise<void>;
  /** Removes a file, a link, or an empty folder. */
  remove(entry: ExistingEntry): Promise<void>;
  /** Where an entry is, as the user knows it: a path on this machine, or a name on the server. */
  locationOf(path: string): string;
}
