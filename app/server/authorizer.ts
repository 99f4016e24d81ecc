/**
 * Access control: which clients a server accepts, and to which of its folders. It is asked before anything is kept of a
 * connection, and again whenever the access list has changed. A client whose permission is gone, or is another one,
 * loses its connection.
 *
 * An open server accepts every client, to all of its root.
 *
 * @module
 */

import { join } from "node:path";
import { invariant } from "../../base/invariant.ts";
import type { NetAddress } from "../../base/net_address.ts";
import { type Connection, type PeerIdentity } from "../../protocol/mod.ts";
import type { FileStore } from "../../transfer/file_store.ts";
import { StoreError } from "../../transfer/file_store.ts";
import { ALL_RIGHTS, type Right } from "../../transfer/rights.ts";
import { DirectoryStore } from "../../store/directory_store.ts";
import { QuotaStore } from "../../store/quota_store.ts";
import {
  AccessFileError,
  type AccessSource,
  type AccessTable,
  type Grant,
  isSameGrant,
  principalOf,
} from "./access.ts";
import { SluiceError } from "../api.ts";
import { type ServerEvent, unlistedEvent } from "./api.ts";
import { formatKey } from "../keys.ts";
import type { Disk } from "../../store/disk.ts";
import type { Platform, Timer } from "../platform.ts";

/** How often the access list is looked at; a change counts when it is seen twice. */
const LOOK_INTERVAL_US = 1_000_000;

/**
 * A client that is denied access repeats its last packet until it hears so, and may have sent several: of all that come
 * within this time the first one is told. The number of those that are remembered.
 */
const SAME_DENIAL_US = 10_000_000;
const MAX_REMEMBERED_DENIALS = 256;

/** What a client is told that has no permission. */
const NO_PERMISSION = "access denied: the server does not know your key. Ask its administrator to add the key that " +
  '"sluice key" prints, or to give you a token for --token-file';

const NO_FOLDER = "access denied: your folder on the server cannot be opened; tell its administrator";

/** What a client may use. */
export interface Admitted {
  /** The client's name in the log; undefined on an open server. */
  readonly user: string | undefined;
  /**
   * Who it is, to tell whose uploads it may continue and take over: its key or token; on an open server, its address when
   * it connected.
   */
  readonly principal: string;
  readonly store: FileStore;
  readonly rights: ReadonlySet<Right>;
  /** The rate of all connections of this principal in each direction; Infinity for no limit. */
  readonly bytesPerSecond: number;
}

/** What an authorizer is made with. */
export interface AuthorizerOptions {
  readonly platform: Platform;
  /** The disk of the folders. */
  readonly disk: Disk;
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
  /** By folder, and that of the root by "": one for all clients that use it, so that all is counted. */
  readonly #folders = new Map<string, QuotaStore>();
  /** By folder and quota: one for all clients that have the same, as lists are kept by store. */
  readonly #stores = new Map<string, FileStore>();
  /** Folders that are being opened; each resolves to why that failed, or to undefined. */
  readonly #opening = new Map<string, Promise<string | undefined>>();
  /** Clients that were accepted, and by what. */
  readonly #authorized = new Map<Connection, Grant>();
  /** When denials were told last, the oldest first. */
  readonly #denials = new Map<string, number>();
  #revoke: (connection: Connection) => void = () => {};

  private constructor(options: AuthorizerOptions) {
    this.#options = options;
    this.#timer = options.platform.timer(() => this.#look());
  }

  /** Rejects with SluiceError where the access list cannot be read, or a folder cannot be opened. */
  static async open(options: AuthorizerOptions): Promise<Authorizer> {
    const authorizer = new Authorizer(options);
    if (options.access === undefined) return authorizer;
    authorizer.#table = options.access.read();
    for (const { folder = "" } of authorizer.#table.entries) {
      const reason = await authorizer.#openFolder(folder);
      if (reason !== undefined) throw new SluiceError("local-disk", reason);
    }
    return authorizer;
  }

