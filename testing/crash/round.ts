/**
 * A round of the crash test: one command of the client, on files or a folder that are new, replace an older version, are
 * moved or are removed.
 *
 * @module
 */

import type { Random } from "../../base/random.ts";
import type { ExitCode } from "../../cli/exit_codes.ts";
import type { Watched } from "./watch.ts";

/** The kinds of rounds. */
export const ROUND_KINDS = ["send files", "get files", "send a folder", "get a folder", "move", "remove"] as const;

/** One of {@link ROUND_KINDS}. */
export type RoundKind = typeof ROUND_KINDS[number];

/** One command of the client, and what its target folder may show. */
export interface Round extends Watched {
  readonly kind: RoundKind;
  /** The client's arguments, without those that lead to the server. */
  readonly args: readonly string[];
  /** The exit code of the command when it is repeated after it was carried out. */
  readonly repeatedCode: ExitCode;
  /** Those of {@link Watched.folders} that are there after the command. */
  readonly foldersAfter: ReadonlySet<string>;
  /** The bytes of the files that are to be transferred. */
  readonly totalBytes: number;
  /** Their sizes. */
  readonly sizes: ReadonlySet<number>;
  /** The paths of all that is to be removed after the round, if it is there. */
  readonly leaves: readonly string[];
}

/** Where a round takes place. */
export interface Places {
  /** The server's folder. */
  readonly root: string;
  /** The client's folders: what it sends, and where it saves. */
  readonly outbox: string;
  readonly inbox: string;
}

/** How a round is made. */
export interface RoundOptions {
  readonly kind: RoundKind;
  readonly random: Random;
  readonly places: Places;
  /** The size of the largest file. */
  readonly maxBytes: number;
  /** Tells the names of rounds apart. */
  readonly number: number;
}

/** Removes what a round has left. */
export async function removeRound(round: Round): Promise<void> {
  for (const leaf of round.leaves) {
    try {
      await Deno.remove(leaf, { recursive: true });
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}
