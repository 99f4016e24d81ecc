/**
 * The real programs, killed again and again in the middle of their work, and what their files show meanwhile.
 *
 * Participants: a server and a client program in processes of their own; a relay between them, which counts bytes; a
 * {@link Watch}, which looks at the disk all the time. Each round is one command of the client. When one of the two was
 * killed, the server is started again and the same command is repeated, until it says that it is done.
 *
 * Moments are drawn as progress, not as time: so many bytes have passed, a partial file is complete, a name has its new
 * file. Only the start of a program is measured in time, as a share of what earlier starts took.
 *
 * @module
 */

import path from "node:path";
import { Random } from "../../base/random.ts";
import { type Program, type ServerProgram, Stage } from "../programs/programs.ts";
import { CountingRelay } from "./counting_relay.ts";
import { launchLater } from "./later.ts";
import { type Places, removeRound, type Round, ROUND_KINDS, type RoundKind } from "./round.ts";
import { makeRound } from "./rounds.ts";
import { type Partial, partialsIn, Watch } from "./watch.ts";

/** Where in a transfer a program was killed. */
export const MOMENTS = [
  "starting or connecting",
  "transferring, up to 25 %",
  "transferring, up to 50 %",
  "transferring, up to 75 %",
  "transferring, up to 100 %",
  "verifying or committing",
  "between two files",
  "after the last file",
] as const;

/** One of {@link MOMENTS}. */
export type Moment = typeof MOMENTS[number];

/** Who is ended, and how. */
export const VICTIMS = ["client killed", "server killed", "client interrupted"] as const;

/** One of {@link VICTIMS}. */
export type Victim = typeof VICTIMS[number];

/** What rounds have cost. */
export interface Cost {
  /** The size of their files. */
  readonly fileBytes: number;
  /** The bytes of all datagrams that went the files' way, whatever was in them. */
  readonly sentBytes: number;
}

/** What a run has seen. */
export interface CrashReport {
  readonly rounds: number;
  /** Names that have a file at the end of their round. */
  readonly files: number;
  /** How often a program was ended in each kind of round. */
  readonly endedIn: ReadonlyMap<RoundKind, number>;
  /** How often each victim was ended at each moment. */
  readonly ended: ReadonlyMap<Moment, ReadonlyMap<Victim, number>>;
  readonly endedCount: number;
  /** Looks at a name, and how many of them read its content. */
  readonly looks: number;
  readonly reads: number;
  /** Sentences; none if all is well. */
  readonly lost: readonly string[];
  readonly mixed: readonly string[];
  readonly foreign: readonly string[];
  /** Partial files that were there at the end, and how many of them stayed when they were stale. */
  readonly leftPartials: number;
  readonly stalePartials: number;
  /** All rounds that transfer files. */
  readonly all: Cost;
  /** The rounds with a large file and no older version. */
  readonly large: Cost;
}

/** What to run. */
export interface CrashOptions {
  readonly seed: number;
  /** How often to end a program; the round in which that is reached is the last, or the last of the first of each kind. */
  readonly kills: number;
  /** The size of the largest files. */
  readonly maxBytes: number;
  /** Hears a line for each round. */
  readonly onLine?: (line: string) => void;
}

/** A command that is repeated this often without an end does not carry on. */
const MAX_ATTEMPTS = 60;
/** Datagrams of a connection without content. */
const HANDSHAKE_BYTES = 16_000;
const POLL_MS = 1;
/** A bound for what rounds leave on the disk. */
const MAX_LEFT_BYTES = 500_000_000;
const MAX_ENDED_PER_ROUND = 5;
/** A client that neither ends nor sends for so long never will. */
const PATIENCE_MS = 90_000;

