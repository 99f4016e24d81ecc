// docs/JSON.md promises a format: each of its examples is what the programs print, and they print nothing of another form.

import assert from "node:assert/strict";
import path from "node:path";
import { SluiceError } from "../../../app/api.ts";
import type { LimitSample } from "../../../app/client/api.ts";
import type { Found } from "../../../app/client/tree/walk.ts";
import { runClient } from "../../../cli/client_program.ts";
import { Meter } from "../../../cli/meter.ts";
import { createProgressView } from "../../../cli/progress.ts";
import { openServerLog } from "../../../cli/server_log.ts";
import { FakeConsole, FakeContext, fakeReport, FakeSide } from "../../../testing/cli_fakes.ts";
import { FakeClock } from "../../../testing/fake_clock.ts";

const DOCUMENT = await Deno.readTextFile(path.join(import.meta.dirname!, "../../../docs/JSON.md"));

/** The examples of a stream of the client, or of the server's log. */
function examples(stream: "out" | "err" | "log"): string[] {
  const parts = DOCUMENT.split(/^## (?=Standard error|The server's log)/m);
  const part = parts[["out", "err", "log"].indexOf(stream)]!;
  return [...part.matchAll(/^\{"\w+":.*\}$/gm)].map(([line]) => line);
}

interface Printed {
  readonly out: readonly string[];
  readonly err: readonly string[];
}

/** What a command prints with `--json`. */
async function print(args: readonly string[], prepare: (setting: FakeContext) => void = () => {}): Promise<Printed> {
  const setting = new FakeContext();
  setting.knownHosts.keys.set("127.0.0.1:65432", setting.engine.serverKey);
  prepare(setting);
  await runClient([...args, "--json"], setting);
  return { out: setting.console.outLines, err: setting.console.errLines };
}

function withFiles(setting: FakeContext): void {
  setting.engine.files = [
    { name: "a.txt", kind: "file", sizeBytes: 3, modifiedUs: 0 },
    { name: "l", kind: "link", sizeBytes: 0, target: "a.txt" },
  ];
}

/** A transfer that takes four seconds, while congestion control holds it back. */
function withSlowLink({ clock, engine }: FakeContext): void {
  const sample: LimitSample = {
    limit: "congestion",
    packetsSent: 100,
    packetsLost: 0,
    packetsReceived: 10,
    packetsMissing: 0,
    bytesSent: 120_000,
    bytesReceived: 1000,
    smoothedRttMs: 50,
  };
  engine.report = (name) => {
    for (let i = 0; i < 40; i++) {
      engine.connections[0]!.onSample!(sample);
      clock.pass(100_000);
    }
    return fakeReport(name);
  };
}

const FILE = { kind: "file", sizeBytes: 10, modifiedUs: 1_000_000 } as const;
const FOLDER = { kind: "folder", sizeBytes: 0, modifiedUs: 1_000_000 } as const;

/** A folder to send, and what the server has of it. */
function withTree(setting: FakeContext): void {
  const source: readonly Found[] = [
    { path: "", ...FOLDER },
    { path: "d", ...FOLDER },
    { path: "d/new", ...FILE },
    { path: "link", kind: "link", sizeBytes: 0, target: "d" },
    { path: "same", ...FILE },
    { path: "other", ...FILE, sizeBytes: 11 },
    {
      path: "fifo",
      severity: "skipped",
      reason: "is a device, FIFO or socket, which is not transferred in a folder",
    },
  ];
  setting.entryAt = () => "folder";
  setting.localSide = () => new FakeSide("from", source);
  setting.engine.files = [
    { name: "to", ...FOLDER },
    { name: "to/same", ...FILE },
    { name: "to/other", ...FILE },
  ];
}

/** All that the client prints in the scenes below. */
async function printedByClient(): Promise<Printed> {
  const all = await Promise.all([
    print(["send", "photos/a.jpg"], ({ engine }) => {
      engine.report = (name) => fakeReport(name, { savedAs: "a.jpg" });
    }),
    print(["send", "photos/a.jpg"], withSlowLink),
    print(["send", "from", "--as", "to", "--dry-run"], withTree),
    print(["list"], withFiles),
    print(["stat", "b.txt", "--checksum"], ({ engine }) => {
      const sha256 = "cd".repeat(32);
      const entry = { name: "b.txt", kind: "file", sizeBytes: 3, modifiedUs: 0, mode: 0o644, sha256 } as const;
      engine.files = [entry];
    }),
    print(["rm", "a.txt"], withFiles),
    print(["mv", "a.txt", "c.txt"], withFiles),
    print(["mkdir", "d/"]),
    print(["df"], ({ engine }) => engine.space = { freeBytes: 5_000_000, usedBytes: 2_000_000, quotaBytes: 7_000_000 }),
    print(["key"]),
    print(["hosts"], ({ knownHosts }) => {
      knownHosts.keys.set("files.example.org:65432", new Uint8Array(32).fill(8));
    }),
    print(["get", "missing"]),
    print(["send"]),
    print(["list"], ({ engine }) => engine.connectError = new SluiceError("unreachable", "no response")),
    print(["get", "a"], ({ engine }) => engine.report = (name) => fakeReport(name, { savedAs: "a_received" })),
    print(["list"], ({ engine }) => {
      engine.onList = () => engine.connections[0]!.onRetry!({ kind: "connected", afterMs: 12_345 });
    }),
    Promise.resolve({ out: printedProgress(), err: [] }),
  ]);
  return { out: all.flatMap(({ out }) => out), err: all.flatMap(({ err }) => err) };
}

function printedProgress(): string[] {
  const context = { console: new FakeConsole(), clock: new FakeClock() };
  const task = createProgressView(context, { enabled: true, json: true }).start();
  const progress = { name: "a.bin", totalBytes: 100_000_000, phase: "transferring" } as const;
  task.update({ ...progress, transferredBytes: 0 });
  context.clock.pass(1_000_000);
  task.update({ ...progress, transferredBytes: 25_000_000 });
  return context.console.outLines;
}

/** The properties of an object, the outermost only. */
function shapeOf(line: string): string {
  const { type } = JSON.parse(line);
  return `${type}: ${Object.keys(JSON.parse(line)).join(", ")}`;
}

Deno.test("the examples of docs/JSON.md are what the client prints, line for line", async () => {
  const printed = await printedByClient();
  for (const stream of ["out", "err"] as const) {
    const documented = examples(stream);
    assert.ok(documented.length >= 5);
    for (const line of documented) assert.ok(printed[stream].includes(line), `${line}\n${printed[stream].join("\n")}`);
  }
});

Deno.test("the client prints no object whose properties docs/JSON.md does not show", async () => {
  const printed = await printedByClient();
  for (const stream of ["out", "err"] as const) {
    const known = new Set(examples(stream).flatMap((line) => Object.keys(JSON.parse(line))));
    for (const line of printed[stream]) {
      assert.match(line, /^\{"type":"/);
      const unknown = Object.keys(JSON.parse(line)).filter((key) => !known.has(key));
      assert.deepEqual(unknown, [], shapeOf(line));
    }
  }
});

Deno.test("JSON keeps a name as it is, and on one line", async () => {
  const name = 'a\n"\u202e\x1b[1A\u0085';
  const { out } = await print(["get", name]);
  assert.deepEqual(out.length, 2);
  assert.equal(JSON.parse(out[0]!).name, name);
  // deno-lint-ignore no-control-regex
  assert.doesNotMatch(out[0]!, /[\x00-\x1f\x7f-\x9f\u202e]/);
});

Deno.test("the client takes --json for an option only before --", async () => {
  const setting = new FakeContext();
  assert.equal(await runClient(["get", "missing", "--", "--json"], setting), 3);
  assert.match(setting.console.errLines.at(-1)!, /^error: /);
});

Deno.test("an interactive session has no --json", async () => {
  const { out, err } = await print(["127.0.0.1", "7"]);
  assert.deepEqual(out, []);
  assert.match(err[0]!, /"exitCode":2,"message":"--json needs a command/);
});

Deno.test("the example of docs/JSON.md is a line of the server's log", () => {
  const console = new FakeConsole();
  const log = openServerLog({ console, clock: new FakeClock() }, { json: true, logLevel: "info" });
  log.event({ kind: "connected", client: "192.0.2.7:50000", id: 3, user: undefined });
  const withoutTime = (line: string) => line.replace(/^\{"time":"[-\d]+T[\d:.]+Z"/, '{"time":""');
  assert.deepEqual(console.outLines.map(withoutTime), examples("log").map(withoutTime));
});

Deno.test("progress as an object has no number that is not known", () => {
  const meter = new Meter();
  meter.update({ name: "-", transferredBytes: 5, totalBytes: 0, phase: "transferring" }, 0);
  assert.deepEqual([meter.rate, meter.leftMs], [undefined, undefined]);
});
