import assert from "node:assert/strict";
import { findCollisions } from "../../../../../app/client/tree/collisions.ts";

Deno.test("findCollisions finds names in one folder that differ in case or normalization", () => {
  assert.deepEqual(findCollisions(["a.txt", "A.txt", "b", "d", "d/\u00e4", "d/a\u0308"], []), [
    { first: "a.txt", second: "A.txt" },
    { first: "d/\u00e4", second: "d/a\u0308" },
  ]);
});

Deno.test("findCollisions tells of folders, and not of what is in them", () => {
  assert.deepEqual(findCollisions(["a", "a/x", "A", "A/x"], []), [{ first: "a", second: "A" }]);
});

Deno.test("findCollisions compares with what exists, but for the same path", () => {
  assert.deepEqual(findCollisions(["a", "b"], ["A", "b", "C", "c"]), [{ first: "A", second: "a" }]);
  assert.deepEqual(findCollisions(["a"], ["a", "A"]), []);
});
