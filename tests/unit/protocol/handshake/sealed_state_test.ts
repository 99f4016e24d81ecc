import assert from "node:assert/strict";
import { openState, sealState } from "../../../../protocol/handshake/sealed_state.ts";

const STATE = Uint8Array.from({ length: 128 }, (_, i) => i);

function key(fill = 1): Uint8Array {
  return new Uint8Array(32).fill(fill);
}

Deno.test("openState gives back what sealState sealed, and both overwrite their key", () => {
  const [one, other] = [key(), key()];
  const sealed = sealState(one, STATE);
  assert.equal(sealed.length, STATE.length + 16);
  assert.notDeepEqual(sealed.subarray(0, 128), STATE);
  assert.deepEqual(openState(other, sealed), STATE);
  assert.deepEqual([one, other], [new Uint8Array(32), new Uint8Array(32)]);
});

Deno.test("openState refuses every flipped bit, whatever is too short, and another key", () => {
  const sealed = sealState(key(), STATE);
  for (let bit = 0; bit < 8 * sealed.length; bit++) {
    const changed = sealed.slice();
    changed[bit >> 3]! ^= 1 << (bit & 7);
    assert.equal(openState(key(), changed), undefined);
  }
  for (const length of [0, 1, 15, 16, 143]) assert.equal(openState(key(), sealed.subarray(0, length)), undefined);
  assert.equal(openState(key(2), sealed), undefined);
});
