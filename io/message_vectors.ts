/**
 * What `sendmsg(2)` and `recvmmsg(2)` of Linux read and write: the headers of messages, and what these point to. Their
 * layout is that of all 64-bit processors with little-endian words; musl declares two of the lengths with 32 bits and
 * padding, which are the same bytes.
 *
 * Goal: every pointer is made here, into buffers that live as long as the object that they belong to, or, for what is
 * sent, as long as the call. Hot: allocates nothing per datagram.
 *
 * @module
 */

import { allocateAeadBuffer, releaseAeadBuffer } from "../protocol/mod.ts";
import type { LibC } from "./libc.ts";
import { SOCKADDR_IN6_BYTES } from "./socket_address.ts";

const SOL_UDP = 17;
const UDP_SEGMENT = 103;
const UDP_GRO = 104;

/** What was cut off: of the datagram, of the control data. */
const MSG_TRUNC = 0x20;
const MSG_CTRUNC = 0x8;

/** `msghdr`: name 0, namelen 8, iov 16, iovlen 24, control 32, controllen 40, flags 48. `mmsghdr`: the same, length 56. */
const HEADER_BYTES = 64;
/** `iovec`: base 0, length 8. */
const IOVEC_BYTES = 16;
/** A sockaddr, and four bytes more, so that what follows is aligned. */
const NAME_BYTES = 32;
/** `cmsghdr`: len 0 (of 64 bits), level 8, type 12, then the data, to a multiple of 8. */
const CMSG_HEADER_BYTES = 16;
/** Room for control data: one item of four bytes is expected, and takes 24. */
const CONTROL_BYTES = 64;
const SEGMENT_CONTROL_BYTES = 24;
const SEGMENT_CMSG_BYTES = 18;

/** The largest datagram, and as much as the kernel coalesces. */
const SLOT_BYTES = 65_536;

/** How many messages one call receives. */
export const VECTOR_LENGTH = 16;

/** What receives the datagrams of a vector: the bytes, and the structure of the sender's address. */
export type VectorReader = (bytes: Uint8Array, name: Uint32Array) => void;

/** Views of one slot, kept while its datagrams have one length. */
interface SlotViews {
  length: number;
  readonly views: Uint8Array[];
}

/** Sixteen messages to be received, which the kernel may write while {@link ReceiveVector.read} is not running. */
export class ReceiveVector {
  /** For `recvmmsg`. */
  readonly headers: Uint32Array<ArrayBuffer>;
  readonly #names: readonly Uint32Array[];
  readonly #controls: readonly Int32Array[];
  readonly #slots: Uint8Array;
  readonly #views: readonly SlotViews[];

