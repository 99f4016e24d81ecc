// Folders up and down through the real programs, and what the client says of them.

import assert from "node:assert/strict";
import path from "node:path";
import { Stage } from "../../testing/programs/programs.ts";

const TIME = new Date("2020-02-02T02:02:02.123Z");

/** Everything in a folder, in words. */
async function describe(folder: string, below = ""): Promise<string[]> {
  const lines: string[] = [];
  for (const { name } of [...Deno.readDirSync(path.join(folder, below))].sort((a, b) => a.name < b.name ? -1 : 1)) {
    const place = path.join(below, name);
    const stats = await Deno.lstat(path.join(folder, place));
    const executable = stats.isFile && (stats.mode! & 0o100) !== 0 ? " executable" : "";
    if (stats.isSymlink) lines.push(`${place} -> ${await Deno.readLink(path.join(folder, place))}`);
    else if (stats.isDirectory) lines.push(`${place}/ ${stats.mtime!.getTime()}`, ...await describe(folder, place));
    else {lines.push(
        `${place} ${await Deno.readTextFile(path.join(folder, place))} ${stats.mtime!.getTime()}${executable}`,
      );}
  }
  return lines;
}

/** A folder with some of everything that travels. */
async function makeTree(root: string): Promise<void> {
  await Deno.mkdir(path.join(root, "d", "empty"), { recursive: true });
  await Deno.writeTextFile(path.join(root, "a"), "one");
  await Deno.writeTextFile(path.join(root, "d", "line\nbreak"), "two");
  await Deno.writeTextFile(path.join(root, "d", "x".repeat(255)), "three", { mode: 0o755 });
  for (const entry of ["a", "d/line\nbreak", `d/${"x".repeat(255)}`, "d/empty", "d", "."]) {
    await Deno.utime(path.join(root, entry), TIME, TIME);
  }
}

Deno.test("programs carry a folder up and down, and nothing the second time", async () => {
  await using stage = await Stage.open();
  const server = await stage.startServer();
  const tree = stage.path("tree");
  await makeTree(tree);
  const run = (...args: string[]) => stage.client([...args, "--server", server.address]);
  const sent = await run("send", tree);
  assert.deepEqual([sent.code, sent.stderr], [0, ""]);
  assert.match(sent.stdout, /\n3 files sent and verified, .*; 3 folders and links made\n$/);
  assert.deepEqual(await describe(path.join(server.root, "tree")), await describe(tree));
  const got = await run("get", "tree/", "--output", stage.path("copy"));
  assert.deepEqual([got.code, got.stderr], [0, ""]);
  assert.deepEqual(await describe(stage.path("copy")), await describe(tree));
  for (const args of [["send", tree], ["get", "tree/", "--output", stage.path("copy")]]) {
    const again = await run(...args);
    assert.equal(again.code, 0);
    assert.match(again.stdout, /^no file (?:sent|received); 3 unchanged\n$/);
  }
});

Deno.test("client leaves alone what differs, and replaces and removes it as it is told", async () => {
  await using stage = await Stage.open();
  const server = await stage.startServer();
  const tree = stage.path("tree");
  await makeTree(tree);
  const run = (...args: string[]) => stage.client(["send", tree, ...args, "--server", server.address]);
  assert.equal((await run()).code, 0);
  await Deno.writeTextFile(path.join(tree, "a"), "newer");
  await Deno.remove(path.join(tree, "d"), { recursive: true });
  await Deno.writeTextFile(path.join(server.root, "tree", "d", "kept.o"), "excluded");

  const left = await run();
  assert.equal(left.code, 4);
  assert.match(left.stderr, /^differs: "tree\/a" has 3 bytes at the destination, not 5, and is older there\n/);
  const dry = await run("--update", "--delete", "--dry-run", "--exclude", "*.o");
  assert.equal(dry.code, 0);
  assert.deepEqual(dry.stdout.trimEnd().split("\n"), [
    "replace tree/a",
    "remove  tree/d/empty/",
    "remove  tree/d/line\\nbreak",
    `remove  tree/d/${"x".repeat(255)}`,
    "would send 1 file, 5 bytes; 3 removed",
  ]);
  assert.equal(await Deno.readTextFile(path.join(server.root, "tree", "a")), "one");
  const done = await run("--update", "--delete", "--exclude", "*.o");
  assert.equal(done.code, 0, done.stderr);
  const names = (await describe(path.join(server.root, "tree"))).map((line) => line.split(" ", 2).join(" "));
  assert.deepEqual(names.filter((name) => !name.startsWith("d/ ")).map((name) => name.replace(/ \d+$/, "")), [
    "a newer",
    "d/kept.o excluded",
  ]);
});

Deno.test("client keeps all permissions of a folder where that is wanted", async () => {
  if (Deno.build.os === "windows") return;
  await using stage = await Stage.open();
  const server = await stage.startServer();
  const modes: Readonly<Record<string, number>> = { "w": 0o666, "ro/r": 0o444, "ro": 0o555, "": 0o755 };
  const modesOf = (root: string) =>
    Object.fromEntries(Object.keys(modes).map((name) => [name, Deno.statSync(path.join(root, name)).mode! & 0o777]));
  const tree = stage.path("tree");
  await Deno.mkdir(path.join(tree, "ro"), { recursive: true });
  for (const name of ["w", "ro/r"]) await Deno.writeTextFile(path.join(tree, name), name);
  for (const [name, mode] of Object.entries(modes)) await Deno.chmod(path.join(tree, name), mode);
  const sent = await stage.client(["send", tree, "--modes", "--server", server.address]);
  assert.deepEqual([sent.code, sent.stderr], [0, ""]);
  assert.deepEqual(modesOf(path.join(server.root, "tree")), modes);
  const copy = stage.path("copy");
  const got = await stage.client(["get", "tree/", "--output", copy, "--modes", "--server", server.address]);
  assert.deepEqual([got.code, got.stderr], [0, ""]);
  assert.deepEqual(modesOf(copy), modes);
  for (const root of [tree, copy, path.join(server.root, "tree")]) await Deno.chmod(path.join(root, "ro"), 0o755);
});
