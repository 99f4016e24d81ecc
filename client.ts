/**
 * `sluice`: sends files to a server and gets them. See `--help`, and README.md.
 *
 * @module
 */

import { runClient } from "./cli/client_program.ts";
import { runProgram } from "./cli/system.ts";

if (import.meta.main) await runProgram(runClient, import.meta.dirname);
