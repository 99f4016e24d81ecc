import assert from "node:assert/strict";
import { posix } from "node:path";
import fc from "fast-check";
import { checkLinkTarget } from "../../../transfer/link_target.ts";

Deno.test("checkLinkTarget accepts what stays inside the tree, from the link's own folder", () => {
  const cases = [["l", "a"], ["l", "."], ["l", "./a/./b"], ["d/l", ".."], ["d/l", "./.././a"], ["d/l", "../a"], [
    "d/e/l",
    "../../a//b/",
  ]] as const;
  for (const [path, target] of cases) assert.equal(checkLinkTarget(path, target), undefined, `${path} -> ${target}`);
});

Deno.test("checkLinkTarget says why a target is refused", () => {
  const outside = "its target lies outside the folder that is sent or stored";
  const cases = [
    ["l", "", "its target is empty"],
    ["l", "/a", "its target is absolute; only links within the folder that is sent are kept"],
    ["l", "..", outside],
    ["l", "./../a", outside],
    ["l", "a/../../b", 'its target has ".." after a name, which may be that of another link'],
    ["d/l", "../a/..", 'its target has ".." after a name, which may be that of another link'],
    ["d/l", "../..", outside],
    ["d/l", "../../root/a", outside],
    ["l", "a\0b", "its target contains a NUL character"],
    ["l", "\ud800", "its target is not valid UTF-8"],
    ["l", "a\ufffd", "its target is not valid UTF-8"],
    ["l", "x".repeat(4097), "its target is longer than 4096 bytes"],
    ["l", "\u00e9".repeat(2049), "its target is longer than 4096 bytes"],
  ] as const;
  for (const [path, target, reason] of cases) {
    assert.equal(checkLinkTarget(path, target), reason, JSON.stringify(target));
  }
});

Deno.test("checkLinkTarget judges the names in a target by the rules of the disk", () => {
  for (const target of ["..\\..\\b", "C:b", "C:\\b", "\\\\host\\share", "b/nul"]) {
    assert.equal(checkLinkTarget("a/l", target), undefined, target);
    const reason = checkLinkTarget("a/l", target, { nameRules: "windows" });
    assert.equal(reason, "its target cannot be a name on Windows", target);
  }
  assert.equal(checkLinkTarget("a/l", "./../b//c", { nameRules: "windows" }), undefined);
});

Deno.test("checkLinkTarget accepts no target that leads out of the tree at any step", () => {
  const part = fc.constantFrom("..", ".", "a", "b", "");
  const parts = (maxLength: number) => fc.array(part, { minLength: 1, maxLength }).map((all) => all.join("/"));
  fc.assert(fc.property(fc.integer({ min: 0, max: 3 }), parts(8), (depth, target) => {
    if (checkLinkTarget(`${"d/".repeat(depth)}l`, target) !== undefined) return;
    const components = target.split("/");
    components.forEach((_, at) => {
      const reached = posix.join("/x/root", "d/".repeat(depth), ...components.slice(0, at + 1));
      assert(`${reached}/`.startsWith("/x/root/"), reached);
    });
  }));
});

Deno.test("checkLinkTarget accepts no links that lead out of the tree together", async () => {
  if (Deno.build.os === "windows") return;
  const component = fc.constantFrom("..", "..", "..", "a", "b", "l0", "l1");
  const target = fc.array(component, { minLength: 1, maxLength: 5 }).map((parts) => parts.join("/"));
  const links = fc.array(fc.tuple(fc.constantFrom("", "a/", "a/b/", "b/"), target), { minLength: 2, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(links, async (made) => {
      const folder = await Deno.realPath(await Deno.makeTempDir({ prefix: "sluice-test-" }));
      try {
        await Deno.mkdir(`${folder}/up/root/a/b`, { recursive: true });
        await Deno.mkdir(`${folder}/up/root/b`);
        for (const [index, [above, text]] of made.entries()) {
          const path = `${above}l${index}`;
          if (checkLinkTarget(path, text) === undefined) await Deno.symlink(text, `${folder}/up/root/${path}`);
        }
        for (const [index, [above]] of made.entries()) {
          const reached = await Deno.realPath(`${folder}/up/root/${above}l${index}`).catch(() => `${folder}/up/root`);
          assert(`${reached}/`.startsWith(`${folder}/up/root/`), `l${index}: ${reached}`);
        }
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    }),
    // The first link leads to the root, so that the second one would lead out of it.
    { numRuns: 200, examples: [[[["a/", ".."], ["", "a/l0/.."]]]] },
  );
});
