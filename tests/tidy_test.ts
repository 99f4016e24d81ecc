/**
 * The house's rules, held by a test: which file may import which, what the pure folders may use, how long files and
 * functions may be, and what must be documented and tested. A message names the file and the rule; the rules
 * themselves, and why, are in `CONTRIBUTING.md` and `docs/ARCHITECTURE.md`.
 *
 * @module
 */

import assert from "node:assert/strict";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { circles, forbiddenImports, partOf } from "./tidy/arrows.ts";
import { impurities } from "./tidy/purity.ts";
import { codeOf, importsOf, longFunctions, undocumentedExports } from "./tidy/source_file.ts";

const ROOT = path.join(import.meta.dirname!, "..");
/** Lines of code: comments and empty lines are not counted. */
const MAX_FILE_LINES = 400;
const MAX_TEST_FILE_LINES = 600;
const MAX_FUNCTION_LINES = 70;

/** Not looked into: what is made, kept or fetched, not written. */
const NOT_SOURCES = new Set(["node_modules", "dist", "storage", "coverage", ".git"]);
/** Papers and settings that rules about text hold for as well. */
const TEXT_FILE = /(?:\.(?:ts|md|json|jsonc|yml|yaml|lock)|^\.ci\/run)$/;

/** Functions that may be longer, as `file: first words of the header`, each with why. Best kept empty. */
const LONG_FUNCTIONS: ReadonlyMap<string, string> = new Map([
  ["testing/file_store_compliance.ts: function checkWriting", "a list of checks, each of them short"],
]);

/** Sources of `base/`, `netem/` and `protocol/` without a unit test of their own, each with what tests them instead. */
const TESTED_ELSEWHERE: ReadonlyMap<string, string> = new Map([
  ["protocol/mod.ts", "re-exports alone"],
  ["protocol/connection/connection.ts", "tests/connection: wires parts together, and shows itself only with a peer"],
  ["protocol/endpoint/endpoint.ts", "tests/connection: handshakes, addresses, strangers"],
  ["protocol/connection/packet_builder.ts", "tests/connection: what it builds is what the peer reads"],
  ["protocol/connection/frame_dispatch.ts", "tests/connection and tests/fuzz"],
  ["protocol/connection/loss_recovery.ts", "tests/connection/recovery_test.ts"],
  ["base/invariant.ts", "every test: it throws or it does not"],
  ["protocol/errors.ts", "classes without behaviour"],
  ["protocol/limits.ts", "numbers alone; that they hold is tested where they are used"],
  ["protocol/sent_packet.ts", "tests/unit/protocol/recovery/sent_packets_test.ts"],
  ["protocol/handshake/suite.ts", "types alone"],
  ["protocol/crypto/packet_protection.ts", "types alone"],
  [
    "protocol/crypto/chacha20poly1305/wasm_code.ts",
    "the tests of the code that it assembles: aead_code_test.ts, aead_test.ts",
  ],
  [
    "protocol/crypto/chacha20poly1305/chacha20_code.ts",
    "tests/unit/protocol/crypto/chacha20poly1305/aead_code_test.ts, aead_test.ts",
  ],
  ["protocol/wire/frame_type.ts", "numbers alone; tests/wire has them in hex"],
  ["protocol/streams/byte_flow.ts", "types alone"],
  ["protocol/streams/stream_events.ts", "types alone"],
  ["protocol/streams/stream.ts", "tests/connection/streams_test.ts and tests/fuzz/stream_test.ts"],
  ["protocol/streams/stream_sender.ts", "tests/connection/streams_test.ts"],
  ["protocol/streams/stream_table.ts", "tests/connection/streams_test.ts"],
  ["protocol/congestion/controller.ts", "types alone"],
  ["protocol/congestion/bbr/bbr_params.ts", "numbers alone"],
]);

/** Files of `sim/` that use the platform's event loop, each with what for. */
const WAITS_FOR_REAL: ReadonlyMap<string, string> = new Map([
  ["sim/quiescence.ts", "lets all promises run that are ready"],
]);

/** Every file that people write, by its path from the root with forward slashes. */
function readTexts(): Map<string, string> {
  const texts = new Map<string, string>();
  const visit = (folder: string): void => {
    for (const entry of Deno.readDirSync(path.join(ROOT, folder))) {
      const file = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory && !NOT_SOURCES.has(entry.name)) visit(file);
      else if (entry.isFile && TEXT_FILE.test(file)) texts.set(file, Deno.readTextFileSync(path.join(ROOT, file)));
    }
  };
  visit("");
  return texts;
}

