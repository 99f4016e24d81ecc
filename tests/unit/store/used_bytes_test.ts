import assert from "node:assert/strict";
import { BLOCK_BYTES, usedBytes } from "../../../store/used_bytes.ts";

Deno.test("usedBytes counts whole blocks, at least one", () => {
  assert.deepEqual([0, 1, BLOCK_BYTES, BLOCK_BYTES + 1].map(usedBytes), [1, 1, 1, 2].map((n) => n * BLOCK_BYTES));
});
