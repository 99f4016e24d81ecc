import assert from "node:assert/strict";
import { sanitizeForDisplay } from "../../../base/display_text.ts";
import fc from "fast-check";
import { checkFileName, fileNameError, MAX_FILE_NAME_BYTES, receivedName } from "../../../transfer/file_name.ts";
import { StoreError } from "../../../transfer/file_store.ts";

Deno.test("checkFileName lets ordinary names through", () => {
  const names = ["a", "a.bin", ".bashrc", "..a", "a..b", "README", "with space.txt", "-rf", "~", "$HOME", "100%", "a&b"]
    .concat(["console", "com10", "COM", "lpt", "nulls.txt", "aux1", "x.con", "sluice-1", ".sluice", "a;b", "a'b"])
    .concat(["\u00fcber.txt", "\u65e5\u672c.txt", "\u{1f469}\u200d\u{1f680}", "\u05d0.txt", "x".repeat(255)])
    .concat(["\u00e9".repeat(127), "__proto__", "constructor"]);
  for (const name of names) assert.equal(checkFileName(name), undefined, name);
});

Deno.test("checkFileName says why a name is refused", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["", "names may not be empty"],
    [".", 'names may not be "." or ".."'],
    ["..", 'names may not be "." or ".."'],
    ["/", 'names may not contain "/"'],
    ["/etc/passwd", 'names may not contain "/"'],
    ["../up", 'names may not contain "/"'],
    ["a/../b", 'names may not contain "/"'],
    ["..\\up", 'names may not contain "\\"'],
    ["\\\\host\\share", 'names may not contain "\\"'],
    ["C:", 'names may not contain ":"'],
    ["C:evil.txt", 'names may not contain ":"'],
    ["a.txt:stream", 'names may not contain ":"'],
    ["a<b", 'names may not contain "<"'],
    ["a>b", 'names may not contain ">"'],
    ['a"b', "names may not contain '\"'"],
    ["a|b", 'names may not contain "|"'],
    ["a?", 'names may not contain "?"'],
    ["*", 'names may not contain "*"'],
    ["a\0.txt", "names may not contain a NUL character"],
    ["a\nb", "names may not contain control characters (U+000A)"],
    ["\x1b[2J", "names may not contain control characters (U+001B)"],
    ["a\x7f", "names may not contain control characters (U+007F)"],
    ["a\u009bb", "names may not contain control characters (U+009B)"],
    ["\ud800", "names must be valid Unicode"],
    ["a\udc00b", "names must be valid Unicode"],
    ["\udc00\ud800", "names must be valid Unicode"],
    ["z\ufffd", "names must be valid UTF-8; this one has U+FFFD in place of other bytes"],
    ["photo\u202egpj.exe", "names may not contain invisible characters (U+202E)"],
    ["a\u2066b", "names may not contain invisible characters (U+2066)"],
    ["a\u200eb", "names may not contain invisible characters (U+200E)"],
    ["\ufeffa", "names may not contain invisible characters (U+FEFF)"],
    ["a\u200bb", "names may not contain invisible characters (U+200B)"],
    ["a\u2028b", "names may not contain invisible characters (U+2028)"],
    [" a", "names may not begin with a space"],
    ["\u3000a", "names may not begin with a space"],
    ["a ", "names may not end with a space"],
    ["a\u00a0", "names may not end with a space"],
    [" ", "names may not begin with a space"],
    ["a.", 'names may not end with "."'],
    ["...", 'names may not end with "."'],
    ["CON", '"CON" is the name of a device on Windows'],
    ["con.tar.gz", '"CON" is the name of a device on Windows'],
    ["nul .txt", '"NUL" is the name of a device on Windows'],
    ["Com1", '"COM1" is the name of a device on Windows'],
    ["lpt\u00b9.log", '"LPT\u00b9" is the name of a device on Windows'],
    ["conin$", '"CONIN$" is the name of a device on Windows'],
    ["x".repeat(256), "names may not be longer than 255 bytes"],
    ["\u00e9".repeat(128), "names may not be longer than 255 bytes"],
    ["x".repeat(10_000_000), "names may not be longer than 255 bytes"],
    [".sluice-0.part", 'names beginning with ".sluice-" are reserved for partial files'],
    [".SLUICE-x", 'names beginning with ".sluice-" are reserved for partial files'],
    [".\u017flu\u0131ce-x", 'names beginning with ".sluice-" are reserved for partial files'],
    [".slu\u200cice-x", 'names beginning with ".sluice-" are reserved for partial files'],
  ];
  for (const [name, reason] of cases) assert.equal(checkFileName(name), reason, JSON.stringify(name.slice(0, 20)));
});

/** Names as an attacker composes them: mostly of dangerous pieces. */
const hostileName = fc.array(
  fc.oneof(
    fc.constantFrom(
      "/",
      "\\",
      "..",
      ".",
      ":",
      "\0",
      "\n",
      "\x1b",
      " ",
      "CON",
      ".sluice-",
      "\u202e",
      "\ud800",
      "\udfff",
    ),
    fc.string({ unit: "binary", maxLength: 4 }),
    fc.string({ unit: "grapheme", maxLength: 8 }),
    fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)),
  ),
  { maxLength: 12 },
).map((pieces) => pieces.join(""));

Deno.test("checkFileName accepts nothing but one well-formed folder entry", () => {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  fc.assert(
    fc.property(hostileName, (name) => {
      if (checkFileName(name) !== undefined) return;
      const bytes = new TextEncoder().encode(name);
      assert(bytes.length > 0 && bytes.length <= MAX_FILE_NAME_BYTES);
      assert.equal(decoder.decode(bytes), name, "the disk gives back the same name");
      // deno-lint-ignore no-control-regex
      assert(!/[/\\:\x00-\x1f\x7f-\x9f]|^\.\.?$|[. ]$/.test(name), JSON.stringify(name));
      assert.equal(new URL(encodeURIComponent(name), "file:///root/x").pathname.lastIndexOf("/"), 5);
      assert.equal(sanitizeForDisplay(name), name, "a good name needs no escaping");
    }),
    { numRuns: 3000, seed: 11 },
  );
});

Deno.test("checkFileName gives reasons that are safe to show", () => {
  fc.assert(
    fc.property(hostileName, (name) => {
      const reason = checkFileName(name);
      if (reason !== undefined) assert.equal(sanitizeForDisplay(reason), reason);
    }),
    { numRuns: 1000, seed: 12 },
  );
});

Deno.test("fileNameError says what checkFileName says, with the name made safe", () => {
  assert.equal(fileNameError("a.bin"), undefined);
  const error = fileNameError("\x1b[2J");
  assert(error instanceof StoreError);
  assert.equal(error.kind, "bad-name");
  assert.equal(error.message, '"\\x1b[2J" is refused: names may not contain control characters (U+001B)');
});

Deno.test("receivedName appends to the name", () => {
  assert.equal(receivedName("a.bin", 1), "a.bin_received");
  assert.equal(receivedName("a.bin", 2), "a.bin_received_2");
  assert.equal(receivedName("a", 10_000), "a_received_10000");
});

Deno.test("receivedName shortens what would be too long, between characters", () => {
  for (const character of ["x", "\u00e9", "\u65e5", "\u{1f600}"]) {
    const name = character.repeat(255);
    const received = receivedName(name, 12);
    const bytes = new TextEncoder().encode(received).length;
    assert(bytes <= 255 && bytes > 255 - 4, `${bytes} bytes`);
    assert.equal(checkFileName(received), undefined);
  }
});