const texts = readTexts();
const sources = new Map([...texts].filter(([file]) => file.endsWith(".ts")));
const graph = new Map([...sources].map(([file, text]) => [file, ourImports(file, text)]));

/** The files of ours that a file imports. */
function ourImports(file: string, text: string): string[] {
  return importsOf(text)
    .filter(({ specifier }) => specifier.startsWith("."))
    .map(({ specifier }) => path.posix.join(path.posix.dirname(file), specifier));
}

/** As the import graph above, but by Deno's own parser. */
async function graphByDeno(files: readonly string[]): Promise<Map<string, string[]>> {
  const urlOf = (file: string): string => pathToFileURL(path.join(ROOT, file)).href;
  const root = `${pathToFileURL(ROOT).href}/`;
  const entry = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(entry, files.map((file) => `import "${urlOf(file)}";\n`).join(""));
    const args = ["info", "--quiet", "--json", "--config", path.join(ROOT, "deno.json"), "--no-lock", entry];
    const { stdout } = await new Deno.Command(Deno.execPath(), { args }).output();
    const { modules } = JSON.parse(new TextDecoder().decode(stdout)) as { modules: DenoModule[] };
    const ours = (url: string | undefined): string[] => url?.startsWith(root) ? [url.slice(root.length)] : [];
    return new Map(modules.flatMap(({ specifier, dependencies = [] }) => {
      const to = dependencies.flatMap(({ code, type }) => ours((code ?? type)?.specifier));
      return ours(specifier).map((file) => [file, [...new Set(to)].sort()] as const);
    }));
  } finally {
    await Deno.remove(entry);
  }
}

/** As `deno info --json` lists it. */
interface DenoModule {
  readonly specifier: string;
  readonly dependencies?: readonly {
    readonly code?: { readonly specifier: string };
    readonly type?: { readonly specifier: string };
  }[];
}

/** Fails with all that is wrong, one thing a line. */
function assertNone(wrong: readonly string[], rule: string): void {
  assert(wrong.length === 0, `${rule}\n  ${wrong.join("\n  ")}`);
}

/** What a check says of each source that `isConcerned`. */
function findings(isConcerned: (file: string) => boolean, check: (text: string, file: string) => string[]): string[] {
  const found: string[] = [];
  for (const [file, text] of sources) {
    if (isConcerned(file)) { for (const finding of check(text, file)) found.push(`${file}: ${finding}`); }
  }
  return found;
}

const isTest = (file: string): boolean => file.startsWith("tests/");
const isIn = (...folders: string[]) => (file: string): boolean => folders.some((name) => file.startsWith(`${name}/`));
const codeLines = (text: string): number => codeOf(text).split("\n").filter((line) => line.trim() !== "").length;

// --- the house ---

Deno.test("sources are found, all parts of the house among them", () => {
  assert(sources.size > 100, `${sources.size} sources`);
  const parts = new Set([...sources.keys()].map(partOf));
  for (
    const part of [
      "program",
      "cli",
      "io",
      "app",
      "app-client",
      "app-server",
      "sim",
      "store",
      "transfer",
      "protocol-mod",
      "wire",
      "leaf",
    ]
  ) {
    assert(parts.has(part), `no file in ${part}`);
  }
});

Deno.test("imports follow the arrows", () => {
  assertNone(forbiddenImports(graph), "docs/ARCHITECTURE.md says which part may know which:");
});

Deno.test("imports go in no circle", () => {
  assertNone(circles(graph).map((files) => files.join(" -> ")), "move what both need into a file of its own:");
});

Deno.test("imports lead to files that are there", () => {
  const missing = [...graph].flatMap(([file, to]) =>
    to.filter((other) => !sources.has(other)).map((o) => `${file}: ${o}`)
  );
  assertNone(missing, "not there:");
});

Deno.test("imports are the ones that Deno sees", async () => {
  const isOurs = (file: string): boolean => !isTest(file);
  const seen = await graphByDeno([...sources.keys()].filter(isOurs));
  for (const [file, imports] of graph) {
    if (isOurs(file)) assert.deepEqual(seen.get(file), [...new Set(imports)].sort(), file);
  }
});

