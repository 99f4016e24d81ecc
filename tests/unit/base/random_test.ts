import assert from "node:assert/strict";
import fc from "fast-check";
import { InvariantError } from "../../../base/invariant.ts";
import { Random, RandomWalk } from "../../../base/random.ts";

const MASK = 0xffff_ffffn;
const SEEDS = [0, 1, 42, 0xffff_ffff, 0x1_0000_0000, Number.MAX_SAFE_INTEGER];

/** sfc32 and its seeding again, on integers that cannot overflow. */
function* sfc32(seed: number): Generator<number> {
  const mix = (value: bigint): bigint => {
    let mixed = value & MASK;
    mixed = ((mixed ^ (mixed >> 16n)) * 0x21f0aaadn) & MASK;
    mixed = ((mixed ^ (mixed >> 15n)) * 0x735a2d97n) & MASK;
    return mixed ^ (mixed >> 15n);
  };
  const gamma = 0x9e3779b9n;
  const low = BigInt(seed) & MASK;
  const high = BigInt(seed) >> 32n;
  let a = mix(low + gamma);
  let b = mix(a ^ ((high + 2n * gamma) & MASK));
  let c = mix(b ^ ((low + 3n * gamma) & MASK));
  for (let counter = 1n;; counter++) {
    const output = (a + b + counter) & MASK;
    a = b ^ (b >> 9n);
    b = (c + (c << 3n)) & MASK;
    c = ((((c << 21n) | (c >> 11n)) & MASK) + output) & MASK;
    if (counter > 12n) yield Number(output);
  }
}

function draw(random: Random, count: number): number[] {
  return Array.from({ length: count }, () => random.nextUint32());
}

Deno.test("Random is sfc32 for every seed", () => {
  for (const seed of SEEDS) {
    const oracle = sfc32(seed);
    const random = new Random(seed);
    for (let n = 0; n < 500; n++) assert.equal(random.nextUint32(), oracle.next().value, `seed ${seed}, output ${n}`);
  }
});

Deno.test("Random gives other numbers for another seed", () => {
  const firsts = new Set<number>();
  for (let seed = 0; seed < 1000; seed++) firsts.add(new Random(seed).nextUint32());
  for (let high = 1; high < 1000; high++) firsts.add(new Random(high * 2 ** 32).nextUint32());
  assert.ok(firsts.size >= 1998, `${firsts.size} different first numbers`);
});

Deno.test("Random refuses a seed that is no safe integer from 0 on", () => {
  for (const seed of [-1, 0.5, NaN, Infinity, 2 ** 53]) assert.throws(() => new Random(seed), InvariantError);
});

Deno.test("Random.float is even over [0, 1)", () => {
  const random = new Random(1);
  const tenths = new Array<number>(10).fill(0);
  for (let n = 0; n < 20_000; n++) {
    const value = random.float();
    assert.ok(value >= 0 && value < 1);
    tenths[Math.floor(value * 10)]!++;
  }
  // 2000 expected, standard deviation 42.
  for (const count of tenths) assert.ok(Math.abs(count - 2000) < 250, `${tenths}`);
});

Deno.test("Random.integer stays within its bounds and reaches both", () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.integer({ min: -1000, max: 1000 }), fc.nat(4), (seed, min, span) => {
      const random = new Random(seed);
      const seen = new Set<number>();
      for (let n = 0; n < 200; n++) seen.add(random.integer(min, min + span));
      assert.deepEqual([...seen].sort((a, b) => a - b), Array.from({ length: span + 1 }, (_, n) => min + n));
    }),
    { seed: 1, numRuns: 100 },
  );
});

Deno.test("Random.integer draws over the whole range of safe integers", () => {
  const random = new Random(5);
  for (let n = 0; n < 1000; n++) assert.ok(Number.isSafeInteger(random.integer(0, Number.MAX_SAFE_INTEGER)));
  assert.throws(() => random.integer(2, 1), InvariantError);
});

