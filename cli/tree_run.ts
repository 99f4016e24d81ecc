/**
 * Transfers folders: looks at both sides, says what it will not do, and does the rest. What is there and is the same
 * stays; what differs stays, too, unless the user has asked to replace it.
 *
 * The order is such that each moment is harmless: what is in the way goes first, folders come before what is in them,
 * links when all files are there, removals when nothing has failed, and last the times of folders, which change with
 * what they get.
 *
 * @module
 */

import { quote } from "../base/display_text.ts";
import { SluiceError } from "../app/api.ts";
import { depthOf, type ExistingEntry, nameIn, type TreeEntry } from "../app/client/tree/entry.ts";
import { forEach } from "../app/client/tree/parallel.ts";
import type { Plan, Step } from "../app/client/tree/plan.ts";
import type { TreeSide } from "../app/client/tree/side.ts";
import { type Survey, survey, type TreePair } from "../app/client/tree/survey.ts";
import type { Confirm } from "./confirm.ts";
import { describeError } from "./console.ts";
import { ExitCode, exitCodeOf } from "./exit_codes.ts";
import { selectBy } from "./path_filter.ts";
import { ProblemList } from "./problem_list.ts";
import type { Direction, ResultRecord } from "./records.ts";
import { tellError, tellResult } from "./results.ts";
import type { TreeOptions } from "./tree_options.ts";
import { planLine, planRecords, removal, treeSummary, type TreeTotal, treeTotalLine } from "./tree_report.ts";
import { asInterruption, type ConnectedSession, runAll, type Transfer } from "./transfers.ts";

/** One file or folder that the user named, and where it goes. */
export interface TreeJob extends TreePair {
  /** The source as the user named it. */
  readonly name: string;
}

/** How to run jobs. */
export interface TreeRunOptions {
  readonly direction: Direction;
  readonly tree: TreeOptions;
  readonly confirm: Confirm;
}

/** Runs the jobs; never rejects but for a bug. */
export function runTree(
  jobs: readonly TreeJob[],
  session: ConnectedSession,
  options: TreeRunOptions,
): Promise<ExitCode> {
  return new TreeRun(jobs, session, options).run();
}

/** A job that has been planned. */
interface Planned {
  readonly job: TreeJob;
  readonly survey: Survey;
}

class TreeRun {
  readonly #jobs: readonly TreeJob[];
  readonly #session: ConnectedSession;
  readonly #options: TreeRunOptions;
  readonly #problems: ProblemList;
  #failure: ExitCode = ExitCode.done;
  #failedCount = 0;
  #skippedCount = 0;
  #removedCount = 0;
  #madeCount = 0;

  constructor(jobs: readonly TreeJob[], session: ConnectedSession, options: TreeRunOptions) {
    this.#jobs = jobs;
    this.#session = session;
    this.#options = options;
    this.#problems = new ProblemList(session);
  }

