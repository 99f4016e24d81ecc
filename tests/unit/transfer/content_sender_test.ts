import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { RangeSet } from "../../../base/range_set.ts";
import { Random } from "../../../base/random.ts";
import { LOST, type Rule } from "../../../testing/connection_pair.ts";
import { TransferPair } from "../../../testing/transfer_pair.ts";
import { HAS_ZSTD } from "../../../transfer/compression.ts";
import { MemoryStore } from "../../../testing/memory_store.ts";
import { atOnce } from "../../../testing/promised_store.ts";
import { RecordingStream } from "../../../testing/recording_stream.ts";
import { ContentSender } from "../../../transfer/content_sender.ts";
import { MAX_BLOCKS, type Message, MIN_BLOCK_BYTES, SHA256_BYTES } from "../../../transfer/messages.ts";
import type { Right } from "../../../transfer/rights.ts";

const MIB = 1024 * 1024;
const KINDS = ["put", "get"] as const;

/** The stores that a file leaves, and reaches. */
function endsOf(pair: TransferPair, kind: "put" | "get"): { source: MemoryStore; target: MemoryStore } {
  return kind === "put" ? { source: pair.client, target: pair.server } : { source: pair.server, target: pair.client };
}

/** A copy in which some stretches are other bytes. */
function changed(bytes: Uint8Array, { random, stretches }: { random: Random; stretches: number }): Uint8Array {
  const copy = bytes.slice();
  for (let count = 0; count < stretches; count++) {
    const at = random.integer(0, copy.length - 1);
    copy.set(random.bytes(Math.min(random.integer(1, 100_000), copy.length - at)), at);
  }
  return copy;
}

Deno.test("ContentSender sends a file to a receiver that holds nothing as one that does not resume", () => {
  for (const kind of KINDS) {
    for (const sizeBytes of [0, 1, MIB - 1, MIB, MIB + 1, 3 * MIB + 77]) {
      const pair = new TransferPair();
      const { source, target } = endsOf(pair, kind);
      const bytes = new Random(sizeBytes).bytes(sizeBytes);
      source.put("file", bytes);
      const { outcome, sentBytes } = pair.attempt({ kind, name: "file" });
      assert(outcome.kind === "done");
      assert.equal(outcome.file.reusedBytes, 0);
      assert.deepEqual(target.contents("file"), bytes);
      assert(sentBytes < 1.06 * sizeBytes + 10_000, `${sentBytes} bytes were sent for ${sizeBytes}`);
    }
  }
});

Deno.test("ContentSender sends what the receiver lacks, however often it is interrupted", () => {
  const seeds = fc.integer({ min: 0, max: 0xffff_ffff });
  const kinds = fc.constantFrom(...KINDS);
  const sizes = fc.integer({ min: MIB, max: 6 * MIB });
  fc.assert(
    fc.property(seeds, kinds, sizes, (seed, kind, sizeBytes) => {
      const random = new Random(seed);
      const pair = new TransferPair();
      const { source, target } = endsOf(pair, kind);
      const bytes = random.bytes(sizeBytes);
      source.put("file", bytes, { modifiedUs: 1 });
      const overwrite = random.chance(0.5);
      if (overwrite) {
        const older = changed(bytes, { random, stretches: random.integer(0, 10) });
        const end = random.pick([older.length, random.integer(1, older.length)]);
        const longer = random.bytes(random.pick([0, 100_000]));
        target.put("file", Uint8Array.from([...older.subarray(0, end), ...longer]));
      }
      const loss = random.pick([0, 0, 0.02]);
      const rule: Rule = () => random.chance(loss) ? LOST : undefined;
      for (let attempt = 0;; attempt++) {
        const cut = attempt < 6 ? { cutAfterBytes: random.integer(1_000, sizeBytes) } : {};
        const { outcome } = pair.attempt({ kind, name: "file", overwrite, rule, ...cut });
        if (outcome.kind === "done") break;
        assert(attempt < 6, JSON.stringify(outcome));
      }
      assert.deepEqual(target.contents("file"), bytes);
      assert.equal(target.keptFiles, 0);
    }),
    { numRuns: 12, seed: 3 },
  );
});

