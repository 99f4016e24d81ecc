import assert from "node:assert/strict";
import { formatKey } from "../../../app/keys.ts";
import { runClient } from "../../../cli/client_program.ts";
import { FakeContext } from "../../../testing/cli_fakes.ts";

const KEY = new Uint8Array(32).fill(1);
const OTHER = new Uint8Array(32).fill(2);

function makeContext(): FakeContext {
  const context = new FakeContext();
  context.knownHosts.keys.set("a.example:65432", KEY).set("[2001:db8::7]:9", OTHER);
  return context;
}

async function hosts(context: FakeContext, ...args: string[]): Promise<number> {
  const code = await runClient(["hosts", ...args], context);
  assert.deepEqual(context.engine.connections, [], "no server is asked");
  return code;
}

Deno.test("hosts lists the known servers and their keys", async () => {
  const context = makeContext();
  assert.equal(await hosts(context), 0);
  assert.deepEqual(context.console.outLines, [
    `a.example:65432 ${formatKey(KEY)}`,
    `[2001:db8::7]:9 ${formatKey(OTHER)}`,
  ]);
});

Deno.test("hosts forget forgets all servers that are named, or none", async () => {
  const context = makeContext();
  assert.equal(await hosts(context, "forget", "A.example", "b.example"), 3);
  assert.match(
    context.console.errLines.join(),
    /^error: b\.example:65432 is not a known server .*; none was forgotten$/,
  );
  assert.equal(context.knownHosts.keys.size, 2);
  assert.equal(await hosts(context, "forget", "A.example", "[2001:db8::7]:9"), 0);
  assert.deepEqual([...context.knownHosts.keys], []);
});

Deno.test("hosts replace takes another key for a server, or one for a new server", async () => {
  const context = makeContext();
  assert.equal(await hosts(context, "replace", "a.example", formatKey(OTHER)), 0);
  assert.equal(await hosts(context, "replace", "new.example:7", formatKey(KEY)), 0);
  assert.deepEqual(context.knownHosts.keys.get("a.example:65432"), OTHER);
  assert.deepEqual(context.knownHosts.keys.get("new.example:7"), KEY);
});

Deno.test("hosts names what is wrong with its arguments", async () => {
  for (
    const args of [["forget"], ["forget", "http://a"], ["replace", "a"], ["replace", "a", "short"], ["frget", "a"]]
  ) {
    const context = makeContext();
    assert.equal(await hosts(context, ...args), 2, args.join(" "));
    assert.match(context.console.errLines[0]!, /^error: /);
    assert.equal(context.knownHosts.keys.size, 2);
  }
});
