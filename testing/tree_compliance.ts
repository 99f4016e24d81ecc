/**
 * What every {@link FileStore} does with folders, links and paths: the second part of `file_store_compliance.ts`.
 *
 * @module
 */

import assert from "node:assert/strict";
import { StoreError } from "../transfer/file_store.ts";
import {
  assertRefused,
  type Check,
  checksOf,
  commit,
  type MakeStore,
  pattern,
  store,
} from "./file_store_compliance.ts";
import type { PromisedStore } from "./promised_store.ts";

const TIME_US = 1_600_000_000_000_000;

/** Everything in a store, sorted: folders end with "/", links with "@" and their target. */
export async function everything(disk: PromisedStore): Promise<string[]> {
  const entries = await disk.list({ recursive: true });
  return entries.map(({ kind, name, target }) => {
    if (kind === "link") return `${name}@${target}`;
    return kind === "folder" ? `${name}/` : name;
  });
}

async function fill(disk: PromisedStore, names: readonly string[]): Promise<void> {
  for (const name of names) await store(disk, name, { bytes: pattern(3) });
}

/** Registers the tests of the suite for one kind of store. */
export function describeTree(label: string, makeStore: MakeStore): void {
  const check = checksOf(label, makeStore);
  checkPaths(check);
  checkListing(check);
  checkMaking(check);
  checkRemoving(check);
  checkMoving(check);
}

function checkPaths(check: Check): void {
  check("stores files below folders, which it makes", async ({ store: disk, contents }) => {
    await store(disk, "a/b/c", { bytes: pattern(5) });
    await store(disk, "a/d", { bytes: pattern(6) });
    assert.deepEqual(contents("a/b/c"), pattern(5));
    assert.deepEqual(await everything(disk), ["a/", "a/b/", "a/b/c", "a/d"]);
    const file = await disk.open("a/b/c");
    assert.deepEqual([file.info.name, file.info.sizeBytes], ["a/b/c", 5]);
    file.close();
    await store(disk, "a/b/c", { bytes: pattern(7), overwrite: true });
    assert.deepEqual(contents("a/b/c"), pattern(7));
    await assertRefused("exists", () => disk.create("a/d", { sizeBytes: 0, overwrite: false }));
  });

  check("finds nothing below a missing folder, a file or a link", async ({ store: disk }) => {
    await fill(disk, ["file", "a/b"]);
    await disk.makeLink("link", { target: "a", overwrite: false });
    const kinds = [["none/x", "not-found"], ["file/x", "not-a-file"], ["link/b", "not-a-file"]] as const;
    for (const [name, kind] of kinds) {
      for (
        const call of [
          () => disk.stat(name),
          () => disk.open(name),
          () => disk.remove(name),
          () => disk.move(name, { newName: "new", overwrite: false }),
          () => disk.list({ path: name }),
        ]
      ) await assertRefused(kind, call);
      if (kind === "not-found") continue;
      await assertRefused(kind, () => disk.create(name, { sizeBytes: 0, overwrite: true }));
      await assertRefused(kind, () => disk.makeFolder(name));
      await assertRefused(kind, () => disk.makeLink(name, { target: "a", overwrite: true }));
      await assertRefused(kind, () => disk.move("a/b", { newName: name, overwrite: true }));
    }
    assert.deepEqual(await everything(disk), ["a/", "a/b", "file", "link@a"]);
  });

  check("makes one folder for two files that are created at once", async ({ store: disk }) => {
    const names = ["a/b/x", "a/b/y", "a/z"];
    const files = await Promise.all(names.map((name) => disk.create(name, { sizeBytes: 0, overwrite: false })));
    assert.deepEqual(await Promise.all(files.map(commit)), names);
    assert.deepEqual(await everything(disk), ["a/", "a/b/", "a/b/x", "a/b/y", "a/z"]);
  });

  check("refuses a file whose folder is removed before its commit", async ({ store: disk, partialFiles }) => {
    const file = await disk.create("a/b/x", { sizeBytes: 3, overwrite: false });
    file.write(0, pattern(3));
    await disk.remove("a", { recursive: true });
    const result = await commit(file);
    assert(result instanceof StoreError);
    assert.match(result.message, /removed/);
    assert.deepEqual([await everything(disk), partialFiles()], [[], 0]);
  });
}