/** Runs the programs and kills them. Rejects when a command does not carry on; what the disk showed is in the report. */
export async function runCrashes(options: CrashOptions): Promise<CrashReport> {
  await using stage = await Stage.open();
  const places = { root: stage.path("storage"), outbox: stage.path("outbox"), inbox: stage.path("inbox") };
  for (const folder of Object.values(places)) await Deno.mkdir(folder, { mode: 0o700 });
  const run = new CrashRun(stage, places, options);
  try {
    return await run.run();
  } finally {
    run[Symbol.dispose]();
  }
}

/** What is drawn for one try of a command. */
interface Plan {
  readonly victim: Victim;
  readonly when:
    /** So long after the client's start. */
    | { readonly kind: "started"; readonly afterMs: number }
    /** So many bytes have gone the file's way. */
    | { readonly kind: "sent"; readonly bytes: number }
    /** A partial file is complete. */
    | { readonly kind: "complete"; readonly afterMs: number }
    /** So many names have their new file. */
    | { readonly kind: "placed"; readonly count: number; readonly afterMs: number };
}

/** One try of a command. */
interface Attempt {
  readonly client: Program;
  readonly watch: Watch;
  readonly round: Round;
  readonly startedMs: number;
  /** As of its start. */
  readonly sentBefore: number;
  readonly placedBefore: number;
  readonly partialsBefore: ReadonlyMap<string, string>;
  /** The bytes of content that had not arrived then, as far as the disk shows. */
  readonly missingBytes: number;
}

/** How far an attempt is. */
interface Progress {
  readonly sentBytes: number;
  readonly placed: number;
  readonly hasPartial: boolean;
  /** A partial file is of full size, and no more bytes come. */
  readonly isComplete: boolean;
}

class CrashRun implements Disposable {
  readonly #stage: Stage;
  readonly #places: Places;
  readonly #options: CrashOptions;
  readonly #random: Random;
  readonly #ended = new Map(MOMENTS.map((moment) => [moment, new Map(VICTIMS.map((victim) => [victim, 0]))]));
  readonly #watches: Watch[] = [];
  readonly #rounds: { round: Round; sentBytes: number; ended: number }[] = [];
  readonly #kinds: RoundKind[] = [];
  #server!: ServerProgram;
  #relay!: CountingRelay;
  #endedCount = 0;
  #leftPartials = 0;
  #stalePartials = 0;
  /** How long clients took from their start to their first bytes. */
  #startMs = 300;

  constructor(stage: Stage, places: Places, options: CrashOptions) {
    this.#stage = stage;
    this.#places = places;
    this.#options = options;
    this.#random = new Random(options.seed);
  }

  [Symbol.dispose](): void {
    this.#relay?.[Symbol.dispose]();
  }

  async run(): Promise<CrashReport> {
    this.#server = await this.#stage.startServer();
    this.#relay = new CountingRelay(this.#server.port);
    const isOver = (): boolean => this.#endedCount >= this.#options.kills && this.#rounds.length >= ROUND_KINDS.length;
    for (let number = 1; !isOver(); number++) await this.#runRound(number);
    await this.#removeStale();
    return this.#report();
  }

