import assert from "node:assert/strict";
import { EventQueue } from "../../../../protocol/connection/event_queue.ts";

Deno.test("EventQueue returns events in order, also those pushed between takes", () => {
  const queue = new EventQueue<number>();
  assert.equal(queue.take(), undefined);
  queue.push(1);
  queue.push(2);
  assert.equal(queue.take(), 1);
  queue.push(3);
  assert.deepEqual([queue.take(), queue.take(), queue.take()], [2, 3, undefined]);
  queue.push(4);
  assert.deepEqual([queue.take(), queue.take()], [4, undefined]);
});
