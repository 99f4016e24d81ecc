/**
 * The rules of CONTRIBUTING.md that need more than one file: which file may import which, that tests stand where their
 * sources do, and what no text may contain. Rules for a single file are in `tools/lint_plugin.ts`.
 *
 * @module
 */

import assert from "node:assert/strict";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { circles, forbiddenImports, type ImportGraph } from "./tidy/arrows.ts";

const ROOT = path.join(import.meta.dirname!, "..");

/** Folders of files that nobody writes. */
const NOT_SOURCES = new Set(["node_modules", "dist", "storage", "coverage", ".git"]);
/** Documents and settings, for the rules about text. */
const TEXT_FILE = /(?:\.(?:ts|md|json|jsonc|yml|yaml|lock)|^\.ci\/run)$/;

/** Sources of `base/`, `netem/` and `protocol/` without a unit test of their own, each with what tests them instead. */
const TESTED_ELSEWHERE: ReadonlyMap<string, string> = new Map([
  ["protocol/mod.ts", "re-exports alone"],
  ["protocol/connection/connection.ts", "tests/connection: wires parts together, and shows itself only with a peer"],
  ["protocol/endpoint/endpoint.ts", "tests/connection: handshakes, addresses, admission"],
  ["protocol/connection/packet_builder.ts", "tests/connection: what it builds is what the peer reads"],
  ["protocol/connection/frame_dispatch.ts", "tests/connection and tests/fuzz"],
  ["protocol/connection/loss_recovery.ts", "tests/connection/recovery_test.ts"],
  ["base/invariant.ts", "every test: it throws or it does not"],
  ["protocol/errors.ts", "classes without behaviour"],
  ["protocol/limits.ts", "numbers alone; that they hold is tested where they are used"],
  ["protocol/sent_packet.ts", "tests/unit/protocol/recovery/sent_packets_test.ts"],
  ["protocol/connection/observer.ts", "types alone"],
  [
    "protocol/crypto/chacha20poly1305/wasm_code.ts",
    "the tests of the code that it assembles: aead_code_test.ts, aead_test.ts",
  ],
  [
    "protocol/crypto/chacha20poly1305/chacha20_code.ts",
    "tests/unit/protocol/crypto/chacha20poly1305/aead_code_test.ts, aead_test.ts",
  ],
  ["protocol/streams/byte_flow.ts", "types alone"],
  ["protocol/streams/stream.ts", "types alone"],
  ["protocol/streams/stream_events.ts", "types alone"],
  ["protocol/streams/stream_entry.ts", "tests/connection/streams_test.ts and tests/fuzz/stream_test.ts"],
  ["protocol/streams/stream_sender.ts", "tests/connection/streams_test.ts"],
  ["protocol/streams/stream_table.ts", "tests/connection/streams_test.ts"],
  ["protocol/congestion/bbr/state.ts", "values alone"],
]);

/** The text of every file that people write, by its path from the root with forward slashes. */
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
const sources = [...texts.keys()].filter((file) => file.endsWith(".ts"));

/** As `deno info --json` prints it. */
interface DenoModule {
  readonly specifier: string;
  readonly dependencies?: readonly {
    readonly code?: { readonly specifier: string };
    readonly type?: { readonly specifier: string };
  }[];
}

/** Which source imports which, type-only imports included. */
async function importGraph(): Promise<ImportGraph> {
  const root = `${pathToFileURL(ROOT).href}/`;
  const entry = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(entry, sources.map((file) => `import "${root}${file}";\n`).join(""));
    const args = ["info", "--quiet", "--json", "--config", path.join(ROOT, "deno.json"), "--no-lock", entry];
    const { stdout } = await new Deno.Command(Deno.execPath(), { args }).output();
    const { modules } = JSON.parse(new TextDecoder().decode(stdout)) as { modules: DenoModule[] };
    const ours = (url: string | undefined): string[] => url?.startsWith(root) ? [url.slice(root.length)] : [];
    return new Map(modules.flatMap(({ specifier, dependencies = [] }) => {
      const to = dependencies.flatMap(({ code, type }) => ours((code ?? type)?.specifier));
      return ours(specifier).map((file) => [file, to] as const);
    }));
  } finally {
    await Deno.remove(entry);
  }
}

/** Fails with everything that is wrong, one thing a line. */
function assertNone(wrong: readonly string[], rule: string): void {
  assert(wrong.length === 0, `${rule}\n  ${wrong.join("\n  ")}`);
}

function unitTestOf(file: string): string {
  return `tests/unit/${file.replace(/\.ts$/, "_test.ts")}`;
}

