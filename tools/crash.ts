/**
 * Kills the real programs in the middle of their work, again and again, and checks what their files show meanwhile:
 *
 *     deno task crash [--kills N] [--size MEGABYTES] [--seed S]
 *
 * Exit code 1 if a name ever showed something else than its old file or its new one, or a command did not carry on.
 *
 * @module
 */

import { parseArgs } from "node:util";
import Table from "cli-table3";
import { type Cost, type CrashReport, MOMENTS, runCrashes, VICTIMS } from "../testing/crash/crash_run.ts";
import { print, runTool, wholeNumber } from "./tool.ts";

const DEFAULTS = { kills: 300, size: 20 };
const MEGABYTE = 1_000_000;

const USAGE = `usage: deno task crash [OPTIONS]
  --kills N         how often to end a program (default: ${DEFAULTS.kills})
  --size MEGABYTES  size of the largest files (default: ${DEFAULTS.size})
  --seed S          draws files and moments; how far a program is then depends on the machine, too (default: random)`;

function table(report: CrashReport): string {
  const rows = new Table({ head: ["", ...VICTIMS, "sum"], style: { head: [], border: [] } });
  const add = (what: string, counts: readonly number[]) =>
    rows.push([what, ...counts, counts.reduce((sum, count) => sum + count, 0)]);
  for (const moment of MOMENTS) add(moment, VICTIMS.map((victim) => report.ended.get(moment)!.get(victim)!));
  add("all", VICTIMS.map((victim) => MOMENTS.reduce((sum, moment) => sum + report.ended.get(moment)!.get(victim)!, 0)));
  return rows.toString();
}

function describeCost({ fileBytes, sentBytes }: Cost): string {
  if (fileBytes === 0) return "none";
  const [files, sent] = [fileBytes, sentBytes].map((bytes) => `${(bytes / MEGABYTE).toFixed(1)} MB`);
  return `${sent} on the wire / ${files} of files = ${(sentBytes / fileBytes).toFixed(3)}`;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { kills: { type: "string" }, size: { type: "string" }, seed: { type: "string" } },
  });
  const seed = wholeNumber("seed", values.seed ?? String(crypto.getRandomValues(new Uint32Array(1))[0]!));
  const kills = wholeNumber("kills", values.kills ?? String(DEFAULTS.kills), { min: 1 });
  const megabytes = wholeNumber("size", values.size ?? String(DEFAULTS.size), { min: 1, max: 2000 });
  print(`seed ${seed}`);
  const report = await runCrashes({ seed, kills, maxBytes: megabytes * MEGABYTE, onLine: print });
  print(table(report));
  print(
    `${report.rounds} rounds, ${report.files} files; ${report.looks} looks at names, ${report.reads} of them read all`,
  );
  print(`ended in: ${[...report.endedIn].map(([kind, count]) => `${kind} ${count}`).join(", ")}`);
  print(`all rounds: ${describeCost(report.all)}`);
  print(`large files that are new: ${describeCost(report.large)}`);
  print(`partial files left: ${report.leftPartials}; a week later: ${report.stalePartials}`);
  const wrong = { lost: report.lost, mixed: report.mixed, foreign: report.foreign };
  print(Object.entries(wrong).map(([what, found]) => `${what}: ${found.length}`).join(", "));
  for (const line of Object.values(wrong).flat()) print(`  ${line}`);
  return Object.values(wrong).every((found) => found.length === 0) && report.stalePartials === 0 ? 0 : 1;
}

if (import.meta.main) await runTool(USAGE, main);
