/**
 * What became of the mutants, as a person reads it and as a program does.
 *
 * @module
 */

import Table from "cli-table3";
import type { Verdict } from "./trial.ts";

const PLAIN = { head: [], border: [], compact: true };

/** The widest that the two columns of text become; words go on in the next line. */
const TEXT_WIDTH = 60;

/** What caught a mutant, or why nothing did, in words. */
export function describeVerdict({ kind, by, isTimeOut, isExpected }: Verdict): string {
  if (kind === "survived") return "SURVIVED every test";
  const what = by === undefined ? "the tests did not run" : `${by.file}: ${by.name}`;
  if (kind === "broken") return `NO MUTANT: ${what}`;
  return `${isTimeOut ? "by time-out: " : ""}${what}${isExpected ? "" : " (not expected to)"}`;
}

/** A row for each mutant. */
export function tableOf(verdicts: readonly Verdict[]): string {
  const table = new Table({
    head: ["mutant", "what was broken", "caught by", "seconds"],
    colAligns: ["left", "left", "left", "right"],
    colWidths: [null, TEXT_WIDTH, TEXT_WIDTH, null],
    wordWrap: true,
    style: PLAIN,
  });
  for (const verdict of verdicts) {
    const { mutant, seconds } = verdict;
    table.push([mutant.id, mutant.broken, describeVerdict(verdict), seconds.toFixed(1)]);
  }
  return table.toString();
}

/** The last line. */
export function summaryOf(verdicts: readonly Verdict[]): string {
  const count = (kind: Verdict["kind"]): number => verdicts.filter((verdict) => verdict.kind === kind).length;
  const broken = count("broken");
  return `${verdicts.length} mutants, ${count("caught")} caught, ${count("survived")} survived` +
    (broken === 0 ? "" : `, ${broken} no mutants`);
}

/** The verdicts as JSON, the mutants' texts left out. */
export function jsonOf(verdicts: readonly Verdict[]): string {
  const rows = verdicts.map(({ mutant: { id, broken, file }, kind, by, isTimeOut, seconds }) => ({
    id,
    broken,
    file,
    verdict: kind,
    caughtBy: by ?? null,
    isTimeOut,
    seconds: Number(seconds.toFixed(3)),
  }));
  return JSON.stringify(rows, null, 2);
}
