import assert from "node:assert/strict";
import { RefusalReason } from "../../../../transfer/messages.ts";
import { RequestLimits } from "../../../../transfer/server/request_limits.ts";

Deno.test("RequestLimits.begin refuses requests beyond the limits, with a message, and end frees a slot", () => {
  const limits = new RequestLimits({ maxTransfers: 3, maxTransfersPerAddress: 2 });
  assert.equal(limits.begin("transfer", "a"), undefined);
  assert.equal(limits.begin("transfer", "a"), undefined);
  assert.deepEqual(limits.begin("transfer", "a"), {
    reason: RefusalReason.busy,
    message: "it is busy with 2 transfers of your address already",
  });
  assert.equal(limits.begin("transfer", "b"), undefined);
  assert.deepEqual(limits.begin("transfer", "c"), {
    reason: RefusalReason.busy,
    message: "it is busy with 3 transfers already",
  });
  assert.equal(limits.countOf("transfer"), 3);
  assert.equal(limits.begin("list", "a"), undefined);
  limits.end("transfer", "a");
  assert.equal(limits.begin("transfer", "c"), undefined);
});
