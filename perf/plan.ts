/**
 * The command line, and the transfers that it selects.
 *
 * @module
 */

import { parseArgs } from "node:util";
import type { Contestant } from "./figures.ts";
import { type Place, PLACES, type Scenario, SCENARIOS, SMOKE_BYTES } from "./scenarios.ts";

/** How to run programs at the ends of a link. */
export interface Ends {
  /** Each endpoint's command is run by this one, such as `ip netns exec a`. */
  readonly clientPrefix: readonly string[];
  readonly serverPrefix: readonly string[];
  /** The address at which the server listens: an IP literal. */
  readonly serverHost: string;
}

/** A link outside of this program. */
export interface Lab extends Ends {
  /** Sets up the link of a scenario, whose name replaces `{}`. */
  readonly up: readonly string[] | undefined;
  /** Tears it down. */
  readonly down: readonly string[] | undefined;
}

/** A parsed command line. */
export interface Options {
  /** Selects the scenarios whose name contains this. */
  readonly only: string;
  readonly places: readonly Place[];
  /** What Sluice is compared with. */
  readonly rivals: readonly Contestant[];
  /** Transfers for each measurement; undefined for the default of its place. */
  readonly runs: number | undefined;
  readonly sizeBytes: number | undefined;
  readonly json: boolean;
  readonly compare: boolean;
  readonly updateBaseline: boolean;
  readonly lab: Lab | undefined;
  /** The largest IP packet between network namespaces. */
  readonly mtuBytes: number;
  /** Processes that each keep a core busy meanwhile. */
  readonly busyCount: number;
}

/** A measurement to be made. */
export interface Transfer {
  readonly scenario: Scenario;
  readonly place: Place;
  readonly contestant: Contestant;
  readonly sizeBytes: number;
  readonly runs: number;
}

const DEFAULT_MTU_BYTES = 1500;
/** What IPv6 needs, and what the kernel takes. */
const MIN_MTU_BYTES = 1280;
const MAX_MTU_BYTES = 65_535;
const MAX_BUSY = 64;

/** The text of `--help`. */
export const USAGE = `deno task perf [OPTIONS]
  --only TEXT           run the scenarios whose name contains TEXT
  --place LIST          simulated, loopback, relay, veth, lab (default: the first three; lab with --server-host)
  --rivals LIST         tcp, quic, or none: what to compare Sluice with (default: tcp,quic)
  --runs N              transfers per row, which has their medians (default: 3 simulated and veth, 1 elsewhere)
  --size MEGABYTES      size of every file
  --busy N              keep N cores busy meanwhile, wherever it is measured in wall time (default: 0)
  --mtu N               size of the largest packet at veth (default: ${DEFAULT_MTU_BYTES})
  --smoke               run everything once, with tiny files
  --json                print the figures as JSON
  --compare             compare the simulated figures with perf/baseline.json; exit code 1 if one is worse
  --update-baseline     save the simulated figures as the baseline

A link of your own, emulated or real:
  --server-host ADDRESS     IP address at which the server listens
  --server-prefix COMMAND   command that runs the server, such as "ip netns exec b"
  --client-prefix COMMAND   the same for the client
  --lab-up COMMAND          command that sets up the link; {} is the scenario's name
  --lab-down COMMAND        command that tears it down`;

