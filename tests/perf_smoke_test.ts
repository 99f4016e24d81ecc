/**
 * Every measurement with a tiny file, so that it works when it is needed. No figure depends on the clock of the test.
 *
 * @module
 */

import assert from "node:assert/strict";
import path from "node:path";
import type { FigureName, Measurement } from "../perf/figures.ts";
import type { PerfReport } from "../tools/perf.ts";
import { type Place, SCENARIOS, SMOKE_BYTES } from "../perf/scenarios.ts";
import { vethProblem } from "../perf/veth.ts";

/** Why this machine has no network namespaces for `perf`, if it has none. */
const VETH_PROBLEM = vethProblem();

const ROOT = path.join(import.meta.dirname!, "..");

/** Runs `deno task perf`; returns what it measured. */
async function perf(...args: readonly string[]): Promise<PerfReport> {
  const all = ["task", "--quiet", "perf", "--smoke", "--json", ...args];
  const command = new Deno.Command(Deno.execPath(), { args: all, cwd: ROOT, stdin: "null", stderr: "piped" });
  const { code, stdout, stderr } = await command.output();
  assert.equal(code, 0, new TextDecoder().decode(stderr) + new TextDecoder().decode(stdout));
  return JSON.parse(new TextDecoder().decode(stdout)) as PerfReport;
}

function namesAt(place: Place): string[] {
  return SCENARIOS.filter(({ sizes }) => sizes[place] !== undefined).map(({ name }) => name);
}

/** Fails if a row lacks one of the figures, or has an impossible value. */
function assertFigures({ scenario, place, contestant, figures }: Measurement, names: readonly FigureName[]): void {
  for (const name of names) {
    const value = figures[name];
    assert.ok(value !== undefined && value >= 0 && value < Infinity, `${place} ${scenario} ${contestant}: ${name}`);
  }
}

const SENDER: readonly FigureName[] = [
  "retransmittedShare",
  "sentBytesPerFileByte",
  "spuriousShare",
  "queueDelayMeanMs",
  "queueDelayMaxMs",
];
const WALL: readonly FigureName[] = [
  "seconds",
  "secondsWithStart",
  "clientCpuSecondsPerGib",
  "serverCpuSecondsPerGib",
  "cpuSecondsPerGib",
  ...(Deno.build.os === "linux" ? ["receiveDropped"] as const : []),
  "clientPeakBytes",
  "serverPeakBytes",
];

Deno.test("perf simulates every scenario, and compares only equal sizes with the baseline", async () => {
  const { measurements, comparison } = await perf("--place", "simulated", "--compare");
  assert.deepEqual(measurements.map(({ scenario }) => scenario), namesAt("simulated"));
  for (const measurement of measurements) {
    const { scenario, sizeBytes, figures } = measurement;
    assert.equal(sizeBytes, SMOKE_BYTES);
    assertFigures(measurement, [...SENDER, "seconds"]);
    assert.ok(figures.shareOfPossible! > 0 && figures.shareOfPossible! <= 1, scenario);
    assert.ok(figures.sentBytesPerFileByte! > 1, scenario);
  }
  // The baseline has every scenario, with larger files than these.
  assert.equal(comparison!.notes.filter((note) => note.includes("not compared")).length, measurements.length);
  assert.equal(comparison!.isWorse, false);
});

Deno.test("perf sends every relayed scenario through the relay, which reports its counters", async () => {
  const { measurements } = await perf("--place", "relay", "--rivals", "none");
  assert.deepEqual(measurements.map(({ scenario }) => scenario), namesAt("relay"));
  for (const measurement of measurements) {
    assertFigures(measurement, [...SENDER, ...WALL, "shareOfPossible", "shareWithStart", "relayLateMeanMs"]);
    assert.ok(measurement.figures.sentBytesPerFileByte! > 1, `${measurement.scenario}: the file bypassed the relay`);
  }
});

/** Fails unless Sluice and both rivals have been measured in both directions that each has. */
function assertRivals(measurements: readonly Measurement[]): void {
  assert.deepEqual(measurements.map(({ contestant }) => contestant), ["send", "get", "tcp", "quic"]);
  for (const measurement of measurements) {
    const { contestant, figures, failure } = measurement;
    if (contestant === "quic" && failure !== undefined) {
      // Not every machine can make a certificate; the failure says so.
      assert.match(failure, /openssl/);
      continue;
    }
    assertFigures(measurement, contestant === "send" || contestant === "get" ? [...SENDER, ...WALL] : WALL);
    assert.ok(figures.shareOfTcp! > 0 && figures.clientPeakBytes! > 1_000_000, contestant);
  }
}

Deno.test("perf runs TCP and QUIC beside Sluice on loopback, also where a core is busy", async () => {
  const { measurements } = await perf("--only", "loopback", "--busy", "1");
  assertRivals(measurements);
});

/** Starts the tool as a process whose ID is known: its network namespaces have that in their names. */
function startAtVeth(...args: readonly string[]) {
  const command = ["run", "-A", "--quiet", path.join("tools", "perf.ts"), "--place", "veth", ...args];
  const options = { args: command, cwd: ROOT, stdin: "null", stdout: "piped", stderr: "piped" } as const;
  const process = new Deno.Command(Deno.execPath(), options).spawn();
  const isLinked = (): boolean => {
    const { stdout } = new Deno.Command("ip", { args: ["netns", "list"] }).outputSync();
    return new TextDecoder().decode(stdout).includes(`sluice-perf-${process.pid}-`);
  };
  return { process, isLinked };
}

Deno.test("perf measures between two network namespaces, or says what that takes", async () => {
  const { process, isLinked } = startAtVeth("--smoke", "--json", "--mtu", "9000");
  const { code, ...output } = await process.output();
  const [stdout, stderr] = [output.stdout, output.stderr].map((bytes) => new TextDecoder().decode(bytes));
  if (VETH_PROBLEM !== undefined) return assert.deepEqual([code, stderr], [1, `${VETH_PROBLEM}\n`]);
  assert.equal(code, 0, `${stderr}${stdout}`);
  const { measurements } = JSON.parse(stdout!) as PerfReport;
  assert.deepEqual([...new Set(measurements.map(({ scenario }) => scenario))], ["veth-9000"]);
  assertRivals(measurements);
  assert.equal(isLinked(), false, "its network namespaces are removed");
});

Deno.test("perf removes its network namespaces when it is interrupted", async () => {
  if (VETH_PROBLEM !== undefined) return;
  const { process, isLinked } = startAtVeth("--runs", "1000000", "--size", "1", "--rivals", "none");
  let wasLinked: boolean | undefined;
  for await (const text of process.stderr.pipeThrough(new TextDecoderStream())) {
    if (!text.includes("Sluice get") || wasLinked !== undefined) continue;
    wasLinked = isLinked();
    process.kill("SIGINT");
  }
  await process.stdout.cancel();
  const { code } = await process.status;
  assert.deepEqual([code, wasLinked, isLinked()], [130, true, false]);
});

Deno.test("perf runs client and server behind commands, for a link of the user's own", async () => {
  // A prefix that works on every platform.
  const prefix = ["--client-prefix", `"${Deno.execPath()}" run -A ${path.join("testing", "programs", "prefix.ts")}`];
  const { measurements } = await perf("--place", "lab", "--only", "wan-20", "--server-host", "127.0.0.1", ...prefix);
  assert.deepEqual(measurements.map(({ contestant }) => contestant), ["send", "tcp", "quic"]);
  assertFigures(measurements[0]!, [...SENDER, ...WALL, "shareOfPossible"]);
});
