/**
 * Makes the npm package, in `dist/npm`:
 *
 *     deno task package
 *     npm pack ./dist/npm          a tarball to install: npm install -g sluice-transfer-*.tgz
 *
 * Each program is bundled into one file with all that it imports, and a launcher for Node runs it with the Deno that npm
 * brings as a dependency, with the permissions of the tasks in `deno.json`. So neither the first start nor any other needs a
 * network.
 *
 * @module
 */

import path from "node:path";
import { permissionFlags, type PermissionSet } from "../testing/programs/permission_sets.ts";
import { currentCommit } from "./compile.ts";
import { manFileOf, manPageOf } from "./reference/man.ts";
import { REFERENCE_VERSION, referencePages } from "./reference/model.ts";
import { print, printError, runTool } from "./tool.ts";

const USAGE = "usage: deno task package";

/** Free on npm, as "sluice" is not. */
const NAME = "sluice-transfer";

/** The Deno that is tested. */
export const DENO_VERSION = "2.9.6";

const ROOT = path.join(import.meta.dirname!, "..");

/** The programs: their commands, sources and permissions. */
const PROGRAMS: readonly { readonly command: string; readonly set: PermissionSet }[] = [
  { command: "sluice", set: "client" },
  { command: "sluice-server", set: "server" },
];

/** What `package.json` says; `man` are the names of the man pages. */
export function packageJson({ man }: { readonly man: readonly string[] }) {
  return {
    name: NAME,
    version: REFERENCE_VERSION,
    description: "Moves files between machines over UDP, reliably and verified, at the speed of the link",
    license: "MIT",
    // By the package's own name, npx finds the client.
    bin: Object.fromEntries([...PROGRAMS.map(({ command }) => [command, `${command}.cjs`]), [NAME, "sluice.cjs"]]),
    man: man.map((file) => `man/${file}`),
    engines: { node: ">=18" },
    dependencies: { deno: DENO_VERSION },
  };
}

/** The command that npm puts into the PATH. */
export function commandScript({ set }: { readonly set: PermissionSet }, commit: string | undefined): string {
  const launch = {
    program: `${set}.mjs`,
    permissions: permissionFlags(set),
    permissionsOnWindows: permissionFlags(set, { isWindows: true }),
    programArguments: commit === undefined ? [] : [`--build=${commit}`],
  };
  return `#!/usr/bin/env node\nrequire("./launch.cjs")(${JSON.stringify(launch, undefined, 2)});\n`;
}

/** What the commands share: it runs in Node. */
export const LAUNCHER = `"use strict";
// Runs a program of Sluice with the Deno that is a dependency of this package.
const path = require("node:path");
const { spawn } = require("node:child_process");
const { runInstall } = require("deno/install_api.cjs");

module.exports = ({ program, permissions, permissionsOnWindows, programArguments }) => {
  const child = spawn(runInstall(), [
    "run",
    "--quiet",
    "--no-prompt",
    "--no-config",
    "--no-lock",
    "--no-remote",
    "--no-npm",
    "--unstable-net",
    ...(process.platform === "win32" ? permissionsOnWindows : permissions),
    path.join(__dirname, program),
    ...programArguments,
    ...process.argv.slice(2),
  ], { stdio: "inherit", env: { ...process.env, DENO_NO_PACKAGE_JSON: "1", DENO_NO_UPDATE_CHECK: "1" } });
  // A terminal sends Ctrl-C to both; what else asks this process to stop is meant for the program.
  const hasTerminal = [process.stdin, process.stdout, process.stderr].some((stream) => stream.isTTY);
  process.on("SIGINT", () => {
    if (!hasTerminal) child.kill("SIGINT");
  });
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => {
    console.error(\`error: cannot run Deno: \${error.message}\`);
    process.exit(1);
  });
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
};
`;

/** Writes the package into a folder, which is emptied first. Returns whether it succeeded; Deno prints its errors. */
export async function buildPackage(folder: string): Promise<boolean> {
  await Deno.remove(folder, { recursive: true }).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
  await Deno.mkdir(path.join(folder, "man"), { recursive: true });
  const commit = await currentCommit();
  const write = (name: string, text: string, mode = 0o644) =>
    Deno.writeTextFile(path.join(folder, name), text, { mode });
  for (const program of PROGRAMS) {
    const args = ["bundle", "--quiet", "--platform", "deno", "--output", path.join(folder, `${program.set}.mjs`)];
    const { success } = await new Deno.Command(Deno.execPath(), {
      args: [...args, path.join(ROOT, `${program.set}.ts`)],
      stdin: "null",
      stdout: "null",
    }).spawn().status;
    if (!success) return false;
    await write(`${program.command}.cjs`, commandScript(program, commit), 0o755);
  }
  const pages = referencePages();
  for (const page of pages) {
    await write(`man/${manFileOf(page)}`, manPageOf(page, { version: REFERENCE_VERSION, others: pages }));
  }
  await write("package.json", `${JSON.stringify(packageJson({ man: pages.map(manFileOf) }), undefined, 2)}\n`);
  await write("launch.cjs", LAUNCHER);
  for (const file of ["README.md", "LICENSE"]) await Deno.copyFile(path.join(ROOT, file), path.join(folder, file));
  return true;
}

async function main(): Promise<number> {
  const folder = path.join(ROOT, "dist", "npm");
  if (!await buildPackage(folder)) {
    printError("error: cannot bundle the programs: see deno's error above");
    return 1;
  }
  print("wrote dist/npm; npm pack ./dist/npm makes a tarball of it");
  return 0;
}

if (import.meta.main) await runTool(USAGE, main);
