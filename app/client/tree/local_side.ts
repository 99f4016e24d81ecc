/**
 * A folder, or a file, of this machine as one side of a transfer. The user chose its path, in which links are
 * followed; below it none is.
 *
 * @module
 */

import { dirname, join } from "node:path";
import { createHash } from "node:crypto";
import { quote } from "../../../base/display_text.ts";
import type { Disk } from "../../../store/disk.ts";
import { attemptAsync, diskErrorCode, onDisk } from "../../../store/disk_error.ts";
import { type SyncFolder, syncFolder } from "../../../store/folder_sync.ts";
import { OpenedFile } from "../../../store/opened_file.ts";
import { SharedFolderCall } from "../../../store/shared_folder_call.ts";
import { checkFileName, checkLocalName, type NameRules, TEMPORARY_PREFIX } from "../../../transfer/file_name.ts";
import { StoreError } from "../../../transfer/file_store.ts";
import { SluiceError } from "../../api.ts";
import { type ExistingEntry, nameIn, type Select, type TreeEntry } from "./entry.ts";
import type { Step } from "./plan.ts";
import type { TreeContent, TreeSide } from "./side.ts";
import { type Found, walk } from "./walk.ts";

/** What a {@link LocalSide} uses. */
export interface LocalSideOptions {
  readonly disk: Disk;
  /** Resolves in a later tick: a large file is hashed in pieces, so that the connection stays alive. */
  readonly pause: () => Promise<void>;
}

const NEW_FOLDER_MODE = 0o777;
const OWNER_ALL = 0o700;

/** Bytes that are hashed before others get a turn. */
const HASH_STEP_BYTES = 4 * 1024 * 1024;

const RANDOM_BYTES = 16;

/** See the module's description. */
export class LocalSide implements TreeSide {
  readonly #root: string;
  readonly #options: LocalSideOptions;
  readonly #disk: Disk;
  readonly #sync: SyncFolder;

  constructor(root: string, options: LocalSideOptions) {
    this.#root = root;
    this.#options = options;
    this.#disk = options.disk;
    this.#sync = new SharedFolderCall((folder) => syncFolder(options.disk, folder)).call;
  }

  async read(select: Select): Promise<TreeContent | undefined> {
    const found: Found[] = [];
    const excluded: string[] = [];
    try {
      const entries = walk(this.#root, { disk: this.#disk, select, onExcluded: (path) => excluded.push(path) });
      for await (const entry of entries) found.push(entry);
    } catch (error) {
      // A link that leads nowhere is something, on which the disk reports ENOENT as well.
      const isNothing = error instanceof StoreError && error.kind === "not-found" &&
        await this.#onDisk("", () => this.#disk.lstat(this.#root)) === undefined;
      if (isNothing) return undefined;
      throw asLocal(error);
    }
    return { found, excluded, gaps: [] };
  }

  async digest(path: string): Promise<string> {
    const subject = quote(this.locationOf(path));
    return await asLocally(async () => {
      const followLinks = path === "";
      const file = await OpenedFile.open(this.locationOf(path), { disk: this.#disk, name: "", subject, followLinks });
      try {
        const hash = createHash("sha256");
        const buffer = new Uint8Array(HASH_STEP_BYTES);
        for (let offset = 0; offset < file.info.sizeBytes; await this.#options.pause()) {
          const count = file.read(offset, buffer);
          hash.update(buffer.subarray(0, count));
          offset += count;
          if (count === 0 || file.hasChanged()) throw new StoreError("changed", `${subject} changes while it is read`);
        }
        return hash.digest("hex");
      } finally {
        file.close();
      }
    });
  }

  get nameRules(): NameRules {
    return this.#disk.nameRules;
  }

  whyUnstorable(path: string): string | undefined {
    if (path === "") return undefined;
    return checkFileName(nameIn(path)) ?? checkLocalName(nameIn(path), this.#disk.nameRules);
  }

  async makeFolder({ path, mode }: TreeEntry): Promise<void> {
    const place = this.locationOf(path);
    await this.#onDisk(path, async () => {
      // Until it is finished, its owner has to put things into it.
      const wanted = mode === undefined ? NEW_FOLDER_MODE : mode | OWNER_ALL;
      try {
        await this.#disk.mkdir(place, wanted);
      } catch (error) {
        if (diskErrorCode(error) !== "EEXIST" || !(await this.#disk.lstat(place))?.isDirectory()) throw error;
      }
      await this.#sync(dirname(place));
    });
  }

  async finishFolder({ path, mode, exactMode = false, modifiedUs }: TreeEntry): Promise<void> {
    const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = this.#disk.flags;
    await this.#onDisk(path, async () => {
      const followed = path === "" ? 0 : O_NOFOLLOW;
      const descriptor = await this.#disk.open(this.locationOf(path), O_RDONLY | O_NONBLOCK | followed);
      try {
        if (exactMode && mode !== undefined && this.#disk.hasModes) this.#disk.fchmod(descriptor, mode);
        if (modifiedUs !== undefined) this.#disk.futimes(descriptor, modifiedUs);
      } finally {
        this.#disk.close(descriptor);
      }
    });
  }

  async makeLink({ entry: { path, target, modifiedUs }, replaces }: Step): Promise<void> {
    const place = this.locationOf(path);
    await this.#onDisk(path, async () => {
      // Not worth a failure.
      const setTime = (link: string) =>
        attemptAsync(async () => modifiedUs === undefined ? undefined : await this.#disk.lutimes(link, modifiedUs));
      if (!replaces) {
        await this.#disk.symlink(target!, place);
        await setTime(place);
      } else {
        const unseen = join(dirname(place), `${TEMPORARY_PREFIX}${this.#disk.randomBytes(RANDOM_BYTES).toHex()}.part`);
        await this.#disk.symlink(target!, unseen);
        await setTime(unseen);
        await this.#disk.rename(unseen, place);
      }
      await this.#sync(dirname(place));
    });
  }

  async remove({ path, kind }: ExistingEntry): Promise<void> {
    const place = this.locationOf(path);
    await this.#onDisk(path, async () => {
      if (kind === "folder") await this.#disk.rmdir(place);
      else await this.#disk.removeFile(place);
      await this.#sync(dirname(place));
    });
  }

  locationOf(path: string): string {
    return path === "" ? this.#root : join(this.#root, path);
  }

  #onDisk<Result>(path: string, call: () => Promise<Result>): Promise<Result> {
    return asLocally(() => onDisk(quote(this.locationOf(path)), call));
  }
}

async function asLocally<Result>(call: () => Promise<Result>): Promise<Result> {
  try {
    return await call();
  } catch (error) {
    throw asLocal(error);
  }
}

function asLocal(error: unknown): unknown {
  return error instanceof StoreError ? new SluiceError("local-disk", error.message) : error;
}
