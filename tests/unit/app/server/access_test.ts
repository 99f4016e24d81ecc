import assert from "node:assert/strict";
import { type AccessEntry, AccessTable, isSameGrant } from "../../../../app/server/access.ts";
import { encodeCredentials } from "../../../../protocol/handshake/peer_identity.ts";
import { PeerIdentity } from "../../../../protocol/mod.ts";

const HASH = new Uint8Array(32).fill(1);
const KEY = new Uint8Array(32).fill(2);
const TOKEN = new TextEncoder().encode("sixteen and more");
const GRANT = { rights: ["read", "list"], folder: undefined, quotaBytes: undefined } as const;

const ALICE: AccessEntry = { ...GRANT, name: "alice", kind: "key", secret: KEY };
const TEAM: AccessEntry = { ...GRANT, name: "team", kind: "token", secret: TOKEN };

function peer(key: Uint8Array, token?: Uint8Array): PeerIdentity {
  return new PeerIdentity(key, { credentials: encodeCredentials(token, HASH), handshakeHash: HASH });
}

Deno.test("AccessTable.grantOf finds a peer by its key or by a token that it proves, and no other peer", () => {
  const table = new AccessTable([ALICE, TEAM]);
  const other = new Uint8Array(32).fill(3);
  assert.equal(table.grantOf(peer(KEY)), ALICE);
  assert.equal(table.grantOf(peer(other, TOKEN)), TEAM);
  assert.equal(table.grantOf(peer(KEY, TOKEN)), ALICE, "the first line");
  assert.equal(table.grantOf(peer(other)), undefined);
  assert.equal(table.grantOf(peer(other, KEY)), undefined);
  assert.equal(new AccessTable([]).grantOf(peer(KEY, TOKEN)), undefined);
});

Deno.test("isSameGrant looks at the name and at all that it gives", () => {
  assert.equal(isSameGrant(ALICE, { ...ALICE, rights: ["list", "read"] }), true);
  assert.equal(isSameGrant(undefined, undefined), true);
  const others = [
    { ...ALICE, name: "bob" },
    { ...ALICE, folder: "a" },
    { ...ALICE, quotaBytes: 0 },
    { ...ALICE, rights: ["read"] as const },
    { ...ALICE, rights: ["read", "write"] as const },
    undefined,
  ];
  for (const other of others) assert.equal(isSameGrant(ALICE, other), false);
});
