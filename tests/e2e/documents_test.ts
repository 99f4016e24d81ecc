// The commands of the documents for users, run in order, as a reader would type them. Each document gets a folder with the
// files that it names, and `sluice`, `sluice-server` and `deno` in the PATH. What a fenced block means:
//
// - `sh`: commands. Each must exit with 0, or as its comment says: `# exits with 4`. `until Ctrl-C` in a comment: Ctrl-C is
//   pressed once the server receives the file that is named last. A server runs in the background, until the next one or
//   the document's end.
// - `console`: the same behind `$ `, each with what it prints; numbers, durations and keys may be others; `...` is any lines,
//   or the rest of one.
// - `LANGUAGE file=PATH`: a file that the reader writes.
// - what NOT_RUN has: what no test can run, with the reason. Anything else fails the test.
//
// The gate runs all documents, the quick tests the first two.

import assert from "node:assert/strict";
import path from "node:path";
import { writeRandomFile } from "../../testing/programs/files.ts";
import { type Launch, launchOfTask, type Program, Stage } from "../../testing/programs/programs.ts";
import { sample } from "../../testing/effort.ts";
import { ExitCode } from "../../cli/exit_codes.ts";

const PROJECT = path.join(import.meta.dirname!, "..", "..");

/** The documents for users. */
const DOCUMENTS = [
  "README.md",
  "docs/GUIDE.md",
  "docs/ACCESS.md",
  "docs/SERVER.md",
  "docs/TROUBLESHOOTING.md",
  "docs/PERMISSIONS.md",
];

/** Blocks that no test runs, by what stands behind the fence, and why. */
const NOT_RUN: ReadonlyMap<string, string> = new Map([
  ["sh install", "changes the machine that it runs on, or needs a release; tests/e2e/install_test.ts installs both"],
  ["sh systemd", "needs root and systemd"],
  ["ini systemd", "read by systemd"],
  [
    "text output",
    "what is printed after a failure that takes minutes; tests/sim/ and tests/e2e/kept_test.ts provoke them",
  ],
]);

/** Starts a shell for one command, with the state folder and the config file where they are unless set. */
const SHELL: Launch = {
  command: "env",
  args: ["-u", "SLUICE_STATE", "-u", "SLUICE_CONFIG", "-u", "XDG_STATE_HOME", "-u", "XDG_CONFIG_HOME", "bash", "-c"],
};

/** The block for a fresh machine, without a word behind its fence: the tests do not start themselves. */
const FIRST_BLOCK =
  /^npx --yes deno@[\d.]+ task (demo|test) {2,}# .+\nnpx --yes deno@[\d.]+ task (demo|test) {2,}# .+$/;

/** A fenced block. */
interface Block {
  /** What stands behind the fence. */
  readonly info: string;
  readonly lines: readonly string[];
  /** The number of its first line in the document. */
  readonly lineNumber: number;
}

/** A command of a block. */
interface Command {
  readonly text: string;
  /** Its place, such as "README.md:12". */
  readonly place: string;
  /** What it is said to print; undefined if that is not said. */
  readonly output?: readonly string[];
}

