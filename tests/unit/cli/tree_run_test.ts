import assert from "node:assert/strict";
import { SluiceError } from "../../../app/api.ts";
import type { ExistingEntry } from "../../../app/client/tree/entry.ts";
import type { Found } from "../../../app/client/tree/walk.ts";
import { LimitTally } from "../../../cli/limit.ts";
import { DEFAULT_TREE_OPTIONS, type TreeOptions } from "../../../cli/tree_options.ts";
import { runTree, type TreeJob, type TreeRunOptions } from "../../../cli/tree_run.ts";
import { FakeConsole, FakeContext, FakeEngine, fakeReport, FakeSide, FakeView } from "../../../testing/cli_fakes.ts";
import { FakeClock } from "../../../testing/fake_clock.ts";

function file(path: string, sizeBytes = 10): ExistingEntry {
  return { path, kind: "file", sizeBytes, modifiedUs: 1_000_000 };
}

function folder(path: string): ExistingEntry {
  return { path, kind: "folder", sizeBytes: 0, modifiedUs: 1_000_000 };
}

function link(path: string, target: string): ExistingEntry {
  return { path, kind: "link", sizeBytes: 0, target };
}

interface Setup {
  readonly tree?: Partial<TreeOptions>;
  readonly direction?: TreeRunOptions["direction"];
  readonly confirm?: TreeRunOptions["confirm"];
  readonly quiet?: boolean;
  readonly verbose?: boolean;
  readonly json?: boolean;
  readonly prepare?: (engine: FakeEngine, abort: AbortController) => void;
  /** What a call of the destination fails with. */
  readonly failing?: (call: string) => SluiceError | undefined;
}

/** Runs a job from `source` to a folder "to" with `existing`. */
async function run(source: readonly Found[], existing: readonly Found[], setup: Setup = {}) {
  const engine = new FakeEngine();
  engine.report = (name) => fakeReport(name, { sizeBytes: 10 });
  const console = new FakeConsole();
  const abort = new AbortController();
  setup.prepare?.(engine, abort);
  const client = await engine.connect({ host: "h", port: 1 });
  const session = {
    readPipe: new FakeContext().readPipe,
    followUntil: new AbortController().signal,
    client,
    clock: new FakeClock(),
    console,
    view: new FakeView(),
    signal: abort.signal,
    quiet: setup.quiet ?? false,
    verbose: setup.verbose ?? false,
    json: setup.json ?? false,
    cpuUs: () => 0,
    tally: new LimitTally(),
  };
  const to = new FakeSide("to", existing);
  to.failing = setup.failing ?? (() => undefined);
  const jobs: TreeJob[] = [{ name: "from", from: new FakeSide("from", source), to }];
  const { direction = "send", confirm = () => Promise.resolve(undefined) } = setup;
  const exitCode = await runTree(jobs, session, {
    direction,
    confirm,
    tree: { ...DEFAULT_TREE_OPTIONS, ...setup.tree },
  });
  return { exitCode, calls: [...engine.calls], made: to.calls, out: console.outLines, err: console.errLines };
}

const FORCED = { ifDifferent: "replace" } as const;

Deno.test("runTree makes folders, then files, then links, and finishes folders from the deepest on", async () => {
  const source = [folder(""), folder("d"), folder("d/e"), file("a"), file("d/b"), link("d/l", "b")];
  const { exitCode, calls, made, out } = await run(source, []);
  assert.equal(exitCode, 0);
  assert.deepEqual(calls, ["send from/a -> to/a", "send from/d/b -> to/d/b"]);
  assert.deepEqual(made, ["make ", "make d", "make d/e", "link d/l -> b", "finish d/e", "finish d", "finish "]);
  assert.match(out.at(-1)!, /^2 files sent and verified, 20 bytes in .*; 4 folders and links made$/);
});

Deno.test("runTree counts what is unchanged, and transfers none of it", async () => {
  const tree = [folder(""), file("a"), file("b")];
  const { exitCode, calls, made, out, err } = await run(tree, tree);
  assert.deepEqual([exitCode, calls, made, err], [0, [], [], []]);
  assert.deepEqual(out, ["no file sent; 2 unchanged"]);
});

