import assert from "node:assert/strict";
import {
  assembleModule,
  type Code,
  I32,
  i32,
  I64,
  i64,
  loopWhile,
  v128,
  WasmFunction,
  when,
} from "../../../protocol/crypto/chacha20poly1305/wasm_code.ts";
import { TaintInterpreter } from "../../../testing/wasm_taint.ts";

const SECRET_AT = 16;
const PUBLIC_AT = 32;

/** Runs a function with one parameter, where the 16 bytes at {@link SECRET_AT} are secret. */
function run(make: (code: WasmFunction) => Code[], argument = 0): TaintInterpreter {
  const code = new WasmFunction([I32]);
  code.body(...make(code));
  const module = assembleModule([code], { pages: 1, exports: { run: code } });
  new WebAssembly.Module(module);
  const interpreter = new TaintInterpreter(module, 64);
  interpreter.memory.set([3, 0, 0, 0], SECRET_AT);
  interpreter.secret.fill(1, SECRET_AT, SECRET_AT + 16);
  interpreter.call("run", argument);
  return interpreter;
}

const secret32 = i32.load8(i32.const(SECRET_AT));
const secret64 = i64.load(i32.const(SECRET_AT));
const store = (value: Code): Code => i32.store(i32.const(PUBLIC_AT), value);

/** What a leak is, without its place. */
function kindsOf({ leaks }: TaintInterpreter): string[] {
  return [...leaks].map((leak) => leak.split(" ")[0]!);
}

Deno.test("TaintInterpreter reports branches and loops on secrets", () => {
  assert.deepEqual(kindsOf(run(() => [when(secret32, store(i32.const(1)))])), ["branch"]);
  const loop = run((code) => {
    const left = code.local(I32);
    return [left.set(secret32), loopWhile(left.get, left.set(i32.sub(left.get, i32.const(1))))];
  });
  assert.deepEqual(kindsOf(loop), ["branch", "branch"], "the loop's start and its end");
});

Deno.test("TaintInterpreter reports secret addresses of loads and stores, and secret distances of shifts", () => {
  assert.deepEqual(kindsOf(run(() => [store(i32.load8(secret32))])), ["address"]);
  assert.deepEqual(kindsOf(run(() => [i32.store8(secret32, i32.const(1))])), ["address"]);
  assert.deepEqual(kindsOf(run(() => [store(i32.shiftRight(i32.const(8), secret32))])), ["shift"]);
});

Deno.test("TaintInterpreter follows secrets through arithmetic, vectors, locals and memory", () => {
  const ways: ((code: WasmFunction) => Code[])[] = [
    () => [store(i32.add(i32.const(1), secret32)), when(i32.load8(i32.const(PUBLIC_AT)))],
    (code) => {
      const local = code.local(I64);
      return [local.set(i64.mul(secret64, i64.const(2))), when(i64.isZero(local.get))];
    },
    () => [
      v128.store(i32.const(PUBLIC_AT), v128.xor(v128.load(i32.const(SECRET_AT)), v128.const([1, 2, 3, 4]))),
      when(i32.load8(i32.const(PUBLIC_AT), 5)),
    ],
    () => [i64.store(i32.const(PUBLIC_AT), i64.fromI32(secret32)), when(i32.load8(i32.const(PUBLIC_AT), 7))],
  ];
  for (const way of ways) assert.deepEqual(kindsOf(run(way)), ["branch"]);
});

Deno.test("TaintInterpreter reports nothing where secrets are only computed with, and computes as the engine does", () => {
  const interpreter = run((code) => {
    const left = code.local(I32);
    return [
      left.set(code.parameter(0).get),
      loopWhile(
        left.get,
        store(i32.add(secret32, i32.load8(i32.const(PUBLIC_AT)))),
        left.set(i32.sub(left.get, i32.const(1))),
      ),
    ];
  }, 5);
  assert.deepEqual([...interpreter.leaks], []);
  assert.equal(interpreter.memory[PUBLIC_AT], 15);
  assert.equal(interpreter.secret[PUBLIC_AT], 1);
});

Deno.test("TaintInterpreter throws for an instruction that is not known to take constant time", () => {
  const divide: Code = [...i32.const(8), ...i32.const(2), 0x6e];
  assert.throws(() => run(() => [store(divide)]), /instruction 0x6e/);
});
