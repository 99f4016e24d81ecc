import assert from "node:assert/strict";
import { ResetTokens } from "../../../../protocol/handshake/reset_tokens.ts";

const KEY = new Uint8Array(32).fill(1);
const ID = Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7);

Deno.test("ResetTokens gives each connection ID its own token, and the same one with the same key", () => {
  const tokens = new ResetTokens(KEY);
  assert.equal(tokens.of(ID).length, 16);
  assert.deepEqual(new ResetTokens(KEY.slice()).of(ID), tokens.of(ID));
  assert.notDeepEqual(tokens.of(ID.toReversed()), tokens.of(ID));
  assert.notDeepEqual(new ResetTokens(new Uint8Array(32)).of(ID), tokens.of(ID));
});
