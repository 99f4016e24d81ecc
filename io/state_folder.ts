/**
 * The state folder of a user: the private key of a server or a client, the public keys of known servers (known_servers),
 * and those of authorized clients (authorized_keys).
 *
 * @module
 */

import fs from "node:fs";
import path from "node:path";
import { SluiceError } from "../app/api.ts";
import { formatKey, parseKey, publicKeyOf } from "../app/keys.ts";
import { REPLACEMENT_CHARACTER } from "../base/display_text.ts";
import { KEY_BYTES } from "../protocol/mod.ts";
import { randomBytes } from "./clock.ts";
import { errorCode, reasonOf, requirePrivate } from "./private_file.ts";

/** The environment variable that names the folder. */
export const STATE_VARIABLE = "SLUICE_STATE";

const KNOWN_SERVERS_FILE = "known_servers";

/** The key proves an identity: only its owner may read it. */
const KEY_MODE = 0o600;
const FOLDER_MODE = 0o700;

/** Reads an environment variable. */
export type Environment = (name: string) => string | undefined;

/** Where the folder is. Throws SluiceError if nothing tells, or if its path is not UTF-8. */
export function stateFolder(told: string | undefined, env: Environment): string {
  const folder = findStateFolder(told, env);
  if (folder !== undefined) return folder;
  const home = Deno.build.os === "windows" ? "LOCALAPPDATA" : "HOME";
  throw new SluiceError(
    "usage",
    `there is no folder to keep keys in, because ${home} is not set; pass --state FOLDER, or set ${STATE_VARIABLE}`,
  );
}

/**
 * Where the folder is: as told, or as the environment says, or where this system's users keep such things. Undefined if
 * none of these tells: it is not the current folder, where others may have put a `known_servers`. Throws SluiceError if its
 * path is not UTF-8.
 */
export function findStateFolder(told: string | undefined, env: Environment): string | undefined {
  try {
    const folder = namedFolder(told, env);
    if (folder === undefined || !folder.includes(REPLACEMENT_CHARACTER)) return folder;
  } catch (error) {
    // Of a current folder with such a path.
    if (!(error instanceof Deno.errors.InvalidData)) throw error;
  }
  const advice = "give an absolute path with --state";
  throw new SluiceError("local-disk", `the path of the state folder is not valid UTF-8; ${advice}`);
}

function namedFolder(told: string | undefined, env: Environment): string | undefined {
  const named = told ?? env(STATE_VARIABLE);
  if (named !== undefined && named !== "") return path.resolve(named);
  if (Deno.build.os === "windows") return below(env("LOCALAPPDATA"), "Sluice");
  return below(env("XDG_STATE_HOME"), "sluice") ?? below(env("HOME"), ".local", "state", "sluice");
}

/** From a path that is not absolute, each current folder would have a state folder of its own. */
function below(folder: string | undefined, ...names: string[]): string | undefined {
  return folder !== undefined && path.isAbsolute(folder) ? path.join(folder, ...names) : undefined;
}

type KeyOwner = "server" | "client";

/** The key pair of a server or a client, and where it is kept. */
export interface StoredIdentity {
  /** 32 bytes. */
  readonly privateKey: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly file: string;
}

/** The key in the folder; makes one the first time. Throws SluiceError. */
export function openIdentity(folder: string, owner: KeyOwner): StoredIdentity {
  const file = keyFile(folder, owner);
  try {
    makeFolder(folder);
    try {
      // Exclusively, so that of two programs that are started at once both have the same.
      fs.writeFileSync(file, `${formatKey(randomBytes(KEY_BYTES))}\n`, { flag: "wx", mode: KEY_MODE });
    } catch (error) {
      if (errorCode(error) !== "EEXIST") throw error;
    }
  } catch (error) {
    throw asSluiceError(error, `cannot keep the ${owner}'s key in ${file}`);
  }
  return findIdentity(folder, owner)!;
}

/** The key in the folder, if there is one. Throws SluiceError. */
export function findIdentity(folder: string, owner: KeyOwner): StoredIdentity | undefined {
  const file = keyFile(folder, owner);
  try {
    const privateKey = parseKey(readPrivate(file, owner).trim());
    if (privateKey !== undefined) return { privateKey, publicKey: publicKeyOf(privateKey), file };
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw asSluiceError(error, `cannot read the ${owner}'s key, ${file}`);
  }
  const peers = owner === "server" ? "clients" : "servers";
  throw new SluiceError(
    "local-disk",
    `${file} is not a ${owner}'s key: restore it, or remove it and have a new one made, which all ${peers} must be told of`,
  );
}

function keyFile(folder: string, owner: KeyOwner): string {
  return path.join(folder, `${owner}_key`);
}

/** Where a server's owner writes the keys of clients, unless told otherwise. */
export function authorizedKeysFile(folder: string): string {
  return path.join(folder, "authorized_keys");
}

