import assert from "node:assert/strict";
import { Operations } from "../../../../app/client/operations.ts";

Deno.test("Operations.settled settles as the operation does", async () => {
  const operations = new Operations();
  const [done, failed] = [Promise.withResolvers<number>(), Promise.withResolvers<number>()];
  const settled = [operations.settled(done), operations.settled(failed)];
  done.resolve(1);
  failed.reject(new Error("no"));
  assert.equal(await settled[0], 1);
  await assert.rejects(settled[1]!, { message: "no" });
  operations.fail(new Error("too late for these"));
});

Deno.test("Operations.fail ends the operations under way, and those that begin later", async () => {
  const operations = new Operations();
  const [one, other] = [operations.settled(Promise.withResolvers()), operations.settled(Promise.withResolvers())];
  const bug = new Error("bug");
  operations.fail(bug);
  operations.fail(new Error("which follows from it"));
  for (const settled of [one, other, operations.settled(Promise.withResolvers())]) await assert.rejects(settled, bug);
});

Deno.test("Operations.onAbort calls those that listen to the signal, by one listener", () => {
  const operations = new Operations();
  const controller = new AbortController();
  const { signal } = controller;
  let listenerCount = 0;
  const counting: AbortSignal = Object.assign(Object.create(signal), {
    addEventListener: (type: "abort", listener: () => void) => {
      listenerCount++;
      signal.addEventListener(type, listener);
    },
    removeEventListener: (type: "abort", listener: () => void) => {
      listenerCount--;
      signal.removeEventListener(type, listener);
    },
  });
  const called: string[] = [];
  const [a, b, c] = ["a", "b", "c"].map((name) => operations.onAbort(counting, () => called.push(name)));
  operations.onAbort(undefined, () => called.push("without a signal"))();
  assert.equal(listenerCount, 1);
  b!();
  b!();
  controller.abort();
  assert.deepEqual(called, ["a", "c"]);
  a!();
  c!();
  assert.equal(listenerCount, 0);
});
