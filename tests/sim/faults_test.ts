import assert from "node:assert/strict";
import type { LinkOptions } from "../../netem/link.ts";
import type { Goal } from "../../sim/client_host.ts";
import { World } from "../../sim/world.ts";

const SECOND_US = 1_000_000;
const LINK: LinkOptions = { rateBitsPerSecond: 20_000_000, delayUs: 20_000, queueBytes: 100_000 };
const DEAD: LinkOptions = { loss: 1 };

function oneClient(goal: Goal, options: { seed?: number; link?: LinkOptions; commitUs?: number } = {}): World {
  const { seed = 1, link = LINK, commitUs = 0 } = options;
  return new World({ seed, up: link, down: link, commitUs, clients: [{ goals: [goal] }] });
}

const BOTH = ["put", "get"] as const;

for (const kind of BOTH) {
  Deno.test(`World: a ${kind} over a link that fails for good ends at both endpoints by the idle timeout`, async () => {
    const world = oneClient({ kind, name: "file", sizeBytes: 5_000_000 });
    world.at(SECOND_US, () => {
      world.linkOf(0).up.change(DEAD);
      world.linkOf(0).down.change(DEAD);
    });
    assert(await world.run(100 * SECOND_US));
    assert.equal(world.results[0]!.outcome.kind, "failed");
    assert.deepEqual(world.clients[0]!.closeReason, { kind: "idle-timeout" });
    assert(world.endUs >= 60 * SECOND_US && world.endUs <= 65 * SECOND_US, `it took until ${world.endUs} us`);
    await world.finish();
    assert.equal(world.server.events.get("failed"), 1);
    assert.equal(
      kind === "put" ? world.server.contents("file") : world.clients[0]!.contents("file"),
      undefined,
    );
  });

  Deno.test(`World: a ${kind} whose server vanishes for good ends by the idle timeout`, async () => {
    const world = oneClient({ kind, name: "file", sizeBytes: 5_000_000 });
    world.at(SECOND_US, () => world.server.kill());
    assert(await world.run(100 * SECOND_US));
    assert.equal(world.results[0]!.outcome.kind, "failed");
    assert.deepEqual(world.clients[0]!.closeReason, { kind: "idle-timeout" });
    await world.finish();
  });

  Deno.test(`World: a ${kind} whose server restarts is told at once, and no partial file stays`, async () => {
    const world = oneClient({ kind, name: "file", sizeBytes: 5_000_000 });
    world.at(SECOND_US, () => world.server.kill());
    world.at(SECOND_US + 200_000, () => world.restartServer());
    assert(await world.run(100 * SECOND_US));
    assert.equal(world.results[0]!.outcome.kind, "failed");
    assert.deepEqual(world.clients[0]!.closeReason, { kind: "reset" });
    // A receiving client sends only the PINGs of its keep-alive, to which the reset is the response.
    const limitUs = kind === "put" ? 4 * SECOND_US : 9 * SECOND_US;
    assert(world.endUs <= limitUs, `it took until ${world.endUs} us`);
    await world.finish();
  });

  Deno.test(`World: a ${kind} whose client vanishes leaves at the server at most what can be resumed`, async () => {
    const world = oneClient({ kind, name: "file", sizeBytes: 5_000_000 });
    world.at(SECOND_US, () => world.clients[0]!.kill());
    await world.runUntil(100 * SECOND_US);
    assert.equal(world.results.length, 0);
    assert.equal(world.server.connectionCount, 0);
    assert.equal(world.server.disk.openDescriptors, 0);
    assert.equal(world.server.disk.temporaryFiles, kind === "put" ? 1 : 0);
    assert.equal(world.server.events.get("failed"), 1);
    assert.equal(kind === "put" ? world.server.contents("file") : undefined, undefined);
  });

  Deno.test(`World: a ${kind} whose client aborts leaves nothing anywhere, and the server is told`, async () => {
    const world = oneClient({ kind, name: "file", sizeBytes: 5_000_000 });
    world.at(SECOND_US, () => world.clients[0]!.cancel());
    assert(await world.run(10 * SECOND_US));
    assert.equal(world.results[0]!.outcome.kind, "interrupted");
    assert.equal(world.endUs, SECOND_US);
    await world.runUntil(2 * SECOND_US);
    assert.equal(world.server.disk.openDescriptors, 0);
    assert.equal(world.server.events.get("failed"), 1);
    await world.finish();
  });

  Deno.test(`World: a ${kind} whose server closes its connections ends with the server's reason`, async () => {
    const world = oneClient({ kind, name: "file", sizeBytes: 5_000_000 });
    world.at(SECOND_US, () => world.server.stop(0));
    assert(await world.run(10 * SECOND_US));
    const { outcome } = world.results[0]!;
    assert(outcome.kind === "failed");
    assert.match(outcome.message, /the server is shutting down/);
    await world.finish();
  });
}

