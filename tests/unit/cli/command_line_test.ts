import assert from "node:assert/strict";
import { createCommand, parseWith, valueOrThrow, VERSION, wholeNumber } from "../../../cli/command_line.ts";
import { FakeContext } from "../../../testing/cli_fakes.ts";

Deno.test("VERSION is deno.json's", () => {
  const config = JSON.parse(Deno.readTextFileSync(new URL("../../../deno.json", import.meta.url)));
  assert.equal(VERSION, config.version);
});

Deno.test("parseWith gives the value, or the exit code of what was asked or mistaken", () => {
  const context = new FakeContext();
  const { console } = context;
  const parse = (...args: string[]) => parseWith(createCommand("x", context), args, { value: () => 7 });
  assert.deepEqual(parse(), { value: 7 });
  assert.deepEqual(parse("--version"), { exitCode: 0 });
  assert.deepEqual(console.outLines, [`x ${VERSION} (commit 0123456789, Deno 2.9.6, x86_64-unknown-linux-gnu)`]);
  for (const same of ["-V", "version"]) assert.deepEqual(parse(same), { exitCode: 0 });
  assert.equal(new Set(console.outLines).size, 1);
  assert.deepEqual(parse("--bogus"), { exitCode: 2 });
  assert.deepEqual(console.errLines, ["error: unknown option '--bogus'", "Try --help."]);
});

Deno.test("parseWith refuses an argument that is not UTF-8, wherever it is", () => {
  for (const args of [["send", "z\ufffd"], ["--as=\ufffd"], ["--", "\ufffd"], ["--root", "a/\ufffd/b"]]) {
    const context = new FakeContext();
    const { console } = context;
    const command = createCommand("x", context).argument("[all...]").option("--root <r>").option("--as <name>");
    assert.deepEqual(parseWith(command, args, { value: () => 7 }), { exitCode: 2 });
    assert.match(
      console.errLines[0]!,
      /^error: ".*\ufffd.*" is not valid UTF-8, and cannot be told from .*: rename it$/,
    );
  }
});

Deno.test("parseWith lets a bug through", () => {
  const fail = () => {
    throw new TypeError("bug");
  };
  assert.throws(() => parseWith(createCommand("x", new FakeContext()), [], { value: fail }), TypeError);
});

Deno.test("wholeNumber keeps to its bounds", () => {
  const read = wholeNumber({ min: 1, max: 10 });
  assert.equal(read("10"), 10);
  for (const text of ["0", "11", "1.5", "-1", "", "1e1"]) assert.throws(() => read(text), /from 1 to 10/, text);
});

Deno.test("valueOrThrow throws the error as a sentence and passes on the rest", () => {
  assert.equal(valueOrThrow<number>(3), 3);
  assert.throws(() => valueOrThrow<number>({ error: "no good" }), { message: "No good" });
  assert.throws(() => valueOrThrow<number>({ error: "'x=1' is no good" }), { message: "'x=1' is no good" });
});
