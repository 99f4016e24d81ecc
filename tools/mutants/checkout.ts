/**
 * Copies of this checkout in which sources may be broken: the files that people write, and nothing that was made.
 *
 * @module
 */

import fs from "node:fs";
import path from "node:path";
import { type Mutant, mutate } from "./mutant.ts";

/** Where tests are that can catch a mutant. The others start programs, or look at how sources are written. */
const TEST_FOLDERS = ["tests/unit/", "tests/connection/", "tests/wire/", "tests/fuzz/", "tests/sim/"];

/** Tests of the mutants' own texts, which one that is applied no longer has. */
const OWN_TESTS = "tests/unit/tools/mutants";

/** Where there is no git, what is not copied. */
const NOT_SOURCES = new Set(["node_modules", "dist", "storage", "coverage", ".git"]);

/** The files that belong to the checkout at `root`, by their paths from there, those not committed yet included. */
export function sourceFiles(root: string): string[] {
  const args = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
  try {
    const { success, stdout } = new Deno.Command("git", { args, cwd: root, stderr: "null" }).outputSync();
    const files = success ? new TextDecoder().decode(stdout).split("\0") : [];
    // What was deleted and not committed is listed, too.
    if (success) return files.filter((file) => file !== "" && fs.existsSync(path.join(root, file)));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return filesBelow(root, "");
}

function filesBelow(root: string, folder: string): string[] {
  return fs.readdirSync(path.join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const file = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) return NOT_SOURCES.has(entry.name) ? [] : filesBelow(root, file);
    return entry.isFile() ? [file] : [];
  });
}

/** Of these files, the tests that can catch a mutant. */
export function testsAmong(files: readonly string[]): string[] {
  return files.filter((file) =>
    file.endsWith("_test.ts") && !file.startsWith(OWN_TESTS) && TEST_FOLDERS.some((folder) => file.startsWith(folder))
  ).sort();
}

/** A copy of a checkout, in a folder of its own. */
export class Checkout {
  readonly folder: string;

  /** Copies `files` from `root` to `folder`, which is made. */
  constructor(folder: string, { root, files }: { root: string; files: readonly string[] }) {
    this.folder = folder;
    for (const file of files) {
      const to = path.join(folder, file);
      fs.mkdirSync(path.dirname(to), { recursive: true });
      fs.copyFileSync(path.join(root, file), to);
    }
  }

  /** Breaks a source for as long as `work` takes. Throws Error where the mutant does not fit it. */
  async withMutant<Result>(mutant: Mutant, work: () => Promise<Result>): Promise<Result> {
    const file = path.join(this.folder, mutant.file);
    const source = fs.readFileSync(file, "utf8");
    fs.writeFileSync(file, mutate(source, mutant));
    try {
      return await work();
    } finally {
      fs.writeFileSync(file, source);
    }
  }
}
