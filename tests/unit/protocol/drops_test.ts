import assert from "node:assert/strict";
import { DROP_REASONS, DropCounter } from "../../../protocol/drops.ts";

Deno.test("DropCounter counts by reason, and not what did not occur", () => {
  const counter = new DropCounter();
  counter.add("damaged");
  counter.add("repeated");
  counter.add("damaged");
  assert.deepEqual([...counter.counts], [["damaged", 2], ["repeated", 1]]);
});

Deno.test("DropCounter.take gives the counts in the order of the reasons, once", () => {
  const counter = new DropCounter();
  for (const reason of DROP_REASONS.toReversed()) counter.add(reason);
  assert.deepEqual([...counter.take()], DROP_REASONS.map((reason) => [reason, 1]));
  assert.deepEqual([...counter.take()], []);
  counter.add("late");
  assert.deepEqual([...counter.take()], [["late", 1]]);
});
