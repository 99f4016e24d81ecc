import assert from "node:assert/strict";
import type { ExistingEntry, Select } from "../../../../../app/client/tree/entry.ts";
import { entriesOfListing, existingTree } from "../../../../../app/client/tree/existing.ts";
import type { FileInfo } from "../../../../../transfer/file_store.ts";

const all: Select = () => "included";

function entry(path: string, kind: ExistingEntry["kind"] = "file"): ExistingEntry {
  return { path, kind, sizeBytes: 0 };
}

function listed(name: string, kind: FileInfo["kind"] = "file"): FileInfo {
  return { name, kind, sizeBytes: 1, modifiedUs: 5 };
}

Deno.test("existingTree keeps off what is excluded, unread, or has a name that does not tell it", () => {
  const found = [
    entry("", "folder"),
    entry("a"),
    entry("passage", "folder"),
    entry("x.bak"),
    entry("bad\ufffd", "folder"),
    entry("bad\ufffd/b"),
    { path: "locked", severity: "failed", reason: "is locked" } as const,
  ];
  const select: Select = (path) => path === "x.bak" ? "excluded" : path === "passage" ? "within" : "included";
  const { existing, untouchable } = existingTree(found, { select, excluded: ["build"] });
  assert.deepEqual(existing.map(({ path }) => path), ["", "a", "passage"]);
  assert.deepEqual(untouchable, ["build", "passage", "x.bak", "bad\ufffd", "bad\ufffd/b", "locked"]);
});

Deno.test("existingTree keeps off a root that was not wholly read", () => {
  const found = [entry("", "folder"), { path: "", severity: "failed", reason: "is locked" } as const];
  assert.deepEqual(existingTree(found, { select: all, excluded: [] }).untouchable, [""]);
});

Deno.test("entriesOfListing gives paths from the root on, folders before what they have", () => {
  const list = [listed("p/b/c"), listed("p/b", "folder"), listed("p/a"), listed("p/b!")];
  assert.deepEqual(entriesOfListing(list, "p"), [
    { path: "a", kind: "file", sizeBytes: 1, modifiedUs: 5 },
    { path: "b", kind: "folder", sizeBytes: 0, modifiedUs: 5 },
    { path: "b!", kind: "file", sizeBytes: 1, modifiedUs: 5 },
    { path: "b/c", kind: "file", sizeBytes: 1, modifiedUs: 5 },
  ]);
  assert.deepEqual(entriesOfListing([listed("a")], "").map(({ path }) => path), ["a"]);
});

Deno.test("entriesOfListing rejects a list that is not that of a tree", () => {
  const lists: [FileInfo[], string][] = [
    [[listed("q/a")], "p"],
    [[listed("p")], "p"],
    [[listed("pa")], "p"],
    [[listed("p/../a")], "p"],
    [[listed("p/..", "folder")], "p"],
    [[listed("p//a")], "p"],
    [[listed("p/b/c")], "p"],
    [[listed("p/b"), listed("p/b/c")], "p"],
    [[listed("p/b", "link"), listed("p/b/c")], "p"],
    [[listed("p/a"), listed("p/a", "folder")], "p"],
    [[listed("/a")], ""],
    [[listed("")], ""],
    [[listed(".sluice-x")], ""],
  ];
  for (const [list, root] of lists) {
    assert.throws(
      () => entriesOfListing(list, root),
      /the server's list of .* has .*, which cannot be there/,
      list[0]!.name,
    );
  }
});
