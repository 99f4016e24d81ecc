/**
 * The folder in which the user stands. `deno task` runs a command in the folder of `deno.json`, wherever it is typed, and
 * leaves in INIT_CWD where that was.
 *
 * @module
 */

import { readableEnvironment } from "./state_folder.ts";

/**
 * Makes the user's folder the current one, if a task has started the program, whose sources are in `programFolder`. INIT_CWD
 * alone does not tell: a script of npm that runs a program has it, too, and runs in a folder of its own choice.
 * Returns why it cannot, in words, or nothing.
 */
export function enterUsersFolder(programFolder: string | undefined): string | undefined {
  const folder = readableEnvironment("INIT_CWD");
  if (folder === undefined || folder === "" || programFolder === undefined || !isCurrent(programFolder)) {
    return undefined;
  }
  try {
    Deno.chdir(folder);
    return undefined;
  } catch (error) {
    return `cannot work in ${folder}: ${error instanceof Error ? error.message : String(error)}`;
  }
}

function isCurrent(folder: string): boolean {
  try {
    return Deno.realPathSync(folder) === Deno.realPathSync(".");
  } catch {
    // An executable has its sources nowhere on the disk, and may be without the permission to look.
    return false;
  }
}
