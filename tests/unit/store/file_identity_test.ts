import assert from "node:assert/strict";
import { isSameFile } from "../../../store/file_identity.ts";

Deno.test("isSameFile tells files apart by disk and number", () => {
  const file = { dev: 1, ino: 7 };
  assert.equal(isSameFile(file, { dev: 1, ino: 7 }), true);
  assert.equal(isSameFile(file, { dev: 1, ino: 8 }), false);
  assert.equal(isSameFile(file, { dev: 2, ino: 7 }), false);
  assert.equal(isSameFile(file, undefined), false);
});

Deno.test("isSameFile assumes the same file if the platform has no inode numbers", () => {
  assert.equal(isSameFile({ dev: 0, ino: 0 }, { dev: 1, ino: 7 }), true);
  assert.equal(isSameFile({ dev: 1, ino: 7 }, { dev: 0, ino: 0 }), true);
});
