/**
 * Builds the two programs as single executables, into `dist/`:
 *
 *     deno task compile          for this platform: dist/sluice-server, dist/sluice
 *     deno task compile --all    for every platform, its name in the file's name
 *
 * and `dist/SHA256SUMS`. Deno downloads the runtime (`denort`) that it puts in front of the program. Where that fails, set
 * DENORT_BIN to a denort of the same version, for this platform.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { parseArgs } from "node:util";
import { permissionFlags } from "../testing/programs/permission_sets.ts";
import { print, printError, runTool } from "./tool.ts";

const USAGE = `usage: deno task compile [OPTIONS]
  --all  build for every platform`;

const TARGETS = [
  "x86_64-unknown-linux-gnu",
  "aarch64-unknown-linux-gnu",
  "x86_64-apple-darwin",
  "aarch64-apple-darwin",
  "x86_64-pc-windows-msvc",
] as const;

/** The programs, and the permissions in `deno.json` that each gets. */
const PROGRAMS = [
  { source: "server.ts", name: "sluice-server", permissions: "server" },
  { source: "client.ts", name: "sluice", permissions: "client" },
] as const;

const OUTPUT_FOLDER = "dist";

/** One executable to build. */
export interface Build {
  readonly source: string;
  /** File name inside {@link OUTPUT_FOLDER}. */
  readonly fileName: string;
  /** Arguments of deno. */
  readonly args: readonly string[];
}

/** The executables for this platform (`target` undefined) or for another; `--version` prints the `commit`. */
export function planBuilds(
  target: string | undefined,
  options: { readonly isWindowsHost: boolean; readonly commit?: string | undefined },
): Build[] {
  const { commit } = options;
  const isWindows = target === undefined ? options.isWindowsHost : target.includes("windows");
  return PROGRAMS.map(({ source, name, permissions }) => {
    const fileName = `${name}${target === undefined ? "" : `-${target}`}${isWindows ? ".exe" : ""}`;
    const args = [
      "compile",
      // The gate (`deno task ok`) has checked the types; those of the libraries differ between versions of Deno.
      "--no-check",
      "--no-prompt",
      ...permissionFlags(permissions, { isWindows }),
      "--unstable-net",
      ...(target === undefined ? [] : ["--target", target]),
      "--output",
      `${OUTPUT_FOLDER}/${fileName}`,
      source,
      ...(commit === undefined ? [] : [`--build=${commit}`]),
    ];
    return { source, fileName, args };
  });
}

/** Runs deno, which prints its errors. Resolves to whether it succeeded. */
async function compile(build: Build): Promise<boolean> {
  const process = new Deno.Command(Deno.execPath(), { args: [...build.args], stdin: "null" }).spawn();
  return (await process.status).success;
}

/** The commit that is checked out; undefined if there is no git, or something differs from it. */
export async function currentCommit(): Promise<string | undefined> {
  const git = async (...args: string[]) => {
    const { success, stdout } = await new Deno.Command("git", { args, stderr: "null" }).output();
    return success ? new TextDecoder().decode(stdout).trim() : undefined;
  };
  try {
    return await git("status", "--porcelain") === "" ? await git("rev-parse", "HEAD") : undefined;
  } catch {
    return undefined;
  }
}

/** The line of `SHA256SUMS` for a file, as `sha256sum --check` reads it. */
export function checksumLine(bytes: Uint8Array, fileName: string): string {
  return `${createHash("sha256").update(bytes).digest("hex")}  ${fileName}\n`;
}

async function main(): Promise<number> {
  const { values } = parseArgs({ args: [...Deno.args], options: { all: { type: "boolean", default: false } } });
  if (values.all && Deno.env.get("DENORT_BIN") !== undefined) {
    return fail("DENORT_BIN is a runtime for one platform; unset it to build with --all");
  }
  await Deno.mkdir(OUTPUT_FOLDER, { recursive: true });
  const isWindowsHost = Deno.build.os === "windows";
  const commit = await currentCommit();
  const builds = (values.all ? TARGETS : [undefined]).flatMap((target) =>
    planBuilds(target, { isWindowsHost, commit })
  );
  let checksums = "";
  for (const build of builds) {
    print(`building ${OUTPUT_FOLDER}/${build.fileName}`);
    if (!await compile(build)) {
      return fail(
        `cannot compile ${build.source}: see deno's error above. If its runtime cannot be downloaded, ` +
          `set DENORT_BIN to a denort of version ${Deno.version.deno}`,
      );
    }
    checksums += checksumLine(await Deno.readFile(`${OUTPUT_FOLDER}/${build.fileName}`), build.fileName);
  }
  await Deno.writeTextFile(`${OUTPUT_FOLDER}/SHA256SUMS`, checksums);
  print(`wrote ${builds.length} executables and ${OUTPUT_FOLDER}/SHA256SUMS`);
  return 0;
}

function fail(reason: string): number {
  printError(`error: ${reason}`);
  return 1;
}

if (import.meta.main) await runTool(USAGE, main);
