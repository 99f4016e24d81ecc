import assert from "node:assert/strict";
import { outcomeOf, runningTest, runTests } from "../../../../tools/mutants/test_run.ts";

/** What `deno test` prints, colours left out, of a test that failed. */
const FAILED = `Warning Permissions in the config file is an experimental feature and may change in the future.
running 3 tests from ./tests/unit/a_test.ts
A.add adds => and says so ... ok (1ms)
A.add adds again ... FAILED (2ms)

 ERRORS 

A.add adds again => ./tests/unit/a_test.ts:12:6
error: AssertionError: b => ./tests/unit/b_test.ts:1:1

 FAILURES 

A.add adds again => ./tests/unit/a_test.ts:12:6

FAILED | 1 passed | 1 failed (3ms)

error: Test failed
`;

/** Of an error that no test waits for. */
const uncaught = (begun: string) =>
  `${begun}./tests/unit/c_test.ts (uncaught error)
error: (in promise) AssertionError: x

 FAILURES 

./tests/unit/c_test.ts (uncaught error)

FAILED | 0 passed | 1 failed (3ms)
`;

Deno.test("outcomeOf finds the first test that failed", () => {
  assert.deepEqual(outcomeOf("ok | 3 passed", true), { kind: "passed", failed: undefined });
  const failed = { file: "tests/unit/a_test.ts", name: "A.add adds again" };
  assert.deepEqual(outcomeOf(FAILED, false), { kind: "failed", failed });
  const arrow = FAILED.replaceAll("adds again", "adds => and says so");
  assert.equal(outcomeOf(arrow, false).failed!.name, "A.add adds => and says so");
});

Deno.test("outcomeOf tells an error that a test has begun from a file that cannot be loaded", () => {
  const { file, name } = outcomeOf(uncaught("running 2 tests from ./tests/unit/c_test.ts\nC ... "), false).failed!;
  assert.deepEqual([file, name], ["tests/unit/c_test.ts", "an error that no test waits for"]);
  assert.equal(outcomeOf(uncaught("running 1 test from ./tests/unit/c_test.ts\n"), false).kind, "failed");
  assert.equal(outcomeOf(uncaught(""), false).kind, "broken");
  assert.equal(outcomeOf(uncaught("running 1 test from ./tests/unit/b_test.ts\n"), false).kind, "broken");
  assert.deepEqual(outcomeOf("error: The module's source code could not be parsed", false), {
    kind: "broken",
    failed: undefined,
  });
});

Deno.test("runningTest tells where the output breaks off", () => {
  const head = "running 1 test from ./tests/a_test.ts\nA ... ok (1ms)\nrunning 2 tests from ./tests/b_test.ts\n";
  assert.equal(runningTest(""), undefined);
  assert.deepEqual(runningTest(head), { file: "tests/b_test.ts", name: "before its first test" });
  assert.deepEqual(runningTest(`${head}B ... ok (1ms)\nC goes on ...`), { file: "tests/b_test.ts", name: "C goes on" });
});

Deno.test("runTests tells passing tests from failing ones, from what hangs and from what does not load", async () => {
  const folder = Deno.makeTempDirSync({ prefix: "sluice-test-" });
  try {
    const files = {
      "deno.json": '{ "test": { "permissions": {} } }',
      "tests/good_test.ts": 'Deno.test("good", () => {});',
      "tests/bad_test.ts": 'Deno.test("good", () => {}); Deno.test("bad", () => { throw new Error("x"); });',
      "tests/hanging_test.ts": 'Deno.test("hangs", () => { while (true); });',
      "tests/broken_test.ts": "const = 1;",
    };
    Deno.mkdirSync(`${folder}/tests`);
    for (const [file, text] of Object.entries(files)) Deno.writeTextFileSync(`${folder}/${file}`, text);
    const run = (name: string, limitMs = 600_000) => runTests(folder, { files: [`tests/${name}_test.ts`], limitMs });
    // However long the runtime takes to start: where it is ended before, that is a time-out as well.
    const runs = await Promise.all([run("good"), run("bad"), run("hanging", 1_000), run("broken")]);
    assert.deepEqual(runs.map(({ kind }) => kind), ["passed", "failed", "timed-out", "broken"]);
    assert.deepEqual(runs[1]!.failed, { file: "tests/bad_test.ts", name: "bad" });
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
