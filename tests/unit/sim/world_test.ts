import assert from "node:assert/strict";
import { InvariantError } from "../../../base/invariant.ts";
import { World } from "../../../sim/world.ts";

const SIZE_BYTES = 200_000;
const FILE = { name: "file", sizeBytes: SIZE_BYTES } as const;

async function finished(kind: "put" | "get", damage: (world: World) => void): Promise<void> {
  const world = new World({ seed: 3, up: { delayUs: 5000 }, clients: [{ goals: [{ kind, ...FILE }] }] });
  assert(await world.run(60_000_000));
  damage(world);
  await world.finish();
}

Deno.test("World.finish accepts complete files", async () => {
  await finished("put", () => {});
  await finished("get", () => {});
});

Deno.test("World.finish rejects a file that is missing, too short, or differs in one bit", async () => {
  for (const kind of ["put", "get"] as const) {
    const hostOf = ({ server, clients }: World) => kind === "put" ? server : clients[0]!;
    const put = (world: World, bytes: Uint8Array): void => hostOf(world).disk.put(hostOf(world).pathOf("file"), bytes);
    const gone = finished(kind, (world) => hostOf(world).disk.remove(hostOf(world).pathOf("file")));
    await assert.rejects(gone, new InvariantError("file is missing"));
    const short = finished(kind, (world) => put(world, hostOf(world).contents("file")!.subarray(1)));
    await assert.rejects(short, new InvariantError("file differs"));
    const damaged = finished(kind, (world) => {
      const bytes = hostOf(world).contents("file")!;
      bytes[SIZE_BYTES - 1]! ^= 1;
      put(world, bytes);
    });
    await assert.rejects(damaged, new InvariantError("file differs"));
  }
});

Deno.test("World.content is fixed for each file, and differs between clients", () => {
  const goal = { kind: "put", ...FILE } as const;
  const world = new World({ seed: 3, clients: [{ goals: [goal] }, { goals: [goal] }] });
  const content = world.content(0, goal);
  assert.deepEqual(world.content(0, goal), content);
  assert.notDeepEqual(world.content(1, goal), content);
  assert.deepEqual(world.content(0, { ...goal, sizeBytes: 10 }), content.subarray(0, 10));
  assert.deepEqual(world.content(0, { ...goal, sizeBytes: SIZE_BYTES + 1 }), content);
});
