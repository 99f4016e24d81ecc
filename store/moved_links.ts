/**
 * The symbolic links in a folder that is moved. A link is made only if it stays in the store, judged by its text from the
 * folder that it is in (`transfer/link_target.ts`). If a folder above it moves up, the same text may lead out.
 *
 * Such a folder is not moved. It is looked at before it is moved, and again afterwards, since another request may have
 * made a link in the meantime; through the old name that is no longer possible, and through the new one a link is judged
 * where it is. Links that led out before are not the business of a move.
 *
 * @module
 */

import { StoreError } from "../transfer/file_store.ts";
import { checkLinkTarget } from "../transfer/link_target.ts";
import { quote } from "../base/display_text.ts";
import type { Disk } from "./disk.ts";
import { diskErrorCode } from "./disk_error.ts";
import type { FileIdentity } from "./file_identity.ts";
import { isSameFolder } from "./folder_tree.ts";
import { removeQuietly } from "./placement.ts";
import { nameIn, type WalkedEntry, walkTree } from "./tree_walk.ts";

/** A folder that is moved. */
export interface MovedFolder {
  readonly disk: Disk;
  /** Where it is now, absolute. */
  readonly path: string;
  readonly identity: FileIdentity;
  /** Its names before and after, from the store's folder on. */
  readonly name: string;
  readonly newName: string;
}

/** Rejects with StoreError (bad-name) if a link in the folder would lead out of the store. To be called before the move. */
export async function requireNoStrayLinks(folder: MovedFolder): Promise<void> {
  const [stray] = await findStrayLinks(folder);
  if (stray === undefined) return;
  throw new StoreError(
    "bad-name",
    `${quote(folder.name)} cannot be moved to ${quote(folder.newName)}: the symbolic link ` +
      `${quote(`${folder.name}/${stray.name}`)} would lead out of the server's folder from there; remove it first`,
  );
}

/** Removes the links that would lead out, and rejects with StoreError if there were any. To be called after the move. */
export async function removeStrayLinks(folder: MovedFolder): Promise<void> {
  const strays = await findStrayLinks(folder);
  for (const { path } of strays) removeQuietly(folder.disk, path);
  if (strays.length === 0) return;
  throw new StoreError(
    "changed",
    `${quote(folder.name)} was moved to ${
      quote(folder.newName)
    }; symbolic links that were made in it meanwhile, and led ` +
      `out of the server's folder from there, were removed (links: ${strays.length})`,
  );
}

/** The links that stay in the store at the old place of the folder alone; names are from the folder on. */
async function findStrayLinks(moved: MovedFolder): Promise<{ readonly name: string; readonly path: string }[]> {
  const { disk, identity, name: oldName, newName, path } = moved;
  // A link counts the folders above it, and no more.
  if (depthOf(newName) >= depthOf(oldName) || !await isSameFolder(disk, { path, identity })) return [];
  const strays: { readonly name: string; readonly path: string }[] = [];
  const visit = async ({ folder, name: entryName, path, stats }: WalkedEntry): Promise<boolean> => {
    if (!stats?.isSymbolicLink()) return true;
    const name = nameIn(folder, entryName);
    const target = await targetOf(disk, path);
    if (target === undefined || checkLinkTarget(`${oldName}/${name}`, target) !== undefined) return false;
    if (checkLinkTarget(`${newName}/${name}`, target) !== undefined) strays.push({ name, path });
    return false;
  };
  const folder = { path, name: "", identity, isShared: false, ownerUid: 0 };
  // No client makes a link in a folder that the server cannot read.
  await walkTree(folder, { disk, visit, onUnreadable: () => {}, maxEntries: Infinity });
  return strays.sort((one, other) => one.name < other.name ? -1 : 1);
}

/** Undefined if it has just been removed or replaced. */
async function targetOf(disk: Disk, path: string): Promise<string | undefined> {
  try {
    return await disk.readlink(path);
  } catch (error) {
    const code = diskErrorCode(error);
    if (code !== "ENOENT" && code !== "EINVAL") throw error;
    return undefined;
  }
}

function depthOf(name: string): number {
  return name.split("/").length;
}
