import assert from "node:assert/strict";
import { SluiceError } from "../../../../app/api.ts";
import { PipeFeed } from "../../../../app/client/pipe_feed.ts";
import { StoreError } from "../../../../transfer/file_store.ts";
import type { TransferFailure } from "../../../../transfer/failure.ts";

const platform = { defer: <Value>() => Promise.withResolvers<Value>() };

/** A request that has room for some pieces. */
class FakePut {
  readonly written: number[] = [];
  room = Infinity;
  isEnded = false;
  failure: TransferFailure | undefined;

  get hasRoom(): boolean {
    return this.room > 0;
  }

  write(bytes: Uint8Array): void {
    this.room--;
    this.written.push(...bytes);
  }

  end(): void {
    this.isEnded = true;
  }

  cancel(failure: TransferFailure): void {
    this.failure = failure;
  }
}

/** A source that counts what was asked for, and notes its end. */
class FakeSource {
  asked = 0;
  isClosed = false;

  constructor(readonly count: number, readonly error?: unknown) {}

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      for (; this.asked < this.count; await undefined) yield new Uint8Array([this.asked++]);
      if (this.error !== undefined) throw this.error;
    } finally {
      this.isClosed = true;
    }
  }
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 0));

Deno.test("PipeFeed.run writes all of the source, then its end", async () => {
  const put = new FakePut();
  await new PipeFeed(new FakeSource(5), platform).run(put);
  assert.deepEqual([put.written, put.isEnded, put.failure], [[0, 1, 2, 3, 4], true, undefined]);
});

Deno.test("PipeFeed.run reads nothing for which the request has no room", async () => {
  const put = new FakePut();
  put.room = 0;
  const source = new FakeSource(5);
  const feed = new PipeFeed(source, platform);
  const running = feed.run(put);
  for (const [room, asked] of [[0, 0], [2, 2], [1, 3]] as const) {
    put.room = room;
    feed.onRoom();
    await turn();
    assert.deepEqual([source.asked, put.written.length], [asked, asked]);
  }
  put.room = Infinity;
  feed.onRoom();
  await running;
  assert(put.isEnded);
});

Deno.test("PipeFeed.run cancels the request when the source fails, with the reason", async () => {
  const cases: [unknown, string, RegExp][] = [
    [new Error("it broke"), "local-disk", /^the source could not be read to its end: it broke; nothing was stored$/],
    [new StoreError("changed", "it was cut"), "local-disk", /^it was cut$/],
    [new SluiceError("failed", "no more"), "failed", /^no more$/],
    ["a text", "local-disk", /a text/],
  ];
  for (const [error, kind, message] of cases) {
    const put = new FakePut();
    await new PipeFeed(new FakeSource(2, error), platform).run(put);
    assert.equal(put.failure?.kind, kind);
    assert.match(put.failure!.message, message);
    assert.deepEqual([put.written.length, put.isEnded], [2, false]);
  }
});

Deno.test("PipeFeed.end ends the source, whether the feed waits for room or for bytes", async () => {
  const full = new FakePut();
  full.room = 1;
  const source = new FakeSource(5);
  const feed = new PipeFeed(source, platform);
  const running = feed.run(full);
  await turn();
  feed.end();
  feed.end();
  await running;
  assert.deepEqual([source.isClosed, full.isEnded, full.written.length], [true, false, 1]);

  const never = platform.defer<IteratorResult<Uint8Array>>();
  let isReturned = false;
  const silent = {
    [Symbol.asyncIterator]: () => ({
      next: () => never.promise,
      return: () => {
        isReturned = true;
        return Promise.reject(new Error("nobody hears this"));
      },
    }),
  };
  const put = new FakePut();
  const waiting = new PipeFeed(silent, platform);
  const waits = waiting.run(put);
  await turn();
  waiting.end();
  assert(isReturned);
  never.resolve({ done: false, value: new Uint8Array(1) });
  await waits;
  assert.deepEqual([put.written.length, put.isEnded], [0, false]);
});
