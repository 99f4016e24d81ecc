import assert from "node:assert/strict";
import { createClientProgram } from "../../../cli/client_arguments.ts";
import { completionLines } from "../../../cli/completion.ts";
import { createServerProgram } from "../../../cli/server_arguments.ts";
import { FakeContext } from "../../../testing/cli_fakes.ts";

/** What may follow, without its meaning. */
function candidates(...words: string[]): string[] {
  const context = new FakeContext();
  const serve = createServerProgram({ name: "sluice serve", context }, () => {});
  const lines = completionLines(createClientProgram(context, () => {}), words, { servers: ["work", "home"], serve });
  return lines.map((line) => line.split("\t")[0]!);
}

Deno.test("completionLines offers commands, and says what each means", () => {
  assert.deepEqual(candidates("s"), ["send", "stat", "serve", ":none"]);
  const all = candidates("");
  for (const command of ["send", "get", "list", "serve", "completion", "help", "version"]) {
    assert.ok(all.includes(command), command);
  }
  assert.deepEqual(candidates("--empty"), all);
  assert.deepEqual(candidates("-q", "se"), ["send", "serve", ":none"]);
  assert.deepEqual(candidates("host", ""), [":none"]);
  assert.deepEqual(candidates("hosts", ""), ["forget", "replace", ":none"]);
  assert.deepEqual(candidates("hosts", "forget", ""), [":none"]);
  assert.deepEqual(candidates("help", "sen"), ["send", ":none"]);
  const context = new FakeContext();
  const [line] = completionLines(createClientProgram(context, () => {}), ["mk"], { servers: [] });
  assert.equal(line, "mkdir\tmake folders on the server, and those above them");
});

Deno.test("completionLines offers the options of the command and of the program, and their values", () => {
  assert.deepEqual(candidates("send", "--up"), ["--update", ":none"]);
  assert.deepEqual(candidates("put", "a", "--server-"), ["--server-key", ":none"]);
  assert.deepEqual(candidates("list", "--sort", ""), ["name", "size", "time", ":none"]);
  assert.deepEqual(candidates("list", "--sort=s"), ["--sort=size", ":none"]);
  assert.deepEqual(candidates("get", "-s", "h"), ["home", ":none"]);
  assert.deepEqual(candidates("get", "--token-file", ""), [":files"]);
  assert.deepEqual(candidates("get", "--output", ""), [":files"]);
  assert.deepEqual(candidates("get", "--state", ""), [":folders"]);
  assert.deepEqual(candidates("send", "--rate", ""), [":none"]);
  assert.deepEqual(candidates("serve", "--log-level", "w"), ["warning", ":none"]);
  assert.deepEqual(candidates("serve", "k"), ["key", ":none"]);
  assert.deepEqual(candidates("serve", "--max-li"), ["--max-lists", "--max-lists-per-address", ":none"]);
});

Deno.test("completionLines offers files where a file may stand, and servers where a place may", () => {
  assert.deepEqual(candidates("send", ""), [":files"]);
  assert.deepEqual(candidates("send", "--exclude", "x", "a", ""), ["work:", "home:", ":files"]);
  assert.deepEqual(candidates("send", "a", "work:f"), [":none"]);
  assert.deepEqual(candidates("get", "w"), ["work:", ":none"]);
  assert.deepEqual(candidates("get", "work:a", ""), ["work:", "home:", ":files"]);
  assert.deepEqual(candidates("rm", "--", "h"), ["home:", ":none"]);
  assert.deepEqual(candidates("df", ""), [":none"]);
  assert.deepEqual(candidates("completion", ""), ["bash", "zsh", "fish", "powershell", ":none"]);
});
