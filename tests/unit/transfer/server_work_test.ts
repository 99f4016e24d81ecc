import assert from "node:assert/strict";
import { decodeMessage, type Message, RefusalReason } from "../../../transfer/messages.ts";
import { ServerWork } from "../../../transfer/server_work.ts";
import { MemoryStore } from "./memory_store.ts";

Deno.test("ServerWork.begin refuses beyond the bounds, in words, and end makes room", () => {
  const work = new ServerWork({ maxTransfers: 3, maxTransfersPerAddress: 2 });
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

Deno.test("ServerWork.list makes the whole answer, and gives it again for ten times as long as that took", () => {
  const store = new MemoryStore();
  store.put("one", new Uint8Array(3));
  store.put("two", new Uint8Array(4));
  let nowUs = 0;
  let reads = 0;
  const slow = {
    list: () => {
      nowUs += 5_000;
      reads++;
      return store.list();
    },
  } as unknown as MemoryStore;
  const work = new ServerWork();
  const list = work.list(slow, () => nowUs);
  const messages: Message[] = [];
  for (let rest = list.bytes; rest.length > 0;) {
    const decoded = decodeMessage(rest);
    assert(typeof decoded === "object" && "message" in decoded);
    messages.push(decoded.message);
    rest = rest.subarray(decoded.consumed);
  }
  assert.deepEqual(messages.map(({ type }) => type), ["entry", "entry", "end"]);
  assert.equal(list.count, 2);
  assert.equal(work.list(slow, () => nowUs), list);
  nowUs += 49_999;
  assert.equal(work.list(slow, () => nowUs), list);
  nowUs++;
  assert.notEqual(work.list(slow, () => nowUs), list);
  work.forgetList();
  work.list(slow, () => nowUs);
  assert.equal(reads, 3);
});

Deno.test("ServerWork.list keeps the list of each store apart", () => {
  const [one, other] = [new MemoryStore(), new MemoryStore()];
  one.put("mine", new Uint8Array(3));
  const work = new ServerWork();
  let nowUs = 0;
  const slow = (): number => nowUs++;
  assert.equal(work.list(one, slow).count, 1);
  assert.equal(work.list(other, slow).count, 0);
  assert.equal(work.list(one, slow).count, 1);
});
