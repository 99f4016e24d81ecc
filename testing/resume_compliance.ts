/**
 * The compliance suite of files that resume ({@link CreateOptions.resume}), for the stores of `file_store_compliance.ts`.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { CreateOptions, WritableFile } from "../transfer/file_store.ts";
import { assertRefused, commit, type MakeStore, pattern, type StoreUnderTest } from "./file_store_compliance.ts";
import { promised, type PromisedStore } from "./promised_store.ts";

/** A store under test, with promises. */
interface Subject extends Omit<StoreUnderTest, "store"> {
  readonly store: PromisedStore;
}

const MODIFIED_US = 1_700_000_000_123_000;
/** A block of the comparison of held bytes. */
const BLOCK = 65_536;
const RESUMED_BYTES = 10 * BLOCK + 1000;

/** Creates a file that resumes. */
function resume(under: Subject, options: Partial<CreateOptions> & { purpose?: string; reusesOld?: boolean } = {}) {
  const { purpose = "peer", reusesOld = false, ...others } = options;
  const file = { sizeBytes: RESUMED_BYTES, modifiedUs: MODIFIED_US, overwrite: false, ...others };
  return under.store.create("a", { ...file, resume: { purpose, reusesOld } });
}

/** What is held of a file, block by block. */
function held(file: WritableFile): Uint8Array {
  const bytes = new Uint8Array(file.heldBytes);
  for (let at = 0; at < bytes.length; at += BLOCK) {
    const block = bytes.subarray(at, at + BLOCK);
    assert.equal(file.readHeld(at, block), block.length);
  }
  assert.equal(file.readHeld(bytes.length, new Uint8Array(BLOCK)), 0);
  return bytes;
}

/** Takes what is held of `wanted`, writes the rest, and commits; returns the number of bytes that were written. */
async function complete(file: WritableFile, wanted: Uint8Array): Promise<number> {
  const offered = held(file);
  let writtenBytes = 0;
  for (let at = 0; at < wanted.length; at += BLOCK) {
    const block = wanted.subarray(at, at + BLOCK);
    if (at + block.length <= offered.length && block.every((byte, index) => byte === offered[at + index])) {
      file.reuse(at, block.length);
    } else {
      file.write(at, block);
      writtenBytes += block.length;
    }
    const back = new Uint8Array(block.length);
    assert.equal(file.read(at, back), back.length);
    assert.deepEqual(back, block);
  }
  assert.equal(await commit(file), "a");
  return writtenBytes;
}

