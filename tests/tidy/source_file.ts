/**
 * A source file as the house rules see it: its text, its code without comments and the insides of strings, its
 * imports, its exports and its functions. No parser of TypeScript, only as much of one as the rules need: what is a
 * comment, what is a string, and which braces belong together.
 *
 * @module
 */

/** An import or re-export. */
export interface Import {
  /** As it is written: `./stream.ts`, `node:zlib`. */
  readonly specifier: string;
  /** The names between the braces, as the other module calls them; empty for `import * as`, `export *` and `import()`. */
  readonly names: readonly string[];
}

/** A function with a body in braces. */
export interface FunctionSize {
  /** The line on which its header begins, from 1. */
  readonly line: number;
  readonly lines: number;
}

/** Regular expression literals begin where a value is expected: after one of these, or at the start. */
const BEFORE_REGEX = /(?:^|[=(,:;[!&|?{}+\-*%~<>]|\b(?:return|typeof|case|in|of|do|else|throw|await|yield))\s*$/;

/** The header of a brace block whose braces hold no statements. */
const CONTAINER = /\b(?:class|interface|namespace|module|enum|import|export\s*(?:type\s*)?)\b[^()]*$/;
const LITERAL = /(?:[=(,:[?|&<$]|\b(?:return|as|satisfies|extends|of|in|default))\s*$/;

/** Blocks of control flow count with the function that they are in; around tests they are in none. */
const CONTROL = /^\s*(?:\w+:\s*)?(?:if|else|for|while|do|switch|try|catch|finally)\b/;

/** Replaces all but line ends by spaces, so that offsets and lines stay. */
function blank(text: string): string {
  return text.replace(/[^\n]/g, " ");
}

/** Where the string, comment or regular expression that begins at `start` ends. */
function endOfLiteral(text: string, start: number, code: string): number | undefined {
  const two = text.slice(start, start + 2);
  if (two === "//") return endOr(text, text.indexOf("\n", start));
  if (two === "/*") return endOr(text, text.indexOf("*/", start + 2) + 2);
  const quote = text[start]!;
  if (quote === '"' || quote === "'") return endOfQuoted(text, start, quote);
  if (quote === "/" && BEFORE_REGEX.test(code.slice(-200))) return endOfRegex(text, start);
  return undefined;
}

function endOr(text: string, end: number): number {
  return end < 2 ? text.length : end;
}

function endOfQuoted(text: string, start: number, quote: string): number {
  let at = start + 1;
  while (at < text.length && text[at] !== quote) at += text[at] === "\\" ? 2 : 1;
  return Math.min(at + 1, text.length);
}

function endOfRegex(text: string, start: number): number {
  let at = start + 1;
  let isClass = false;
  while (at < text.length && (isClass || text[at] !== "/")) {
    if (text[at] === "[") isClass = true;
    else if (text[at] === "]") isClass = false;
    at += text[at] === "\\" ? 2 : 1;
  }
  return Math.min(at + 1, text.length);
}

/**
 * The code of a file: comments, regular expressions and the insides of strings are spaces; quotes, line ends and the
 * `${...}` of templates stay, and everything is where it was.
 */
export function codeOf(text: string): string {
  let code = "";
  let at = 0;
  /** For each template that is open, the depth of braces in its `${`; -1 while in its text. */
  const templates: number[] = [];
  while (at < text.length) {
    const inText = templates.at(-1) === -1;
    const character = text[at]!;
    if (inText) {
      if (character === "\\") code += blank(text.slice(at, at + 2));
      else if (text.startsWith("${", at)) templates[templates.length - 1] = 0;
      else if (character === "`") templates.pop();
      code += character === "\\" ? "" : character === "`" || text.startsWith("${", at) ? character : blank(character);
      at += character === "\\" ? 2 : 1;
      continue;
    }
    const end = endOfLiteral(text, at, code);
    if (end !== undefined) {
      const literal = text.slice(at, end);
      const isString = character === '"' || character === "'";
      code += isString ? character + blank(literal.slice(1, -1)) + character : blank(literal);
      at = end;
      continue;
    }
    if (character === "`") templates.push(-1);
    else if (templates.length > 0) trackBraces(templates, character);
    code += character;
    at++;
  }
  return code;
}

/** A brace inside `${...}`: the one that closes it goes back to the template's text. The `{` of `${` counts as one. */
function trackBraces(templates: number[], character: string): void {
  const depth = templates.at(-1)!;
  if (character === "{") templates[templates.length - 1] = depth + 1;
  else if (character === "}") templates[templates.length - 1] = depth === 1 ? -1 : depth - 1;
}

/** What a file imports, type-only imports included. */
export function importsOf(text: string): Import[] {
  const code = codeOf(text);
  const imports: Import[] = [];
  const forms = /\b(?:import|export)\b(?<clause>[\s\w$*,{}]*?)\bfrom\s*["']|\bimport\s*\(?\s*["']/g;
  for (const match of code.matchAll(forms)) {
    const start = match.index + match[0].length;
    const specifier = text.slice(start, code.slice(start).search(/["']/) + start);
    const braces = /\{([^}]*)\}/.exec(match.groups?.clause ?? "")?.[1] ?? "";
    const names = braces.split(",").map((part) => part.trim().replace(/^type\s+/, "").split(/\s/)[0]!).filter(Boolean);
    imports.push({ specifier, names });
  }
  return imports;
}

/** Functions with a body in braces, methods and arrow functions too, longer than so many lines; the outermost only. */
export function longFunctions(text: string, maxLines: number): FunctionSize[] {
  const code = codeOf(text);
  const found: FunctionSize[] = [];
  const open: { readonly at: number; readonly header: number; readonly isFunction: boolean }[] = [];
  let foundUntil = 0;
  // A block ends after the blocks in it, so the outer ones are looked at last and replace what was found inside.
  for (let at = 0; at < code.length; at++) {
    if (code[at] === "{") open.push(blockAt(code, at));
    if (code[at] !== "}") continue;
    const block = open.pop();
    if (block === undefined || !block.isFunction) continue;
    const line = lineOf(code, block.header);
    const lines = lineOf(code, at) - line + 1;
    if (lines <= maxLines) continue;
    while (foundUntil > 0 && found[foundUntil - 1]!.line > line) found.length = --foundUntil;
    found.push({ line, lines });
    foundUntil = found.length;
  }
  return found;
}

/** What kind of block opens at a brace, and where the statement begins that it belongs to. */
function blockAt(code: string, at: number): { at: number; header: number; isFunction: boolean } {
  let start = at - 1;
  let parentheses = 0;
  for (; start >= 0; start--) {
    const character = code[start]!;
    if (character === ")") parentheses++;
    else if (character === "(") parentheses--;
    else if (parentheses <= 0 && ";{}".includes(character)) break;
  }
  const header = code.slice(start + 1, at);
  const isFunction = !LITERAL.test(header) && !CONTAINER.test(header) && !CONTROL.test(header);
  return { at, header: start + 1 + header.length - header.trimStart().length, isFunction };
}

function lineOf(text: string, at: number): number {
  let line = 1;
  for (let i = text.indexOf("\n"); i >= 0 && i < at; i = text.indexOf("\n", i + 1)) line++;
  return line;
}

/** Exported declarations without a doc comment: their first lines. Overloads after the first need none. */
export function undocumentedExports(text: string): string[] {
  const lines = text.split("\n");
  const missing: string[] = [];
  const declaration =
    /^export (?:declare |abstract |async |default )*(?:class|const|function\*?|interface|let|type)\s+(\w+)/;
  lines.forEach((line, index) => {
    const name = declaration.exec(line)?.[1];
    if (name === undefined) return;
    let before = index - 1;
    while (/^\/\/ deno-(?:lint|fmt)-ignore/.test(lines[before] ?? "")) before--;
    const isOverload = lines.slice(0, index).some((other) => other.startsWith(`export function ${name}(`));
    if (!isOverload && !(lines[before] ?? "").trimEnd().endsWith("*/")) missing.push(`${index + 1}: ${line}`);
  });
  return missing;
}
