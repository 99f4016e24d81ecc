/**
 * Programs whose clock is fast by more than partial files are kept: what they find is stale.
 *
 * @module
 */

import { type Launch, launchOfTask } from "../programs/programs.ts";

/** A day more than partial files are kept. */
const LATER_MS = 8 * 24 * 60 * 60 * 1000;

/** How the task of this name runs its program, eight days from now. Writes a file that it needs to `preload`. */
export async function launchLater(task: string, preload: string): Promise<Launch> {
  await Deno.writeTextFile(preload, `const now = Date.now;\nDate.now = () => now() + ${LATER_MS};\n`);
  const { command, args: [run, ...args] } = await launchOfTask(task);
  return { command, args: [run!, "--preload", preload, ...args] };
}
