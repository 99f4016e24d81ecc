/**
 * An interpreter for WebAssembly modules such as {@link file://../protocol/crypto/chacha20poly1305/wasm_code.ts}
 * assembles, which tracks what depends on secrets. Each byte of memory and each value on the stack is secret or public;
 * the result of an instruction is secret if an operand is. It records where a secret decides what a processor's timing
 * could show: a branch, a memory address, or the distance of a shift.
 *
 * It knows integer additions, subtractions, multiplications, comparisons, shifts and bitwise operations, and throws for
 * every other instruction (division, floating point, tables, indirect calls), so a module that it runs has none.
 *
 * @module
 */

import { invariant } from "../base/invariant.ts";

/** A number of 32 bits, a number of 64 bits, or a vector. */
type Content = number | bigint | Uint8Array;

interface Value {
  readonly content: Content;
  readonly isSecret: boolean;
}

interface FunctionCode {
  readonly parameterCount: number;
  readonly resultCount: number;
  readonly locals: readonly Content[];
  /** The range of its instructions in the module. */
  readonly start: number;
  readonly end: number;
}

/** A structured instruction that is being executed. */
interface Block {
  /** Where its body starts, for loops: a branch goes there. */
  readonly loopStart: number | undefined;
}

const U32 = 0x1_0000_0000;

/** Runs the exported functions of a module on a memory of its own. */
export class TaintInterpreter {
  readonly memory: Uint8Array;
  /** For each byte of the memory, 1 if it is secret. */
  readonly secret: Uint8Array;
  /** What depended on a secret and must not: `branch at 123`, by the offset of the instruction in the module. */
  readonly leaks = new Set<string>();
  /** Instructions executed so far. */
  steps = 0;
  readonly #module: Uint8Array;
  readonly #view: DataView;
  readonly #functions: FunctionCode[] = [];
  readonly #exports = new Map<string, number>();
  /** For each `if` and `loop` that was met, the offset behind its `end`. */
  readonly #ends = new Map<number, number>();
  #at = 0;
  #stack: Value[] = [];

  constructor(module: Uint8Array, memoryBytes: number) {
    this.#module = module;
    this.memory = new Uint8Array(memoryBytes);
    this.secret = new Uint8Array(memoryBytes);
    this.#view = new DataView(this.memory.buffer);
    this.#readModule();
  }

  /** Calls an exported function with public 32-bit arguments; returns its result, if it has one. */
  call(name: string, ...args: number[]): Value | undefined {
    const index = this.#exports.get(name);
    invariant(index !== undefined, "the function is exported");
    this.#stack = args.map((content) => ({ content, isSecret: false }));
    this.#callFunction(index);
    return this.#stack.pop();
  }

  // --- the format (WebAssembly core specification 2.0, section 5.5) ---

