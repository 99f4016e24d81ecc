import assert from "node:assert/strict";
import { formatKey, parseKey } from "../../../app/keys.ts";

Deno.test("parseKey reads what formatKey wrote, 43 characters that need no quoting", () => {
  for (const fill of [0, 1, 127, 255]) {
    const key = new Uint8Array(32).fill(fill);
    assert.match(formatKey(key), /^[\w-]{43}$/);
    assert.deepEqual(parseKey(formatKey(key)), key);
  }
});

Deno.test("parseKey takes nothing that is not the whole key", () => {
  const text = formatKey(new Uint8Array(32).fill(3));
  const tooShort = ["", "alice", text.slice(1), text.slice(2), text.slice(3)];
  for (const wrong of [...tooShort, `${text}A`, `${text.slice(0, -1)}=`, text.replace("A", "!"), ` ${text}`]) {
    assert.equal(parseKey(wrong), undefined, wrong);
  }
  // The last character has two bits that say nothing: only one spelling is taken, so that comparing texts is enough.
  assert.equal(parseKey(`${text.slice(0, -1)}${text.endsWith("M") ? "N" : "M"}`) === undefined, true);
});
