import assert from "node:assert/strict";
import plugin from "../../../tools/lint_plugin.ts";

/** What the rule reports in a file with this text. */
function findings(rule: string, file: string, text: string): string[] {
  return Deno.lint.runPlugin(plugin, file, text)
    .filter(({ id }) => id === `sluice/${rule}`)
    .map(({ message }) => message);
}

const lines = (count: number): string => "  x();\n".repeat(count);

Deno.test("pure finds what reads the clock, draws random numbers, waits or does I/O", () => {
  const impure = [
    "const t = Date.now();",
    "const t: Date = x;",
    "const t = performance.now();",
    "const x = Math.random();",
    "setTimeout(f, 1);",
    "f(setTimeout);",
    "async function f() {}",
    "const f = async () => {};",
    "class C { async f() {} }",
    "await f();",
    "let p: Promise<void>;",
    "console.log(1);",
    "crypto.getRandomValues(a);",
    "Deno.exit();",
    "process.exit();",
    "const x = { Date };",
    'import { randomBytes } from "node:crypto";',
    'import { createHash, randomBytes as bytes } from "node:crypto";',
    'import fs from "node:fs";',
    'import * as zlib from "node:zlib";',
    'import "node:zlib";',
    'import { z } from "zod";',
    'import { resolve } from "node:path";',
    'export * from "node:zlib";',
    'export { crc32 } from "node:zlib";',
    'const z = import("node:zlib");',
  ];
  for (const text of impure) {
    for (const folder of ["base", "netem", "protocol/wire", "transfer"]) {
      assert.notDeepEqual(findings("pure", `${folder}/a.ts`, text), [], text);
    }
    for (const folder of ["io", "cli", "tests/unit"]) assert.deepEqual(findings("pure", `${folder}/a.ts`, text), []);
  }
});

Deno.test("pure allows names of the file's own, texts, and functions that depend on their arguments alone", () => {
  const allowed = [
    "// Date, async, Deno.exit()",
    'const text = "setTimeout";',
    "session.process(); this.#fetch(); a.performance;",
    "interface S { process(): void }",
    "class C { constructor(readonly process: number) {} }",
    "const x = { fetch: 1 };",
    "const updated = 1; const randomBytes = f;",
    'import { createHash, timingSafeEqual } from "node:crypto";',
    'import { crc32, zstdCompressSync } from "node:zlib";',
    'import { join } from "node:path";',
    'import { a } from "./a.ts";',
    'export * from "./a.ts";',
  ];
  for (const text of allowed) assert.deepEqual(findings("pure", "protocol/a.ts", text), [], text);
});

Deno.test("pure lets some folders wait, for nothing but what they are given", () => {
  for (const folder of ["app", "app/server", "sim", "store"]) {
    const check = (text: string) => findings("pure", `${folder}/a.ts`, text);
    assert.deepEqual(check("async function f(): Promise<void> { await g(); }"), []);
    assert.deepEqual(check("async () => await new Promise(f, Date.now())"), ["Date in a pure folder"]);
    assert.notDeepEqual(check("setTimeout(f, 1);"), []);
  }
});

Deno.test("function-length counts the lines of functions, methods and arrows, but not of classes and literals", () => {
  const tooLong = [
    `function f(): void {\n${lines(69)}}`,
    `export function* f(): { a: number } {\n${lines(69)}}`,
    `class C {\n  m(a: { b: string } = {}): Promise<void> {\n${lines(69)}  }\n}`,
    `const f = () => {\n${lines(69)}};`,
    `Deno.test("f", async () => {\n${lines(69)}});`,
    `function f() {\n  for (let i = 0; i < 9; i++) {\n${lines(69)}  }\n}`,
  ];
  for (const text of tooLong) assert.equal(findings("function-length", "io/a.ts", text).length, 1, text);
  const shortEnough = [
    `function f() {\n${lines(68)}}`,
    `class C {\n${"  m() { return 1; }\n".repeat(100)}}`,
    `interface I {\n${"  a: number;\n".repeat(100)}}`,
    `const a = {\n${"  b: 1,\n".repeat(100)}};`,
    `for (const a of b) {\n${"  test(() => {});\n".repeat(100)}}`,
  ];
  for (const text of shortEnough) assert.deepEqual(findings("function-length", "io/a.ts", text), [], text);
});

