import assert from "node:assert/strict";
import { posix, win32 } from "node:path";
import { sanitizeForDisplay } from "../../../base/display_text.ts";
import fc from "fast-check";
import {
  checkFileName,
  checkLocalName,
  checkLocalPath,
  checkPath,
  fileNameError,
  MAX_FILE_NAME_BYTES,
  pathError,
  receivedName,
} from "../../../transfer/file_name.ts";
import { StoreError } from "../../../transfer/file_store.ts";

const ORDINARY = [
  "a",
  "a.bin",
  ".bashrc",
  "..a",
  "a..b",
  "README",
  "with space.txt",
  "-rf",
  "~",
  "$HOME",
  "100%",
  "a&b",
]
  .concat(["console", "com10", "COM", "lpt", "nulls.txt", "aux1", "x.con", "sluice-1", ".sluice", "a;b", "a'b", " a"])
  .concat(["\u00fcber.txt", "\u65e5\u672c.txt", "\u{1f469}\u200d\u{1f680}", "\u05d0.txt", "x".repeat(255)])
  .concat(["\u00e9".repeat(127), "__proto__", "constructor", "photo\u202egpj.exe", "\ufeffa", "a\u009bb"]);

/** Names that Unix has and Windows has not, each with the reason. */
const UNIX_ONLY: readonly (readonly [string, string])[] = [
  ["..\\up", 'names on Windows may not contain "\\"'],
  ["\\\\host\\share", 'names on Windows may not contain "\\"'],
  ["C:", 'names on Windows may not contain ":"'],
  ["C:evil.txt", 'names on Windows may not contain ":"'],
  ["a.txt:stream", 'names on Windows may not contain ":"'],
  ["a<b", 'names on Windows may not contain "<"'],
  ["a>b", 'names on Windows may not contain ">"'],
  ['a"b', "names on Windows may not contain '\"'"],
  ["a|b", 'names on Windows may not contain "|"'],
  ["a?", 'names on Windows may not contain "?"'],
  ["*", 'names on Windows may not contain "*"'],
  ["a\nb", "names on Windows may not contain control characters"],
  ["\x1b[2J", "names on Windows may not contain control characters"],
  ["a ", "names on Windows may not end with a space"],
  [" ", "names on Windows may not end with a space"],
  ["a.", 'names on Windows may not end with "."'],
  ["...", 'names on Windows may not end with "."'],
  ["CON", '"CON" is the name of a device on Windows'],
  ["con.tar.gz", '"CON" is the name of a device on Windows'],
  ["nul .txt", '"NUL" is the name of a device on Windows'],
  ["Com1", '"COM1" is the name of a device on Windows'],
  ["lpt\u00b9.log", '"LPT\u00b9" is the name of a device on Windows'],
  ["conin$", '"CONIN$" is the name of a device on Windows'],
];

Deno.test("checkFileName lets every name through that a Unix disk can have", () => {
  for (const name of ORDINARY) assert.equal(checkFileName(name), undefined, name);
  for (const [name] of UNIX_ONLY) assert.equal(checkFileName(name), undefined, name);
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
    ["a\0.txt", "names may not contain a NUL character"],
    ["\ud800", "names must be valid Unicode"],
    ["a\udc00b", "names must be valid Unicode"],
    ["\udc00\ud800", "names must be valid Unicode"],
    ["z\ufffd", "names must be valid UTF-8; this one has U+FFFD in place of other bytes"],
    ["x".repeat(256), "names may not be longer than 255 bytes"],
    ["\u00e9".repeat(128), "names may not be longer than 255 bytes"],
    ["x".repeat(10_000_000), "names may not be longer than 255 bytes"],
    [".sluice-0.part", 'names beginning with ".sluice-" are reserved for partial files'],
    [".SLUICE-x", 'names beginning with ".sluice-" are reserved for partial files'],
    [".\u017flu\u0131ce-x", 'names beginning with ".sluice-" are reserved for partial files'],
    [".slu\u200cice-x", 'names beginning with ".sluice-" are reserved for partial files'],
    ["\ufeff.slu\u202eice-\u200b", 'names beginning with ".sluice-" are reserved for partial files'],
  ];
  for (const [name, reason] of cases) assert.equal(checkFileName(name), reason, JSON.stringify(name.slice(0, 20)));
});

