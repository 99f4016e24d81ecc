import assert from "node:assert/strict";
import { Closing } from "../../../protocol/closing.ts";
import { TransportErrorCode } from "../../../protocol/errors.ts";

function drain(closing: Closing): number {
  let count = 0;
  while (closing.take() !== undefined) count++;
  return count;
}

Deno.test("Closing says it twice unasked, then to the 1st, 2nd, 4th and 8th packet that still comes", () => {
  const closing = new Closing({ kind: "local", code: 3, reason: "enough" });
  assert.equal(drain(closing), 2);
  const answered: number[] = [];
  for (let packet = 1; packet <= 20; packet++) {
    closing.onPacketReceived();
    if (drain(closing) > 0) answered.push(packet);
  }
  assert.deepEqual(answered, [1, 2, 4, 8, 16]);
});

Deno.test("Closing tells the application's code from the transport's", () => {
  const local = new Closing({ kind: "local", code: 3, reason: "enough" });
  assert.deepEqual(local.take(), { isApplication: true, code: 3, reason: "enough" });
  const code = TransportErrorCode.finalSizeError;
  const violation = new Closing({ kind: "violation", code, reason: "two ends" });
  assert.deepEqual(violation.take(), { isApplication: false, code, reason: "two ends" });
});