Deno.test("imports come from here, from node: or from npm", () => {
  const imports = JSON.parse(texts.get("deno.json")!).imports as Record<string, string>;
  const wrong = findings(() => true, (text) => {
    const specifiers = importsOf(text).map(({ specifier }) => specifier);
    return specifiers.filter((name) => !/^\.\.?\/|^node:/.test(name) && imports[name] === undefined);
  });
  for (const [name, where] of Object.entries(imports)) {
    if (!/^npm:.+@\d+\.\d+\.\d+$/.test(where)) wrong.push(`deno.json: ${name} is ${where}`);
  }
  assertNone(wrong, "dependencies come from npm, in a version that deno.json names:");
});

Deno.test("pure folders use no clock, no chance, no waiting and no I/O", () => {
  const wrong = [
    ...findings(isIn("base", "netem", "protocol", "transfer"), (text) => impurities(text)),
    ...findings(
      isIn("app", "sim", "store"),
      (text, file) => WAITS_FOR_REAL.has(file) ? [] : impurities(text, { mayWait: true }),
    ),
  ];
  assertNone(wrong, "take it as an argument instead:");
});

Deno.test("files are short", () => {
  const wrong = findings(() => true, (text, file) => {
    const limit = isTest(file) ? MAX_TEST_FILE_LINES : MAX_FILE_LINES;
    const lines = codeLines(text);
    return lines > limit ? [`${lines} lines of code, ${limit} are allowed`] : [];
  });
  assertNone(wrong, "split what has outgrown its file:");
});

Deno.test("functions are short", () => {
  const unused = new Set(LONG_FUNCTIONS.keys());
  const wrong = findings(
    () => true,
    (text, file) =>
      longFunctions(text, MAX_FUNCTION_LINES).flatMap(({ line, lines }) => {
        const header = `${file}: ${text.split("\n")[line - 1]!.trim()}`;
        const excuse = [...LONG_FUNCTIONS.keys()].find((known) => header.startsWith(known));
        if (excuse !== undefined) unused.delete(excuse);
        return excuse === undefined ? [`line ${line}: ${lines} lines, ${MAX_FUNCTION_LINES} are allowed`] : [];
      }),
  );
  assertNone(wrong, "a function does one thing:");
  assertNone([...unused], "no longer as long as its exception says:");
});

