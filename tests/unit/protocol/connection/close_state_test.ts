import assert from "node:assert/strict";
import { CloseState, type CloseStateOptions } from "../../../../protocol/connection/close_state.ts";
import { type CloseReason, TransportErrorCode } from "../../../../protocol/errors.ts";

const LOCAL: CloseReason = { kind: "local", code: 3, reason: "enough" };
const VIOLATION: CloseReason = { kind: "violation", code: TransportErrorCode.finalSizeError, reason: "two ends" };
const ANSWERS = new Uint8Array([1, 2, 3]);

function make(reason: CloseReason, changes: Partial<CloseStateOptions> = {}): CloseState {
  const streams = { takeUnacked: () => ANSWERS };
  return new CloseState(reason, { streams, path: { isValidated: true }, packetsLost: 0, ...changes });
}

function drain(closing: CloseState): number {
  let count = 0;
  while (closing.take() !== undefined) count++;
  return count;
}

Deno.test("CloseState sends the close twice, then on the 1st, 2nd, 4th and 8th packet that still arrives", () => {
  const closing = make(LOCAL);
  assert.equal(drain(closing), 2);
  const answered: number[] = [];
  for (let packet = 1; packet <= 20; packet++) {
    closing.onPacketReceived();
    if (drain(closing) > 0) answered.push(packet);
  }
  assert.deepEqual(answered, [1, 2, 4, 8, 16]);
});

Deno.test("CloseState sends the close four times if packets were lost", () => {
  assert.equal(drain(make(LOCAL, { packetsLost: 1 })), 4);
});

Deno.test("CloseState distinguishes application codes from transport codes", () => {
  assert.deepEqual(make(LOCAL).take()!.close, { isApplication: true, code: 3, reason: "enough" });
  const { code } = VIOLATION as { code: number };
  assert.deepEqual(make(VIOLATION).take()!.close, { isApplication: false, code, reason: "two ends" });
});

Deno.test("CloseState adds the last responses, but not after a protocol violation or for an unvalidated address", () => {
  assert.deepEqual(make(LOCAL).take()!.frames, ANSWERS);
  assert.equal(make(VIOLATION).take()!.frames.length, 0);
  assert.equal(make(LOCAL, { path: { isValidated: false } }).take()!.frames.length, 0);
});
