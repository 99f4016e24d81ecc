/**
 * What is to be measured: the command line, and the transfers that it asks for.
 *
 * @module
 */

import { parseArgs } from "node:util";
import type { Contestant } from "./figures.ts";
import { type Place, PLACES, type Scenario, SCENARIOS, SMOKE_BYTES } from "./scenarios.ts";

/** A link that others make, and how to get to its ends. */
export interface Lab {
  /** Each end's command goes behind this one, such as `ip netns exec a`. */
  readonly clientPrefix: readonly string[];
  readonly serverPrefix: readonly string[];
  /** The address at which the server listens: an IP literal. */
  readonly serverHost: string;
  /** Makes the link of a scenario, whose name goes in place of `{}`. */
  readonly up: readonly string[] | undefined;
  /** Takes it away. */
  readonly down: readonly string[] | undefined;
}

/** A command line that was understood. */
export interface Options {
  /** Scenarios whose name has this in it. */
  readonly only: string;
  readonly places: readonly Place[];
  /** What runs beside Sluice. */
  readonly rivals: readonly Contestant[];
  /** Transfers for each measurement; by default as many as its place needs. */
  readonly runs: number | undefined;
  readonly sizeBytes: number | undefined;
  readonly json: boolean;
  readonly compare: boolean;
  readonly updateBaseline: boolean;
  readonly lab: Lab | undefined;
}

/** One measurement to be made. */
export interface Transfer {
  readonly scenario: Scenario;
  readonly place: Place;
  readonly contestant: Contestant;
  readonly sizeBytes: number;
  readonly runs: number;
}

/** What `--help` prints. */
export const USAGE = `deno task perf [OPTIONS]
  --only TEXT           scenarios whose name has TEXT in it
  --place LIST          of simulated, loopback, relay, lab; without it all but lab, and lab where it is described
  --rivals LIST         of tcp, quic, or none: what carries the same file beside Sluice; without it both
  --runs N              transfers for each row, which then has their medians; without it 3 simulated, else 1
  --size MEGABYTES      size of every file
  --smoke               tiny files, once: does it run at all
  --json                figures for programs
  --compare             compares the simulated figures with perf/baseline.json; exit code 1 where one is worse
  --update-baseline     makes these figures the baseline

A link that others emulate, or a real one (each also as an environment variable):
  --server-host ADDRESS     where the server listens, an IP address            SLUICE_LAB_HOST
  --server-prefix COMMAND   runs the server behind "ip netns exec b", say      SLUICE_LAB_SERVER
  --client-prefix COMMAND   the same for the client                            SLUICE_LAB_CLIENT
  --lab-up COMMAND          makes the link; {} stands for the scenario         SLUICE_LAB_UP
  --lab-down COMMAND        takes it away                                      SLUICE_LAB_DOWN`;

const OPTIONS = {
  only: { type: "string", default: "" },
  place: { type: "string" },
  rivals: { type: "string", default: "tcp,quic" },
  runs: { type: "string" },
  size: { type: "string" },
  smoke: { type: "boolean", default: false },
  json: { type: "boolean", default: false },
  compare: { type: "boolean", default: false },
  "update-baseline": { type: "boolean", default: false },
  "server-host": { type: "string" },
  "server-prefix": { type: "string" },
  "client-prefix": { type: "string" },
  "lab-up": { type: "string" },
  "lab-down": { type: "string" },
  help: { type: "boolean", default: false },
} as const;

const RIVALS: readonly Contestant[] = ["tcp", "quic"];

/** Who carries files at a place, Sluice apart; TCP does not pass the relay, and nobody else is simulated. */
const RIVALS_AT: Readonly<Record<Place, readonly Contestant[]>> = {
  simulated: [],
  loopback: RIVALS,
  relay: ["quic"],
  lab: RIVALS,
};

/** Simulated transfers differ by their seeds, and cost little. */
const DEFAULT_RUNS: Readonly<Record<Place, number>> = { simulated: 3, loopback: 1, relay: 1, lab: 1 };

