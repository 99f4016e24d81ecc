/**
 * Attacks the real server on this machine, and measures what that costs the server and an honest client.
 *
 *     deno task attack [--only NAME] [--rounds N]
 *
 * For each attack it starts a server, an attacker in a process of its own, and some seconds later an honest client, which
 * sends a file at a fixed rate and asks for a list. The attack has succeeded if the client loses its speed. The table shows
 * the client's speed as a share of its speed without an attack, and the server's memory and processor time meanwhile. The
 * three processes may share two cores, so the client's rate is modest. Linux only: memory and time are read from `/proc`,
 * and the attacker needs many loopback addresses.
 *
 * The attacker uses processor time of this machine, which a real one would not. So an attack that needs no answers is also
 * directed at a socket that nobody reads ("control"): what the client loses then is the cost of the attacker's own work.
 * Of several rounds the medians are shown.
 *
 * @module
 */

import path from "node:path";
import { parseArgs } from "node:util";
import type { Client } from "../app/client/api.ts";
import { connect, type SendPolicy } from "../mod.ts";
import { ATTACK_SCENARIOS, type AttackScenario, BAIT_NAME } from "./attack/scenarios.ts";
import { print, runTool, UsageError, wholeNumber } from "./tool.ts";

const USAGE = `usage: deno task attack [OPTIONS]
  --only NAME  only this attack
  --rounds N   repeat each attack, and show medians (default: 1)
attacks: ${ATTACK_SCENARIOS.map(({ name }) => name).join(", ")}`;

const PERMISSIONS = ["--allow-net", "--allow-read", "--allow-write", "--allow-sys=statfs", "--allow-env"];

/** What the honest client sends: two seconds at its rate. */
const FILE_BYTES = 20_000_000;
const SEND_POLICY: SendPolicy = { kind: "fixed", rateBytesPerSecond: 10_000_000 };

/** Duration of an attack before the honest client connects. */
const RAMP_MS = 4_000;

/** Number of files that the server lists. */
const LISTED_FILES = 2_000;

/** Ticks of `/proc/PID/stat` in a second. */
const TICKS = 100;

interface Outcome {
  /** Duration of the honest client's transfer, without connecting; undefined if it failed. */
  readonly seconds: number | undefined;
  readonly connectMs: number | undefined;
  readonly listMs: number | undefined;
  readonly serverMiB: number;
  /** Processor time of the server while it served the client, as a share of one core. */
  readonly serverShare: number;
  readonly logLines: number;
  readonly attack: string;
}

/** A server in a process of its own. */
class Target {
  logLines = 0;
  readonly listening: Promise<number>;

  private constructor(readonly child: Deno.ChildProcess) {
    const { promise, resolve } = Promise.withResolvers<number>();
    this.listening = promise;
    void readLines(child.stdout, (line) => {
      this.logLines++;
      const found = /listening on .*:(\d+),/.exec(line);
      if (found !== null) resolve(Number(found[1]));
    });
  }

  static start(root: string): Target {
    const program = path.join(import.meta.dirname!, "..", "server.ts");
    const args = [
      "run",
      "--quiet",
      "--no-prompt",
      ...PERMISSIONS,
      program,
      "--port",
      "0",
      // The clients have keys of their own.
      "--open",
      "--root",
      root,
      "--state",
      `${root}-state`,
    ];
    return new Target(new Deno.Command(Deno.execPath(), { args, stdout: "piped", stderr: "inherit" }).spawn());
  }

  /** Its processor time so far and its peak memory; 0 where they cannot be read. */
  async cost(): Promise<{ cpuSeconds: number; memoryMiB: number }> {
    try {
      const stat = await Deno.readTextFile(`/proc/${this.child.pid}/stat`);
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      const status = await Deno.readTextFile(`/proc/${this.child.pid}/status`);
      const memoryMiB = Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024;
      return { cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS, memoryMiB };
    } catch {
      return { cpuSeconds: 0, memoryMiB: 0 };
    }
  }

  async stop(): Promise<void> {
    this.child.kill("SIGKILL");
    await this.child.status;
  }
}

async function readLines(stream: ReadableStream<Uint8Array>, onLine: (line: string) => void): Promise<void> {
  let rest = "";
  for await (const chunk of stream.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>)) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop()!;
    lines.forEach(onLine);
  }
}

/** An attack, its control, or no attack. */
interface Trial {
  readonly name: string;
  readonly scenario?: AttackScenario;
  readonly isControl?: true;
}