Deno.test("ContentSender does not send again what arrived before an interruption", () => {
  for (const kind of KINDS) {
    const pair = new TransferPair();
    const { source, target } = endsOf(pair, kind);
    const bytes = new Random(5).bytes(12 * MIB);
    source.put("file", bytes, { modifiedUs: 1 });
    let sentBytes = 0;
    let reusedBytes = 0;
    for (const cut of [{ cutAfterBytes: 4 * MIB }, { cutAfterBytes: 3 * MIB }, {}]) {
      const result = pair.attempt({ kind, name: "file", ...cut });
      sentBytes += result.sentBytes;
      assert.equal(result.outcome.kind, "cutAfterBytes" in cut ? "failed" : "done");
      if (result.outcome.kind === "done") reusedBytes = result.outcome.file.reusedBytes;
    }
    assert.deepEqual(target.contents("file"), bytes);
    assert(reusedBytes > 2 * MIB, `${reusedBytes} bytes were reused`);
    // With each attempt the first part, and what was under way when the connection was cut.
    assert(sentBytes < 1.06 * bytes.length + 4 * MIB, `${sentBytes} bytes were sent`);
  }
});

Deno.test("ServerSession and ClientSession begin again without a report where there is something to resume", () => {
  const expected = { put: ["receiving", "received"], get: ["sending", "sending", "sent"] };
  for (const kind of KINDS) {
    const pair = new TransferPair();
    const { source } = endsOf(pair, kind);
    source.put("file", new Random(5).bytes(4 * MIB), { modifiedUs: 1 });
    pair.attempt({ kind, name: "file", cutAfterBytes: 2 * MIB });
    const { outcome, events } = pair.attempt({ kind, name: "file" });
    assert(outcome.kind === "done");
    assert(outcome.file.reusedBytes > MIB, `${outcome.file.reusedBytes} bytes were reused`);
    assert.deepEqual(events.map((event) => event.kind), expected[kind]);
  }
});

/** What a receiver says of the blocks of a file, of which it has some, and how much it says that it holds. */
function accountOf(bytes: Uint8Array, { random, heldBytes }: { random: Random; heldBytes: number }) {
  const same = new Set<number>();
  const hashes: Uint8Array[] = [];
  for (let block = 0; block * MIN_BLOCK_BYTES < heldBytes; block++) {
    const end = Math.min((block + 1) * MIN_BLOCK_BYTES, heldBytes);
    const part = bytes.subarray(block * MIN_BLOCK_BYTES, end);
    const isRight = random.chance(0.6) && end <= bytes.length;
    if (isRight) same.add(block);
    hashes.push(isRight ? new Uint8Array(createHash("sha256").update(part).digest()) : random.bytes(SHA256_BYTES));
  }
  return { same, hashes };
}

Deno.test("ContentSender sends each byte once, or says that it is the same where the hash that it was told is", () => {
  const sizes = fc.integer({ min: MIB, max: 2 * MIB });
  const held = fc.oneof(fc.integer({ min: 0, max: 3 * MIB }), fc.constantFrom(0, MIB, MIN_BLOCK_BYTES * MAX_BLOCKS));
  fc.assert(
    fc.property(fc.nat(), sizes, held, (seed, sizeBytes, claimedBytes) => {
      const random = new Random(seed);
      const store = new MemoryStore();
      const bytes = random.bytes(sizeBytes);
      store.put("file", bytes);
      const stream = new RecordingStream();
      const sender = new ContentSender(atOnce((done) => store.open("file", done)));
      const first: Message = { type: "put", name: "file", sizeBytes, overwrite: true, resumable: true };
      sender.start(stream, first, { waitsForHave: true, compresses: false });
      // More than the file has is never told by an honest receiver, and must do no harm.
      const { same, hashes } = accountOf(bytes, { random, heldBytes: Math.min(claimedBytes, 4 * MIB) });
      assert(sender.take({ type: "have", blockBytes: MIN_BLOCK_BYTES, heldBytes: claimedBytes }));
      while (!stream.isFinished) {
        if (sender.wantsMessage && hashes.length > 0) {
          const told = hashes.splice(0, random.integer(1, 20));
          const joined = new Uint8Array(told.length * SHA256_BYTES);
          told.forEach((hash, index) => joined.set(hash, index * SHA256_BYTES));
          assert(sender.take({ type: "hashes", hashes: joined }));
        }
        if (!sender.hasWork) continue;
        sender.work();
      }
      sender.close();
      const received = new Uint8Array(sizeBytes);
      const accounted = new RangeSet();
      for (const { message, bytes: content } of stream.sent) {
        if (message.type !== "data" && message.type !== "same") continue;
        let done = 0;
        for (const { offset, length } of message.ranges) {
          assert.equal(accounted.add(offset, offset + length), length, "a byte is sent twice");
          if (message.type === "data") {
            received.set(content.subarray(done, done + length), offset);
            done += length;
            continue;
          }
          for (let at = offset; at < offset + length; at += MIN_BLOCK_BYTES) assert(same.has(at / MIN_BLOCK_BYTES));
          received.set(bytes.subarray(offset, offset + length), offset);
        }
      }
      assert(accounted.containsRange(0, sizeBytes));
      assert.deepEqual(received, bytes);
      const last = stream.sent.at(-1)!.message;
      assert(last.type === "digest");
      assert.equal(last.sha256.toHex(), createHash("sha256").update(bytes).digest("hex"));
    }),
    { numRuns: 40, seed: 6 },
  );
});