/** Understands a command line; "help" where that is asked for. Throws Error, with what to do, where it makes no sense. */
export function parseOptions(
  args: readonly string[],
  variable: (name: string) => string | undefined,
): Options | "help" {
  const { values } = parseArgs({ args: [...args], options: OPTIONS });
  if (values.help) return "help";
  const lab = labOf({
    host: values["server-host"] ?? variable("SLUICE_LAB_HOST"),
    server: values["server-prefix"] ?? variable("SLUICE_LAB_SERVER"),
    client: values["client-prefix"] ?? variable("SLUICE_LAB_CLIENT"),
    up: values["lab-up"] ?? variable("SLUICE_LAB_UP"),
    down: values["lab-down"] ?? variable("SLUICE_LAB_DOWN"),
  });
  const isLabWanted = values.place?.split(",").includes("lab") ?? false;
  if (isLabWanted && lab === undefined) throw new Error("--place lab needs --server-host, the server's IP address");
  const isDefault = (place: Place): boolean => place !== "lab" || lab !== undefined;
  const megabytes = values.size === undefined ? undefined : positive("--size", values.size);
  return {
    only: values.only,
    places: values.place === undefined ? PLACES.filter(isDefault) : listOf("--place", values.place, PLACES),
    rivals: values.rivals === "none" ? [] : listOf("--rivals", values.rivals, RIVALS),
    runs: values.smoke ? 1 : values.runs === undefined ? undefined : Math.ceil(positive("--runs", values.runs)),
    sizeBytes: values.smoke ? SMOKE_BYTES : megabytes === undefined ? undefined : Math.round(megabytes * 1e6),
    json: values.json,
    compare: values.compare,
    updateBaseline: values["update-baseline"],
    lab,
  };
}

/** The measurements that are asked for, in the order in which to make them. Throws Error where there are none. */
export function plan({ only, places, rivals, runs, sizeBytes, lab }: Options): Transfer[] {
  const transfers: Transfer[] = [];
  for (const place of PLACES) {
    if (!places.includes(place)) continue;
    for (const scenario of SCENARIOS) {
      const size = scenario.sizes[place];
      if (size === undefined || !scenario.name.includes(only)) continue;
      const ours: readonly Contestant[] = place === "loopback" ? ["send", "get"] : ["send"];
      for (const contestant of [...ours, ...RIVALS_AT[place].filter((rival) => rivals.includes(rival))]) {
        transfers.push({
          scenario,
          place,
          contestant,
          sizeBytes: sizeBytes ?? size,
          runs: runs ?? DEFAULT_RUNS[place],
        });
      }
    }
  }
  if (transfers.length === 0) throw new Error(`no scenario at ${places.join(", ")} has "${only}" in its name`);
  const atLab = new Set(transfers.filter(({ place }) => place === "lab").map(({ scenario }) => scenario.name));
  if (atLab.size > 1 && lab?.up === undefined) {
    throw new Error("without --lab-up all scenarios would have the same link; choose the one that it is by --only");
  }
  return transfers;
}

function labOf(
  { host, server, client, up, down }: Readonly<
    Record<"host" | "server" | "client" | "up" | "down", string | undefined>
  >,
): Lab | undefined {
  if (host === undefined || host === "") return undefined;
  return {
    clientPrefix: wordsOf(client) ?? [],
    serverPrefix: wordsOf(server) ?? [],
    serverHost: host,
    up: wordsOf(up),
    down: wordsOf(down),
  };
}

/** A command's words. No shell sees it: spaces part them, and double quotes keep them together. */
function wordsOf(command: string | undefined): string[] | undefined {
  const words = [...(command ?? "").matchAll(/"([^"]*)"|[^ ]+/g)].map(([word, quoted]) => quoted ?? word);
  return words.length === 0 ? undefined : words;
}

function listOf<Name extends string>(option: string, text: string, known: readonly Name[]): Name[] {
  return text.split(",").map((word) => {
    const name = known.find((one) => one === word);
    if (name === undefined) throw new Error(`${option}: "${word}" is none of ${known.join(", ")}`);
    return name;
  });
}

function positive(option: string, text: string): number {
  const value = Number(text);
  if (!(value > 0 && value < Infinity)) throw new Error(`${option} takes a number above 0, not "${text}"`);
  return value;
}
