import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { inJobs, parseOptions } from "../../../tools/mutants.ts";
import { MUTANTS } from "../../../tools/mutants/all.ts";
import { testsAmong } from "../../../tools/mutants/checkout.ts";
import { mutate } from "../../../tools/mutants/mutant.ts";

const ROOT = path.join(import.meta.dirname!, "../../..");

Deno.test("MUTANTS each find their text in their source, once", () => {
  const wrong = MUTANTS.flatMap((mutant) => {
    const file = path.join(ROOT, mutant.file);
    if (!fs.existsSync(file)) return [`${mutant.id}: no ${mutant.file}`];
    try {
      mutate(fs.readFileSync(file, "utf8"), mutant);
      return [];
    } catch (error) {
      return [(error as Error).message];
    }
  });
  assert(wrong.length === 0, `a source has changed; let its mutants follow:\n  ${wrong.join("\n  ")}`);
});

Deno.test("MUTANTS name test files that are there, and can be run with a mutant", () => {
  const wrong = MUTANTS.flatMap(({ id, caughtBy }) => {
    const isFound = (file: string): boolean => fs.existsSync(path.join(ROOT, file)) && testsAmong([file]).length === 1;
    return caughtBy.length === 0
      ? [`${id}: none`]
      : caughtBy.filter((file) => !isFound(file)).map((f) => `${id}: ${f}`);
  });
  assert.deepEqual(wrong, []);
});

Deno.test("MUTANTS are many, in all parts of the core, each with a name of its own and a sentence", () => {
  assert(MUTANTS.length >= 30);
  assert.equal(new Set(MUTANTS.map(({ id }) => id)).size, MUTANTS.length);
  const parts = ["wire", "crypto", "recovery", "streams", "congestion"].map((name) => `protocol/${name}/`);
  for (const part of [...parts, "protocol/", "transfer/"]) {
    assert(MUTANTS.some(({ file }) => file.startsWith(part)), part);
  }
  for (const { id, broken } of MUTANTS) {
    assert.match(id, /^[a-z]+(?:-[a-z]+)*$/);
    assert.match(broken, /^[A-Z].*[^.]$/, id);
  }
});

Deno.test("parseOptions takes all mutants, or those asked for, and a job for each core up to four", () => {
  assert.deepEqual(parseOptions([], 2), { mutants: MUTANTS, jobs: 2, json: false, list: false });
  assert.equal(parseOptions([], 16).jobs, 4);
  const { mutants, jobs, json, list } = parseOptions(["--only", "fin-lost,ack-timer", "--jobs", "7", "--json"], 2);
  assert.deepEqual(mutants.map(({ id }) => id), ["fin-lost", "ack-timer"]);
  assert.deepEqual([jobs, json, list], [7, true, false]);
  assert(parseOptions(["--list"], 2).list);
});

Deno.test("parseOptions says what is wrong", () => {
  assert.throws(() => parseOptions(["--only", "nonsense"], 2), /nonsense: there is no such mutant/);
  assert.throws(() => parseOptions(["--only="], 2), /no such mutant/);
  for (const jobs of ["0", "-1", "x", "1.5", "100"]) {
    assert.throws(() => parseOptions([`--jobs=${jobs}`], 2), TypeError, jobs);
  }
  assert.throws(() => parseOptions(["--all"], 2), TypeError);
});

Deno.test("inJobs does each item once, no more at once than there are jobs, no two in one job", async () => {
  const busy = new Set<number>();
  const done: number[] = [];
  let most = 0;
  await inJobs([0, 1, 2, 3, 4, 5, 6], 3, async (item, job) => {
    assert(!busy.has(job));
    busy.add(job);
    most = Math.max(most, busy.size);
    for (let turn = 0; turn < item % 3; turn++) await Promise.resolve();
    busy.delete(job);
    done.push(item);
  });
  assert.deepEqual(done.sort(), [0, 1, 2, 3, 4, 5, 6]);
  assert.equal(most, 3);
  await inJobs([], 3, () => assert.fail("there is nothing to do"));
});

Deno.test("deno task mutants catches a mutant, with the permissions of its task", async () => {
  const config = JSON.parse(Deno.readTextFileSync(path.join(ROOT, "deno.json")));
  const [, ...args] = (config.tasks.mutants.command as string).split(" ");
  args.push("--only", "range-gap-end", "--jobs", "1", "--json");
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args, cwd: ROOT }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  const [{ id, verdict, caughtBy, isTimeOut }, ...more] = JSON.parse(new TextDecoder().decode(stdout));
  assert.deepEqual([id, verdict, isTimeOut, more], ["range-gap-end", "caught", false, []]);
  assert.equal(caughtBy.file, "tests/unit/base/range_set_test.ts");
  assert.match(caughtBy.name, /^RangeSet\./);
});
