import assert from "node:assert/strict";
import { World } from "../../sim/world.ts";

const SECOND_US = 1_000_000;

Deno.test("World: a thousand clients at once, each with a small file up and one down, all are served", async () => {
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
  // Of the handshakes 300 can be ended at once, and as many in each second; then a request, and a repair by a probe.
  assert(world.endUs <= 6 * SECOND_US, `the last one was served at ${world.endUs} us`);
  await world.finish();
});

Deno.test("World: clients that come and go by the hundred leave nothing behind at the server", async () => {
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
  // Ten come in a second, and each stays for its transfer and the three PTO after it.
  assert(most > 0 && most <= 60, `${most} connections at once`);
  await world.finish();
});
