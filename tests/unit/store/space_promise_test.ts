import assert from "node:assert/strict";
import { PromisedSpace } from "../../../store/promised_space.ts";
import { type SpaceOptions, SpacePromise } from "../../../store/space_promise.ts";
import { assertRefused } from "../../../testing/file_store_compliance.ts";

const MIB = 1024 * 1024;
const PIECE_BYTES = 64 * 1024;
const DEVICE = 7;

class FakeDisk {
  readonly promisedSpace = new PromisedSpace();
  free: number;

  constructor(free: number) {
    this.free = free;
  }

  freeBytes(): Promise<number> {
    return Promise.resolve(this.free);
  }

  /** Bytes are written to it. */
  async write(space: SpacePromise, bytes: number): Promise<void> {
    space.take(bytes);
    this.free -= bytes;
    // A question that was asked is answered.
    for (let turn = 0; turn < 20; turn++) await undefined;
  }

  make(options: Partial<SpaceOptions>): Promise<SpacePromise> {
    const whole = { folder: "/", device: DEVICE, subject: '"a"', sizeBytes: 0, isUnsized: false, allocatedBytes: 0 };
    return SpacePromise.make({ disk: this, ...whole, ...options });
  }
}

Deno.test("SpacePromise promises a file of known size all that it lacks, until that is written or given up", async () => {
  const disk = new FakeDisk(10 * MIB);
  const space = await disk.make({ sizeBytes: 5 * MIB, allocatedBytes: MIB });
  assert.equal(disk.promisedSpace.on(DEVICE), 4 * MIB);
  await disk.write(space, MIB);
  assert.equal(disk.promisedSpace.on(DEVICE), 3 * MIB);
  const { message } = await assertRefused("no-space", () => disk.make({ sizeBytes: 6 * MIB }));
  assert.match(
    message,
    /^"a" needs 6.3 MB, but only .* are usable \(1.0 MB is kept free, 3.1 MB is for files under way\)/,
  );
  space.end();
  space.end();
  assert.equal(disk.promisedSpace.on(DEVICE), 0);
});

Deno.test("SpacePromise promises a growing file one step after the other, and refuses what does not fit", async () => {
  const disk = new FakeDisk(200 * MIB);
  const space = await disk.make({ isUnsized: true });
  assert.equal(disk.promisedSpace.on(DEVICE), 64 * MIB);
  const error = await assertRefused("no-space", async () => {
    for (;;) {
      await disk.write(space, PIECE_BYTES);
      assert.ok(disk.promisedSpace.on(DEVICE) <= 96 * MIB);
      assert.ok(disk.promisedSpace.on(DEVICE) <= disk.free + PIECE_BYTES);
    }
  });
  assert.match(
    error.message,
    /^"a" does not fit: no bytes are usable \(1.0 MB is kept free\) after 2\d\d.\d MB of it;/,
  );
  assert.ok(disk.free >= 1_000_000 - 2 * PIECE_BYTES && disk.free < 2 * MIB, `${disk.free} bytes are left`);
  await assertRefused("no-space", () => space.take(PIECE_BYTES));
  space.end();
  assert.equal(disk.promisedSpace.on(DEVICE), 0);
});

Deno.test("SpacePromise leaves a growing file the space that others were promised", async () => {
  const disk = new FakeDisk(100 * MIB);
  const other = await disk.make({ sizeBytes: 60 * MIB });
  const space = await disk.make({ isUnsized: true });
  let writtenBytes = 0;
  await assertRefused("no-space", async () => {
    for (;; writtenBytes += PIECE_BYTES) await disk.write(space, PIECE_BYTES);
  });
  assert.ok(writtenBytes >= 38 * MIB && writtenBytes <= 40 * MIB, `${writtenBytes} bytes were taken`);
  await assertRefused("no-space", () => disk.make({ isUnsized: true }));
  space.end();
  other.end();
});

Deno.test("SpacePromise promises nothing more once it has ended", async () => {
  const disk = new FakeDisk(1000 * MIB);
  const space = await disk.make({ isUnsized: true });
  space.take(60 * MIB);
  space.end();
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.equal(disk.promisedSpace.on(DEVICE), 0);
});