/** Registers the tests of the suite for one kind of store that resumes. */
// deno-lint-ignore sluice/function-length -- a list of checks, each of them short
export function describeResuming(label: string, makeStore: MakeStore): void {
  const check = (what: string, run: (under: Subject) => Promise<void>, keptFiles = 0): void => {
    Deno.test(`${label} ${what}`, async () => {
      const under = await makeStore({ readOnly: false, files: {} });
      try {
        await run({ ...under, store: promised(under.store) });
        assert.equal(under.partialFiles(), keptFiles, "no other partial file may remain");
      } finally {
        under.dispose();
      }
    });
  };

  check("offers what was kept to the next file for the same purpose, and to no other", async (under) => {
    const bytes = pattern(RESUMED_BYTES);
    const first = await resume(under);
    assert.equal(first.heldBytes, 0);
    first.write(0, bytes.subarray(0, 5 * BLOCK));
    assert.equal(first.keep(), true);
    first.keep();
    await assertRefused("io", () => first.write(0, bytes));
    assert.deepEqual(await under.store.list(), []);
    for (const other of [{ purpose: "other" }, { sizeBytes: RESUMED_BYTES + 1 }, { modifiedUs: 1 }]) {
      const file = await resume(under, other);
      assert.equal(file.heldBytes, 0);
      file.abort();
    }
    const second = await resume(under);
    assert.deepEqual(held(second), bytes.slice(0, 5 * BLOCK));
    assert.equal(await complete(second, bytes), RESUMED_BYTES - 5 * BLOCK);
    assert.deepEqual(under.contents("a"), bytes);
  });

  check("keeps nothing that is small, was aborted, or does not resume", async (under) => {
    const small = await resume(under);
    small.write(0, pattern(1000));
    assert.equal(small.keep(), false);
    const aborted = await resume(under);
    aborted.write(0, pattern(5 * BLOCK));
    aborted.abort();
    aborted.keep();
    const plain = await under.store.create("a", { sizeBytes: RESUMED_BYTES, overwrite: false });
    plain.write(0, pattern(5 * BLOCK));
    assert.equal(plain.keep(), false);
    assert.equal(under.partialFiles(), 0);
    const file = await resume(under);
    assert.equal(file.heldBytes, 0);
    file.abort();
  });

  check("keeps a file again, with what was there", async (under) => {
    const bytes = pattern(RESUMED_BYTES);
    for (let blocks = 5; blocks <= 8; blocks++) {
      const file = await resume(under);
      file.write((blocks - 1) * BLOCK, bytes.subarray((blocks - 1) * BLOCK, blocks * BLOCK));
      if (blocks === 5) file.write(0, bytes.subarray(0, 4 * BLOCK));
      file.keep();
      assert.equal(under.partialFiles(), 1);
    }
    const file = await resume(under);
    assert.deepEqual(held(file), bytes.slice(0, 8 * BLOCK));
    file.keep();
  }, 1);

  check("writes over what was kept, zeros as well", async (under) => {
    const first = await resume(under);
    first.write(0, pattern(8 * BLOCK, 7));
    first.keep();
    const bytes = pattern(RESUMED_BYTES);
    bytes.fill(0, 2 * BLOCK, 4 * BLOCK);
    bytes.fill(0, 5 * BLOCK + 100, 5 * BLOCK + 9000);
    bytes.fill(0, 9 * BLOCK);
    assert.equal(await complete(await resume(under), bytes), RESUMED_BYTES);
    assert.deepEqual(under.contents("a"), bytes);
  });

  check("gives what was kept to one of two files at a time", async (under) => {
    const first = await resume(under);
    first.write(0, pattern(8 * BLOCK));
    const second = await resume(under);
    assert.equal(second.heldBytes, 0);
    second.write(0, pattern(8 * BLOCK, 2));
    second.keep();
    first.keep();
    assert.equal(under.partialFiles(), 1);
    const [third, fourth] = await Promise.all([resume(under), resume(under)]);
    assert.deepEqual([third.heldBytes, fourth.heldBytes].sort(), [0, 8 * BLOCK]);
    third.abort();
    fourth.abort();
  });

  check("offers an older version, where it has nothing newer", async (under) => {
    const old = pattern(RESUMED_BYTES - 3000, 3);
    under.put("a", old, MODIFIED_US - 1_000_000);
    const options = { overwrite: true, reusesOld: true };
    const first = await resume(under, options);
    assert.deepEqual(held(first), old);
    const bytes = old.slice();
    bytes.set(pattern(BLOCK, 4), 6 * BLOCK);
    const wanted = new Uint8Array(RESUMED_BYTES);
    wanted.set(bytes);
    first.write(0, wanted.subarray(0, BLOCK));
    first.reuse(BLOCK, 4 * BLOCK);
    first.write(6 * BLOCK, wanted.subarray(6 * BLOCK, 7 * BLOCK));
    first.keep();
    assert.deepEqual(under.contents("a"), old, "the old version stays");
    const second = await resume(under, options);
    assert.deepEqual(held(second), bytes);
    assert.equal(await complete(second, wanted), BLOCK + 1000, "what the old version did not have");
    assert.deepEqual(under.contents("a"), wanted);
  });

  check("offers no older version unless it is asked to, nor one that is missing", async (under) => {
    const missing = await resume(under, { overwrite: true, reusesOld: true });
    assert.equal(missing.heldBytes, 0);
    missing.abort();
    under.put("a", pattern(5 * BLOCK), MODIFIED_US);
    const file = await resume(under, { overwrite: true });
    assert.equal(file.heldBytes, 0);
    file.abort();
  });

  check("does not show what is kept", async (under) => {
    const file = await resume(under);
    file.write(0, pattern(5 * BLOCK));
    file.keep();
    assert.deepEqual(await under.store.list(), []);
    await assertRefused("not-found", () => under.store.open("a"));
    assert.equal(under.contents("a"), undefined);
  }, 1);
}