  #readModule(): void {
    const types: { parameterCount: number; resultCount: number }[] = [];
    const typeOf: number[] = [];
    this.#at = 8;
    while (this.#at < this.#module.length) {
      const section = this.#byte();
      const end = this.#unsigned() + this.#at;
      if (section === 1) {
        this.#items(() => {
          this.#byte();
          types.push({ parameterCount: this.#skipVector(), resultCount: this.#skipVector() });
        });
      } else if (section === 3) {
        this.#items(() => typeOf.push(this.#unsigned()));
      } else if (section === 7) {
        this.#items(() => {
          const name = new TextDecoder().decode(
            this.#module.subarray(this.#at + 1, this.#at + 1 + this.#module[this.#at]!),
          );
          this.#skipVector();
          this.#byte();
          this.#exports.set(name, this.#unsigned());
        });
      } else if (section === 10) {
        this.#items(() => this.#readFunction(types[typeOf[this.#functions.length]!]!));
      }
      this.#at = end;
    }
  }

  #readFunction(type: { parameterCount: number; resultCount: number }): void {
    const end = this.#unsigned() + this.#at;
    const locals: Content[] = [];
    this.#items(() => {
      const count = this.#unsigned();
      const zero = { 0x7f: 0, 0x7e: 0n, 0x7b: new Uint8Array(16) }[this.#byte()];
      for (let i = 0; i < count; i++) locals.push(zero!);
    });
    this.#functions.push({ ...type, locals, start: this.#at, end });
    this.#at = end;
  }

  #items(read: () => void): void {
    for (let left = this.#unsigned(); left > 0; left--) read();
  }

  #skipVector(): number {
    const length = this.#unsigned();
    this.#at += length;
    return length;
  }

  #byte(): number {
    return this.#module[this.#at++]!;
  }

  #unsigned(): number {
    let value = 0;
    for (let shift = 0;; shift += 7) {
      const byte = this.#byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  }

  #signed(): number {
    let value = 0;
    for (let shift = 0;; shift += 7) {
      const byte = this.#byte();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return shift < 25 && (byte & 0x40) !== 0 ? value | (-1 << (shift + 7)) : value;
    }
  }

  // --- execution (section 4.4) ---

  #callFunction(index: number): void {
    const { end, locals: zeros, parameterCount, resultCount, start } = this.#functions[index]!;
    const back = this.#at;
    const locals = this.#stack.splice(this.#stack.length - parameterCount);
    for (const content of zeros) locals.push({ content, isSecret: false });
    const depth = this.#stack.length;
    const blocks: Block[] = [];
    this.#at = start;
    while (this.#at < end) this.#step(locals, blocks);
    invariant(this.#stack.length === depth + resultCount, "a function leaves its results");
    this.#at = back;
  }

  #step(locals: Value[], blocks: Block[]): void {
    this.steps++;
    const at = this.#at;
    const opcode = this.#byte();
    switch (opcode) {
      case 0x20:
        this.#stack.push(locals[this.#unsigned()]!);
        break;
      case 0x21:
        locals[this.#unsigned()] = this.#pop();
        break;
      case 0x04:
        this.#byte();
        if (this.#condition(at)) blocks.push({ loopStart: undefined });
        else this.#at = this.#endOf(at, this.#at);
        break;
      case 0x03:
        this.#byte();
        blocks.push({ loopStart: this.#at });
        break;
      case 0x0d:
        invariant(this.#unsigned() === 0, "a branch goes to its own loop");
        if (this.#condition(at)) {
          const { loopStart } = blocks.at(-1)!;
          invariant(loopStart !== undefined, "a branch goes to a loop");
          this.#at = loopStart;
        }
        break;
      case 0x0b:
        blocks.pop();
        break;
      case 0x10:
        this.#callFunction(this.#unsigned());
        break;
      default:
        this.#operate(opcode === 0xfd ? 0xfd00 + this.#unsigned() : opcode, at);
    }
  }

  #condition(at: number): boolean {
    const { content, isSecret } = this.#pop();
    if (isSecret) this.leaks.add(`branch at ${at}`);
    return content !== 0;
  }

  /** The offset behind the `end` of the `if` at `at`, whose body starts at `from`: found by walking over the body. */
  #endOf(at: number, from: number): number {
    const known = this.#ends.get(at);
    if (known !== undefined) return known;
    const back = this.#at;
    this.#at = from;
    for (let depth = 1; depth > 0;) {
      const opcode = this.#byte();
      if (opcode === 0x03 || opcode === 0x04) depth++;
      if (opcode === 0x0b) depth--;
      this.#skipImmediates(opcode);
    }
    const end = this.#at;
    this.#at = back;
    this.#ends.set(at, end);
    return end;
  }

  #skipImmediates(opcode: number): void {
    if (opcode === 0x03 || opcode === 0x04) this.#byte();
    else if (opcode === 0x41 || opcode === 0x42) this.#signed();
    else if ([0x0d, 0x10, 0x20, 0x21].includes(opcode)) this.#unsigned();
    else if (opcode >= 0x28 && opcode <= 0x3e) {
      this.#unsigned();
      this.#unsigned();
    } else if (opcode === 0xfd) {
      const vectorOpcode = this.#unsigned();
      if (vectorOpcode === 0x0c || vectorOpcode === 0x0d) this.#at += 16;
      else if (vectorOpcode <= 0x0b) {
        this.#unsigned();
        this.#unsigned();
      }
    }
  }

  #operate(opcode: number, at: number): void {
    if (opcode === 0x41) return this.#push(this.#signed() >>> 0, false);
    if (opcode === 0x42) return this.#push(BigInt.asUintN(64, BigInt(this.#signed())), false);
    if (opcode === 0xfd0c) return this.#push(this.#module.slice(this.#at, this.#at += 16), false);
    const memory = MEMORY[opcode];
    if (memory !== undefined) return this.#access(memory, at);
    const unary = UNARY[opcode];
    if (unary !== undefined) {
      const { content, isSecret } = this.#pop();
      return this.#push(unary(content), isSecret);
    }
    const binary = BINARY[opcode];
    if (binary === undefined) throw new Error(`instruction 0x${opcode.toString(16)} at ${at} is not known`);
    const lanes = opcode === 0xfd0d ? this.#module.subarray(this.#at, this.#at += 16) : undefined;
    const [right, left] = [this.#pop(), this.#pop()];
    if (SHIFTS.has(opcode) && right.isSecret) this.leaks.add(`shift at ${at}`);
    this.#push(binary(left.content, right.content, lanes), left.isSecret || right.isSecret);
  }

  #access({ bytes, load, store }: MemoryOperation, at: number): void {
    this.#unsigned();
    const offset = this.#unsigned();
    const value = store === undefined ? undefined : this.#pop();
    const { content, isSecret } = this.#pop();
    if (isSecret) this.leaks.add(`address at ${at}`);
    const address = (content as number) + offset;
    invariant(address + bytes <= this.memory.length, "an address is in the memory");
    if (load !== undefined) {
      this.#push(load(this.#view, address), this.secret.subarray(address, address + bytes).includes(1));
    } else {
      store!(this.#view, address, value!.content);
      this.secret.fill(value!.isSecret ? 1 : 0, address, address + bytes);
    }
  }

  #push(content: Content, isSecret: boolean): void {
    this.#stack.push({ content, isSecret });
  }

  #pop(): Value {
    const value = this.#stack.pop();
    invariant(value !== undefined, "an instruction has its operands");
    return value;
  }
}

