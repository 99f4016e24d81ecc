/**
 * Who comes in to a server, and to which of its folders: asked before anything is kept of a connection, and again
 * whenever what the owner wrote has changed. Whose permission is gone, or is another one, loses his connection.
 *
 * A server that is open takes everybody, to all of its root.
 *
 * @module
 */

import { join } from "node:path";
import { invariant } from "../../base/invariant.ts";
import { type Connection, type PeerIdentity } from "../../protocol/mod.ts";
import type { FileStore } from "../../transfer/file_store.ts";
import { StoreError } from "../../transfer/file_store.ts";
import { ALL_RIGHTS, type Right } from "../../transfer/rights.ts";
import { DirectoryStore } from "../../store/directory_store.ts";
import { QuotaStore } from "../../store/quota_store.ts";
import { type AccessSource, type AccessTable, type Grant, isSameGrant } from "./access.ts";
import { SluiceError } from "../api.ts";
import type { ServerEvent } from "./api.ts";
import { formatKey } from "../keys.ts";
import type { Platform, Timer } from "../platform.ts";

/** How often it is looked whether the owner has written something else; a change counts when it is seen twice. */
const LOOK_INTERVAL_US = 1_000_000;

/** What a client is told that may do nothing here. */
const NO_PERMISSION = "permission is needed, and neither your key nor a token gives it: have the server's owner add " +
  'what "sluice key" prints, or give you a token for --token-file';

const NO_FOLDER = "your folder there cannot be opened now; tell whoever runs the server";

/** What a client goes in with. */
export interface Admitted {
  /** By which the log calls him; undefined where everybody may come in. */
  readonly user: string | undefined;
  readonly store: FileStore;
  readonly rights: ReadonlySet<Right>;
}

/** What a authorizer is made with. */
export interface AuthorizerOptions {
  readonly platform: Platform;
  /** The server's folder. */
  readonly root: DirectoryStore;
  readonly readOnly: boolean;
  /** Undefined for an open server. */
  readonly access: AccessSource | undefined;
  readonly onEvent: (event: ServerEvent) => void;
}

/** See the module's description. */
export class Authorizer {
  readonly #options: AuthorizerOptions;
  readonly #timer: Timer;
  #table: AccessTable | undefined;
  /** By folder, and that of the root by "": one for all who use it, so that all is counted. */
  readonly #folders = new Map<string, QuotaStore>();
  /** By folder and quota: one for all who have the same, as lists are kept by store. */
  readonly #stores = new Map<string, FileStore>();
  /** Who is in, and by what. */
  readonly #inside = new Map<Connection, Grant>();
  #revoke: (connection: Connection) => void = () => {};

  /** Throws SluiceError where what the owner wrote cannot be read, or a folder cannot be had. */
  constructor(options: AuthorizerOptions) {
    this.#options = options;
    this.#timer = options.platform.timer(() => this.#look());
    if (options.access === undefined) return;
    this.#table = options.access.read();
    for (const grant of this.#table.entries) this.#storeFor(grant);
  }

  /** From now on it is looked whether what the owner wrote has changed; `revoke` ends a connection whose permission is gone. */
  watch(revoke: (connection: Connection) => void): void {
    this.#revoke = revoke;
    if (this.#options.access !== undefined) this.#timer.set(LOOK_INTERVAL_US);
  }

  /** How many keys and tokens let somebody in; undefined where everybody may come in. */
  get entryCount(): number | undefined {
    return this.#table?.entries.length;
  }

  /** Why a client is not let in, for him; undefined where he is. */
  refusalFor(peer: PeerIdentity, remote: string): string | undefined {
    if (this.#table === undefined) return undefined;
    const grant = this.#table.grantOf(peer);
    if (grant !== undefined && this.#whyNoFolder(grant) === undefined) return undefined;
    const key = formatKey(peer.key);
    const turnAway = (reason: string) => this.#options.onEvent({ kind: "access-denied", client: remote, key, reason });
    if (grant !== undefined) {
      turnAway(`the folder of ${grant.name} cannot be opened`);
      return NO_FOLDER;
    }
    turnAway(`no permission for its key ${key}, nor by a token`);
    return NO_PERMISSION;
  }

  /** A client for whom there was no refusal just now is in. */
  authorize(connection: Connection): Admitted {
    if (this.#table === undefined) return { user: undefined, store: this.#options.root, rights: ALL_RIGHTS };
    const grant = this.#table.grantOf(connection.peer!);
    invariant(grant !== undefined, "who comes in was let in");
    const store = this.#storeFor(grant);
    this.#inside.set(connection, grant);
    return { user: grant.name, store, rights: new Set(grant.rights) };
  }

  /** A client has gone. */
  release(connection: Connection): void {
    this.#inside.delete(connection);
  }

  /** Looks no more. */
  stop(): void {
    this.#timer.clear();
  }

  #look(): void {
    this.#timer.set(LOOK_INTERVAL_US);
    const { access, onEvent } = this.#options;
    try {
      const table = access!.poll();
      if (table === undefined) return;
      this.#table = table;
      const gone = [...this.#inside].filter(([{ peer }, grant]) => !isSameGrant(peer && table.grantOf(peer), grant));
      onEvent({ kind: "access-changed", entries: table.entries.length, ended: gone.length });
      for (const [connection] of gone) this.#revoke(connection);
      for (const grant of table.entries) {
        const reason = this.#whyNoFolder(grant);
        if (reason !== undefined) onEvent({ kind: "access-unreadable", reason });
      }
    } catch (error) {
      if (!(error instanceof SluiceError)) throw error;
      onEvent({ kind: "access-unreadable", reason: error.message });
    }
  }

  /** What keeps somebody's folder from being opened; undefined where nothing does. */
  #whyNoFolder(grant: Grant): string | undefined {
    try {
      this.#storeFor(grant);
      return undefined;
    } catch (error) {
      if (error instanceof SluiceError) return error.message;
      throw error;
    }
  }

  #storeFor({ folder = "", quotaBytes }: Grant): FileStore {
    const measured = this.#folderFor(folder);
    const name = `${folder}/${quotaBytes}`;
    const store = this.#stores.get(name) ?? (quotaBytes === undefined ? measured : measured.limitedTo(quotaBytes));
    this.#stores.set(name, store);
    return store;
  }

  #folderFor(folder: string): QuotaStore {
    const known = this.#folders.get(folder);
    if (known !== undefined) return known;
    const { platform, root } = this.#options;
    const store = folder === "" ? root : this.#openFolder(folder);
    const measured = new QuotaStore(store, () => platform.nowUs());
    this.#folders.set(folder, measured);
    return measured;
  }

  #openFolder(folder: string): DirectoryStore {
    const { platform, readOnly, root } = this.#options;
    const path = join(root.rootPath, folder);
    try {
      const store = DirectoryStore.open(path, { disk: platform.disk, readOnly, create: !readOnly });
      if (store.rootPath === path) return store;
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      throw new SluiceError("local-disk", `folder=${folder}: ${error.message}`);
    }
    throw new SluiceError("local-disk", `folder=${folder}: it is a link to elsewhere; make it a folder of its own`);
  }
}
