import assert from "node:assert/strict";
import { NetAddress } from "../../../../base/net_address.ts";
import {
  type AccessEntry,
  AccessFileError,
  type AccessSource,
  AccessTable,
  type Grant,
} from "../../../../app/server/access.ts";
import { SluiceError } from "../../../../app/api.ts";
import type { ServerEvent } from "../../../../app/server/api.ts";
import { Authorizer } from "../../../../app/server/authorizer.ts";
import { formatKey } from "../../../../app/keys.ts";
import type { Platform } from "../../../../app/platform.ts";
import { nodeDisk } from "../../../../io/node_disk.ts";
import { type Connection, PeerIdentity } from "../../../../protocol/mod.ts";
import { DirectoryStore } from "../../../../store/directory_store.ts";
import { assertRefused } from "../../../../testing/file_store_compliance.ts";
import { promised } from "../../../../testing/promised_store.ts";

const KEYS = [1, 2, 3].map((byte) => new Uint8Array(32).fill(byte));
const [ALICE, BOB] = KEYS.map((key) => new PeerIdentity(key));
const REMOTE = NetAddress.parse("192.0.2.1:7");
const NOBODY = new PeerIdentity(new Uint8Array(32));

function line(who: number, name: string, grant: Partial<Grant> = {}): AccessEntry {
  const { folder, quotaBytes, rights = ["read", "write", "list"] } = grant;
  return { kind: "key", secret: KEYS[who]!, name, rights, folder, quotaBytes };
}

/** What a test's owner wrote. */
class Written implements AccessSource {
  entries: AccessEntry[] | SluiceError | undefined;
  constructor(entries: AccessEntry[]) {
    this.entries = entries;
  }
  read(): AccessTable {
    const { entries } = this;
    this.entries = undefined;
    if (entries instanceof SluiceError) throw entries;
    return new AccessTable(entries!);
  }
  poll(): AccessTable | undefined {
    return this.entries === undefined ? undefined : this.read();
  }
}

interface Options {
  readonly isOpen?: boolean;
  readonly readOnly?: boolean;
}

class Setting {
  readonly events: ServerEvent[] = [];
  readonly revoked: Connection[] = [];
  readonly written: Written;
  root!: DirectoryStore;
  authorizer!: Authorizer;
  /** Lets the authorizer look. */
  look: () => void = () => {};
  nowUs = 0;
  isWatching = false;

  private constructor(entries: AccessEntry[]) {
    this.written = new Written(entries);
  }

  static async open(folder: string, entries: AccessEntry[], options: Options = {}): Promise<Setting> {
    const setting = new Setting(entries);
    await setting.#open(folder, options);
    return setting;
  }

  async #open(folder: string, { isOpen = false, readOnly = false }: Options): Promise<void> {
    this.root = await DirectoryStore.open(folder, { disk: nodeDisk, readOnly });
    const timer = (look: () => void) => {
      this.look = look;
      return { set: () => void (this.isWatching = true), clear: () => void (this.isWatching = false) };
    };
    const platform = { timer, nowUs: () => this.nowUs } as unknown as Platform;
    const access = isOpen ? undefined : this.written;
    this.authorizer = await Authorizer.open({
      platform,
      disk: nodeDisk,
      root: this.root,
      readOnly,
      access,
      onEvent: (event) => this.events.push(event),
    });
    this.authorizer.watch((connection) => this.revoked.push(connection));
  }

  authorize(peer: PeerIdentity, remote = REMOTE) {
    assert.equal(this.authorizer.refusalFor(peer, remote), undefined);
    const connection = { peer, remote } as unknown as Connection;
    return { connection, ...this.authorizer.authorize(connection) };
  }

  /** The owner writes something else, and the authorizer looks. */
  write(entries: AccessEntry[] | SluiceError): void {
    this.written.entries = entries;
    this.look();
  }
}

/** Waits for what the authorizer does with the disk. */
async function until(isDone: () => boolean): Promise<void> {
  while (!isDone()) await new Promise((resolve) => setTimeout(resolve, 1));
}