Deno.test("ContentSender refuses HAVE twice, HASHES before it, and more of them than there are blocks", () => {
  const have: Message = { type: "have", blockBytes: MIN_BLOCK_BYTES, heldBytes: 3 * MIN_BLOCK_BYTES };
  const hashes = (count: number): Message => ({ type: "hashes", hashes: new Uint8Array(count * SHA256_BYTES) });
  const cases: [string, Message[], boolean][] = [
    ["twice", [have, have], false],
    ["before", [hashes(1)], false],
    ["as many", [have, hashes(3)], true],
    ["one more", [have, hashes(4)], false],
    ["one more later", [have, hashes(3), hashes(1)], false],
  ];
  for (const [what, messages, isRight] of cases) {
    const store = new MemoryStore();
    store.put("file", new Uint8Array(2 * MIB));
    const sender = new ContentSender(atOnce((done) => store.open("file", done)));
    sender.start(new RecordingStream(), { type: "file", sizeBytes: 2 * MIB }, {
      waitsForHave: true,
      compresses: false,
    });
    assert.equal(messages.every((message) => sender.take(message)), isRight, what);
    sender.close();
  }
});

Deno.test("ContentSender updates a file by what has changed in it", () => {
  for (const kind of KINDS) {
    const pair = new TransferPair();
    const { source, target } = endsOf(pair, kind);
    const random = new Random(6);
    const bytes = random.bytes(32 * MIB);
    target.put("file", bytes);
    const update = bytes.slice();
    for (const at of [7 * MIB, 20 * MIB + 3, 32 * MIB - 5]) update.set(random.bytes(5), at);
    source.put("file", update, { modifiedUs: 2 });
    const { outcome, sentBytes } = pair.attempt({ kind, name: "file", overwrite: true });
    assert(outcome.kind === "done");
    assert.deepEqual(target.contents("file"), update);
    assert.equal(outcome.file.reusedBytes, 32 * MIB - 4 * 64 * 1024);
    assert(sentBytes < 4 * 64 * 1024 + 100_000, `${sentBytes} bytes were sent`);
  }
});

Deno.test("ContentSender appends to a file that has grown", () => {
  const pair = new TransferPair();
  const bytes = new Random(7).bytes(5 * MIB + 12_345);
  pair.server.put("log", bytes.slice(0, 4 * MIB + 999));
  pair.client.put("log", bytes, { modifiedUs: 2 });
  const { outcome } = pair.attempt({ kind: "put", name: "log", overwrite: true });
  assert(outcome.kind === "done");
  assert.equal(outcome.file.reusedBytes, 4 * MIB + 999 - 64 * 1024);
  assert.deepEqual(pair.server.contents("log"), bytes);
});

Deno.test("ServerSession offers an older version only to a client that may read and replace it", () => {
  const cases: [readonly Right[], boolean][] = [
    [["read", "write", "overwrite"], true],
    [["write", "overwrite"], false],
  ];
  for (const [rights, isOffered] of cases) {
    const pair = new TransferPair();
    const bytes = new Random(8).bytes(2 * MIB);
    pair.server.put("file", bytes);
    pair.client.put("file", bytes, { modifiedUs: 2 });
    const { outcome } = pair.attempt({ kind: "put", name: "file", overwrite: true, rights: new Set(rights) });
    assert(outcome.kind === "done");
    assert.equal(outcome.file.reusedBytes > 0, isOffered);
  }
});

/** Lines of a log, some of them with noise. */
function log(random: Random, sizeBytes: number): Uint8Array {
  const bytes = new Uint8Array(sizeBytes);
  for (let at = 0; at < sizeBytes;) {
    const line = new TextEncoder().encode(
      `2026-12-01 07:00 host${random.integer(0, 9)} GET /items/${random.integer(0, 99)} 200\n`,
    );
    bytes.set(line.subarray(0, sizeBytes - at), at);
    at += line.length;
  }
  return bytes;
}

