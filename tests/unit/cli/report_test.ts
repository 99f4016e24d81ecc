import assert from "node:assert/strict";
import { checksumsMatch, reportLine, reportLines, totalLine } from "../../../cli/report.ts";
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