interface MemoryOperation {
  /** Bytes that are read or written. */
  readonly bytes: number;
  readonly load?: (view: DataView, address: number) => Content;
  readonly store?: (view: DataView, address: number, value: Content) => void;
}

const bytesAt = (view: DataView, address: number): Uint8Array => new Uint8Array(view.buffer, address, 16);

/** Loads and stores by their opcodes; those of vectors are 0xfd00 plus their number. */
const MEMORY: Readonly<Record<number, MemoryOperation>> = {
  0x2d: { bytes: 1, load: (view, address) => view.getUint8(address) },
  0x29: { bytes: 8, load: (view, address) => view.getBigUint64(address, true) },
  0x35: { bytes: 4, load: (view, address) => BigInt(view.getUint32(address, true)) },
  0x36: { bytes: 4, store: (view, address, value) => view.setUint32(address, value as number, true) },
  0x3a: { bytes: 1, store: (view, address, value) => view.setUint8(address, value as number) },
  0x37: { bytes: 8, store: (view, address, value) => view.setBigUint64(address, value as bigint, true) },
  0x3e: {
    bytes: 4,
    store: (view, address, value) => view.setUint32(address, Number((value as bigint) % BigInt(U32)), true),
  },
  0xfd00: { bytes: 16, load: (view, address) => bytesAt(view, address).slice() },
  0xfd09: { bytes: 4, load: (view, address) => lanesOf(() => view.getUint32(address, true)) },
  0xfd0b: { bytes: 16, store: (view, address, value) => bytesAt(view, address).set(value as Uint8Array) },
};

/** A vector of four 32-bit integers. */
function lanesOf(lane: (index: number) => number): Uint8Array {
  const vector = new Uint8Array(16);
  const view = new DataView(vector.buffer);
  for (let index = 0; index < 4; index++) view.setUint32(4 * index, lane(index), true);
  return vector;
}

/** The 32-bit integer in a lane of a vector. */
function laneOf(vector: Content, index: number): number {
  const { buffer, byteOffset } = vector as Uint8Array;
  return new DataView(buffer, byteOffset).getUint32(4 * index, true);
}

const UNARY: Readonly<Record<number, (value: Content) => Content>> = {
  0x45: (value) => value === 0 ? 1 : 0,
  0x50: (value) => value === 0n ? 1 : 0,
  0xa7: (value) => Number((value as bigint) % BigInt(U32)),
  0xad: (value) => BigInt(value as number),
  0xfd11: (value) => lanesOf(() => value as number),
};

type Binary = (left: Content, right: Content, lanes?: Uint8Array) => Content;

const on32 = (operate: (left: number, right: number) => number): Binary => (left, right) =>
  operate(left as number, right as number) >>> 0;
const on64 = (operate: (left: bigint, right: bigint) => bigint): Binary => (left, right) =>
  BigInt.asUintN(64, operate(left as bigint, right as bigint));
const onLanes = (operate: (left: number, right: number) => number): Binary => (left, right) =>
  lanesOf((lane) => operate(laneOf(left, lane), typeof right === "number" ? right : laneOf(right, lane)));

const BINARY: Readonly<Record<number, Binary>> = {
  0x49: (left, right) => left < right ? 1 : 0,
  0x6a: on32((left, right) => left + right),
  0x6b: on32((left, right) => left - right),
  0x6c: on32((left, right) => Math.imul(left, right)),
  0x71: on32((left, right) => left & right),
  0x73: on32((left, right) => left ^ right),
  0x76: on32((left, right) => left >>> right),
  0x7c: on64((left, right) => left + right),
  0x7d: on64((left, right) => left - right),
  0x7e: on64((left, right) => left * right),
  0x83: on64((left, right) => left & right),
  0x84: on64((left, right) => left | right),
  0x85: on64((left, right) => left ^ right),
  0x88: on64((left, right) => left >> (right & 63n)),
  0xfd50: onLanes((left, right) => left | right),
  0xfd51: onLanes((left, right) => left ^ right),
  0xfdae: onLanes((left, right) => left + right),
  0xfdab: onLanes((left, right) => left << right),
  0xfdad: onLanes((left, right) => left >>> right),
  0xfd0d: (left, right, lanes) => {
    const both = [...left as Uint8Array, ...right as Uint8Array];
    return Uint8Array.from(lanes!, (lane) => both[lane]!);
  },
};

/** The operations of {@link BINARY} whose right operand is a distance. */
const SHIFTS: ReadonlySet<number> = new Set([0x76, 0x88, 0xfdab, 0xfdad]);
