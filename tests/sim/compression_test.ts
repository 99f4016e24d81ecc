/**
 * Compressed files over long links: they are faster than others by what they shrink, although their parts are read in
 * order, and take little memory. The files here take half the space.
 *
 * @module
 */

import assert from "node:assert/strict";
import { World } from "../../sim/world.ts";
import { MB, MBIT, SECOND_US } from "./scenario.ts";

const SIZE_BYTES = 60 * MB;
const ROUND_TRIP_US = 200_000;

async function transfer(
  kind: "put" | "get",
  { compress, loss, rateBitsPerSecond }: { compress: boolean; loss: number; rateBitsPerSecond: number },
): Promise<{ timeUs: number; wireBytes: number; mostMemoryBytes: number }> {
  const link = {
    rateBitsPerSecond,
    delayUs: ROUND_TRIP_US / 2,
    queueBytes: rateBitsPerSecond / 8e6 * ROUND_TRIP_US,
    loss,
  };
  const clients = [{ goals: [{ kind, name: "file", sizeBytes: SIZE_BYTES, shrinks: true }], compress }];
  const world = new World({ seed: 1, up: link, down: link, clients });
  let mostMemoryBytes = 0;
  for (let atUs = 0; atUs < 60 * SECOND_US; atUs += 10_000) {
    world.at(atUs, () => {
      for (const { streamMemoryBytes } of world.server.connections) {
        mostMemoryBytes = Math.max(mostMemoryBytes, streamMemoryBytes);
      }
    });
  }
  assert(await world.run(120 * SECOND_US), "it was not done");
  assert.equal(world.results[0]!.outcome.kind, "done");
  const { bytesSent, bytesReceived } = world.statsOf(0);
  const cost = { timeUs: world.endUs, wireBytes: bytesSent + bytesReceived, mostMemoryBytes };
  // This compares the content.
  await world.finish();
  return cost;
}

for (const kind of ["put", "get"] as const) {
  for (const loss of [0, 0.01]) {
    Deno.test(`World: a ${kind} in chunks over 20 Mbit/s, 200 ms and ${100 * loss} % loss takes half the time of a plain one`, async () => {
      const link = { loss, rateBitsPerSecond: 20 * MBIT };
      const plain = await transfer(kind, { ...link, compress: false });
      const chunks = await transfer(kind, { ...link, compress: true });
      const message = `${JSON.stringify(chunks)}, and plain ${JSON.stringify(plain)}`;
      assert(chunks.timeUs < 0.65 * plain.timeUs, message);
      assert(chunks.wireBytes < 0.6 * plain.wireBytes, message);
      assert(chunks.mostMemoryBytes < 3 * MB, message);
    });
  }
}