Deno.test("checkLocalName says why Windows has no file of a name, and refuses none elsewhere", () => {
  for (const [name, reason] of UNIX_ONLY) {
    assert.equal(checkLocalName(name, "windows"), reason, name);
    assert.equal(checkLocalName(name, "posix"), undefined, name);
  }
  for (const name of ORDINARY) assert.equal(checkLocalName(name, "windows"), undefined, name);
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
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  fc.assert(
    fc.property(hostileName, (name) => {
      if (checkFileName(name) !== undefined) return;
      const bytes = new TextEncoder().encode(name);
      assert(bytes.length > 0 && bytes.length <= MAX_FILE_NAME_BYTES);
      assert.equal(decoder.decode(bytes), name, "the disk gives back the same name");
      assert.equal(posix.join("/srv", name), `/srv/${name}`, "the path is that of an entry of the folder");
      if (checkLocalName(name, "windows") !== undefined) return;
      assert.equal(win32.join("C:\\root", name), `C:\\root\\${name}`, "also on Windows");
      // deno-lint-ignore no-control-regex
      assert(!/[\\:\x00-\x1f]|[. ]$/.test(name), JSON.stringify(name));
    }),
    { numRuns: 5000, seed: 11 },
  );
});

Deno.test("checkFileName and checkLocalName give reasons that are safe to show", () => {
  fc.assert(
    fc.property(hostileName, (name) => {
      for (const reason of [checkFileName(name), checkLocalName(name, "windows")]) {
        if (reason !== undefined) assert.equal(sanitizeForDisplay(reason), reason);
      }
    }),
    { numRuns: 1000, seed: 12 },
  );
});

Deno.test("checkPath accepts what consists of names, and says why a path is refused", () => {
  for (const name of ORDINARY) {
    for (const path of [name, `${name}/a`, `a/${name}/b`]) assert.equal(checkPath(path), undefined, path);
  }
  const slashes = 'paths may not begin or end with "/", or contain "//"';
  const tooLong = "paths may not be longer than 4096 bytes";
  const cases: readonly (readonly [string, string])[] = [
    ["", "names may not be empty"],
    ["/", slashes],
    ["/a", slashes],
    ["a/", slashes],
    ["a//b", slashes],
    ["..", 'names may not be "." or ".."'],
    ["../a", 'names may not be "." or ".."'],
    ["a/./b", 'names may not be "." or ".."'],
    ["a/..", 'names may not be "." or ".."'],
    ["a\0/b", "names may not contain a NUL character"],
    ["a/\ud800", "names must be valid Unicode"],
    [`a/${"x".repeat(256)}/b`, "names may not be longer than 255 bytes"],
    ["a/.sluice-0.part", 'names beginning with ".sluice-" are reserved for partial files'],
    [".sluice-x/a", 'names beginning with ".sluice-" are reserved for partial files'],
    [Array(101).fill("a").join("/"), "paths may not have more than 100 components"],
    [Array(17).fill("x".repeat(255)).join("/"), tooLong],
    [Array(17).fill("\u00e9".repeat(125)).join("/"), tooLong],
    ["a/".repeat(10_000_000), tooLong],
  ];
  for (const [path, reason] of cases) assert.equal(checkPath(path), reason, JSON.stringify(path.slice(0, 20)));
  assert.equal(checkPath(Array(100).fill("a").join("/")), undefined);
  assert.equal(checkPath(Array(16).fill("x".repeat(255)).join("/")), undefined, "4095 bytes");
});

Deno.test("checkLocalPath checks each component by the rules of the disk", () => {
  assert.equal(checkLocalPath("a/CON/b", "windows"), '"CON" is the name of a device on Windows');
  assert.equal(checkLocalPath("a./b", "windows"), 'names on Windows may not end with "."');
  assert.equal(checkLocalPath("a/b/c", "windows"), undefined);
  assert.equal(checkLocalPath("a/CON/b.", "posix"), undefined);
});

Deno.test("pathError says what checkPath says, with the path made safe", () => {
  assert.equal(pathError("a/b.bin"), undefined);
  const error = pathError("a/\x1b[2J/..");
  assert(error instanceof StoreError);
  assert.equal(error.kind, "bad-name");
  assert.equal(error.message, '"a/\\x1b[2J/..": names may not be "." or ".."');
});

Deno.test("fileNameError says what checkFileName says, with the name made safe", () => {
  assert.equal(fileNameError("a.bin"), undefined);
  const error = fileNameError("\x1b[2J/");
  assert(error instanceof StoreError);
  assert.equal(error.kind, "bad-name");
  assert.equal(error.message, '"\\x1b[2J/": names may not contain "/"');
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
