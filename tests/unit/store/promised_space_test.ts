import assert from "node:assert/strict";
import { PromisedSpace } from "../../../store/promised_space.ts";

Deno.test("PromisedSpace.add counts for each device by itself", () => {
  const space = new PromisedSpace();
  space.add(1, 10);
  space.add(2, 5);
  space.add(1, 7);
  space.add(2, -5);
  assert.deepEqual([space.on(1), space.on(2), space.on(3)], [17, 0, 0]);
});