  async run(): Promise<ExitCode> {
    const { signal } = this.#session;
    const comparing = this.#session.view.busy("comparing both sides");
    const planned = await this.#plan().finally(() => comparing.finish());
    for (const each of planned) this.#tellSurvey(each);
    if (this.#options.tree.dryRun) return this.#tellDryRun(planned);
    const mayGoOn = signal.aborted || await this.#mayRemove(planned);
    if (mayGoOn) await this.#execute(planned);
    const words = mayGoOn
      ? "interrupted; run the same command again to resume"
      : "cancelled; nothing was transferred or removed";
    if (!mayGoOn || signal.aborted) this.#fail(new SluiceError("interrupted", words), undefined);
    this.#problems.finish();
    return this.#exitCode(planned);
  }

  /** Looks at both sides of each job. */
  async #plan(): Promise<Planned[]> {
    const { tree } = this.#options;
    const { signal } = this.#session;
    const select = selectBy(tree.patterns);
    const planned = new Map<TreeJob, Survey>();
    await forEach(this.#jobs, signal, async (job) => {
      try {
        const made = await survey(job, { ...tree, select, signal });
        if (made === undefined) throw this.#missing(job);
        planned.set(job, made);
      } catch (error) {
        this.#fail(error, job.name);
      }
    });
    return this.#jobs.flatMap((job) => {
      const survey = planned.get(job);
      return survey === undefined ? [] : [{ job, survey }];
    });
  }

  #missing({ name }: TreeJob): SluiceError {
    if (this.#options.direction === "send") return new SluiceError("local-disk", `${quote(name)} does not exist`);
    const words = `${quote(name)} does not exist on the server (see "sluice list")`;
    return new SluiceError("not-found", words);
  }

  #tellSurvey({ job: { from, to, name }, survey: { plan, leftOut, gaps, collisions } }: Planned): void {
    for (const { path, severity, reason } of leftOut) {
      const subject = quote(from.locationOf(path));
      if (severity === "skipped") {
        this.#skippedCount++;
        this.#tell({ type: "skipped", path: from.locationOf(path), reason }, `skipped: ${subject} ${reason}`);
      } else {
        const text = reason.startsWith(subject) ? reason : `${subject} ${reason}`;
        this.#fail(new SluiceError("failed", text), undefined);
      }
    }
    for (const gap of gaps) this.#fail(new SluiceError("failed", gap), undefined);
    this.#tellUnchanged(plan, from);
    for (const { entry, reason } of plan.differing) {
      const path = to.locationOf(entry.path);
      this.#tell({ type: "differs", path, reason }, `differs: ${quote(path)} ${reason}`);
    }
    for (const { first, second } of collisions) {
      const names = [from.locationOf(first), from.locationOf(second)] as const;
      const text =
        `${quote(names[0])} and ${quote(names[1])} differ only in case or Unicode normalization; some disks ` +
        "take them for one name and refuse the second";
      this.#problems.add({ severity: "warning", text, names });
    }
    const isIncomplete = gaps.length > 0 || leftOut.some(({ severity }) => severity === "failed");
    if (this.#options.tree.mirror && isIncomplete) {
      const text = `nothing is removed, as not all of ${quote(name)} could be read`;
      this.#problems.add({ severity: "warning", text, names: [name] });
    }
  }

  #tellUnchanged({ unchanged }: Plan, from: TreeSide): void {
    const { json, quiet, verbose } = this.#session;
    if (quiet || !(json || verbose)) return;
    for (const { path } of unchanged) {
      const name = from.locationOf(path);
      const record = { type: "file", action: this.#options.direction, status: "unchanged", name } as const;
      tellResult(this.#session, record, [`unchanged: ${quote(name)}`]);
    }
  }

  #tellDryRun(planned: readonly Planned[]): ExitCode {
    for (const { job, survey } of planned) {
      for (const record of planRecords(survey.plan, job.to, this.#options.direction)) {
        tellResult(this.#session, record, [planLine(record)]);
      }
    }
    this.#problems.finish();
    const files = planned.flatMap(({ survey }) => survey.plan.files);
    const removals = planned.flatMap(({ survey: { plan } }) => [...plan.inTheWay, ...plan.removals]);
    const doneBytes = files.reduce((sum, { entry }) => sum + entry.sizeBytes, 0);
    this.#madeCount = planned.reduce((sum, { survey: { plan } }) => sum + plan.folders.length + plan.links.length, 0);
    this.#removedCount = removals.length;
    this.#tellTotal(planned, { doneCount: files.length, doneBytes, elapsedMs: undefined });
    return this.#exitCode(planned);
  }

  /** On a terminal, shows what would be removed and asks. False if the user does not want it. */
  async #mayRemove(planned: readonly Planned[]): Promise<boolean> {
    const doomed = planned.flatMap(({ job: { to }, survey: { plan } }) =>
      [...plan.inTheWay, ...plan.removals].map((entry) => planLine(removal(entry, to)))
    );
    if (doomed.length === 0 || this.#options.tree.isConfirmed) return true;
    const question = doomed.length === 1 ? "Remove this?" : `Remove these ${doomed.length}?`;
    try {
      return await this.#options.confirm(doomed, question) ?? true;
    } catch (error) {
      if (!(error instanceof SluiceError)) throw error;
      return false;
    }
  }

  async #execute(planned: readonly Planned[]): Promise<void> {
    const { direction } = this.#options;
    for (const { job, survey: { plan } } of planned) await this.#removeAll(job.to, plan.inTheWay);
    await this.#byLevel(planned, (plan) => plan.folders, async (to, entry) => {
      if (await this.#attempt(to, entry, () => to.makeFolder(entry))) this.#madeCount++;
    });
    const transfers = planned.flatMap(({ job, survey }) =>
      survey.plan.files.map((step) => transferOf(step, job, direction))
    );
    const result = await runAll(transfers, this.#session, { isTree: true });
    if (this.#failure === ExitCode.done) this.#failure = result.exitCode;
    this.#failedCount += result.failedCount;
    for (const { job: { to }, survey: { plan } } of planned) {
      await forEach(plan.links, this.#session.signal, async (step) => {
        if (await this.#attempt(to, step.entry, () => to.makeLink(step))) this.#madeCount++;
      });
    }
    await this.#removeRest(planned);
    const finish = (plan: Plan) => [...plan.folders, ...plan.touched];
    await this.#byLevel(planned, finish, async (to, entry) => {
      await this.#attempt(to, entry, () => to.finishFolder({ ...entry, exactMode: this.#options.tree.modes }));
    }, { isDeepestFirst: true });
    this.#tellTotal(planned, result);
  }

  /** Only if all that was to be transferred is there: what is removed might be the only copy. */
  async #removeRest(planned: readonly Planned[]): Promise<void> {
    const count = planned.reduce((sum, { survey }) => sum + survey.plan.removals.length, 0);
    if (count === 0 || this.#session.signal.aborted) return;
    if (this.#failedCount > 0) {
      const text = "nothing was removed, as something failed before; run the same command again";
      return this.#problems.add({ severity: "warning", text, names: [""] });
    }
    for (const { job, survey } of planned) await this.#removeAll(job.to, survey.plan.removals);
  }

  /** Entries are in an order in which each folder comes after what is in it. */
  async #removeAll(to: TreeSide, entries: readonly ExistingEntry[]): Promise<void> {
    const remove = (entries: readonly ExistingEntry[]) =>
      forEach(entries, this.#session.signal, async (entry) => {
        if (await this.#attempt(to, entry, () => to.remove(entry))) this.#removedCount++;
      });
    await remove(entries.filter(({ kind }) => kind !== "folder"));
    for (const level of levelsOf(entries.filter(({ kind }) => kind === "folder")).reverse()) await remove(level);
  }

  /** Runs for entries of all jobs, those of one depth at the same time. */
  async #byLevel(
    planned: readonly Planned[],
    entriesOf: (plan: Plan) => readonly TreeEntry[],
    run: (to: TreeSide, entry: TreeEntry) => Promise<void>,
    { isDeepestFirst = false } = {},
  ): Promise<void> {
    const all = planned.flatMap(({ job: { to }, survey }) =>
      entriesOf(survey.plan).map((entry) => ({ ...entry, to, entry }))
    );
    const levels = levelsOf(all);
    for (const level of isDeepestFirst ? levels.reverse() : levels) {
      await forEach(level, this.#session.signal, ({ to, entry }) => run(to, entry));
    }
  }

  /** Tries once more what failed by chance. Returns whether it was done. */
  async #attempt(to: TreeSide, { path }: ExistingEntry, act: () => Promise<void>): Promise<boolean> {
    try {
      await act().catch((error) => {
        if (!(error instanceof SluiceError) || error.kind !== "failed" || this.#session.signal.aborted) throw error;
        return act();
      });
      return true;
    } catch (error) {
      this.#fail(error, to.locationOf(path));
      return false;
    }
  }

  /** Reports a failure that has to do with a name. */
  #fail(thrown: unknown, name: string | undefined): void {
    const error = asInterruption(thrown, this.#session.signal);
    const words = describeError(error);
    this.#failedCount++;
    if (this.#failure === ExitCode.done) this.#failure = exitCodeOf(error);
    const isNamed = name === undefined || words.includes(quote(name)) || words.includes(quote(nameIn(name)));
    const text = isNamed ? words : `${quote(name)}: ${words}`;
    this.#problems.add({ severity: "error", text, names: [name ?? ""], error });
  }

  #tellTotal(
    planned: readonly Planned[],
    result: Pick<TreeTotal, "doneBytes" | "doneCount" | "elapsedMs" | "limitText" | "limitedBy">,
  ): void {
    const { quiet } = this.#session;
    if (quiet) return;
    const sumOf = (count: (plan: Plan) => number) => planned.reduce((sum, { survey }) => sum + count(survey.plan), 0);
    const total = {
      ...result,
      madeCount: this.#madeCount,
      unchangedCount: sumOf((plan) => plan.unchanged.length),
      differingCount: sumOf((plan) => plan.differing.length),
      removedCount: this.#removedCount,
      failedCount: this.#failedCount,
      skippedCount: this.#skippedCount,
    };
    const { direction } = this.#options;
    tellResult(this.#session, treeSummary(total, direction), [treeTotalLine(total, direction)]);
  }

  /** The first failure's; what differs, and was left alone, counts as refused. */
  #exitCode(planned: readonly Planned[]): ExitCode {
    const count = planned.reduce((sum, { survey }) => sum + survey.plan.differing.length, 0);
    if (count > 0 && this.#options.tree.ifDifferent !== "replace") {
      const advice = this.#options.tree.ifDifferent === "leave"
        ? "--update replaces what is older, --force all"
        : "--force replaces all";
      const error = new SluiceError("refused", `what differs was left alone (${count}); ${advice}`);
      tellError(this.#session, error);
    }
    if (this.#failure !== ExitCode.done) return this.#failure;
    return count > 0 ? ExitCode.refused : ExitCode.done;
  }

  /** What does not travel is a result for programs, and a remark for people. */
  #tell(record: ResultRecord, line: string): void {
    tellResult(this.#session, record, [line], { toErr: !this.#session.json });
  }
}

function transferOf({ entry, replaces }: Step, { from, to }: TreeJob, direction: Direction): Transfer {
  return {
    direction,
    file: from.locationOf(entry.path),
    target: to.locationOf(entry.path),
    ifExists: replaces ? "replace" : "refuse",
    sizeBytes: entry.sizeBytes,
  };
}

/** Entries by their depth, the root first. */
function levelsOf<Entry extends ExistingEntry>(entries: readonly Entry[]): Entry[][] {
  const levels = Map.groupBy(entries, ({ path }) => depthOf(path));
  return [...levels.keys()].toSorted((a, b) => a - b).map((depth) => levels.get(depth)!);
}