function checkListing(check: Check): void {
  check("lists a folder, all below it, or what matches", async ({ store: disk }) => {
    await fill(disk, ["a.txt", "b/a.txt", "b/c/a.txt", "b/c/d.jpg", "b-d"]);
    const names = async (query: Parameters<PromisedStore["list"]>[0]) =>
      (await disk.list(query)).map(({ name }) => name).join(" ");
    assert.equal(await names({}), "a.txt b b-d");
    assert.equal(await names({ path: "b" }), "b/a.txt b/c");
    assert.equal(await names({ path: "b/c" }), "b/c/a.txt b/c/d.jpg");
    assert.equal(await names({ recursive: true }), "a.txt b b-d b/a.txt b/c b/c/a.txt b/c/d.jpg");
    assert.equal(await names({ path: "b", recursive: true }), "b/a.txt b/c b/c/a.txt b/c/d.jpg");
    assert.equal(await names({ pattern: "*.txt" }), "a.txt");
    assert.equal(await names({ pattern: "*.txt", recursive: true }), "a.txt b/a.txt b/c/a.txt");
    assert.equal(await names({ pattern: "*/*.txt" }), "b/a.txt");
    assert.equal(await names({ pattern: "**/*.txt" }), "a.txt b/a.txt b/c/a.txt");
    assert.equal(await names({ path: "b", pattern: "c/*" }), "b/c/a.txt b/c/d.jpg");
    assert.equal(await names({ path: "b", pattern: "?", recursive: true }), "b/c");
    assert.equal(await names({ pattern: "none" }), "");
    for (const info of await disk.list({ recursive: true })) assert.deepEqual(info, await disk.stat(info.name));
  });

  check("refuses to list what is no folder", async ({ store: disk }) => {
    await fill(disk, ["file"]);
    await assertRefused("not-a-file", () => disk.list({ path: "file" }));
    await assertRefused("not-found", () => disk.list({ path: "none" }));
    for (const path of ["..", "/", "a/", "."]) await assertRefused("bad-name", () => disk.list({ path }));
  });
}

function checkMaking(check: Check): void {
  check("makes folders, and sets the attributes of one that exists", async ({ store: disk }) => {
    assert.deepEqual(await disk.makeFolder("a/b", { modifiedUs: TIME_US }), { location: "a/b", notKept: [] });
    const info = await disk.stat("a/b");
    assert.deepEqual([info.kind, info.sizeBytes, info.modifiedUs], ["folder", 0, TIME_US]);
    await disk.makeFolder("a/b", { modifiedUs: TIME_US + 5e6 });
    assert.equal((await disk.stat("a/b")).modifiedUs, TIME_US + 5e6);
    await disk.makeFolder("a/b");
    assert.equal((await disk.stat("a/b")).modifiedUs, TIME_US + 5e6);
    await fill(disk, ["file"]);
    await assertRefused("exists", () => disk.makeFolder("file"));
    await assertRefused("not-a-file", () => disk.open("a"));
    await assertRefused("not-a-file", () => disk.create("a", { sizeBytes: 0, overwrite: true }));
  });

  check("makes links within the tree, and no others", async ({ store: disk }) => {
    await fill(disk, ["file"]);
    await disk.makeLink("a/link", { target: "../file", overwrite: false });
    const { modifiedUs: _modifiedUs, ...info } = await disk.stat("a/link");
    assert.deepEqual(info, { name: "a/link", kind: "link", sizeBytes: 0, target: "../file" });
    await disk.makeLink("a/link", { target: "../file", overwrite: false });
    await assertRefused("exists", () => disk.makeLink("a/link", { target: "other", overwrite: false }));
    const modifiedUs = 1_000_000_007_000_000;
    await disk.makeLink("a/link", { target: "other", overwrite: true, modifiedUs });
    assert.equal((await disk.stat("a/link")).modifiedUs, modifiedUs);
    await disk.makeLink("a/new", { target: "other", overwrite: false, modifiedUs: -modifiedUs });
    assert.equal((await disk.stat("a/new")).modifiedUs, -modifiedUs);
    await disk.remove("a/new", { recursive: false });
    await disk.makeLink("file", { target: "a", overwrite: true });
    await assertRefused("not-a-file", () => disk.makeLink("a", { target: "file", overwrite: true }));
    await assertRefused("not-a-file", () => disk.open("a/link"));
    for (const target of ["/etc/passwd", "../..", "../../x", "x/../../../y", "", "a\0", "\ud800"]) {
      await assertRefused("bad-name", () => disk.makeLink("a/l", { target, overwrite: true }));
    }
    assert.deepEqual(await everything(disk), ["a/", "a/link@other", "file@a"]);
  });
}

