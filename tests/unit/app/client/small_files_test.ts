import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { RunningTransfer } from "../../../../app/client/running_transfer.ts";
import { MAX_SMALL_BYTES, SmallFiles } from "../../../../app/client/small_files.ts";
import { SimulatedDisk } from "../../../../sim/disk/disk.ts";
import { createLocalFile, LocalFolders, openLocalFile } from "../../../../store/local_file.ts";
import type { TransferOutcome } from "../../../../transfer/client/request.ts";
import type { ShortRequest } from "../../../../transfer/client/short_request.ts";
import type { TransferFailure } from "../../../../transfer/failure.ts";
import { ResultStatus } from "../../../../transfer/messages.ts";

const LOST: TransferFailure = { kind: "failed", message: "the connection was lost", retry: "reconnect" };
const STOPPED: TransferFailure = { kind: "interrupted", message: "interrupted" };
const CONTENT = new TextEncoder().encode("content");
const SHA256 = new Uint8Array(createHash("sha256").update(CONTENT).digest());

/** What all batches have sent when none has room. */
const FULL = Array(8).fill(2);

/** Has room for two requests, which the test answers. */
class FakeBatch {
  readonly sent: ShortRequest[] = [];
  isFinished = false;
  readonly #onRoom: () => void;

  constructor(onRoom: () => void) {
    this.#onRoom = onRoom;
  }

  get isFull(): boolean {
    return this.sent.length >= 2;
  }

  add(request: ShortRequest): void {
    assert(!this.isFinished && !this.isFull);
    if (request.encode() !== undefined) this.sent.push(request);
  }

  finish(): void {
    this.isFinished = true;
  }

  /** The server has stored the first file. */
  answer(): void {
    const result = { type: "result", status: ResultStatus.verified, sha256: SHA256, savedName: "stored" } as const;
    assert.equal(this.sent.shift()!.onMessage(result), "done");
    this.#onRoom();
  }

  /** The server sends the first file. */
  give(content: Uint8Array, sizeBytes = content.length): void {
    const request = this.sent.shift()!;
    assert.equal(request.onMessage({ type: "file", sizeBytes }), "more");
    const piece = 65_520;
    for (let offset = 0; offset < sizeBytes; offset += piece) {
      const part = content.slice(offset, Math.min(offset + piece, sizeBytes));
      request.onMessage({ type: "chunk", offset, content: part });
    }
    const sha256 = new Uint8Array(createHash("sha256").update(content).digest());
    assert.equal(request.onMessage({ type: "digest", sha256 }), "done");
  }

  fail(): void {
    for (const request of this.sent.splice(0)) request.fail(LOST);
  }
}

class Scene {
  readonly disk = new SimulatedDisk();
  readonly batches: FakeBatch[] = [];
  readonly outcomes: (TransferOutcome | TransferFailure)[] = [];
  largeCount = 0;
  readonly #folders = new LocalFolders(this.disk);
  readonly #files = new SmallFiles(({ onRoom }) => {
    const batch = new FakeBatch(onRoom!);
    this.batches.push(batch);
    return batch;
  });

  async send(): Promise<RunningTransfer> {
    this.disk.put("/out/a", CONTENT);
    const file = await openLocalFile("/out/a", { disk: this.disk });
    return this.#files.send({ file, name: "a", overwrite: false, onDone: (outcome) => this.outcomes.push(outcome) });
  }

  async sendMany(count: number): Promise<void> {
    for (let index = 0; index < count; index++) await this.send();
  }

  get(): RunningTransfer {
    this.disk.putFolder("/in");
    return this.#files.get(CONTENT.length, {
      name: "a",
      create: (info) => createLocalFile("/in/a", { ...info, ifExists: "refuse", folders: this.#folders }),
      onLarge: () => this.largeCount++,
      onDone: (outcome) => this.outcomes.push(outcome),
    });
  }

  get sentCounts(): number[] {
    return this.batches.map(({ sent }) => sent.length);
  }

  get kinds(): string[] {
    return this.outcomes.map(({ kind }) => kind);
  }
}