Deno.test("Random.chance happens as often as asked for, and draws nothing for never and always", () => {
  const random = new Random(2);
  let count = 0;
  for (let n = 0; n < 20_000; n++) if (random.chance(0.1)) count++;
  // 2000 expected, standard deviation 42.
  assert.ok(Math.abs(count - 2000) < 250, `${count}`);
  const untouched = new Random(3);
  for (let n = 0; n < 100; n++) {
    assert.equal(untouched.chance(0), false);
    assert.equal(untouched.chance(1), true);
  }
  assert.equal(untouched.nextUint32(), new Random(3).nextUint32());
});

Deno.test("Random.bytes gives as many bytes as asked for, of every value", () => {
  const random = new Random(4);
  assert.equal(random.bytes(0).length, 0);
  const bytes = random.bytes(8192);
  assert.equal(bytes.length, 8192);
  assert.equal(new Set(bytes).size, 256);
});

Deno.test("Random.flipBits flips from one bit to as many as allowed, in any place", () => {
  const random = new Random(9);
  const counts = new Set<number>();
  const places = new Set<number>();
  for (let n = 0; n < 500; n++) {
    const bytes = new Uint8Array(3);
    random.flipBits(bytes, 8);
    const bits = [...bytes].flatMap((byte, at) =>
      [0, 1, 2, 3, 4, 5, 6, 7].filter((bit) => byte >> bit & 1).map((bit) => at * 8 + bit)
    );
    counts.add(bits.length);
    for (const bit of bits) places.add(bit);
  }
  assert.deepEqual([...counts].sort(), [1, 2, 3, 4, 5, 6, 7, 8]);
  assert.equal(places.size, 24);
  random.flipBits(new Uint8Array(0), 8);
});

Deno.test("Random.pick reaches every element, and refuses an empty list", () => {
  const random = new Random(6);
  const picked = new Set(Array.from({ length: 100 }, () => random.pick(["a", "b", "c"])));
  assert.equal(picked.size, 3);
  assert.throws(() => random.pick([]), InvariantError);
});

Deno.test("Random.fork depends on the seed and the label, not on what was drawn", () => {
  const drawn = new Random(8);
  draw(drawn, 17);
  assert.deepEqual(draw(drawn.fork("loss"), 20), draw(new Random(8).fork("loss"), 20));
  const firsts = new Set<number>();
  for (const seed of SEEDS) {
    const random = new Random(seed);
    firsts.add(random.nextUint32());
    for (const label of ["", "a", "b", "ab", "ba", "link 1", "link 2"]) firsts.add(random.fork(label).nextUint32());
    firsts.add(random.fork("a").fork("b").nextUint32());
  }
  assert.equal(firsts.size, SEEDS.length * 9);
});

Deno.test("RandomWalk stays within its amplitude, reaches most of it, and falls no faster than time passes", () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.integer({ min: 1, max: 100_000 }), (seed, amplitude) => {
      const random = new Random(seed);
      const wander = new RandomWalk(new Random(seed).fork("wander"));
      let time = random.integer(0, 1_000_000_000);
      let previous = wander.at(time, amplitude);
      let [least, most] = [previous, previous];
      for (let n = 0; n < 400; n++) {
        const step = random.integer(0, Math.ceil(amplitude * random.pick([0.01, 0.5, 3])));
        time += step;
        const value = wander.at(time, amplitude);
        assert.ok(Number.isInteger(value) && value >= 0 && value <= amplitude);
        // Rounding down and the rounding of time / amplitude may each cost 1.
        assert.ok(value + step >= previous - 1, `${previous} to ${value} in ${step}`);
        previous = value;
        least = Math.min(least, value);
        most = Math.max(most, value);
      }
      assert.ok(most - least >= Math.floor(amplitude / 2));
    }),
    { seed: 1, numRuns: 50 },
  );
  assert.equal(new RandomWalk(new Random(1)).at(5, 0), 0);
});
