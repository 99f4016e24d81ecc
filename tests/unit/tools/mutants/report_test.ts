import assert from "node:assert/strict";
import { describeVerdict, jsonOf, summaryOf, tableOf } from "../../../../tools/mutants/report.ts";
import type { Verdict } from "../../../../tools/mutants/trial.ts";

const caught: Verdict = {
  mutant: {
    id: "less",
    broken: "An off-by-one",
    file: "a.ts",
    text: "<",
    becomes: "<=",
    caughtBy: ["tests/a_test.ts"],
  },
  kind: "caught",
  by: { file: "tests/a_test.ts", name: "A.add adds" },
  isTimeOut: false,
  isExpected: true,
  seconds: 1.23456,
};
const survived: Verdict = { ...caught, kind: "survived", by: undefined, isExpected: false };
const broken: Verdict = { ...survived, kind: "broken" };

Deno.test("describeVerdict says what caught a mutant, and how", () => {
  assert.equal(describeVerdict(caught), "tests/a_test.ts: A.add adds");
  assert.equal(describeVerdict({ ...caught, isTimeOut: true }), "by time-out: tests/a_test.ts: A.add adds");
  assert.equal(describeVerdict({ ...caught, isExpected: false }), "tests/a_test.ts: A.add adds (not expected to)");
  assert.equal(describeVerdict(survived), "SURVIVED every test");
  assert.equal(describeVerdict(broken), "NO MUTANT: the tests did not run");
});

Deno.test("summaryOf counts", () => {
  assert.equal(summaryOf([caught, caught, survived]), "3 mutants, 2 caught, 1 survived");
  assert.equal(summaryOf([caught, broken]), "2 mutants, 1 caught, 0 survived, 1 no mutants");
});

Deno.test("tableOf has a row for each mutant, and breaks long texts", () => {
  const long = { ...caught, mutant: { ...caught.mutant, broken: "An off-by-one ".repeat(20) } };
  const table = tableOf([caught, long]);
  assert.match(table, /less .*An off-by-one .*tests\/a_test\.ts: A\.add adds .*1\.2/);
  assert(table.split("\n").every((line) => line.length <= 180), table);
});

Deno.test("jsonOf is read by programs", () => {
  assert.deepEqual(JSON.parse(jsonOf([caught, survived])), [
    {
      id: "less",
      broken: "An off-by-one",
      file: "a.ts",
      verdict: "caught",
      caughtBy: { file: "tests/a_test.ts", name: "A.add adds" },
      isTimeOut: false,
      seconds: 1.235,
    },
    {
      id: "less",
      broken: "An off-by-one",
      file: "a.ts",
      verdict: "survived",
      caughtBy: null,
      isTimeOut: false,
      seconds: 1.235,
    },
  ]);
});
