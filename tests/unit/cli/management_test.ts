import assert from "node:assert/strict";
import { SluiceError } from "../../../app/api.ts";
import { runManagement } from "../../../cli/management.ts";
import type { ManagementTask } from "../../../cli/management_arguments.ts";
import { createProgressView } from "../../../cli/progress.ts";
import type { FileInfo } from "../../../transfer/file_store.ts";
import { FakeContext } from "../../../testing/cli_fakes.ts";

function file(name: string, sizeBytes = 1): FileInfo {
  return { name, kind: "file", sizeBytes, modifiedUs: 0 };
}

function folder(name: string): FileInfo {
  return { name, kind: "folder", sizeBytes: 0, modifiedUs: 0 };
}

class Setting extends FakeContext {
  readonly abort = new AbortController();
  readonly questions: string[] = [];
  /** What the user says; undefined where there is nobody to ask. */
  answer: boolean | undefined;
  quiet = false;
  json = false;

  constructor(files: readonly FileInfo[] = []) {
    super();
    this.engine.files = [...files];
  }

  async run(task: ManagementTask): Promise<number> {
    const client = await this.engine.connect({ host: "h", port: 1 });
    return await runManagement(task, {
      ...this,
      client,
      view: createProgressView(this, { enabled: false }),
      signal: this.abort.signal,
      confirm: (shown, question) => {
        this.questions.push(...shown, question);
        return Promise.resolve(this.answer);
      },
    });
  }

  /** The exit code of removing names, and what was removed. */
  async remove(names: readonly string[], options: { recursive?: boolean; isConfirmed?: boolean } = {}) {
    const { recursive = false, isConfirmed = false } = options;
    const exitCode = await this.run({ kind: "remove", names, recursive, isConfirmed });
    return [exitCode, ...this.engine.calls.filter((call) => call.startsWith("remove "))];
  }

  async list(target?: string, options: { recursive?: boolean } = {}): Promise<readonly string[]> {
    const { recursive = false } = options;
    assert.equal(await this.run({ kind: "list", target, recursive, long: false, sort: "name" }), 0);
    return this.console.outLines.splice(0).map((line) => line.split("\t")[0]!);
  }
}

const TREE = [file("a.txt"), folder("dir"), file("dir/b.txt"), folder("dir/in"), file("dir/in/c.txt"), file("z")];

Deno.test("runManagement lists a folder, a file, or what matches a pattern", async () => {
  const setting = new Setting(TREE);
  assert.deepEqual(await setting.list(), ["a.txt", "dir/", "z"]);
  assert.deepEqual(await setting.list("/"), ["a.txt", "dir/", "z"]);
  assert.deepEqual(await setting.list("dir/"), ["dir/b.txt", "dir/in/"]);
  assert.deepEqual(await setting.list("dir", { recursive: true }), ["dir/b.txt", "dir/in/", "dir/in/c.txt"]);
  assert.deepEqual(await setting.list("a.txt"), ["a.txt"]);
  assert.deepEqual(await setting.list("*.txt"), ["a.txt"]);
  assert.deepEqual(await setting.list("*.txt", { recursive: true }), ["a.txt", "dir/b.txt", "dir/in/c.txt"]);
  assert.deepEqual(await setting.list("dir/*.txt"), ["dir/b.txt"]);
  assert.deepEqual(await setting.list("dir/*/c.txt"), ["dir/in/c.txt"]);
  assert.deepEqual(await setting.list("**/c.txt"), ["dir/in/c.txt"]);
});

Deno.test("runManagement takes a name that exists for a name, not for a pattern", async () => {
  const setting = new Setting([file("a*"), file("ab")]);
  assert.deepEqual(await setting.list("a*"), ["a*"]);
  assert.deepEqual(await setting.remove(["a*"]), [0, "remove a*"]);
});

Deno.test("runManagement says what does not exist, and what matches nothing", async () => {
  for (
    const [target, words] of [["no", /"no" does not exist/], ["no*", /nothing on the server matches "no\*"/]] as const
  ) {
    const failed = (error: unknown) =>
      error instanceof SluiceError && error.kind === "not-found" && words.test(error.message);
    await assert.rejects(new Setting(TREE).list(target), failed);
  }
  const setting = new Setting(TREE);
  assert.deepEqual(await setting.remove(["no", "no*", "z"]), [3, "remove z"]);
  assert.equal(setting.console.errLines.length, 2);
});

Deno.test("runManagement warns of what a list lacks, escaped", async () => {
  const setting = new Setting(TREE);
  setting.engine.unlisted = { count: 1, examples: '"\x1b"' };
  await setting.list();
  setting.engine.unlisted = { count: 11, examples: '"a", "b"' };
  await setting.list();
  assert.deepEqual(setting.console.errLines, [
    'warning: 1 more file on the server has a name that cannot be sent: "\\x1b"',
    'warning: 11 more files on the server have names that cannot be sent: "a", "b"',
  ]);
});

