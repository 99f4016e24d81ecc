/**
 * The user's config file: where it is, and its text.
 *
 * @module
 */

import fs from "node:fs";
import path from "node:path";
import { SluiceError } from "../app/api.ts";
import { errorCode, reasonOf } from "./private_file.ts";
import type { Environment } from "./state_folder.ts";

/** The variable that names the file; if it is empty, no file is read. */
export const CONFIG_VARIABLE = "SLUICE_CONFIG";

const FILE_NAME = "config.toml";

/** What is read of a file; no config is nearly as long. */
const MAX_BYTES = 1_000_000;

/** The file and its text; undefined if there is none. Throws SluiceError if it cannot be read, or is named and missing. */
export function readConfigFile(env: Environment): { path: string; text: string; home: string | undefined } | undefined {
  const named = env(CONFIG_VARIABLE);
  if (named === "") return undefined;
  const file = named ?? usualFile(env);
  if (file === undefined) return undefined;
  try {
    const { size } = fs.statSync(file);
    if (size > MAX_BYTES) {
      throw new SluiceError("usage", `the config file ${file} has ${size} bytes: it is another file`);
    }
    const text = new TextDecoder("utf-8", { fatal: true }).decode(fs.readFileSync(file));
    return { path: file, text, home: env("HOME") ?? env("USERPROFILE") };
  } catch (error) {
    if (error instanceof SluiceError) throw error;
    if (error instanceof TypeError) throw new SluiceError("usage", `the config file ${file} is not valid UTF-8`);
    const code = errorCode(error);
    if (named === undefined && (code === "ENOENT" || code === "ENOTDIR")) return undefined;
    const advice = named === undefined ? "" : `; ${CONFIG_VARIABLE} names it`;
    throw new SluiceError("usage", `cannot read the config file ${file}: ${reasonOf(error)}${advice}`);
  }
}

function usualFile(env: Environment): string | undefined {
  if (Deno.build.os === "windows") return below(env("APPDATA"), "Sluice", FILE_NAME);
  return below(env("XDG_CONFIG_HOME"), "sluice", FILE_NAME) ?? below(env("HOME"), ".config", "sluice", FILE_NAME);
}

/** Relative paths do not count, by the XDG Base Directory Specification. */
function below(folder: string | undefined, ...names: string[]): string | undefined {
  return folder !== undefined && path.isAbsolute(folder) ? path.join(folder, ...names) : undefined;
}
