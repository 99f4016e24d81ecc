import assert from "node:assert/strict";
import { Random } from "../../../../base/random.ts";
import type { Stream } from "../../../../protocol/mod.ts";
import { Pair } from "../../../../testing/connection_pair.ts";
import { MemoryStore } from "../../../../testing/memory_store.ts";
import { promptWork } from "../../../../testing/prompt_work.ts";
import { atOnce } from "../../../../testing/promised_store.ts";
import { Scene, sha256 } from "../../../../testing/server_scene.ts";
import type { ClientBatch } from "../../../../transfer/client/batch.ts";
import { ClientSession } from "../../../../transfer/client/session.ts";
import { type ContentSink, ShortGet } from "../../../../transfer/client/short_get.ts";
import { MAX_SHORT_PUT_BYTES, ShortPut } from "../../../../transfer/client/short_put.ts";
import { ShortQuery } from "../../../../transfer/client/short_request.ts";
import { type ReadableFile, StoreError } from "../../../../transfer/file_store.ts";
import { encodeMessage } from "../../../../transfer/message_encoder.ts";
import { type Message, RefusalReason } from "../../../../transfer/messages.ts";

const CONTENT = new Random(1).bytes(MAX_SHORT_PUT_BYTES);
const LARGE = new Random(2).bytes(700_000);

/** A client of a real server, and what became of its requests, in the order in which they ended. */
class Batches {
  readonly files = new MemoryStore();
  readonly session: ClientSession;
  #putCount = 0;
  readonly outcomes: [name: string, kind: string][] = [];

  constructor(readonly pair: Pair) {
    this.session = new ClientSession({ connection: pair.client.connection, wake: () => {}, work: promptWork().work });
    pair.client.makeSession = () => this.session;
  }

  put(batch: ClientBatch, name: string, content: Uint8Array): void {
    const local = `${this.#putCount++}`;
    this.files.put(local, content, { modifiedUs: 7 });
    const file = atOnce<ReadableFile>((done) => this.files.open(local, done));
    batch.add(new ShortPut({ file, name, overwrite: false, onDone: ({ kind }) => this.outcomes.push([name, kind]) }));
  }

  get(batch: ClientBatch, name: string, sink: ContentSink): void {
    batch.add(new ShortGet({ name, sink, onDone: ({ kind }) => this.outcomes.push([name, kind]) }));
  }

  query(batch: ClientBatch, message: ConstructorParameters<typeof ShortQuery>[0]): void {
    batch.add(new ShortQuery(message, ({ kind }) => this.outcomes.push([message.type, kind])));
  }

  assertClean(): void {
    assert.equal(this.session.activeCount, 0);
    assert.equal(this.files.openHandles, 0);
  }
}

/** Keeps what it is given. */
class Kept implements ContentSink {
  hasRoom = true;
  readonly pieces: Uint8Array[] = [];
  begin(): void {}
  write(bytes: Uint8Array): void {
    this.pieces.push(bytes);
  }
  get bytes(): Uint8Array {
    return Uint8Array.from(this.pieces.flatMap((piece) => [...piece]));
  }
}

Deno.test("ClientBatch sends and gets many files on one stream, each with its own outcome", () => {
  const scene = new Scene();
  const client = new Batches(scene.pair);
  scene.store.put("taken", CONTENT);
  const batch = client.session.batch();
  const kept = new Kept();
  const expected: [string, string][] = [];
  for (let i = 0; i < 300; i++) {
    const content = CONTENT.subarray(0, i % 3 === 0 ? 0 : i);
    client.put(batch, i % 10 === 9 ? "taken" : `file-${i}`, content);
    expected.push(i % 10 === 9 ? ["taken", "refused"] : [`file-${i}`, "done"]);
  }
  client.get(batch, "taken", kept);
  client.get(batch, "none", new Kept());
  client.query(batch, { type: "move", name: "taken", newName: "moved" });
  client.query(batch, { type: "stat", name: "moved", digest: true });
  client.query(batch, { type: "space" });
  batch.finish();
  scene.runWaking(20_000_000);
  expected.push(["taken", "done"], ["none", "not-found"], ["move", "done"], ["stat", "done"], ["space", "done"]);
  assert.deepEqual(client.outcomes, expected);
  assert.deepEqual(kept.bytes, CONTENT);
  assert.deepEqual(scene.store.contents("file-298"), CONTENT.slice(0, 298));
  client.assertClean();
  scene.assertClean();
});

Deno.test("ClientBatch has a bounded number of requests on their way, and says when there is room", () => {
  const scene = new Scene();
  const client = new Batches(scene.pair);
  let next = 0;
  const batch = client.session.batch({ onRoom: () => add() });
  const add = () => {
    while (next < 100 && !batch.isFull) client.put(batch, `file-${next++}`, CONTENT);
    if (next === 100) batch.finish();
  };
  add();
  // A mebibyte of 64 KiB each.
  assert.equal(next, 16);
  scene.runWaking(30_000_000);
  assert.deepEqual(client.outcomes, Array.from({ length: 100 }, (_, i) => [`file-${i}`, "done"]));
  client.assertClean();
  scene.assertClean();
});

