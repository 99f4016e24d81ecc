/**
 * Many clients of one process at once, each with a connection and a file of its own, and one server:
 *
 *     deno task crowd [--clients N] [--size KILOBYTES] [--drop PERCENT]
 *
 * Prints how many failed, the total rate, how even the clients' rates were, and the server's memory and processor time.
 * Exit code 1 if a client failed. Linux only: memory and time are read from `/proc`.
 *
 * All clients begin at once, so that their handshakes compete with the files of those that are connected already.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import path from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { connect } from "../mod.ts";
import { print, runTool, wholeNumber } from "./tool.ts";

const USAGE = `usage: deno task crowd [OPTIONS]
  --clients N              clients at once (default: 1000)
  --size KILOBYTES         size of each client's file (default: 200)
  --drop PERCENT           datagrams that the server drops, in either direction (default: 5)
  --get                    the clients get their files (default: they send them)
  --server-host IP         where the server listens (default: 127.0.0.1)
  --server-prefix COMMAND  runs the server, for example in another network namespace`;

const KILOBYTE = 1000;
const MIB = 1024 * 1024;

/** Ticks of `/proc/PID/stat` in a second. */
const TICKS = 100;

/** Chunks in which files are filled: the limit of getRandomValues. */
const CHUNK_BYTES = 65_536;

/** What the tool was asked for. */
interface Plan {
  readonly clients: number;
  readonly sizeBytes: number;
  readonly dropPercent: number;
  readonly isGet: boolean;
  readonly host: string;
  readonly prefix: readonly string[];
}

/** What became of one client; seconds since all of them began. */
interface Outcome {
  readonly connectedS: number | undefined;
  readonly doneS: number | undefined;
  readonly failure: string | undefined;
}