Deno.test("imports follow the arrows, and form no circle", async () => {
  const graph = await importGraph();
  assert.deepEqual([...graph.keys()].sort(), sources.toSorted());
  assert(graph.get("client.ts")!.length > 0);
  assertNone(forbiddenImports(graph), "tests/tidy/arrows.ts says which part may import which:");
  assertNone(circles(graph).map((files) => files.join(" -> ")), "move what both need into a file of its own:");
});

Deno.test("dependencies come from npm, each in one version", () => {
  const { imports } = JSON.parse(texts.get("deno.json")!) as { imports: Record<string, string> };
  const wrong = Object.entries(imports).filter(([, where]) => !/^npm:.+@\d+\.\d+\.\d+$/.test(where));
  assertNone(wrong.map(([name, where]) => `${name} is ${where}`), "in deno.json:");
});

Deno.test("sources of the core have a unit test in the same place under tests/unit", () => {
  const core = sources.filter((file) => /^(?:base|netem|protocol)\//.test(file));
  const untested = new Set(core.filter((file) => !texts.has(unitTestOf(file))));
  const missing = [...untested].filter((file) => !TESTED_ELSEWHERE.has(file));
  assertNone(missing, "write the test, or add the file to TESTED_ELSEWHERE:");
  const unused = [...TESTED_ELSEWHERE.keys()].filter((file) => !untested.has(file));
  assertNone(unused, "remove from TESTED_ELSEWHERE what is gone or has a test:");
});

Deno.test("unit tests stand where their sources do", () => {
  const known = new Set(sources.map(unitTestOf));
  assertNone(sources.filter((file) => /^tests\/unit\/.*_test\.ts$/.test(file) && !known.has(file)), "no such source:");
});

Deno.test("texts hold for every machine, are finished, and name the subject", () => {
  const folders = ["home", "Users", "root", "mnt", "work", "private"];
  const rules: readonly [RegExp, string][] = [
    [new RegExp(folders.map((name) => `["'\`\\s(]/${name}/`).join("|")), "a path of one machine"],
    [/["'](?:jsr):/, "an import that many networks cannot reach"],
    [new RegExp(["TO" + "DO", "FIX" + "ME"].map((word) => `\\b${word}\\b`).join("|")), "unfinished"],
    [new RegExp(`\\b(?:${["h" + "e", "h" + "im", "h" + "is", "who" + "ever"].join("|")})\\b`, "i"), "name the subject"],
  ];
  const wrong = [...texts].flatMap(([file, text]) =>
    text.split("\n").flatMap((line, index) =>
      rules.filter(([pattern]) => pattern.test(line)).map(([, what]) => `${file}:${index + 1}: ${what}: ${line.trim()}`)
    )
  );
  assertNone(wrong, "change these lines:");
});

Deno.test("forbiddenImports names every import against an arrow", () => {
  const allowed = new Map([
    ["server.ts", ["cli/system.ts", "cli/console.ts"]],
    ["cli/system.ts", ["io/platform.ts", "mod.ts", "cli/context.ts"]],
    ["io/server.ts", ["transfer/messages.ts", "protocol/mod.ts", "io/clock.ts"]],
    ["transfer/messages.ts", ["protocol/mod.ts", "transfer/file_store.ts"]],
    ["store/placement.ts", ["transfer/file_store.ts", "store/opened_file.ts"]],
    ["sim/world.ts", ["store/directory_store.ts", "transfer/messages.ts", "base/random.ts"]],
    ["protocol/endpoint/endpoint.ts", ["protocol/connection/connection.ts", "protocol/wire/packet.ts"]],
    ["protocol/connection/path.ts", ["protocol/recovery/pacer.ts", "protocol/handshake/client_handshake.ts"]],
    ["protocol/congestion/bbr/bbr.ts", ["protocol/sent_packet.ts", "protocol/congestion/controller.ts"]],
  ]);
  assert.deepEqual(forbiddenImports(allowed), []);
  const forbidden = [
    ["server.ts", "protocol/mod.ts"],
    ["server.ts", "client.ts"],
    ["server.ts", "io/platform.ts"],
    ["cli/progress.ts", "io/platform.ts"],
    ["app/client/client.ts", "app/server/server.ts"],
    ["app/driver.ts", "app/client/client.ts"],
    ["mod.ts", "cli/console.ts"],
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
    ["protocol/wire/packet.ts", "protocol/streams/stream_entry.ts"],
    ["protocol/congestion/bbr/bbr.ts", "protocol/recovery/pacer.ts"],
    ["protocol/recovery/pacer.ts", "protocol/streams/stream_entry.ts"],
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
