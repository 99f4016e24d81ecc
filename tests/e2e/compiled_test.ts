// The executables that `deno task compile` makes do the main job: in the gate alone, for compiling takes long.

import assert from "node:assert/strict";
import path from "node:path";
import { type Build, planBuilds } from "../../tools/compile.ts";
import { isThorough } from "../../testing/effort.ts";
import { assertSameFile, namesIn, writeRandomFile } from "../../testing/programs/files.ts";
import { assertMay, makeOutside, OUTSIDE_TOO, writeProbe } from "../../testing/programs/probe.ts";
import { inTime, type Launch, reportsIn, Stage } from "../../testing/programs/programs.ts";

const PROJECT = path.join(import.meta.dirname!, "..", "..");

/** The only Deno that fits the runtime of `../shared/tools/denort`. */
const DENORT_SCRIPT_VERSION = "2.6.8";

/** How to call a Deno that can compile here. */
interface Compiler {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

async function run(command: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const [program = "", ...args] = command;
  const output = new Deno.Command(program, { args, env, cwd: PROJECT, stdin: "null" }).output();
  const { success, stdout, stderr } = await inTime(output, () => command.join(" "));
  const decoder = new TextDecoder();
  return { success, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/**
 * Deno puts its runtime, `denort`, in front of what it compiles, and downloads it. Where it cannot be reached,
 * DENORT_BIN names one, or a script beside this checkout has one.
 */
async function findCompiler(): Promise<Compiler> {
  const script = path.join(PROJECT, "..", "shared", "tools", "denort");
  const hasScript = await Deno.stat(script).then((info) => info.isFile, () => false);
  if (Deno.env.get("DENORT_BIN") !== undefined || !hasScript) return { command: [Deno.execPath()], env: {} };
  const denort = await run([script]);
  if (!denort.success) return { command: [Deno.execPath()], env: {} };
  const isOwn = Deno.version.deno === DENORT_SCRIPT_VERSION;
  return {
    command: isOwn ? [Deno.execPath()] : ["npx", "--yes", `deno@${DENORT_SCRIPT_VERSION}`],
    env: { DENORT_BIN: denort.stdout.trim() },
  };
}

const BUILDS = planBuilds(undefined, { isWindowsHost: Deno.build.os === "windows" });

/** Compiles programs into `folder`, with `probe` in front if there is one; returns why not where no runtime can be had. */
async function compileInto(folder: string, builds: readonly Build[], probe?: string): Promise<string | undefined> {
  const { command, env } = await findCompiler();
  for (const { args, fileName, source } of builds) {
    const output = args.indexOf("--output");
    const [compile = "", ...rest] = args.with(output + 1, path.join(folder, fileName));
    const ownArgs = [compile, ...probe === undefined ? [] : ["--preload", probe], ...rest];
    const { success, stderr } = await run([...command, ...ownArgs], env);
    if (success) continue;
    if (/download|denort/i.test(stderr)) return `no runtime for ${source}: ${stderr.trim().split("\n").at(-1)}`;
    assert.fail(`${source} does not compile: ${stderr}`);
  }
  return undefined;
}

/** Runs with both programs, compiled into a folder of its own; where that cannot be, says why, and does nothing. */
async function withCompiled(
  builds: readonly Build[],
  options: { readonly probe?: string; readonly run: (launches: Launch[]) => Promise<void> },
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "sluice-e2e-" });
  try {
    const reason = await compileInto(folder, builds, options.probe);
    if (reason === undefined) {
      return await options.run(builds.map(({ fileName }) => ({ command: path.join(folder, fileName), args: [] })));
    }
    Deno.stderr.writeSync(new TextEncoder().encode(`skipped: ${reason}\n`));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

if (isThorough) {
  Deno.test("compiled programs carry files up and down, verified", async () => {
    await withCompiled(BUILDS, {
      run: async ([server, client]) => {
        await using stage = await Stage.open({ server: server!, client: client! });
        await checkMainJob(stage);
      },
    });
  });

  Deno.test("compiled server may read and write its folder alone once it listens", async () => {
    const outside = await makeOutside();
    try {
      const root = path.join(path.dirname(outside), "root");
      const inside = path.join(root, "a");
      await Deno.mkdir(root);
      await Deno.writeTextFile(inside, "content");
      await withCompiled(BUILDS.slice(0, 1), {
        probe: await writeProbe({ outside, inside }),
        run: async ([launch]) => {
          await using stage = await Stage.open({ server: launch!, client: launch! });
          const server = await stage.startServer({ root: path.relative(stage.folder, root) });
          await server.program.complains(/probe done/);
          // An executable for Windows is given all of the disk at once, which Deno cannot narrow.
          const expected = Deno.build.os === "windows" ? OUTSIDE_TOO : {};
          assertMay(server.program.stderr, { "read inside": "yes", "write inside": "yes", ...expected });
          assert.equal((await server.stop()).code, 0);
        },
      });
    } finally {
      await Deno.remove(path.dirname(outside), { recursive: true });
    }
  });
}

async function checkMainJob(stage: Stage): Promise<void> {
  const server = await stage.startServer();
  const target = ["--server", server.address];
  for (const [name, sizeBytes] of [["empty", 0], ["some", 1025], ["large", 5_000_000]] as const) {
    const source = await writeRandomFile(stage.path(name), sizeBytes);
    const sent = await stage.client(["send", source, ...target]);
    assert.deepEqual([sent.code, sent.stderr], [0, ""]);
    assert.equal(reportsIn(sent.stdout), 1);
    await assertSameFile(path.join(server.root, name), source);
    // A file of the same time would be left as it is.
    await Deno.utime(source, 1, 1);
    const got = await stage.client(["get", name, "--simulate", "drop=5%,seed=1", "--quiet", ...target]);
    assert.deepEqual([got.code, got.stderr], [0, `warning: "${name}" exists; saved as "${name}_received"\n`]);
    await assertSameFile(stage.path(`${name}_received`), source);
  }
  const env = { SLUICE_SERVER: server.address };
  const listed = await stage.client(["list"], { env });
  assert.equal(listed.stdout.split("\n").length, 4);
  assert.equal((await stage.client(["get", "missing"], { env })).code, 3);
  assert.equal((await stage.client(["--fly"])).code, 2);
  assert.equal((await stage.client(["--help"])).code, 0);
  assert.equal((await server.stop()).code, 0);
  assert.deepEqual(await namesIn(server.root), ["empty", "large", "some"]);
}
