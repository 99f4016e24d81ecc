import assert from "node:assert/strict";
import { EndedIds } from "../../../../protocol/endpoint/ended_ids.ts";
import { TOKEN_LIFETIME_US } from "../../../../protocol/limits.ts";

Deno.test("EndedIds.has knows an ID for the lifetime of tokens after its end, and no other", () => {
  const ended = new EndedIds(10);
  ended.add(1_000, 7);
  assert(ended.has(1_000, 7));
  assert(ended.has(1_000 + TOKEN_LIFETIME_US, 7));
  assert(!ended.has(1_001 + TOKEN_LIFETIME_US, 7));
  assert(!ended.has(1_000, 8));
});

Deno.test("EndedIds.isFull is true at the bound until the oldest ID has expired, and none is dropped before", () => {
  const ended = new EndedIds(2);
  ended.add(1_000, 1);
  assert(!ended.isFull(1_000));
  ended.add(2_000, 2);
  assert(ended.isFull(2_000));
  // One of a connection that was there already.
  ended.add(3_000, 3);
  for (const id of [1, 2, 3]) assert(ended.has(3_000, id));
  assert(ended.isFull(1_001 + TOKEN_LIFETIME_US), "two are left");
  assert(!ended.isFull(2_001 + TOKEN_LIFETIME_US), "one is left");
  assert.equal(ended.size, 1);
});

Deno.test("EndedIds.add drops expired IDs", () => {
  const ended = new EndedIds(10);
  for (let i = 0; i < 5; i++) ended.add(i, i + 1);
  ended.add(TOKEN_LIFETIME_US + 100, 9);
  assert.equal(ended.size, 1);
});