/** Lets the disk do what it has to do. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

Deno.test("SmallFiles.send fills one batch after the other, and lets what has no room wait", async () => {
  const scene = new Scene();
  await scene.sendMany(3);
  assert.deepEqual(scene.sentCounts, [2, 1]);
  await scene.sendMany(15);
  assert.deepEqual(scene.sentCounts, FULL);
  scene.batches[1]!.answer();
  assert.deepEqual(scene.sentCounts, FULL);
  scene.batches[3]!.answer();
  assert.deepEqual(scene.sentCounts, FULL);
  scene.batches[0]!.answer();
  assert.deepEqual(scene.sentCounts, [1, ...FULL.slice(1)]);
  assert.deepEqual(scene.kinds, ["done", "done", "done"]);
  // Files are closed as soon as they are sent.
  assert.equal(scene.disk.openDescriptors, 0);
});

Deno.test("SmallFiles.send ends a batch in which nothing is under way, and begins another", async () => {
  const scene = new Scene();
  await scene.sendMany(2);
  scene.batches[0]!.answer();
  assert.equal(scene.batches[0]!.isFinished, false);
  scene.batches[0]!.answer();
  assert.equal(scene.batches[0]!.isFinished, true);
  await scene.send();
  assert.deepEqual(scene.sentCounts, [0, 1]);
});

Deno.test("SmallFiles.send tells what became of a file", async () => {
  const scene = new Scene();
  const transfer = await scene.send();
  assert.deepEqual([transfer.sizeBytes, transfer.transferredBytes], [CONTENT.length, 0]);
  scene.batches[0]!.answer();
  assert.equal(transfer.transferredBytes, CONTENT.length);
  const sha256 = SHA256.toHex();
  const sizes = { sizeBytes: CONTENT.length, reusedBytes: 0 };
  const file = { savedAs: "stored", ...sizes, serverSha256: sha256, localSha256: sha256, notKept: [] };
  assert.deepEqual(scene.outcomes, [{ kind: "done", file }]);
});

Deno.test("SmallFiles.send fails with its batch; what waits goes into another", async () => {
  const scene = new Scene();
  await scene.sendMany(18);
  scene.batches[0]!.fail();
  assert.deepEqual(scene.outcomes, [LOST, LOST]);
  assert.equal(scene.batches[0]!.isFinished, true);
  assert.deepEqual(scene.sentCounts, [0, ...FULL]);
});

Deno.test("SmallFiles.send does not send what is cancelled before, and ignores the answer to what is cancelled later", async () => {
  const scene = new Scene();
  const [sent] = [await scene.send(), await scene.sendMany(15)];
  const waiting = await scene.send();
  sent.cancel(STOPPED);
  waiting.cancel(STOPPED);
  assert.deepEqual(scene.outcomes, [STOPPED, STOPPED]);
  assert.equal(scene.disk.openDescriptors, 0);
  while (scene.batches[0]!.sent.length > 0) scene.batches[0]!.answer();
  assert.equal(scene.batches[0]!.isFinished, true);
  assert.deepEqual(scene.sentCounts, [0, ...FULL.slice(1)]);
  waiting.cancel(STOPPED);
  assert.deepEqual(scene.kinds, ["interrupted", "interrupted", "done"]);
});

Deno.test("SmallFiles.get stores a file when it has all of it", async () => {
  const scene = new Scene();
  scene.get();
  scene.batches[0]!.give(CONTENT);
  while (scene.outcomes.length === 0) await turn();
  assert.deepEqual(scene.kinds, ["done"]);
  assert.deepEqual(scene.disk.contents("/in/a"), CONTENT);
});

Deno.test("SmallFiles.get leaves nothing of a file that this machine cannot store, or does not store right", async () => {
  for (const fault of ["full", "wrong"]) {
    const scene = new Scene();
    scene.get();
    if (fault === "full") scene.disk.meter.faults = { capacityBytes: 0 };
    else scene.disk.read = (_descriptor, buffer, offset, length) => buffer.fill(1, offset, offset + length).length;
    scene.batches[0]!.give(CONTENT);
    while (scene.outcomes.length === 0) await turn();
    assert.deepEqual(scene.kinds, ["local-disk"]);
    assert.deepEqual(scene.disk.names("/in"), []);
    assert.equal(scene.disk.openDescriptors, 0);
  }
});

Deno.test("SmallFiles.get asks for another transfer if a file is larger than it was said to be", async () => {
  const scene = new Scene();
  scene.get();
  scene.batches[0]!.give(new Uint8Array(MAX_SMALL_BYTES + 1));
  await turn();
  assert.equal(scene.largeCount, 1);
  assert.deepEqual(scene.outcomes, []);
  assert.equal(scene.batches[0]!.isFinished, true);
});

Deno.test("SmallFiles.get stores nothing of a file that is cancelled", async () => {
  const scene = new Scene();
  scene.get().cancel(STOPPED);
  scene.batches[0]!.give(CONTENT);
  await turn();
  assert.deepEqual(scene.outcomes, [STOPPED]);
  assert.deepEqual(scene.disk.names("/in"), []);
});
