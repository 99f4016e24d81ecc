import assert from "node:assert/strict";
import fc from "fast-check";
import { whyLinkStays } from "../../../../../app/client/tree/link_target.ts";

Deno.test("whyLinkStays lets links inside the tree travel", () => {
  for (
    const [path, target] of [
      ["a", "b"],
      ["a", "./b/c"],
      ["a", "missing"],
      ["d/a", "../b"],
      ["d/e/a", "../.././b"],
      ["d/a", ".."],
      ["a", "b..c"],
      ["a", "..."],
      ["a", "."],
      ["a", "b/"],
    ] as const
  ) {
    assert.equal(whyLinkStays(path, target), undefined, `${path} -> ${target}`);
  }
});

Deno.test("whyLinkStays keeps links that are absolute, lead out, or may do so", () => {
  for (
    const [path, target, reason] of [
      ["a", "/etc/passwd", /absolute/],
      ["a", "\\\\host\\share", /absolute/],
      ["a", "C:\\x", /absolute/],
      ["a", "..", /leads out/],
      ["a", "../b", /leads out/],
      ["d/a", "../../b", /leads out/],
      ["d/a", "./../../b", /leads out/],
      ["a", "b/../c", /may lead anywhere/],
      ["d/e/a", "../b/../c", /may lead anywhere/],
      ["a", "", /without a target/],
    ] as const
  ) {
    assert.match(whyLinkStays(path, target) ?? "travels", reason, `${path} -> ${target}`);
  }
});

/** Where the kernel arrives, as components below the root, in a tree of links; undefined for a loop, null for outside. */
function follow(links: ReadonlyMap<string, string>, start: string): readonly string[] | undefined | null {
  const at: string[] = [];
  const ahead = start.split("/");
  for (let steps = 0; ahead.length > 0; steps++) {
    if (steps > 200) return undefined;
    const component = ahead.shift()!;
    if (component === "" || component === ".") continue;
    if (component === "..") {
      if (at.pop() === undefined) return null;
      continue;
    }
    const target = links.get([...at, component].join("/"));
    if (target === undefined) at.push(component);
    else ahead.unshift(...target.split("/"));
  }
  return at;
}

Deno.test("whyLinkStays lets no set of links travel that together lead out", () => {
  const component = fc.constantFrom("a", "b", "c", "..", "..", ".");
  const target = fc.array(component, { minLength: 1, maxLength: 5 }).map((parts) => parts.join("/"));
  // Each link lies in folders that are no links: the names of the folders are of their own.
  const path = fc.tuple(fc.constantFrom("", "d/", "d/e/"), fc.constantFrom("a", "b", "c")).map((parts) =>
    parts.join("")
  );
  const reached = { inside: 0, withheld: 0 };
  fc.assert(
    fc.property(fc.array(fc.tuple(path, target), { minLength: 1, maxLength: 8 }), (all) => {
      const links = new Map(all.filter(([path, target]) => whyLinkStays(path, target) === undefined));
      reached.withheld += all.length - links.size;
      for (const path of links.keys()) {
        const place = follow(links, path);
        assert.notEqual(place, null, `${path} leads out of ${JSON.stringify([...links])}`);
        if (place !== undefined) reached.inside++;
      }
    }),
    { numRuns: 2000 },
  );
  assert.ok(reached.inside > 500 && reached.withheld > 500, JSON.stringify(reached));
});
