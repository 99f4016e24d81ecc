/**
 * Installs the two programs of this checkout as commands, with the permissions of the tasks:
 *
 *     deno task install [--root FOLDER]    into FOLDER/bin; without it where `deno install --global` puts them
 *
 * They run the sources of the checkout, which has to stay where it is.
 *
 * @module
 */

import path from "node:path";
import { parseArgs } from "node:util";
import { permissionFlags } from "../testing/programs/permission_sets.ts";
import { runTool } from "./tool.ts";

const USAGE = `usage: deno task install [OPTIONS]
  --root FOLDER  install into FOLDER/bin`;

const ROOT = path.join(import.meta.dirname!, "..");

async function main(): Promise<number> {
  const { values: { root } } = parseArgs({ args: [...Deno.args], options: { root: { type: "string" } } });
  for (const [name, set] of [["sluice", "client"], ["sluice-server", "server"]] as const) {
    const { success } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["install", "--global", "--force", "--quiet", "--name", name, "--config", path.join(ROOT, "deno.json")],
        ...(root === undefined ? [] : ["--root", path.resolve(Deno.env.get("INIT_CWD") ?? ".", root)]),
        "--no-prompt",
        ...permissionFlags(set, { isWindows: Deno.build.os === "windows" }),
        path.join(ROOT, `${set}.ts`),
      ],
      stdin: "null",
    }).spawn().status;
    if (!success) return 1;
  }
  return 0;
}

if (import.meta.main) await runTool(USAGE, main);
