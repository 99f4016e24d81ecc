/**
 * Reading and writing bytes at a moving position: integers big-endian, varints as in RFC 9000, section 16.
 *
 * Hot: one writer and one reader serve all packets, and no method allocates, but for a copy of part of a long array,
 * which needs a view. Numbers stay safe integers: an 8-byte varint is two 32-bit halves, put together and taken apart
 * by arithmetic, because a shift would cut it to 32 bits.
 *
 * @module
 */

import { invariant } from "./invariant.ts";

/** The largest value a varint may carry here: 2^53-1. RFC 9000 allows 2^62-1; what passes 2^53-1 is malformed. */
export const MAX_VARINT = Number.MAX_SAFE_INTEGER;

const TWO_32 = 0x1_0000_0000;
/** The upper half of 2^53-1. */
const MAX_HIGH_HALF = 0x1f_ffff;
/** Up to here a loop copies faster than making a view does. */
const LOOP_COPY_BYTES = 32;

/** Shared, since making an array takes longer than making a reader. */
const NO_BYTES = new Uint8Array(0);

/** Bytes that `value` takes as a varint: 1, 2, 4 or 8 (RFC 9000, section 16, table 4). */
export function varintSize(value: number): number {
  if (value < 0x40) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x4000_0000) return 4;
  return 8;
}

/**
 * Writes at a moving position. Its caller knows the sizes: writing past the end of the buffer, or a value that its
 * field cannot hold, is a broken invariant.
 */
export class Writer {
  /** What is written to. */
  buffer: Uint8Array = NO_BYTES;
  /** Where the next byte goes. */
  position = 0;
  #end = 0;

  /** Starts over on `buffer`, writing from `start` to before `end`. */
  reset(buffer: Uint8Array, start = 0, end: number = buffer.length): this {
    invariant(start >= 0 && start <= end && end <= buffer.length, "a writer's bounds lie inside its buffer");
    this.buffer = buffer;
    this.position = start;
    this.#end = end;
    return this;
  }

  /** Bytes that still fit. */
  get remaining(): number {
    return this.#end - this.position;
  }

  /** One byte. */
  u8(value: number): void {
    invariant(value >= 0 && value <= 0xff, "a byte is 0 to 255");
    this.buffer[this.#advance(1)] = value;
  }

  /** Four bytes. */
  u32(value: number): void {
    invariant(value >= 0 && value < TWO_32, "a u32 is 0 to 2^32-1");
    this.#half(this.#advance(4), value);
  }

  /** A varint in its shortest form. */
  varint(value: number): void {
    this.varintAs(value, varintSize(value));
  }

  /** A varint of exactly `size` bytes, 1, 2, 4 or 8: for a length that is patched once it is known. */
  varintAs(value: number, size: number): void {
    invariant(Number.isSafeInteger(value) && value >= 0, "a varint is a safe integer, not negative");
    invariant(varintSize(value) <= size, "a varint fits its width");
    const at = this.#advance(size);
    const buffer = this.buffer;
    switch (size) {
      case 1:
        buffer[at] = value;
        return;
      case 2:
        buffer[at] = 0x40 | (value >> 8);
        buffer[at + 1] = value;
        return;
      case 4:
        this.#half(at, value);
        buffer[at] = 0x80 | (value >> 24);
        return;
      case 8: {
        const high = Math.floor(value / TWO_32);
        this.#half(at, high);
        buffer[at] = 0xc0 | (high >> 24);
        this.#half(at + 4, value - high * TWO_32);
        return;
      }
      default:
        invariant(false, "a varint is 1, 2, 4 or 8 bytes wide");
    }
  }

  /** The bytes of `source` from `start` to before `end`. */
  bytes(source: Uint8Array, start = 0, end: number = source.length): void {
    const length = end - start;
    invariant(start >= 0 && length >= 0 && end <= source.length, "the bytes to copy lie inside their source");
    const at = this.#advance(length);
    if (length <= LOOP_COPY_BYTES) {
      for (let i = 0; i < length; i++) this.buffer[at + i] = source[start + i]!;
    } else if (length === source.length) {
      this.buffer.set(source, at);
    } else {
      this.buffer.set(source.subarray(start, end), at);
    }
  }

  /** A 32-bit half at `at`: storing into a byte array keeps the low 8 bits of the whole part. */
  #half(at: number, value: number): void {
    const buffer = this.buffer;
    buffer[at] = value / 0x100_0000;
    buffer[at + 1] = value / 0x1_0000;
    buffer[at + 2] = value / 0x100;
    buffer[at + 3] = value;
  }

  #advance(count: number): number {
    const at = this.position;
    invariant(count <= this.#end - at, "what is written fits the buffer");
    this.position = at + count;
    return at;
  }
}

/**
 * Reads at a moving position bytes that nobody vouches for. Past the end, or at a varint above {@link MAX_VARINT}, a
 * read returns 0 and sets {@link Reader.failed}, which stays set; nothing throws. A failed reader stands at its end.
 */
export class Reader {
  /** What is read from. */
  buffer: Uint8Array = NO_BYTES;
  /** Where the next byte is read. */
  position = 0;
  /** Where reading ends: the offset after the last byte. */
  end = 0;
  /** A read went wrong since the last reset; what was read since is not to be used. */
  failed = false;

  /** Starts over on `buffer`, reading from `start` to before `end`. */
  reset(buffer: Uint8Array, start = 0, end: number = buffer.length): this {
    invariant(start >= 0 && start <= end && end <= buffer.length, "a reader's bounds lie inside its buffer");
    this.buffer = buffer;
    this.position = start;
    this.end = end;
    this.failed = false;
    return this;
  }

  /** Bytes left to read. */
  get remaining(): number {
    return this.end - this.position;
  }

  /** One byte. */
  u8(): number {
    const at = this.position;
    if (at >= this.end) return this.#fail();
    this.position = at + 1;
    return this.buffer[at]!;
  }

  /** Four bytes. */
  u32(): number {
    const at = this.position;
    if (this.end - at < 4) return this.#fail();
    this.position = at + 4;
    return this.#half(at);
  }

  /** A varint, of any of its widths (RFC 9000, section 16: other than frame types it need not be the shortest). */
  varint(): number {
    const at = this.position;
    if (at >= this.end) return this.#fail();
    const buffer = this.buffer;
    const first = buffer[at]!;
    if (first < 0x40) {
      this.position = at + 1;
      return first;
    }
    const size = 1 << (first >> 6);
    if (this.end - at < size) return this.#fail();
    this.position = at + size;
    if (size === 2) return ((first & 0x3f) << 8) | buffer[at + 1]!;
    const high = ((first & 0x3f) << 24) | (buffer[at + 1]! << 16) | (buffer[at + 2]! << 8) | buffer[at + 3]!;
    if (size === 4) return high;
    if (high > MAX_HIGH_HALF) return this.#fail();
    return high * TWO_32 + this.#half(at + 4);
  }

  /** Passes over `count` bytes. */
  skip(count: number): void {
    if (count > this.end - this.position) this.#fail();
    else this.position += count;
  }

  #half(at: number): number {
    const buffer = this.buffer;
    return buffer[at]! * 0x100_0000 + ((buffer[at + 1]! << 16) | (buffer[at + 2]! << 8) | buffer[at + 3]!);
  }

  #fail(): number {
    this.failed = true;
    this.position = this.end;
    return 0;
  }
}
