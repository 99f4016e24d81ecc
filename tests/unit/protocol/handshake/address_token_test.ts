import assert from "node:assert/strict";
import { InvariantError } from "../../../../base/invariant.ts";
import { AddressTokens } from "../../../../protocol/handshake/address_token.ts";
import { TOKEN_LIFETIME_US } from "../../../../protocol/limits.ts";
import { fromHex } from "../../../../testing/wire_values.ts";

const SECRET = Uint8Array.from({ length: 32 }, (_, i) => i);
const BINDING = {
  address: "192.0.2.1:5000",
  clientId: fromHex("00123456789abcde"),
  serverId: 0x000f_edcb_a987_6543,
};
const ISSUED_US = 1_000_000;

const tokens = new AddressTokens(SECRET, TOKEN_LIFETIME_US);
const token = tokens.issue(ISSUED_US, BINDING);

Deno.test("AddressTokens.issue creates a token with the documented layout", () => {
  // Computed with another implementation of HMAC.
  assert.equal(token.toHex(), "01c0000000000f42405f63efe92dd1dab8767e1d3ffb0f2514");
});

Deno.test("AddressTokens.verify accepts a token for its lifetime and no longer", () => {
  const verifyAt = (nowUs: number) => tokens.verify(token, { ...BINDING, nowUs });
  assert.equal(verifyAt(ISSUED_US), true);
  assert.equal(verifyAt(ISSUED_US + TOKEN_LIFETIME_US), true);
  assert.equal(verifyAt(ISSUED_US + TOKEN_LIFETIME_US + 1), false);
  assert.equal(verifyAt(ISSUED_US - 1), false);
});

Deno.test("AddressTokens.ageUs tells how long ago a token was issued", () => {
  assert.equal(tokens.ageUs(token, ISSUED_US + 1234), 1234);
});

Deno.test("AddressTokens.verify refuses another address and other connection IDs", () => {
  const verify = (changed: object) => tokens.verify(token, { ...BINDING, nowUs: ISSUED_US, ...changed });
  assert.equal(verify({ address: "192.0.2.1:5001" }), false);
  assert.equal(verify({ address: "192.0.2.1:500" }), false);
  assert.equal(verify({ clientId: fromHex("00123456789abcdf") }), false);
  assert.equal(verify({ serverId: BINDING.serverId + 1 }), false);
});

Deno.test("AddressTokens.verify refuses a token of another secret", () => {
  const others = new AddressTokens(SECRET.map((byte) => byte ^ 1), TOKEN_LIFETIME_US);
  assert.equal(others.verify(token, { ...BINDING, nowUs: ISSUED_US }), false);
});

Deno.test("AddressTokens.verify refuses a token with a bit flipped, and of any other length", () => {
  for (let bit = 0; bit < token.length * 8; bit++) {
    const damaged = token.slice();
    damaged[bit >> 3]! ^= 1 << (bit & 7);
    assert.equal(tokens.verify(damaged, { ...BINDING, nowUs: ISSUED_US + 1000 }), false, `bit ${bit}`);
  }
  for (let length = 0; length < 40; length++) {
    const resized = new Uint8Array(length);
    resized.set(token.subarray(0, length));
    const verified = tokens.verify(resized, { ...BINDING, nowUs: ISSUED_US });
    assert.equal(verified, length === token.length, `length ${length}`);
  }
});

Deno.test("AddressTokens keeps a copy of its secret, and requires at least 16 bytes", () => {
  const secret = SECRET.slice();
  const own = new AddressTokens(secret, 5);
  secret.fill(0);
  assert.equal(own.verify(token, { ...BINDING, nowUs: ISSUED_US }), true);
  assert.equal(own.verify(token, { ...BINDING, nowUs: ISSUED_US + 6 }), false);
  assert.throws(() => new AddressTokens(new Uint8Array(15), TOKEN_LIFETIME_US), InvariantError);
});
