/**
 * How much the tests try: some cases of each kind in `deno task test`, all of them in the gate (`deno task ok`,
 * `.ci/run`), which sets SLUICE_TESTS=all. Only tests that repeat one check over many seeds or links make a difference.
 *
 * @module
 */

/** Whether all cases are tried. */
export const isThorough: boolean = Deno.env.get("SLUICE_TESTS") === "all";

/** The cases to try: all of them in the gate, otherwise the first few. */
export function sample<Case>(cases: readonly Case[], few: number): readonly Case[] {
  return isThorough ? cases : cases.slice(0, few);
}
