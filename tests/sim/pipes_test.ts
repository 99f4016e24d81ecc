import assert from "node:assert/strict";
import { World } from "../../sim/world.ts";
import { MB, MBIT, SECOND_US } from "./scenario.ts";

/** Seconds that a file takes to arrive, whole. */
async function seconds(options: { loss: number; isPipe: boolean; seed: number }): Promise<number> {
  const { loss, isPipe, seed } = options;
  const rateBitsPerSecond = 100 * MBIT;
  const roundTripUs = 100_000;
  const queueBytes = rateBitsPerSecond / 8e6 * roundTripUs;
  const link = { rateBitsPerSecond, delayUs: roundTripUs / 2, queueBytes, loss };
  const goals = [{ kind: "put", name: "file", sizeBytes: 20 * MB, isPipe }] as const;
  const world = new World({ seed, up: link, down: link, clients: [{ goals }] });
  assert(await world.run(100 * SECOND_US), "it has no outcome");
  const [result] = world.results;
  assert.equal(result!.outcome.kind, "done");
  return (result!.endUs - result!.startUs) / SECOND_US;
}

for (const loss of [0, 0.01, 0.05]) {
  Deno.test(`a pipe is as fast as a file on a long link that loses ${loss * 100} %`, async () => {
    for (const seed of [1, 2]) {
      const [file, pipe] = [await seconds({ loss, isPipe: false, seed }), await seconds({ loss, isPipe: true, seed })];
      assert.ok(pipe <= 1.25 * file, `seed ${seed}: ${pipe} s from a pipe, ${file} s from a file`);
    }
  });
}
