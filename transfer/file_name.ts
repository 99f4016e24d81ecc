/**
 * The validation of every name that a peer chose, and the names that received files get.
 *
 * A name is a single folder entry. A path is names with "/" between them, each of which is checked on its own
 * ({@link checkPath}). Any name that one disk can have may be sent, so that files go between two Unix machines under the
 * names that they have there; which of them another disk can have is the business of the side that stores the file
 * ({@link checkLocalName}). Unicode is kept as sent, without normalization. Control characters
 * are part of a name, but never printed ({@link sanitizeForDisplay}). Both stores validate names themselves, so that
 * no caller can forget to.
 *
 * @module
 */

import { quote, REPLACEMENT_CHARACTER } from "../base/display_text.ts";
import { StoreError } from "./file_store.ts";

/** The longest name in UTF-8 bytes: the limit of ext4, XFS, APFS and Btrfs. */
export const MAX_FILE_NAME_BYTES = 255;

/** The longest path in UTF-8 bytes: the limit of Linux. */
export const MAX_PATH_BYTES = 4096;

/** The most components of a path: each costs the disk a look-up whenever an entry below it is used. */
export const MAX_PATH_COMPONENTS = 100;

/** The prefix of the names of partial files; no peer may use it. */
export const TEMPORARY_PREFIX = ".sluice-";

/** Characters that Windows reserves: those that lead to other folders, drives or streams among them. */
const WINDOWS_RESERVED = '/\\:<>"|?*';

/** Device names of Windows, with any extension; Windows accepts superscript digits, too. */
const WINDOWS_DEVICE = /^(?:CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|CLOCK\$|(?:COM|LPT)[0-9\u00b9\u00b2\u00b3])$/;

const utf8 = new TextEncoder();

/**
 * Whether a name is that of a partial file, also in different case or with invisible characters, which some file
 * systems ignore when they compare names.
 */
export function isTemporaryName(name: string): boolean {
  const visible = name.replace(/\p{Default_Ignorable_Code_Point}/gu, "");
  return visible.toUpperCase().startsWith(TEMPORARY_PREFIX.toUpperCase());
}

/**
 * Why no file may have this name, as a clause ('names may not contain "/"'), or undefined if it may. The reason
 * contains nothing of the name, so it is safe to print.
 */
export function checkFileName(name: string): string | undefined {
  if (name === "") return "names may not be empty";
  const tooLong = `names may not be longer than ${MAX_FILE_NAME_BYTES} bytes`;
  // A code unit is at least one byte. Checked first, so that a huge name costs nothing more.
  if (name.length > MAX_FILE_NAME_BYTES) return tooLong;
  if (name === "." || name === "..") return 'names may not be "." or ".."';
  if (name.includes("/")) return 'names may not contain "/"';
  if (name.includes("\0")) return "names may not contain a NUL character";
  if (!name.isWellFormed()) return "names must be valid Unicode";
  if (name.includes(REPLACEMENT_CHARACTER)) {
    return "names must be valid UTF-8; this one has U+FFFD in place of other bytes";
  }
  if (utf8.encode(name).length > MAX_FILE_NAME_BYTES) return tooLong;
  if (isTemporaryName(name)) return `names beginning with "${TEMPORARY_PREFIX}" are reserved for partial files`;
  return undefined;
}

/**
 * Why no entry of a store may have this path, as a clause ("paths may not be longer than 4096 bytes"), or undefined if it
 * may. The reason contains nothing of the path, so it is safe to print.
 */
export function checkPath(path: string): string | undefined {
  const tooLong = `paths may not be longer than ${MAX_PATH_BYTES} bytes`;
  // Checked first, so that a huge path costs nothing more.
  if (path.length > MAX_PATH_BYTES) return tooLong;
  const components = path.split("/");
  if (components.length > MAX_PATH_COMPONENTS) return `paths may not have more than ${MAX_PATH_COMPONENTS} components`;
  if (components.length > 1 && components.includes("")) return 'paths may not begin or end with "/", or contain "//"';
  for (const component of components) {
    const reason = checkFileName(component);
    if (reason !== undefined) return reason;
  }
  return utf8.encode(path).length > MAX_PATH_BYTES ? tooLong : undefined;
}

/** Whose rules the names on a disk must follow, beyond those of {@link checkFileName}. */
export type NameRules = "posix" | "windows";

/**
 * Why a disk with these rules cannot have a file of this name, which {@link checkFileName} accepts, as a clause; or
 * undefined if it can. Where this gives no reason, the name denotes an entry of its folder, and no other one.
 */
export function checkLocalName(name: string, rules: NameRules): string | undefined {
  if (rules === "posix") return undefined;
  for (const character of name) {
    if (character < " ") return "names on Windows may not contain control characters";
    if (WINDOWS_RESERVED.includes(character)) return `names on Windows may not contain ${quote(character)}`;
  }
  // Windows drops both, so the name would denote another file.
  if (name.endsWith(" ")) return "names on Windows may not end with a space";
  if (name.endsWith(".")) return 'names on Windows may not end with "."';
  const stem = name.split(".", 1)[0]!.trimEnd().toUpperCase();
  if (WINDOWS_DEVICE.test(stem)) return `${quote(stem)} is the name of a device on Windows`;
  return undefined;
}

/** {@link checkLocalName} for each component of a path that {@link checkPath} accepts. */
export function checkLocalPath(path: string, rules: NameRules): string | undefined {
  if (rules === "posix") return undefined;
  for (const component of path.split("/")) {
    const reason = checkLocalName(component, rules);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

/** {@link checkFileName} for stores: a StoreError (bad-name) with the reason, or undefined. */
export function fileNameError(name: string): StoreError | undefined {
  const reason = checkFileName(name);
  return reason === undefined ? undefined : badName(name, reason);
}

/** {@link checkPath} for stores: a StoreError (bad-name) with the reason, or undefined. */
export function pathError(path: string): StoreError | undefined {
  const reason = checkPath(path);
  return reason === undefined ? undefined : badName(path, reason);
}

/** The error for a name that is refused for this reason. */
export function badName(name: string, reason: string): StoreError {
  return new StoreError("bad-name", `${quote(name)}: ${reason}`);
}

/**
 * The name that a received file gets if `name` is taken: "a.bin_received", and from `attempt` 2 on "a.bin_received_2".
 * If that is too long, the end of `name` is cut.
 */
export function receivedName(name: string, attempt: number): string {
  const suffix = attempt <= 1 ? "_received" : `_received_${attempt}`;
  let roomBytes = MAX_FILE_NAME_BYTES - suffix.length;
  let end = 0;
  for (const character of name) {
    roomBytes -= utf8.encode(character).length;
    if (roomBytes < 0) break;
    end += character.length;
  }
  return name.slice(0, end) + suffix;
}