Deno.test("files begin with what they are for", () => {
  const wrong = findings((file) => !file.endsWith("_test.ts"), (text, file) => {
    const comment = /^(?:#!.*\n)?\/\*\*[\s\S]*?\*\//.exec(text)?.[0] ?? "";
    if (comment === "") return ["no module comment"];
    return isTest(file) || comment.includes("@module") ? [] : ["no @module in its module comment"];
  });
  assertNone(wrong, "participants, goals, non-goals:");
});

Deno.test("exported symbols have doc comments", () => {
  const wrong = findings(isIn("base", "protocol", "transfer", "store", "io", "sim", "netem"), undocumentedExports);
  assertNone(wrong, "what it is, units, errors, source:");
});

Deno.test("exports are named", () => {
  assertNone(
    findings(() => true, (text) => codeOf(text).match(/\bexport\s+default\b.*/g) ?? []),
    "no default exports:",
  );
});

Deno.test("tests all run", () => {
  const wrong = findings(
    isTest,
    (text) => codeOf(text).match(/\b(?:test|step)\s*\.\s*(?:ignore|only|skip)\b|\b(?:ignore|only)\s*:/g) ?? [],
  );
  assertNone(wrong, "no test is skipped, and none runs alone:");
});

Deno.test("sources of the core have a unit test in the same place under tests/unit", () => {
  const unused = new Set(TESTED_ELSEWHERE.keys());
  const missing = [...sources.keys()].filter(isIn("base", "netem", "protocol")).filter((file) => {
    const isTested = sources.has(unitTestOf(file));
    if (!isTested && TESTED_ELSEWHERE.has(file)) unused.delete(file);
    return !isTested && !TESTED_ELSEWHERE.has(file);
  });
  assertNone(missing, "write the test, or say here what tests it:");
  assertNone([...unused], "TESTED_ELSEWHERE names files that are gone or have a test by now:");
});

Deno.test("unit tests stand where their sources do", () => {
  const known = new Set([...sources.keys()].map(unitTestOf));
  const strays = [...sources.keys()].filter((file) => /^tests\/unit\/.*_test\.ts$/.test(file) && !known.has(file));
  assertNone(strays, "no source of that path:");
});

Deno.test("texts hold for every machine and are finished", () => {
  const path = new RegExp(
    ["home", "Users", "root", "mnt", "work", "private"].map((name) => `["'\`\\s(]/${name}/`).join("|"),
  );
  const rules: readonly [RegExp, string][] = [
    [path, "a path of one machine"],
    [/["'](?:jsr):/, "an import from where many networks cannot reach"],
    [new RegExp(["TO" + "DO", "FIX" + "ME"].map((word) => `\\b${word}\\b`).join("|")), "an unfinished thought"],
  ];
  const wrong = [...texts].flatMap(([file, text]) =>
    text.split("\n").flatMap((line, index) =>
      rules.filter(([pattern]) => pattern.test(line)).map(([, what]) => `${file}:${index + 1}: ${what}: ${line.trim()}`)
    )
  );
  assertNone(wrong, "not for a checkout that others get:");
});

function unitTestOf(file: string): string {
  return `tests/unit/${file.replace(/\.ts$/, "_test.ts")}`;
}

// --- the rules themselves ---

Deno.test("codeOf blanks comments, strings, templates' texts and regular expressions, and keeps places", () => {
  const cases = [
    ["a /* Date */ b", "a            b"],
    ["a // Date\nb", "a        \nb"],
    [`x = "Da\\"te" + 'y'`, `x = "      " + ' '`],
    ["x = `Date ${y({ z: `Da${q}` })} Date`;", "x = `     ${y({ z: `  ${q}` })}     `;"],
    ["x = /Da[/]te\\//g.test(a / b / c)", "x =            g.test(a / b / c)"],
  ] as const;
  for (const [text, expected] of cases) {
    assert.equal(codeOf(text), expected);
    assert.equal(codeOf(text).length, text.length);
  }
});

Deno.test("importsOf finds every form, and nothing in comments and strings", () => {
  const text = [
    `import a, { type B, c as d } from "./one.ts";`,
    `import type { E } from './two.ts';`,
    `import * as f from "node:zlib";`,
    `import "./three.ts";`,
    `export * from "./four.ts";`,
    `export {\n  g,\n  h,\n} from "./five.ts";`,
    `// import { no } from "./no.ts";`,
    `const text = 'import { no } from "./no.ts"';`,
    `const late = await import("./six.ts");`,
  ].join("\n");
  assert.deepEqual(importsOf(text), [
    { specifier: "./one.ts", names: ["B", "c"] },
    { specifier: "./two.ts", names: ["E"] },
    { specifier: "node:zlib", names: [] },
    { specifier: "./three.ts", names: [] },
    { specifier: "./four.ts", names: [] },
    { specifier: "./five.ts", names: ["g", "h"] },
    { specifier: "./six.ts", names: [] },
  ]);
});

Deno.test("forbiddenImports names every import against an arrow", () => {
  const allowed = new Map([
    ["server.ts", ["io/server.ts", "cli/console.ts"]],
    ["io/server.ts", ["transfer/messages.ts", "protocol/mod.ts", "io/clock.ts"]],
    ["transfer/messages.ts", ["protocol/mod.ts", "transfer/hex.ts"]],
    ["store/placement.ts", ["transfer/file_store.ts", "store/opened_file.ts"]],
    ["sim/world.ts", ["store/directory_store.ts", "transfer/messages.ts", "base/random.ts"]],
    ["protocol/endpoint/endpoint.ts", ["protocol/connection/connection.ts", "protocol/wire/packet.ts"]],
    ["protocol/connection/path.ts", ["protocol/recovery/pacer.ts", "protocol/handshake/client_handshake.ts"]],
    ["protocol/congestion/bbr/bbr.ts", ["protocol/sent_packet.ts", "protocol/congestion/window.ts"]],
  ]);
  assert.deepEqual(forbiddenImports(allowed), []);
  const forbidden = [
    ["server.ts", "protocol/mod.ts"],
    ["server.ts", "client.ts"],
    ["io/server.ts", "cli/console.ts"],
    ["io/server.ts", "protocol/wire/packet.ts"],
    ["io/server.ts", "sim/world.ts"],
    ["store/placement.ts", "io/clock.ts"],
    ["transfer/messages.ts", "store/placement.ts"],
    ["transfer/messages.ts", "io/clock.ts"],
    ["transfer/messages.ts", "protocol/wire/frame.ts"],
    ["base/bytes.ts", "protocol/errors.ts"],
    ["tools/fuzz.ts", "tests/tidy_test.ts"],
    ["testing/memory_store.ts", "tools/fuzz.ts"],
    ["protocol/wire/packet.ts", "protocol/connection/types.ts"],
    ["protocol/wire/packet.ts", "protocol/streams/stream.ts"],
    ["protocol/congestion/bbr/bbr.ts", "protocol/recovery/pacer.ts"],
    ["protocol/recovery/pacer.ts", "protocol/streams/stream.ts"],
    ["protocol/connection/connection.ts", "protocol/mod.ts"],
    ["io/clock.ts", "tests/tidy_test.ts"],
    ["stray.ts", "io/clock.ts"],
  ] as const;
  for (const [from, to] of forbidden) {
    assert.equal(forbiddenImports(new Map([[from, [to]]])).length, 1, `${from} -> ${to}`);
  }
});

Deno.test("circles finds circles of any length, and none where paths only meet again", () => {
  assert.deepEqual(circles(new Map([["a", ["b", "c"]], ["b", ["d"]], ["c", ["d"]], ["d", []]])), []);
  assert.deepEqual(circles(new Map([["a", ["b"]], ["b", ["c"]], ["c", ["a"]]])), [["a", "b", "c", "a"]]);
  assert.deepEqual(circles(new Map([["a", ["a"]]])), [["a", "a"]]);
});

Deno.test("impurities finds what lets the world in, and spares names that are somebody's own", () => {
  const impure = [
    "const t = Date.now();",
    "const t = performance.now();",
    "const x = Math.random();",
    "setTimeout(f, 1);",
    "async function f() {}",
    "let p: Promise<void>;",
    "console.log(1);",
    "crypto.getRandomValues(a);",
    "Deno.exit();",
    "process.exit();",
    'import { randomBytes } from "node:crypto";',
    'import fs from "node:fs";',
    'import { z } from "zod";',
    'import path from "node:path";',
    'import { resolve } from "node:path";',
  ];
  for (const text of impure) assert.notDeepEqual(impurities(text), [], text);
  assert.deepEqual(impurities("async function f(): Promise<void> { await g(); }", { mayWait: true }), []);
  assert.notDeepEqual(impurities("setTimeout(f, 1);", { mayWait: true }), []);
  const pure = [
    "// Date, async, Deno.exit()",
    'const text = "setTimeout";',
    "session.process(); this.#fetch(); a.performance;",
    "interface S { process(): void }",
    "const updated = 1; const randomBytes = f;",
    'import { createHash, timingSafeEqual } from "node:crypto";',
    'import { crc32 } from "node:zlib";',
    'import { join } from "node:path";',
  ];
  for (const text of pure) assert.deepEqual(impurities(text), [], text);
  assert.deepEqual(impurities("async () => await new Promise(f, Date.now())", { mayWait: true }), ["Date"]);
});

Deno.test("longFunctions measures functions, methods and arrows, but neither classes nor literals", () => {
  const lines = (count: number) => "  x();\n".repeat(count);
  const long: readonly string[] = [
    `function f(): void {\n${lines(10)}}`,
    `function f(): { a: number } {\n${lines(10)}}`,
    `class C {\n  m(a: { b: string } = {}): Promise<void> {\n${lines(10)}  }\n}`,
    `const f = () => {\n${lines(10)}};`,
    `Deno.test("f", async () => {\n${lines(10)}});`,
    `function f() {\n  for (let i = 0; i < 9; i++) {\n${lines(10)}  }\n}`,
  ];
  for (const text of long) assert.equal(longFunctions(text, 11).length, 1, text);
  const short = [
    `function f() {\n${lines(9)}}`,
    `class C {\n${"  m() { return 1; }\n".repeat(20)}}`,
    `interface I {\n${"  a: number;\n".repeat(20)}}`,
    `const a = {\n${"  b: 1,\n".repeat(20)}};`,
    `f({\n${"  b: 1,\n".repeat(20)}});`,
    `export {\n${"  a,\n".repeat(20)}} from "./b.ts";`,
    `for (const a of b) {\n${"  test(() => {});\n".repeat(20)}}`,
  ];
  for (const text of short) assert.deepEqual(longFunctions(text, 11), [], text);
  assert.deepEqual(longFunctions(`\n\nfunction f() {\n${lines(10)}}`, 11), [{ line: 3, lines: 12 }]);
});

Deno.test("undocumentedExports finds exports without a doc comment", () => {
  assert.deepEqual(undocumentedExports("/** A. */\nexport const a = 1;\nexport function b() {}\n"), [
    "3: export function b() {}",
  ]);
  assert.deepEqual(undocumentedExports('export { a } from "./a.ts";\nconst b = 1;\n'), []);
  assert.deepEqual(undocumentedExports("/** A. */\nexport function a(x: 1): 1;\nexport function a(x: 2): 2;\n"), []);
});
