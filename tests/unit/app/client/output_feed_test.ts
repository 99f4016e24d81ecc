import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { OutputFeed } from "../../../../app/client/output_feed.ts";
import { Random } from "../../../../base/random.ts";
import type { TransferOutcome } from "../../../../transfer/client/request.ts";
import type { ShortRequest } from "../../../../transfer/client/short_request.ts";
import type { TransferFailure } from "../../../../transfer/failure.ts";
import { MAX_PLAIN_CHUNK_BYTES } from "../../../../transfer/messages.ts";

const LOST: TransferFailure = { kind: "failed", message: "lost", retry: "reconnect" };

/** A feed whose server is the test, and whose writer resolves when the test says so. */
function feeding(bytes: Uint8Array) {
  const written: Uint8Array[] = [];
  const writes: PromiseWithResolvers<void>[] = [];
  const outcomes: (TransferOutcome | TransferFailure)[] = [];
  let request!: ShortRequest;
  let resumed = 0;
  let isAnswered = false;
  const batch = {
    add: (added: ShortRequest) => void (request = added),
    finish: () => {},
    resume: () => void resumed++,
    cancel: (failure: TransferFailure) => void (isAnswered || request.fail(failure)),
  };
  const writer = {
    write: (piece: Uint8Array) => {
      written.push(piece);
      writes.push(Promise.withResolvers<void>());
      return writes.at(-1)!.promise;
    },
  };
  // deno-lint-ignore no-explicit-any -- a batch that is only used in part
  const session = { batch: () => batch as any };
  const feed = new OutputFeed(writer, { name: "a", session, onSize: () => {}, onDone: (each) => outcomes.push(each) });
  request.onMessage({ type: "file", sizeBytes: bytes.length });
  let offset = 0;
  return {
    feed,
    written,
    writes,
    outcomes,
    resumed: () => resumed,
    fail: (failure: TransferFailure) => request.fail(failure),
    /** The server's next chunk, or its last word. */
    next(): void {
      const content = bytes.slice(offset, offset + MAX_PLAIN_CHUNK_BYTES);
      if (isAnswered) return;
      if (content.length === 0) {
        isAnswered = true;
        request.onMessage({ type: "digest", sha256: new Uint8Array(createHash("sha256").update(bytes).digest()) });
      } else {
        request.onMessage({ type: "chunk", offset, content });
      }
      offset += content.length;
    },
  };
}

const FILE = new Random(1).bytes(1_000_000);

Deno.test("OutputFeed writes a file in order, one piece at a time, and takes no more than fits", async () => {
  const scene = feeding(FILE);
  for (let count = 0; count < 4; count++) scene.next();
  assert.equal(scene.feed.hasRoom, true, "a little less than 256 KiB wait");
  scene.next();
  assert.equal(scene.feed.hasRoom, false);
  assert.equal(scene.written.length, 1);
  for (let at = 0; scene.outcomes.length === 0; at++) {
    assert(at < 100);
    scene.writes[at]?.resolve();
    await Promise.resolve();
    await Promise.resolve();
    if (scene.feed.hasRoom) scene.next();
  }
  assert(scene.resumed() > 0);
  assert.deepEqual(Buffer.concat(scene.written), Buffer.from(FILE));
  assert.equal(scene.outcomes[0]!.kind, "done");
});

Deno.test("OutputFeed is done when the last piece has been written", async () => {
  const scene = feeding(FILE.subarray(0, 100));
  scene.next();
  scene.next();
  assert.equal(scene.outcomes.length, 0);
  scene.writes[0]!.resolve();
  await scene.writes[0]!.promise;
  await Promise.resolve();
  assert.equal(scene.outcomes[0]?.kind, "done");
});

Deno.test("OutputFeed gives up when the writer does, whether or not all has arrived, and keeps its reason", async () => {
  for (const isWhole of [false, true]) {
    const scene = feeding(FILE.subarray(0, 100));
    scene.next();
    if (isWhole) scene.next();
    const reason = new Error("closed");
    scene.writes[0]!.reject(reason);
    await scene.writes[0]!.promise.catch(() => {});
    await Promise.resolve();
    assert.deepEqual(scene.feed.error, { reason });
    assert.deepEqual(scene.outcomes.map(({ kind }) => kind), ["failed"]);
  }
});

Deno.test("OutputFeed is tried again only if nothing was written", () => {
  const early = feeding(FILE);
  early.fail(LOST);
  assert.deepEqual(early.outcomes, [LOST]);
  const late = feeding(FILE);
  late.next();
  late.fail(LOST);
  assert.deepEqual(late.outcomes, [{ kind: "failed", message: "lost" }]);
});
