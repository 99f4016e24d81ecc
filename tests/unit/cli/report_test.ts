import assert from "node:assert/strict";
import { checksumsMatch, fileRecord, reportLines, totalLine } from "../../../cli/report.ts";
import { fakeReport } from "../../../testing/cli_fakes.ts";

const SHA = "ab".repeat(32);
const ALONE = { verbose: false, isAlone: true, columns: 80 };

Deno.test("reportLines says in one line of which file it is, how large, how long it took and how fast it was", () => {
  assert.deepEqual(reportLines(fakeReport("dir/a.bin", { savedAs: "a.bin" }), "send", ALONE), [
    "a.bin                        2.0 MB       500 ms     4.0 MB/s",
  ]);
});

Deno.test("reportLines sets a line close where the terminal is narrower than the table", () => {
  const line = (columns: number) => reportLines(fakeReport("a.bin"), "send", { ...ALONE, columns })[0]!;
  assert.equal(line(62), "a.bin                        2.0 MB       500 ms     4.0 MB/s");
  assert.equal(line(61), "a.bin 2.0 MB 500 ms 4.0 MB/s");
});

Deno.test("reportLines prints the checksum if it is to be verbose", () => {
  const lines = reportLines(fakeReport("a.bin"), "get", { ...ALONE, verbose: true });
  assert.deepEqual(lines.slice(1), [`  sha256 ${SHA}`]);
});

Deno.test("reportLines shows both names where they differ", () => {
  const nameOf = (name: string, savedAs: string) =>
    reportLines(fakeReport(name, { savedAs }), "get", { ...ALONE, columns: 200 })[0]!.replace(/ {2,}.*/, "");
  assert.equal(nameOf("a", "/x/a"), "/x/a");
  assert.equal(nameOf("a", "a_received"), "a -> a_received");
  assert.equal(nameOf("up/x/a", "b/c"), "up/x/a -> b/c");
});

Deno.test("reportLines tells a share of retransmitted bytes from 1 % on, of a file that was sent alone", () => {
  const told = (retransmittedBytes: number, direction: "send" | "get" = "send", isAlone = true) =>
    reportLines(fakeReport("a", { retransmittedBytes, sentBytes: 2_000_000 }), direction, {
      verbose: true,
      columns: 200,
      isAlone,
    })[0]!;
  assert.match(told(248_000), / {2}12\.4 % retransmitted$/);
  assert.match(told(20_000), / {2}1\.0 % retransmitted$/);
  assert.match(told(19_999), /MB\/s$/);
  assert.match(told(0), /MB\/s$/);
  assert.match(told(248_000, "get"), /MB\/s$/);
  assert.match(told(248_000, "send", false), /MB\/s$/);
});

Deno.test("reportLines says how much of the file was there already", () => {
  const [line] = reportLines(fakeReport("a.bin", { reusedBytes: 1_880_000 }), "get", ALONE);
  assert.match(line!, / {2}94\.0 % reused$/);
});

Deno.test("reportLines keeps a name from writing a line of its own", () => {
  const [line, ...rest] = reportLines(fakeReport("a\nb  1.0 MB\x1b[1A"), "get", ALONE);
  assert.deepEqual(rest, []);
  // deno-lint-ignore no-control-regex
  assert.doesNotMatch(line!, /[\n\x1b]/);
});

Deno.test("fileRecord has a file's names, size, checksum and time", () => {
  assert.deepEqual(fileRecord(fakeReport("dir/a", { savedAs: "a", elapsedMs: 12.7, reusedBytes: 3 }), "send"), {
    type: "file",
    action: "send",
    status: "done",
    name: "dir/a",
    savedAs: "a",
    sizeBytes: 2_000_000,
    reusedBytes: 3,
    sha256: SHA,
    elapsedMs: 13,
  });
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
});
