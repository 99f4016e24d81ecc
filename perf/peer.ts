/**
 * One end of a transfer in wall time, as a process of its own, so that each has its own CPU time and memory:
 *
 *     peer.ts server ROOT                  prints its port, then a line for each transfer
 *     peer.ts client PORT up|down FILE     makes one transfer and prints a line
 *
 * Lines are JSON. What is measured begins when the transfer begins: starting a process is not what is asked.
 *
 * @module
 */

import path from "node:path";
import process from "node:process";
import { connect } from "../io/client.ts";
import { startServer } from "../io/server.ts";

/** What a transfer cost a process. */
export interface Cost {
  readonly cpuSeconds: number;
  readonly peakMemoryBytes: number;
}

/** A line of the client. */
export interface ClientLine extends Cost {
  readonly seconds: number;
  readonly retransmittedBytes: number;
}

/** A line of the server: it listens, or a transfer is over. */
export type ServerLine =
  | { readonly kind: "listening"; readonly port: number }
  | ({ readonly kind: "transfer"; readonly retransmittedBytes: number } & Cost);

/** How often memory is looked at. */
const SAMPLE_MS = 10;

/** CPU time and memory from its making on. */
class Meter {
  readonly #startCpu = process.cpuUsage();
  readonly #timer = setInterval(() => this.#sample(), SAMPLE_MS);
  #peakMemoryBytes = 0;

  constructor() {
    this.#sample();
  }

  stop(): Cost {
    clearInterval(this.#timer);
    this.#sample();
    const { user, system } = process.cpuUsage(this.#startCpu);
    return { cpuSeconds: (user + system) / 1e6, peakMemoryBytes: this.#peakMemoryBytes };
  }

  #sample(): void {
    this.#peakMemoryBytes = Math.max(this.#peakMemoryBytes, Deno.memoryUsage().rss);
  }
}

function print(line: ClientLine | ServerLine): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

async function serve(root: string): Promise<void> {
  let meter: Meter | undefined;
  await startServer({
    host: "127.0.0.1",
    port: 0,
    root,
    onEvent: (event) => {
      if (event.kind === "listening") print({ kind: "listening", port: event.port });
      if (event.kind === "receiving" || event.kind === "sending") meter = new Meter();
      if (event.kind !== "received" && event.kind !== "sent") return;
      const retransmittedBytes = event.kind === "sent" ? event.retransmittedBytes : 0;
      print({ kind: "transfer", retransmittedBytes, ...meter!.stop() });
    },
  });
}

async function transfer(port: number, direction: string, file: string): Promise<void> {
  const client = await connect({ host: "127.0.0.1", port });
  const meter = new Meter();
  const report = direction === "up"
    ? await client.send(file, { overwrite: true })
    : await client.get(path.basename(file), { output: file, overwrite: true });
  const cost = meter.stop();
  print({ seconds: report.elapsedMs / 1000, retransmittedBytes: report.retransmittedBytes, ...cost });
  await client.close();
}

if (import.meta.main) {
  const [role, first = "", direction = "", file = ""] = Deno.args;
  if (role === "server") await serve(first);
  else await transfer(Number(first), direction, file);
}
