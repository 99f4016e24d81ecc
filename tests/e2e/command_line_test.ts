// The command line as its users' fingers know it: `sluice serve`, places as with scp, the config file, help and version.

import assert from "node:assert/strict";
import { Stage } from "../../testing/programs/programs.ts";

Deno.test("sluice serve is the server, and places and named servers lead to it", async () => {
  await using stage = await Stage.open();
  const serve = stage.startClient(["serve", "--root", "kept"], { env: { SLUICE_SERVE_PORT: "0" } });
  const [, port] = await serve.says(/listening on 127\.0\.0\.1:(\d+)/);
  const key = (await stage.client(["serve", "key"])).stdout.trim();
  const config = stage.path("config.toml");
  await Deno.writeTextFile(config, `[servers.work]\naddress = "127.0.0.1:${port}"\nkey = "${key}"\n`);
  const env = { SLUICE_CONFIG: config };
  await Deno.writeTextFile(stage.path("a"), "content");
  const run = async (args: readonly string[]) => {
    const { code, stderr } = await stage.client(args, { env });
    assert.deepEqual([code, stderr], [0, ""], args.join(" "));
  };
  await run(["send", "a", `127.0.0.1:${port}:b`]);
  await run(["send", "a", "work:folder/"]);
  await run(["get", "work:folder/a", "copy"]);
  await run(["mv", "work:b", "work:c"]);
  assert.equal(await Deno.readTextFile(stage.path("copy")), "content");
  assert.equal(await Deno.readTextFile(stage.path("kept", "c")), "content");
  serve.signal("SIGTERM");
  assert.deepEqual(await serve.finished().then(({ code, stderr }) => [code, stderr]), [0, ""]);
});

Deno.test("both programs print their version with what they were built from, and their help", async () => {
  await using stage = await Stage.open();
  for (const args of [["--version"], ["-V"], ["version"]]) {
    const { code, stdout } = await stage.client(args);
    assert.equal(code, 0);
    assert.match(stdout, /^sluice \d+\.\d+\.\d+ \((?:commit [0-9a-f]{10}, )?Deno \d+\.\d+\.\d+, \S+\)\n$/);
  }
  const server = await stage.runServer(["--version"]).finished();
  assert.match(server.stdout, /^sluice-server \d/);
  const usages: [string[], RegExp][] = [
    [["help"], /^Usage: sluice COMMAND/],
    [["help", "send"], /^Usage: sluice send/],
    [["help", "serve"], /^Usage: sluice serve/],
    [["serve", "--help-limits"], /^Usage: sluice serve .*--max-connections/s],
  ];
  for (const [args, usage] of usages) {
    const { code, stdout } = await stage.client(args);
    assert.deepEqual([code, usage.test(stdout)], [0, true], args.join(" "));
  }
});

Deno.test("a mistake in the config file is said with its place, by either program", async () => {
  await using stage = await Stage.open();
  await Deno.writeTextFile(stage.path("c.toml"), "\n[serve]\nprot = 7\n");
  const { code, stderr } = await stage.runServer([], { env: { SLUICE_CONFIG: "c.toml" } }).finished();
  assert.deepEqual([code, stderr], [
    2,
    "error: c.toml, line 3: serve.prot: there is no such key (did you mean port?)\n",
  ]);
  await Deno.writeTextFile(stage.path("c.toml"), "timeout = \n");
  const client = await stage.client(["list"], { env: { SLUICE_CONFIG: "c.toml" } });
  assert.equal(client.code, 2);
  assert.match(client.stderr, /^error: c\.toml, line 1: /);
});

Deno.test("a server that cannot start says why in words, and leaves no folder behind", async () => {
  await using stage = await Stage.open();
  await Deno.writeTextFile(stage.path("file"), "");
  const starts: [string[], number, RegExp][] = [
    [["--root", "file"], 6, /^error: "file" is not a folder\n$/],
    [["--authorized-keys", "missing"], 6, /^error: cannot read missing, the keys of clients: it does not exist\n$/],
    [["--token-file", "missing"], 6, /^error: cannot read missing, the token: it does not exist\n$/],
    [["--state", "file"], 6, /^error: cannot keep the server's key in .*: there is something else of that name; name/],
    [["--host", "192.0.2.1", "--open"], 1, /^error: .*192\.0\.2\.1/],
    [["--host", "0.0.0.0"], 2, /^error: other machines can reach/],
  ];
  for (const [args, code, message] of starts) {
    const finished = await stage.runServer(["--port", "0", ...args]).finished();
    assert.equal(finished.code, code, args.join(" "));
    assert.match(finished.stderr, message);
  }
  const env = { HOME: "", XDG_STATE_HOME: "", SLUICE_STATE: "", LOCALAPPDATA: "" };
  for (const program of [stage.runServer([], { env }), stage.startClient(["key"], { env })]) {
    const { code, stderr } = await program.finished();
    assert.deepEqual([code, /there is no folder to keep keys in, because .* is not set/.test(stderr)], [2, true]);
  }
  assert.deepEqual([...Deno.readDirSync(stage.folder)].map(({ name }) => name), ["file"]);
});
