import assert from "node:assert/strict";
import { posix } from "node:path";
import fc from "fast-check";
import { checkLinkTarget } from "../../../transfer/link_target.ts";

Deno.test("checkLinkTarget accepts what stays inside the tree, from the link's own folder", () => {
  const cases = [["l", "a"], ["l", "."], ["l", "a/../b"], ["d/l", ".."], ["d/l", "../a"], [
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
    ["l", "a/../../b", outside],
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