Deno.test("runManagement gives up when it is told to", async () => {
  const setting = new Setting(TREE);
  setting.engine.onList = () => setting.abort.abort();
  setting.engine.listError = undefined;
  await assert.rejects(setting.list(), (error) => error instanceof SluiceError && error.kind === "interrupted");
});

Deno.test("runManagement removes one file without a question, and asks for more, and for folders", async () => {
  const one = new Setting(TREE);
  assert.deepEqual(await one.remove(["z"]), [0, "remove z"]);
  assert.deepEqual(one.questions, []);
  const cases: [readonly string[], string][] = [
    [["a.txt", "z"], "remove 2 files?"],
    [["dir"], "remove 2 files and 2 folders?"],
    [["dir", "dir/b.txt", "z"], "remove 3 files and 2 folders?"],
    [["dir/in", "dir/in/"], "remove 1 file and 1 folder?"],
  ];
  for (const [names, question] of cases) {
    for (const answer of [true, false, undefined]) {
      const setting = new Setting(TREE);
      setting.answer = answer;
      const removing = setting.remove(names, { recursive: true });
      if (answer === false) {
        assert.deepEqual(await removing, [0]);
        assert.deepEqual(setting.console.outLines, ["nothing removed"]);
        assert.equal(setting.engine.calls.some((call) => call.startsWith("remove")), false);
      } else {
        const removed = (await removing).slice(1);
        const expected = new Set(names.filter((name) => name !== "dir/b.txt").map((name) => name.replace(/\/$/, "")));
        assert.deepEqual(removed, [...expected].map((name) => `remove ${name}`));
      }
      assert.equal(setting.questions.at(-1), question);
    }
    const confirmed = new Setting(TREE);
    await confirmed.remove(names, { recursive: true, isConfirmed: true });
    assert.deepEqual(confirmed.questions, []);
  }
});

Deno.test("runManagement removes folders only with -r, and never the server's own", async () => {
  const setting = new Setting(TREE);
  assert.deepEqual(await setting.remove(["dir", "z"], { isConfirmed: true }), [2, "remove z"]);
  assert.deepEqual(setting.console.errLines, ['error: "dir" is a folder; use -r']);
  for (const name of [".", "/", ""]) assert.deepEqual(await new Setting(TREE).remove([name], { recursive: true }), [2]);
});

Deno.test("runManagement removes what a pattern matches, names each failure, and goes on", async () => {
  const names = Array.from({ length: 100 }, (_, i) => `f${i}.tmp`);
  const setting = new Setting([...names.map((name) => file(name)), file("keep")]);
  setting.engine.error = (call) => call.endsWith("f7.tmp") ? new SluiceError("refused", `"f7.tmp" is busy`) : undefined;
  const [exitCode, ...removed] = await setting.remove(["*.tmp"]);
  assert.deepEqual([exitCode, removed.length], [4, 100]);
  assert.deepEqual(setting.console.errLines, ['error: "f7.tmp" is busy']);
  assert.deepEqual(setting.console.outLines, ["99 entries removed"]);
});

Deno.test("runManagement moves to a new name, or into a folder that exists", async () => {
  const cases: [string, string, string][] = [
    ["z", "y", "move z to y"],
    ["z", "dir", "move z to dir/z"],
    ["z", "new/", "move z to new/z"],
    ["dir/in/", ".", "move dir/in to in"],
    ["z", "a.txt", "move z to a.txt"],
  ];
  for (const [name, newName, call] of cases) {
    const setting = new Setting(TREE);
    assert.equal(await setting.run({ kind: "move", name, newName, force: false }), 0);
    assert.equal(setting.engine.calls.at(-1), call);
  }
});

Deno.test("runManagement makes folders, prints attributes and how much can be stored", async () => {
  const setting = new Setting(TREE);
  setting.engine.space = { freeBytes: 5, usedBytes: 3 };
  assert.equal(await setting.run({ kind: "make-folders", names: ["a/b/", "c"] }), 0);
  assert.deepEqual(setting.engine.calls, ["make a/b", "make c"]);
  assert.equal(await setting.run({ kind: "space" }), 0);
  assert.equal(await setting.run({ kind: "stat", names: ["z", "none", "dir"], checksum: false }), 3);
  assert.deepEqual(setting.console.outLines, [
    'made "a/b/"',
    'made "c"',
    "free:          5 bytes",
    "used:          3 bytes",
    "name:          z",
    "kind:          file",
    "size:          1 byte",
    "modified:      1970-01-01T00:00:00Z",
    "",
    "name:          dir",
    "kind:          folder",
    "modified:      1970-01-01T00:00:00Z",
  ]);
});
