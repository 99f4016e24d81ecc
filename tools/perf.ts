/**
 * Measures performance, in simulated and in wall time: see `deno task perf --help`.
 *
 * Simulated figures are the same on every machine, so they can be compared between commits, and their baseline is kept
 * with the sources. Figures in wall time are those of this machine at this time: compare only what ran in the same run.
 *
 * @module
 */

import path from "node:path";
import { type Baseline, compare, type Comparison, updated } from "../perf/baseline.ts";
import { type Figures, type Measurement, summarise } from "../perf/figures.ts";
import { type Options, parseOptions, plan, type Transfer, USAGE } from "../perf/plan.ts";
import { runSimulated } from "../perf/simulated.ts";
import { comparisonOf, nameOf, tablesOf } from "../perf/table.ts";
import { LinkError, vethProblem } from "../perf/veth.ts";
import { WallRunner } from "../perf/wall.ts";

/** What `--json` prints. */
export interface PerfReport {
  readonly measurements: readonly Measurement[];
  readonly comparison?: Comparison;
}

const BASELINE = path.join(import.meta.dirname!, "../perf/baseline.json");

/** Exit codes, as those of the programs. */
const DONE = 0;
const FAILED = 1;
const USAGE_ERROR = 2;

// deno-lint-ignore no-console -- the results are for a terminal
const say = (text: string) => console.log(text);
// deno-lint-ignore no-console -- progress must not mix with JSON
const logProgress = (text: string) => console.error(text);

/**
 * Makes the measurements, link by link. At each link the transfers take turns, so that what else happens on the machine
 * falls upon all of them.
 */
async function measure(transfers: readonly Transfer[], wall: WallRunner): Promise<Measurement[]> {
  const all: Measurement[][] = [];
  for (const atLink of Map.groupBy(transfers, ({ place, scenario }) => `${place} ${scenario.name}`).values()) {
    wall.useLink(atLink[0]!);
    const rows = atLink.map((transfer) => ({ transfer, made: [] as Measurement[] }));
    for (let seed = 1; seed <= atLink[0]!.runs; seed++) {
      for (const { transfer, made } of rows.filter(({ made }) => made.at(-1)?.failure === undefined)) {
        const { scenario, place, contestant, runs } = transfer;
        const which = runs === 1 ? "" : `, ${seed} of ${runs}`;
        logProgress(`${place}: ${scenario.name} (${scenario.about}), ${nameOf(contestant)}${which}`);
        made.push(place === "simulated" ? await runSimulated(transfer, seed) : await wall.run(transfer, seed));
      }
    }
    all.push(...rows.map(({ made }) => made));
  }
  const measurements = all.map(summarise);
  return measurements.map((measurement) => ({ ...measurement, figures: withShareOfTcp(measurement, measurements) }));
}

/** Ctrl-C leaves no process, folder or network namespace behind either. */
function removeWhenSignalled(wall: WallRunner): void {
  const signals = { SIGHUP: 1, SIGINT: 2, ...(Deno.build.os === "windows" ? {} : { SIGTERM: 15 }) };
  for (const [signal, number] of Object.entries(signals)) {
    Deno.addSignalListener(signal as Deno.Signal, () => {
      try {
        wall[Symbol.dispose]();
      } finally {
        Deno.exit(128 + number);
      }
    });
  }
}

/** A measurement's figures, with its goodput as a share of TCP's in the same place. */
function withShareOfTcp({ figures, scenario, place }: Measurement, all: readonly Measurement[]): Figures {
  const tcp = all.find((one) => one.contestant === "tcp" && one.scenario === scenario && one.place === place);
  const speed = figures.goodputBitsPerSecond;
  const tcpSpeed = tcp?.figures.goodputBitsPerSecond;
  return speed === undefined || tcpSpeed === undefined ? figures : { ...figures, shareOfTcp: speed / tcpSpeed };
}

async function main(): Promise<number> {
  let options: Options | "help";
  let transfers: Transfer[];
  try {
    options = parseOptions(Deno.args);
    if (options === "help") {
      say(USAGE);
      return DONE;
    }
    transfers = plan(options);
  } catch (error) {
    logProgress(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
    return USAGE_ERROR;
  }
  using wall = new WallRunner(options);
  removeWhenSignalled(wall);
  const problem = transfers.some(({ place }) => place === "veth") ? vethProblem() : undefined;
  if (problem !== undefined) {
    logProgress(problem);
    return FAILED;
  }
  const measurements = await measure(transfers, wall);
  const baseline = JSON.parse(await Deno.readTextFile(BASELINE)) as Baseline;
  const comparison = options.compare ? compare(baseline, measurements) : undefined;
  if (options.json) {
    const report: PerfReport = { measurements, ...(comparison === undefined ? {} : { comparison }) };
    say(JSON.stringify(report, undefined, 2));
  } else {
    for (const text of tablesOf(measurements)) say(text);
    if (comparison !== undefined) say([comparisonOf(comparison.changes), ...comparison.notes].join("\n"));
  }
  if (options.updateBaseline) {
    await Deno.writeTextFile(BASELINE, `${JSON.stringify(updated(baseline, measurements), undefined, 2)}\n`);
  }
  // A competitor that fails or is missing is not a failure of Sluice.
  const hasFailed = measurements.some(({ contestant, failure }) =>
    failure !== undefined && (contestant === "send" || contestant === "get")
  );
  return hasFailed || comparison?.isWorse === true ? FAILED : DONE;
}

if (import.meta.main) {
  try {
    Deno.exit(await main());
  } catch (error) {
    if (!(error instanceof LinkError)) throw error;
    logProgress(error.message);
    Deno.exit(FAILED);
  }
}
