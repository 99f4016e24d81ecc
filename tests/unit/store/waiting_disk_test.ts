import assert from "node:assert/strict";
import { SimulatedDisk } from "../../../sim/disk/disk.ts";
import { MAX_WAIT_US, WaitingDisk } from "../../../store/waiting_disk.ts";
import { FakeClock } from "../../../testing/fake_clock.ts";

const FOLDER = "/folder";

/** A disk with files `0` to `9`, of which `maxDescriptors` may be open. */
class Rig {
  readonly clock = new FakeClock();
  readonly simulated: SimulatedDisk;
  readonly disk: WaitingDisk;

  constructor(maxDescriptors: number) {
    this.simulated = new SimulatedDisk({ faults: { maxDescriptors } });
    for (let file = 0; file < 10; file++) this.simulated.put(`${FOLDER}/${file}`, new Uint8Array(file));
    this.disk = new WaitingDisk({
      disk: this.simulated,
      nowUs: () => this.clock.nowUs(),
      timer: (action) => this.clock.timer(action),
      defer: () => Promise.withResolvers(),
    });
  }

  open(file: number | string): Promise<number> {
    return this.disk.open(`${FOLDER}/${file}`, this.disk.flags.O_RDONLY);
  }

  /** Opens a file, and notes that in `order`; closes it at once if so wanted. */
  note(file: number, order: number[], { closes = false } = {}): Promise<number> {
    return this.open(file).then((descriptor) => {
      order.push(file);
      if (closes) this.disk.close(descriptor);
      return descriptor;
    });
  }
}

async function settled(): Promise<void> {
  for (let i = 0; i < 100; i++) await Promise.resolve();
}

Deno.test("WaitingDisk.tryLock does not wait for a descriptor, and its release lets an open go on", async () => {
  const rig = new Rig(2);
  const open = await rig.open(0);
  const lock = (await rig.disk.tryLock(`${FOLDER}/0`))!;
  await assert.rejects(rig.disk.tryLock(`${FOLDER}/1`), { code: "EMFILE" });
  const waiting = rig.open(1);
  await settled();
  lock.release();
  rig.disk.close(await waiting);
  const again = (await rig.disk.tryLock(`${FOLDER}/0`))!;
  again.release();
  rig.disk.close(open);
  assert.equal(rig.simulated.openDescriptors, 0);
  assert.equal(rig.clock.armed, 0);
});

Deno.test("WaitingDisk.open waits for a descriptor, in the order of the calls, and goes on when one is closed", async () => {
  const rig = new Rig(2);
  const order: number[] = [];
  const opening = [0, 1, 2, 3, 4].map((file) => rig.note(file, order));
  await settled();
  assert.deepEqual(order, [0, 1]);
  rig.disk.close(await opening[0]!);
  await settled();
  assert.deepEqual(order, [0, 1, 2]);
  rig.disk.close(await opening[1]!);
  rig.disk.close(await opening[2]!);
  await settled();
  assert.deepEqual(order, [0, 1, 2, 3, 4]);
  for (const descriptor of [await opening[3]!, await opening[4]!]) rig.disk.close(descriptor);
  assert.equal(rig.clock.armed, 0);
  assert.equal(rig.simulated.openDescriptors, 0);
});

Deno.test("WaitingDisk has calls that came later wait behind those that wait", async () => {
  const rig = new Rig(1);
  const order: number[] = [];
  const first = await rig.open(0);
  const all = [1, 2, 3].map((file) => rig.note(file, order, { closes: true }));
  await settled();
  rig.disk.close(first);
  all.push(rig.note(4, order, { closes: true }));
  await Promise.all(all);
  // Several that are closed at the same time let as many calls go on at the same time.
  assert.deepEqual(order.slice(0, 2), [1, 2]);
  assert.deepEqual(order.slice(2).sort(), [3, 4]);
});

Deno.test("WaitingDisk.readdir waits as well", async () => {
  const rig = new Rig(1);
  const descriptor = await rig.open(0);
  const listing = rig.disk.readdir(FOLDER);
  let isListed = false;
  void listing.then(() => isListed = true);
  await settled();
  assert(!isListed);
  rig.disk.close(descriptor);
  assert.equal((await listing).length, 10);
});

Deno.test("WaitingDisk retries every second, for another process may have closed files", async () => {
  const rig = new Rig(0);
  const opening = rig.open(0);
  await settled();
  rig.clock.pass(900_000);
  rig.simulated.meter.faults = {};
  await settled();
  assert.equal(rig.simulated.openDescriptors, 0);
  rig.clock.pass(100_000);
  rig.disk.close(await opening);
  assert.equal(rig.clock.armed, 0);
});

Deno.test("WaitingDisk gives up all calls after 30 seconds without any progress", async () => {
  const rig = new Rig(0);
  const openings = [0, 1, 2].map((file) => assert.rejects(rig.open(file), { code: "EMFILE" }));
  let failed = 0;
  for (const opening of openings) void opening.then(() => failed++);
  for (let us = 0; us < MAX_WAIT_US; us += 500_000) {
    await settled();
    assert.equal(failed, 0, `after ${us} us`);
    rig.clock.pass(500_000);
  }
  await Promise.all(openings);
  assert.equal(rig.clock.armed, 0);
});

Deno.test("WaitingDisk keeps waiting as long as files are closed, and gives way after other errors", async () => {
  const rig = new Rig(1);
  let held = await rig.open(0);
  const order: number[] = [];
  const missing = assert.rejects(rig.open("missing"), { code: "ENOENT" });
  const all = [1, 2, 3].map((file) => rig.note(file, order));
  for (const next of all) {
    for (let s = 0; s < 20; s++) {
      rig.clock.pass(1_000_000);
      await settled();
    }
    rig.disk.close(held);
    held = await next;
  }
  await missing;
  rig.disk.close(held);
  assert.deepEqual(order, [1, 2, 3]);
  assert.equal(rig.clock.armed, 0);
});
