import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { type FileStore, type ListQuery, StoreError } from "../../../../transfer/file_store.ts";
import { type Message } from "../../../../transfer/messages.ts";
import { decodeMessage } from "../../../../transfer/message_decoder.ts";
import { encodeMessage } from "../../../../transfer/message_encoder.ts";
import { describeUnlisted, ENTRIES_PER_PIECE, type Listing } from "../../../../transfer/server/listing.ts";
import { ListingCache, MAX_CACHED_BYTES } from "../../../../transfer/server/listing_cache.ts";
import { MemoryStore } from "../../../../testing/memory_store.ts";

const ROOT: ListQuery = { path: "", recursive: false };

/** A store whose list takes 5 ms, and what its clients got. */
class Lists {
  readonly store = new MemoryStore();
  readonly cache = new ListingCache({ nowUs: () => this.nowUs, wakeIn: (us) => this.wakeAtUs = this.nowUs + us });
  readonly got: Listing[] = [];
  nowUs = 0;
  wakeAtUs = Infinity;
  /** Calls of the store that have not been answered. */
  readonly calls: (() => void)[] = [];
  isSlow = false;
  /** How many times the store was asked. */
  reads = 0;
  readonly #slow = this.slowed(this.store);

  slowed(store: FileStore): FileStore {
    const list: FileStore["list"] = (query, done) => {
      this.reads++;
      const answer = (): void => {
        this.nowUs += 5_000;
        store.list(query, done);
      };
      if (this.isSlow) this.calls.push(answer);
      else answer();
    };
    return { list } as unknown as FileStore;
  }

  ask(store: FileStore = this.#slow, query: Partial<ListQuery> = {}): void {
    this.cache.get({ store, query: { ...ROOT, ...query } }, (result) => {
      assert(!(result instanceof StoreError));
      this.got.push(result);
    });
  }

  /** Lets time pass, and wakes the cache if it asked for that. */
  pass(us: number): void {
    this.nowUs += us;
    if (this.nowUs < this.wakeAtUs) return;
    this.wakeAtUs = Infinity;
    this.cache.wake();
  }
}

Deno.test("ListingCache makes the complete answer to LIST, and reuses it for four times its duration", () => {
  const lists = new Lists();
  lists.store.put("one", new Uint8Array(3));
  lists.store.put("two", new Uint8Array(4));
  lists.ask();
  const [list] = lists.got;
  const messages: Message[] = [];
  for (let rest = list!.bytes; rest.length > 0;) {
    const decoded = decodeMessage(rest);
    assert(typeof decoded === "object" && "message" in decoded);
    messages.push(decoded.message);
    rest = rest.subarray(decoded.consumed);
  }
  assert.deepEqual(messages.map(({ type }) => type), ["entry", "entry", "end"]);
  assert.equal(list!.count, 2);
  lists.pass(19_999);
  lists.ask();
  assert.equal(lists.got[1], list);
  lists.pass(1);
  lists.ask();
  assert.notEqual(lists.got[2], list);
  assert.equal(lists.reads, 2);
});

Deno.test("ListingCache gives no client a listing that is older than a file stored before its request", () => {
  const lists = new Lists();
  lists.ask();
  lists.store.put("new", new Uint8Array(3));
  lists.cache.invalidate();
  lists.ask();
  lists.ask();
  // That would be too soon after the last one.
  lists.pass(19_999);
  assert.equal(lists.got.length, 1);
  lists.pass(1);
  assert.deepEqual(lists.got.map(({ count }) => count), [0, 1, 1]);
  assert.equal(lists.got[1], lists.got[2]);
  assert.equal(lists.reads, 2);
});

Deno.test("ListingCache answers all waiting requests with one listing, however much changes in the meantime", () => {
  const lists = new Lists();
  lists.ask();
  lists.cache.invalidate();
  for (let i = 0; i < 20; i++) lists.ask();
  for (let i = 0; i < 20; i++) {
    lists.pass(2_000);
    lists.cache.invalidate();
  }
  assert.equal(lists.got.length, 21);
  assert.equal(lists.reads, 2);
});

Deno.test("ListingCache has a separate listing for each store", () => {
  const lists = new Lists();
  lists.store.put("mine", new Uint8Array(3));
  const other = lists.slowed(new MemoryStore());
  lists.ask();
  lists.ask(other);
  lists.ask();
  lists.pass(0);
  assert.deepEqual(lists.got.map(({ count }) => count), [1, 0, 1]);
  assert.equal(lists.reads, 2);
});

