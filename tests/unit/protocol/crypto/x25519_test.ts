import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { InvariantError } from "../../../../base/invariant.ts";
import { KeyPair } from "../../../../protocol/crypto/x25519.ts";
import { fromHex } from "../../../../testing/wire_values.ts";
import { readWycheproof } from "../../../../testing/wycheproof.ts";

/** RFC 7748, section 5.2: scalar, u-coordinate, product. */
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

Deno.test("KeyPair.sharedSecret gives the results of RFC 7748, section 5.2", () => {
  for (const [scalar, point, product] of PRODUCTS) {
    assert.equal(new KeyPair(fromHex(scalar)).sharedSecret(fromHex(point))!.toHex(), product);
  }
});

Deno.test("KeyPair.publicKey gives the key of RFC 7748, section 6.1", () => {
  const bob = new KeyPair(fromHex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"));
  assert.equal(bob.publicKey.toHex(), "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
  const alicesPublicKey = fromHex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
  const secret = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742";
  assert.equal(bob.sharedSecret(alicesPublicKey)!.toHex(), secret);
});

/** The prime of Curve25519. */
const P = 2n ** 255n - 19n;

/** A number as 32 bytes, little-endian. */
function bytesOf(number: bigint): Uint8Array {
  return new Uint8Array(Buffer.from(number.toString(16).padStart(64, "0"), "hex").reverse());
}

function numberOf(bytes: Uint8Array): bigint {
  return BigInt(`0x${bytes.slice().reverse().toHex()}`);
}

/** X25519 as RFC 7748, section 5, writes it down, without the platform. */
function x25519ByDefinition(privateKey: Uint8Array, publicKey: Uint8Array): Uint8Array {
  const scalar = (numberOf(privateKey) & (2n ** 254n - 8n)) | 2n ** 254n;
  const u = (numberOf(publicKey) & (2n ** 255n - 1n)) % P;
  const mod = (value: bigint): bigint => ((value % P) + P) % P;
  let [x2, z2, x3, z3] = [1n, 0n, u, 1n];
  for (let bit = 254n; bit >= 0n; bit--) {
    const isSet = (scalar >> bit) & 1n;
    if (isSet) [x2, z2, x3, z3] = [x3, z3, x2, z2];
    const [a, b, c, d] = [x2 + z2, mod(x2 - z2), x3 + z3, mod(x3 - z3)];
    const [aa, bb, da, cb] = [mod(a * a), mod(b * b), mod(d * a), mod(c * b)];
    const e = mod(aa - bb);
    x3 = mod((da + cb) ** 2n);
    z3 = mod(u * mod(da - cb) ** 2n);
    x2 = mod(aa * bb);
    z2 = mod(e * (aa + 121665n * e));
    if (isSet) [x2, z2, x3, z3] = [x3, z3, x2, z2];
  }
  let inverse = 1n;
  for (let exponent = P - 2n, power = z2; exponent > 0n; exponent >>= 1n, power = mod(power * power)) {
    if (exponent & 1n) inverse = mod(inverse * power);
  }
  return bytesOf(mod(x2 * inverse));
}

/** The result of the definition, in hex; undefined where it is zero, which {@link KeyPair} has to refuse. */
function expectedSecret(privateKey: Uint8Array, publicKey: Uint8Array): string | undefined {
  const secret = x25519ByDefinition(privateKey, publicKey);
  return secret.some((byte) => byte !== 0) ? secret.toHex() : undefined;
}

function secretOf(privateKey: Uint8Array, publicKey: Uint8Array): string | undefined {
  const secret = new KeyPair(privateKey).sharedSecret(publicKey);
  return secret && secret.toHex();
}

Deno.test("KeyPair.sharedSecret gives RFC 7748's results after 1 and 1,000 iterations", () => {
  let scalar = bytesOf(9n);
  let point = bytesOf(9n);
  for (let iteration = 1; iteration <= 1000; iteration++) {
    const product = new KeyPair(scalar).sharedSecret(point)!;
    point = scalar;
    scalar = product;
    if (iteration === 1) {
      assert.equal(scalar.toHex(), "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079");
    }
  }
  assert.equal(scalar.toHex(), "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51");
});

Deno.test("KeyPair.sharedSecret refuses points of low order, in every encoding, with every private key", () => {
  const orderEight = [
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
  ].map((hex) => numberOf(fromHex(hex)));
  const canonical = [0n, 1n, P - 1n, ...orderEight];
  const points = [...canonical, P, P + 1n].flatMap((u) => [u, u + 2n ** 255n]);
  for (const point of points) {
    const encoded = bytesOf(point);
    for (const fill of [0x00, 0x05, 0xff]) {
      const key = new Uint8Array(32).fill(fill);
      assert.equal(expectedSecret(key, encoded), undefined, "the definition gives zero");
      assert.equal(secretOf(key, encoded), undefined, encoded.toHex());
    }
  }
});

Deno.test("KeyPair.sharedSecret follows the definition for coordinates at the edges, on the curve and on its twist", () => {
  const key = Uint8Array.from({ length: 32 }, (_, index) => 11 * index + 3);
  const small = Array.from({ length: 30 }, (_, index) => BigInt(index) + 2n);
  const powers = [32n, 51n, 64n, 102n, 128n, 153n, 192n, 204n, 254n].flatMap((
    e,
  ) => [2n ** e - 1n, 2n ** e, 2n ** e + 1n]);
  const belowPrime = small.map((distance) => P - distance);
  const notCanonical = Array.from({ length: 17 }, (_, index) => P + BigInt(index) + 2n);
  const coordinates = [...small, ...powers, ...belowPrime, ...notCanonical];
  for (const u of [...coordinates, ...coordinates.map((u) => u + 2n ** 255n)]) {
    const encoded = bytesOf(u);
    assert.equal(secretOf(key, encoded), expectedSecret(key, encoded), encoded.toHex());
  }
  // v^2 = u^3 + 486662 u^2 + u has a solution for half of all u; the others are on the twist.
  const isOnCurve = (u: bigint): boolean => powerModP(u ** 3n + 486662n * u ** 2n + u, (P - 1n) / 2n) === 1n;
  const kinds = new Set(coordinates.map(isOnCurve));
  assert.equal(kinds.size, 2, "both kinds were tried");
});

function powerModP(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (let power = base % P; exponent > 0n; exponent >>= 1n, power = power * power % P) {
    if (exponent & 1n) result = result * power % P;
  }
  return result;
}

Deno.test("KeyPair.sharedSecret ignores the bits of a private key that RFC 7748 sets, and the top bit of a public key", () => {
  const key = new Uint8Array(32).fill(0x5a);
  const point = new Uint8Array(32).fill(0x21);
  const expected = secretOf(key, point);
  for (const [index, mask] of [[0, 1], [0, 2], [0, 4], [31, 0x80], [31, 0x40]] as const) {
    const changed = key.slice();
    changed[index]! ^= mask;
    assert.equal(secretOf(changed, point), expected);
  }
  const topBit = point.slice();
  topBit[31]! |= 0x80;
  assert.equal(secretOf(key, topBit), expected);
});

Deno.test("KeyPair.sharedSecret follows the definition for any keys, and is the same on both sides", () => {
  const bytes = fc.uint8Array({ minLength: 32, maxLength: 32 });
  fc.assert(
    fc.property(bytes, bytes, (one, other) => {
      assert.equal(secretOf(one, other), expectedSecret(one, other));
      const [mine, theirs] = [new KeyPair(one), new KeyPair(other)];
      assert.deepEqual(mine.sharedSecret(theirs.publicKey), theirs.sharedSecret(mine.publicKey));
      assert.deepEqual(mine.publicKey, x25519ByDefinition(one, bytesOf(9n)));
    }),
    { numRuns: 50 },
  );
});

const wycheproof = readWycheproof("x25519");

Deno.test(`KeyPair.sharedSecret passes Wycheproof's X25519: ${wycheproof.summary}`, () => {
  let refused = 0;
  for (const { comment, flags, private: privateKey, public: publicKey, result, shared, tcId } of wycheproof.cases) {
    const isZero = /^0*$/.test(shared);
    // Acceptable are points of the twist and coordinates that are not canonical, which RFC 7748 computes with, and
    // points of low order, which are refused here.
    assert(result === "valid" || result === "acceptable", `case ${tcId} has a result that the test knows`);
    assert.equal(flags.includes("ZeroSharedSecret"), isZero);
    const expected = isZero ? undefined : shared;
    assert.equal(secretOf(fromHex(privateKey), fromHex(publicKey)), expected, `case ${tcId} (${comment})`);
    if (isZero) refused++;
  }
  assert.equal(refused, wycheproof.cases.length === 0 ? 0 : 31, "cases with a point of low order");
});

Deno.test("KeyPair throws InvariantError for keys that are not 32 bytes", () => {
  assert.throws(() => new KeyPair(new Uint8Array(31)), InvariantError);
  assert.throws(() => new KeyPair(new Uint8Array(32)).sharedSecret(new Uint8Array(33)), InvariantError);
});