  async #runRound(number: number): Promise<void> {
    const { maxBytes, onLine } = this.#options;
    const random = this.#random.fork(`round ${number}`);
    const round = await makeRound({ kind: this.#nextKind(), random, places: this.#places, maxBytes, number });
    const watch = new Watch(round);
    this.#watches.push(watch);
    const sentBefore = this.#sentBytes(round);
    const endedBefore = this.#endedCount;
    await watch.look({ isThorough: true });
    watch.start();
    try {
      await this.#carryOut(round, { watch, random });
    } finally {
      await watch.stop();
    }
    await checkDone(round, watch);
    const sentBytes = this.#sentBytes(round) - sentBefore;
    const ended = this.#endedCount - endedBefore;
    this.#rounds.push({ round, sentBytes, ended });
    const cost = round.totalBytes === 0 ? "" : `, sent ${(sentBytes / round.totalBytes).toFixed(2)} times`;
    onLine?.(
      `round ${number}: ${round.kind}, ${round.names.length} names, ${(round.totalBytes / 1e6).toFixed(1)} MB, ` +
        `ended ${ended} times${cost}`,
    );
    await removeRound(round);
    const left = [...await partialsIn(this.#places.root), ...await partialsIn(this.#places.inbox)];
    if (left.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) > MAX_LEFT_BYTES) await this.#removeStale();
  }

  /** Each kind comes as often as the others, in an order that the seed draws. */
  #nextKind(): RoundKind {
    if (this.#kinds.length === 0) this.#kinds.push(...ROUND_KINDS);
    return this.#kinds.splice(this.#random.integer(0, this.#kinds.length - 1), 1)[0]!;
  }

  /** Runs the command, again and again, until it is done. */
  async #carryOut(round: Round, { watch, random }: { watch: Watch; random: Random }): Promise<void> {
    const args = [...round.args, "--server", this.#relay.address];
    const foreignPartials = new Set((await partialsIn(round.folder)).map(({ name }) => name));
    let rest = random.integer(1, MAX_ENDED_PER_ROUND);
    let isRepeated = false;
    for (let tries = 0; tries < MAX_ATTEMPTS; tries++) {
      const attempt = await this.#begin(round, { watch, args, foreignPartials });
      const { client } = attempt;
      let isDisturbed = false;
      while (rest > 0) {
        const plan = this.#draw(attempt, random);
        const moment = await this.#untilMoment(attempt, plan);
        if (moment === undefined) break;
        rest--;
        isDisturbed = true;
        if (plan.victim !== "server killed") {
          client.signal(plan.victim === "client killed" ? "SIGKILL" : "SIGINT");
          if ((await client.finished()).code !== 0) this.#count(moment, plan.victim);
          break;
        }
        this.#count(moment, plan.victim);
        await this.#restartServer();
      }
      await this.#untilEnded(attempt);
      const { code, stdout, stderr } = await client.finished();
      if (code === 0) return;
      // Where what was ended had carried it out.
      if (!isDisturbed && isRepeated && code === round.repeatedCode) return;
      if (!isDisturbed) throw new Error(`${args.join(" ")} ended with ${code}: ${stdout}${stderr}`);
      isRepeated = true;
    }
    throw new Error(`${args.join(" ")} was not done after ${MAX_ATTEMPTS} tries`);
  }

  async #begin(
    round: Round,
    { watch, args, foreignPartials }: { watch: Watch; args: readonly string[]; foreignPartials: ReadonlySet<string> },
  ): Promise<Attempt> {
    const partials = await partialsIn(round.folder);
    const own = partials.filter(({ name }) => !foreignPartials.has(name));
    const missing = round.totalBytes - own.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    return {
      client: this.#stage.startClient(args),
      watch,
      round,
      startedMs: performance.now(),
      sentBefore: this.#sentBytes(round),
      placedBefore: placedOf(round, watch),
      partialsBefore: new Map(partials.map(({ name, version }) => [name, version])),
      missingBytes: Math.max(missing, round.totalBytes / 100),
    };
  }

  /** Draws whom to end, and when. */
  #draw({ missingBytes, placedBefore, round }: Attempt, random: Random): Plan {
    const victim = random.pick([...VICTIMS, "client killed", "server killed"] as const);
    const afterMs = random.chance(0.3) ? 0 : random.integer(0, 12);
    const toPlace = Math.max(1, round.names.length - placedBefore);
    const started = { kind: "started", afterMs: 1.3 * random.float() * this.#startMs } as const;
    const sent = { kind: "sent", bytes: HANDSHAKE_BYTES + random.float() * missingBytes } as const;
    const placed = { kind: "placed", count: placedBefore + random.integer(1, toPlace), afterMs } as const;
    const kinds: readonly Plan["when"][] = round.totalBytes === 0
      ? [started, placed, placed]
      : [started, sent, sent, { kind: "complete", afterMs }, placed];
    return { victim, when: random.pick(kinds) };
  }

  /** Waits for what was drawn; resolves to the moment that it is, or undefined if the client has ended before. */
  async #untilMoment(attempt: Attempt, { when }: Plan): Promise<Moment | undefined> {
    const isNow = ({ sentBytes, isComplete, placed }: Progress): boolean => {
      switch (when.kind) {
        case "started":
          return performance.now() - attempt.startedMs >= when.afterMs;
        case "sent":
          return sentBytes >= when.bytes;
        case "complete":
          return isComplete;
        case "placed":
          return placed >= when.count;
      }
    };
    const hasCome = await this.#follow(attempt, isNow);
    if (!hasCome) return undefined;
    if (when.kind === "complete" || when.kind === "placed") await pause(when.afterMs);
    const { client } = attempt;
    const { sentBytes } = await this.#look(attempt, 0);
    const moment = this.#momentOf(attempt, await this.#look(attempt, sentBytes));
    return client.hasEnded ? undefined : moment;
  }

