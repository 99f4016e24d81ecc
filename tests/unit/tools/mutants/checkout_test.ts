import assert from "node:assert/strict";
import path from "node:path";
import { Checkout, sourceFiles, testsAmong } from "../../../../tools/mutants/checkout.ts";
import type { Mutant } from "../../../../tools/mutants/mutant.ts";

const ROOT = path.join(import.meta.dirname!, "../../../..");

function check(what: string, run: (folder: string) => void | Promise<void>): void {
  Deno.test(what, async () => {
    const folder = Deno.makeTempDirSync({ prefix: "sluice-test-" });
    try {
      await run(folder);
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  });
}

Deno.test("sourceFiles finds this checkout's files, and none that were fetched or made", () => {
  const files = sourceFiles(ROOT);
  for (const file of ["deno.json", "base/range_set.ts", "tests/unit/base/range_set_test.ts"]) {
    assert(files.includes(file), file);
  }
  assert(!files.some((file) => /^(?:\.git|node_modules|dist)\//.test(file)));
});

check("sourceFiles does without git", (folder) => {
  for (const file of ["a.ts", "b/c/d.ts", "node_modules/e.ts", ".git/f"]) {
    Deno.mkdirSync(path.dirname(`${folder}/${file}`), { recursive: true });
    Deno.writeTextFileSync(`${folder}/${file}`, "");
  }
  assert.deepEqual(sourceFiles(folder).sort(), ["a.ts", "b/c/d.ts"]);
});

Deno.test("testsAmong leaves out what is no test, what starts programs, and what looks at the mutants' texts", () => {
  const taken = ["tests/connection/b_test.ts", "tests/sim/c_test.ts", "tests/unit/protocol/a_test.ts"];
  const left = [
    "protocol/a.ts",
    "testing/connection_pair.ts",
    "tests/e2e/a_test.ts",
    "tests/tidy_test.ts",
    "tests/unit/tools/mutants_test.ts",
    "tests/unit/tools/mutants/mutant_test.ts",
  ];
  assert.deepEqual(testsAmong([...left, ...taken.toReversed()]), taken);
});

check("Checkout copies files, and breaks one for as long as the work takes", async (folder) => {
  const root = `${folder}/root`;
  Deno.mkdirSync(`${root}/x/y`, { recursive: true });
  Deno.writeTextFileSync(`${root}/x/y/a.ts`, "i < n\n");
  Deno.writeTextFileSync(`${root}/b.ts`, "b\n");
  const checkout = new Checkout(`${folder}/copy`, { root, files: ["x/y/a.ts", "b.ts"] });
  const copy = `${folder}/copy/x/y/a.ts`;
  const mutant: Mutant = { id: "m", broken: "", file: "x/y/a.ts", text: "<", becomes: "<=", caughtBy: [] };
  const seen = await checkout.withMutant(mutant, () => Promise.resolve(Deno.readTextFileSync(copy)));
  assert.equal(seen, "i <= n\n");
  assert.equal(Deno.readTextFileSync(copy), "i < n\n");
  await assert.rejects(checkout.withMutant(mutant, () => Promise.reject(new Error("in the work"))), /in the work/);
  assert.equal(Deno.readTextFileSync(copy), "i < n\n");
  await assert.rejects(checkout.withMutant({ ...mutant, text: "?" }, () => assert.fail("begun")), /occurs 0 times/);
  assert.equal(Deno.readTextFileSync(`${root}/x/y/a.ts`), "i < n\n");
  assert.equal(Deno.readTextFileSync(`${folder}/copy/b.ts`), "b\n");
});
