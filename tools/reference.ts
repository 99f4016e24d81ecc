/**
 * Writes the reference page and the man pages from the definitions of the command line:
 *
 *     deno task reference    docs/REFERENCE.md, and dist/man/*.1
 *
 * `man -l dist/man/sluice.1` shows one; packages put them into share/man/man1.
 *
 * @module
 */

import path from "node:path";
import { manFileOf, manPageOf } from "./reference/man.ts";
import { markdownOf } from "./reference/markdown.ts";
import { REFERENCE_VERSION, referencePages } from "./reference/model.ts";
import { print, runTool } from "./tool.ts";

const USAGE = "usage: deno task reference";

const ROOT = path.join(import.meta.dirname!, "..");

async function main(): Promise<number> {
  const pages = referencePages();
  await Deno.writeTextFile(path.join(ROOT, "docs", "REFERENCE.md"), markdownOf(pages));
  const folder = path.join(ROOT, "dist", "man");
  await Deno.mkdir(folder, { recursive: true });
  for (const page of pages) {
    const text = manPageOf(page, { version: REFERENCE_VERSION, others: pages });
    await Deno.writeTextFile(path.join(folder, manFileOf(page)), text);
  }
  print(`wrote docs/REFERENCE.md and ${pages.length} man pages in dist/man`);
  return 0;
}

if (import.meta.main) await runTool(USAGE, main);
