// The programs as they are installed, in a folder that is not theirs: `deno task install`, and the npm package from its
// tarball. The latter in the gate alone, for npm fetches Deno.

import assert from "node:assert/strict";
import path from "node:path";
import { isThorough } from "../../testing/effort.ts";
import { type Launch, Stage } from "../../testing/programs/programs.ts";
import { buildPackage } from "../../tools/package.ts";

const PROJECT = path.join(import.meta.dirname!, "..", "..");

/** Runs a command in a stage's folder; it has to succeed. */
async function succeed(stage: Stage, [command, ...args]: readonly [string, ...string[]]): Promise<string> {
  const { code, stdout, stderr } = await stage.run({ command, args }, []).finished();
  assert.equal(code, 0, `${command} ${args.join(" ")}: ${stdout}${stderr}`);
  return stdout;
}

/** Sends a file and gets it back, by programs in another folder, and stops the server by a signal to what started it. */
async function checkMainJob(server: Launch, client: Launch): Promise<void> {
  await using stage = await Stage.open({ server, client });
  const { address, program } = await stage.startServer();
  await Deno.writeTextFile(stage.path("report.txt"), "content");
  for (const args of [["send", "report.txt", "--quiet"], ["get", "report.txt", "--output", "copy.txt", "--quiet"]]) {
    const { code, stdout, stderr } = await stage.client([...args, "--server", address]);
    assert.deepEqual([code, stdout, stderr], [0, "", ""]);
  }
  assert.equal(await Deno.readTextFile(stage.path("copy.txt")), "content");
  assert.equal((await stage.client(["get", "missing", "--server", address])).code, 3);
  program.signal("SIGTERM");
  const { code, stdout } = await program.finished();
  assert.equal(code, 0);
  assert.match(stdout, /stopped/);
}

/** A command in a folder of commands. */
function commandIn(folder: string, name: string): Launch {
  return { command: path.join(folder, Deno.build.os === "windows" ? `${name}.cmd` : name), args: [] };
}

Deno.test("deno task install makes commands that work in any folder", async () => {
  await using stage = await Stage.open();
  const config = path.join(PROJECT, "deno.json");
  await succeed(stage, [
    Deno.execPath(),
    "task",
    "--quiet",
    "--config",
    config,
    "install",
    "--root",
    stage.path("installed"),
  ]);
  // The commands look for Deno in the PATH.
  const bin = stage.path("installed", "bin");
  const inPath = (name: string): Launch => ({
    command: "env",
    args: [`PATH=${path.dirname(Deno.execPath())}:${Deno.env.get("PATH")}`, commandIn(bin, name).command],
  });
  if (Deno.build.os === "windows") return;
  await checkMainJob(inPath("sluice-server"), inPath("sluice"));
});

if (isThorough) {
  Deno.test("npm package is installed from its tarball, and its commands work in any folder", async () => {
    await using stage = await Stage.open();
    assert.ok(await buildPackage(stage.path("package")));
    const tarball = (await succeed(stage, ["npm", "pack", "--silent", stage.path("package")])).trim();
    await succeed(stage, ["npm", "install", "--silent", "--prefer-offline", "--prefix", "installed", `./${tarball}`]);
    const bin = stage.path("installed", "node_modules", ".bin");
    await checkMainJob(commandIn(bin, "sluice-server"), commandIn(bin, "sluice"));
  });
}
