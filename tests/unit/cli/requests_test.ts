import assert from "node:assert/strict";
import path from "node:path";
import { SluiceError } from "../../../app/api.ts";
import { needsOf, transfersOf } from "../../../cli/requests.ts";
import { DEFAULT_TREE_OPTIONS, type TreeOptions } from "../../../cli/tree_options.ts";
import { FakeContext } from "../../../testing/cli_fakes.ts";

const context = new FakeContext();
const LEAVE = DEFAULT_TREE_OPTIONS;
const REPLACE: TreeOptions = { ...LEAVE, ifDifferent: "replace" };

function targets(names: string[], output: string | undefined): (string | undefined)[] {
  return transfersOf({ kind: "get", names, output, tree: LEAVE }, context).map((transfer) => transfer.target);
}

Deno.test("needsOf names few files, the folders of many, and all of the disk where those are many", () => {
  const sent = (files: string[]) => needsOf(transfersOf({ kind: "send", files, as: undefined, tree: LEAVE }, context));
  const count = 1000;
  const names = Array.from({ length: count }, (_, index) => `${index}`);
  assert.deepEqual(sent(["x/a", "y/b"]), { read: ["x/a", "y/b"], write: [] });
  assert.deepEqual(sent(names.map((name) => path.join("x", name))), { read: ["x"], write: [] });
  assert.deepEqual(sent(names.map((name) => path.join(name, name))), { read: ["/"], write: [] });
  const got = needsOf(transfersOf({ kind: "get", names, output: "dir", tree: LEAVE }, context));
  assert.deepEqual(got, { read: ["dir"], write: ["dir"] });
});

Deno.test("transfersOf puts received files where --output says", () => {
  assert.deepEqual(targets(["a", "b"], undefined), [undefined, undefined]);
  assert.deepEqual(targets(["a"], "new.txt"), ["new.txt"]);
  assert.deepEqual(targets(["a", "b"], "dir"), [path.join("dir", "a"), path.join("dir", "b")]);
});

Deno.test("transfersOf puts what is in folders of the server by its last name, and the content of a folder where it says", () => {
  assert.deepEqual(targets(["p/a", "p/b"], undefined), ["a", "b"]);
  assert.deepEqual(targets(["p/a"], "dir"), [path.join("dir", "a")]);
  assert.deepEqual(targets(["p/q/"], undefined), ["q"]);
  assert.deepEqual(targets(["p/q/"], "dir"), ["dir"]);
  assert.deepEqual(targets(["p/q/"], "new"), ["new"]);
  assert.deepEqual(targets(["."], undefined), ["."]);
  assert.deepEqual(targets(["."], "new"), ["new"]);
});

Deno.test("transfersOf never leaves the folder that was asked for", () => {
  const good = ["a:b.log", "q?", "aux.c", " a ", "a\\b", "line\nbreak"];
  assert.deepEqual(targets(good, "dir"), good.map((name) => path.join("dir", name)));
  for (const name of ["../../etc/passwd", "..", "a/../b", "a//b", "/a", ""]) {
    assert.deepEqual(targets([name], "dir"), [undefined]);
  }
  const windows = { ...context, nameRules: "windows" } as const;
  for (const name of ["..\\up", "C:up", "aux", "a."]) {
    const [got] = transfersOf({ kind: "get", names: [name], output: "dir", tree: LEAVE }, windows);
    assert.equal(got!.target, undefined, name);
  }
});

Deno.test("transfersOf wants a folder for several files, or for a path that ends like one", () => {
  const isUsage = (error: unknown) => error instanceof SluiceError && error.kind === "usage";
  assert.throws(() => targets(["a", "b"], "new.txt"), isUsage);
  assert.throws(() => targets(["a"], "nowhere/"), isUsage);
});

Deno.test("transfersOf refuses two files of one name, and names both", () => {
  const send = (...files: string[]) => transfersOf({ kind: "send", files, as: undefined, tree: REPLACE }, context);
  const refusal = (message: string) => ({ name: "SluiceError", kind: "usage", message });
  const a = path.join("a", "x");
  const b = path.join("b", "x");
  assert.throws(
    () => send("other", a, b),
    refusal(`"${a}" and "${b}" would both be stored as "x"; send one of them by itself, with --as NAME`),
  );
  assert.throws(() => send("x", "y", "x"), refusal('"x" is given twice'));
  assert.throws(() => targets(["x", "x"], undefined), refusal('"x" is given twice'));
  assert.throws(() => targets(["x", "x"], "dir"), refusal('"x" is given twice'));
  const spellings = ["x", "X", "\u00ed", "i\u0301"];
  assert.equal(send(...spellings).length, 4, "the server's disk may tell them apart");
  assert.equal(targets(spellings, "dir").length, 4, "so may this one");
});