const OPTIONS = {
  only: { type: "string", default: "" },
  place: { type: "string" },
  rivals: { type: "string", default: "tcp,quic" },
  runs: { type: "string" },
  size: { type: "string" },
  busy: { type: "string", default: "0" },
  mtu: { type: "string", default: String(DEFAULT_MTU_BYTES) },
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

/** What Sluice is compared with at a place: the relay carries datagrams only, and the simulator runs only Sluice. */
const RIVALS_AT: Readonly<Record<Place, readonly Contestant[]>> = {
  simulated: [],
  loopback: RIVALS,
  relay: ["quic"],
  veth: RIVALS,
  lab: RIVALS,
};

/** Simulated transfers differ by their seeds, and are cheap; those at veth are for comparing close figures. */
const DEFAULT_RUNS: Readonly<Record<Place, number>> = { simulated: 3, loopback: 1, relay: 1, veth: 3, lab: 1 };

/** Parses a command line; "help" for `--help`. Throws Error for a usage error. */
export function parseOptions(args: readonly string[]): Options | "help" {
  const { values } = parseArgs({ args: [...args], options: OPTIONS });
  if (values.help) return "help";
  const lab = labOf({
    host: values["server-host"],
    server: values["server-prefix"],
    client: values["client-prefix"],
    up: values["lab-up"],
    down: values["lab-down"],
  });
  const isLabWanted = values.place?.split(",").includes("lab") ?? false;
  if (isLabWanted && lab === undefined) throw new Error("--place lab needs --server-host, the server's IP address");
  const isDefault = (place: Place): boolean => place === "lab" ? lab !== undefined : place !== "veth";
  const busyCount = whole("--busy", values.busy, { min: 0, max: MAX_BUSY });
  if (busyCount > 0 && values["update-baseline"]) throw new Error("--busy: a busy machine makes no baseline");
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
    mtuBytes: whole("--mtu", values.mtu, { min: MIN_MTU_BYTES, max: MAX_MTU_BYTES }),
    busyCount,
  };
}

/** The selected measurements, in the order in which to make them. Throws Error if there are none. */
export function plan({ only, places, rivals, runs, sizeBytes, lab, mtuBytes }: Options): Transfer[] {
  const transfers: Transfer[] = [];
  for (const place of PLACES) {
    if (!places.includes(place)) continue;
    for (const scenario of SCENARIOS) {
      const size = scenario.sizes[place];
      if (size === undefined || !scenario.name.includes(only)) continue;
      const ours: readonly Contestant[] = scenario.link === undefined ? ["send", "get"] : ["send"];
      for (const contestant of [...ours, ...RIVALS_AT[place].filter((rival) => rivals.includes(rival))]) {
        transfers.push({
          scenario: place === "veth" ? ofMtu(scenario, mtuBytes) : scenario,
          place,
          contestant,
          sizeBytes: sizeBytes ?? size,
          runs: runs ?? DEFAULT_RUNS[place],
        });
      }
    }
  }
  if (transfers.length === 0) throw new Error(`no scenario of ${places.join(", ")} has "${only}" in its name`);
  const atLab = new Set(transfers.filter(({ place }) => place === "lab").map(({ scenario }) => scenario.name));
  if (atLab.size > 1 && lab?.up === undefined) {
    throw new Error("without --lab-up all scenarios would have the same link; select its scenario with --only");
  }
  return transfers;
}

/** A scenario between network namespaces; one of another MTU has another name, so that it is compared with no other. */
function ofMtu(scenario: Scenario, mtuBytes: number): Scenario {
  const about = `${scenario.about}, MTU ${mtuBytes}`;
  return { ...scenario, about, name: mtuBytes === DEFAULT_MTU_BYTES ? scenario.name : `${scenario.name}-${mtuBytes}` };
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

/** The words of a command: separated by spaces, unless in double quotes. No shell is involved. */
function wordsOf(command: string | undefined): string[] | undefined {
  const words = [...(command ?? "").matchAll(/"([^"]*)"|[^ ]+/g)].map(([word, quoted]) => quoted ?? word);
  return words.length === 0 ? undefined : words;
}

function listOf<Name extends string>(option: string, text: string, known: readonly Name[]): Name[] {
  return text.split(",").map((word) => {
    const name = known.find((one) => one === word);
    if (name === undefined) throw new Error(`${option}: "${word}" is not one of ${known.join(", ")}`);
    return name;
  });
}

function whole(option: string, text: string, { min, max }: { min: number; max: number }): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= min && value <= max) return value;
  throw new Error(`${option} takes a whole number from ${min} to ${max}, not "${text}"`);
}

function positive(option: string, text: string): number {
  const value = Number(text);
  if (!(value > 0 && value < Infinity)) throw new Error(`${option} takes a number above 0, not "${text}"`);
  return value;
}