function readBlocks(text: string): Block[] {
  const blocks: Block[] = [];
  let open: { info: string; lines: string[]; lineNumber: number } | undefined;
  for (const [index, line] of text.split("\n").entries()) {
    const info = /^\s*```(.*)$/.exec(line)?.[1];
    if (info === undefined) open?.lines.push(line);
    else if (open === undefined) open = { info: info.trim(), lines: [], lineNumber: index + 2 };
    else {
      blocks.push(open);
      open = undefined;
    }
  }
  assert.equal(open, undefined, "a fence is not closed");
  return blocks;
}

/** What a `LANGUAGE file=PATH` block is saved as; undefined for other blocks. */
function fileOf({ info }: Block): string | undefined {
  return /^\w+ file=(\S+)$/.exec(info)?.[1];
}

/** Fails for a block of which the tests do not know what to do with it. */
function assertKnown(document: string, block: Block): void {
  const { info, lines, lineNumber } = block;
  const isFirst = info === "" && document === "README.md" && FIRST_BLOCK.test(lines.join("\n"));
  const isKnown = isFirst || info === "sh" || info === "console" || fileOf(block) !== undefined || NOT_RUN.has(info);
  assert.ok(isKnown, `${document}:${lineNumber}: no test knows a block of ${JSON.stringify(info)}`);
}

/** The commands of an `sh` block; those that go on after a backslash are joined. */
function shellCommands(document: string, { lines, lineNumber }: Block): Command[] {
  const commands: Command[] = [];
  let begun = "";
  for (const [index, line] of lines.entries()) {
    begun += `${line}\n`;
    if (line.endsWith("\\")) continue;
    if (!/^\s*(?:#.*)?$/.test(begun)) commands.push({ text: begun, place: `${document}:${lineNumber + index}` });
    begun = "";
  }
  return commands;
}

/** The commands of a `console` block, with what they print. */
function consoleCommands(document: string, { lines, lineNumber }: Block): Command[] {
  const commands: (Command & { readonly output: string[] })[] = [];
  for (const [index, line] of lines.entries()) {
    const place = `${document}:${lineNumber + index}`;
    if (line.startsWith("$ ")) commands.push({ text: line.slice(2), place, output: [] });
    else if (commands.length === 0) throw new Error(`${place}: output without a command`);
    else commands.at(-1)!.output.push(line);
  }
  return commands;
}

/** What is the same in each run of a command: without its numbers, times, durations, rates, keys and columns. */
function withoutFigures(line: string): string {
  return line
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "TIME")
    .replace(/\b[0-9a-f]{64}\b/g, "HASH")
    .replace(/(?<![\w-])[\w-]{43}(?![\w-])/g, "KEY")
    .replace(/\d[\d.]*/g, "N")
    .replace(/N (?:ms|s|min|h)\b(?: N (?:s|min)\b)*/g, "DURATION")
    .replace(/N [kMG]?B(?:\/s)?(?!\w)/g, "SIZE")
    .replace(/ +/g, " ")
    .trim();
}

function assertPrints(actual: string, { output = [], place }: Command): void {
  const escape = (line: string) => withoutFigures(line).replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
  const pattern = output.map((line) =>
    line === "..." ? "(?:.*\\n)*?" : `${escape(line).replace(/(?:\\\.){3}$/, ".*")}\\n`
  ).join("");
  const lines = actual.trimEnd().split("\n").map((line) => `${withoutFigures(line)}\n`).join("");
  assert.match(lines, new RegExp(`^${pattern}$`), `${place} prints something else:\n${actual}`);
}

/** A port below those that systems give out by themselves, so that no other test gets it meanwhile. */
function freePort(): number {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    try {
      Deno.listenDatagram({ hostname: "0.0.0.0", port, transport: "udp" }).close();
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}

/** The folder in which the commands of a document are typed. */
class Reader implements AsyncDisposable {
  readonly #stage: Stage;
  readonly #port = freePort();
  readonly #env: Readonly<Record<string, string>>;
  #server: Program | undefined;

  private constructor(stage: Stage, denoFolder: string) {
    this.#stage = stage;
    this.#env = {
      HOME: stage.path(".home"),
      PATH: `${stage.path(".bin")}:${Deno.env.get("PATH") ?? ""}`,
      DENO_DIR: denoFolder,
      SLUICE_SERVER: `127.0.0.1:${this.#port}`,
      SLUICE_SERVE_PORT: String(this.#port),
    };
  }

  static async open(): Promise<Reader> {
    const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).output();
    const { denoDir } = JSON.parse(new TextDecoder().decode(stdout)) as { denoDir: string };
    const reader = new Reader(await Stage.open(), denoDir);
    await reader.#prepare();
    return reader;
  }

  /** The files that the documents name, and the programs. */
  async #prepare(): Promise<void> {
    const stage = this.#stage;
    const folders = [".bin", ".home/Downloads", ".home/Pictures", "photos", "src/node_modules"];
    for (const folder of folders) await Deno.mkdir(stage.path(folder), { recursive: true });
    const files = ["photos/0001.jpg", "photos/0002.jpg", "photos/0003.jpg", "photos/0004.jpg"];
    files.push(
      "report.pdf",
      "a.txt",
      "photos.zip",
      "app.log",
      "src/main.c",
      "src/build.log",
      "src/node_modules/index.js",
    );
    for (const file of files) await writeRandomFile(stage.path(file), 10_000);
    for (const file of ["disk.img", "big.iso"]) await writeRandomFile(stage.path(file), 2_000_000);
    const launches: [string, Launch][] = [
      ["sluice", await launchOfTask("list")],
      ["sluice-server", await launchOfTask("serve")],
      ["deno", { command: Deno.execPath(), args: [] }],
    ];
    for (const [name, { command, args }] of launches) {
      const words = [command, ...args].map((word) => `'${word}'`).join(" ");
      await Deno.writeTextFile(stage.path(".bin", name), `#!/bin/sh\nexec ${words} "$@"\n`, { mode: 0o755 });
    }
  }

  /** The example's host is this machine, its port the one of this test, and the program's source where it is. */
  #here(text: string): string {
    return text
      .replaceAll(/\bfiles\.example\.org(?::65432)?/g, "127.0.0.1:65432")
      .replaceAll("65432", String(this.#port))
      .replaceAll(/(?<=\s)server\.ts\b/g, path.join(PROJECT, "server.ts"));
  }

  /** Writes a file as the reader would. */
  async write(name: string, { lines }: Block): Promise<void> {
    const file = this.#stage.path(name.replace(/^~/, ".home"));
    await Deno.mkdir(path.dirname(file), { recursive: true });
    await Deno.writeTextFile(file, this.#here(lines.map((line) => `${line}\n`).join("")));
  }

  /** Runs a command, and checks how it ends and what it prints. */
  async run(command: Command): Promise<void> {
    const { text, place, output } = command;
    const start = () => this.#stage.run(SHELL, [this.#here(text)], { env: this.#env });
    if (/^(?:sluice serve|sluice-server|deno run .*\s+server\.ts)\b(?! key|.*--help)/s.test(text)) {
      await this.#stopServer(place);
      this.#server = start();
      await this.#server.says(/listening on .*\n/);
      if (output !== undefined) assertPrints(this.#server.stdout, command);
      return;
    }
    const program = start();
    const following = /(\S+) +#.*until Ctrl-C/.exec(text);
    if (following !== null) {
      await this.#server?.says(new RegExp(`receiving "${following[1]}"`));
      program.signal("SIGINT");
    }
    const { code, stdout, stderr } = await program.finished();
    const expected = Number(/# exits with (\d+)/.exec(text)?.[1] ?? 0);
    assert.equal(code, expected, `${place}: ${text}exits with ${code}, not ${expected}\n${stdout}${stderr}`);
    if (output !== undefined) assertPrints(stdout + stderr, command);
  }

  async #stopServer(place: string): Promise<void> {
    this.#server?.signal("SIGTERM");
    const ended = await this.#server?.finished();
    assert.equal(ended?.code ?? 0, 0, `the server before ${place}: ${ended?.stdout}${ended?.stderr}`);
    this.#server = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stage[Symbol.asyncDispose]();
  }
}

/** Runs a block, or finds out that it is not one to run. */
async function follow(reader: Reader, document: string, block: Block): Promise<void> {
  const { info } = block;
  const file = fileOf(block);
  assertKnown(document, block);
  if (file !== undefined) await reader.write(file, block);
  const commands = info === "sh" ? shellCommands : info === "console" ? consoleCommands : () => [];
  for (const command of commands(document, block)) await reader.run(command);
}

for (const document of sample(DOCUMENTS, 2)) {
  Deno.test(`the commands of ${document} do what it says`, async () => {
    const blocks = readBlocks(await Deno.readTextFile(path.join(PROJECT, document)));
    await using reader = await Reader.open();
    for (const block of blocks) await follow(reader, document, block);
  });
}

Deno.test("each block of the documents is known, and each reason not to run one is needed", async () => {
  const infos = new Set<string>();
  for (const document of DOCUMENTS) {
    for (const block of readBlocks(await Deno.readTextFile(path.join(PROJECT, document)))) {
      assertKnown(document, block);
      infos.add(block.info);
    }
  }
  assert.deepEqual([...NOT_RUN.keys()].filter((info) => !infos.has(info)), [], "no document has such a block");
});

Deno.test("a command that does something else than its document says fails, and so does an unknown block", async () => {
  await using reader = await Reader.open();
  const followText = async (text: string) => {
    for (const block of readBlocks(text)) await follow(reader, "text", block);
  };
  const wrong: [string, RegExp][] = [
    ["```\nsluice list\n```", /no test knows a block of ""/],
    ["```sh once\nsluice list\n```", /no test knows/],
    ["```sh\nfalse\n```", /exits with 1, not 0/],
    ["```sh\ntrue # exits with 4\n```", /exits with 0, not 4/],
    ["```console\n$ echo 2 files\n2 folders\n```", /prints something else/],
    ["```console\n$ echo 2 files\n3 folders...\n```", /prints something else/],
    ["```console\n$ echo 2 files\n```", /prints something else/],
  ];
  for (const [text, complaint] of wrong) await assert.rejects(followText(text), complaint, text);
  await followText('```console\n$ printf "%s\\n" "3 files in 7 ms" next last\n12 files in 1 min 2 s\n...\nla...\n```');
  await followText(
    "```sh\n# nothing\ntest \\\n  2 = 2\nfalse # exits with 1\n```\n```text file=~/deep/x\ncontent\n```",
  );
  await followText("```sh\ngrep -x content ~/deep/x\n```");
});

/** Options of other programs, which the documents name. */
const FOREIGN_OPTION = /^--(?:allow-\w+|repo|system)$/;

Deno.test("options and tasks that the documents name exist", async () => {
  const reference = await Deno.readTextFile(path.join(PROJECT, "docs/REFERENCE.md"));
  const known = new Set(reference.match(/--[a-z][a-z-]*/g));
  const { tasks } = JSON.parse(await Deno.readTextFile(path.join(PROJECT, "deno.json"))) as { tasks: object };
  const wrong: string[] = [];
  for (const document of DOCUMENTS) {
    const text = (await Deno.readTextFile(path.join(PROJECT, document))).replaceAll(/^```.*?^```$/gms, "");
    for (const [span] of text.matchAll(/`[^`]+`/g)) {
      const options = (span.match(/(?<=[`\s])--[a-z][a-z-]*/g) ?? []).filter((name) => !FOREIGN_OPTION.test(name));
      wrong.push(...options.filter((name) => !known.has(name)).map((name) => `${document}: ${name}`));
      const task = /deno task ([\w:]+)/.exec(span)?.[1];
      if (task !== undefined && !(task in tasks)) wrong.push(`${document}: ${span}`);
    }
  }
  assert.deepEqual(wrong, []);
  assert.ok(known.has("--retry-for") && !known.has("--retry"));
});

