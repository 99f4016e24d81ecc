// Looking after stored files with the real programs: what each command does on the disk, and what it prints.

import assert from "node:assert/strict";
import path from "node:path";
import { namesIn, sha256Of, writeRandomFile } from "../../testing/programs/files.ts";
import { type Finished, Stage } from "../../testing/programs/programs.ts";

interface Setting {
  readonly root: string;
  readonly run: (...args: readonly string[]) => Promise<Finished>;
}

async function withServer(test: (setting: Setting, stage: Stage) => Promise<void>): Promise<void> {
  await using stage = await Stage.open();
  const server = await stage.startServer();
  await Deno.mkdir(path.join(server.root, "dir", "in"), { recursive: true });
  for (const name of ["a.txt", "b.txt", "c.bin", "dir/d.txt", "dir/in/e.txt"]) {
    await Deno.writeTextFile(path.join(server.root, name), name);
  }
  await Deno.symlink("a.txt", path.join(server.root, "link"));
  const run = (...args: readonly string[]) => stage.client([...args, "--server", server.address]);
  await test({ root: server.root, run }, stage);
  const { code, stderr } = await server.stop();
  assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
}

/** The first field of each line. */
function names({ stdout }: Finished): readonly string[] {
  return stdout.split("\n").filter((line) => line !== "").map((line) => line.split("\t")[0]!);
}

Deno.test("client lists folders, patterns and single files", async () => {
  await withServer(async ({ run }) => {
    const cases: [readonly string[], readonly string[]][] = [
      [["list"], ["a.txt", "b.txt", "c.bin", "dir/", "link -> a.txt"]],
      [["ls", "dir", "-R"], ["dir/d.txt", "dir/in/", "dir/in/e.txt"]],
      [["ls", "*.txt"], ["a.txt", "b.txt"]],
      [["ls", "**/*.txt"], ["a.txt", "b.txt", "dir/d.txt", "dir/in/e.txt"]],
      [["ls", "--sort", "size", "[abc]*"], ["a.txt", "b.txt", "c.bin"]],
      [["ls", "c.bin"], ["c.bin"]],
    ];
    for (const [args, expected] of cases) {
      const finished = await run(...args);
      assert.deepEqual([finished.code, finished.stderr, names(finished)], [0, "", expected], args.join(" "));
    }
    assert.match((await run("ls", "-l", "link")).stdout, /^link\t0\t\S+\tlink\ta\.txt\n$/);
    const nothing = await run("ls", "*.pdf");
    assert.equal(nothing.code, 3);
    assert.match(nothing.stderr, /nothing on the server matches "\*\.pdf"/);
  });
});

Deno.test("client prints the attributes of files, with the checksum that the server computes", async () => {
  await withServer(async ({ root, run }) => {
    const sha256 = await sha256Of(await writeRandomFile(path.join(root, "large"), 30_000_000));
    const { code, stdout } = await run("stat", "large", "link", "--checksum");
    assert.equal(code, 0);
    assert.match(stdout, /^name: +large\nkind: +file\nsize: +30000000 bytes \(30\.0 MB\)\nmodified: +\S+\n/);
    assert.match(stdout, new RegExp(`sha256: +${sha256}\n\nname: +link\nkind: +link\n`));
    assert.match(stdout, /leads to: +a\.txt\n$/);
  });
});

Deno.test("client makes folders, moves into them, and replaces only with --force", async () => {
  await withServer(async ({ root, run }) => {
    assert.equal((await run("mkdir", "new/deep", "other")).code, 0);
    assert.equal((await run("mv", "a.txt", "new/deep")).code, 0);
    assert.equal(await Deno.readTextFile(path.join(root, "new", "deep", "a.txt")), "a.txt");
    const refused = await run("mv", "b.txt", "c.bin");
    assert.equal(refused.code, 4);
    assert.equal(await Deno.readTextFile(path.join(root, "c.bin")), "c.bin");
    assert.equal((await run("mv", "b.txt", "c.bin", "--force")).code, 0);
    assert.equal(await Deno.readTextFile(path.join(root, "c.bin")), "b.txt");
    assert.deepEqual(await namesIn(root), ["c.bin", "dir", "link", "new", "other"]);
  });
});

Deno.test("client removes names, patterns and folders, and names each failure", async () => {
  await withServer(async ({ root, run }) => {
    const first = await run("rm", "*.txt", "none", "dir");
    assert.equal(first.code, 3);
    assert.match(first.stderr, /"none" does not exist/);
    assert.match(first.stderr, /"dir" is a folder; use -r/);
    assert.deepEqual(await namesIn(root), ["c.bin", "dir", "link"]);
    assert.equal((await run("rm", "-r", "link", "dir", "--yes")).code, 0);
    assert.deepEqual(await namesIn(root), ["c.bin"]);
    for (const bad of ["..", "../c.bin", "/etc", "dir//in"]) assert.equal((await run("rm", "-r", bad)).code, 2, bad);
    assert.match((await run("df")).stdout, /^free: +\d+ bytes/);
  });
});

Deno.test("client has the same commands in an interactive session", async () => {
  await withServer(async ({ root }, stage) => {
    const server = await stage.startServer({ root: path.basename(root) });
    const lines = ["mkdir x", "mv a.txt x", "ls x", "stat x/a.txt", "rm b.txt", 'rm "none"', "df", "rm -r x", "ls -R"];
    const stdin = `${lines.join("\n")}\n`;
    const finished = await stage.client(["127.0.0.1", String(server.port)], { stdin });
    assert.equal(finished.code, 3);
    assert.match(finished.stdout, /^made "x"\nmoved "a\.txt" to "x\/a\.txt"\nx\/a\.txt\t5\t/);
    assert.match(finished.stdout, /removed "x", 2 entries in all\nc\.bin\t/);
    assert.deepEqual(await namesIn(root), ["c.bin", "dir", "link"]);
    await server.stop();
  });
});

Deno.test("client without the right to removes and moves nothing", async () => {
  await using stage = await Stage.open();
  const key = (await stage.client(["key"])).stdout.trim();
  await Deno.writeTextFile(stage.path("keys"), `${key} someone\n`);
  const server = await stage.startServer({ args: ["--authorized-keys", stage.path("keys")] });
  await Deno.writeTextFile(path.join(server.root, "a"), "a");
  for (const args of [["rm", "a"], ["mv", "a", "b"]]) {
    const { code, stderr } = await stage.client([...args, "--server", server.address]);
    assert.equal(code, 4);
    assert.match(stderr, /no permission to remove or rename files/);
  }
  assert.equal((await stage.client(["mkdir", "b", "--server", server.address])).code, 0);
  assert.deepEqual(await namesIn(server.root), ["a", "b"]);
  await server.stop();
});
