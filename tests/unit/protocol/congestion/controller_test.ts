import assert from "node:assert/strict";
import { initialWindowBytes } from "../../../../protocol/congestion/controller.ts";

Deno.test("initialWindowBytes is ten datagrams, bounded as in RFC 9002, section 7.2", () => {
  assert.equal(initialWindowBytes(1_200), 12_000);
  assert.equal(initialWindowBytes(1_472), 14_720);
  assert.equal(initialWindowBytes(1_500), 14_720);
  assert.equal(initialWindowBytes(16_384), 32_768);
});
