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

import { StoreError } from "./file_store.ts";

/** Longest name in UTF-8 bytes: what ext4, XFS, APFS and Btrfs store in one folder entry. */
export const MAX_FILE_NAME_BYTES = 255;

/** How the names of our own unfinished files begin; no peer may name one. */
export const TEMPORARY_PREFIX = ".sluice-";

/** Longest text that {@link sanitizeForDisplay} lets through, in UTF-16 code units. */
export const MAX_DISPLAY_LENGTH = 512;

/** Path separators ("/" anywhere, "\" and ":" on some platforms), and what else Windows keeps for itself. */
const FORBIDDEN_CHARACTERS = '/\\:<>"|?*';

/** What Windows takes for a device, whatever extension follows; the superscripts are digits to it. */
const DEVICE_NAME = /^(?:CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|CLOCK\$|(?:COM|LPT)[0-9\u00b9\u00b2\u00b3])$/;

const utf8 = new TextEncoder();

/** C0 controls, DEL and C1 controls: they move a terminal's cursor and worse. */
function isControl(codePoint: number): boolean {
  return codePoint < 0x20 || (codePoint >= 0x7f && codePoint <= 0x9f);
}

/**
 * Marks that reorder or hide the text around them, so that a reader takes "exe.gpj" for "jpg.exe", and line ends
 * beyond ASCII. U+200C and U+200D are not among them: Persian and emoji are spelled with them.
 */
function isDeceptive(codePoint: number): boolean {
  return codePoint === 0x061c || codePoint === 0x180e || codePoint === 0xfeff || codePoint === 0x200b ||
    codePoint === 0x200e || codePoint === 0x200f || (codePoint >= 0x2028 && codePoint <= 0x202e) ||
    (codePoint >= 0x2060 && codePoint <= 0x2064) || (codePoint >= 0x2066 && codePoint <= 0x206f) ||
    (codePoint >= 0xfff9 && codePoint <= 0xfffb);
}

/** Half of a surrogate pair: not a character, and two such names can be the same bytes on the disk. */
function isSurrogate(codePoint: number): boolean {
  return codePoint >= 0xd800 && codePoint <= 0xdfff;
}

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

/**
 * Text from a stranger made safe for a log line or a terminal: control characters, deceptive marks and halves of
 * surrogate pairs become escapes ("\n", "\x1b", "\u202e"), and what is beyond {@link MAX_DISPLAY_LENGTH} becomes
 * "...". For reading only: two different texts can look the same.
 */
export function sanitizeForDisplay(text: string): string {
  let shown = "";
  for (const character of text) {
    const codePoint = character.codePointAt(0)!;
    const escaped = isControl(codePoint) || isDeceptive(codePoint) || isSurrogate(codePoint);
    const piece = escaped ? escapeCodePoint(codePoint) : character;
    if (shown.length + piece.length > MAX_DISPLAY_LENGTH) return `${shown}...`;
    shown += piece;
  }
  return shown;
}

function escapeCodePoint(codePoint: number): string {
  if (codePoint === 0x09) return "\\t";
  if (codePoint === 0x0a) return "\\n";
  if (codePoint === 0x0d) return "\\r";
  const hex = codePoint.toString(16);
  return codePoint <= 0xff ? `\\x${hex.padStart(2, "0")}` : `\\u${hex.padStart(4, "0")}`;
}
