import assert from "node:assert/strict";
import { PeerError, TransportErrorCode } from "../../../../protocol/errors.ts";
import { InvariantError } from "../../../../base/invariant.ts";
import { ReceiveWindow, SendCredit } from "../../../../protocol/streams/flow_control.ts";

Deno.test("SendCredit.use counts toward the limit and blocks at it", () => {
  const credit = new SendCredit(100);
  assert.ok(credit.available > 0);
  credit.use(60);
  assert.deepEqual([credit.used, credit.available, credit.limit], [60, 40, 100]);
  credit.use(40);
  assert.equal(credit.available, 0);
  assert.throws(() => credit.use(1), InvariantError);
});

Deno.test("SendCredit.raise takes an increase and ignores anything else", () => {
  const credit = new SendCredit(100);
  credit.use(100);
  assert.equal(credit.raise(100), false);
  assert.equal(credit.raise(99), false);
  assert.equal(credit.limit, 100);
  assert.equal(credit.raise(2 ** 40), true);
  assert.ok(credit.available > 0);
  assert.equal(credit.available, 2 ** 40 - 100);
});

Deno.test("SendCredit starts blocked without a limit", () => {
  assert.equal(new SendCredit().available, 0);
});

Deno.test("ReceiveWindow.onReceived throws a flow control error above the limit, not at it", () => {
  const window = new ReceiveWindow(100);
  window.onReceived(100);
  window.onReceived(40);
  assert.equal(window.receivedBytes, 100);
  assert.throws(
    () => window.onReceived(101),
    (error) => error instanceof PeerError && error.code === TransportErrorCode.flowControlError,
  );
  assert.equal(window.receivedBytes, 100);
});

Deno.test("ReceiveWindow.shouldUpdate is true once half of the window is consumed", () => {
  const window = new ReceiveWindow(100);
  window.onReceived(100);
  window.onConsumed(49);
  assert.equal(window.shouldUpdate, false);
  window.onConsumed(1);
  assert.equal(window.shouldUpdate, true);
  assert.equal(window.takeUpdate(), 150);
  assert.equal(window.limit, 150);
  assert.equal(window.shouldUpdate, false);
  window.onReceived(150);
});

Deno.test("ReceiveWindow.onConsumed throws InvariantError for more than was received", () => {
  const window = new ReceiveWindow(100);
  window.onReceived(10);
  assert.throws(() => window.onConsumed(11), InvariantError);
});

Deno.test("ReceiveWindow.widen makes an update due immediately if it at least doubles the window", () => {
  const window = new ReceiveWindow(100);
  assert.equal(window.shouldUpdate, false);
  window.widen(1000);
  assert.equal(window.windowBytes, 1100);
  assert.equal(window.shouldUpdate, true);
  assert.equal(window.takeUpdate(), 1100);
});

Deno.test("ReceiveWindow.narrow does not reduce an announced limit", () => {
  const window = new ReceiveWindow(100);
  window.widen(1000);
  window.takeUpdate();
  window.onReceived(600);
  window.narrow(1000);
  assert.equal(window.limit, 1100);
  assert.equal(window.shouldUpdate, false);
  assert.equal(window.takeUpdate(), 1100);
  window.onReceived(1100);
  window.onConsumed(1100);
  assert.equal(window.shouldUpdate, true);
  assert.equal(window.takeUpdate(), 1200);
});

Deno.test("ReceiveWindow.widen with an end never grants more than an ordinary window beyond that end", () => {
  const window = new ReceiveWindow(100);
  const regionEnd = 5000;
  window.widen(1000, regionEnd);
  let sent = 0;
  let updates = 0;
  while (sent < regionEnd) {
    if (window.shouldUpdate) {
      window.takeUpdate();
      updates++;
    }
    assert.ok(window.limit <= regionEnd + 100, `limit ${window.limit}`);
    const count = Math.min(50, regionEnd - sent);
    assert.ok(sent + count <= window.limit, "the sender never has to wait");
    sent += count;
    window.onReceived(sent);
    window.onConsumed(count);
  }
  assert.equal(window.windowBytes, 100, "the widening ends with the region");
  assert.ok(updates < 20, `${updates} updates`);
});

Deno.test("ReceiveWindow.widen for a second region does not restore the widening for the first", () => {
  const window = new ReceiveWindow(100);
  window.widen(1000, 50);
  window.onReceived(60);
  window.onConsumed(60);
  window.widen(10, 10_000);
  assert.equal(window.windowBytes, 110);
});

Deno.test("ReceiveWindow.shouldUpdate is false for a window of no bytes until it is widened", () => {
  const window = new ReceiveWindow(0);
  assert.equal(window.shouldUpdate, false);
  window.widen(10);
  assert.equal(window.shouldUpdate, true);
});

Deno.test("ReceiveWindow stays within 2^53-1", () => {
  const window = new ReceiveWindow(Number.MAX_SAFE_INTEGER);
  window.onReceived(1000);
  window.onConsumed(1000);
  assert.equal(window.shouldUpdate, false);
  assert.equal(window.takeUpdate(), Number.MAX_SAFE_INTEGER);
});
