/**
 * A demonstration: starts a server on a free port, sends it 100 MB of random bytes over a link that drops 10 % of the
 * datagrams and corrupts 1 %, gets the file back over the same link, and compares the two.
 *
 *     deno task demo [--size MEGABYTES] [--simulate FAULTS]
 *
 * @module
 */

import { createHash } from "node:crypto";
import path from "node:path";
import { parseArgs } from "node:util";
import type { Progress, TransferReport } from "../app/client/api.ts";
import { connect } from "../mod.ts";
import { formatFaults, parseFaults } from "../cli/faults.ts";
import { permissionFlags } from "../testing/programs/permission_sets.ts";
import { print, runTool, UsageError } from "./tool.ts";

const DEFAULT_MEGABYTES = 100;
const DEFAULT_FAULTS = "drop=10%,corrupt=1%";
const MEGABYTE = 1_000_000;
const CHUNK_BYTES = 65_536; // the most that getRandomValues gives at once

const USAGE = `usage: deno task demo [OPTIONS]
  --size MEGABYTES   size of the file (default: ${DEFAULT_MEGABYTES})
  --simulate FAULTS  faults to inject, each way (default: ${DEFAULT_FAULTS})`;

/** Writes random bytes to a file; returns their SHA-256. */
async function writeRandomFile(filePath: string, sizeBytes: number): Promise<string> {
  const hash = createHash("sha256");
  using file = await Deno.open(filePath, { write: true, createNew: true });
  const chunk = new Uint8Array(CHUNK_BYTES);
  for (let written = 0; written < sizeBytes;) {
    const part = chunk.subarray(0, Math.min(CHUNK_BYTES, sizeBytes - written));
    crypto.getRandomValues(part);
    hash.update(part);
    for (let at = 0; at < part.length;) at += await file.write(part.subarray(at));
    written += part.length;
  }
  return hash.digest("hex");
}

async function sha256Of(filePath: string): Promise<string> {
  const hash = createHash("sha256");
  using file = await Deno.open(filePath);
  for await (const chunk of file.readable) hash.update(chunk);
  return hash.digest("hex");
}

/** Starts the real server program; resolves to its port once it listens, and prints its log. */
async function startServer(
  { root, state }: { root: string; state: string },
): Promise<{ process: Deno.ChildProcess; port: number }> {
  const program = path.join(import.meta.dirname!, "..", "server.ts");
  const process = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--no-prompt",
      ...permissionFlags("server"),
      program,
      "--host",
      "127.0.0.1",
      "--port",
      "0",
      // The clients have keys of their own.
      "--open",
      "--root",
      root,
      "--state",
      state,
    ],
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const port = Promise.withResolvers<number>();
  const showLines = async (stream: ReadableStream<Uint8Array>) => {
    let rest = "";
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop()!;
      for (const line of lines) {
        print(`  server | ${line}`);
        const match = /127\.0\.0\.1:(\d+)/.exec(line);
        if (match !== null) port.resolve(Number(match[1]));
      }
    }
    port.reject(new Error("the server exited before it listened"));
  };
  showLines(process.stdout).catch(port.reject);
  showLines(process.stderr).catch(port.reject);
  return { process, port: await port.promise };
}

function makeProgress(): (progress: Progress) => void {
  let lastShownMs = 0;
  return ({ transferredBytes, totalBytes, phase }) => {
    if (performance.now() - lastShownMs < 1000 || totalBytes === 0) return;
    lastShownMs = performance.now();
    print(`  client | ${phase}: ${(100 * transferredBytes / totalBytes).toFixed(0)} %`);
  };
}

function describe(what: string, report: TransferReport): void {
  const megabytesPerSecond = report.sizeBytes / MEGABYTE / (report.elapsedMs / 1000);
  print(
    `  client | ${what} ${report.sizeBytes} bytes in ${(report.elapsedMs / 1000).toFixed(1)} s: ` +
      `${megabytesPerSecond.toFixed(1)} MB/s`,
  );
  print(`  client | datagram bytes sent ${report.sentBytes}, received ${report.receivedBytes}`);
  if (report.retransmittedBytes > 0) {
    const share = (100 * report.retransmittedBytes / report.sizeBytes).toFixed(1);
    print(
      `  client | ${report.packetsLost} packets lost, ${report.retransmittedBytes} bytes retransmitted (${share} %)`,
    );
  }
  print(`  client | checksum on the server ${report.serverSha256}`);
  print(`  client | checksum here          ${report.localSha256}`);
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    args: Deno.args,
    options: {
      size: { type: "string", default: String(DEFAULT_MEGABYTES) },
      simulate: { type: "string", default: DEFAULT_FAULTS },
    },
  });
  const faults = parseFaults(values.simulate);
  const megabytes = Number(values.size);
  if ("error" in faults) throw new UsageError(faults.error);
  if (!(megabytes >= 0)) throw new UsageError(`--size: expected a number of megabytes, not "${values.size}"`);
  const startedMs = performance.now();
  const folder = await Deno.makeTempDir({ prefix: "sluice-demo-" });
  let server: Deno.ChildProcess | undefined;
  try {
    print(`1. Writing ${megabytes} MB of random bytes, and starting a server on a free port`);
    const original = path.join(folder, "original.bin");
    const expected = await writeRandomFile(original, Math.round(megabytes * MEGABYTE));
    const { process, port } = await startServer({
      root: path.join(folder, "storage"),
      state: path.join(folder, "state"),
    });
    server = process;
    print(`2. Sending it over a link with ${formatFaults(faults)}, each way`);
    let faultCount = 0;
    const onFault = () => {
      faultCount++;
    };
    const client = await connect({ host: "127.0.0.1", port, simulate: faults, onFault });
    describe("sent", await client.send(original, { onProgress: makeProgress() }));
    print("3. Getting it back over the same link");
    const copy = path.join(folder, "copy.bin");
    describe("got", await client.get("original.bin", { output: copy, onProgress: makeProgress() }));
    await client.close();
    print(`4. Comparing the two files: ${faultCount} datagrams were dropped or corrupted`);
    const actual = await sha256Of(copy);
    print(`  original ${expected}`);
    print(`  copy     ${actual}`);
    const isSame = actual === expected;
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
    print(
      isSame ? `The files are identical. ${seconds} s in total.` : "THE FILES DIFFER: this is a bug, please report it.",
    );
    return isSame ? 0 : 1;
  } finally {
    server?.kill("SIGTERM");
    await server?.status;
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) await runTool(USAGE, main);
