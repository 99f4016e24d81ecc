/**
 * The config file, in TOML: options by their names, those of a command in a table of its name, and named servers.
 *
 * ```toml
 * server = "work"             # as --server
 *
 * [send]
 * update = true               # as send --update
 *
 * [servers.work]
 * address = "files.example.org:65432"
 * key = "jJbUoyxN9VhHJP1sRIzbYyfKIMzCQ-OK7wqz9SVvYF4"
 * token-file = "~/.config/sluice/work.token"
 * ```
 *
 * An error names the file, the line and the key.
 *
 * @module
 */

import { parse, TomlError } from "smol-toml";
import { SluiceError } from "../app/api.ts";
import { parseKey } from "../app/keys.ts";
import { quote } from "../base/display_text.ts";
import { parseServer, type ServerName } from "./address.ts";
import { didYouMean } from "./suggestions.ts";

/** The file as it was read. */
export interface ConfigFile {
  readonly path: string;
  readonly text: string;
  /** The user's folder, for paths that begin with `~/`. */
  readonly home: string | undefined;
}

/** A server of the config file. */
export interface NamedServer extends ServerName {
  /** The only key to accept. */
  readonly key: Uint8Array | undefined;
  readonly tokenFile: string | undefined;
}

type Table = Readonly<Record<string, unknown>>;

/** The table of the named servers. */
const SERVERS = "servers";

/** A name that can stand in front of the colon of a place, and is not taken for a drive of Windows. */
const SERVER_NAME = /^[a-z][a-z0-9_.-]+$/i;

/** A config file that is TOML; what its keys mean is checked when they are read. */
export class Config {
  readonly #file: ConfigFile;
  readonly #root: Table;

  /** Throws SluiceError. */
  constructor(file: ConfigFile) {
    this.#file = file;
    try {
      this.#root = parse(file.text);
    } catch (error) {
      if (!(error instanceof TomlError)) throw error;
      const [reason = ""] = error.message.replace(/^Invalid TOML document: /, "").split("\n");
      throw new SluiceError("usage", `${file.path}, line ${error.line}: ${reason}`);
    }
  }

  /** The keys at the top. */
  get keys(): string[] {
    return Object.keys(this.#root);
  }

  /** The value of an option: in the table of a command, or at the top if that is undefined. */
  value(table: string | undefined, key: string): unknown {
    return table === undefined ? this.#root[key] : this.#table(table)?.[key];
  }

  /** Throws SluiceError if there is a key that is none of these, by table; "" is the top. */
  checkKeys(known: ReadonlyMap<string, readonly string[]>): void {
    const top = [...known.get("") ?? [], ...[...known.keys()].filter((table) => table !== ""), SERVERS];
    for (const key of Object.keys(this.#root)) {
      if (!top.includes(key)) this.fail([key], `there is no such key${didYouMean(key, top)}`);
    }
    for (const [table, keys] of known) {
      for (const key of table === "" ? [] : Object.keys(this.#table(table) ?? {})) {
        if (!keys.includes(key)) this.fail([table, key], `there is no such key${didYouMean(key, keys)}`);
      }
    }
  }

  /** Names of all servers. Throws SluiceError. */
  get serverNames(): string[] {
    return Object.keys(this.#table(SERVERS) ?? {});
  }

  /** The server of this name, if there is one. Throws SluiceError. */
  server(name: string): NamedServer | undefined {
    const servers = this.#table(SERVERS) ?? {};
    if (!Object.hasOwn(servers, name)) return undefined;
    const at = [SERVERS, name];
    if (!SERVER_NAME.test(name)) {
      this.fail(at, "a server's name has two characters or more: a letter, then letters, digits, _, . and -");
    }
    const entry = servers[name];
    if (!isTable(entry)) this.fail(at, "it must be a table with address, and perhaps key and token-file");
    const keys = ["address", "key", "token-file"];
    for (const key of Object.keys(entry)) {
      if (!keys.includes(key)) this.fail([...at, key], `there is no such key${didYouMean(key, keys)}`);
    }
    const text = (key: string): string | undefined => {
      const value = entry[key];
      return value === undefined || typeof value === "string" ? value : this.fail([...at, key], "it must be a string");
    };
    const addressText = text("address") ?? this.fail(at, "its address is missing");
    const address = parseServer(addressText);
    if ("error" in address) return this.fail([...at, "address"], `${quote(addressText)}: ${address.error}`);
    const keyText = text("key");
    const key = keyText === undefined ? undefined : parseKey(keyText) ??
      this.fail([...at, "key"], "a key is the 43 characters that `sluice-server key` prints");
    const tokenFile = text("token-file");
    return { ...address, key, tokenFile: tokenFile === undefined ? undefined : this.path(tokenFile) };
  }

  /** A path as written in the file: `~/` is the user's folder. */
  path(text: string): string {
    return text.startsWith("~/") && this.#file.home !== undefined ? `${this.#file.home}${text.slice(1)}` : text;
  }

  /** The location of a key, for an error: file, line, key. */
  location(keys: readonly string[]): string {
    const line = lineOf(this.#file.text, keys);
    return `${this.#file.path}${line === undefined ? "" : `, line ${line}`}: ${keys.join(".")}`;
  }

  /** Throws SluiceError about a key. */
  fail(keys: readonly string[], reason: string): never {
    throw new SluiceError("usage", `${this.location(keys)}: ${reason}`);
  }

  #table(name: string): Table | undefined {
    const value = this.#root[name];
    if (value === undefined || isTable(value)) return value;
    return this.fail([name], "it must be a table");
  }
}

function isTable(value: unknown): value is Table {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

/** The key of a line such as `key = 1` or `[table.key]`, without quotes and spaces. */
const KEY_LINE = /^\s*(?:\[(?<table>[^[\]]+)\]|(?<key>[^=#"'[\]]+|"[^"]*"|'[^']*')\s*=)/;

/** The line, from 1, that sets a key; else that of the innermost table around it; undefined if neither is found. */
function lineOf(text: string, keys: readonly string[]): number | undefined {
  let table: string[] = [];
  let best: { line: number; depth: number } | undefined;
  for (const [index, line] of text.split("\n").entries()) {
    const found = KEY_LINE.exec(line)?.groups;
    if (found === undefined) continue;
    if (found.table !== undefined) table = pathOf(found.table);
    const path = found.table !== undefined ? table : [...table, ...pathOf(found.key ?? "")];
    const fits = path.length <= keys.length && path.every((part, at) => part === keys[at]);
    if (fits && path.length > (best?.depth ?? 0)) best = { line: index + 1, depth: path.length };
  }
  return best?.line;
}

function pathOf(dotted: string): string[] {
  return dotted.split(".").map((part) => part.trim().replace(/^(["'])(.*)\1$/, "$2"));
}
