import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { MUTANTS } from "../../../tools/mutants.ts";
import { type Mutant, mutate, testOf } from "../../../tools/mutants/mutant.ts";
import { copyCheckout, runTests, tryMutant } from "../../../tools/mutants/trial.ts";

const ROOT = path.join(import.meta.dirname!, "../../..");

Deno.test("MUTANTS each replace a text that occurs once in their file, and name a test file", () => {
  const wrong = MUTANTS.flatMap((mutant) => {
    const missing = [mutant.file, testOf(mutant)].find((file) => !fs.existsSync(path.join(ROOT, file)));
    if (missing !== undefined) return [`${mutant.id}: no ${missing}`];
    try {
      mutate(fs.readFileSync(path.join(ROOT, mutant.file), "utf8"), mutant);
      return [];
    } catch (error) {
      return [(error as Error).message];
    }
  });
  assert(wrong.length === 0, `a source has changed; change its mutants in tools/mutants/:\n  ${wrong.join("\n  ")}`);
  assert.equal(new Set(MUTANTS.map(({ id }) => id)).size, MUTANTS.length);
});

Deno.test("mutate replaces one text, and takes neither side for a pattern", () => {
  const mutant: Mutant = { id: "less", broken: "", file: "a.ts", text: "i < n", becomes: "i <= n" };
  assert.equal(mutate("for (; i < n;) {}", mutant), "for (; i <= n;) {}");
  assert.equal(mutate("a $1 (b)", { ...mutant, text: "$1 (b)", becomes: "$& $$" }), "a $& $$");
  assert.throws(() => mutate("i > n", mutant), /less: must occur exactly once in a\.ts/);
  assert.throws(() => mutate("i < n; i < n", mutant), /exactly once/);
  assert.throws(() => mutate("i < n", { ...mutant, text: "" }), /exactly once/);
  assert.throws(() => mutate("i < n", { ...mutant, becomes: "i < n" }), /less: changes nothing/);
});

Deno.test("tryMutant tells a mutant that is caught from one that survives and one that does not load", async () => {
  const folder = Deno.makeTempDirSync({ prefix: "sluice-test-" });
  try {
    const files = {
      "deno.json": '{ "test": { "permissions": {} } }',
      "a.ts": "export const a = 1;\n",
      "tests/unit/a_test.ts": 'import { a } from "../../a.ts"; Deno.test("a", () => { if (a === 2) throw a; });',
      "tests/hanging_test.ts": 'Deno.test("hangs", () => { while (true); });',
      ".git/config": "",
    };
    for (const [file, text] of Object.entries(files)) {
      Deno.mkdirSync(path.dirname(`${folder}/root/${file}`), { recursive: true });
      Deno.writeTextFileSync(`${folder}/root/${file}`, text);
    }
    const copy = `${folder}/copy`;
    copyCheckout(`${folder}/root`, copy);
    assert.deepEqual([...Deno.readDirSync(copy)].map(({ name }) => name).sort(), ["a.ts", "deno.json", "tests"]);
    const mutant: Mutant = { id: "m", broken: "", file: "a.ts", text: "1", becomes: "2" };
    const { kind, failed } = await tryMutant(copy, mutant);
    assert.deepEqual([kind, failed], ["failed", "a"]);
    assert.equal((await tryMutant(copy, { ...mutant, becomes: "3" })).kind, "passed");
    assert.equal((await tryMutant(copy, { ...mutant, becomes: "" })).kind, "broken");
    assert.equal(Deno.readTextFileSync(`${copy}/a.ts`), files["a.ts"]);
    // However long the runtime takes to start: where it is ended before its test begins, that is a time-out as well.
    assert.equal((await runTests(copy, ["tests/hanging_test.ts"], 1_000)).kind, "timed-out");
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
