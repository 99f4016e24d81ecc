/**
 * The text of the access table: a line for each key or token, with what it grants.
 *
 * ```
 * # key                                       name   rights, folder, quota
 * jJbUoyxN9VhHJP1sRIzbYyfKIMzCQ-OK7wqz9SVvYF4 alice  rights=read,write,list,overwrite folder=alice quota=10G limit=20M
 * ```
 *
 * @module
 */

import { parseDecimal } from "../../base/units.ts";
import { checkFileName, checkLocalName } from "../../transfer/file_name.ts";
import { type Right, RIGHTS } from "../../transfer/rights.ts";
import { type AccessEntry, AccessFileError, type CredentialKind } from "./access.ts";
import { parseKey } from "../keys.ts";
import { parseByteRate } from "../rate.ts";

/** Without `rights=`: existing files can be neither replaced nor removed. */
const DEFAULT_RIGHTS: readonly Right[] = ["read", "write", "list"];

/** The fields besides the name. */
const FIELDS = "rights=, folder=, quota= and limit=";

/** An observer of a token's proof can test guesses on it. */
const MIN_TOKEN_LENGTH = 16;

/** Reads a file of keys or of tokens; `file` is its name for errors. Throws AccessFileError. */
export function parseAccess(text: string, { file, kind }: { file: string; kind: CredentialKind }): AccessEntry[] {
  const entries: AccessEntry[] = [];
  const lineOf = new Map<string, number>();
  for (const [index, line] of text.split("\n").entries()) {
    const [secret, ...words] = wordsOf(line);
    if (secret === undefined) continue;
    const first = lineOf.get(secret);
    const entry = first === undefined
      ? parseEntry({ secret, words, kind, defaultName: `${kind} on line ${index + 1}` })
      : `this ${kind} is already on line ${first}`;
    if (typeof entry === "string") throw new AccessFileError(kind, `${file}, line ${index + 1}: ${entry}`);
    lineOf.set(secret, index + 1);
    entries.push(entry);
  }
  return entries;
}

/** The words of a line, up to one that begins a comment. */
function wordsOf(line: string): string[] {
  const words = line.trim().split(/\s+/).filter((word) => word !== "");
  const comment = words.findIndex((word) => word.startsWith("#"));
  return comment < 0 ? words : words.slice(0, comment);
}

interface Line {
  readonly secret: string;
  readonly words: readonly string[];
  readonly kind: CredentialKind;
  readonly defaultName: string;
}

/** The entry, or what is wrong with it. */
function parseEntry({ secret: text, words, kind, defaultName }: Line): AccessEntry | string {
  const secret = kind === "key" ? parseKey(text) : new TextEncoder().encode(text);
  if (secret === undefined) return `"${text}" is not a key; a key is the 43 characters that "sluice key" prints`;
  if (kind === "token" && text.length < MIN_TOKEN_LENGTH) {
    return `a token of less than ${MIN_TOKEN_LENGTH} characters can be guessed; make a longer one`;
  }
  const fields: Fields = {};
  for (const word of words) {
    const problem = readField(word, fields);
    if (problem !== undefined) return problem;
  }
  const { bytesPerSecond, folder, name = defaultName, quotaBytes, rights = DEFAULT_RIGHTS } = fields;
  const limit = bytesPerSecond === undefined ? {} : { bytesPerSecond };
  return { kind, secret, name, rights, folder, quotaBytes, ...limit };
}

interface Fields {
  name?: string;
  rights?: readonly Right[];
  folder?: string;
  quotaBytes?: number;
  bytesPerSecond?: number;
}

/** Reads one word into the fields; returns what is wrong with it, if anything. */
function readField(word: string, fields: Fields): string | undefined {
  const [field, value] = word.includes("=") ? [word.slice(0, word.indexOf("=")), word.slice(word.indexOf("=") + 1)] : [
    "name",
    word,
  ];
  switch (field) {
    case "name":
      if (fields.name !== undefined) return `"${word}" is a second name; other fields are ${FIELDS}`;
      fields.name = value!;
      return undefined;
    case "rights":
      if (fields.rights !== undefined) return "rights= is given twice";
      return readRights(value!, fields);
    case "folder":
      if (fields.folder !== undefined) return "folder= is given twice";
      fields.folder = value!;
      return checkFolder(value!);
    case "quota": {
      if (fields.quotaBytes !== undefined) return "quota= is given twice";
      const bytes = parseBytes(value!);
      if (bytes === undefined) {
        return `"${value}" is not a size; a quota is a number of bytes, such as 500M, 10G or 1.5T`;
      }
      fields.quotaBytes = bytes;
      return undefined;
    }
    case "limit":
      if (fields.bytesPerSecond !== undefined) return "limit= is given twice";
      return readLimit(value!, fields);
    default:
      return `"${field}=" is not known; the fields are ${FIELDS}`;
  }
}

function readLimit(value: string, fields: Fields): string | undefined {
  const rate = parseByteRate(value);
  if (typeof rate !== "number") return `"${value}": ${rate.error}`;
  fields.bytesPerSecond = rate;
  return undefined;
}

function readRights(value: string, fields: Fields): string | undefined {
  const rights = value.split(",");
  const unknown = rights.find((right) => !isRight(right));
  if (unknown !== undefined) return `"${unknown}" is not a right; the rights are ${RIGHTS.join(", ")}`;
  fields.rights = rights.filter(isRight);
  return undefined;
}

function isRight(text: string): text is Right {
  return (RIGHTS as readonly string[]).includes(text);
}

function checkFolder(name: string): string | undefined {
  // The same file works on every server.
  const problem = checkFileName(name) ?? checkLocalName(name, "windows");
  return problem && `"${name}" cannot be a folder in the server's root: ${problem}`;
}

/** "10G", "1.5TB", "4096": bytes with a decimal prefix; undefined for anything else. */
function parseBytes(text: string): number | undefined {
  const bytes = parseDecimal(text.replace(/b$/i, ""));
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}