  constructor(libc: LibC) {
    const iovecsAt = VECTOR_LENGTH * HEADER_BYTES;
    const namesAt = iovecsAt + VECTOR_LENGTH * IOVEC_BYTES;
    const controlsAt = namesAt + VECTOR_LENGTH * NAME_BYTES;
    const memory = new ArrayBuffer(controlsAt + VECTOR_LENGTH * CONTROL_BYTES);
    this.headers = new Uint32Array(memory, 0, VECTOR_LENGTH * HEADER_BYTES / 4);
    this.#slots = allocateAeadBuffer(VECTOR_LENGTH * SLOT_BYTES);
    const [base, slotsBase] = [libc.addressOf(new Uint8Array(memory)), libc.addressOf(this.#slots)];
    const words = new BigUint64Array(memory);
    const all = Array.from({ length: VECTOR_LENGTH }, (_, index) => index);
    for (const index of all) {
      const header = index * HEADER_BYTES / 8;
      const iovec = iovecsAt + index * IOVEC_BYTES;
      words[header] = base + BigInt(namesAt + index * NAME_BYTES);
      words[header + 2] = base + BigInt(iovec);
      words[header + 3] = 1n;
      words[header + 4] = base + BigInt(controlsAt + index * CONTROL_BYTES);
      words[iovec / 8] = slotsBase + BigInt(index * SLOT_BYTES);
      words[iovec / 8 + 1] = BigInt(SLOT_BYTES);
      this.#reset(index);
    }
    this.#names = all.map((index) => new Uint32Array(memory, namesAt + index * NAME_BYTES, SOCKADDR_IN6_BYTES / 4));
    this.#controls = all.map((index) => new Int32Array(memory, controlsAt + index * CONTROL_BYTES, CONTROL_BYTES / 4));
    this.#views = all.map(() => ({ length: 0, views: [] }));
  }

  /** Passes on the datagrams of the first `count` messages; a message of which something was cut off is lost. */
  read(count: number, reader: VectorReader): void {
    for (let index = 0; index < count; index++) {
      const header = index * HEADER_BYTES / 4;
      const length = this.headers[header + 14]!;
      const isCut = (this.headers[header + 12]! & (MSG_TRUNC | MSG_CTRUNC)) !== 0;
      const segmentBytes = this.#segmentBytes(index, this.headers[header + 10]!) || length;
      this.#reset(index);
      if (isCut) continue;
      const name = this.#names[index]!;
      let at = 0;
      do {
        reader(this.#view(index, at, Math.min(segmentBytes, length - at)), name);
        at += segmentBytes;
      } while (at < length);
    }
  }

  /** Gives the buffers back, once the kernel does not write them any more. */
  release(): void {
    releaseAeadBuffer(this.#slots);
  }

  /** The length of the datagrams of which the kernel made one message; 0 if it did not. */
  #segmentBytes(index: number, controlBytes: number): number {
    const control = this.#controls[index]!;
    let at = 0;
    while (at + CMSG_HEADER_BYTES < controlBytes) {
      const word = at / 4;
      if (control[word + 2] === SOL_UDP && control[word + 3] === UDP_GRO) return control[word + 4]!;
      at += Math.max(CMSG_HEADER_BYTES, control[word]! + 7 & ~7);
    }
    return 0;
  }

  /** The kernel has overwritten both lengths. */
  #reset(index: number): void {
    const header = index * HEADER_BYTES / 4;
    this.headers[header + 2] = SOCKADDR_IN6_BYTES;
    this.headers[header + 10] = CONTROL_BYTES;
  }

  #view(index: number, at: number, length: number): Uint8Array {
    const start = index * SLOT_BYTES + at;
    const kept = this.#views[index]!;
    if (at === 0 && kept.length !== length) {
      kept.length = length;
      kept.views.length = 0;
    } else if (kept.length !== length) {
      return this.#slots.subarray(start, start + length);
    }
    return kept.views[at / Math.max(1, length)] ??= this.#slots.subarray(start, start + length);
  }
}

/** Datagrams of this length and less are copied: small arrays may be moved by the garbage collector. */
const COPIED_BYTES = 1024;

/** A message to be sent. */
export class SendMessage {
  /** For `sendmsg`. */
  readonly header: Uint32Array<ArrayBuffer>;
  readonly #libc: LibC;
  readonly #words: BigUint64Array;
  readonly #iovec: number;
  /** The lower half of the iovec's length; the upper one stays 0. */
  readonly #length: Uint32Array;
  readonly #name: Uint8Array;
  readonly #segment: Uint16Array;
  readonly #copy: Uint8Array;
  readonly #copyAddress: bigint;
  #target: Uint8Array | undefined;

  constructor(libc: LibC) {
    const iovecAt = HEADER_BYTES;
    const nameAt = iovecAt + IOVEC_BYTES;
    const controlAt = nameAt + NAME_BYTES;
    const copyAt = controlAt + SEGMENT_CONTROL_BYTES;
    const memory = new ArrayBuffer(copyAt + COPIED_BYTES);
    const base = libc.addressOf(new Uint8Array(memory));
    this.#libc = libc;
    this.header = new Uint32Array(memory, 0, HEADER_BYTES / 4);
    this.#words = new BigUint64Array(memory);
    this.#iovec = iovecAt / 8;
    this.#length = new Uint32Array(memory, iovecAt + 8, 1);
    this.#name = new Uint8Array(memory, nameAt, NAME_BYTES);
    this.#copy = new Uint8Array(memory, copyAt, COPIED_BYTES);
    this.#copyAddress = base + BigInt(copyAt);
    this.#words[0] = base + BigInt(nameAt);
    this.#words[2] = base + BigInt(iovecAt);
    this.#words[3] = 1n;
    this.#words[4] = base + BigInt(controlAt);
    this.#words[controlAt / 8] = BigInt(SEGMENT_CMSG_BYTES);
    const control = new Uint32Array(memory, controlAt, SEGMENT_CONTROL_BYTES / 4);
    control[2] = SOL_UDP;
    control[3] = UDP_SEGMENT;
    this.#segment = new Uint16Array(memory, controlAt + CMSG_HEADER_BYTES, 1);
  }

  /**
   * Makes it a message to `target`, a sockaddr that does not change. `segmentBytes` is the length of the datagrams into which
   * the kernel cuts it, 0 for one datagram. The bytes must not move before it was sent.
   */
  set(bytes: Uint8Array, segmentBytes: number, target: Uint8Array): void {
    if (target !== this.#target) {
      this.#target = target;
      this.#name.set(target);
      this.header[2] = target.length;
    }
    const isCopied = bytes.length <= COPIED_BYTES;
    if (isCopied) this.#copy.set(bytes);
    this.#words[this.#iovec] = isCopied ? this.#copyAddress : this.#libc.addressOf(bytes);
    this.#length[0] = bytes.length;
    this.header[10] = segmentBytes === 0 ? 0 : SEGMENT_CONTROL_BYTES;
    this.#segment[0] = segmentBytes;
  }
}
