/**
 * Text of a peer's made safe for a log line or a terminal.
 *
 * @module
 */

/** Longest text that {@link sanitizeForDisplay} lets through, in UTF-16 code units. */
export const MAX_DISPLAY_LENGTH = 512;

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

/**
 * U+FFFD, which the system puts in the place of bytes that are not UTF-8: a path or name that has it may belong to
 * another file than the one that was meant.
 */
export const REPLACEMENT_CHARACTER = "\ufffd";

/** Half of a surrogate pair: not a character, and two such names can be the same bytes on the disk. */
function isSurrogate(codePoint: number): boolean {
  return codePoint >= 0xd800 && codePoint <= 0xdfff;
}

/**
 * Text of a peer's made safe for a log line or a terminal: control characters, deceptive marks and halves of
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

/** {@link sanitizeForDisplay}, in quotes: single ones if the text has double ones. */
export function quote(text: string): string {
  const shown = sanitizeForDisplay(text);
  return shown.includes('"') ? `'${shown}'` : `"${shown}"`;
}

/** Escapes what {@link sanitizeForDisplay} would, as JSON does: the text of a JSON value that parses to the same. */
export function escapeUnprintable(json: string): string {
  let escaped = "";
  for (const character of json) {
    const codePoint = character.codePointAt(0)!;
    const isPrintable = !isControl(codePoint) && !isDeceptive(codePoint);
    escaped += isPrintable ? character : `\\u${codePoint.toString(16).padStart(4, "0")}`;
  }
  return escaped;
}

function escapeCodePoint(codePoint: number): string {
  if (codePoint === 0x09) return "\\t";
  if (codePoint === 0x0a) return "\\n";
  if (codePoint === 0x0d) return "\\r";
  const hex = codePoint.toString(16);
  return codePoint <= 0xff ? `\\x${hex.padStart(2, "0")}` : `\\u${hex.padStart(4, "0")}`;
}
