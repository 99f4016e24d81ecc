/**
 * The files of access control: public keys and tokens of authorized clients.
 *
 * @module
 */

import fs from "node:fs";
import {
  type AccessEntry,
  AccessFileError,
  type AccessSource,
  AccessTable,
  type CredentialKind,
} from "../app/server/access.ts";
import { parseAccess } from "../app/server/access_file.ts";
import { SluiceError } from "../app/api.ts";
import { errorCode, type PrivateFile, reasonOf, requirePrivate } from "./private_file.ts";
import { authorizedKeysFile } from "./state_folder.ts";

/** One file. */
export interface AccessFile {
  readonly path: string;
  readonly kind: CredentialKind;
}

const PRIVATE: Readonly<Record<CredentialKind, PrivateFile>> = {
  token: { against: "read", what: "which holds a token" },
  // Other users who can write it could authorize themselves.
  key: { against: "write", what: "the list of authorized keys" },
};

/** Reads the files, and again when they have changed. */
export class AccessFiles implements AccessSource {
  readonly #files: readonly AccessFile[];
  /** As the files looked when they were read last. */
  #inForce = "";
  /** As they look since, if they look otherwise. */
  #seen: string | undefined;

  constructor(files: readonly AccessFile[]) {
    this.#files = files;
  }

  get paths(): readonly string[] {
    return this.#files.map(({ path }) => path);
  }

  /** The entries of all files. Throws AccessFileError, also if one is missing. */
  read(): AccessTable {
    this.#inForce = this.#looks();
    return new AccessTable(this.#files.flatMap((file) => readEntries(file)));
  }

  /**
   * The entries, if the files have changed since they were read and then looked the same in two calls, so that a file is
   * not read while it is being written; else undefined. A deleted file authorizes no client. Throws AccessFileError once
   * for each change that cannot be read. `isForced`: the entries as they are now.
   */
  poll({ isForced }: { readonly isForced: boolean } = { isForced: false }): AccessTable | undefined {
    const looks = this.#looks();
    if (!isForced && looks === this.#inForce) {
      this.#seen = undefined;
      return undefined;
    }
    if (!isForced && looks !== this.#seen) {
      this.#seen = looks;
      return undefined;
    }
    this.#inForce = looks;
    return new AccessTable(this.#files.flatMap((file) => isGone(file.path) ? [] : readEntries(file)));
  }

  #looks(): string {
    return this.#files.map(({ path }) => {
      try {
        const { ino, mode, mtimeMs, size } = fs.statSync(path);
        return [ino, size, mtimeMs, mode].join(" ");
      } catch (error) {
        return errorCode(error) ?? String(error);
      }
    }).join("\n");
  }
}

function isGone(path: string): boolean {
  try {
    return fs.statSync(path, { throwIfNoEntry: false }) === undefined;
  } catch {
    // It cannot be looked at: reading it will report that.
    return false;
  }
}

/**
 * The files that are named, and `authorized_keys` in the state folder if it exists and no other file of keys is named.
 * Undefined if there is none.
 */
export function openAccess(
  { keysFile, stateFolder, tokenFile }: {
    readonly keysFile: string | undefined;
    readonly stateFolder: string;
    readonly tokenFile: string | undefined;
  },
): AccessFiles | undefined {
  const usual = authorizedKeysFile(stateFolder);
  const keys = keysFile ?? (isGone(usual) ? undefined : usual);
  const files: AccessFile[] = [];
  if (keys !== undefined) files.push({ path: keys, kind: "key" });
  if (tokenFile !== undefined) files.push({ path: tokenFile, kind: "token" });
  return files.length === 0 ? undefined : new AccessFiles(files);
}

/** The token that a client shows: the first word of the file. Throws SluiceError. */
export function readToken(path: string): Uint8Array {
  const [entry] = readEntries({ path, kind: "token" });
  if (entry === undefined) {
    throw new SluiceError("local-disk", `there is no token in ${path}; its first word must be one`);
  }
  return entry.secret;
}

/** Throws AccessFileError. */
function readEntries({ kind, path }: AccessFile): AccessEntry[] {
  let text: string;
  try {
    requirePrivate(path, PRIVATE[kind]);
    text = fs.readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof SluiceError) throw new AccessFileError(kind, error.message);
    const what = kind === "key" ? "the keys of clients" : "the token";
    throw new AccessFileError(kind, `cannot read ${path}, ${what}: ${reasonOf(error)}`);
  }
  return parseAccess(text, { file: path, kind });
}
