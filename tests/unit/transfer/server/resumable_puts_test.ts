import assert from "node:assert/strict";
import fc from "fast-check";
import type { PutMessage } from "../../../../transfer/messages.ts";
import { type ResumablePut, ResumablePuts } from "../../../../transfer/server/resumable_puts.ts";

const FILE: PutMessage = { type: "put", name: "file", sizeBytes: 5, modifiedUs: 1, overwrite: false };

/** An upload that counts how often it is taken over. */
class CountingPut implements ResumablePut {
  count = 0;
  readonly #onTakenOver: () => void;

  constructor(onTakenOver: () => void = () => {}) {
    this.#onTakenOver = onTakenOver;
  }

  onTakenOver(): void {
    this.count++;
    this.#onTakenOver();
  }
}

Deno.test("ResumablePuts ends the upload of the same file by the same client on another connection, and no other", () => {
  const others: [what: string, purpose: string, request: PutMessage][] = [
    ["another client", "key 2", FILE],
    ["another name", "key 1", { ...FILE, name: "other" }],
    ["another size", "key 1", { ...FILE, sizeBytes: 6 }],
    ["another time", "key 1", { ...FILE, modifiedUs: 2 }],
    ["no time", "key 1", { type: "put", name: "file", sizeBytes: 5, overwrite: false }],
    ["a name that runs into the size", "key 1", { ...FILE, name: 'file",5' }],
  ];
  const puts = new ResumablePuts();
  const put = new CountingPut();
  const [first, second] = [{}, {}];
  puts.begin("key 1", FILE, { put, owner: first });
  for (const [what, purpose, request] of others) {
    puts.takeOver(purpose, request, second);
    assert.equal(put.count, 0, what);
  }
  puts.takeOver("key 1", FILE, first);
  assert.equal(put.count, 0, "the same connection");
  puts.takeOver("key 1", { ...FILE, overwrite: true, mode: 0o600 }, second);
  assert.equal(put.count, 1);
});

Deno.test("ResumablePuts ends at most the newest upload, and none that has ended", () => {
  const files = fc.nat({ max: 2 });
  const owners = fc.nat({ max: 2 });
  const actions = fc.array(fc.record({ ends: fc.boolean(), file: files, owner: owners, which: fc.nat() }));
  fc.assert(
    fc.property(actions, (steps) => {
      const puts = new ResumablePuts();
      const request = (file: number): PutMessage => ({ ...FILE, name: `${file}` });
      const all: CountingPut[] = [];
      /** The newest of each file. */
      const newest = new Map<number, { put: CountingPut; owner: number }>();
      const forget = (put: CountingPut): void => {
        for (const [file, entry] of newest) if (entry.put === put) newest.delete(file);
      };
      for (const { ends, file, owner, which } of steps) {
        if (ends && all.length > 0) {
          const put = all[which % all.length]!;
          puts.end(put);
          forget(put);
          continue;
        }
        const before = newest.get(file);
        const expected = all.map((put) => put.count + (put === before?.put && before.owner !== owner ? 1 : 0));
        puts.takeOver("key", request(file), owner);
        assert.deepEqual(all.map(({ count }) => count), expected);
        // As a session does: what is taken over ends.
        const put = new CountingPut(() => {
          puts.end(put);
          forget(put);
        });
        all.push(put);
        puts.begin("key", request(file), { put, owner });
        newest.set(file, { put, owner });
      }
    }),
  );
});
