import assert from "node:assert/strict";
import { decodeMessage, type Message, RefusalReason } from "../../../../transfer/messages.ts";
import { ServerWork, type StoreList } from "../../../../transfer/server/work.ts";
import type { FileInfo, FileStore } from "../../../../transfer/file_store.ts";
import { MemoryStore } from "../../../../testing/memory_store.ts";

Deno.test("ServerWork.begin refuses beyond the bounds, in words, and end makes room", () => {
  const work = new ServerWork({ maxTransfers: 3, maxTransfersPerAddress: 2 }, { nowUs: () => 0, wakeIn: () => {} });
  assert.equal(work.begin("transfer", "a"), undefined);
  assert.equal(work.begin("transfer", "a"), undefined);
  assert.deepEqual(work.begin("transfer", "a"), {
    reason: RefusalReason.busy,
    message: "it is busy with 2 transfers of your address already; try again later",
  });
  assert.equal(work.begin("transfer", "b"), undefined);
  assert.deepEqual(work.begin("transfer", "c"), {
    reason: RefusalReason.busy,
    message: "it is busy with 3 transfers already; try again later",
  });
  assert.equal(work.countOf("transfer"), 3);
  assert.equal(work.begin("list", "a"), undefined);
  work.end("transfer", "a");
  assert.equal(work.begin("transfer", "c"), undefined);
});

/** A store whose list takes 5 ms, who wants it, and what they got. */
class Lists {
  readonly store = new MemoryStore();
  readonly work = new ServerWork({}, { nowUs: () => this.nowUs, wakeIn: () => {} });
  readonly got: StoreList[] = [];
  nowUs = 0;
  /** How many times the store was asked. */
  reads = 0;
  readonly #slow = this.slowed(this.store);

  slowed(store: FileStore): FileStore {
    const list = (): FileInfo[] => {
      this.nowUs += 5_000;
      this.reads++;
      return store.list();
    };
    return { list } as unknown as FileStore;
  }

  ask(store: FileStore = this.#slow): void {
    this.work.inTurnWithList("a", store, (list) => this.got.push(list()));
  }

  /** Turns until so much time has passed. */
  pass(us: number): void {
    this.nowUs += us;
    for (let turn = 0; turn < 10; turn++) this.work.nextTurn();
  }
}

Deno.test("ServerWork makes the whole answer to LIST, and gives it again for ten times as long as that took", () => {
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
  lists.pass(49_999);
  lists.ask();
  assert.equal(lists.got[1], list);
  lists.pass(1);
  lists.ask();
  assert.notEqual(lists.got[2], list);
  assert.equal(lists.reads, 2);
});

Deno.test("ServerWork gives nobody a list from before a file that was there when he asked", () => {
  const lists = new Lists();
  lists.ask();
  lists.store.put("new", new Uint8Array(3));
  lists.work.forgetList();
  lists.ask();
  lists.ask();
  // That would be too soon after the last one.
  lists.pass(49_999);
  assert.equal(lists.got.length, 1);
  lists.pass(1);
  assert.deepEqual(lists.got.map(({ count }) => count), [0, 1, 1]);
  assert.equal(lists.got[1], lists.got[2]);
  assert.equal(lists.reads, 2);
});

Deno.test("ServerWork answers all who waited for a list by one, however much changes meanwhile", () => {
  const lists = new Lists();
  lists.ask();
  lists.work.forgetList();
  for (let i = 0; i < 20; i++) lists.ask();
  for (let i = 0; i < 20; i++) {
    lists.pass(10_000);
    lists.work.forgetList();
  }
  assert.equal(lists.got.length, 21);
  assert.equal(lists.reads, 2);
});

Deno.test("ServerWork keeps the list of each store apart", () => {
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