Deno.test("World: a missing server is reported within the handshake timeout", async () => {
  const world = oneClient({ kind: "put", name: "file", sizeBytes: 1000 }, { link: DEAD });
  assert(await world.run(60 * SECOND_US));
  assert.equal(world.results[0]!.outcome.kind, "unreachable");
  assert.equal(world.endUs, 10 * SECOND_US);
  await world.finish();
});

Deno.test("World: a stopping server finishes its transfers and refuses new requests", async () => {
  const world = new World({
    seed: 1,
    up: LINK,
    down: LINK,
    clients: [
      { goals: [{ kind: "put", name: "old", sizeBytes: 3_000_000 }] },
      { goals: [{ kind: "put", name: "new", sizeBytes: 1000 }], startUs: SECOND_US },
    ],
  });
  world.at(SECOND_US / 2, () => world.server.stop(60_000));
  assert(await world.run(20 * SECOND_US));
  await world.finish();
  const [refused, done] = [1, 0].map((client) => world.results.find((result) => result.client === client)!);
  assert.equal(refused!.outcome.kind, "refused");
  assert.equal(done!.outcome.kind, "done");
});

Deno.test("World: a full disk ends a put with an explanation, and no partial file stays", async () => {
  const world = oneClient({ kind: "put", name: "file", sizeBytes: 3_000_000 });
  world.at(SECOND_US / 2, () => {
    world.server.disk.meter.faults = { capacityBytes: 10 };
  });
  assert(await world.run(20 * SECOND_US));
  const { outcome } = world.results[0]!;
  assert(outcome.kind === "refused", outcome.kind);
  assert.match(outcome.message, /the disk is full/);
  await world.finish();
  assert.equal(world.server.contents("file"), undefined);
});

Deno.test("World: a file that changes while it is sent is never accepted as complete", async () => {
  const world = oneClient({ kind: "get", name: "file", sizeBytes: 3_000_000 });
  world.at(SECOND_US / 2, () => world.server.put("file", new Uint8Array(3_000_000), { modifiedMs: 5000 }));
  assert(await world.run(20 * SECOND_US));
  assert.equal(world.results[0]!.outcome.kind, "failed");
  assert.equal(world.clients[0]!.contents("file"), undefined);
  await world.finish();
});

Deno.test("World: of two puts of one name one wins, the other is refused, and nothing is mixed", async () => {
  const world = new World({
    seed: 1,
    up: LINK,
    down: LINK,
    clients: [0, 1].map(() => ({ goals: [{ kind: "put" as const, name: "same", sizeBytes: 500_000 }] })),
  });
  assert(await world.run(20 * SECOND_US));
  await world.finish();
  assert.deepEqual(world.results.map(({ outcome }) => outcome.kind).sort(), ["done", "refused"]);
});

Deno.test("World: a put that was verified is stored, even if its client vanished before it was told", async () => {
  const world = oneClient({ kind: "put", name: "file", sizeBytes: 100_000 }, { commitUs: 500_000 });
  world.at(400_000, () => world.linkOf(0).down.change(DEAD));
  assert(await world.run(200 * SECOND_US));
  assert.equal(world.results[0]!.outcome.kind, "failed");
  await world.finish();
  assert.equal(world.server.contents("file")?.length, 100_000);
});

Deno.test("World: a server killed while its disk was busy has no partial file after its restart", async () => {
  const world = oneClient({ kind: "put", name: "file", sizeBytes: 100_000 }, { commitUs: 2 * SECOND_US });
  world.at(SECOND_US, () => world.server.kill());
  world.at(2 * SECOND_US, () => world.restartServer());
  assert(await world.run(200 * SECOND_US));
  await world.finish();
  // Not the contents, of which a failure would print every byte.
  assert.equal(world.server.contents("file")?.length, undefined);
});

Deno.test("World: a server at its limit refuses with an explanation, and serves earlier clients", async () => {
  const world = new World({
    seed: 1,
    up: LINK,
    down: LINK,
    limits: { maxConnections: 2 },
    clients: [0, 1, 2, 3].map((i) => ({
      goals: [{ kind: "put" as const, name: `file-${i}`, sizeBytes: 1_000_000 }],
      startUs: i * 10_000,
    })),
  });
  assert(await world.run(30 * SECOND_US));
  await world.finish();
  assert.deepEqual(
    [0, 1, 2, 3].map((client) => world.results.find((result) => result.client === client)!.outcome.kind),
    ["done", "done", "refused", "refused"],
  );
});