Deno.test("transfersOf has a place that was asked for refused if it is taken, unless it may be replaced", () => {
  const get = (output: string | undefined, force: boolean) =>
    transfersOf({ kind: "get", names: ["a"], output, tree: force ? REPLACE : LEAVE }, context)[0]!.ifExists;
  assert.equal(get("taken", false), "refuse", "it may be the same");
  assert.equal(get("taken", true), "replace");
  assert.equal(get("free", false), "refuse", "it may be taken by then");
  assert.equal(get("dir", false), "beside");
  assert.equal(get(undefined, false), "beside");
  assert.equal(get(undefined, true), "replace");
});

function sends(files: string[], { as, follow = false }: { as?: string; follow?: boolean } = {}) {
  return transfersOf({ kind: "send", files, as, tree: DEFAULT_TREE_OPTIONS, follow }, context);
}

Deno.test("transfersOf takes - for standard input and output, and so their names in /dev", () => {
  for (const name of ["-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"]) {
    assert.deepEqual(sends([name], { as: "b" }), [
      { direction: "send", file: name, target: "b", ifExists: "refuse", special: "standard" },
    ]);
    assert.throws(() => sends([name]), {
      kind: "usage",
      message: "standard input has no name to be stored under; add --as NAME",
    });
    assert.throws(() => sends([name], { as: "b", follow: true }), { kind: "usage", message: /^--follow takes a file/ });
  }
  assert.throws(() => sends(["a", "-"]), { kind: "usage" });
  for (const output of ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"]) {
    const got = transfersOf({ kind: "get", names: ["a", "b"], output, tree: DEFAULT_TREE_OPTIONS }, context);
    assert.deepEqual(got.map(({ special }) => special), ["standard", "standard"]);
    assert.deepEqual(needsOf(got), { read: [], write: [] });
  }
  assert.deepEqual(needsOf(sends(["-"], { as: "b" })), { read: [], write: [] });
  assert.deepEqual(targets(["-"], "./-"), ["./-"]);
  assert.equal(sends(["./-"])[0]!.special, undefined);
});

Deno.test("transfersOf sends a pipe under its name, if it has one of its own", () => {
  assert.deepEqual(sends(["x/fifo"]), [
    { direction: "send", file: "x/fifo", target: undefined, ifExists: "refuse", special: "pipe" },
  ]);
  assert.equal(sends(["/dev/fd/63"], { as: "b" })[0]!.special, "pipe");
  assert.throws(() => sends(["/dev/fd/63"]), {
    kind: "usage",
    message: '"/dev/fd/63" has no name to be stored under; add --as NAME',
  });
  assert.deepEqual(needsOf(sends(["x/fifo"])), { read: ["x/fifo"], write: [] });
});

Deno.test("transfersOf follows a file", () => {
  assert.equal(sends(["log"], { follow: true })[0]!.special, "followed");
});

Deno.test("transfersOf sends each file, under another name if it is given", () => {
  assert.deepEqual(transfersOf({ kind: "send", files: ["x/a"], as: "b", tree: REPLACE }, context), [
    { direction: "send", file: "x/a", target: "b", ifExists: "replace" },
  ]);
});

Deno.test("transfersOf stores below a folder where --as ends with a slash", () => {
  const sends = transfersOf({ kind: "send", files: ["x/a", "dir"], as: "p/", tree: LEAVE }, context);
  assert.deepEqual(sends.map(({ target }) => target), ["p/a", "p/dir"]);
});

Deno.test("transfersOf names a folder on the server, and refuses to where that cannot be", () => {
  const send = (file: string, as?: string) => {
    const isFolder = { ...context, entryAt: () => "folder" as const };
    return transfersOf({ kind: "send", files: [file], as, tree: LEAVE }, isFolder)[0]!.target;
  };
  assert.equal(send("x/photos"), "photos");
  assert.equal(send("x/photos/"), "photos");
  assert.equal(send("x/photos", "p/q"), "p/q");
  assert.equal(send("x/photos", "."), "");
  assert.equal(send(".", "p"), "p");
  for (const file of [".", "..", "/"]) assert.throws(() => send(file), /gives the folder no name on the server/);
  for (const as of ["..", "a/../b", "/a", "a//b"]) assert.throws(() => send("x", as), /cannot be a folder's name/);
});

Deno.test("transfersOf knows how large the files are that are sent", () => {
  const context = new FakeContext();
  context.sizeOf = (path) => path === "gone" ? undefined : 7;
  const task = { kind: "send", files: ["a", "gone"], as: undefined, tree: DEFAULT_TREE_OPTIONS } as const;
  assert.deepEqual(transfersOf(task, context).map(({ sizeBytes }) => sizeBytes), [7, undefined]);
});
