/**
 * `mod.ts` as another program uses it: the example runs, and what `deno.json` exports is what it imports.
 *
 * @module
 */

import assert from "node:assert/strict";
import path from "node:path";
import * as library from "../../mod.ts";

const PROJECT = path.join(import.meta.dirname!, "..", "..");

Deno.test("examples/send_and_get.ts sends a file, gets it back and reports a missing one", async () => {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--no-prompt",
      "--allow-net=127.0.0.1",
      "--allow-read",
      "--allow-write",
      "--allow-sys=statfs",
      path.join(PROJECT, "examples", "send_and_get.ts"),
    ],
    env: { NO_COLOR: "1" },
  }).output();
  const lines = new TextDecoder().decode(stdout).trim().split("\n");
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  assert.ok(lines.includes("on the server: hello.txt, 16 bytes"), lines.join("\n"));
  assert.ok(lines.includes("received: Hello over UDP."), lines.join("\n"));
  assert.ok(lines.some((line) => /^not-found: .*"missing\.txt"/.test(line)), lines.join("\n"));
  assert.equal(lines.at(-1), "server: stopped");
});

Deno.test("deno.json names the library and exports it from mod.ts", async () => {
  const { exports, name } = JSON.parse(await Deno.readTextFile(path.join(PROJECT, "deno.json")));
  assert.equal(name, "@sluice/sluice");
  assert.deepEqual(await import(path.join(PROJECT, exports)), library);
  assert.deepEqual(Object.keys(library).sort(), [
    "AccessFileError",
    "AccessTable",
    "SluiceError",
    "connect",
    "formatKey",
    "parseKey",
    "publicKeyOf",
    "startServer",
  ]);
});