/** The anchor of a heading, as GitHub forms it. */
function anchorOf(heading: string): string {
  return heading.trim().toLowerCase().replace(/[^\p{L}\p{N}_ -]/gu, "").replaceAll(" ", "-");
}

function headingsOf(text: string): string[] {
  return [...text.replaceAll(/^```.*?^```$/gms, "").matchAll(/^#{1,6} (.+)$/gm)].map(([, heading]) =>
    anchorOf(heading!)
  );
}

Deno.test("links between the documents lead somewhere", async () => {
  const names = ["README.md", "CONTRIBUTING.md"];
  for await (const { name } of Deno.readDir(path.join(PROJECT, "docs"))) names.push(`docs/${name}`);
  const texts = new Map<string, string>();
  for (const name of names) texts.set(name, await Deno.readTextFile(path.join(PROJECT, name)));
  const broken: string[] = [];
  let count = 0;
  for (const [name, text] of texts) {
    for (const [, target = ""] of text.matchAll(/\]\((?!\w+:)([^)\s]+)\)/g)) {
      const [file = "", anchor] = target.split("#");
      const other = file === "" ? name : path.posix.join(path.posix.dirname(name), file);
      const known = texts.get(other);
      count++;
      if (anchor !== undefined && known !== undefined && headingsOf(known).includes(anchor)) continue;
      if (anchor === undefined && (known !== undefined || await exists(other))) continue;
      broken.push(`${name}: ${target}`);
    }
  }
  assert.deepEqual(broken, []);
  assert.ok(count > 50, `only ${count} links found`);
});

async function exists(name: string): Promise<boolean> {
  try {
    await Deno.stat(path.join(PROJECT, name));
    return true;
  } catch {
    return false;
  }
}

Deno.test("the guide names every exit code", async () => {
  const guide = await Deno.readTextFile(path.join(PROJECT, "docs/GUIDE.md"));
  const codes = [...guide.matchAll(/^\| (\d+) +\|/gm)].map(([, code]) => Number(code));
  assert.deepEqual(codes, Object.values(ExitCode).toSorted((a, b) => a - b));
});
