import assert from "node:assert/strict";
import { WindowedMax } from "../../../../../protocol/congestion/bbr/windowed_max.ts";

Deno.test("WindowedMax keeps a maximum for one advance and forgets it at the second", () => {
  const max = new WindowedMax();
  assert.equal(max.value, 0);
  max.update(5);
  max.update(3);
  max.advance();
  max.update(2);
  assert.equal(max.value, 5);
  max.advance();
  assert.equal(max.value, 2);
});

Deno.test("WindowedMax does not advance past a half without a value", () => {
  const max = new WindowedMax();
  max.update(5);
  for (let i = 0; i < 10; i++) max.advance();
  assert.equal(max.value, 5);
  max.update(1);
  max.advance();
  assert.equal(max.value, 1);
});
