import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { encodeCredentials, PeerIdentity } from "../../../../protocol/handshake/peer_identity.ts";

const KEY = new Uint8Array(32).fill(1);
const HASH = new Uint8Array(32).fill(2);
const TOKEN = new TextEncoder().encode("a long and random token");

Deno.test("PeerIdentity.provesToken is true for the token that the credentials prove, and for no other", () => {
  const peer = new PeerIdentity(KEY, { credentials: encodeCredentials(TOKEN, HASH), handshakeHash: HASH });
  assert.equal(peer.provesToken(TOKEN), true);
  for (const other of ["", "a long and random toke", "a long and random token ", "another"]) {
    assert.equal(peer.provesToken(new TextEncoder().encode(other)), false, other);
  }
});

Deno.test("PeerIdentity.provesToken is false for a proof of another handshake", () => {
  const credentials = encodeCredentials(TOKEN, new Uint8Array(32).fill(3));
  assert.equal(new PeerIdentity(KEY, { credentials, handshakeHash: HASH }).provesToken(TOKEN), false);
});

Deno.test("PeerIdentity.provesToken is false without a proof, or with one that is cut short or of another type", () => {
  const credentials = encodeCredentials(TOKEN, HASH);
  const changed = [new Uint8Array(0), credentials.subarray(0, 32), Uint8Array.of(2, ...credentials.subarray(1))];
  for (const bytes of changed) {
    assert.equal(new PeerIdentity(KEY, { credentials: bytes, handshakeHash: HASH }).provesToken(TOKEN), false);
  }
  assert.equal(new PeerIdentity(KEY).provesToken(TOKEN), false);
});

Deno.test("encodeCredentials writes what docs/PROTOCOL.md says, and nothing without a token", () => {
  const proof = createHmac("sha256", TOKEN).update("sluice token proof").update(HASH).digest();
  assert.deepEqual(encodeCredentials(TOKEN, HASH), Uint8Array.of(1, ...proof));
  assert.deepEqual(encodeCredentials(undefined, HASH), new Uint8Array(0));
});

Deno.test("PeerIdentity passes over what follows the proof", () => {
  const credentials = Uint8Array.of(...encodeCredentials(TOKEN, HASH), 9, 9);
  assert.equal(new PeerIdentity(KEY, { credentials, handshakeHash: HASH }).provesToken(TOKEN), true);
});
