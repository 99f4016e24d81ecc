import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import path from "node:path";
import { Watch, type WatchedName } from "../../../../testing/crash/watch.ts";

const [OLD, NEW] = ["old", "new"].map((text) => createHash("sha256").update(text).digest("hex"));

/** Looks at names after each step, which changes the folder, and returns what the watch reports. */
async function watch(names: Readonly<Record<string, WatchedName>>, steps: readonly ((at: string) => Promise<void>)[]) {
  const folder = await Deno.makeTempDir({ prefix: "sluice-test-" });
  try {
    const at = (name: WatchedName) => ({ ...name, path: path.join(folder, name.path) });
    const named = Object.values(names).map(({ movedTo, ...name }) => ({
      ...at(name),
      ...(movedTo === undefined ? {} : { movedTo: at(movedTo) }),
    }));
    const watch = new Watch({ folder, names: named, folders: new Set([path.join(folder, "below")]) });
    for (const step of steps) {
      await step(folder);
      await watch.look({ isThorough: false });
    }
    const withoutFolder = (text: string) => text.replaceAll(folder, ".");
    const { lost, mixed, foreign, reads } = watch;
    return {
      reports: [...lost, ...mixed, ...foreign].map(withoutFolder),
      reads,
      shown: named.map((one) => watch.shown(one)),
    };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const put = (name: string, text: string) => (folder: string) => Deno.writeTextFile(path.join(folder, name), text);
const remove = (name: string) => (folder: string) => Deno.remove(path.join(folder, name));
const move = (name: string, to: string) => (folder: string) =>
  Deno.rename(path.join(folder, name), path.join(folder, to));
/** A program of ours replaces a file in one step. */
const replace = (name: string, text: string) => async (folder: string) => {
  const partial = `.sluice-${"0".repeat(32)}.part`;
  await put(partial, text)(folder);
  await move(partial, name)(folder);
};
const nothing = () => Promise.resolve();

const REPLACED = { a: { path: "a", oldSha256: OLD, newSha256: NEW } };
const STORED = { a: { path: "a", newSha256: NEW } };
const REMOVED = { a: { path: "a", oldSha256: OLD } };
const MOVED = {
  a: { path: "a", oldSha256: OLD, movedTo: { path: "b", newSha256: OLD } },
  b: { path: "b", newSha256: OLD },
};

Deno.test("Watch reports nothing of names that go from what they had to what they are to have", async () => {
  for (
    const [names, ...steps] of [
      [REPLACED, put("a", "old"), nothing, replace("a", "new"), nothing],
      [STORED, nothing, put(`.sluice-${"1".repeat(32)}.part`, "n"), replace("a", "new"), nothing],
      [REMOVED, put("a", "old"), remove("a"), nothing],
      [MOVED, put("a", "old"), put("b", "old"), remove("a"), nothing],
      [MOVED, put("a", "old"), move("a", "b"), nothing],
      [{}, (folder: string) => Deno.mkdir(path.join(folder, "below"))],
    ] as const
  ) {
    const { reports, shown } = await watch(names, steps);
    assert.deepEqual([reports, shown], [[], Object.keys(names).map(() => "new")]);
  }
});

Deno.test("Watch reports what is lost, mixed or foreign", async () => {
  for (
    const [expected, names, ...steps] of [
      [["./a was old, is gone"], REPLACED, put("a", "old"), remove("a")],
      [["./a was new, is gone"], REPLACED, put("a", "new"), remove("a")],
      [["./a was new, is old"], REPLACED, put("a", "new"), replace("a", "old")],
      [["./a was new, is old"], STORED, put("a", "new"), remove("a")],
      [["./a was new, is old"], REMOVED, nothing, put("a", "old")],
      [["./a has neither its old nor its new bytes"], REPLACED, put("a", "old"), replace("a", "ne")],
      [["./a is gone, and ./b does not have its file"], MOVED, put("a", "old"), remove("a")],
      [['"b" lies in .'], STORED, put("b", "new")],
    ] as const
  ) {
    assert.deepEqual((await watch(names, steps)).reports, expected);
  }
});

Deno.test("Watch reads a file again only when it has changed", async () => {
  const { reads } = await watch(STORED, [put("a", "new"), nothing, nothing]);
  assert.equal(reads, 1);
});