  async #untilEnded(attempt: Attempt): Promise<void> {
    await this.#follow(attempt, () => false);
  }

  /** Follows an attempt; resolves to true when `isNow` says so, and to false when the client has ended. */
  async #follow(attempt: Attempt, isNow: (progress: Progress) => boolean): Promise<boolean> {
    const { client } = attempt;
    let sentBytes = -1;
    let changedMs = performance.now();
    while (!client.hasEnded) {
      const progress = await this.#look(attempt, sentBytes);
      if (isNow(progress)) return true;
      if (progress.sentBytes !== sentBytes) changedMs = performance.now();
      if (performance.now() - changedMs > PATIENCE_MS) {
        throw new Error(`the client neither ends nor sends: ${client.stdout}${client.stderr}${this.#server.log}`);
      }
      if (sentBytes < 1 && progress.sentBytes > 0) {
        this.#startMs = Math.max(this.#startMs / 2, performance.now() - attempt.startedMs);
      }
      sentBytes = progress.sentBytes;
      await pause(POLL_MS);
    }
    return false;
  }

  /** `sentBytes` as of the look before. */
  async #look(attempt: Attempt, sentBytesBefore: number): Promise<Progress> {
    const { round, watch, partialsBefore, sentBefore } = attempt;
    const partials = (await partialsIn(round.folder)).filter(isChangedSince(partialsBefore));
    const sentBytes = this.#sentBytes(round) - sentBefore;
    const isComplete = sentBytes === sentBytesBefore && partials.some(({ sizeBytes }) => round.sizes.has(sizeBytes));
    return { sentBytes, placed: placedOf(round, watch), hasPartial: partials.length > 0, isComplete };
  }

  #momentOf(
    { round, missingBytes, placedBefore }: Attempt,
    { sentBytes, placed, hasPartial, isComplete }: Progress,
  ): Moment {
    if (placed === round.names.length) return "after the last file";
    if (isComplete) return "verifying or committing";
    if (!hasPartial && placed > placedBefore) return "between two files";
    if (!hasPartial && sentBytes < HANDSHAKE_BYTES) return "starting or connecting";
    if (!hasPartial) return placed > 0 ? "between two files" : "transferring, up to 25 %";
    const share = (round.totalBytes - missingBytes + sentBytes) / round.totalBytes;
    if (share <= 0.25) return "transferring, up to 25 %";
    if (share <= 0.5) return "transferring, up to 50 %";
    return share <= 0.75 ? "transferring, up to 75 %" : "transferring, up to 100 %";
  }

  #sentBytes({ kind }: Round): number {
    return kind.startsWith("get") ? this.#relay.toClientBytes : this.#relay.toServerBytes;
  }

  #count(moment: Moment, victim: Victim): void {
    this.#endedCount++;
    const counts = this.#ended.get(moment)!;
    counts.set(victim, counts.get(victim)! + 1);
  }

  async #restartServer(): Promise<void> {
    this.#server.program.signal("SIGKILL");
    await this.#server.program.finished();
    this.#server = await this.#stage.startServer({ port: this.#server.port });
  }

  /**
   * Lets both programs clear their folders at a time at which what is there is stale: a server at its start, a client
   * when it saves a file.
   */
  async #removeStale(): Promise<void> {
    const { root, inbox } = this.#places;
    const count = async () => (await partialsIn(root)).length + (await partialsIn(inbox)).length;
    this.#server.program.signal("SIGKILL");
    await this.#server.program.finished();
    this.#leftPartials += await count();
    const { port } = this.#server;
    await Deno.writeTextFile(path.join(root, "late"), "late");
    const serverArgs = ["--port", String(port), "--root", root];
    const server = await this.#late("serve", serverArgs);
    await server.says(/listening on/);
    const client = await this.#late("get", ["get", "late", "--output", inbox, "--server", this.#relay.address]);
    const { code, stderr } = await client.finished();
    if (code !== 0) throw new Error(`a week later: ${stderr}`);
    server.signal("SIGKILL");
    await server.finished();
    this.#stalePartials += await count();
    await Deno.remove(path.join(root, "late"));
    await Deno.remove(path.join(inbox, "late"));
    this.#server = await this.#stage.startServer({ port });
  }

  async #late(task: string, args: readonly string[]): Promise<Program> {
    return this.#stage.run(await launchLater(task, `${this.#stage.folder}-state/clock.ts`), args);
  }

  #report(): CrashReport {
    const transfers = this.#rounds.filter(({ round }) => round.totalBytes > 0);
    const large = transfers.filter(({ round }) =>
      round.totalBytes >= this.#options.maxBytes / 2 && round.names.every((name) => name.oldSha256 === undefined)
    );
    const sum = (rounds: typeof large) => ({
      fileBytes: rounds.reduce((bytes, { round }) => bytes + round.totalBytes, 0),
      sentBytes: rounds.reduce((bytes, { sentBytes }) => bytes + sentBytes, 0),
    });
    return {
      rounds: this.#rounds.length,
      files: this.#rounds.flatMap(({ round }) => round.names).filter((name) => name.newSha256 !== undefined).length,
      endedIn: new Map(ROUND_KINDS.map((kind) => {
        const rounds = this.#rounds.filter(({ round }) => round.kind === kind);
        return [kind, rounds.reduce((sum, { ended }) => sum + ended, 0)];
      })),
      ended: this.#ended,
      endedCount: this.#endedCount,
      looks: this.#watches.reduce((count, { looks }) => count + looks, 0),
      reads: this.#watches.reduce((count, { reads }) => count + reads, 0),
      lost: this.#watches.flatMap(({ lost }) => lost),
      mixed: this.#watches.flatMap(({ mixed }) => mixed),
      foreign: this.#watches.flatMap(({ foreign }) => [...foreign]),
      leftPartials: this.#leftPartials,
      stalePartials: this.#stalePartials,
      all: sum(transfers),
      large: sum(large),
    };
  }
}

/** Notes what a command has left undone that says that it is done. */
async function checkDone({ names, folders, foldersAfter }: Round, watch: Watch): Promise<void> {
  for (const name of names) {
    if (watch.shown(name) !== "new") watch.lost.push(`${name.path} was done, and shows ${watch.shown(name)}`);
  }
  for (const folder of folders) {
    const isThere = await Deno.lstat(folder).then(({ isDirectory }) => isDirectory, () => false);
    if (isThere !== foldersAfter.has(folder)) watch.lost.push(`${folder} ${isThere ? "is still there" : "is missing"}`);
  }
}

/** How many names have what they are to have. */
function placedOf({ names }: Round, watch: Watch): number {
  return names.filter((name) => watch.shown(name) === "new").length;
}

function isChangedSince(before: ReadonlyMap<string, string>): (partial: Partial) => boolean {
  return ({ name, version }) => before.get(name) !== version;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