Deno.test("ShortGet gives a large file to its sink piece by piece, and waits while that has no room", () => {
  const scene = new Scene();
  const client = new Batches(scene.pair);
  scene.store.put("large", LARGE);
  const sink = new Kept();
  const batch = client.session.batch();
  client.get(batch, "large", sink);
  batch.finish();
  sink.hasRoom = false;
  scene.runWaking(2_000_000);
  assert.deepEqual([sink.pieces.length, client.outcomes.length], [0, 0]);
  assert(scene.pair.client.connection.bufferedBytes <= 256 * 1024);
  sink.hasRoom = true;
  batch.resume();
  scene.runWaking(5_000_000);
  assert.deepEqual(sink.bytes, LARGE);
  assert.deepEqual(client.outcomes, [["large", "done"]]);
  client.assertClean();
  scene.assertClean();
});

Deno.test("ShortGet drops the rest where its sink fails, and the requests behind it go on", () => {
  const scene = new Scene();
  const client = new Batches(scene.pair);
  scene.store.put("large", LARGE);
  const batch = client.session.batch();
  const full: ContentSink = {
    begin: () => {},
    write: () => {
      throw new StoreError("no-space", "the disk is full");
    },
  };
  client.get(batch, "large", full);
  client.query(batch, { type: "stat", name: "large" });
  batch.finish();
  scene.runWaking(5_000_000);
  assert.deepEqual(client.outcomes, [["large", "local-disk"], ["stat", "done"]]);
  client.assertClean();
});

Deno.test("ClientBatch ends every request once when the connection ends, or it is cancelled", () => {
  for (const how of ["close", "cancel"]) {
    const scene = new Scene();
    const client = new Batches(scene.pair);
    const batch = client.session.batch();
    for (let i = 0; i < 100; i++) client.put(batch, `file-${i}`, CONTENT);
    scene.pair.run(45_000);
    if (how === "cancel") batch.cancel({ kind: "interrupted", message: "enough" });
    else scene.pair.server.connection.close(scene.pair.nowUs, 0, "");
    scene.pair.run(500_000);
    client.put(batch, "late", CONTENT);
    assert.equal(client.outcomes.length, 101);
    assert(client.outcomes.slice(-1).every(([, kind]) => kind !== "done"));
    client.assertClean();
  }
});

Deno.test("ShortPut reports a file that changes before it is sent, and sends nothing of it", () => {
  const scene = new Scene();
  const client = new Batches(scene.pair);
  client.files.put("file", CONTENT);
  const file = atOnce<ReadableFile>((done) => client.files.open("file", done));
  client.files.put("file", CONTENT.subarray(0, 5));
  const batch = client.session.batch();
  const onDone = ({ kind }: { kind: string }) => client.outcomes.push(["file", kind]);
  batch.add(new ShortPut({ file, name: "file", overwrite: false, onDone }));
  client.query(batch, { type: "stat", name: "file" });
  batch.finish();
  scene.runWaking(1_000_000);
  assert.deepEqual(client.outcomes, [["file", "local-disk"], ["stat", "not-found"]]);
  client.assertClean();
});

/** A server that answers the requests of a batch with these messages. */
function answered(messages: readonly Message[], begin: (client: Batches, batch: ClientBatch) => void) {
  const pair = new Pair();
  const streams = new Set<Stream>();
  pair.server.onEvent = (event) => {
    if (event.kind !== "stream-readable" || streams.has(event.stream)) return;
    streams.add(event.stream);
    for (const message of messages) event.stream.write(encodeMessage(message));
    event.stream.finish();
  };
  pair.connect();
  const client = new Batches(pair);
  const batch = client.session.batch();
  begin(client, batch);
  batch.finish();
  pair.run(3_000_000);
  client.assertClean();
  return client.outcomes.map(([, kind]) => kind);
}

Deno.test("ClientBatch takes for each request the answer that belongs to it, and nothing else", () => {
  const content = CONTENT.slice(0, 100);
  const file: Message = { type: "file", sizeBytes: 100 };
  const chunk: Message = { type: "chunk", offset: 0, content };
  const half: Message = { type: "chunk", offset: 0, content: content.slice(0, 50) };
  const end: Message = { type: "digest", sha256: sha256(content) };
  const result: Message = { type: "result", status: 0, sha256: sha256(content), savedName: "a" };
  const refused: Message = { type: "refused", reason: RefusalReason.exists, message: "no" };
  const done: Message = { type: "done", count: 1 };
  const cases: [Message[], [string, string]][] = [
    [[file, chunk, end, result], ["done", "done"]],
    [[refused, refused], ["refused", "refused"]],
    [[refused, result], ["refused", "done"]],
    [[file, chunk, { type: "digest", sha256: new Uint8Array(32) }, result], ["failed", "done"]],
    [[file, chunk, end, { ...result, sha256: new Uint8Array(32) }], ["done", "failed"]],
    [[file, chunk, end], ["done", "failed"]],
    [[file, half, end, result], ["failed", "failed"]],
    [[file, chunk, chunk, end, result], ["failed", "failed"]],
    [[file, { ...chunk, plainBytes: 100 }, end, result], ["failed", "failed"]],
    [[file, refused, result], ["failed", "failed"]],
    [[chunk, end, result], ["failed", "failed"]],
    [[result, file], ["failed", "failed"]],
    [[done, done], ["failed", "failed"]],
    [[], ["failed", "failed"]],
  ];
  for (const [messages, expected] of cases) {
    const outcomes = answered(messages, (client, batch) => {
      client.get(batch, "there", new Kept());
      client.put(batch, "new", content);
    });
    assert.deepEqual(outcomes, expected, messages.map(({ type }) => type).join(" "));
  }
});
