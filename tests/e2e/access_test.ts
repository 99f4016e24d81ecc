// Access control with the real programs, as an owner writes it and users meet it.

import assert from "node:assert/strict";
import { namesIn, writeRandomFile } from "../../testing/programs/files.ts";
import { type ServerProgram, Stage } from "../../testing/programs/programs.ts";

const TOKEN = "not-to-be-guessed-by-anybody";

/** Writes a file that its owner alone can read. */
async function writePrivate(file: string, text: string): Promise<void> {
  await Deno.writeTextFile(file, text);
  if (Deno.build.os !== "windows") await Deno.chmod(file, 0o600);
}

/** The options by which a client has a key of its own, and that key. */
async function clientOf(stage: Stage, name: string): Promise<{ args: string[]; key: string }> {
  const args = ["--state", stage.path(name)];
  const { code, stdout } = await stage.client(["key", ...args]);
  assert.equal(code, 0);
  assert.match(stdout, /^[\w-]{43}\n$/);
  return { args, key: stdout.trim() };
}

async function startServer(stage: Stage, keys: string, args: string[] = []): Promise<ServerProgram> {
  await writePrivate(stage.path("keys"), keys);
  return await stage.startServer({ args: ["--authorized-keys", stage.path("keys"), ...args] });
}

Deno.test("server reachable from other machines does not start without access control, except with --open", async () => {
  await using stage = await Stage.open();
  const args = ["--host", "0.0.0.0", "--port", "0", "--root", stage.path("storage")];
  const { code, stderr } = await stage.runServer(args).finished();
  assert.equal(code, 2);
  assert.match(stderr, /^error: other machines can reach 0\.0\.0\.0, .*--authorized-keys.*--token-file.*--open\n$/);
  assert.deepEqual(await namesIn(stage.folder), []);
  const open = stage.runServer([...args, "--open"]);
  await open.says(/listening on 0\.0\.0\.0:\d+, .*, no access control,/);
  await writePrivate(stage.path("tokens"), TOKEN);
  const closed = stage.runServer([...args, "--token-file", stage.path("tokens")]);
  await closed.says(/listening on 0\.0\.0\.0:\d+, .*, 1 key or token authorized,/);
  const both = await stage.runServer([...args, "--open", "--token-file", stage.path("tokens")]).finished();
  assert.equal(both.code, 2);
});

Deno.test("server accepts only clients whose keys are authorized, and logs the key of a client that it denies access", async () => {
  await using stage = await Stage.open();
  const [alice, bob] = [await clientOf(stage, "alice"), await clientOf(stage, "bob")];
  const server = await startServer(stage, `${alice.key} alice\n`);
  const target = ["--server", server.address];
  await writeRandomFile(stage.path("a"), 100_000);
  assert.equal((await stage.client(["send", "a", ...target, ...alice.args])).code, 0);
  for (const args of [bob.args, ["--state", stage.path("nobody")]]) {
    const { code, stderr } = await stage.client(["list", ...target, ...args]);
    assert.equal(code, 4);
    assert.match(
      stderr,
      /^error: access denied: the server does not know your key\. Ask its administrator to add the key/,
    );
  }
  await server.program.says(new RegExp(`access denied: unknown key ${bob.key}`));
  assert.match(server.log, / connected as alice$/m);
  assert.equal(server.log.match(/ connected/g)?.length, 1);
});

