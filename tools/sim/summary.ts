/**
 * Sums up the results of many simulated worlds. Summaries can be added, so that each worker has its own.
 *
 * @module
 */

import Table from "cli-table3";
import { Coverage, type Tally } from "../../sim/coverage.ts";
import type { LinkStats } from "../../netem/link.ts";
import type { SwarmResult } from "../../sim/swarm.ts";

/** Sums over worlds, as a worker posts them. */
export interface Sums {
  readonly worlds: number;
  readonly transfers: number;
  readonly done: number;
  readonly fileBytes: number;
  readonly simulatedUs: number;
  readonly datagrams: number;
  readonly slowest: { readonly seed: number; readonly endUs: number };
  readonly coverage: Tally;
}

/** Faults of links, as the table calls them. */
const LINK_FAULTS: readonly (readonly [name: string, key: keyof LinkStats])[] = [
  ["lost", "lost"],
  ["dropped by full queues", "queueDropped"],
  ["in blackouts", "blackedOut"],
  ["too big for the path", "tooBig"],
  ["damaged", "corrupted"],
  ["duplicated", "duplicated"],
  ["reordered", "reordered"],
];

/** Names in a row of the table. */
const COLUMNS = 3;

/** See the module's description. */
export class Summary {
  readonly coverage = new Coverage();
  #worlds = 0;
  #transfers = 0;
  #done = 0;
  #fileBytes = 0;
  #simulatedUs = 0;
  #datagrams = 0;
  #slowest = { seed: -1, endUs: -1 };

  /** Adds a world. Its coverage is counted if the world was given {@link coverage}. */
  addWorld(result: SwarmResult): void {
    const { seed, endUs, transfers, done, fileBytes, simulatedUs, links } = result;
    const coverage: Tally = { "datagrams": Object.fromEntries(LINK_FAULTS.map(([name, key]) => [name, links[key]])) };
    this.add({
      worlds: 1,
      transfers,
      done,
      fileBytes,
      simulatedUs,
      datagrams: links.sent,
      slowest: { seed, endUs },
      coverage,
    });
  }

  /** Adds another summary. */
  add(sums: Sums): void {
    this.#worlds += sums.worlds;
    this.#transfers += sums.transfers;
    this.#done += sums.done;
    this.#fileBytes += sums.fileBytes;
    this.#simulatedUs += sums.simulatedUs;
    this.#datagrams += sums.datagrams;
    if (sums.slowest.endUs > this.#slowest.endUs) this.#slowest = sums.slowest;
    this.coverage.add(sums.coverage);
  }

  /** The sums, to be sent to another thread. */
  get sums(): Sums {
    return {
      worlds: this.#worlds,
      transfers: this.#transfers,
      done: this.#done,
      fileBytes: this.#fileBytes,
      simulatedUs: this.#simulatedUs,
      datagrams: this.#datagrams,
      slowest: this.#slowest,
      coverage: this.coverage.tally,
    };
  }

  /** The summary in words; `elapsedS` is the wall time of the run. */
  describe(elapsedS: number): string {
    const { seed, endUs } = this.#slowest;
    const missing = this.coverage.missing;
    return [
      coverageTable(this.coverage.tally),
      missing.length === 0 ? "the table is covered completely" : `never covered: ${missing.join(", ")}`,
      `${this.#worlds} worlds, ${this.#transfers} transfers, ${this.#done} of them done ` +
      `(the others were cancelled, refused or killed, as planned)`,
      `${(this.#fileBytes / 1e6).toFixed(0)} MB of files, ${
        (this.#simulatedUs / 3.6e9).toFixed(1)
      } hours simulated in ` +
      `${elapsedS.toFixed(1)} s: ${this.#datagrams} datagrams, ${Math.round(this.#datagrams / elapsedS)} per second`,
      `slowest: seed ${seed}, ${(endUs / 1e6).toFixed(1)} s simulated`,
    ].join("\n");
  }
}

function coverageTable(tally: Tally): string {
  const table = new Table({ style: { head: [], border: [], compact: true } });
  for (const [section, names] of Object.entries(tally)) {
    const cells = Object.entries(names).map(([name, times]) => `${name} ${times}`);
    for (let at = 0; at < cells.length; at += COLUMNS) {
      const row = Array.from({ length: COLUMNS }, (_, column) => cells[at + column] ?? "");
      table.push([at === 0 ? section : "", ...row]);
    }
  }
  return table.toString();
}
