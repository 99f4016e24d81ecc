/**
 * Folders and small files of this machine that the user names.
 *
 * @module
 */

import fs from "node:fs";
import { sleep } from "../app/platform.ts";
import { LocalSide } from "../app/client/tree/local_side.ts";
import type { TreeSide } from "../app/client/tree/side.ts";
import { quote } from "../base/display_text.ts";
import { SluiceError } from "../app/api.ts";
import { reasonOf } from "./private_file.ts";
import { systemPlatform } from "./platform.ts";

/** A folder or file, to send or to save in. */
export function localSide(root: string): TreeSide {
  return new LocalSide(root, { disk: systemPlatform.disk, pause: () => sleep(systemPlatform, 0) });
}

/** The text of a file. Throws SluiceError. */
export function readText(file: string): string {
  try {
    return fs.readFileSync(file, "utf8");
  } catch (error) {
    throw new SluiceError("local-disk", `cannot read ${quote(file)}: ${reasonOf(error)}`);
  }
}
