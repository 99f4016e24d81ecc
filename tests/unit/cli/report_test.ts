import assert from "node:assert/strict";
import { checksumsMatch, listingLines, reportLine, reportLines, totalLine } from "../../../cli/report.ts";
import { fakeReport } from "../../../testing/cli_fakes.ts";

const SHA = "ab".repeat(32);

Deno.test("reportLines says all that there is to say of a sent file", () => {
  assert.deepEqual(reportLines(fakeReport("dir/a.bin", { savedAs: "a.bin", retransmittedBytes: 21_000 }), "send"), [
    "file:          dir/a.bin",
    "size:          2000000 bytes (2.0 MB)",
    `server sha256: ${SHA}`,
    `local sha256:  ${SHA}`,
    "match:         yes",
    "stored as:     a.bin",
    "time:          500 ms, 4.0 MB/s",
    "retransmitted: 1.0 % (21.0 kB)",
  ]);
});

Deno.test("reportLines says where a received file was saved, and nothing of a retransmission that was not", () => {
  const lines = reportLines(fakeReport("a.bin", { savedAs: "./a.bin_received" }), "get");
  assert.ok(lines.includes("saved as:      ./a.bin_received"));
  assert.equal(lines.some((line) => line.startsWith("retransmitted")), false);
});

Deno.test("reportLines writes a checksum in less than the 80 columns of a usual terminal", () => {
  const sums = reportLines(fakeReport("a"), "send").filter((line) => line.includes(SHA));
  assert.deepEqual(sums.map(({ length }) => length), [79, 79]);
});

Deno.test("reportLines says how much of the file was there already", () => {
  const lines = reportLines(fakeReport("a.bin", { reusedBytes: 1_880_000 }), "get");
  assert.equal(lines.at(-1), "reused:        1.9 MB of 2.0 MB (94.0 %)");
});

Deno.test("reportLines keeps a name from writing a line of its own", () => {
  const lines = reportLines(fakeReport("a\nmatch: yes\x1b[1A"), "get");
  assert.equal(lines.some((line) => line.includes("\n") || line.includes("\x1b")), false);
});

Deno.test("reportLine is what sha256sum writes, whatever the name", () => {
  assert.equal(reportLine(fakeReport("dir/a.bin", { savedAs: "a.bin" })), `${SHA}  a.bin`);
  assert.equal(reportLine(fakeReport("a\nb\x1b[1A")).includes("\n"), false);
});

Deno.test("totalLine says how many files it was, and how many of them were done", () => {
  const total = { count: 1000, doneCount: 1000, doneBytes: 10_000_000, elapsedMs: 2000 };
  assert.equal(totalLine(total, "send"), "1000 files sent and verified, 10.0 MB in 2 s, 5.0 MB/s");
  const half = { ...total, doneCount: 998 };
  assert.equal(totalLine(half, "get"), "998 of 1000 files received and verified, 10.0 MB in 2 s, 5.0 MB/s");
});

Deno.test("checksumsMatch needs two equal checksums", () => {
  assert.equal(checksumsMatch(fakeReport("a")), true);
  assert.equal(checksumsMatch(fakeReport("a", { localSha256: "cd".repeat(32) })), false);
  assert.equal(checksumsMatch(fakeReport("a", { localSha256: "", serverSha256: "" })), false);
  assert.match(reportLines(fakeReport("a", { localSha256: "" }), "get").join("\n"), /match: {9}no/);
});

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
  assert.equal(listingLines(entries, { forTerminal: true }).at(-1), "1 file, 0 bytes");
});

Deno.test("listingLines gives a person a table and a sum", () => {
  const lines = listingLines([{ name: "a.txt", kind: "file", sizeBytes: 1500, modifiedUs: 0 }], { forTerminal: true });
  assert.match(lines.join("\n"), /BYTES.*MODIFIED.*NAME[\s\S]*1500.*1970-01-01T00:00:00Z.*a\.txt/);
  assert.equal(lines.at(-1), "1 file, 1.5 kB");
  assert.deepEqual(listingLines([], { forTerminal: true }), ["The server has no files."]);
});