  /** From now on changes of the access list take effect; `revoke` ends a connection whose permission is gone. */
  watch(revoke: (connection: Connection) => void): void {
    this.#revoke = revoke;
    if (this.#options.access !== undefined) this.#timer.set(LOOK_INTERVAL_US);
  }

  /** How many keys and tokens are authorized; undefined on an open server. */
  get entryCount(): number | undefined {
    return this.#table?.entries.length;
  }

  /** The only client is the user's own who runs the server. */
  get isOwnerOnly(): boolean {
    return this.#options.access?.isOwnerOnly === true;
  }

  /** Why a client is not accepted, in words for its user; undefined where it is. */
  refusalFor(peer: PeerIdentity, remote: NetAddress): string | undefined {
    if (this.#table === undefined) return undefined;
    const grant = this.#table.grantOf(peer);
    if (grant !== undefined && this.#folders.has(grant.folder ?? "")) return undefined;
    const key = formatKey(peer.key);
    const deny = (reason: string) => {
      if (!this.#isToldAlready(`${remote.text} ${reason}`)) {
        this.#options.onEvent({ kind: "access-denied", client: remote.text, key, reason });
      }
    };
    if (grant !== undefined) {
      // Perhaps it can be by now: then the client is accepted when it tries again.
      void this.#openFolder(grant.folder ?? "");
      deny(`the folder of ${grant.name} cannot be opened`);
      return NO_FOLDER;
    }
    deny(`unknown key ${key}`);
    return NO_PERMISSION;
  }

  /** Accepts a client for which {@link refusalFor} had no reason just now. */
  authorize(connection: Connection): Admitted {
    if (this.#table === undefined) {
      // Many of these clients have a new key each time, but no other party has their address.
      const principal = `address ${connection.remote.source}`;
      return { user: undefined, principal, store: this.#options.root, rights: ALL_RIGHTS, bytesPerSecond: Infinity };
    }
    const grant = this.#table.grantOf(connection.peer!);
    invariant(grant !== undefined, "a client that is accepted has a grant");
    const store = this.#storeFor(grant);
    this.#authorized.set(connection, grant);
    const { bytesPerSecond = Infinity, name: user } = grant;
    return { user, principal: principalOf(grant), store, rights: new Set(grant.rights), bytesPerSecond };
  }

  /** A client has gone. */
  release(connection: Connection): void {
    this.#authorized.delete(connection);
  }

  /** Reads the access list again, changed or not; an open server has none. */
  reload(): void {
    if (this.#table !== undefined) this.#look({ isForced: true });
  }

  #isToldAlready(denial: string): boolean {
    const nowUs = this.#options.platform.nowUs();
    const toldUs = this.#denials.get(denial) ?? -Infinity;
    if (nowUs - toldUs < SAME_DENIAL_US) return true;
    this.#denials.delete(denial);
    this.#denials.set(denial, nowUs);
    const [oldest] = this.#denials.keys();
    if (this.#denials.size > MAX_REMEMBERED_DENIALS) this.#denials.delete(oldest!);
    return false;
  }

  /** Looks no more. */
  stop(): void {
    this.#timer.clear();
  }

  #look(options?: { readonly isForced: boolean }): void {
    this.#timer.set(LOOK_INTERVAL_US);
    const { access, onEvent } = this.#options;
    try {
      const table = access!.poll(options);
      if (table === undefined) return;
      this.#table = table;
      const gone = [...this.#authorized].filter(([{ peer }, grant]) =>
        !isSameGrant(peer && table.grantOf(peer), grant)
      );
      onEvent({ kind: "access-changed", entries: table.entries.length, ended: gone.length });
      for (const [connection] of gone) this.#revoke(connection);
      this.#openFoldersOf(table);
    } catch (error) {
      if (!(error instanceof SluiceError)) throw error;
      const credentials = error instanceof AccessFileError ? error.credentials : undefined;
      onEvent({ kind: "access-unreadable", credentials, reason: error.message });
    }
  }

  #openFoldersOf(table: AccessTable): void {
    const { onEvent, platform } = this.#options;
    for (const folder of new Set(table.entries.map(({ folder = "" }) => folder))) {
      this.#openFolder(folder).then((reason) => {
        if (reason !== undefined) onEvent({ kind: "folder-unavailable", reason });
      }).catch((error) => platform.crash(error));
    }
  }

  /** The store of a folder that has been opened. */
  #storeFor({ folder = "", quotaBytes }: Grant): FileStore {
    const whole = this.#folders.get(folder);
    invariant(whole !== undefined, "the folder of a client that is accepted is open");
    const name = `${folder}/${quotaBytes}`;
    const store = this.#stores.get(name) ?? (quotaBytes === undefined ? whole : whole.limitedTo(quotaBytes));
    this.#stores.set(name, store);
    return store;
  }

  /** Opens a folder once; resolves to why that failed, or to undefined. */
  #openFolder(folder: string): Promise<string | undefined> {
    if (this.#folders.has(folder)) return Promise.resolve(undefined);
    let opening = this.#opening.get(folder);
    if (opening === undefined) {
      opening = this.#openStore(folder).finally(() => this.#opening.delete(folder));
      this.#opening.set(folder, opening);
    }
    return opening;
  }

  async #openStore(folder: string): Promise<string | undefined> {
    const { disk, onEvent, platform, readOnly, root } = this.#options;
    const path = join(root.rootPath, folder);
    try {
      const store = folder === "" ? root : await DirectoryStore.open(path, {
        disk,
        readOnly,
        create: !readOnly,
        onUnlisted: (names) => onEvent(unlistedEvent(path, names)),
      });
      if (store !== root && store.rootPath !== path) {
        return `folder=${folder}: it is a link to elsewhere; make it a folder of its own`;
      }
      this.#folders.set(folder, new QuotaStore(store, () => platform.nowUs()));
      return undefined;
    } catch (error) {
      if (error instanceof StoreError) return `folder=${folder}: ${error.message}`;
      throw error;
    }
  }
}
