import assert from "node:assert/strict";
import { FileInode, FolderInode } from "../../../../sim/disk/inode.ts";
import { DiskTree, pathError } from "../../../../sim/disk/tree.ts";

function makeTree(): DiskTree {
  const tree = new DiskTree({});
  tree.makeFolders(
    "/x/y",
    ({ folder, name }) => folder.settle(name, new FolderInode({ number: 4, mode: 0o755, nowMs: 0 })),
  );
  const { folder, name } = tree.find("/x/y/file");
  folder.settle(name, new FileInode({ number: 3, mode: 0o644, nowMs: 0 }));
  return tree;
}

Deno.test("DiskTree.find takes every spelling of a path", () => {
  const tree = makeTree();
  const { inode } = tree.find("/x/y/file");
  assert(inode instanceof FileInode);
  for (const path of ["x/y/file", "/x//y/./file", "/x/y/../y/file", "/../x/y/file/"]) {
    assert.equal(tree.find(path).inode, inode, path);
  }
  assert(tree.find("/").inode instanceof FolderInode);
  assert.equal(tree.find("/x/new").inode, undefined);
  assert.equal(tree.realpath("x/./y").replaceAll("\\", "/"), "/x/y");
});

Deno.test("DiskTree says what is missing, and what is no folder", () => {
  const tree = makeTree();
  assert.throws(() => tree.find("/none/a"), { code: "ENOENT" });
  assert.throws(() => tree.find("/x/y/file/a"), { code: "ENOTDIR" });
  assert.throws(() => tree.find(`/${"\u00e9".repeat(128)}`), { code: "ENAMETOOLONG" });
  assert.throws(() => tree.require("/x/none"), { code: "ENOENT" });
  assert.throws(() => tree.makeFolders("/x/y/file", () => {}), { code: "EEXIST" });
  assert.throws(() => tree.makeFolders("/x/y/file/a", () => {}), { code: "ENOTDIR" });
  assert.equal(tree.inodeAt("/none/a"), undefined);
  assert.match(pathError("EIO", "/x").message, /EIO.*\/x/);
});

Deno.test("DiskTree.walk meets every entry once", () => {
  const names = [...makeTree().walk()].map(({ name }) => name);
  assert.deepEqual(names, ["", "x", "y", "file"]);
});

Deno.test("DiskTree takes names for one that are folded alike, spelled as they were first", () => {
  const tree = new DiskTree({ foldName: (name) => name.normalize("NFD").toUpperCase() });
  const root = tree.find("/").inode;
  assert(root instanceof FolderInode);
  const file = new FileInode({ number: 3, mode: 0o644, nowMs: 0 });
  root.settle("\u00c4.txt", file);
  for (const path of ["/\u00c4.txt", "/\u00e4.TXT", "/A\u0308.txt"]) {
    assert.deepEqual([tree.find(path).name, tree.find(path).inode], ["\u00c4.txt", file]);
  }
  assert.equal(tree.find("/b").name, "b");
});
