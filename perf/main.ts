/**
 * Measures speed, in simulated and in wall time.
 *
 *     deno task perf [--only TEXT] [--size MEGABYTES] [--smoke] [--json]
 *
 * Simulated figures are the same on every machine, so that two commits can be compared by them. Those in wall time
 * are for this machine, as it is now: compare runs that were made one after another.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { SIMULATED, SMOKE_BYTES, WALL } from "./scenarios.ts";
import { runSimulated, type SimulatedResult } from "./simulated.ts";
import { runWall, type WallResult } from "./wall.ts";

/** What `--json` prints. */
export interface PerfReport {
  readonly simulated: readonly SimulatedResult[];
  readonly wall: readonly WallResult[];
}

const GIB = 2 ** 30;

// deno-lint-ignore no-console -- this program talks to a person
const say = (line: string) => console.log(line);

const USAGE = `deno task perf [--only TEXT] [--size MEGABYTES] [--smoke] [--json]
  --only TEXT         scenarios whose name has TEXT in it
  --size MEGABYTES    size of every file
  --smoke             tiny files: does it run at all
  --json              figures for programs`;

/** Columns after the name, each with its width. */
function row(name: string, ...columns: readonly string[]): string {
  return [name.padEnd(30), ...columns.map((column) => column.padStart(12))].join("");
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

function simulatedRow(result: SimulatedResult): string {
  return row(
    result.name,
    `${(result.goodputBitsPerSecond / 1e6).toFixed(1)} Mbit/s`,
    percent(result.shareOfPossible),
    percent(result.retransmittedShare),
    percent(result.spuriousShare),
    `${result.maxQueueDelayMs.toFixed(1)} ms`,
    `${result.simulatedSeconds.toFixed(2)} s`,
  );
}

function wallRow(result: WallResult): string {
  const perGib = (cpuSeconds: number): string => `${(cpuSeconds / (result.sizeBytes / GIB)).toFixed(2)} s`;
  const memory = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;
  return row(
    result.name,
    `${result.megabytesPerSecond.toFixed(1)} MB/s`,
    percent(result.retransmittedShare),
    perGib(result.client.cpuSeconds),
    perGib(result.server.cpuSeconds),
    memory(result.client.peakMemoryBytes),
    memory(result.server.peakMemoryBytes),
  );
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    args: Deno.args,
    options: {
      only: { type: "string", default: "" },
      size: { type: "string" },
      smoke: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const megabytes = values.size === undefined ? undefined : Number(values.size);
  if (values.help || (megabytes !== undefined && !(megabytes > 0))) {
    say(USAGE);
    return values.help ? 0 : 2;
  }
  const sizeBytes = values.smoke ? SMOKE_BYTES : megabytes === undefined ? undefined : Math.round(megabytes * 1e6);
  const show = values.json ? () => {} : say;
  const chosen = <Scenario extends { readonly name: string }>(scenarios: readonly Scenario[]): Scenario[] =>
    scenarios
      .filter(({ name }) => name.includes(values.only))
      .map((scenario) => (sizeBytes === undefined ? scenario : { ...scenario, sizeBytes }));

  show(row("simulated", "goodput", "of possible", "sent again", "spurious", "queue", "time"));
  const simulated = chosen(SIMULATED).map((scenario) => {
    const result = runSimulated(scenario);
    show(simulatedRow(result));
    return result;
  });
  show("");
  show(row("wall time", "speed", "sent again", "client/GiB", "server/GiB", "client", "server"));
  const wall = chosen(WALL);
  const results = wall.length === 0 ? [] : await runWall(wall, (result) => show(wallRow(result)));
  const report: PerfReport = { simulated, wall: results };
  if (values.json) say(JSON.stringify(report, undefined, 2));
  return 0;
}

if (import.meta.main) Deno.exit(await main());
