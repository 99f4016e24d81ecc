/**
 * How this program was built: for reports of mistakes.
 *
 * @module
 */

/** What the tools that build the programs put in front of their arguments. */
const BUILD_ARGUMENT = /^--build=(?<commit>[0-9a-f]{7,40})$/;

/** Digits of a commit that are shown. */
const SHOWN_DIGITS = 10;

/** The arguments without that of the build, and the commit that it names. */
export function takeBuildArgument(args: readonly string[]): { args: readonly string[]; commit: string | undefined } {
  const commit = BUILD_ARGUMENT.exec(args[0] ?? "")?.groups?.commit?.slice(0, SHOWN_DIGITS);
  return { args: commit === undefined ? args : args.slice(1), commit };
}

/** The commit that a clone is at; undefined if the sources are in none, or are at no commit that its files name at once. */
export function commitOfClone(folder: string | undefined): string | undefined {
  try {
    const git = `${folder}/.git`;
    const head = Deno.readTextFileSync(`${git}/HEAD`).trim();
    const commit = head.startsWith("ref: ") ? Deno.readTextFileSync(`${git}/${head.slice(5)}`).trim() : head;
    return /^[0-9a-f]{40}$/.test(commit) ? commit.slice(0, SHOWN_DIGITS) : undefined;
  } catch {
    return undefined;
  }
}