Deno.test("file-length counts lines of code, not empty lines and comments", () => {
  const check = (file: string, text: string) => findings("file-length", file, text);
  const text = `/*\n${"word\n".repeat(500)}*/\n// \u{1f600} line\n\n${lines(400)}`;
  assert.deepEqual(check("io/a.ts", text), []);
  assert.deepEqual(check("io/a.ts", `${text}x();`), ["401 lines of code; at most 400 are allowed"]);
  assert.deepEqual(check("io/a.ts", `${text}x(); // word`).length, 1);
  assert.deepEqual(check("tests/a_test.ts", lines(600)), []);
  assert.equal(check("tests/a_test.ts", lines(601)).length, 1);
});

Deno.test("module-comment wants a doc comment at the head of each file but tests", () => {
  const check = (file: string, text: string) => findings("module-comment", file, text).length;
  const doc = "/**\n * What it is for.\n *\n * @module\n */\n";
  assert.equal(check("io/a.ts", `${doc}\nf();`), 0);
  assert.equal(check("client.ts", `#!/usr/bin/env deno\n${doc}\nf();`), 0);
  assert.equal(check("io/a.ts", "f();"), 1);
  assert.equal(check("io/a.ts", "/** What it is for. */\nf();"), 1);
  assert.equal(check("io/a.ts", `f();\n${doc}`), 1);
  assert.equal(check("tests/sim/a.ts", "/** What it is for. */\nf();"), 0);
  assert.equal(check("tests/sim/a.ts", "f();"), 1);
  assert.equal(check("tests/sim/a_test.ts", "f();"), 0);
});

Deno.test("documented-exports wants a doc comment on each exported symbol, and on the first of its overloads", () => {
  const check = (text: string) => findings("documented-exports", "cli/a.ts", text);
  const declarations = [
    "export const a = 1;",
    "export function a() {}",
    "export async function a() {}",
    "export class a {}",
    "export abstract class a {}",
    "export interface a {}",
    "export type a = 1;",
  ];
  for (const text of declarations) {
    assert.equal(check(text).length, 1, text);
    assert.equal(check(`// A.\n${text}`).length, 1, text);
    assert.equal(check(`/** A module.\n * @module\n */\n${text}`).length, 1, text);
    assert.deepEqual(check(`/** A. */\n${text}`), [], text);
    assert.deepEqual(check(`/** A. */\n// deno-lint-ignore no-explicit-any\n${text}`), [], text);
  }
  assert.deepEqual(check("/** A. */\nexport const a = 1;\nexport function b() {}\n"), ["no doc comment on b"]);
  assert.deepEqual(check("/** A. */\nexport function a(x: 1): 1;\nexport function a(x: 2): 2;\n"), []);
  assert.deepEqual(check("/** A. */\nexport function a(x: 1): 1;\nexport function a(x: 2) {}\n"), []);
  assert.equal(check("export function a(x: 1): 1;\nexport function a(x: 2): 2;\n").length, 1);
  assert.deepEqual(check('export { a } from "./a.ts";\nconst b = 1;\n'), []);
  assert.deepEqual(findings("documented-exports", "tests/a.ts", "export const a = 1;"), []);
});

Deno.test("named-exports finds default exports", () => {
  assert.equal(findings("named-exports", "io/a.ts", "export default 1;").length, 1);
  assert.equal(findings("named-exports", "io/a.ts", "export default function f() {}").length, 1);
  assert.deepEqual(findings("named-exports", "io/a.ts", "export const a = 1;"), []);
});

Deno.test("all-tests-run finds tests that are skipped or run alone", () => {
  const check = (text: string) => findings("all-tests-run", "tests/a_test.ts", text).length;
  const skipped = [
    'Deno.test.ignore("a", f);',
    'Deno.test.only("a", f);',
    'Deno.test({ name: "a", ignore: true, fn });',
    'Deno.test("a", { only: true }, fn);',
    "await t.step.skip(f);",
  ];
  for (const text of skipped) assert.equal(check(text), 1, text);
  assert.equal(check('Deno.test("a", f); a.only(); tester.skip();'), 0);
});
