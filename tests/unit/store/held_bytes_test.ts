import assert from "node:assert/strict";
import { InvariantError } from "../../../base/invariant.ts";
import { HeldBytes } from "../../../store/held_bytes.ts";
import { type ReadableFile, StoreError } from "../../../transfer/file_store.ts";
import { assertRefused, pattern } from "../../../testing/file_store_compliance.ts";

const BLOCK = 100;

/** A file of these bytes; `fails` makes each read an error. */
function older(bytes: Uint8Array, state: { fails?: boolean; isClosed?: boolean; cutAt?: number } = {}): ReadableFile {
  return {
    info: { name: "a", kind: "file", sizeBytes: bytes.length },
    read: (offset, into) => read(bytes.subarray(0, state.cutAt), { offset, into, fails: state.fails }),
    hasChanged: () => false,
    close: () => {
      state.isClosed = true;
    },
  };
}

function read(bytes: Uint8Array, options: { offset: number; into: Uint8Array; fails?: boolean | undefined }): number {
  const { offset, into, fails = false } = options;
  into.fill(255, 0, 10);
  if (fails) throw new StoreError("io", "a bad block");
  const part = bytes.subarray(offset, offset + into.length);
  into.set(part);
  return part.length;
}

interface Scene {
  readonly partial?: Uint8Array;
  readonly old?: ReadableFile;
  readonly sizeBytes?: number;
  readonly fails?: boolean;
}

function held({ partial = new Uint8Array(0), old, sizeBytes = 1000, fails }: Scene): HeldBytes {
  const readPartial = (offset: number, into: Uint8Array) => read(partial, { offset, into, fails });
  return new HeldBytes({ sizeBytes, foundBytes: partial.length, readPartial, older: old });
}

function block(bytes: HeldBytes, index: number): Uint8Array {
  const into = new Uint8Array(BLOCK).fill(77);
  return into.subarray(0, bytes.read(index * BLOCK, into));
}

function copied(bytes: HeldBytes, offset: number, length: number): [number, number[]][] {
  const pieces: [number, number[]][] = [];
  bytes.copyOlder(offset, length, (at, piece) => pieces.push([at, [...piece]]));
  return pieces;
}

Deno.test("HeldBytes.sizeBytes is that of the larger source, up to that of the file", () => {
  assert.equal(held({}).sizeBytes, 0);
  assert.equal(held({ partial: pattern(250) }).sizeBytes, 250);
  assert.equal(held({ partial: pattern(250), old: older(pattern(300)) }).sizeBytes, 300);
  assert.equal(held({ partial: pattern(250), old: older(pattern(30)) }).sizeBytes, 250);
  assert.equal(held({ partial: pattern(250), sizeBytes: 120 }).sizeBytes, 120);
});

Deno.test("HeldBytes.read takes each block from the partial file, or if that has zeros from the older version", () => {
  const partial = new Uint8Array(250);
  partial.set(pattern(BLOCK, 1), 0);
  partial.set(pattern(50, 1), 200);
  const old = pattern(320, 2);
  const bytes = held({ partial, old: older(old) });
  assert.deepEqual(block(bytes, 0), pattern(BLOCK, 1));
  assert.deepEqual(block(bytes, 1), old.slice(100, 200));
  const mixed = new Uint8Array(BLOCK);
  mixed.set(pattern(50, 1));
  assert.deepEqual(block(bytes, 2), mixed, "of a block that it has in part, the rest is zeros");
  assert.deepEqual(block(bytes, 3), old.slice(300));
  assert.equal(block(bytes, 4).length, 0);
  assert.deepEqual(copied(bytes, 0, 320), [[100, [...old.slice(100, 200)]], [300, [...old.slice(300)]]]);
  assert.deepEqual(copied(bytes, 0, 150), [[100, [...old.slice(100, 150)]]]);
  assert.deepEqual(copied(bytes, 0, 100), []);
  assert.throws(() => copied(bytes, 0, 321), InvariantError);
});

Deno.test("HeldBytes.read offers zeros for what cannot be read", () => {
  const zeros = new Uint8Array(BLOCK);
  assert.deepEqual(block(held({ partial: pattern(250), fails: true }), 1), zeros);
  const bytes = held({ old: older(pattern(250), { fails: true }) });
  assert.deepEqual(block(bytes, 1), zeros);
  assert.deepEqual(copied(bytes, 0, 250), [], "nothing was offered from there");
});

Deno.test("HeldBytes.read offers the older version where the partial file cannot be read", () => {
  const bytes = held({ partial: pattern(250), fails: true, old: older(pattern(250, 2)) });
  assert.deepEqual(block(bytes, 0), pattern(BLOCK, 2));
  assert.equal(copied(bytes, 0, BLOCK).length, 1);
});

Deno.test("HeldBytes.copyOlder fails if the older version was cut since it was offered", async () => {
  const state: { cutAt?: number } = {};
  const bytes = held({ old: older(pattern(300), state) });
  for (let index = 0; index < 3; index++) block(bytes, index);
  state.cutAt = 150;
  await assertRefused("changed", () => copied(bytes, 0, 300));
});

Deno.test("HeldBytes.copyOlder copies a large range in pieces", () => {
  const old = pattern(300_000);
  const bytes = held({ old: older(old), sizeBytes: 300_000 });
  assert.equal(bytes.read(0, new Uint8Array(300_000)), 300_000);
  const back = new Uint8Array(300_000);
  let largest = 0;
  bytes.copyOlder(0, 300_000, (at, piece) => {
    back.set(piece, at);
    largest = Math.max(largest, piece.length);
  });
  assert.deepEqual(back, old);
  assert.equal(largest, 65_536);
});

Deno.test("HeldBytes.close closes the older version", () => {
  const state: { isClosed?: boolean } = {};
  held({ old: older(pattern(1), state) }).close();
  assert.equal(state.isClosed, true);
  held({}).close();
});
