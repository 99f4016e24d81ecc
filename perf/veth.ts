/**
 * Two network namespaces on this machine, joined by a pair of virtual Ethernet devices: packets pass the whole network
 * stack, in frames of Ethernet's size, and nothing delays or drops them but a full buffer. Needs Linux, root and `ip`.
 *
 * Calls are synchronous, so that a signal finds either all of it or nothing, and can remove it. Only kill -9 leaves
 * namespaces behind; the next run removes them.
 *
 * @module
 */

import process from "node:process";
import type { Ends } from "./plan.ts";

/** The link of a place cannot be set up or removed; the message says why. */
export class LinkError extends Error {}

/** Namespaces are called this, the ID of the process that made them, a number, and the end. */
const NAME = /^sluice-perf-(\d+)-\d+-(?:client|server)\b/;
const DEVICE = "veth0";
const CLIENT_HOST = "192.0.2.1";
const SERVER_HOST = "192.0.2.2";
const TRIAL_MTU_BYTES = 1500;
/** Names that are tried until one is free. */
const MAX_TRIES = 100;

/** Why this machine cannot have such a link, and what to do; undefined if it can. */
export function vethProblem(): string | undefined {
  const instead = "; --place loopback needs neither root nor `ip`";
  if (Deno.build.os !== "linux") return "--place veth needs Linux, for network namespaces";
  if (Deno.uid() !== 0) return `--place veth makes network namespaces, which takes root${instead}`;
  try {
    new Veth(TRIAL_MTU_BYTES)[Symbol.dispose]();
  } catch (error) {
    if (error instanceof LinkError) return `--place veth: ${error.message}${instead}`;
    throw error;
  }
  return undefined;
}

/** See the module's description. */
export class Veth implements Disposable {
  readonly #namespaces: string[] = [];

  /** Sets it up. Throws LinkError. */
  constructor(mtuBytes: number) {
    removeStale();
    try {
      const client = this.#addNamespace("client");
      const server = this.#addNamespace("server");
      const mtu = String(mtuBytes);
      const peer = ["peer", "name", DEVICE, "netns", server, "mtu", mtu];
      ip("-n", client, "link", "add", DEVICE, "mtu", mtu, "type", "veth", ...peer);
      for (const [namespace, host] of [[client, CLIENT_HOST], [server, SERVER_HOST]] as const) {
        ip("-n", namespace, "addr", "add", `${host}/24`, "dev", DEVICE);
        ip("-n", namespace, "link", "set", DEVICE, "up");
      }
    } catch (error) {
      this.#remove();
      throw error;
    }
  }

  /** How to run programs at its ends. */
  get ends(): Ends {
    const [clientPrefix, serverPrefix] = this.#namespaces.map((name) => ["ip", "netns", "exec", name]);
    return { clientPrefix: clientPrefix!, serverPrefix: serverPrefix!, serverHost: SERVER_HOST };
  }

  /** Removes it. Throws LinkError. */
  [Symbol.dispose](): void {
    const [failure] = this.#remove();
    if (failure !== undefined) throw failure;
  }

  /** Removes what there is of it; what went wrong. */
  #remove(): unknown[] {
    return this.#namespaces.splice(0).flatMap((name) => {
      try {
        ip("netns", "del", name);
        return [];
      } catch (error) {
        return [error];
      }
    });
  }

  /** Makes a namespace; where its name is taken, one of another name. */
  #addNamespace(end: "client" | "server"): string {
    const taken = new Set(namespaces());
    for (let number = 1; number <= MAX_TRIES; number++) {
      const name = `sluice-perf-${Deno.pid}-${number}-${end}`;
      if (taken.has(name)) continue;
      this.#namespaces.push(name);
      ip("netns", "add", name);
      return name;
    }
    throw new LinkError(`there are ${MAX_TRIES} network namespaces like sluice-perf-${Deno.pid}-1-${end} already`);
  }
}

/** Runs a command to its end; what it has printed. Throws LinkError. */
export function run(command: string, args: readonly string[]): string {
  let output: Deno.CommandOutput;
  try {
    output = new Deno.Command(command, { args: [...args], stdin: "null" }).outputSync();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw new LinkError(`${command} is not installed`);
    throw error;
  }
  if (output.success) return new TextDecoder().decode(output.stdout);
  const reason = new TextDecoder().decode(output.stderr).trim() || `exit code ${output.code}`;
  throw new LinkError(`${[command, ...args].join(" ")}: ${reason}`);
}

function ip(...args: readonly string[]): string {
  return run("ip", args);
}

function namespaces(): string[] {
  return ip("netns", "list").split("\n").map((line) => line.split(" ")[0]!).filter((name) => name !== "");
}

/** Removes what processes have left that were killed. */
function removeStale(): void {
  for (const name of namespaces()) {
    const pid = NAME.exec(name)?.[1];
    if (pid !== undefined && !isRunning(Number(pid))) ip("netns", "del", name);
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
