import assert from "node:assert/strict";
import { SimulatedDisk } from "../../../sim/disk/disk.ts";
import { followFile } from "../../../store/followed_file.ts";
import { assertRefused, pattern } from "../../../testing/file_store_compliance.ts";

const PATH = "/folder/log";

/** A disk with a log, and what happens to it at each look. */
class Scene {
  readonly disk = new SimulatedDisk({ nowMs: () => 7 });
  readonly until = new AbortController();
  readonly ended = new AbortController();
  pauses = 0;

  constructor(sizeBytes: number) {
    this.grow(sizeBytes);
  }

  grow(sizeBytes: number, path = PATH): void {
    this.disk.put(path, pattern(sizeBytes));
  }

  /** Follows the log; `onPause` runs between two looks. */
  async follow(onPause: (count: number) => void | Promise<void>): Promise<Uint8Array> {
    const pause = async () => {
      assert.ok(this.pauses < 100, "it is followed for ever");
      await onPause(this.pauses++);
    };
    const { disk, until, ended } = this;
    const { bytes } = await followFile(PATH, { disk, until: until.signal, ended: ended.signal, pause });
    const pieces: number[] = [];
    for await (const piece of bytes) pieces.push(...piece);
    assert.equal(this.disk.openDescriptors, 0);
    return Uint8Array.from(pieces);
  }
}

/** Appends to the file at a path, in place. */
async function append({ disk }: Scene, path: string, bytes: Uint8Array): Promise<void> {
  const descriptor = await disk.open(path, disk.flags.O_RDWR);
  const { size } = disk.fstat(descriptor);
  disk.write(descriptor, bytes, 0, bytes.length, size);
  disk.close(descriptor);
}

Deno.test("followFile reads on as the file grows, until it is asked to end", async () => {
  const scene = new Scene(100_000);
  const whole = pattern(130_000);
  const found = await scene.follow(async (count) => {
    if (count < 3) await append(scene, PATH, whole.subarray(100_000 + count * 10_000, 110_000 + count * 10_000));
    if (count === 5) scene.until.abort();
  });
  assert.deepEqual(found, whole);
  assert.equal(scene.pauses, 6);
});

Deno.test("followFile reads what the file has when it is asked to end", async () => {
  const scene = new Scene(10);
  const found = await scene.follow(async () => {
    await append(scene, PATH, pattern(5));
    scene.until.abort();
  });
  assert.equal(found.length, 15);
});

Deno.test("followFile ends with the old file when that is renamed, replaced or removed, and reads its rest", async () => {
  for (const how of ["renamed", "replaced", "removed"]) {
    const scene = new Scene(10);
    const found = await scene.follow(async (count) => {
      if (count === 1) {
        await append(scene, PATH, pattern(3));
        if (how === "removed") scene.disk.unlink(PATH);
        else scene.disk.renameSync(PATH, `${PATH}.1`);
        if (how === "replaced") scene.grow(1000);
      }
      // Its writer has not noticed yet.
      if (count === 2 && how !== "removed") await append(scene, `${PATH}.1`, pattern(4));
    });
    assert.equal(found.length, how === "removed" ? 13 : 17, how);
  }
});

Deno.test("followFile fails when the file is cut", async () => {
  const scene = new Scene(100_000);
  const cut = () =>
    scene.follow(async () => {
      const descriptor = await scene.disk.open(PATH, scene.disk.flags.O_RDWR);
      await scene.disk.truncate(descriptor, 500);
      scene.disk.close(descriptor);
    });
  const { message } = await assertRefused("changed", cut);
  assert.match(message, /^"\/folder\/log" was cut to 500 bytes while it was followed, after 100000 had been sent; /);
  assert.equal(scene.disk.openDescriptors, 0);
});

Deno.test("followFile ends when nobody wants the rest", async () => {
  const scene = new Scene(10);
  assert.equal((await scene.follow(() => scene.ended.abort())).length, 10);
});

Deno.test("followFile refuses what is no file", async () => {
  const scene = new Scene(10);
  const options = { disk: scene.disk, until: scene.until.signal, ended: scene.ended.signal };
  const pause = () => Promise.resolve();
  await assertRefused("not-a-file", () => followFile("/folder", { ...options, pause }));
  await assertRefused("not-found", () => followFile("/folder/missing", { ...options, pause }));
});
