/**
 * A folder, or a file, on the server as one side of a transfer.
 *
 * @module
 */

import { sanitizeForDisplay } from "../../../base/display_text.ts";
import { checkPath, type NameRules } from "../../../transfer/file_name.ts";
import type { FileInfo } from "../../../transfer/file_store.ts";
import type { UnlistedFiles } from "../../../transfer/messages.ts";
import { SluiceError } from "../../api.ts";
import type { Client } from "../api.ts";
import { childPath, type ExistingEntry, type Select, type TreeEntry } from "./entry.ts";
import { entriesOfListing } from "./existing.ts";
import type { Step } from "./plan.ts";
import type { TreeContent, TreeSide } from "./side.ts";

/** The requests that a {@link ServerSide} makes. */
export type TreeClient = Pick<Client, "list" | "makeFolder" | "makeLink" | "remove" | "stat">;

/** See the module's description. */
export class ServerSide implements TreeSide {
  readonly #root: string;
  readonly #client: TreeClient;

  /** `root` is a path on the server; "" is the server's own folder. */
  constructor(root: string, client: TreeClient) {
    this.#root = root;
    this.#client = client;
  }

  async read(select: Select): Promise<TreeContent | undefined> {
    const root = await this.#readRoot();
    if (root === undefined) return undefined;
    const found: ExistingEntry[] = [root];
    const excluded: string[] = [];
    const gaps: string[] = [];
    if (root.kind === "folder") {
      const onUnlisted = (unlisted: UnlistedFiles) => gaps.push(describeUnlisted(unlisted));
      const onGaps = (reason: string) => gaps.push(`the server's list is not whole: ${sanitizeForDisplay(reason)}`);
      const listed = await this.#client.list({ path: this.#root, recursive: true, onUnlisted, onGaps });
      for (const entry of entriesOfListing(listed, this.#root)) {
        const isExcluded = select(entry.path, { isFolder: entry.kind === "folder" }) === "excluded";
        if (isExcluded) excluded.push(entry.path);
        else found.push(entry);
      }
    }
    return { found, excluded, gaps };
  }

  async digest(path: string): Promise<string> {
    const { sha256 } = await this.#client.stat(this.locationOf(path), { digest: true });
    if (sha256 !== undefined) return sha256;
    throw new SluiceError("failed", "the server gave no checksum; transfer it without --checksum");
  }

  /** The server itself knows more of its disk, and refuses what it cannot have. */
  get nameRules(): NameRules {
    return "posix";
  }

  whyUnstorable(path: string): string | undefined {
    return this.locationOf(path) === "" ? undefined : checkPath(this.locationOf(path));
  }

  makeFolder({ path, mode }: TreeEntry): Promise<void> {
    return this.#client.makeFolder(this.locationOf(path), { mode });
  }

  finishFolder({ path, mode, exactMode, modifiedUs }: TreeEntry): Promise<void> {
    return this.#client.makeFolder(this.locationOf(path), { mode, exactMode, modifiedUs });
  }

  makeLink({ entry: { path, target, modifiedUs }, replaces }: Step): Promise<void> {
    return this.#client.makeLink(this.locationOf(path), target!, { overwrite: replaces, modifiedUs });
  }

  /** Without what may be in a folder, for that would be something that is not known here. */
  async remove({ path }: ExistingEntry): Promise<void> {
    await this.#client.remove(this.locationOf(path));
  }

  locationOf(path: string): string {
    return path === "" ? this.#root : childPath(this.#root, path);
  }

  async #readRoot(): Promise<ExistingEntry | undefined> {
    if (this.#root === "") return { path: "", kind: "folder", sizeBytes: 0 };
    let root: FileInfo;
    try {
      root = await this.#client.stat(this.#root);
    } catch (error) {
      if (error instanceof SluiceError && error.kind === "not-found") return undefined;
      throw error;
    }
    const { name: _name, ...attributes } = root;
    return { ...attributes, path: "" };
  }
}

/** What a list lacks. */
function describeUnlisted({ count, examples }: UnlistedFiles): string {
  const files = count === 1 ? "1 more file on the server has a name" : `${count} more files on the server have names`;
  return `${files} that cannot be sent: ${sanitizeForDisplay(examples)}`;
}
