import assert from "node:assert/strict";
import { type ManagementTask, parseManagement } from "../../../cli/management_arguments.ts";
import { FakeContext } from "../../../testing/cli_fakes.ts";

function parse(line: string): ManagementTask | number | undefined {
  const parsed = parseManagement(line.split(" "), new FakeContext());
  if (parsed === undefined) return undefined;
  return "value" in parsed ? parsed.value : parsed.exitCode;
}

Deno.test("parseManagement reads each command with its options, by each of its names", () => {
  const cases: [string[], ManagementTask][] = [
    [["list", "ls"], { kind: "list", target: undefined, long: false, recursive: false, sort: "name" }],
    [["list -lR --sort time a", "ls a -l -R --sort=time"], {
      kind: "list",
      target: "a",
      long: true,
      recursive: true,
      sort: "time",
    }],
    [["stat a b", "info a b"], { kind: "stat", names: ["a", "b"], checksum: false }],
    [["stat --checksum a", "stat -c a"], { kind: "stat", names: ["a"], checksum: true }],
    [["rm a", "remove a", "delete a"], { kind: "remove", names: ["a"], recursive: false, isConfirmed: false }],
    [["rm -r -y a b", "rm --recursive --yes a b"], {
      kind: "remove",
      names: ["a", "b"],
      recursive: true,
      isConfirmed: true,
    }],
    [["mv a b", "move a b", "rename a b"], { kind: "move", name: "a", newName: "b", force: false }],
    [["mv -f a b", "mv a b --force"], { kind: "move", name: "a", newName: "b", force: true }],
    [["mkdir a b"], { kind: "make-folders", names: ["a", "b"] }],
    [["df", "space"], { kind: "space" }],
  ];
  for (const [lines, task] of cases) for (const line of lines) assert.deepEqual(parse(line), task, line);
});

Deno.test("parseManagement refuses what makes no sense, prints help, and leaves other commands alone", () => {
  for (const line of ["rm", "mv a", "mv a b c", "mkdir", "stat", "ls a b", "ls --sort x", "df a", "rm --force a"]) {
    assert.equal(parse(line), 2, line);
  }
  assert.equal(parse("rm --help"), 0);
  for (const line of ["get a", "put a", "quit", "-l"]) assert.equal(parse(line), undefined, line);
});