/** The keys of the servers that this user has talked to, as `known_servers` lines: address, a space, key. */
export class KnownServers {
  readonly file: string;
  readonly folder: string;

  /** Creates the folder, if it can: later the program may have given up that permission. */
  constructor(folder: string) {
    this.folder = folder;
    this.file = path.join(folder, KNOWN_SERVERS_FILE);
    try {
      makeFolder(folder);
    } catch {
      // `remember` will report it.
    }
  }

  /** The key that the server at an address had the first time; undefined for a new one. Throws SluiceError. */
  keyOf(address: string): Uint8Array | undefined {
    return this.list().find((known) => known.address === address)?.key;
  }

  /** All servers in the order of first contact. Throws SluiceError. */
  list(): { readonly address: string; readonly key: Uint8Array }[] {
    return this.#lines().flatMap((line, index) => {
      const [address, key = "", ...more] = wordsOf(line);
      if (isComment(address)) return [];
      const parsed = parseKey(key);
      if (parsed !== undefined && more.length === 0) return [{ address: address!, key: parsed }];
      throw new SluiceError(
        "local-disk",
        `${this.file}, line ${index + 1} is not an address and a key: correct or remove it`,
      );
    });
  }

  /** Remembers the key of a new server. Throws SluiceError. */
  remember(address: string, key: Uint8Array): void {
    try {
      // A line in one write at the end: two clients at once write two lines.
      fs.appendFileSync(this.file, `${address} ${formatKey(key)}\n`, { mode: KEY_MODE });
    } catch (error) {
      throw asSluiceError(error, `cannot remember the key of ${address} in ${this.file}`);
    }
  }

  /**
   * Replaces the key of a server, new or known, or forgets the server if `key` is undefined; comments stay. Throws
   * SluiceError.
   */
  replace(address: string, key: Uint8Array | undefined): void {
    const lines = this.#lines().filter((line) => wordsOf(line)[0] !== address);
    if (lines.at(-1) === "") lines.pop();
    if (key !== undefined) lines.push(`${address} ${formatKey(key)}`);
    const temporary = `${this.file}.new`;
    try {
      fs.writeFileSync(temporary, lines.map((line) => `${line}\n`).join(""), { mode: KEY_MODE, flush: true });
      fs.renameSync(temporary, this.file);
    } catch (error) {
      throw asSluiceError(error, `cannot change the keys of known servers, ${this.file}`);
    }
  }

  #lines(): string[] {
    try {
      return fs.readFileSync(this.file, "utf8").split("\n");
    } catch (error) {
      if (errorCode(error) === "ENOENT") return [];
      throw asSluiceError(error, `cannot read the keys of known servers, ${this.file}`);
    }
  }
}

function wordsOf(line: string): string[] {
  return line.trim().split(/\s+/);
}

function isComment(word: string | undefined): boolean {
  return word === undefined || word === "" || word.startsWith("#");
}

/** An environment variable, if this process may read it: asking for the permission would stop a script. */
export function readableEnvironment(name: string): string | undefined {
  const isGranted = Deno.permissions.querySync({ name: "env", variable: name }).state === "granted";
  try {
    return isGranted ? Deno.env.get(name) : undefined;
  } catch (error) {
    // As Deno hands over arguments, and before 2.9 variables, too: with a character for the bytes that are not UTF-8.
    if (error instanceof Deno.errors.InvalidData) return REPLACEMENT_CHARACTER;
    throw error;
  }
}

function makeFolder(folder: string): void {
  fs.mkdirSync(folder, { recursive: true, mode: FOLDER_MODE });
}

function readPrivate(file: string, owner: KeyOwner): string {
  requirePrivate(file, { against: "read", what: `the ${owner}'s private key` });
  return fs.readFileSync(file, "utf8");
}

function asSluiceError(error: unknown, what: string): SluiceError {
  if (error instanceof SluiceError) return error;
  return new SluiceError("local-disk", `${what}: ${reasonOf(error)}; name another folder with --state`);
}

/** The size of a file, bytes, through links; undefined if there is none, or it cannot be looked at. */
export function sizeOf(path: string): number | undefined {
  try {
    const stats = fs.statSync(path, { throwIfNoEntry: false });
    return stats?.isFile() ? stats.size : undefined;
  } catch {
    return undefined;
  }
}

/**
 * What is at `path`: a folder, or a link to one; anything else, also a link that leads nowhere; or nothing, also where it
 * cannot be looked up: what is done with the path then fails for the same reason, and says so.
 */
export function entryAt(path: string): "folder" | "other" | undefined {
  try {
    if (fs.statSync(path, { throwIfNoEntry: false })?.isDirectory()) return "folder";
    return fs.lstatSync(path, { throwIfNoEntry: false }) && "other";
  } catch {
    return undefined;
  }
}
