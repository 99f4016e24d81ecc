import assert from "node:assert/strict";
import { countOf, type Mutant, mutate } from "../../../../tools/mutants/mutant.ts";

const mutant: Mutant = {
  id: "less",
  broken: "An off-by-one",
  file: "a.ts",
  text: "i < n",
  becomes: "i <= n",
  caughtBy: ["tests/unit/a_test.ts"],
};

Deno.test("countOf counts a text, whatever characters it has", () => {
  assert.equal(countOf("a.b a+b a.b", "a.b"), 2);
  assert.equal(countOf("$& $&", "$&"), 2);
  assert.equal(countOf("", "a"), 0);
});

Deno.test("mutate replaces the text, and takes neither side for a pattern", () => {
  assert.equal(mutate("for (; i < n;) {}", mutant), "for (; i <= n;) {}");
  assert.equal(mutate("a $1 (b)", { ...mutant, text: "$1 (b)", becomes: "$& $$" }), "a $& $$");
  assert.equal(mutate("a b c", { ...mutant, text: " b", becomes: "" }), "a c");
});

Deno.test("mutate refuses a text that is not there, or is more than once, and a mutant that changes nothing", () => {
  assert.throws(() => mutate("i > n", mutant), /less: its text occurs 0 times in a\.ts/);
  assert.throws(() => mutate("i < n; i < n", mutant), /less: its text occurs 2 times/);
  assert.throws(() => mutate("i < n", { ...mutant, text: "" }), /0 times/);
  assert.throws(() => mutate("i < n", { ...mutant, becomes: "i < n" }), /less: changes nothing/);
});