/** Runs one trial. */
async function measure(folder: string, { scenario, isControl }: Trial): Promise<Outcome> {
  using sink = new Sink();
  const root = path.join(folder, scenario?.name ?? "none");
  await Deno.mkdir(root);
  await Deno.writeFile(path.join(root, BAIT_NAME), new Uint8Array(10_000_000));
  for (let i = 0; i < LISTED_FILES; i++) await Deno.writeFile(path.join(root, `listed-${i}`), new Uint8Array(0));
  const target = Target.start(root);
  const port = await target.listening;
  let attacker: Deno.ChildProcess | undefined;
  let attack = "";
  try {
    if (scenario !== undefined) {
      attacker = startAttacker(scenario, isControl ? sink.port : port, (line) => attack = line);
      await new Promise((resolve) => setTimeout(resolve, RAMP_MS));
    }
    const before = await target.cost();
    const startMs = performance.now();
    const honest = await serveHonest(path.join(folder, "honest"), port);
    const elapsed = (performance.now() - startMs) / 1000;
    const after = await target.cost();
    const serverShare = (after.cpuSeconds - before.cpuSeconds) / elapsed;
    return { ...honest, serverMiB: after.memoryMiB, serverShare, logLines: target.logLines, attack };
  } finally {
    attacker?.kill("SIGKILL");
    await attacker?.status;
    await target.stop();
    for (const made of [root, `${root}-state`]) await Deno.remove(made, { recursive: true });
  }
}

/** A socket that nobody reads. */
class Sink implements Disposable {
  readonly #socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });

  get port(): number {
    return (this.#socket.addr as Deno.NetAddr).port;
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}

function startAttacker(scenario: AttackScenario, port: number, onLine: (line: string) => void): Deno.ChildProcess {
  const program = path.join(import.meta.dirname!, "attack", "attacker.ts");
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", "--allow-all", program, scenario.name, `${port}`],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  void readLines(child.stdout, onLine);
  return child;
}

async function serveHonest(file: string, port: number): Promise<Pick<Outcome, "seconds" | "connectMs" | "listMs">> {
  let client: Client | undefined;
  try {
    const startMs = performance.now();
    client = await connect({ host: "127.0.0.1", port, sendPolicy: SEND_POLICY });
    const connectedMs = performance.now();
    await client.send(file);
    const sentMs = performance.now();
    await client.list();
    return {
      seconds: (sentMs - connectedMs) / 1000,
      connectMs: connectedMs - startMs,
      listMs: performance.now() - sentMs,
    };
  } catch (error) {
    print(`  honest client failed: ${error instanceof Error ? error.message : error}`);
    return { seconds: undefined, connectMs: undefined, listMs: undefined };
  } finally {
    await client?.close();
  }
}

/** The columns: the honest client's, the server's, and the attacker's own report. */
const TITLES = ["speed", "send s", "conn ms", "list ms", "MiB", "core", "log"];
const HEADER = ["".padEnd(28), ...TITLES.map((title) => title.padStart(7)), "attacker"].join(" ");

function row(name: string, outcome: Outcome, alone: Outcome): string {
  const { seconds, connectMs, listMs, serverMiB, serverShare, logLines, attack } = outcome;
  const share = seconds === undefined || alone.seconds === undefined ? "none" : percent(alone.seconds / seconds);
  const cells = [
    name.padEnd(28),
    share.padStart(7),
    (seconds?.toFixed(2) ?? "-").padStart(7),
    (connectMs?.toFixed(0) ?? "-").padStart(7),
    (listMs?.toFixed(0) ?? "-").padStart(7),
    serverMiB.toFixed(0).padStart(7),
    percent(serverShare).padStart(7),
    `${logLines}`.padStart(7),
    attack,
  ];
  return cells.join(" ");
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}

/** The outcome with the median duration; a failure counts as the longest. */
function medianOf(outcomes: readonly Outcome[]): Outcome {
  const sorted = outcomes.toSorted((one, other) => (one.seconds ?? Infinity) - (other.seconds ?? Infinity));
  return sorted[sorted.length >> 1]!;
}

function trialsOf(scenarios: readonly AttackScenario[]): Trial[] {
  const attacks = scenarios.flatMap((scenario): Trial[] => [
    { name: scenario.name, scenario },
    ...(scenario.isDeaf ? [{ name: `${scenario.name}, control`, scenario, isControl: true } as const] : []),
  ]);
  return [{ name: "no attack" }, ...attacks];
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    args: Deno.args,
    options: { only: { type: "string" }, rounds: { type: "string", default: "1" } },
  });
  const chosen = ATTACK_SCENARIOS.filter(({ name }) => values.only === undefined || values.only === name);
  if (chosen.length === 0) throw new UsageError(`--only: no such attack: "${values.only}"`);
  const rounds = wholeNumber("rounds", values.rounds, { min: 1 });
  const folder = await Deno.makeTempDir({ prefix: "sluice-attack-" });
  try {
    await Deno.writeFile(path.join(folder, "honest"), new Uint8Array(FILE_BYTES));
    const trials = trialsOf(chosen);
    const outcomes = trials.map((): Outcome[] => []);
    for (let round = 0; round < rounds; round++) {
      for (const [index, trial] of trials.entries()) outcomes[index]!.push(await measure(folder, trial));
    }
    print(HEADER);
    const medians = outcomes.map(medianOf);
    for (const [index, { name }] of trials.entries()) print(row(name, medians[index]!, medians[0]!));
    return 0;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) await runTool(USAGE, main);
