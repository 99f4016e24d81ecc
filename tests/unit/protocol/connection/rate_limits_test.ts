import assert from "node:assert/strict";
import { Writer } from "../../../../base/bytes.ts";
import { NO_RATE_LIMIT, type RateLimit, RateLimits } from "../../../../protocol/connection/rate_limits.ts";
import { CallerError } from "../../../../protocol/errors.ts";
import { ReceiptKind, SentPacket } from "../../../../protocol/sent_packet.ts";
import { decodeFrames } from "../../../../testing/wire_values.ts";

function limit(bytesPerSecond: number, isBackground = false): RateLimit {
  return { bytesPerSecond, isBackground };
}

/** The frames of the next packet, and the receipts. */
function next(limits: RateLimits, roomBytes = 100) {
  const writer = new Writer().reset(new Uint8Array(roomBytes));
  const packet = new SentPacket();
  limits.fill(writer, packet);
  const frames = writer.position === 0 ? [] : decodeFrames(writer.buffer.subarray(0, writer.position)).values;
  return { frames, receipts: packet.receipts.slice(0, 5 * packet.receiptCount) };
}

Deno.test("RateLimits sends what both sides allow", () => {
  const limits = new RateLimits();
  assert.deepEqual(limits.sending, NO_RATE_LIMIT);
  limits.limitSending(limit(500));
  limits.onPeerLimit(300, true);
  assert.deepEqual(limits.sending, limit(300, true));
  limits.onPeerLimit(0, false);
  assert.deepEqual(limits.sending, limit(500));
  limits.limitSending(NO_RATE_LIMIT);
  assert.deepEqual(limits.sending, NO_RATE_LIMIT);
});

Deno.test("RateLimits asks once for each change, with the values of now, and again if the last frame was lost", () => {
  const limits = new RateLimits();
  assert.deepEqual([limits.hasPending, next(limits).frames], [false, []]);
  limits.limitReceiving(NO_RATE_LIMIT);
  assert.equal(limits.hasPending, false);
  limits.limitReceiving(limit(700));
  limits.limitReceiving(limit(400.5, true));
  assert.deepEqual(next(limits, 10).frames, [], "there is no room");
  const first = next(limits);
  assert.deepEqual(first.frames, [{ frame: "rateLimit", bytesPerSecond: 400, isBackground: true }]);
  assert.deepEqual(first.receipts, [ReceiptKind.rateLimit, 1, 0, 0, 0]);
  assert.equal(limits.hasPending, false);
  limits.limitReceiving(NO_RATE_LIMIT);
  assert.deepEqual(next(limits).frames, [{ frame: "rateLimit", bytesPerSecond: 0, isBackground: false }]);
  limits.onLost(1);
  assert.equal(limits.hasPending, false, "a later frame says something else");
  limits.onLost(2);
  assert.deepEqual(next(limits).frames, [{ frame: "rateLimit", bytesPerSecond: 0, isBackground: false }]);
});

Deno.test("RateLimits asks for no less than a byte per second, which is not no limit", () => {
  const limits = new RateLimits();
  limits.limitReceiving(limit(0.3));
  assert.deepEqual(next(limits).frames, [{ frame: "rateLimit", bytesPerSecond: 1, isBackground: false }]);
});

Deno.test("RateLimits refuses what is no rate", () => {
  for (const rate of [0, -1, NaN]) {
    assert.throws(() => new RateLimits().limitSending(limit(rate)), CallerError);
    assert.throws(() => new RateLimits().limitReceiving(limit(rate)), CallerError);
  }
});
