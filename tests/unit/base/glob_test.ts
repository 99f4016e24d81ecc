import assert from "node:assert/strict";
import fc from "fast-check";
import { Glob } from "../../../base/glob.ts";

function assertMatches(pattern: string, matching: readonly string[], others: readonly string[]): void {
  const glob = new Glob(pattern);
  for (const path of matching) assert(glob.matches(path), `${pattern} matches ${JSON.stringify(path)}`);
  for (const path of others) assert(!glob.matches(path), `${pattern} does not match ${JSON.stringify(path)}`);
}

Deno.test("Glob.matches compares names with stars and question marks", () => {
  assertMatches("a.txt", ["a.txt"], ["a_txt", "A.txt", "a.txt2", "", "b/a.txt"]);
  assertMatches("*", ["a", ".hidden", "", "a\nb"], ["a/b"]);
  assertMatches("*.jpg", [".jpg", "a.jpg", "a.jpg.jpg"], ["a.jpeg", "a.jpg "]);
  assertMatches("a*b*c", ["abc", "aXbYc", "abbcbc"], ["ab", "acb", "abcd"]);
  assertMatches("**a**", ["a", "bab"], ["b", "a/a"]);
  assertMatches("?", ["a", "\u{1f600}", "\u00e9"], ["", "ab", "e\u0301", "/"]);
  assertMatches("", [""], ["a"]);
});

Deno.test("Glob.matches compares characters with sets", () => {
  assertMatches("[abc]", ["a", "b", "c"], ["d", "[abc]", "ab", ""]);
  assertMatches("[a-c0-9_]", ["b", "5", "_"], ["d", "-", "B"]);
  assertMatches("[!a-c]", ["d", "!"], ["a", "c", ""]);
  assertMatches("[^a]", ["b"], ["a"]);
  assertMatches("[]x]", ["]", "x"], ["[", "]x]"]);
  assertMatches("[!]x]", ["a"], ["]", "x"]);
  assertMatches("[a-]", ["a", "-"], ["b"]);
  assertMatches("[z-a]", [], ["a", "m", "z"]);
  assertMatches("[\u{1f600}-\u{1f64f}]", ["\u{1f610}"], ["a", "\ud83d"]);
  assertMatches("[abc", ["[abc"], ["a"]);
  assertMatches("a[", ["a["], ["a"]);
});

Deno.test("Glob.matches takes a character behind a backslash as it is", () => {
  assertMatches("\\*", ["*"], ["a", "\\*"]);
  assertMatches("a\\[b\\]", ["a[b]"], ["ab"]);
  assertMatches("\\\\", ["\\"], ["\\\\"]);
  assertMatches("a\\", ["a\\"], ["a"]);
});

Deno.test("Glob.matches compares paths component by component, and any number of them with **", () => {
  assertMatches("a/*", ["a/b", "a/"], ["a", "a/b/c", "b/a"]);
  assertMatches("*/*.txt", ["a/b.txt"], ["b.txt", "a/b/c.txt"]);
  assertMatches("**", ["a", "a/b", "a/b/c"], []);
  assertMatches("**/c", ["c", "a/c", "a/b/c"], ["a/b", "c/a"]);
  assertMatches("a/**/c", ["a/c", "a/b/c", "a/b/b/c"], ["a", "c", "b/a/c"]);
  assertMatches("a/**", ["a", "a/b", "a/b/c"], ["b"]);
  assertMatches("**/a/**/**/b/**", ["a/b", "x/a/y/b/z"], ["b/a", "a"]);
});

Deno.test("Glob.mayMatchBelow tells which folders are worth a look", () => {
  const below = (pattern: string) => ["a", "b", "a/b", "a/b/c"].filter((path) => new Glob(pattern).mayMatchBelow(path));
  assert.deepEqual(below("*.txt"), []);
  assert.deepEqual(below("a/*"), ["a"]);
  assert.deepEqual(below("*/b/x"), ["a", "b", "a/b"]);
  assert.deepEqual(below("**/x"), ["a", "b", "a/b", "a/b/c"]);
  assert.deepEqual(below("a/**"), ["a", "a/b", "a/b/c"]);
});

Deno.test("Glob.hasFolders is for patterns of paths", () => {
  assert.deepEqual(["*", "a", "[/]", "a/b", "**", "**/a"].map((text) => new Glob(text).hasFolders), [
    false,
    false,
    true,
    true,
    true,
    true,
  ]);
});

/** A plain definition: what a pattern of `*`, `?` and characters matches, by trying everything. */
function matchesSlowly(pattern: string, text: string): boolean {
  if (pattern === "") return text === "";
  if (pattern[0] === "*") {
    return matchesSlowly(pattern.slice(1), text) || text !== "" && matchesSlowly(pattern, text.slice(1));
  }
  return text !== "" && (pattern[0] === "?" || pattern[0] === text[0]) &&
    matchesSlowly(pattern.slice(1), text.slice(1));
}

Deno.test("Glob.matches agrees with the definition of stars and question marks", () => {
  const of = (characters: string, maxLength: number) => fc.string({ unit: fc.constantFrom(...characters), maxLength });
  fc.assert(
    fc.property(of("ab*?", 8), of("ab", 9), (pattern, text) => {
      fc.pre(pattern !== "**");
      assert.equal(new Glob(pattern).matches(text), matchesSlowly(pattern, text));
    }),
    { numRuns: 5000 },
  );
});

Deno.test("Glob.matches takes any text as a pattern, and no more steps than pattern times path", () => {
  fc.assert(fc.property(fc.string(), fc.string(), (pattern, path) => {
    new Glob(pattern).matches(path);
    new Glob(pattern).mayMatchBelow(path);
  }));
  // A matcher that backtracks takes more than 10^50 steps for each of them.
  assert.equal(new Glob(`${"*a".repeat(100)}*b`).matches("a".repeat(255)), false);
  assert.equal(new Glob(`${"**/*a*/".repeat(50)}b`).matches("aaaa/".repeat(90) + "a"), false);
});
