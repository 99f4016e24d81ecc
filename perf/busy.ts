/**
 * Keeps a core busy, as another program on the machine would, until its standard input is closed.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import { printLine, untilInputEnds } from "./lines.ts";

/** It looks this often whether it is to end, milliseconds. */
const TURN_MS = 10;

function spin(): void {
  const endMs = performance.now() + TURN_MS;
  while (performance.now() < endMs) { /* that is its work */ }
  setImmediate(spin);
}

if (import.meta.main) {
  void untilInputEnds().then(() => Deno.exit(0));
  printLine({ kind: "ready" });
  spin();
}
