/**
 * `sluice-server`: keeps files in a folder. See `--help`, and README.md.
 *
 * @module
 */

import { runServer } from "./cli/server_program.ts";
import { runProgram } from "./cli/system.ts";

if (import.meta.main) await runProgram(runServer, import.meta.dirname);
