import assert from "node:assert/strict";
import { ProblemList } from "../../../cli/problem_list.ts";
import { FakeConsole } from "../../../testing/cli_fakes.ts";

function printed(isSummary: boolean, add: (list: ProblemList) => void): string[] {
  const console = new FakeConsole();
  const view = {
    start: () => assert.fail(),
    busy: () => assert.fail(),
    print: (write: () => void) => write(),
    close: () => {},
  };
  const list = new ProblemList({ console, view }, { isSummary });
  add(list);
  list.finish();
  return console.errLines;
}

Deno.test("ProblemList prints each problem, where it is not to sum up", () => {
  const lines = printed(false, (list) => {
    for (let i = 0; i < 6; i++) list.add({ severity: "error", names: ["a"], text: '"a" is gone' });
  });
  assert.deepEqual(lines, Array(6).fill('error: "a" is gone'));
});

Deno.test("ProblemList sums up what differs only in the file's name", () => {
  const lines = printed(true, (list) => {
    for (let i = 0; i < 6; i++) {
      list.add({ severity: "error", names: [`x/f${i}`, `f${i}`], text: `the server refused: "f${i}" exists` });
    }
    list.add({ severity: "error", names: ["other"], text: '"other" is gone' });
    list.add({ severity: "warning", names: ["f9"], text: 'the server refused: "f9" exists' });
  });
  assert.deepEqual(lines, [
    ...[0, 1, 2, 3].map((i) => `error: the server refused: "f${i}" exists`),
    'error: "other" is gone',
    'warning: the server refused: "f9" exists',
    'error: and 2 more for the same reason as "x/f0"',
  ]);
});

Deno.test("ProblemList prints no control characters", () => {
  const lines = printed(true, (list) => {
    for (let i = 0; i < 5; i++) list.add({ severity: "error", names: [`\x1b${i}`], text: "\x1b[2J" });
  });
  assert.deepEqual(lines, [...Array(4).fill("error: \\x1b[2J"), 'error: and 1 more for the same reason as "\\x1b0"']);
});
