/**
 * The files in which a server's owner writes who may do what: public keys of clients, and tokens.
 *
 * @module
 */

import fs from "node:fs";
import { type AccessEntry, type AccessSource, AccessTable, type CredentialKind } from "../app/server/access.ts";
import { parseAccess } from "../app/server/access_file.ts";
import { SluiceError } from "../app/api.ts";
import { authorizedKeysFile } from "./state_folder.ts";

/** One file. */
export interface AccessFile {
  readonly path: string;
  readonly kind: CredentialKind;
}

const GROUP_OR_OTHERS = 0o077;
const GROUP_OR_OTHERS_WRITE = 0o022;

/** Reads the files, and tells when they have changed. */
export class AccessFiles implements AccessSource {
  readonly #files: readonly AccessFile[];
  /** As the files looked when they were read last. */
  #inForce = "";
  /** As they look since, if they look otherwise. */
  #seen: string | undefined;

  constructor(files: readonly AccessFile[]) {
    this.#files = files;
  }

  /** What the files say. Throws SluiceError, where one is missing too. */
  read(): AccessTable {
    this.#inForce = this.#looks();
    return new AccessTable(this.#files.flatMap((file) => readEntries(file)));
  }

  /**
   * What the files say, where they have changed since they were read and have looked the same for two calls, so that a file
   * that is being written is not taken for a whole one; else undefined. A file that is gone lets nobody in. Throws SluiceError
   * once for what cannot be read.
   */
  poll(): AccessTable | undefined {
    const looks = this.#looks();
    if (looks === this.#inForce) {
      this.#seen = undefined;
      return undefined;
    }
    if (looks !== this.#seen) {
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
        return codeOf(error);
      }
    }).join("\n");
  }
}

function isGone(path: string): boolean {
  try {
    return fs.statSync(path, { throwIfNoEntry: false }) === undefined;
  } catch {
    // It cannot be looked at, which reading it will say.
    return false;
  }
}

function codeOf(error: unknown): string {
  return (error as { code?: string }).code ?? String(error);
}

/** What of who may do what is written somewhere. */
export interface OpenedAccess {
  readonly source: AccessSource;
  readonly files: readonly string[];
}

/**
 * The files that are named, and that of keys in the state folder if it is there and no other is named; undefined where there
 * is none of them.
 */
export function openAccess(
  { keysFile, stateFolder, tokenFile }: {
    readonly keysFile: string | undefined;
    readonly stateFolder: string;
    readonly tokenFile: string | undefined;
  },
): OpenedAccess | undefined {
  const usual = authorizedKeysFile(stateFolder);
  const keys = keysFile ?? (isGone(usual) ? undefined : usual);
  const files: AccessFile[] = [];
  if (keys !== undefined) files.push({ path: keys, kind: "key" });
  if (tokenFile !== undefined) files.push({ path: tokenFile, kind: "token" });
  return files.length === 0 ? undefined : { source: new AccessFiles(files), files: files.map(({ path }) => path) };
}

/** The token that a client shows: the first word of the file. Throws SluiceError. */
export function readToken(path: string): Uint8Array {
  const [entry] = readEntries({ path, kind: "token" });
  if (entry === undefined) {
    throw new SluiceError("local-disk", `there is no token in ${path}; the first word is to be it`);
  }
  return entry.secret;
}

/** Throws SluiceError. */
function readEntries({ kind, path }: AccessFile): AccessEntry[] {
  let text: string;
  try {
    requirePrivate(path, kind);
    text = fs.readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof SluiceError) throw error;
    const what = kind === "key" ? "the keys of clients" : "the token";
    throw new SluiceError("local-disk", `cannot read ${path}, ${what}: ${codeOf(error)}`);
  }
  return parseAccess(text, { file: path, kind });
}

/** A token that others can read is everybody's, and so is a list of keys to which others can add theirs. */
function requirePrivate(path: string, kind: CredentialKind): void {
  if (Deno.build.os === "windows") return;
  const { mode } = fs.statSync(path);
  if (kind === "token" && (mode & GROUP_OR_OTHERS) !== 0) {
    throw new SluiceError(
      "local-disk",
      `others may read ${path}, which holds a token: forbid that with "chmod 600 ${path}"`,
    );
  }
  if ((mode & GROUP_OR_OTHERS_WRITE) !== 0) {
    throw new SluiceError(
      "local-disk",
      `others may write to ${path}, and so let in whom they like: forbid that with "chmod go-w ${path}"`,
    );
  }
}
