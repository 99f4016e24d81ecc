/**
 * `sluice`: sends files to a server and gets them. See `--help`, and README.md.
 *
 * @module
 */

import { runClient } from "./cli/client_program.ts";
import { systemContext } from "./cli/system.ts";

if (import.meta.main) Deno.exit(await runClient(Deno.args, systemContext(import.meta.dirname)));