Deno.test("ContentSender compresses what shrinks, and takes no longer for what does not", () => {
  for (const kind of KINDS) {
    for (const sizeBytes of [70_000, MIB, 3 * MIB + 77]) {
      const random = new Random(sizeBytes);
      const text = log(random, sizeBytes);
      const sentFor = (bytes: Uint8Array, compresses: boolean): number => {
        const pair = new TransferPair();
        const { source, target } = endsOf(pair, kind);
        source.put("file", bytes);
        const { outcome, sentBytes } = pair.attempt({ kind, name: "file", compresses });
        assert(outcome.kind === "done");
        assert.deepEqual(target.contents("file"), bytes);
        return sentBytes;
      };
      const isAsked = kind === "get" || sizeBytes >= MIB;
      const share = sentFor(text, true) / sentFor(text, false);
      assert(HAS_ZSTD && isAsked ? share < 0.35 : share > 0.99, `${kind} ${sizeBytes}: ${share}`);
      const noise = random.bytes(sizeBytes);
      assert(sentFor(noise, true) < 1.001 * sentFor(noise, false) + 100);
    }
  }
});

Deno.test("ContentSender compresses what differs from an older version that the receiver holds", () => {
  const random = new Random(9);
  const size = 3 * MIB + 77;
  const noise = random.bytes(12 * MIB);
  const joined = (...parts: readonly Uint8Array[]) => new Uint8Array(Buffer.concat(parts));
  const cases: { older: Uint8Array; newer: Uint8Array; most: number }[] = [
    { older: log(random, size), newer: log(random, size), most: 0.35 },
    { older: log(random, 2 * size), newer: log(random, size), most: 0.35 },
    { older: log(random, size), newer: joined(log(random, size), noise.subarray(0, MIB)), most: 0.55 },
    // What comes first does not shrink, and what is looked at later does.
    { older: log(random, 14 * MIB), newer: joined(noise.subarray(0, 7 * MIB), log(random, 7 * MIB)), most: 0.75 },
    { older: random.bytes(size), newer: random.bytes(size), most: 1.001 },
  ];
  for (const kind of KINDS) {
    for (const { older, newer, most } of cases) {
      const sentFor = (compresses: boolean): number => {
        const pair = new TransferPair();
        const { source, target } = endsOf(pair, kind);
        target.put("file", older);
        source.put("file", newer, { modifiedUs: 2 });
        const { outcome, sentBytes } = pair.attempt({ kind, name: "file", overwrite: true, compresses });
        assert(outcome.kind === "done");
        assert.deepEqual(target.contents("file"), newer);
        return sentBytes;
      };
      const share = sentFor(true) / sentFor(false);
      assert(share < (HAS_ZSTD ? most : 1.001), `${kind} of ${newer.length} bytes: ${share}`);
    }
  }
});

Deno.test("ContentSender compresses part by part, also what is left of a file that was interrupted", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 0xffff_ffff }), fc.constantFrom(...KINDS), (seed, kind) => {
      const random = new Random(seed);
      const pair = new TransferPair();
      const { source, target } = endsOf(pair, kind);
      const bytes = log(random, random.integer(2 * MIB, 5 * MIB));
      for (let i = 0; i < 3; i++) {
        const noise = random.bytes(random.integer(1, 500_000));
        bytes.set(noise, random.integer(0, bytes.length - noise.length));
      }
      source.put("file", bytes, { modifiedUs: 1 });
      const overwrite = random.chance(0.5);
      if (overwrite) {
        const older = changed(bytes, { random, stretches: random.integer(1, 20) });
        target.put("file", older.subarray(0, random.integer(1, older.length)));
      }
      const rule: Rule = () => random.chance(0.03) ? LOST : undefined;
      let isDone = false;
      for (let tries = 0; !isDone && tries < 20; tries++) {
        const cutAfterBytes = tries < 4 ? random.integer(100_000, 600_000) : Infinity;
        isDone = pair.attempt({ kind, name: "file", overwrite, compresses: true, rule, cutAfterBytes }).outcome.kind ===
          "done";
      }
      assert(isDone);
      assert.deepEqual(target.contents("file"), bytes);
    }),
    { numRuns: 25, seed: 5 },
  );
});
