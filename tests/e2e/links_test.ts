// Symbolic links in the folder of the real server program, with the permissions of its task.

import assert from "node:assert/strict";
import path from "node:path";
import { connect } from "../../mod.ts";
import { type Launch, launchOfTask, type ServerProgram, Stage } from "../../testing/programs/programs.ts";

/** The server's task, on a stage, and without these permissions. */
async function openStage(without: RegExp = /^$/): Promise<Stage> {
  const { command, args } = await launchOfTask("serve");
  const server: Launch = { command, args: args.filter((arg) => !without.test(arg)) };
  return await Stage.open({ server, client: await launchOfTask("list") });
}

function client({ port }: ServerProgram) {
  return connect({ host: "127.0.0.1", port });
}

Deno.test("server program makes links in its folder, also when it has given up the rest of the disk", async () => {
  if (Deno.build.os === "windows") return;
  await using stage = await openStage();
  const server = await stage.startServer({ args: ["--open"] });
  const { root } = server;
  const own = await client(server);
  try {
    await own.makeFolder("a/b");
    await own.makeLink("a/b/link", "../\u00fc x");
    assert.equal(await Deno.readLink(path.join(root, "a/b/link")), "../\u00fc x");
    await assert.rejects(own.makeLink("a/b/link", "other"), { kind: "refused" });
    await own.makeLink("a/b/link", "../../top", { overwrite: true });
    assert.equal(await Deno.readLink(path.join(root, "a/b/link")), "../../top");
    const entries = await own.list({ recursive: true });
    assert.deepEqual(
      entries.map(({ kind, name, target }) => [name, kind, target]),
      [["a", "folder", undefined], ["a/b", "folder", undefined], ["a/b/link", "link", "../../top"]],
    );
    // It would lead out of the folder from there.
    await assert.rejects(own.move("a/b", "b"), /"a\/b\/link" would lead out of the server's folder/);
    await own.move("a/b/link", "a/c/link");
    await own.move("a/b", "b");
    assert.equal(await Deno.readLink(path.join(root, "a/c/link")), "../../top");
    assert.equal(await own.remove("a", { recursive: true }), 3);
    assert.deepEqual((await own.list({ recursive: true })).map(({ name }) => name), ["b"]);
  } finally {
    await own.close();
  }
});

Deno.test("programs carry the links of a folder up and down, and nothing the second time", async () => {
  if (Deno.build.os === "windows") return;
  await using stage = await openStage();
  const server = await stage.startServer();
  const links = { "to-file": "a", "d/up": "../a", "d/over": "../to-file", "d/missing": "n\u00f6", "to-folder": "d" };
  const tree = stage.path("tree");
  await Deno.mkdir(path.join(tree, "d"), { recursive: true });
  await Deno.writeTextFile(path.join(tree, "a"), "content");
  for (const [name, target] of Object.entries(links)) await Deno.symlink(target, path.join(tree, name));
  const timeOf = async (folder: string, name: string) => (await Deno.lstat(path.join(folder, name))).mtime?.getTime();
  const run = (...args: string[]) => stage.client([...args, "--server", server.address]);
  const copy = stage.path("copy");
  for (const folder of [path.join(server.root, "tree"), copy]) {
    const { code, stderr } = await (folder === copy ? run("get", "tree/", "--output", copy) : run("send", tree));
    assert.deepEqual([code, stderr], [0, ""]);
    for (const [name, target] of Object.entries(links)) {
      assert.equal(await Deno.readLink(path.join(folder, name)), target);
      assert.equal(await timeOf(folder, name), await timeOf(tree, name));
    }
    assert.equal(await Deno.readTextFile(path.join(folder, "to-file")), "content");
  }
  for (const args of [["send", tree], ["get", "tree/", "--output", copy]]) {
    const again = await run(...args);
    assert.deepEqual([again.code, again.stderr], [0, ""]);
    assert.match(again.stdout, /^no file (?:sent|received); 6 unchanged\n$/);
  }
  await Deno.remove(path.join(tree, "d/up"));
  await Deno.symlink("../d", path.join(tree, "d/up"));
  assert.equal((await run("send", tree)).code, 4);
  assert.equal((await run("send", tree, "--force")).code, 0);
  assert.equal((await run("get", "tree/", "--output", copy, "--force")).code, 0);
  assert.equal(await Deno.readLink(path.join(copy, "d/up")), "../d");
});

Deno.test("server program without --allow-ffi says why it makes no link, and does everything else", async () => {
  await using stage = await openStage(/^--allow-ffi$/);
  const server = await stage.startServer({ args: ["--open"] });
  const own = await client(server);
  try {
    await assert.rejects(own.makeLink("link", "x"), /"link" cannot be accessed: .*to make symbolic links, --allow-ffi/);
    await own.makeFolder("a/b");
    await own.move("a/b", "c");
    assert.deepEqual((await own.list()).map(({ name }) => name), ["a", "c"]);
  } finally {
    await own.close();
  }
});
