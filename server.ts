/**
 * `sluice-server`: keeps files in a folder. See `--help`, and README.md.
 *
 * @module
 */

import { runServer } from "./cli/server_program.ts";
import { systemContext } from "./cli/system.ts";

if (import.meta.main) Deno.exit(await runServer(Deno.args, systemContext(import.meta.dirname)));
