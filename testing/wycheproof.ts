/**
 * The test vectors of Project Wycheproof (github.com/C2SP/wycheproof, Apache License 2.0), which are not part of this
 * repository. To run them, put the files `wycheproof-chacha20_poly1305.json` and `wycheproof-x25519.json` (there:
 * `chacha20_poly1305_test.json` and `x25519_test.json`) in a folder that the environment variable SLUICE_VECTORS names,
 * or in `shared/vectors` beside the checkout or a parent of it. Without the files, tests have no cases to run.
 *
 * @module
 */

import fs from "node:fs";
import path from "node:path";

const ROOT = path.join(import.meta.dirname!, "..");

/** What all cases have. */
interface Case {
  readonly tcId: number;
  readonly comment: string;
  readonly flags: readonly string[];
  readonly result: "valid" | "invalid" | "acceptable";
}

/** Authenticated encryption, in hex. */
export interface AeadCase extends Case {
  readonly key: string;
  readonly iv: string;
  readonly aad: string;
  readonly msg: string;
  readonly ct: string;
  readonly tag: string;
}

/** A Diffie-Hellman key exchange, in hex. */
export interface XdhCase extends Case {
  readonly public: string;
  readonly private: string;
  readonly shared: string;
}

/** The parts of a file of vectors that the tests use. */
interface VectorFile<C extends Case> {
  readonly numberOfTests: number;
  readonly testGroups: readonly { readonly tests: readonly C[] }[];
}

/** The vectors of a file, and a sentence for the name of the test that runs them. */
export interface Vectors<C extends Case> {
  readonly cases: readonly C[];
  readonly summary: string;
}

/**
 * All cases of `wycheproof-NAME.json`, or none if the file is absent. Throws if SLUICE_VECTORS is set and the file is not
 * there, or if the file does not have as many cases as it claims.
 */
export function readWycheproof(name: "chacha20_poly1305"): Vectors<AeadCase>;
export function readWycheproof(name: "x25519"): Vectors<XdhCase>;
export function readWycheproof(name: string): Vectors<Case> {
  const fileName = `wycheproof-${name}.json`;
  const folder = vectorFolders().find((each) => fs.existsSync(path.join(each, fileName)));
  if (folder === undefined) {
    const wanted = Deno.env.get("SLUICE_VECTORS");
    if (wanted !== undefined) throw new Error(`SLUICE_VECTORS is ${wanted}, where there is no ${fileName}`);
    return { cases: [], summary: `no cases, as ${fileName} was not found; see testing/wycheproof.ts` };
  }
  const file = JSON.parse(fs.readFileSync(path.join(folder, fileName), "utf8")) as VectorFile<Case>;
  const cases = file.testGroups.flatMap(({ tests }) => tests);
  if (cases.length !== file.numberOfTests) throw new Error(`${fileName} has ${cases.length} cases and claims others`);
  return { cases, summary: `${cases.length} cases` };
}

/** Where the vectors may be, the first choice first. */
function vectorFolders(): string[] {
  const named = Deno.env.get("SLUICE_VECTORS");
  if (named !== undefined) return [named];
  const folders: string[] = [];
  for (let at = ROOT, last = ""; at !== last; last = at, at = path.dirname(at)) {
    folders.push(path.join(at, "shared", "vectors"));
  }
  return folders;
}
