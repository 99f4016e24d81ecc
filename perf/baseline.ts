/**
 * The figures of the last accepted state: `baseline.json`. The simulated figures are the same on every machine, so a change
 * is judged by them. Of the figures in wall time only the goodput as a share of TCP's in the same run is kept, for
 * information.
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

/** A figure before and after. */
export interface Change {
  readonly scenario: string;
  readonly figure: FigureName;
  readonly before: number | undefined;
  readonly after: number | undefined;
  /** "same" is within the figure's tolerance. */
  readonly verdict: "better" | "worse" | "same";
}

/** The result of a comparison. */
export interface Comparison {
  readonly changes: readonly Change[];
  /** A sentence for each row that could not be compared, and for each share of TCP's goodput. */
  readonly notes: readonly string[];
  readonly isWorse: boolean;
}

/** Significant digits of a figure in the file: the error is far below any tolerance. */
const DIGITS = 6;

/** Compares the simulated measurements with the baseline. A failure is worse than any figure. */
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
      notes.push(`${scenario}: not in the baseline; add it with --update-baseline`);
    } else if (row.sizeBytes !== sizeBytes || row.runs !== runs) {
      notes.push(`${scenario}: not compared, the baseline has ${row.sizeBytes} bytes and ${row.runs} runs`);
    } else {
      changes.push(...changesOf(scenario, row.figures, figures));
    }
  }
  return { changes, notes, isWorse: isWorse || changes.some(({ verdict }) => verdict === "worse") };
}

/** The baseline updated with successful measurements; other rows stay. */
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

/** The share of TCP's goodput, before and after; for information. */
function ratioNotes({ wall }: Baseline, { scenario, place, contestant, sizeBytes, figures }: Measurement): string[] {
  const row = wall.find((one) =>
    one.scenario === scenario && one.place === place && one.contestant === contestant && one.sizeBytes === sizeBytes
  );
  if (row === undefined || figures.shareOfTcp === undefined) return [];
  const percent = (share: number): string => `${Math.round(100 * share)} %`;
  const [before, now] = [percent(row.shareOfTcp), percent(figures.shareOfTcp)];
  return [
    `${scenario}, ${place}, ${contestant}: ${now} of TCP's goodput; in the baseline ${before}, on another machine`,
  ];
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

/** The figures that do not depend on the machine, rounded. */
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