Deno.test("runTree names what differs, leaves it alone, and ends with 4", async () => {
  const { exitCode, calls, err } = await run([folder(""), file("a"), file("new")], [folder(""), file("a", 11)]);
  assert.equal(exitCode, 4);
  assert.deepEqual(calls, ["send from/new -> to/new"]);
  assert.deepEqual(err, [
    'differs: "to/a" has 11 bytes at the destination, not 10',
    "error: what differs was left alone (1); --update replaces what is older, --force all",
  ]);
});

Deno.test("runTree replaces what differs with --force", async () => {
  const existing = [folder(""), file("a", 11)];
  const { exitCode, calls } = await run([folder(""), file("a")], existing, { tree: FORCED, direction: "get" });
  assert.equal(exitCode, 0);
  assert.deepEqual(calls, ["get from/a -> to/a (force)"]);
});

Deno.test("runTree ends with 4 for what is of another kind, with --force as well", async () => {
  const { exitCode, err } = await run([folder(""), file("a")], [folder(""), folder("a")], { tree: FORCED });
  assert.equal(exitCode, 4);
  assert.deepEqual(err, ['differs: "to/a" is a file here, but a folder at the destination']);
});

Deno.test("runTree names what it skips, and goes on", async () => {
  const source: Found[] = [folder(""), { path: "fifo", kind: "other", sizeBytes: 0 }, link("out", "../x")];
  const { exitCode, err, out } = await run(source, []);
  assert.equal(exitCode, 0);
  assert.deepEqual(err, [
    'skipped: "from/fifo" is a device, FIFO or socket, which is not transferred in a folder',
    'skipped: "from/out" is a symbolic link that is not transferred: its target lies outside the folder that is ' +
    "sent or stored",
  ]);
  assert.match(out[0]!, /2 skipped$/);
});

Deno.test("runTree names what cannot be read, does the rest, and removes nothing", async () => {
  const source: Found[] = [folder(""), folder("d"), { path: "d", severity: "failed", reason: "is locked" }, file("a")];
  const existing = [folder(""), file("gone")];
  const { exitCode, calls, made, err } = await run(source, existing, { tree: { mirror: true } });
  assert.equal(exitCode, 1);
  assert.deepEqual(calls, ["send from/a -> to/a"]);
  assert.deepEqual(made.filter((call) => call.startsWith("remove")), []);
  assert.deepEqual(err, [
    'error: "from/d" is locked',
    'warning: nothing is removed, as not all of "from" could be read',
  ]);
});

Deno.test("runTree removes with --delete what the source does not have, after all else", async () => {
  const existing = [folder(""), folder("d"), file("d/a"), file("gone")];
  const { exitCode, made, out } = await run([folder(""), file("new")], existing, { tree: { mirror: true } });
  assert.equal(exitCode, 0);
  assert.deepEqual(made, ["remove d/a", "remove gone", "remove d", "finish "]);
  assert.match(out.at(-1)!, /; 3 removed$/);
});

Deno.test("runTree removes nothing once something has failed", async () => {
  const { exitCode, made, err } = await run([folder(""), file("missing")], [folder(""), file("gone")], {
    tree: { mirror: true },
  });
  assert.equal(exitCode, 3);
  assert.deepEqual(made, ["finish "]);
  assert.ok(err.includes("warning: nothing was removed, as something failed before; run the same command again"));
});

Deno.test("runTree asks before it removes, with all names, and does nothing on a no", async () => {
  const asked: unknown[] = [];
  for (const answer of [true, false, undefined]) {
    const { exitCode, calls, made, err } = await run(
      [folder(""), file("new")],
      [folder(""), folder("d"), file("d/\x1b")],
      {
        tree: { mirror: true },
        confirm: (lines, question) => {
          asked.push([lines, question]);
          return Promise.resolve(answer);
        },
      },
    );
    assert.equal(exitCode, answer === false ? 130 : 0);
    assert.deepEqual(calls.length, answer === false ? 0 : 1);
    assert.deepEqual(made.includes("remove d"), answer !== false);
    assert.deepEqual(err, answer === false ? ["error: cancelled; nothing was transferred or removed"] : []);
  }
  assert.deepEqual(asked[0], [["remove  to/d/\\x1b", "remove  to/d/"], "Remove these 2?"]);
});

