import assert from "node:assert/strict";
import { parseLine } from "../../../perf/lines.ts";

Deno.test("parseLine reads a peer's line, and passes over what a command before it printed", () => {
  assert.deepEqual(parseLine('{"kind":"listening","port":5}'), { kind: "listening", port: 5 });
  for (const text of ["", "entering namespace a", "{ not ours }", '"listening"']) {
    assert.equal(parseLine(text), undefined);
  }
});
