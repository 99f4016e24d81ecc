import assert from "node:assert/strict";
import { describeUnlisted, ListingEncoder } from "../../../../transfer/server/listing.ts";
import { decodeMessage } from "../../../../transfer/message_decoder.ts";

Deno.test("describeUnlisted quotes some of the names, escaped, and counts all", () => {
  assert.deepEqual(describeUnlisted([]), {});
  assert.deepEqual(describeUnlisted(["\x1b", "z\ufffd"]), { unlisted: { count: 2, examples: '"\\x1b", "z\ufffd"' } });
  const { unlisted } = describeUnlisted(Array.from({ length: 100_000 }, (_, index) => `${index}`));
  assert.equal(unlisted!.count, 100_000);
  assert.equal(unlisted!.examples, Array.from({ length: 10 }, (_, index) => `"${index}"`).join(", "));
});

Deno.test("ListingEncoder ends with the number of files, and with those that are not listed", () => {
  const ends = [[], ["x".repeat(600), "y".repeat(600)]].map((unlisted) => {
    const listing = new ListingEncoder({ entries: [], unlisted, gaps: [] }).encodeNext();
    const decoded = decodeMessage(listing!.bytes);
    assert(typeof decoded === "object" && "message" in decoded && decoded.message.type === "end");
    assert.equal(decoded.consumed, listing!.bytes.length);
    return decoded.message;
  });
  assert.deepEqual(ends[0], { type: "end", count: 0 });
  assert.equal(ends[1]!.unlisted!.count, 2);
  assert.equal(ends[1]!.unlisted!.examples.length, 1024, "cut to what a message holds");
});
