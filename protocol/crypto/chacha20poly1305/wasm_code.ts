/**
 * An assembler for WebAssembly, with as many instructions as {@link file://./aead_code.ts} needs. An expression is the
 * array of its bytes. An operation puts the bytes of its operands before its own, so code nests as it is read.
 *
 * It validates nothing: the engine does, when it compiles the module. Opcodes and binary format: WebAssembly core
 * specification 2.0, sections 5.4 and 5.5.
 *
 * @module
 */

/** Instructions in binary form. */
export type Code = readonly number[];

/** The type of a parameter, a local or a result. */
export type ValueType = typeof I32 | typeof I64 | typeof V128;

/** A 32-bit integer; addresses are of this type. */
export const I32 = 0x7f;
/** A 64-bit integer. */
export const I64 = 0x7e;
/** A vector of 128 bits. */
export const V128 = 0x7b;

/** A parameter or a local variable of a function. */
export interface Local {
  readonly index: number;
  readonly get: Code;
  set(value: Code): Code;
}

/** A function of a module. Parameters and locals share one numbering, parameters first. */
export class WasmFunction {
  readonly parameters: readonly ValueType[];
  readonly results: readonly ValueType[];
  readonly #locals: ValueType[] = [];
  #body: Code = [];

  constructor(parameters: readonly ValueType[], results: readonly ValueType[] = []) {
    this.parameters = parameters;
    this.results = results;
  }

  /** The parameter with that index. */
  parameter(index: number): Local {
    return { index, get: [0x20, ...unsigned(index)], set: (value) => [...value, 0x21, ...unsigned(index)] };
  }

  /** A new local variable, initially zero. */
  local(type: ValueType): Local {
    this.#locals.push(type);
    return this.parameter(this.parameters.length + this.#locals.length - 1);
  }

  /** `count` new local variables of one type. */
  locals(type: ValueType, count: number): Local[] {
    return Array.from({ length: count }, () => this.local(type));
  }

  /** Sets the instructions. The value that they leave on the stack is the result. */
  body(...code: Code[]): void {
    this.#body = code.flat();
  }

  /** The entry of the code section. */
  encode(): Code {
    const locals = this.#locals.flatMap((type) => [1, type]);
    return sized([...unsigned(this.#locals.length), ...locals, ...this.#body, 0x0b]);
  }
}

/** All parameters of a function. */
export function parametersOf(code: WasmFunction): Local[] {
  return code.parameters.map((_, index) => code.parameter(index));
}

/** The bytes of a module that imports a memory of `pages` pages as `env.memory` and exports functions by name. */
export function assembleModule(
  functions: readonly WasmFunction[],
  { pages, exports }: { readonly pages: number; readonly exports: Readonly<Record<string, WasmFunction>> },
): Uint8Array<ArrayBuffer> {
  const types = functions.map(({ parameters, results }) => [0x60, ...vector(parameters), ...vector(results)]);
  const exported = Object.entries(exports).map(([name, target]) => [
    ...text(name),
    0,
    ...unsigned(functions.indexOf(target)),
  ]);
  return new Uint8Array([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, types),
    ...section(2, [[...text("env"), ...text("memory"), 0x02, 0x01, ...unsigned(pages), ...unsigned(pages)]]),
    ...section(3, functions.map((_, index) => unsigned(index))),
    ...section(7, exported),
    ...section(10, functions.map((each) => each.encode())),
  ]);
}

function section(id: number, items: readonly Code[]): Code {
  return [id, ...sized([...unsigned(items.length), ...items.flat()])];
}

function sized(bytes: Code): Code {
  return [...unsigned(bytes.length), ...bytes];
}

function vector(bytes: Code): Code {
  return [...unsigned(bytes.length), ...bytes];
}

function text(name: string): Code {
  return sized([...name].map((character) => character.charCodeAt(0)));
}

/** Unsigned LEB128. */
export function unsigned(value: number): Code {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

/** Signed LEB128 of a 32-bit integer. */
function signed(value: number): Code {
  return value >= -0x40 && value < 0x40 ? [value & 0x7f] : [(value & 0x7f) | 0x80, ...signed(value >> 7)];
}

const operation = (...opcode: number[]) => (...operands: Code[]): Code => [...operands.flat(), ...opcode];
const vectorOperation = (opcode: number) => operation(0xfd, ...unsigned(opcode));

/** A load from `address + offset`, of any alignment. */
type Load = (address: Code, offset?: number) => Code;
/** A store of `value` to `address + offset`, of any alignment. */
type Store = (address: Code, value: Code, offset?: number) => Code;

const load = (...opcode: number[]): Load => (address, offset = 0) => [...address, ...opcode, 0, ...unsigned(offset)];
const store = (...opcode: number[]): Store => (address, value, offset = 0) => [
  ...[...address, ...value],
  ...[...opcode, 0, ...unsigned(offset)],
];

/** Operations on 32-bit integers. */
export const i32 = {
  const: (value: number): Code => [0x41, ...signed(value | 0)],
  load8: load(0x2d),
  store: store(0x36),
  store8: store(0x3a),
  isZero: operation(0x45),
  isLess: operation(0x49),
  shiftRight: operation(0x76),
  add: operation(0x6a),
  sub: operation(0x6b),
  mul: operation(0x6c),
  and: operation(0x71),
  xor: operation(0x73),
} as const;

/** Operations on 64-bit integers. Constants are signed 32-bit integers. */
export const i64 = {
  const: (value: number): Code => [0x42, ...signed(value | 0)],
  fromI32: operation(0xad),
  load: load(0x29),
  load32: load(0x35),
  store: store(0x37),
  store32: store(0x3e),
  isZero: operation(0x50),
  add: operation(0x7c),
  sub: operation(0x7d),
  mul: operation(0x7e),
  and: operation(0x83),
  or: operation(0x84),
  xor: operation(0x85),
  shiftRight: operation(0x88),
  /** The lower 32 bits. */
  lowHalf: operation(0xa7, 0xad),
} as const;

/** Operations on vectors; arithmetic is that of four 32-bit integers. */
export const v128 = {
  const: (words: readonly number[]): Code => [
    ...[0xfd, 0x0c],
    ...words.flatMap((word) => [word & 0xff, (word >>> 8) & 0xff, (word >>> 16) & 0xff, word >>> 24]),
  ],
  load: load(0xfd, 0x00),
  /** Loads a 32-bit integer into all four lanes. */
  loadSplat: load(0xfd, 0x09),
  store: store(0xfd, 0x0b),
  splat: vectorOperation(0x11),
  or: vectorOperation(0x50),
  xor: vectorOperation(0x51),
  add: vectorOperation(0xae),
  shiftLeft: vectorOperation(0xab),
  shiftRight: vectorOperation(0xad),
  /** Selects bytes of two vectors: 0 to 15 are those of the first, 16 to 31 those of the second. */
  shuffle: (first: Code, second: Code, bytes: readonly number[]): Code => [...first, ...second, 0xfd, 0x0d, ...bytes],
} as const;

/** Calls a function of the same module by its index. */
export function call(index: number, ...operands: Code[]): Code {
  return [...operands.flat(), 0x10, ...unsigned(index)];
}

/** Executes `body` if `condition` is not zero. */
export function when(condition: Code, ...body: Code[]): Code {
  return [...condition, 0x04, 0x40, ...body.flat(), 0x0b];
}

/** Executes `body` while `condition` is not zero. */
export function loopWhile(condition: Code, ...body: Code[]): Code {
  return when(condition, [0x03, 0x40], ...body, condition, [0x0d, 0x00, 0x0b]);
}
