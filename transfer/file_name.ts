/**
 * The validation of every name that a peer chose, and the names that received files get.
 *
 * A name is a single folder entry, never a path, and must denote the same file on every platform: names that Windows
 * would interpret as a device, a drive, a stream or a different spelling are refused everywhere, so that every file
 * that was received can be sent again. Unicode is kept as sent, without normalization. Both stores validate names
 * themselves, so that no caller can forget to.
 *
 * @module
 */

import { isControl, isDeceptive, isSurrogate, quote, REPLACEMENT_CHARACTER } from "../base/display_text.ts";
import { StoreError } from "./file_store.ts";

/** The longest name in UTF-8 bytes: the limit of ext4, XFS, APFS and Btrfs. */
export const MAX_FILE_NAME_BYTES = 255;

/** The prefix of the names of partial files; no peer may use it. */
export const TEMPORARY_PREFIX = ".sluice-";

/** Path separators ("/" everywhere, "\" and ":" on some platforms), and other characters that Windows reserves. */
const FORBIDDEN_CHARACTERS = '/\\:<>"|?*';

/** Device names of Windows, with any extension; Windows accepts superscript digits, too. */
const DEVICE_NAME = /^(?:CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|CLOCK\$|(?:COM|LPT)[0-9\u00b9\u00b2\u00b3])$/;

const utf8 = new TextEncoder();
const UNDECODABLE = REPLACEMENT_CHARACTER.codePointAt(0);

/** "U+202E", the notation of the Unicode standard. */
function unicodeNotation(codePoint: number): string {
  return `U+${codePoint.toString(16).toUpperCase().padStart(4, "0")}`;
}

/** Why no name may contain this character, or undefined if it may. */
function checkCharacter(codePoint: number): string | undefined {
  if (codePoint === 0) return "names may not contain a NUL character";
  if (isControl(codePoint)) return `names may not contain control characters (${unicodeNotation(codePoint)})`;
  if (isSurrogate(codePoint)) return "names must be valid Unicode";
  if (codePoint === UNDECODABLE) return "names must be valid UTF-8; this one has U+FFFD in place of other bytes";
  if (isDeceptive(codePoint)) return `names may not contain invisible characters (${unicodeNotation(codePoint)})`;
  const character = String.fromCodePoint(codePoint);
  return FORBIDDEN_CHARACTERS.includes(character) ? `names may not contain ${quote(character)}` : undefined;
}

/**
 * Whether a name is that of a partial file, also in different case or with joiners, which some file systems ignore when
 * they compare names.
 */
function isTemporaryName(name: string): boolean {
  return name.replace(/[\u200c\u200d]/g, "").toUpperCase().startsWith(TEMPORARY_PREFIX.toUpperCase());
}

/**
 * Why no file may have this name, as a clause ('names may not contain "/"'), or undefined if it may. The reason
 * contains at most one printable character of the name, so it is safe to print.
 */
export function checkFileName(name: string): string | undefined {
  if (name === "") return "names may not be empty";
  // A code unit is at least one byte. Checked first, so that a huge name costs nothing more.
  if (name.length > MAX_FILE_NAME_BYTES) return `names may not be longer than ${MAX_FILE_NAME_BYTES} bytes`;
  if (name === "." || name === "..") return 'names may not be "." or ".."';
  for (const character of name) {
    const reason = checkCharacter(character.codePointAt(0)!);
    if (reason !== undefined) return reason;
  }
  if (utf8.encode(name).length > MAX_FILE_NAME_BYTES) {
    return `names may not be longer than ${MAX_FILE_NAME_BYTES} bytes`;
  }
  if (name.trimStart() !== name) return "names may not begin with a space";
  if (name.trimEnd() !== name) return "names may not end with a space";
  if (name.endsWith(".")) return 'names may not end with "."';
  const stem = name.split(".", 1)[0]!.trimEnd().toUpperCase();
  if (DEVICE_NAME.test(stem)) return `${quote(stem)} is the name of a device on Windows`;
  if (isTemporaryName(name)) return `names beginning with "${TEMPORARY_PREFIX}" are reserved for partial files`;
  return undefined;
}

/** {@link checkFileName} for stores: a StoreError (bad-name) with the reason, or undefined. */
export function fileNameError(name: string): StoreError | undefined {
  const reason = checkFileName(name);
  if (reason === undefined) return undefined;
  return new StoreError("bad-name", `${quote(name)} is refused: ${reason}`);
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