/** The server, a process of its own, whose limits let every client in. */
class Server implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;

  private constructor(process: Deno.ChildProcess, readonly port: number) {
    this.#process = process;
  }

  static async start(root: string, { clients, dropPercent, host, prefix }: Plan): Promise<Server> {
    const program = path.join(import.meta.dirname!, "..", "server.ts");
    const many = String(5 * clients + 16);
    const limits = ["connections", "connections-per-address", "transfers", "transfers-per-address"];
    const rates = ["handshakes", "handshakes-per-address"];
    const args = ["run", "--quiet", "--no-prompt", "--allow-all", program, "--host", host, "--port", "0"];
    args.push("--root", root, "--state", `${root}-state`, "--open", "--max-answers", "100000");
    for (const name of [...limits, ...rates]) args.push(`--max-${name}`, many);
    if (dropPercent > 0) args.push("--simulate", `drop=${dropPercent}%`);
    const [file, ...rest] = [...prefix, Deno.execPath(), ...args];
    const process = new Deno.Command(file!, { args: rest, stdin: "null", stdout: "piped", stderr: "inherit" }).spawn();
    const port = Promise.withResolvers<number>();
    void readLines(process.stdout, (line) => {
      const found = /listening on .*:(\d+),/.exec(line);
      if (found !== null) port.resolve(Number(found[1]));
    });
    void process.status.then(() => port.reject(new Error("the server has ended")));
    return new Server(process, await port.promise);
  }

  /** Its processor time so far and its peak memory. */
  async cost(): Promise<{ cpuSeconds: number; peakBytes: number }> {
    const stat = await Deno.readTextFile(`/proc/${this.#process.pid}/stat`);
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const status = await Deno.readTextFile(`/proc/${this.#process.pid}/status`);
    const peakKib = Number(/VmHWM:\s+(\d+)/.exec(status)![1]);
    return { cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS, peakBytes: peakKib * 1024 };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.status;
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

/** Runs one client. `beganMs` is when all of them began. */
async function runClient(
  file: string,
  port: number,
  { plan, beganMs }: { plan: Plan; beganMs: number },
): Promise<Outcome> {
  const secondsSince = () => (performance.now() - beganMs) / 1000;
  let connectedS: number | undefined;
  try {
    const client = await connect({ host: plan.host, port });
    connectedS = secondsSince();
    try {
      if (plan.isGet) await client.get(path.basename(file), { output: file });
      else await client.send(file);
      return { connectedS, doneS: secondsSince(), failure: undefined };
    } finally {
      await client.close();
    }
  } catch (error) {
    const failure = error instanceof Error ? error.message : String(error);
    return { connectedS, doneS: undefined, failure };
  }
}

/** Makes the files: of random bytes, so that they cannot be compressed. */
async function makeFiles(folder: string, { clients, sizeBytes }: Plan): Promise<string[]> {
  const bytes = Buffer.alloc(sizeBytes);
  for (let at = 0; at < sizeBytes; at += CHUNK_BYTES) crypto.getRandomValues(bytes.subarray(at, at + CHUNK_BYTES));
  const names = Array.from({ length: clients }, (_, index) => `file-${index}`);
  for (const name of names) await Deno.writeFile(path.join(folder, name), bytes);
  return names;
}

/** Jain's index: 1 if all are equal, 1/n if one has everything. */
function jain(rates: readonly number[]): number {
  const sum = rates.reduce((total, rate) => total + rate, 0);
  const squares = rates.reduce((total, rate) => total + rate * rate, 0);
  return sum * sum / (rates.length * squares);
}

/** The value that a share of the sorted values does not exceed. */
function quantile(sorted: readonly number[], share: number): string {
  return (sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN).toFixed(2);
}

function quantiles(values: readonly number[]): string {
  const sorted = values.toSorted((one, other) => one - other);
  return `${quantile(sorted, 0)} first, ${quantile(sorted, 0.5)} median, ${quantile(sorted, 1)} last`;
}

function report(plan: Plan, outcomes: readonly Outcome[]): void {
  const connected = outcomes.flatMap(({ connectedS }) => connectedS ?? []);
  const done = outcomes.flatMap(({ doneS }) => doneS ?? []);
  const failures = new Map<string, number>();
  for (const { failure } of outcomes) {
    if (failure !== undefined) failures.set(failure, (failures.get(failure) ?? 0) + 1);
  }
  print(`clients: ${plan.clients}, failed: ${plan.clients - done.length}`);
  for (const [failure, count] of failures) print(`  ${count} x ${failure}`);
  print(`connected, seconds: ${quantiles(connected)}`);
  print(`done, seconds: ${quantiles(done)}`);
  if (done.length === 0) return;
  const totalS = done.reduce((latest, seconds) => Math.max(latest, seconds), 0);
  print(`total: ${(done.length * plan.sizeBytes / totalS / 1e6).toFixed(1)} MB/s`);
  print(`Jain's index of the rates: ${jain(done.map((seconds) => plan.sizeBytes / seconds)).toFixed(3)}`);
}

async function run(plan: Plan, folder: string): Promise<number> {
  const [root, own] = [path.join(folder, "root"), path.join(folder, "own")];
  for (const made of [root, own]) await Deno.mkdir(made);
  const names = await makeFiles(plan.isGet ? root : own, plan);
  await using server = await Server.start(root, plan);
  const before = await server.cost();
  const beganMs = performance.now();
  const cpuBefore = process.cpuUsage();
  const outcomes = await Promise.all(
    names.map((name) => runClient(path.join(own, name), server.port, { plan, beganMs })),
  );
  const { user, system } = process.cpuUsage(cpuBefore);
  const after = await server.cost();
  report(plan, outcomes);
  const serverS = after.cpuSeconds - before.cpuSeconds;
  print(`processor time, seconds: server ${serverS.toFixed(2)}, clients ${((user + system) / 1e6).toFixed(2)}`);
  print(`server's peak memory: ${(after.peakBytes / MIB).toFixed(0)} MiB`);
  return outcomes.every(({ failure }) => failure === undefined) ? 0 : 1;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      clients: { type: "string", default: "1000" },
      size: { type: "string", default: "200" },
      drop: { type: "string", default: "5" },
      get: { type: "boolean", default: false },
      "server-host": { type: "string", default: "127.0.0.1" },
      "server-prefix": { type: "string", default: "" },
    },
  });
  const plan: Plan = {
    clients: wholeNumber("clients", values.clients, { min: 1, max: 100_000 }),
    sizeBytes: KILOBYTE * wholeNumber("size", values.size, { min: 1, max: 10_000_000 }),
    dropPercent: wholeNumber("drop", values.drop, { max: 99 }),
    isGet: values.get,
    host: values["server-host"],
    prefix: values["server-prefix"].split(" ").filter((word) => word !== ""),
  };
  const folder = await Deno.makeTempDir({ prefix: "sluice-crowd-" });
  try {
    return await run(plan, folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) await runTool(USAGE, main);
