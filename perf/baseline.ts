/**
 * What the figures were when somebody last looked at them and found them good: `baseline.json`. The simulated ones are
 * the same on every machine, so that a change is judged by them. Of those in wall time the speed as a share of TCP's in
 * the same run is kept, to be looked at, not to judge by.
 *
 * @module
 */

import {
  type Contestant,
  FIGURE_NAMES,
  type FigureName,
  type Figures,
  figureSpec,
  type Measurement,
} from "./figures.ts";
import type { Place } from "./scenarios.ts";

/** A simulated row. */
export interface BaselineRow {
  readonly scenario: string;
  readonly sizeBytes: number;
  readonly runs: number;
  readonly figures: Figures;
}

/** A row in wall time. */
export interface RatioRow {
  readonly scenario: string;
  readonly place: Place;
  readonly contestant: Contestant;
  readonly sizeBytes: number;
  readonly shareOfTcp: number;
}

/** The file. */
export interface Baseline {
  readonly simulated: readonly BaselineRow[];
  readonly wall: readonly RatioRow[];
}

/** A figure then and now. */
export interface Change {
  readonly scenario: string;
  readonly figure: FigureName;
  readonly before: number | undefined;
  readonly after: number | undefined;
  /** By more than the figure's tolerance, or within it. */
  readonly verdict: "better" | "worse" | "same";
}

/** What a comparison says. */
export interface Comparison {
  readonly changes: readonly Change[];
  /** What could not be compared, and why: a sentence each. */
  readonly notes: readonly string[];
  readonly isWorse: boolean;
}

/** Digits of a figure in the file: fewer than any tolerance, more than anybody reads. */
const DIGITS = 6;

/** Compares the simulated ones of `measurements` with the baseline. Failing where there were figures is worse. */
export function compare(baseline: Baseline, measurements: readonly Measurement[]): Comparison {
  const changes: Change[] = [];
  const notes: string[] = [];
  let isWorse = false;
  for (const measurement of measurements) {
    const { scenario, place, sizeBytes, runs, figures, failure } = measurement;
    if (place !== "simulated") {
      notes.push(...ratioNotes(baseline, measurement));
      continue;
    }
    const row = baseline.simulated.find((one) => one.scenario === scenario);
    if (failure !== undefined) {
      isWorse = true;
      notes.push(`${scenario}: ${failure}`);
    } else if (row === undefined) {
      notes.push(`${scenario}: not in the baseline; --update-baseline adds it`);
    } else if (row.sizeBytes !== sizeBytes || row.runs !== runs) {
      notes.push(`${scenario}: not compared, the baseline has ${row.sizeBytes} bytes and ${row.runs} runs`);
    } else {
      changes.push(...changesOf(scenario, row.figures, figures));
    }
  }
  return { changes, notes, isWorse: isWorse || changes.some(({ verdict }) => verdict === "worse") };
}

/** The baseline with these measurements in it; rows that were not measured stay. Failed ones are left out. */
export function updated(baseline: Baseline, measurements: readonly Measurement[]): Baseline {
  const rows = new Map(baseline.simulated.map((row) => [row.scenario, row]));
  const keyOf = ({ scenario, place, contestant }: Pick<RatioRow, "scenario" | "place" | "contestant">): string =>
    `${scenario} ${place} ${contestant}`;
  const ratios = new Map(baseline.wall.map((row) => [keyOf(row), row]));
  for (const { scenario, place, contestant, sizeBytes, runs, figures, failure } of measurements) {
    if (failure !== undefined) continue;
    if (place === "simulated") {
      rows.set(scenario, { scenario, sizeBytes, runs, figures: kept(figures) });
    } else if (figures.shareOfTcp !== undefined && contestant !== "tcp") {
      const row = { scenario, place, contestant, sizeBytes, shareOfTcp: rounded(figures.shareOfTcp) };
      ratios.set(keyOf(row), row);
    }
  }
  return { simulated: [...rows.values()], wall: [...ratios.values()] };
}

/** What there is to say of a transfer in wall time; it decides nothing. */
function ratioNotes({ wall }: Baseline, { scenario, place, contestant, sizeBytes, figures }: Measurement): string[] {
  const row = wall.find((one) =>
    one.scenario === scenario && one.place === place && one.contestant === contestant && one.sizeBytes === sizeBytes
  );
  if (row === undefined || figures.shareOfTcp === undefined) return [];
  const percent = (share: number): string => `${Math.round(100 * share)} %`;
  const [before, now] = [percent(row.shareOfTcp), percent(figures.shareOfTcp)];
  return [`${scenario}, ${place}, ${contestant}: ${now} of TCP's speed; in the baseline ${before}, on its machine`];
}

function changesOf(scenario: string, before: Figures, after: Figures): Change[] {
  return FIGURE_NAMES.filter((figure) => figureSpec(figure).tolerance !== undefined).map((figure) => ({
    scenario,
    figure,
    before: before[figure],
    after: after[figure],
    verdict: verdictOf(figure, before[figure], after[figure]),
  }));
}

function verdictOf(figure: FigureName, before: number | undefined, after: number | undefined): Change["verdict"] {
  const { tolerance } = figureSpec(figure);
  if (tolerance === undefined || before === undefined) return "same";
  if (after === undefined) return "worse";
  const rise = after - before;
  if (Math.abs(rise) <= tolerance.by) return "same";
  return (rise > 0) === (tolerance.worse === "higher") ? "worse" : "better";
}

/** The figures that every machine gives, rounded. */
function kept(figures: Figures): Figures {
  const result: Partial<Record<FigureName, number>> = {};
  for (const name of FIGURE_NAMES) {
    const value = figures[name];
    if (value !== undefined && name !== "simulatorCpuSecondsPerGib") result[name] = rounded(value);
  }
  return result;
}

function rounded(value: number): number {
  return Number(value.toPrecision(DIGITS));
}
