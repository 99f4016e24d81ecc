// The first command of the README, with a small file.

import assert from "node:assert/strict";
import path from "node:path";

const PROJECT = path.join(import.meta.dirname!, "..", "..");

Deno.test("deno task demo sends a file over a bad link, gets it back, and finds it the same", async () => {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["task", "--quiet", "demo", "--size", "1"],
    cwd: PROJECT,
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  assert.equal(code, 0, text);
  assert.match(text, /^The files are identical\./m);
});
