/**
 * Runs scenarios in wall time: a server and a client on loopback, each a process of its own.
 *
 * @module
 */

import path from "node:path";
import type { ClientLine, Cost, ServerLine } from "./peer.ts";
import type { WallScenario } from "./scenarios.ts";

/** What a transfer through real sockets was like; it depends on the machine, and on what else that does. */
export interface WallResult {
  readonly name: string;
  readonly sizeBytes: number;
  readonly seconds: number;
  readonly megabytesPerSecond: number;
  /** Stream bytes that the sender sent again, as a share of the file. */
  readonly retransmittedShare: number;
  readonly client: Cost;
  readonly server: Cost;
}

const PEER = path.join(import.meta.dirname!, "peer.ts");
const PERMISSIONS = ["--no-prompt", "--allow-net", "--allow-read", "--allow-write", "--allow-env", "--allow-sys"];
const CHUNK_BYTES = 65_536; // the most that getRandomValues gives at once
const FILE = "file";

/** Runs them one after another, with one server. */
export async function runWall(
  scenarios: readonly WallScenario[],
  onResult: (result: WallResult) => void,
): Promise<WallResult[]> {
  const folder = await Deno.makeTempDir({ prefix: "sluice-perf-" });
  const root = path.join(folder, "root");
  await Deno.mkdir(root);
  const server = spawnPeer(["server", root]);
  const lines = linesOf<ServerLine>(server);
  try {
    const listening = await next(lines);
    if (listening.kind !== "listening") throw new Error("the server did not say that it listens");
    const results: WallResult[] = [];
    for (const scenario of scenarios) {
      const result = await runOne(scenario, { folder, root, port: listening.port, lines });
      onResult(result);
      results.push(result);
    }
    return results;
  } finally {
    server.kill("SIGKILL");
    await lines.return(undefined);
    await server.status;
    await Deno.remove(folder, { recursive: true });
  }
}

async function runOne(
  { name, direction, sizeBytes }: WallScenario,
  { folder, root, port, lines }: { folder: string; root: string; port: number; lines: AsyncGenerator<ServerLine> },
): Promise<WallResult> {
  await writeRandomFile(path.join(direction === "up" ? folder : root, FILE), sizeBytes);
  const client = spawnPeer(["client", String(port), direction, path.join(folder, FILE)]);
  const [clientLine, serverLine, status] = await Promise.all([
    next(linesOf<ClientLine>(client)),
    next(lines),
    client.status,
  ]);
  if (!status.success || serverLine.kind !== "transfer") throw new Error(`${name}: the transfer failed`);
  const { seconds, cpuSeconds, peakMemoryBytes } = clientLine;
  const sender = direction === "up" ? clientLine : serverLine;
  return {
    name,
    sizeBytes,
    seconds,
    megabytesPerSecond: sizeBytes / 1e6 / seconds,
    retransmittedShare: sender.retransmittedBytes / sizeBytes,
    client: { cpuSeconds, peakMemoryBytes },
    server: { cpuSeconds: serverLine.cpuSeconds, peakMemoryBytes: serverLine.peakMemoryBytes },
  };
}

function spawnPeer(args: readonly string[]): Deno.ChildProcess {
  const all = ["run", "--quiet", ...PERMISSIONS, PEER, ...args];
  return new Deno.Command(Deno.execPath(), { args: all, stdin: "null", stdout: "piped", stderr: "inherit" }).spawn();
}

/** The lines that a process prints. */
async function* linesOf<Line>(process: Deno.ChildProcess): AsyncGenerator<Line> {
  let rest = "";
  for await (const text of process.stdout.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) yield JSON.parse(line) as Line;
  }
}

async function next<Line>(lines: AsyncGenerator<Line>): Promise<Line> {
  const { value, done } = await lines.next();
  if (done) throw new Error("a process ended without a result");
  return value;
}

async function writeRandomFile(filePath: string, sizeBytes: number): Promise<void> {
  using file = await Deno.open(filePath, { write: true, create: true, truncate: true });
  const chunk = new Uint8Array(CHUNK_BYTES);
  for (let written = 0; written < sizeBytes;) {
    const part = chunk.subarray(0, Math.min(CHUNK_BYTES, sizeBytes - written));
    crypto.getRandomValues(part);
    written += file.writeSync(part);
  }
}