Deno.test("server gives each client the rights, folder and quota of its line", async () => {
  await using stage = await Stage.open();
  const [alice, bob] = [await clientOf(stage, "alice"), await clientOf(stage, "bob")];
  const lines = `${alice.key} rights=read,write,list folder=alice quota=200k\n${bob.key} rights=write,overwrite\n`;
  const server = await startServer(stage, lines);
  const run = (command: string, { args }: { args: string[] }) =>
    stage.client([...command.split(" "), "--server", server.address, "--quiet", ...args]);
  await writeRandomFile(stage.path("a"), 100_000);
  await writeRandomFile(stage.path("b"), 150_000);
  assert.equal((await run("send a", alice)).code, 0);
  assert.equal((await run("send b", bob)).code, 0);
  assert.equal((await run("send a --as b --force", bob)).code, 0);
  assert.deepEqual(await namesIn(server.root), ["alice", "b"]);
  assert.deepEqual(await namesIn(`${server.root}/alice`), ["a"]);

  assert.match((await run("list", alice)).stdout, /^a\t100000\t\S+\n$/);
  assert.equal((await run("get b", alice)).code, 3);
  const refusals = [
    [await run("send b --as a --force", alice), /no permission to replace files; ask the server's administrator/],
    [await run("send b", alice), /"b" needs \S+ kB, but only 97.6 kB of the quota of 200.0 kB are left/],
    [await run("list", bob), /no permission to list files; ask the server's administrator/],
    [await run("get b -o x", bob), /no permission to get files; ask the server's administrator/],
  ] as const;
  for (const [{ code, stderr }, why] of refusals) {
    assert.equal(code, 4);
    assert.match(stderr, why);
  }
  assert.deepEqual(await namesIn(`${server.root}/alice`), ["a"]);
});

Deno.test("server authorizes clients by a token, which never appears on a command line", async () => {
  await using stage = await Stage.open();
  await writePrivate(stage.path("tokens"), `# ours\n${TOKEN} team rights=list\n`);
  const server = await stage.startServer({ args: ["--token-file", stage.path("tokens")] });
  const target = ["--server", server.address];
  assert.equal((await stage.client(["list", ...target, "--token-file", stage.path("tokens")])).code, 0);
  await server.program.says(/ connected as team$/m);
  await writePrivate(stage.path("wrong"), `${TOKEN}x`);
  assert.equal((await stage.client(["list", ...target, "--token-file", stage.path("wrong")])).code, 4);
  assert.equal((await stage.client(["list", ...target])).code, 4);
  const none = await stage.client(["list", ...target, "--token-file", stage.path("none")]);
  assert.equal(none.code, 6);
  assert.match(none.stderr, /cannot read .*none, the token: it does not exist/);
  const session = await stage.client(
    ["127.0.0.1", String(server.port), "--token-file", stage.path("tokens")],
    { stdin: "ls\nquit\n" },
  );
  assert.equal(session.code, 0);
});

Deno.test("server closes the connection of a client that is no longer authorized, in the middle of a file, and keeps no partial file", async () => {
  await using stage = await Stage.open();
  const [alice, bob] = [await clientOf(stage, "alice"), await clientOf(stage, "bob")];
  const server = await startServer(stage, `${alice.key} alice\n${bob.key} bob\n`);
  await writeRandomFile(stage.path("a"), 1_000_000);
  const slow = ["send", "a", "--rate", "300k", "--server", server.address];
  const [hers, theirs] = [
    stage.startClient([...slow, ...alice.args]),
    stage.startClient([...slow, "--as", "b", ...bob.args]),
  ];
  for (const name of ["a", "b"]) await server.program.says(new RegExp(`receiving "${name}"`));
  await writePrivate(stage.path("keys"), `${bob.key} bob\n`);
  const { code, stderr } = await hers.finished();
  assert.equal(code, 4);
  assert.match(stderr, /what you may do on this server has changed/);
  await server.program.says(/access control reloaded: 1 key or token authorized, 1 connection closed/);
  theirs.signal("SIGINT");
  assert.equal((await theirs.finished()).code, 130, "theirs went on");
  await server.program.says(/put "b" failed/);
  assert.deepEqual(await namesIn(server.root), []);
  assert.equal((await stage.client(["list", "--server", server.address, ...alice.args])).code, 4);
  assert.equal((await stage.client(["list", "--server", server.address, ...bob.args])).code, 0);
});

Deno.test("server keeps the previous access table when the new one cannot be read, and logs that", async () => {
  await using stage = await Stage.open();
  const alice = await clientOf(stage, "alice");
  const server = await startServer(stage, `${alice.key} alice\n`);
  await writePrivate(stage.path("keys"), "nonsense\n");
  await server.program.says(
    /ERROR authorized_keys not reloaded: \S+keys, line 1: "nonsense" is not a key.*; the previous access list stays/,
  );
  assert.equal((await stage.client(["list", "--server", server.address, ...alice.args])).code, 0);
  const { code, stderr } = await stage.runServer(["--port", "0", "--authorized-keys", stage.path("keys")]).finished();
  assert.equal(code, 6);
  assert.match(stderr, /^error: .*keys, line 1: "nonsense" is not a key; a key is the 43 characters/);
});
