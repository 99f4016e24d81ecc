/**
 * What the pure folders may not use: clock, chance, waiting, the outside world. They get time, randomness and bytes
 * as arguments, so that a simulation can run them from a seed. Some may wait, for what they are given.
 *
 * @module
 */

import { codeOf, importsOf } from "./source_file.ts";

/** Globals that let the world in. Names after a dot or a `#` are somebody's own. */
const IMPURE = [
  "Deno",
  "Date",
  "Temporal",
  "performance",
  "setTimeout",
  "setInterval",
  "setImmediate",
  "queueMicrotask",
  "console",
  "fetch",
  "crypto",
  "navigator",
  "globalThis",
  "Worker",
  "WebSocket",
];
/** What waits. A folder may have it that waits for nothing but what it is given. */
const WAITING = ["async", "await", "Promise"];

function anyOf(names: readonly string[]): RegExp {
  return new RegExp(`(?<![.#\\w$])(?:${names.join("|")}|Math\\s*\\.\\s*random|process(?=\\s*\\.))(?![\\w$])`, "g");
}

const IMPURE_NAME = anyOf(IMPURE);
const IMPURE_OR_WAITING = anyOf([...IMPURE, ...WAITING]);

/** Functions of the same result for the same arguments, by the module that has them. */
const PURE_IMPORTS: ReadonlyMap<string, readonly string[]> = new Map([
  ["node:crypto", [
    "createHash",
    "createHmac",
    "createPrivateKey",
    "createPublicKey",
    "diffieHellman",
    "hkdfSync",
    "KeyObject",
    "timingSafeEqual",
  ]],
  ["node:buffer", ["Buffer"]],
  ["node:zlib", ["crc32"]],
  ["node:path", ["basename", "dirname", "join", "sep"]],
]);

/** What a file of a pure folder uses that it may not; with `mayWait` it may be asynchronous. */
export function impurities(text: string, { mayWait = false }: { readonly mayWait?: boolean } = {}): string[] {
  const found: string[] = [];
  for (const match of codeOf(text).matchAll(mayWait ? IMPURE_NAME : IMPURE_OR_WAITING)) found.push(match[0]);
  for (const { specifier, names } of importsOf(text)) {
    if (specifier.startsWith(".")) continue;
    const allowed = PURE_IMPORTS.get(specifier) ?? [];
    if (names.length === 0) found.push(`all of ${specifier}`);
    for (const name of names) if (!allowed.includes(name)) found.push(`${name} of ${specifier}`);
  }
  return found;
}
