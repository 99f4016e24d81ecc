import assert from "node:assert/strict";
import { World } from "../../sim/world.ts";

const SECOND_US = 1_000_000;

Deno.test("World: a thousand concurrent clients with a small upload and download each are all served", async () => {
  const count = 1000;
  const link = { rateBitsPerSecond: 10_000_000, delayUs: 20_000, queueBytes: 50_000, loss: 0.01 };
  const world = new World({
    seed: 1,
    up: link,
    down: link,
    clients: Array.from({ length: count }, (_, i) => ({
      goals: [
        { kind: "put" as const, name: `up-${i}`, sizeBytes: (i * 37) % 5000 },
        { kind: "get" as const, name: `down-${i % 20}`, sizeBytes: (i % 20) * 500 },
      ],
    })),
  });
  assert(await world.run(30 * SECOND_US));
  assert.equal(world.results.length, 2 * count);
  assert(world.results.every(({ outcome }) => outcome.kind === "done"));
  assert.equal(world.server.events.get("received"), count);
  // The limit is 300 handshakes at once, and as many per second; then come a request and a retransmission by a probe.
  assert(world.endUs <= 6 * SECOND_US, `the last one was served at ${world.endUs} us`);
  await world.finish();
});

Deno.test("World: clients whose program is held up for seconds at a time connect, and send their files", async () => {
  const count = 50;
  const link = { rateBitsPerSecond: 100_000_000, delayUs: 150_000, queueBytes: 500_000, loss: 0.05 };
  const world = new World({
    seed: 3,
    up: link,
    down: link,
    clients: Array.from({ length: count }, (_, i) => ({
      goals: [{ kind: "put" as const, name: `file-${i}`, sizeBytes: 20_000 }],
      // As if the program began connections for longer than the handshake may take, and were as slow afterwards.
      processor: {
        runUs: { min: 200_000, max: 200_001 },
        awayUs: { min: 12 * SECOND_US, max: 12 * SECOND_US + 1 },
      },
    })),
  });
  assert(await world.run(600 * SECOND_US));
  assert.deepEqual(new Set(world.results.map(({ outcome }) => outcome.kind)), new Set(["done"]));
  await world.finish();
});

Deno.test("World: hundreds of successive clients leave no state at the server", async () => {
  const link = { rateBitsPerSecond: 10_000_000, delayUs: 5_000, queueBytes: 50_000 };
  const world = new World({
    seed: 2,
    up: link,
    down: link,
    clients: Array.from({ length: 300 }, (_, i) => ({
      goals: [{ kind: "put" as const, name: `file-${i}`, sizeBytes: 100 }],
      startUs: i * 100_000,
    })),
  });
  let most = 0;
  for (let i = 1; i < 60; i++) {
    world.at(i * SECOND_US / 2, () => {
      most = Math.max(most, world.server.connectionCount);
    });
  }
  assert(await world.run(60 * SECOND_US));
  // Ten come per second, and the state of each is kept for its transfer and three PTO.
  assert(most > 0 && most <= 60, `${most} connections at once`);
  await world.finish();
});
