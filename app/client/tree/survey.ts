/**
 * Looks at both sides of a transfer, and plans it.
 *
 * @module
 */

import { SluiceError } from "../../api.ts";
import { type Collision, findCollisions } from "./collisions.ts";
import type { LeftOut, Select } from "./entry.ts";
import { existingTree, NOTHING } from "./existing.ts";
import { forEach } from "./parallel.ts";
import { makePlan, pathsToCompare, type Plan, type PlanOptions, type Trees } from "./plan.ts";
import type { TreeContent, TreeSide } from "./side.ts";
import { findTravellers } from "./travellers.ts";

/** A source, and the destination that is to have the same. */
export interface TreePair {
  readonly from: TreeSide;
  readonly to: TreeSide;
}

/** How to look and plan. */
export interface SurveyOptions extends Omit<PlanOptions, "hasSameContent" | "spared"> {
  readonly select: Select;
  /** Compare the content of files of one size. */
  readonly checksum: boolean;
  readonly signal: AbortSignal;
}

/** What is to be done. */
export interface Survey {
  readonly plan: Plan;
  /** What of the source does not travel. */
  readonly leftOut: readonly LeftOut[];
  /** Why the source is not known as a whole, so that nothing is removed: sentences. */
  readonly gaps: readonly string[];
  readonly collisions: readonly Collision[];
}

/** Rejects with SluiceError; undefined if there is no source. */
export async function survey({ from, to }: TreePair, options: SurveyOptions): Promise<Survey | undefined> {
  const { select, mirror } = options;
  const [source, existing] = await Promise.all([from.read(select), to.read(select)]);
  if (source === undefined) return undefined;
  const whyUnstorable = (path: string) => to.whyUnstorable(path);
  const { entries, leftOut } = findTravellers(source.found, { select, whyUnstorable, nameRules: to.nameRules });
  const trees = {
    source: entries,
    ...(existing === undefined ? NOTHING : existingTree(existing.found, { ...existing, select })),
  };
  const hasSameContent = options.checksum ? await compareContents({ from, to }, trees, options.signal) : undefined;
  const isMirror = mirror && isWhole(leftOut, source);
  const spared = leftOut.map(({ path }) => path);
  return {
    plan: makePlan(trees, { ...options, mirror: isMirror, spared, hasSameContent }),
    leftOut,
    gaps: source.gaps,
    collisions: findCollisions(entries.map(({ path }) => path), trees.existing.map(({ path }) => path)),
  };
}

/** Whether all of a source is known: only then it tells what to remove. */
function isWhole(leftOut: readonly LeftOut[], { gaps }: TreeContent): boolean {
  return gaps.length === 0 && leftOut.every(({ severity }) => severity === "skipped");
}

/** Hashes the files that may be the same, on both sides; a file that one side cannot read counts as different. */
async function compareContents(
  { from, to }: TreePair,
  trees: Trees,
  signal: AbortSignal,
): Promise<(path: string) => boolean> {
  const same = new Set<string>();
  await forEach(pathsToCompare(trees.source, trees.existing), signal, async (path) => {
    try {
      const [ours, theirs] = await Promise.all([from.digest(path), to.digest(path)]);
      if (ours === theirs) same.add(path);
    } catch (error) {
      if (!(error instanceof SluiceError)) throw error;
    }
  });
  return (path) => same.has(path);
}
