import assert from "node:assert/strict";
import { InvariantError } from "../../../../base/invariant.ts";
import { KeyPair } from "../../../../protocol/crypto/x25519.ts";
import { toHex } from "../../../../transfer/hex.ts";
import { fromHex } from "../../../../testing/wire_values.ts";

/** RFC 7748, section 5.2: scalar, u-coordinate, and what comes of them. */
const PRODUCTS = [
  [
    "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
    "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
    "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
  ],
  [
    "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
    "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
    "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
  ],
] as const;

Deno.test("KeyPair.sharedSecret is RFC 7748's X25519", () => {
  for (const [scalar, point, product] of PRODUCTS) {
    assert.equal(toHex(new KeyPair(fromHex(scalar)).sharedSecret(fromHex(point))!), product);
  }
});

Deno.test("KeyPair has the public key of RFC 7748, section 6.1", () => {
  const bob = new KeyPair(fromHex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"));
  assert.equal(toHex(bob.publicKey), "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
  const alicesPublicKey = fromHex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
  const secret = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742";
  assert.equal(toHex(bob.sharedSecret(alicesPublicKey)!), secret);
});

Deno.test("KeyPair.sharedSecret refuses points of low order, with which everybody's secret is the same", () => {
  const pair = new KeyPair(new Uint8Array(32).fill(5));
  const lowOrder = [
    "00".repeat(32),
    `01${"00".repeat(31)}`,
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    `ec${"ff".repeat(30)}7f`,
    `ed${"ff".repeat(30)}7f`,
    `ee${"ff".repeat(30)}7f`,
  ];
  for (const point of lowOrder) assert.equal(pair.sharedSecret(fromHex(point)), undefined, point);
});

Deno.test("KeyPair throws InvariantError for keys that are not 32 bytes", () => {
  assert.throws(() => new KeyPair(new Uint8Array(31)), InvariantError);
  assert.throws(() => new KeyPair(new Uint8Array(32)).sharedSecret(new Uint8Array(33)), InvariantError);
});
