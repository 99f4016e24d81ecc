import assert from "node:assert/strict";
import { Random } from "../../../../base/random.ts";
import { LOST, Pair, type Rule } from "../../../../testing/connection_pair.ts";
import { MemoryStore } from "../../../../testing/memory_store.ts";
import { promptWork } from "../../../../testing/prompt_work.ts";
import type { ClientPipePut } from "../../../../transfer/client/pipe_put.ts";
import type { TransferOutcome } from "../../../../transfer/client/request.ts";
import { ClientSession } from "../../../../transfer/client/session.ts";
import type { TransferEvent } from "../../../../transfer/events.ts";
import type { TransferFailure } from "../../../../transfer/failure.ts";
import { encodeMessage } from "../../../../transfer/message_encoder.ts";
import { type Message, RefusalReason } from "../../../../transfer/messages.ts";
import { PIPE_WINDOW_BYTES } from "../../../../transfer/pipe_window.ts";
import { CallQueue } from "../../../../transfer/server/call_queue.ts";
import { ListingCache } from "../../../../transfer/server/listing_cache.ts";
import { RequestLimits } from "../../../../transfer/server/request_limits.ts";
import { ResumablePuts } from "../../../../transfer/server/resumable_puts.ts";
import { ServerSession } from "../../../../transfer/server/session.ts";

/** A client that sends a pipe to a server. */
class Scene {
  readonly pair: Pair;
  readonly store: MemoryStore;
  readonly events: TransferEvent[] = [];
  readonly limits = new RequestLimits({ stallTimeoutUs: 10_000_000 });
  outcome: TransferOutcome | TransferFailure | undefined;
  roomCount = 0;
  readonly put: ClientPipePut;

  constructor({ rule = () => undefined, capacityBytes = Infinity, delayUs = 5_000 }: {
    readonly rule?: Rule;
    readonly capacityBytes?: number;
    readonly delayUs?: number;
  } = {}) {
    this.pair = new Pair({ delayUs });
    this.store = new MemoryStore({ capacityBytes });
    this.pair.server.makeSession = (connection) => this.#serve(connection);
    const connection = this.pair.connect();
    const session = new ClientSession({ connection, work: promptWork().work, wake: () => {} });
    this.pair.client.makeSession = () => session;
    this.put = session.pipe({
      name: "pipe",
      overwrite: false,
      mode: 0o640,
      onRoom: () => this.roomCount++,
      onDone: (outcome) => {
        assert.equal(this.outcome, undefined);
        this.outcome = outcome;
      },
    });
    assert.equal(this.put.hasRoom, false, "there is no stream yet");
    assert(this.pair.runUntil(() => this.roomCount > 0, { withinUs: 5_000_000 }));
    this.pair.client.wire.rule = this.pair.server.wire.rule = rule;
  }

  #serve(connection: ConstructorParameters<typeof ServerSession>[0]["connection"]) {
    const { work, doWork } = promptWork();
    const waking = { nowUs: () => this.pair.nowUs, wakeIn: () => {} };
    const shared = {
      limits: this.limits,
      listings: new ListingCache(waking),
      calls: new CallQueue(waking),
      work,
      resumable: new ResumablePuts(),
    };
    const onEvent = (event: TransferEvent) => void this.events.push(event);
    const { store } = this;
    const session = new ServerSession({
      connection,
      store,
      principal: "client",
      shared,
      ...waking,
      wake: () => {},
      onEvent,
    });
    return {
      process: () => {
        session.process();
        doWork();
      },
    };
  }

  /** Writes all of it, in pieces, as room allows. */
  write(bytes: Uint8Array, pieceBytes: () => number): void {
    for (let at = 0; at < bytes.length && this.outcome === undefined;) {
      if (this.put.hasRoom) {
        const piece = bytes.slice(at, at + pieceBytes());
        at += piece.length;
        this.put.write(piece);
        // It was copied.
        piece.fill(0);
      } else {
        const before = this.roomCount;
        const isOver = () => this.roomCount > before || this.outcome !== undefined;
        assert(this.pair.runUntil(isOver, { withinUs: 60_000_000 }), "no room, and no outcome");
      }
    }
    this.pair.serve(this.pair.client);
  }

  finish(): TransferOutcome | TransferFailure {
    this.pair.runUntil(() => this.outcome !== undefined, { withinUs: 60_000_000 });
    this.pair.run(3_000_000);
    assert.deepEqual([this.store.openHandles, this.store.partialFiles, this.limits.countOf("pipe")], [0, 0, 0]);
    assert(this.outcome !== undefined);
    return this.outcome;
  }
}

