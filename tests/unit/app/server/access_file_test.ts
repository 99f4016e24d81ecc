import assert from "node:assert/strict";
import fc from "fast-check";
import { parseAccess } from "../../../../app/server/access_file.ts";
import { SluiceError } from "../../../../app/api.ts";
import { formatKey } from "../../../../app/keys.ts";

const KEY = new Uint8Array(32).fill(2);
const OTHER = new Uint8Array(32).fill(3);
const TOKEN = "sixteen-and-more";

function keys(text: string) {
  return parseAccess(text, { file: "/keys", kind: "key" });
}

function refusal(text: string, kind: "key" | "token" = "key"): string {
  try {
    parseAccess(text, { file: "/keys", kind });
  } catch (error) {
    assert(error instanceof SluiceError && error.kind === "local-disk", String(error));
    return error.message;
  }
  return "";
}

Deno.test("parseAccess grants a key alone the rights to get, send and list, but not to overwrite", () => {
  const rights = ["read", "write", "list"];
  assert.deepEqual(keys(`${formatKey(KEY)}\n`), [
    { kind: "key", secret: KEY, name: "key on line 1", rights, folder: undefined, quotaBytes: undefined },
  ]);
});

Deno.test("parseAccess reads names, rights, folders, quotas and comments", () => {
  const text = `# who may what

  ${formatKey(KEY)} alice   quota=1.5G rights=read,overwrite folder=alice # of the lab
${formatKey(OTHER)} name=bob rights=list\r
`;
  const [alice, bob, ...more] = keys(text);
  assert.deepEqual(alice, {
    kind: "key",
    secret: KEY,
    name: "alice",
    rights: ["read", "overwrite"],
    folder: "alice",
    quotaBytes: 1_500_000_000,
  });
  assert.deepEqual([bob?.name, bob?.rights, more], ["bob", ["list"], []]);
});

Deno.test("parseAccess reads tokens of any characters but spaces", () => {
  const [entry] = parseAccess(`${TOKEN}=/+é team`, { file: "/t", kind: "token" });
  assert.deepEqual([entry?.kind, entry?.secret, entry?.name], [
    "token",
    new TextEncoder().encode(`${TOKEN}=/+é`),
    "team",
  ]);
});

Deno.test("parseAccess reads sizes as the programs print them", () => {
  const sizes = { "0": 0, "4096": 4096, "10k": 10_000, "10MB": 10_000_000, "1.5T": 1.5e12, "2g": 2e9 };
  for (const [text, bytes] of Object.entries(sizes)) {
    assert.equal(keys(`${formatKey(KEY)} quota=${text}`)[0]!.quotaBytes, bytes, text);
  }
});

Deno.test("parseAccess reads a limit in bits per second", () => {
  assert.equal(keys(`${formatKey(KEY)} limit=20M`)[0]!.bytesPerSecond, 2_500_000);
  assert.equal(keys(formatKey(KEY))[0]!.bytesPerSecond, undefined);
});

Deno.test("parseAccess names the file, the line and the error", () => {
  const key = formatKey(KEY);
  const cases: readonly (readonly [text: string, why: RegExp])[] = [
    ["abc", /^\/keys, line 1: "abc" is not a key; a key is the 43 characters/],
    [
      `\n\n${key} right=read`,
      /^\/keys, line 3: "right=" is not known; the fields are rights=, folder=, quota= and limit=/,
    ],
    [`${key} rights=read,remove`, /"remove" is not a right; the rights are read, write, list, overwrite, delete$/],
    [`${key} rights=`, /"" is not a right/],
    [`${key} folder=../up`, /"\.\.\/up" cannot be a folder in the server's root: names may not contain "\/"/],
    [`${key} folder=..`, /cannot be a folder/],
    [`${key} folder=`, /cannot be a folder/],
    [`${key} folder=.sluice-x`, /cannot be a folder/],
    [`${key} quota=10X`, /"10X" is not a size/],
    [`${key} quota=-1`, /is not a size/],
    [`${key} quota=99999999T`, /is not a size/],
    [`${key} alice bob`, /"bob" is a second name/],
    [`${key} quota=1 quota=2`, /quota= is given twice/],
    [`${key} limit=20MB`, /"20MB": a rate is in bits/],
    [`${key} limit=1M limit=2M`, /limit= is given twice/],
    [`${key} rights=read rights=list`, /rights= is given twice/],
    [`${key} folder=a folder=b`, /folder= is given twice/],
    [`${key}\n${key} bob`, /^\/keys, line 2: this key is already on line 1/],
  ];
  for (const [text, why] of cases) assert.match(refusal(text), why, text);
  assert.match(refusal("short", "token"), /a token of less than 16 characters can be guessed/);
});

Deno.test("parseAccess takes any text or says what is wrong with it", () => {
  const words = fc.constantFrom(
    "rights=read",
    "folder=a",
    "quota=1G",
    "alice",
    "#",
    formatKey(KEY),
    TOKEN,
    "\t",
    "=",
    "",
  );
  const line = fc.array(fc.oneof(words, fc.string()), { maxLength: 5 }).map((parts) => parts.join(" "));
  const text = fc.array(line, { maxLength: 5 }).map((lines) => lines.join("\n"));
  fc.assert(fc.property(text, fc.constantFrom("key" as const, "token" as const), (some, kind) => {
    const why = refusal(some, kind);
    if (why !== "") return;
    for (const entry of parseAccess(some, { file: "/keys", kind })) {
      assert.ok(entry.rights.length > 0 && (entry.quotaBytes ?? 0) >= 0 && entry.secret.length >= 16);
    }
  }));
});
