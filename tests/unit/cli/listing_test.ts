import assert from "node:assert/strict";
import { listingLines, longListingLines, sortListing, spaceLines, statLines } from "../../../cli/listing.ts";
import type { FileInfo } from "../../../transfer/file_store.ts";

Deno.test("listingLines gives a program one tab-separated line for each file", () => {
  const files = [{ name: "a b.txt", kind: "file" as const, sizeBytes: 12, modifiedUs: 0 }, {
    name: "c\td",
    kind: "file" as const,
    sizeBytes: 0,
    modifiedUs: 1e18,
  }];
  const lines = listingLines(files, { forTerminal: false });
  assert.equal(lines[0], "a b.txt\t12\t1970-01-01T00:00:00Z");
  assert.equal(lines[1]!.split("\t").length, 3);
  assert.deepEqual(listingLines([], { forTerminal: false }), []);
});

Deno.test("listingLines has the name last, so that a long one moves neither size nor time of any file", () => {
  const files = [
    { name: "x".repeat(100), kind: "file" as const, sizeBytes: 12_345_678, modifiedUs: 0 },
    { name: "報告書.pdf", kind: "file" as const, sizeBytes: 7, modifiedUs: 9e18 },
  ];
  assert.deepEqual(listingLines(files, { forTerminal: true }).slice(0, -1), [
    "   BYTES  MODIFIED (UTC)        NAME",
    `12345678  1970-01-01T00:00:00Z  ${"x".repeat(100)}`,
    "       7  -                     報告書.pdf",
  ]);
});

Deno.test("listingLines tells folders and links from files", () => {
  const rest = { sizeBytes: 0, modifiedUs: 0 };
  const entries = [
    { name: "d", kind: "folder" as const, ...rest },
    { name: "l", kind: "link" as const, target: "d/\x1b", ...rest },
    { name: "f", kind: "file" as const, ...rest },
  ];
  const names = listingLines(entries, { forTerminal: false }).map((line) => line.split("\t")[0]);
  assert.deepEqual(names, ["d/", "l -> d/\\x1b", "f"]);
  assert.equal(listingLines(entries, { forTerminal: true }).at(-1), "2 files, 1 folder, 0 bytes");
});

Deno.test("listingLines gives a person a table and a sum", () => {
  const lines = listingLines([{ name: "a.txt", kind: "file", sizeBytes: 1500, modifiedUs: 0 }], { forTerminal: true });
  assert.match(lines.join("\n"), /BYTES.*MODIFIED.*NAME[\s\S]*1500.*1970-01-01T00:00:00Z.*a\.txt/);
  assert.equal(lines.at(-1), "1 file, 1.5 kB");
  assert.deepEqual(listingLines([], { forTerminal: true }), ["There are no files."]);
});

const ENTRIES: readonly FileInfo[] = [
  { name: "a", kind: "folder", sizeBytes: 0, modifiedUs: 2e6 },
  { name: "b\tc", kind: "file", sizeBytes: 1500, modifiedUs: 1e6 },
  { name: "d", kind: "link", sizeBytes: 0, target: "a\x1b" },
  { name: "e", kind: "file", sizeBytes: 20, modifiedUs: 3e6 },
];

Deno.test("longListingLines tells the kinds of entries and what links lead to, escaped", () => {
  assert.deepEqual(longListingLines(ENTRIES, { forTerminal: false }), [
    "a\t0\t1970-01-01T00:00:02Z\tfolder\t",
    "b\\tc\t1500\t1970-01-01T00:00:01Z\tfile\t",
    "d\t0\t-\tlink\ta\\x1b",
    "e\t20\t1970-01-01T00:00:03Z\tfile\t",
  ]);
  assert.deepEqual(longListingLines(ENTRIES, { forTerminal: true }), [
    "BYTES  MODIFIED (UTC)        KIND    NAME",
    "    0  1970-01-01T00:00:02Z  folder  a/",
    " 1500  1970-01-01T00:00:01Z  file    b\\tc",
    "    0  -                     link    d -> a\\x1b",
    "   20  1970-01-01T00:00:03Z  file    e",
    "3 files, 1 folder, 1.5 kB",
  ]);
});

Deno.test("sortListing puts the largest or the latest first, and keeps the order of what is alike", () => {
  const order = (key: "name" | "size" | "time") => sortListing(ENTRIES, key).map(({ name }) => name[0]).join("");
  assert.deepEqual([order("name"), order("size"), order("time")], ["abde", "bead", "eabd"]);
});

Deno.test("statLines says all that is known of an entry, and nothing else", () => {
  assert.deepEqual(statLines({ ...ENTRIES[1]!, mode: 0o640, sha256: "ab" }), [
    "name:          b\\tc",
    "kind:          file",
    "size:          1500 bytes (1.5 kB)",
    "modified:      1970-01-01T00:00:01Z",
    "mode:          640",
    "sha256:        ab",
  ]);
  assert.deepEqual(statLines(ENTRIES[2]!).slice(2), ["modified:      -", "leads to:      a\\x1b"]);
});

Deno.test("spaceLines says what is known", () => {
  assert.deepEqual(spaceLines({ freeBytes: 999, quotaBytes: 2e9 }), [
    "free:          999 bytes",
    "quota:         2000000000 bytes (2.0 GB)",
  ]);
  assert.equal(spaceLines({}).length, 1);
});