function checkRemoving(check: Check): void {
  check("removes files, links and folders", async ({ store: disk, contents }) => {
    await fill(disk, ["file", "a/b/x", "a/b/y", "a/z"]);
    await disk.makeFolder("empty");
    await disk.makeLink("link", { target: "a", overwrite: false });
    await assertRefused("not-found", () => disk.remove("none", { recursive: true }));
    assert.equal((await disk.remove("file")).count, 1);
    assert.equal((await disk.remove("empty")).count, 1);
    assert.equal((await disk.remove("link", { recursive: true })).count, 1);
    assert.match((await assertRefused("exists", () => disk.remove("a"))).message, /"a" is a folder that is not empty/);
    assert.deepEqual(contents("a/b/x"), pattern(3), "the link was not followed");
    const { count, usedBytes } = await disk.remove("a", { recursive: true });
    assert.deepEqual([count, usedBytes, await everything(disk)], [5, 5 * 4096, []]);
  });
}

function checkMoving(check: Check): void {
  check("moves files, links and folders, and replaces nothing unasked", async ({ store: disk, contents }) => {
    await store(disk, "x", { bytes: pattern(3, 1) });
    await store(disk, "y", { bytes: pattern(4, 2) });
    await store(disk, "a/b/z", { bytes: pattern(5, 3) });
    await disk.makeLink("link", { target: "y", overwrite: false });
    assert.deepEqual(await disk.move("x", { newName: "new/x", overwrite: false }), { location: "new/x", notKept: [] });
    await assertRefused("exists", () => disk.move("new/x", { newName: "y", overwrite: false }));
    assert.deepEqual([contents("new/x"), contents("y")], [pattern(3, 1), pattern(4, 2)]);
    await disk.move("new/x", { newName: "y", overwrite: true });
    assert.deepEqual(contents("y"), pattern(3, 1));
    await disk.move("a/b", { newName: "c", overwrite: false });
    await disk.move("link", { newName: "c/link", overwrite: false });
    assert.deepEqual(await everything(disk), ["a/", "c/", "c/link@y", "c/z", "new/", "y"]);
    assert.deepEqual(contents("c/z"), pattern(5, 3));
  });

  check("refuses to move what would be lost", async ({ store: disk }) => {
    await fill(disk, ["a/x", "b/y", "file"]);
    await disk.makeLink("b/up", { target: "../file", overwrite: false });
    const refusals = [
      ["bad-name", "a", "a"],
      ["bad-name", "a", "a/b"],
      ["bad-name", "file", "../file"],
      ["bad-name", "b/up", "up"],
      ["not-found", "none", "new"],
      ["not-a-file", "a", "b"],
      ["not-a-file", "file", "b"],
      ["not-a-file", "a", "file"],
      ["not-a-file", "b/y", "b"],
    ] as const;
    for (const [kind, name, newName] of refusals) {
      await assertRefused(kind, () => disk.move(name, { newName, overwrite: true }));
    }
    assert.deepEqual(await everything(disk), ["a/", "a/x", "b/", "b/up@../file", "b/y", "file"]);
  });
}
