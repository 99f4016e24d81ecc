import assert from "node:assert/strict";
import type { ExistingEntry, Select } from "../../../../../app/client/tree/entry.ts";
import type { NameRules } from "../../../../../transfer/file_name.ts";
import { findTravellers } from "../../../../../app/client/tree/travellers.ts";
import type { Found } from "../../../../../app/client/tree/walk.ts";

const all: Select = () => "included";

function entry(path: string, kind: ExistingEntry["kind"], target?: string): ExistingEntry {
  return { path, kind, sizeBytes: 0, target };
}

function travel(
  found: readonly Found[],
  { select = all, whyUnstorable = () => undefined, nameRules = "posix" }: {
    select?: Select;
    nameRules?: NameRules;
    whyUnstorable?: (path: string) => string | undefined;
  } = {},
) {
  const { entries, leftOut } = findTravellers(found, { select, whyUnstorable, nameRules });
  return {
    entries: entries.map(({ path }) => path),
    leftOut: leftOut.map(({ path, severity, reason }) => `${severity}: ${path} ${reason}`),
  };
}

Deno.test("findTravellers lets files, folders and links inside the tree travel", () => {
  const found = [entry("", "folder"), entry("a", "file"), entry("d", "folder"), entry("d/l", "link", "../a")];
  assert.deepEqual(travel(found), { entries: ["", "a", "d", "d/l"], leftOut: [] });
});

Deno.test("findTravellers skips devices and links that lead out, and names them", () => {
  const found = [
    entry("", "folder"),
    entry("fifo", "other"),
    entry("l", "link", "/etc"),
    entry("m", "link", "../x"),
    entry(
      "n",
      "link",
    ),
  ];
  assert.deepEqual(travel(found), {
    entries: [""],
    leftOut: [
      "skipped: fifo is a device, FIFO or socket, which is not transferred in a folder",
      "skipped: l is a symbolic link that is not transferred: its target is absolute; only links within the folder " +
      "that is sent are kept",
      "skipped: m is a symbolic link that is not transferred: its target lies outside the folder that is sent or stored",
      "skipped: n is a symbolic link that is not transferred: its target lies outside the server's folder",
    ],
  });
});

Deno.test("findTravellers judges a link by the rules of the destination's disk", () => {
  const found = [entry("", "folder"), entry("l", "link", "..\\x")];
  assert.deepEqual(travel(found).leftOut, []);
  assert.deepEqual(travel(found, { nameRules: "windows" }).leftOut, [
    "skipped: l is a symbolic link that is not transferred: its target cannot be a name on Windows",
  ]);
});

Deno.test("findTravellers names a folder that cannot be stored, and leaves out all that it has", () => {
  const found = [
    entry("", "folder"),
    entry("x", "folder"),
    entry("x/y", "folder"),
    entry("x/y/z", "file"),
    entry("b", "file"),
  ];
  const whyUnstorable = (path: string) => path === "x" ? "names may not be x" : undefined;
  assert.deepEqual(travel(found, { whyUnstorable }), {
    entries: ["", "b"],
    leftOut: ["failed: x cannot be stored: names may not be x"],
  });
});

Deno.test("findTravellers lets a folder that cannot be read travel, and names it", () => {
  const found: Found[] = [entry("", "folder"), entry("d", "folder"), {
    path: "d",
    severity: "failed",
    reason: "is locked",
  }];
  assert.deepEqual(travel(found), { entries: ["", "d"], leftOut: ["failed: d is locked"] });
});

Deno.test("findTravellers leaves out folders in which nothing is included", () => {
  const found = [
    entry("", "folder"),
    entry("d", "folder"),
    entry("d/e", "folder"),
    entry("d/e/a.jpg", "file"),
    entry("f", "folder"),
    entry("f/g", "folder"),
  ];
  const select: Select = (path, { isFolder }) => path.endsWith(".jpg") ? "included" : isFolder ? "within" : "excluded";
  assert.deepEqual(travel(found, { select }).entries, ["", "d", "d/e", "d/e/a.jpg"]);
});
