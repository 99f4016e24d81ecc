import assert from "node:assert/strict";
import fc from "fast-check";
import { cut, fit, pad, widthOf } from "../../../cli/width.ts";

const FAMILY = "👩‍👩‍👧‍👦";
const E_ACUTE = "e\u0301";

Deno.test("widthOf counts columns: two for CJK and emoji, none for combining marks", () => {
  assert.deepEqual(["abc", "報告", FAMILY, E_ACUTE, "🇯🇵", "ｱ", "한"].map(widthOf), [3, 4, 2, 1, 2, 1, 2]);
});

Deno.test("fit keeps the end of a text and splits no character", () => {
  assert.equal(fit("abc", 5), "abc  ");
  assert.equal(fit("a long name.txt", 9), "…name.txt");
  // The last two columns of "報告書" are one character; the third column stays free.
  assert.equal(fit("報告書", 4), "…書 ");
  assert.equal(fit(`photos of ${FAMILY}`, 4), `… ${FAMILY}`);
  assert.equal(fit(`photos of ${FAMILY}`, 2), "… ");
  assert.equal(fit(`caf${E_ACUTE}`, 3), `…f${E_ACUTE}`);
});

Deno.test("cut keeps the start of a text and splits no character", () => {
  assert.equal(cut("abc", 5), "abc");
  assert.equal(cut("報告書", 5), "報告");
  assert.equal(cut(`a${FAMILY}b`, 2), "a");
  assert.equal(cut(`caf${E_ACUTE}s`, 4), `caf${E_ACUTE}`);
});

Deno.test("pad fills up at the end, or at the start for numbers", () => {
  assert.equal(pad("報", 4), "報  ");
  assert.equal(pad("12", 4, { align: "right" }), "  12");
  assert.equal(pad("12345", 4), "12345");
});

Deno.test("fit is as wide as it says, and cut no wider, for any text", () => {
  const text = fc.string({ unit: "grapheme", maxLength: 40 });
  fc.assert(fc.property(text, fc.integer({ min: 1, max: 60 }), (value, columns) => {
    assert.equal(widthOf(fit(value, columns)), columns);
    assert.ok(widthOf(cut(value, columns)) <= columns);
    assert.ok(value.startsWith(cut(value, columns)));
  }));
});
