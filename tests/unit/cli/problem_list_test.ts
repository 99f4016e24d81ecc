import assert from "node:assert/strict";
import { SluiceError } from "../../../app/api.ts";
import { ProblemList } from "../../../cli/problem_list.ts";
import { FakeConsole } from "../../../testing/cli_fakes.ts";

function printed(add: (list: ProblemList) => void, { json = false } = {}): string[] {
  const console = new FakeConsole();
  const view = {
    start: () => assert.fail(),
    busy: () => assert.fail(),
    print: (write: () => void) => write(),
    close: () => {},
  };
  const list = new ProblemList({ console, json, view });
  add(list);
  list.finish();
  return console.errLines;
}

Deno.test("ProblemList prints each problem as an object where that is asked for", () => {
  const error = new SluiceError("not-found", "");
  const lines = printed((list) => {
    for (let i = 0; i < 20; i++) list.add({ severity: "error", names: ["a"], text: '"a" is gone', error });
    list.add({ severity: "warning", names: [""], text: "careful" });
  }, { json: true });
  assert.deepEqual(lines, [
    ...Array(20).fill('{"type":"error","kind":"not-found","exitCode":3,"name":"a","message":"\\"a\\" is gone"}'),
    '{"type":"warning","message":"careful"}',
  ]);
});

Deno.test("ProblemList sums up what differs only in the file's name", () => {
  const lines = printed((list) => {
    for (let i = 0; i < 12; i++) {
      list.add({ severity: "error", names: [`x/f${i}`, `f${i}`], text: `the server refused: "f${i}" exists` });
    }
    list.add({ severity: "error", names: ["other"], text: '"other" is gone' });
    list.add({ severity: "warning", names: ["f9"], text: 'the server refused: "f9" exists' });
  });
  assert.deepEqual(lines, [
    ...[0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((i) => `error: the server refused: "f${i}" exists`),
    'error: "other" is gone',
    'warning: the server refused: "f9" exists',
    'error: and 2 more for the same reason as "x/f0"',
  ]);
});

Deno.test("ProblemList prints no control characters", () => {
  const lines = printed((list) => {
    for (let i = 0; i < 11; i++) list.add({ severity: "error", names: [`\x1b${i}`], text: "\x1b[2J" });
  });
  assert.deepEqual(lines, [...Array(10).fill("error: \\x1b[2J"), 'error: and 1 more for the same reason as "\\x1b0"']);
});