async function inFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.realPath(await Deno.makeTempDir({ prefix: "sluice-authorizer-" }));
  try {
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("Authorizer of an open server authorizes every client for everything, and reads no list", async () => {
  await inFolder(async (folder) => {
    const setting = await Setting.open(folder, [], { isOpen: true });
    const { rights, store, user } = setting.authorize(NOBODY);
    assert.deepEqual([user, [...rights], store === setting.root], [undefined, [
      "read",
      "write",
      "list",
      "overwrite",
      "delete",
    ], true]);
    assert.deepEqual([setting.authorizer.entryCount, setting.isWatching], [undefined, false]);
  });
});

Deno.test("Authorizer tells clients by what they prove; on an open server by their addresses, whatever their keys and ports", async () => {
  await inFolder(async (folder) => {
    const entries = [line(0, "alice"), line(1, "bob")];
    const places = ["10.0.0.1:5", "10.0.0.1:6", "10.0.0.2:5"].map((text) => NetAddress.parse(text));
    const principals = async (peers: readonly PeerIdentity[], isOpen: boolean) => {
      const setting = await Setting.open(folder, entries, { isOpen });
      return peers.map((peer, index) => setting.authorize(peer, places[index]).principal);
    };
    const [first, second, third] = await principals([ALICE!, BOB!, ALICE!], true);
    assert.equal(first, second);
    assert.notEqual(first, third);
    const [alice, bob, again] = await principals([ALICE!, BOB!, ALICE!], false);
    assert.equal(alice, again);
    assert.notEqual(alice, bob);
  });
});

Deno.test("Authorizer accepts a client on the list with its rights, and denies access to all others with a reason", async () => {
  await inFolder(async (folder) => {
    const setting = await Setting.open(folder, [line(0, "alice", { rights: ["list"] })]);
    const { rights, user } = setting.authorize(ALICE!);
    assert.deepEqual([user, [...rights]], ["alice", ["list"]]);
    assert.match(
      setting.authorizer.refusalFor(NOBODY, REMOTE)!,
      /^access denied: .*"sluice key".*--token-file/,
    );
    const key = formatKey(new Uint8Array(32));
    assert.deepEqual(setting.events, [
      { kind: "access-denied", client: REMOTE.text, key, reason: `unknown key ${key}` },
    ]);
  });
});

Deno.test("Authorizer tells of a client once that repeats its packets, and again of one that comes back later", async () => {
  await inFolder(async (folder) => {
    const setting = await Setting.open(folder, [line(0, "alice")]);
    for (let i = 0; i < 4; i++) setting.authorizer.refusalFor(NOBODY, REMOTE);
    assert.equal(setting.events.length, 1);
    setting.authorizer.refusalFor(NOBODY, NetAddress.parse("10.9.9.9:9"));
    assert.equal(setting.events.length, 2);
    setting.nowUs += 11_000_000;
    for (let i = 0; i < 4; i++) setting.authorizer.refusalFor(NOBODY, REMOTE);
    assert.equal(setting.events.length, 3);
    for (let i = 0; i < 300; i++) setting.authorizer.refusalFor(NOBODY, NetAddress.parse(`10.1.0.1:${i + 1}`));
    setting.authorizer.refusalFor(NOBODY, REMOTE);
    assert.equal(setting.events.length, 304, "no more than so many are remembered");
  });
});

Deno.test("Authorizer keeps each client to its folder and quota; clients that share a folder share what is left", async () => {
  await inFolder(async (folder) => {
    const own = { folder: "own", quotaBytes: 3 * 4096 };
    const setting = await Setting.open(folder, [
      line(0, "alice", own),
      line(1, "bob", { ...own, quotaBytes: 2 * 4096 }),
    ]);
    const [alice, bob] = [setting.authorize(ALICE!), setting.authorize(BOB!)];
    const create = (store: typeof alice.store, name: string) =>
      promised(store).create(name, { sizeBytes: 5000, overwrite: false });
    const file = await create(alice.store, "a");
    await assertRefused("no-space", () => create(alice.store, "b"));
    await assertRefused("no-space", () => create(bob.store, "b"));
    file.abort();
    (await create(bob.store, "b")).abort();
    assert.equal(alice.store, setting.authorize(ALICE!).store, "lists are kept by store");
    Deno.writeTextFileSync(`${folder}/in-root`, "");
    assert.deepEqual(await promised(alice.store).list(), []);
    Deno.writeTextFileSync(`${folder}/own/there`, "");
    assert.deepEqual((await promised(bob.store).list()).map(({ name }) => name), ["there"]);
  });
});

Deno.test("Authorizer ends the connections of those whose line is gone or says something else, and of no others", async () => {
  await inFolder(async (folder) => {
    const setting = await Setting.open(folder, [line(0, "alice"), line(1, "bob")]);
    const [alice, bob] = [setting.authorize(ALICE!), setting.authorize(BOB!)];
    setting.look();
    assert.equal(setting.events.length, 0);
    setting.write([line(1, "bob"), line(0, "alice")]);
    assert.equal(setting.revoked.length, 0);
    setting.write([line(0, "alice"), line(1, "bob", { rights: ["read"] })]);
    assert.deepEqual(setting.revoked, [bob.connection]);
    setting.authorizer.release(bob.connection);
    setting.write([]);
    assert.deepEqual(setting.revoked, [bob.connection, alice.connection]);
    assert.deepEqual(setting.events.map((event) => event.kind === "access-changed" && [event.entries, event.ended]), [
      [2, 0],
      [2, 1],
      [0, 1],
    ]);
    assert.notEqual(setting.authorizer.refusalFor(ALICE!, REMOTE), undefined);
  });
});

Deno.test("Authorizer goes by what was written before while what is written now cannot be read", async () => {
  await inFolder(async (folder) => {
    const setting = await Setting.open(folder, [line(0, "alice")]);
    setting.authorize(ALICE!);
    setting.write(new AccessFileError("token", "tokens, line 1"));
    setting.write(new SluiceError("local-disk", "no database"));
    assert.deepEqual([setting.events, setting.revoked], [[
      { kind: "access-unreadable", credentials: "token", reason: "tokens, line 1" },
      { kind: "access-unreadable", credentials: undefined, reason: "no database" },
    ], []]);
    setting.authorize(ALICE!);
    setting.write([line(1, "bob")]);
    assert.equal(setting.revoked.length, 2);
  });
});

Deno.test("Authorizer does not start with a folder that it cannot have, and later keeps but its client out", async () => {
  await inFolder(async (folder) => {
    Deno.writeTextFileSync(`${folder}/file`, "");
    Deno.mkdirSync(`${folder}/real`);
    const isBad = (error: unknown) => error instanceof SluiceError && /folder=(file|link): /.test(error.message);
    await assert.rejects(() => Setting.open(folder, [line(0, "alice", { folder: "file" })]), isBad);
    if (Deno.build.os !== "windows") {
      Deno.symlinkSync(`${folder}/real`, `${folder}/link`);
      await assert.rejects(() => Setting.open(folder, [line(0, "alice", { folder: "link" })]), isBad);
    }
    const setting = await Setting.open(folder, []);
    setting.write([line(0, "alice", { folder: "file" }), line(1, "bob")]);
    await until(() => setting.events.length === 2);
    assert.match(setting.authorizer.refusalFor(ALICE!, REMOTE)!, /your folder on the server cannot be opened/);
    assert.deepEqual(setting.events.map(({ kind }) => kind), ["access-changed", "folder-unavailable", "access-denied"]);
    await until(() => setting.authorizer.refusalFor(BOB!, REMOTE) === undefined);
    const readOnly = (name: string) => Setting.open(folder, [line(0, "alice", { folder: name })], { readOnly: true });
    await assert.rejects(() => readOnly("missing"), SluiceError);
    await readOnly("real");
  });
});

Deno.test("Authorizer looks no more once it is stopped", async () => {
  await inFolder(async (folder) => {
    const setting = await Setting.open(folder, [line(0, "alice")]);
    assert.equal(setting.isWatching, true);
    setting.authorizer.stop();
    assert.equal(setting.isWatching, false);
  });
});