Deno.test("ListingCache makes one listing for all requests during a call to the store, and another for later files", () => {
  const lists = new Lists();
  lists.isSlow = true;
  lists.ask();
  lists.ask();
  lists.store.put("new", new Uint8Array(3));
  lists.cache.invalidate();
  lists.ask();
  assert.deepEqual([lists.reads, lists.got.length], [1, 0]);
  lists.calls.splice(0).forEach((answer) => answer());
  assert.equal(lists.got.length, 2);
  assert.equal(lists.got[0], lists.got[1]);
  lists.pass(20_000);
  assert.equal(lists.reads, 2);
  lists.calls.splice(0).forEach((answer) => answer());
  assert.equal(lists.got.length, 3);
});

Deno.test("ListingCache reports an error of the disk, and tries again later", () => {
  const results: (StoreError | number)[] = [];
  let nowUs = 0;
  const cache = new ListingCache({ nowUs: () => nowUs, wakeIn: () => {} });
  let failure: StoreError | undefined = new StoreError("io", "broken") as StoreError | undefined;
  const list: FileStore["list"] = (_query, done) => {
    nowUs += 10;
    done(failure ?? { entries: [], unlisted: [], gaps: [] });
  };
  const store = { list } as unknown as FileStore;
  cache.get({ store, query: ROOT }, (result) => results.push(result instanceof StoreError ? result : result.count));
  assert.equal(results[0], failure);
  failure = undefined;
  cache.get({ store, query: ROOT }, (result) => results.push(result instanceof StoreError ? result : result.count));
  assert.equal(results.length, 1, "not at once");
  nowUs += 100;
  cache.wake();
  assert.equal(results[1], 0);
});

Deno.test("ListingCache encodes a large folder in pieces, one each time that it is woken", () => {
  const lists = new Lists();
  const count = 3 * ENTRIES_PER_PIECE + 1;
  for (let i = 0; i < count; i++) lists.store.put(`file-${i}`, new Uint8Array(1));
  lists.ask();
  for (let woken = 0; woken < 3; woken++) {
    assert.equal(lists.got.length, 0, `after ${woken}`);
    assert.equal(lists.wakeAtUs, lists.nowUs);
    lists.ask();
    lists.pass(0);
  }
  assert.deepEqual(lists.got.map((list) => list.count), [count, count, count, count]);
  assert.equal(lists.reads, 1);
  assert.deepEqual(lists.got[0]!.bytes, encodeWhole(lists.store));
});

Deno.test("ListingCache has a listing for each folder, recursion and pattern, and a few are made at a time", () => {
  const lists = new Lists();
  lists.store.put("a/b", new Uint8Array(1));
  lists.store.put("c", new Uint8Array(1));
  const queries = [{}, { recursive: true }, { path: "a" }, { pattern: "c" }, { recursive: true, pattern: "b" }];
  lists.isSlow = true;
  for (const query of [...queries, ...queries]) lists.ask(undefined, query);
  assert.equal(lists.reads, 4);
  lists.calls.splice(0).forEach((answer) => answer());
  assert.equal(lists.reads, 5);
  lists.calls.splice(0).forEach((answer) => answer());
  assert.deepEqual(lists.got.map(({ count }) => count), [2, 2, 3, 3, 1, 1, 1, 1, 1, 1]);
});

Deno.test("ListingCache forgets all listings but the latest where they take much memory", () => {
  const lists = new Lists();
  const folder = `${"x".repeat(250)}/`.repeat(15);
  for (let i = 0; i < 10_000; i++) lists.store.put(`${folder}${i}`, new Uint8Array(1));
  const large = { recursive: true };
  const askLarge = (): void => {
    lists.ask(undefined, large);
    // It is encoded in pieces, without any time in this test.
    while (lists.wakeAtUs <= lists.nowUs) lists.pass(0);
  };
  askLarge();
  assert.equal(lists.got.length, 1);
  assert(lists.got[0]!.bytes.length > MAX_CACHED_BYTES);
  askLarge();
  assert.deepEqual([lists.reads, lists.got.length], [1, 2], "it is reused");
  lists.ask();
  askLarge();
  assert.deepEqual([lists.reads, lists.got.length], [2, 3], "it has to be made again, when it may");
  lists.pass(20_000);
  while (lists.wakeAtUs <= lists.nowUs) lists.pass(0);
  assert.deepEqual([lists.reads, lists.got.length], [3, 4]);
});

function encodeWhole(store: MemoryStore): Uint8Array {
  const messages: Message[] = [];
  store.list({ path: "", recursive: false }, (listing) => {
    assert(!(listing instanceof StoreError));
    const { entries } = listing;
    messages.push(...entries.map((file): Message => ({ type: "entry", ...file })));
    messages.push({ type: "end", count: entries.length, ...describeUnlisted(listing.unlisted) });
  });
  return new Uint8Array(Buffer.concat(messages.map(encodeMessage)));
}
