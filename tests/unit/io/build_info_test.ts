import assert from "node:assert/strict";
import { commitOfClone, takeBuildArgument } from "../../../io/build_info.ts";

Deno.test("takeBuildArgument takes the commit from the front, and nothing else", () => {
  const commit = "0123456789abcdef0123456789abcdef01234567";
  assert.deepEqual(takeBuildArgument([`--build=${commit}`, "send"]), { args: ["send"], commit: "0123456789" });
  for (const args of [[], ["send"], ["send", `--build=${commit}`], ["--build=x"]]) {
    assert.deepEqual(takeBuildArgument(args), { args, commit: undefined });
  }
});

Deno.test("commitOfClone finds the commit on a branch and off one, and nothing where there is no clone", async () => {
  const folder = await Deno.makeTempDir({ prefix: "sluice-test-" });
  try {
    assert.equal(commitOfClone(folder), undefined);
    assert.equal(commitOfClone(undefined), undefined);
    await Deno.mkdir(`${folder}/.git/refs/heads`, { recursive: true });
    await Deno.writeTextFile(`${folder}/.git/HEAD`, "ref: refs/heads/main\n");
    assert.equal(commitOfClone(folder), undefined);
    await Deno.writeTextFile(`${folder}/.git/refs/heads/main`, `${"ab".repeat(20)}\n`);
    assert.equal(commitOfClone(folder), "ababababab");
    await Deno.writeTextFile(`${folder}/.git/HEAD`, `${"cd".repeat(20)}\n`);
    assert.equal(commitOfClone(folder), "cdcdcdcdcd");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
