import assert from "node:assert/strict";
import { diskError, toStoreError } from "../../../store/disk_error.ts";
import { explainKind, MAX_PATTERN_LENGTH, StoreRefusals } from "../../../store/store_refusals.ts";
import { SimulatedDisk } from "../../../sim/disk/disk.ts";
import { pattern } from "../../../testing/file_store_compliance.ts";
import { StoreError, type StoreErrorKind } from "../../../transfer/file_store.ts";

const posix = new StoreRefusals({ nameRules: "posix", readOnly: false });
const windows = new StoreRefusals({ nameRules: "windows", readOnly: false });
const readOnly = new StoreRefusals({ nameRules: "posix", readOnly: true });

function assertKind(refusal: StoreError | undefined, kind: StoreErrorKind | undefined, what: string): void {
  assert.equal(refusal?.kind, kind, `${what}: ${refusal?.message}`);
}

Deno.test("StoreRefusals refuses paths that lead elsewhere, whatever is done with them", () => {
  for (
    const name of [
      "",
      "/",
      "/a",
      "a/",
      "a//b",
      ".",
      "..",
      "../a",
      "a/../b",
      "a/.",
      "a\0",
      "\ud800",
      ".sluice-a",
      "a/.sluice-b",
    ]
  ) {
    for (const refusals of [posix, windows, readOnly]) {
      assertKind(refusals.ofExisting(name), "bad-name", name);
      assertKind(refusals.ofNew(name), "bad-name", name);
      assertKind(refusals.ofRemoval(name), "bad-name", name);
      assertKind(refusals.ofMove(name, "new"), "bad-name", name);
      assertKind(refusals.ofMove("old", name), "bad-name", name);
      if (name !== "") assertKind(refusals.ofList(name, ""), "bad-name", name);
    }
  }
});

Deno.test("StoreRefusals accepts the names that the disk can have", () => {
  for (const name of ["a", "a/b/c", "...", "a\n", "aux", "a:b", "a\\b", "end."]) {
    for (const refusal of [posix.ofExisting(name), posix.ofNew(name), posix.ofRemoval(name), posix.ofList(name, "*")]) {
      assertKind(refusal, undefined, name);
    }
  }
  assertKind(posix.ofList("", "*"), undefined, "the store's own folder");
});

Deno.test("StoreRefusals says of names that Windows cannot have that there are none, and makes none", () => {
  for (const name of ["aux", "a/aux.txt", "a:b", "a/b\\..\\c", "C:/x", "end.", "end./a", "a\n"]) {
    assertKind(windows.ofExisting(name), "not-found", name);
    assertKind(windows.ofRemoval(name), "not-found", name);
    assertKind(windows.ofList(name, ""), "not-found", name);
    assertKind(windows.ofNew(name), "bad-name", name);
    assertKind(windows.ofMove("old", name), "bad-name", name);
  }
});

Deno.test("StoreRefusals refuses every change of a read-only store, and no look at it", () => {
  for (const refusal of [readOnly.ofNew("a"), readOnly.ofRemoval("a"), readOnly.ofMove("a", "b")]) {
    assertKind(refusal, "read-only", "a");
  }
  assertKind(readOnly.ofExisting("a"), undefined, "a");
  assertKind(readOnly.ofList("a", "*"), undefined, "a");
});

Deno.test("StoreRefusals.ofList bounds the pattern", () => {
  assertKind(posix.ofList("", "*".repeat(MAX_PATTERN_LENGTH)), undefined, "the longest");
  assertKind(posix.ofList("", "*".repeat(MAX_PATTERN_LENGTH + 1)), "bad-name", "a longer one");
});

Deno.test("StoreRefusals.ofMove refuses a move into itself, or to nowhere", () => {
  for (const newName of ["a", "a/b", "a/b/c"]) assertKind(posix.ofMove("a", newName), "bad-name", newName);
  for (const newName of ["ab", "ab/c", "A", "b/a"]) assertKind(posix.ofMove("a", newName), undefined, newName);
  assertKind(posix.ofMove("a/b", "a"), undefined, "to where its folder is, which the disk refuses");
});

Deno.test("StoreRefusals.ofTarget keeps a link within the store, by the rules of its disk", () => {
  for (const target of ["b", "../b", "b//c", "../a/l"]) {
    for (const refusals of [posix, windows]) assertKind(refusals.ofTarget("a/l", target), undefined, target);
  }
  for (const target of ["", "/b", "../../b", "x/../../../b", "a\0", "\ud800"]) {
    for (const refusals of [posix, windows]) assertKind(refusals.ofTarget("a/l", target), "bad-name", target);
  }
  for (const target of ["..\\..\\b", "C:b", "C:\\b", "\\\\host\\share", "b/nul"]) {
    assertKind(posix.ofTarget("a/l", target), undefined, target);
    assertKind(windows.ofTarget("a/l", target), "bad-name", target);
  }
});

Deno.test("explainKind says what to do about a folder and a link, and leaves other errors as they are", async () => {
  const disk = new SimulatedDisk();
  disk.put("/srv/folder/file", pattern(1));
  disk.putLink("/srv/link", "folder");
  const refused = new StoreError("not-a-file", '"x" is not a file');
  const explained = async (name: string) => explainKind(refused, await disk.lstat(`/srv/${name}`), '"x"') as StoreError;
  assert.match((await explained("folder")).message, /^"x" is a folder, not a file; list it/);
  assert.match((await explained("link")).message, /^"x" is not a file; get the file that it leads to/);
  for (const name of ["folder/file", "missing"]) assert.equal(await explained(name), refused);
  for (const other of [toStoreError(diskError("ENOENT"), '"x"'), diskError("EIO"), new TypeError("a bug")]) {
    assert.equal(explainKind(other, await disk.lstat("/srv/folder"), '"x"'), other);
  }
});
