/**
 * The one gate for every name that a peer chose, and what else is to be said about names.
 *
 * A name is a single folder entry, never a path, and must mean the same file on every platform: what Windows would
 * read as a device, a drive, a stream or another spelling is refused everywhere, so that a file received here can be
 * sent on from here. Unicode is kept as sent, without normalisation. Both stores call the gate themselves, so no
 * caller can forget it.
 *
 * @module
 */

import { isControl, isDeceptive, isSurrogate, sanitizeForDisplay } from "../base/display_text.ts";
import { StoreError } from "./file_store.ts";

/** Longest name in UTF-8 bytes: what ext4, XFS, APFS and Btrfs store in one folder entry. */
export const MAX_FILE_NAME_BYTES = 255;

/** How the names of our own unfinished files begin; no peer may name one. */
export const TEMPORARY_PREFIX = ".sluice-";

/** Path separators ("/" anywhere, "\" and ":" on some platforms), and what else Windows keeps for itself. */
const FORBIDDEN_CHARACTERS = '/\\:<>"|?*';

/** What Windows takes for a device, whatever extension follows; the superscripts are digits to it. */
const DEVICE_NAME = /^(?:CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|CLOCK\$|(?:COM|LPT)[0-9\u00b9\u00b2\u00b3])$/;

const utf8 = new TextEncoder();

/** "U+202E", as Unicode's own tables write it. */
function unicodeNotation(codePoint: number): string {
  return `U+${codePoint.toString(16).toUpperCase().padStart(4, "0")}`;
}

/** Why no name may hold this character, or undefined. */
function checkCharacter(codePoint: number): string | undefined {
  if (codePoint === 0) return "names may not contain a NUL character";
  if (isControl(codePoint)) return `names may not contain control characters (${unicodeNotation(codePoint)})`;
  if (isSurrogate(codePoint)) return "names must be valid Unicode";
  if (isDeceptive(codePoint)) return `names may not contain invisible characters (${unicodeNotation(codePoint)})`;
  const character = String.fromCodePoint(codePoint);
  return FORBIDDEN_CHARACTERS.includes(character) ? `names may not contain ${quote(character)}` : undefined;
}

function quote(character: string): string {
  return character === '"' ? `'"'` : `"${character}"`;
}

/**
 * Whether a name is one of our own unfinished files', also in another case or with joiners that some file systems
 * leave out when they compare.
 */
function isTemporaryName(name: string): boolean {
  return name.replace(/[\u200c\u200d]/g, "").toUpperCase().startsWith(TEMPORARY_PREFIX.toUpperCase());
}

/**
 * Why no file may bear this name, in words that end a sentence ('names may not contain "/"'), or undefined when it
 * may. The reason holds nothing of the name itself but one printable character, so it is safe to show.
 */
export function checkFileName(name: string): string | undefined {
  if (name === "") return "names may not be empty";
  // A code unit is at least one byte: judged first, so that a huge name costs nothing more.
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
  if (isTemporaryName(name)) return `names beginning with "${TEMPORARY_PREFIX}" are kept for unfinished files`;
  return undefined;
}

/** {@link checkFileName} as every store applies it: a StoreError (bad-name) where there is a reason. */
export function fileNameError(name: string): StoreError | undefined {
  const reason = checkFileName(name);
  if (reason === undefined) return undefined;
  return new StoreError("bad-name", `"${sanitizeForDisplay(name)}" is refused: ${reason}`);
}

/**
 * The name that a received file gets when `name` is taken: "a.bin_received", and for `attempt` 2 and above
 * "a.bin_received_2". Where that would be too long for a folder entry, the end of `name` is left out.
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
