import assert from "node:assert/strict";
import fc from "fast-check";
import type { Selection } from "../../../app/client/tree/entry.ts";
import { type PathPattern, patternsOf, selectBy } from "../../../cli/path_filter.ts";

const exclude = (pattern: string): PathPattern => ({ kind: "exclude", pattern });
const include = (pattern: string): PathPattern => ({ kind: "include", pattern });

/** Asks for each path; a "/" at its end makes it a folder. */
function select(patterns: readonly PathPattern[], ...paths: string[]): Record<string, Selection> {
  const selects = selectBy(patterns);
  return Object.fromEntries(paths.map((path) => {
    const isFolder = path.endsWith("/");
    return [path, selects(isFolder ? path.slice(0, -1) : path, { isFolder })];
  }));
}

Deno.test("selectBy includes everything without patterns", () => {
  assert.deepEqual(select([], "a", "d/"), { "a": "included", "d/": "included" });
});

Deno.test("selectBy excludes as .gitignore does", () => {
  const patterns = [exclude("*.o"), exclude("/build"), exclude("cache/"), exclude("docs/**/draft")];
  assert.deepEqual(
    select(
      patterns,
      "a.o",
      "d/a.o",
      "a.O",
      "build/",
      "build/x",
      "d/build/",
      "cache",
      "d/cache/",
      "d/cache/x",
      "docs/a/b/draft",
    ),
    {
      "a.o": "excluded",
      "d/a.o": "excluded",
      "a.O": "included",
      "build/": "excluded",
      "build/x": "excluded",
      "d/build/": "included",
      "cache": "included",
      "d/cache/": "excluded",
      "d/cache/x": "excluded",
      "docs/a/b/draft": "excluded",
    },
  );
});

Deno.test("selectBy lets the last pattern that matches decide", () => {
  assert.deepEqual(select([exclude("*.jpg"), include("keep.jpg")], "a.jpg", "keep.jpg", "b.txt"), {
    "a.jpg": "excluded",
    "keep.jpg": "included",
    "b.txt": "included",
  });
  assert.deepEqual(select([include("keep.jpg"), exclude("*.jpg")], "keep.jpg"), { "keep.jpg": "excluded" });
  assert.deepEqual(select([exclude("*.jpg"), exclude("!keep.jpg")], "keep.jpg"), { "keep.jpg": "included" });
  assert.deepEqual(select([include("*.jpg"), include("!a.jpg")], "a.jpg", "b.jpg"), {
    "a.jpg": "excluded",
    "b.jpg": "included",
  });
});

Deno.test("selectBy includes nothing else where the first pattern includes, and looks for it in every folder", () => {
  assert.deepEqual(select([include("*.jpg")], "a.jpg", "b.txt", "d/", "d/c.jpg", "d/e.txt"), {
    "a.jpg": "included",
    "b.txt": "excluded",
    "d/": "within",
    "d/c.jpg": "included",
    "d/e.txt": "excluded",
  });
});

Deno.test("selectBy includes all that an included folder has", () => {
  const patterns = [include("docs/"), exclude("*.bak")];
  assert.deepEqual(select(patterns, "docs/", "docs/a", "docs/d/", "docs/d/b", "docs/x.bak", "other", "docs2/"), {
    "docs/": "included",
    "docs/a": "included",
    "docs/d/": "included",
    "docs/d/b": "included",
    "docs/x.bak": "excluded",
    "other": "excluded",
    "docs2/": "within",
  });
});

Deno.test("selectBy never includes what is in an excluded folder, and takes any name", () => {
  const pattern = fc.constantFrom("*.x", "a", "/a", "a/", "a/b", "**/b", "*", "!a", "..b", " ", "\\!c");
  const kind = fc.constantFrom("include" as const, "exclude" as const);
  const patterns = fc.array(fc.record({ kind, pattern }), { minLength: 1, maxLength: 5 });
  const name = fc.oneof(fc.constantFrom("a", "b", "c.x", "!c", "..b", "...", " ", "a\nb"), fc.string({ minLength: 1 }))
    .filter((name) => !name.includes("/") && name !== "." && name !== "..");
  let excluded = 0;
  fc.assert(fc.property(patterns, fc.array(name, { minLength: 2, maxLength: 4 }), (patterns, names) => {
    const selects = selectBy(patterns);
    const folder = names.slice(0, -1).join("/");
    if (selects(folder, { isFolder: true }) !== "excluded") return;
    excluded++;
    assert.equal(selects(names.join("/"), { isFolder: false }), "excluded");
    assert.equal(selects(names.join("/"), { isFolder: true }), "excluded");
  }));
  assert.ok(excluded > 5);
});

Deno.test("patternsOf reads the lines of a .gitignore", () => {
  assert.deepEqual(patternsOf("# what is built\n*.o\r\n\n!keep.o\n\\#x\n"), [
    exclude("*.o"),
    exclude("!keep.o"),
    exclude("\\#x"),
  ]);
});