Deno.test("runTree does not ask with --yes, nor where nothing is removed", async () => {
  const confirm = () => Promise.reject(new Error("asked"));
  const existing = [folder(""), file("gone")];
  assert.equal((await run([folder("")], existing, { tree: { mirror: true, isConfirmed: true }, confirm })).exitCode, 0);
  assert.equal((await run([folder(""), file("gone")], existing, { tree: { mirror: true }, confirm })).exitCode, 0);
});

Deno.test("runTree prints with --dry-run what it would do, and does nothing", async () => {
  const source = [folder(""), folder("d"), file("d/new"), file("a"), link("l", "a"), file("same")];
  const existing = [folder(""), file("a", 11), file("same"), file("gone")];
  const dry = { tree: { ...FORCED, mirror: true, dryRun: true } };
  const { exitCode, calls, made, out, err } = await run(source, existing, dry);
  assert.deepEqual([exitCode, calls, made, err], [0, [], [], []]);
  assert.deepEqual(out, [
    "folder  to/d/",
    "send    to/d/new",
    "replace to/a",
    "link    to/l -> a",
    "remove  to/gone",
    "would send 2 files, 20 bytes; 2 folders and links made, 1 removed, 1 unchanged",
  ]);
  assert.equal((await run(source, existing, { tree: { dryRun: true } })).exitCode, 4);
});

Deno.test("runTree warns of names that a disk may take for one", async () => {
  const { exitCode, err } = await run([folder(""), file("a"), file("A")], []);
  assert.equal(exitCode, 0);
  assert.deepEqual(err, [
    'warning: "from/a" and "from/A" differ only in case or Unicode normalization; some disks take them for one name and ' +
    "refuse the second",
  ]);
});

Deno.test("runTree tries once more what failed, and only that", async () => {
  const failures = new Map<string, number>();
  const { exitCode, calls, out } = await run([folder(""), file("a"), file("b"), file("refused")], [], {
    prepare: (engine) => {
      engine.error = (name) => {
        const count = (failures.get(name) ?? 0) + 1;
        failures.set(name, count);
        return name === "from/a" && count === 1 ? new SluiceError("failed", "it changed") : undefined;
      };
    },
  });
  assert.equal(exitCode, 4);
  const sent = (name: string) => calls.filter((call) => call.startsWith(`send from/${name}`)).length;
  assert.deepEqual([sent("a"), sent("b"), sent("refused")], [2, 1, 1]);
  assert.match(out.at(-1)!, /^2 files sent .*1 failed$/);
});

Deno.test("runTree reports what failed twice, folders and links as well", async () => {
  const { exitCode, err, made } = await run([folder(""), folder("d"), link("l", "d")], [], {
    failing: (call) => call === "make d" || call.startsWith("link") ? new SluiceError("failed", "no") : undefined,
  });
  assert.equal(exitCode, 1);
  assert.deepEqual(made.filter((call) => call === "make d").length, 2);
  assert.deepEqual(err, ['error: "to/d": no', 'error: "to/l": no']);
});

Deno.test("runTree reports a source that is not there, and does the other jobs", async () => {
  const sent = await run([], []);
  assert.deepEqual([sent.exitCode, sent.err], [6, ['error: "from" does not exist']]);
  const got = await run([], [], { direction: "get" });
  assert.deepEqual([got.exitCode, got.err], [3, [
    'error: "from" does not exist on the server (see "sluice list")',
  ]]);
});

Deno.test("runTree compares content with --checksum", async () => {
  const source = [folder(""), { ...file("a"), modifiedUs: 9_000_000 }];
  const { exitCode, out } = await run(source, [folder(""), file("a")], { tree: { checksum: true } });
  assert.deepEqual([exitCode, out], [0, ["no file sent; 1 unchanged"]]);
});

Deno.test("runTree begins nothing more once it is interrupted", async () => {
  const source = [folder(""), file("stuck"), link("l", "stuck")];
  const { exitCode, made } = await run(source, [folder(""), file("gone")], {
    tree: { mirror: true },
    prepare: (engine, abort) => engine.onStuck = () => abort.abort(),
  });
  assert.equal(exitCode, 130);
  assert.deepEqual(made, []);
});

Deno.test("runTree prints errors only where it is to be quiet", async () => {
  const { out, err } = await run([folder(""), file("a"), file("b")], [folder(""), file("b", 9)], { quiet: true });
  assert.deepEqual(out, []);
  assert.equal(err.length, 2);
});
