import assert from "node:assert/strict";
import { InvariantError } from "../../../../base/invariant.ts";
import { readConnectionId, writeConnectionId } from "../../../../protocol/wire/connection_id.ts";
import { Reader, Writer } from "../../../../base/bytes.ts";

function newWriter(): Writer {
  return new Writer().reset(new Uint8Array(100));
}

Deno.test("writeConnectionId and readConnectionId carry 53 bits", () => {
  for (const id of [0, 1, 2 ** 32 - 1, 2 ** 32, 2 ** 52 + 3, 2 ** 53 - 1]) {
    const writer = newWriter();
    writeConnectionId(writer, id);
    assert.equal(writer.position, 8);
    assert.equal(readConnectionId(new Reader().reset(writer.buffer)), id);
  }
  assert.throws(() => writeConnectionId(newWriter(), -1), InvariantError);
});
