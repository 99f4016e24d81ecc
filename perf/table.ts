/**
 * Formats measurements as tables.
 *
 * @module
 */

import Table from "cli-table3";
import type { Change } from "./baseline.ts";
import {
  type Contestant,
  FIGURE_NAMES,
  type FigureName,
  figureSpec,
  formatFigure,
  type Measurement,
} from "./figures.ts";
import type { Place } from "./scenarios.ts";

const TITLES: Readonly<Record<Place, string>> = {
  simulated: "Simulated (the same on every machine, except the CPU time)",
  loopback: "Loopback, in wall time",
  relay: "Through the relay, in wall time",
  veth: "Between two network namespaces, in wall time",
  lab: "Over a link of your own, in wall time",
};

const CONTESTANTS: Readonly<Record<Contestant, string>> = {
  send: "Sluice send",
  get: "Sluice get",
  tcp: "TCP",
  quic: "QUIC",
};

const PLAIN = { head: [], border: [], compact: true };

/** The name of what carried a file. */
export function nameOf(contestant: Contestant): string {
  return CONTESTANTS[contestant];
}

/** A table for each place, with the columns that have figures; failures are listed below it. */
export function tablesOf(measurements: readonly Measurement[]): string[] {
  const places = [...new Set(measurements.map(({ place }) => place))];
  return places.flatMap((place) => {
    const rows = measurements.filter((row) => row.place === place);
    const runs = Math.max(...rows.map((row) => row.runs));
    const failures = rows.flatMap(({ scenario, contestant, failure }) =>
      failure === undefined ? [] : [`${scenario}, ${nameOf(contestant)}: ${failure}`]
    );
    return [`${TITLES[place]}${runs > 1 ? `; medians of ${runs}` : ""}`, tableOf(rows), ...failures, ""];
  });
}

function tableOf(rows: readonly Measurement[]): string {
  const columns = FIGURE_NAMES.filter((name) =>
    figureSpec(name).isDetail !== true && rows.some(({ figures }) => figures[name] !== undefined)
  );
  const table = new Table({
    head: ["", "", "size\nMB", ...columns.map(headingOf)],
    colAligns: ["left", "left", ...Array<"right">(columns.length + 1).fill("right")],
    style: PLAIN,
  });
  for (const { scenario, contestant, sizeBytes, figures } of rows) {
    const cells = columns.map((name) => formatFigure(name, figures[name]));
    table.push([scenario, nameOf(contestant), String(+(sizeBytes / 1e6).toFixed(1)), ...cells]);
  }
  return table.toString();
}

/** A row for each scenario: the figures, and for those that changed the previous value as well. */
export function comparisonOf(changes: readonly Change[]): string {
  const columns = FIGURE_NAMES.filter((name) => changes.some(({ figure }) => figure === name));
  const table = new Table({
    head: ["since the\nbaseline", ...columns.map(headingOf)],
    colAligns: ["left", ...Array<"right">(columns.length).fill("right")],
    style: PLAIN,
  });
  for (const scenario of new Set(changes.map((change) => change.scenario))) {
    const cells = columns.map((name) => {
      const change = changes.find((one) => one.scenario === scenario && one.figure === name);
      return change === undefined ? "-" : changeText(change);
    });
    table.push([scenario, ...cells]);
  }
  return table.toString();
}

function changeText({ figure, before, after, verdict }: Change): string {
  const [then, now] = [formatFigure(figure, before), formatFigure(figure, after)];
  if (then === now) return now;
  return `${then} -> ${now}${verdict === "same" ? "" : ` ${verdict}`}`;
}

function headingOf(name: FigureName): string {
  const { heading, unit } = figureSpec(name);
  return `${heading.replace(" ", "\n")}\n${unit}`;
}
