import assert from "node:assert/strict";
import fc from "fast-check";
import { creationMode, finalMode, isWritableByOthers, keepsMode, type ModeSources } from "../../../store/file_mode.ts";

const bits = fc.integer({ min: 0, max: 0o777 });

/** The mode of a new file, where new files are made with this umask. */
function received(source: number | undefined, umask = 0o022): string {
  return finalMode({ fresh: creationMode(source) & ~umask, source }).toString(8);
}

/** The mode of a file that replaces one. */
function replacing(replaced: number, source: number | undefined, isSameOwner = true): string {
  return finalMode({ fresh: creationMode(source) & ~0o022, source, replaced: { mode: replaced, isSameOwner } })
    .toString(8);
}

Deno.test("finalMode keeps a private file private and a program executable", () => {
  assert.deepEqual([0o644, 0o600, 0o755, 0o700, 0o400].map((mode) => received(mode)), [
    "644",
    "600",
    "755",
    "700",
    "600",
  ]);
  assert.deepEqual([0o640, 0o744, 0o711, 0o555].map((mode) => received(mode)), ["640", "744", "700", "755"]);
});

Deno.test("finalMode gives what a new file gets, whatever more the source gave", () => {
  assert.deepEqual([0o077, 0o027, 0o002, 0].map((umask) => received(0o666, umask)), ["600", "640", "664", "666"]);
  assert.deepEqual([0o077, 0o027, 0o002, 0].map((umask) => received(0o777, umask)), ["700", "750", "775", "777"]);
  assert.deepEqual([received(undefined), received(undefined, 0o002)], ["644", "664"]);
});

Deno.test("finalMode takes nothing from a file that is replaced, unless the source is private", () => {
  assert.deepEqual([replacing(0o755, 0o644), replacing(0o775, undefined)], ["755", "775"]);
  assert.deepEqual([replacing(0o600, 0o644), replacing(0o644, 0o755), replacing(0o400, 0o644)], ["600", "644", "400"]);
  assert.deepEqual([replacing(0o755, 0o600), replacing(0o664, 0o700)], ["700", "600"]);
});

Deno.test("finalMode gives the rights of another owner's file only where a new file has them", () => {
  assert.deepEqual([replacing(0o666, 0o666, false), replacing(0o600, 0o644, false)], ["644", "600"]);
});

Deno.test("finalMode gives others no right that neither source nor replaced file gave, and no special bit", () => {
  const cases = fc.record({
    fresh: bits.map((mode) => mode & 0o666),
    source: fc.option(bits, { nil: undefined }),
    replaced: fc.option(fc.record({ mode: bits, isSameOwner: fc.boolean() }), { nil: undefined }),
  });
  fc.assert(fc.property(cases, (sources: ModeSources) => {
    const mode = finalMode(sources);
    const { source = 0o777, replaced } = sources;
    assert.equal(mode & ~0o777, 0);
    assert.equal(mode & 0o077 & ~(source | (replaced?.mode ?? 0)), 0);
    if ((source & 0o077) === 0) assert.equal(mode & 0o077, 0);
    if (replaced !== undefined) assert.equal(mode & ~replaced.mode, 0);
  }));
});

Deno.test("creationMode never gives others what the source does not", () => {
  assert.deepEqual([undefined, 0o600, 0o640, 0o777, 0o000].map((mode) => creationMode(mode).toString(8)), [
    "666",
    "600",
    "640",
    "666",
    "600",
  ]);
});

Deno.test("keepsMode finds access of others and a lost execute permission, not harmless differences", () => {
  assert(keepsMode(0o100644, 0o644) && keepsMode(0o755, 0o644) && keepsMode(0o600, 0o644));
  assert(!keepsMode(0o644, 0o600) && !keepsMode(0o660, 0o640) && !keepsMode(0o644, 0o755));
});

Deno.test("isWritableByOthers looks at group and others, whatever the type and the sticky bit", () => {
  for (const mode of [0o775, 0o757, 0o1777, 0o40702]) assert.equal(isWritableByOthers(mode), true);
  for (const mode of [0o700, 0o755, 0o1755, 0o40755, 0o100600]) assert.equal(isWritableByOthers(mode), false);
});

Deno.test("finalMode is the source's mode where that is wanted exactly, without the bits that give a file others' rights", () => {
  const replaced = { mode: 0o600, isSameOwner: true };
  assert.equal(finalMode({ fresh: 0o644, source: 0o666, isExact: true }), 0o666);
  assert.equal(finalMode({ fresh: 0o644, source: 0o4444, replaced, isExact: true }), 0o444);
  assert.equal(finalMode({ fresh: 0o644, source: undefined, isExact: true }), 0o644);
});
