/** Bursts towards a receiver that says how much its socket's buffer holds, on fast links. */

import assert from "node:assert/strict";
import { measure } from "./goals.ts";

const MB = 1_000_000;
const GBIT = 1_000_000_000;
const FAST = { rateBitsPerSecond: 4 * GBIT, delayUs: 500 };

/** What a transfer takes of the link, and what of it the queue dropped, with timers of 2.1 ms. */
function transfer(queueBytes: number, receiveBurstBytes: number) {
  const config = { timerTickUs: 2_100, receiveBurstBytes, maxJumboBytes: 1_472 };
  return measure({ ...FAST, queueBytes }, { seed: 1, sizeBytes: 40 * MB, config });
}

Deno.test("World: long bursts make a fast link with a long queue no slower, and lose nothing", async () => {
  const [short, long] = [await transfer(2 * MB, 65_536), await transfer(2 * MB, MB)];
  assert(long.share >= short.share, `${long.share}, against ${short.share}`);
  assert(long.retransmittedShare <= short.retransmittedShare + 0.001, `${long.retransmittedShare}`);
});

Deno.test("World: long bursts cost little where the link's queue does not hold them", async () => {
  const [short, long] = [await transfer(128_000, 65_536), await transfer(128_000, MB)];
  assert(long.share >= 0.95 * short.share, `${long.share}, against ${short.share}`);
  assert(long.retransmittedShare <= short.retransmittedShare + 0.02, `${long.retransmittedShare}`);
});
