/**
 * Applies mutants to a copy of the checkout and runs the tests that have to catch them.
 *
 * @module
 */

import fs from "node:fs";
import path from "node:path";
import { type Mutant, mutate, testOf } from "./mutant.ts";

/** Tests that hang with a mutant are stopped after this time; without one, each file takes seconds. */
const LIMIT_MS = 180_000;

/** Folders of the checkout that no test reads. */
const NOT_COPIED = new Set([".git", "node_modules", "dist", "storage", "coverage"]);

/** The result of a test run. */
export interface TestRun {
  /** broken: a file cannot be loaded, which says nothing about what it tests. */
  readonly kind: "passed" | "failed" | "timed-out" | "broken";
  /** The first test that failed, where the output names one. */
  readonly failed: string | undefined;
  readonly output: string;
}

/** Copies the checkout at `root` to `folder`, changes that are not committed included. */
export function copyCheckout(root: string, folder: string): void {
  for (const name of fs.readdirSync(root)) {
    if (!NOT_COPIED.has(name)) fs.cpSync(path.join(root, name), path.join(folder, name), { recursive: true });
  }
}

/** Runs test files of the checkout at `folder`, until a test fails or `limitMs` have passed. */
export async function runTests(folder: string, files: readonly string[], limitMs = LIMIT_MS): Promise<TestRun> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["test", "-P", "--no-prompt", "--no-check", "--fail-fast", ...files],
    cwd: folder,
    env: { NO_COLOR: "1" },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let isOver = false;
  const timer = setTimeout(() => {
    isOver = true;
    child.kill("SIGKILL");
  }, limitMs);
  const [stdout, stderr, { success }] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.status,
  ]);
  clearTimeout(timer);
  const output = stdout + stderr;
  if (success) return { kind: "passed", failed: undefined, output };
  if (isOver) return { kind: "timed-out", failed: undefined, output };
  // Deno prints this line once the file is loaded. A mutant that keeps it from loading is no mistake that a test finds.
  const isLoaded = /^running \d+ tests? from /m.test(output);
  const failed = /^(.+) => \.\/\S+:\d+:\d+$/m.exec(output.slice(output.indexOf("\n ERRORS \n") + 1))?.[1];
  return { kind: isLoaded ? "failed" : "broken", failed, output };
}

/** Applies a mutant to the checkout at `folder`, runs its test file, and restores the source. */
export async function tryMutant(folder: string, mutant: Mutant): Promise<TestRun> {
  const file = path.join(folder, mutant.file);
  const source = fs.readFileSync(file, "utf8");
  fs.writeFileSync(file, mutate(source, mutant));
  try {
    return await runTests(folder, [testOf(mutant)]);
  } finally {
    fs.writeFileSync(file, source);
  }
}