Deno.test("ClientPipePut sends what is written to it, over a link that loses, and keeps memory bounded", () => {
  const random = new Random(5);
  const bytes = random.bytes(24_000_000);
  const scene = new Scene({ rule: () => random.chance(0.03) ? LOST : undefined, delayUs: 20_000 });
  let mostBytes = 0;
  const pieceBytes = () => {
    for (const side of [scene.pair.client, scene.pair.server]) {
      for (const { streamMemoryBytes } of side.connections) mostBytes = Math.max(mostBytes, streamMemoryBytes);
    }
    return random.pick([1, 300, 65_519, 65_520, 65_521, 200_000]);
  };
  scene.write(bytes, pieceBytes);
  assert.equal(scene.put.sizeBytes, 0);
  scene.put.end();
  const outcome = scene.finish();
  assert(outcome.kind === "done", JSON.stringify(outcome));
  const { serverSha256, localSha256, ...file } = outcome.file;
  assert.deepEqual(file, { savedAs: "pipe", sizeBytes: bytes.length, reusedBytes: 0, notKept: [] });
  assert.equal(serverSha256, localSha256);
  assert.deepEqual(scene.store.contents("pipe"), bytes);
  assert.deepEqual(scene.events.map((event) => "sizeBytes" in event && event.sizeBytes), [undefined, bytes.length]);
  // A chunk is kept until all of it is acknowledged, so that some is kept of what no longer counts.
  assert.ok(mostBytes > PIPE_WINDOW_BYTES / 2 && mostBytes < 2 * PIPE_WINDOW_BYTES, `${mostBytes} bytes`);
  assert.equal(scene.put.transferredBytes, bytes.length);
});

Deno.test("ClientPipePut sends a piece at once, and gathers small ones while others are under way", () => {
  const scene = new Scene();
  scene.put.write(new Uint8Array(10).fill(1));
  scene.pair.serve(scene.pair.client);
  scene.pair.run(100_000);
  assert.equal(scene.put.transferredBytes, 10);
  const before = scene.pair.client.connection.stats.bytesSent;
  for (let count = 0; count < 20_000; count++) scene.put.write(new Uint8Array([count]));
  scene.put.end();
  assert.equal(scene.finish().kind, "done");
  assert.equal(scene.store.contents("pipe")!.length, 20_010);
  // A chunk for each byte takes eight.
  const sentBytes = scene.pair.client.connection.stats.bytesSent - before;
  assert.ok(sentBytes < 100_000, `${sentBytes} bytes were sent`);
});

Deno.test("ClientPipePut stores an empty pipe", () => {
  const scene = new Scene();
  scene.put.end();
  assert.equal(scene.finish().kind, "done");
  assert.equal(scene.store.contents("pipe")!.length, 0);
});

Deno.test("ClientPipePut that is cancelled, or whose connection ends, leaves nothing on the server", () => {
  for (const how of ["cancel", "close"] as const) {
    const scene = new Scene();
    scene.write(new Uint8Array(500_000).fill(7), () => 50_000);
    scene.pair.run(30_000);
    assert.equal(scene.store.partialFiles, 1);
    if (how === "cancel") scene.put.cancel({ kind: "interrupted", message: "interrupted" });
    else scene.pair.client.connection.close(scene.pair.nowUs, 0, "");
    scene.pair.serve(scene.pair.client);
    assert.equal(scene.finish().kind, how === "cancel" ? "interrupted" : "failed");
    assert.equal(scene.store.contents("pipe"), undefined);
    scene.put.write(new Uint8Array(1));
    scene.put.end();
  }
});

Deno.test("ClientPipePut is refused as soon as the store is full", () => {
  const scene = new Scene({ capacityBytes: 3_000_000 });
  scene.write(new Uint8Array(50_000_000).fill(7), () => 65_520);
  const outcome = scene.finish();
  assert(outcome.kind === "refused", JSON.stringify(outcome));
  assert.equal(outcome.refusal, RefusalReason.noSpace);
  assert.ok(scene.pair.client.connection.stats.bytesSent < 15_000_000);
});

Deno.test("ClientPipePut may wait for longer than other transfers may stall", () => {
  const scene = new Scene();
  scene.put.write(new Uint8Array(10));
  scene.pair.serve(scene.pair.client);
  scene.pair.run(50_000_000);
  assert.equal(scene.outcome, undefined);
  assert.equal(scene.limits.countOf("pipe"), 1);
  scene.put.end();
  assert.equal(scene.finish().kind, "done");
});

Deno.test("ServerSession gives up a file of unknown size that is not a sequence of chunks", () => {
  const chunk = (offset: number): Message => ({ type: "chunk", offset, content: new Uint8Array(100) });
  const cases: Message[][] = [
    [chunk(1)],
    [chunk(0), chunk(101)],
    [chunk(0), chunk(99)],
    [chunk(100), chunk(0)],
    [{ type: "data", ranges: [{ offset: 0, length: 10 }] }],
    [{ type: "same", ranges: [{ offset: 0, length: 65_536 }] }],
    [{ type: "put", name: "x", sizeBytes: 1, overwrite: false }],
  ];
  for (const messages of cases) {
    const scene = new Scene();
    scene.put.cancel({ kind: "interrupted", message: "" });
    scene.pair.serve(scene.pair.client);
    scene.pair.run(300_000);
    const put: Message = { type: "put", name: "other", sizeBytes: 0, unsized: true, overwrite: false };
    scene.pair.send(Uint8Array.from([put, ...messages].flatMap((message) => [...encodeMessage(message)])), {
      finish: false,
    });
    scene.pair.run(300_000);
    assert.equal(scene.events.at(-1)?.kind, "failed");
    assert.equal(scene.store.partialFiles, 0);
  }
});
