/**
 * The programs' context as their tests make it: no network, no disk, a screen that is kept and a keyboard that is scripted.
 *
 * @module
 */

import assert from "node:assert/strict";
import { SluiceError } from "../app/api.ts";
import { Glob } from "../base/glob.ts";
import type { Client, ClientOptions, GetOptions, ListOptions, SendOptions, TransferReport } from "../app/client/api.ts";
import type { ExistingEntry, Select, TreeEntry } from "../app/client/tree/entry.ts";
import type { Step } from "../app/client/tree/plan.ts";
import type { TreeContent, TreeSide } from "../app/client/tree/side.ts";
import type { Found } from "../app/client/tree/walk.ts";
import type { StartServer } from "../app/server/api.ts";
import type {
  Console,
  LineReader,
  OnStopSignal,
  OutputLoss,
  ProgressTask,
  ProgressView,
  StopSignal,
} from "../cli/console.ts";
import type { BuildInfo } from "../cli/command_line.ts";
import type { AccessFromFiles, CliContext, FileNeeds, Identity, NetworkUse } from "../cli/context.ts";
import { widthOf } from "../cli/width.ts";
import { FakeClock } from "./fake_clock.ts";
import type { NameRules } from "../transfer/file_name.ts";
import type { UnlistedFiles } from "../transfer/messages.ts";
import type { FileInfo, StoreSpace } from "../transfer/file_store.ts";
import { FakeKnownHosts } from "./fake_known_hosts.ts";

/** A console that keeps what is written. */
export class FakeConsole implements Console {
  readonly outLines: string[] = [];
  readonly errLines: string[] = [];
  drawn = "";
  outIsTerminal = false;
  inIsTerminal = false;
  errIsTerminal = false;
  outHasColors = false;
  /** Columns of the terminal. */
  width = 100;
  waitingBytes = 0;
  /** Why standard output cannot be written; undefined if it can. */
  outFailure: string | undefined;
  isFlushed = false;
  /** Bytes written to standard output, and why they cannot be. */
  readonly bytesOut: number[] = [];
  outLoss: OutputLoss | undefined;
  out(line: string, onLost?: (reason: string | undefined) => void): void {
    if (this.outFailure === undefined) this.outLines.push(...line.split("\n"));
    else onLost?.(this.outFailure);
  }
  outBytes(bytes: Uint8Array): Promise<OutputLoss | undefined> {
    if (this.outLoss === undefined) this.bytesOut.push(...bytes);
    return Promise.resolve(this.outLoss);
  }
  err(line: string): void {
    this.errLines.push(...line.split("\n"));
  }
  draw(text: string): void {
    this.drawn += text;
  }
  columns(): number {
    return this.width;
  }
  outWaitingBytes(): number {
    return this.waitingBytes;
  }
  errWaitingBytes(): number {
    return this.waitingBytes;
  }
  /** Never resolves while bytes wait. */
  flushOut(): Promise<OutputLoss | undefined> {
    const loss = this.outFailure === undefined ? this.outLoss : { reason: this.outFailure };
    return this.waitingBytes > 0 ? new Promise(() => {}) : Promise.resolve(loss);
  }
  flushErr(): Promise<void> {
    this.isFlushed = true;
    return Promise.resolve();
  }
}

/** Asserts that there are lines, none wider than a terminal. */
export function assertFits(lines: readonly string[], { columns = 80 } = {}): void {
  assert.ok(lines.length > 5, "no help was printed");
  assert.deepEqual(lines.filter((line) => widthOf(line) > columns), []);
}

/** A source of stop signals that a test raises. */
export class FakeSignals {
  readonly #handlers = new Set<(signal: StopSignal) => void>();
  readonly listen: OnStopSignal = (handler) => {
    this.#handlers.add(handler);
    return () => this.#handlers.delete(handler);
  };
  raise(signal: StopSignal): void {
    for (const handler of [...this.#handlers]) handler(signal);
  }
  get listenerCount(): number {
    return this.#handlers.size;
  }
}

/** Lines as if typed; a function among them is called in its place, and nothing is typed afterwards. */
export class FakeLines implements LineReader {
  readonly #lines: (string | (() => void))[];
  readonly interrupts = new FakeSignals();
  readonly onInterrupt = this.interrupts.listen;
  isClosed = false;
  /** Runs before each line. */
  onRead: () => void = () => {};
  constructor(lines: readonly (string | (() => void))[], readonly isInteractive = false) {
    this.#lines = [...lines];
  }
  read(_prompt: string): Promise<string | undefined> {
    this.onRead();
    const line = this.#lines.shift();
    if (typeof line !== "function") return Promise.resolve(line);
    line();
    // Nothing more is typed: only an interrupt ends the wait.
    return new Promise(() => {});
  }
  intercept(take: (line: string) => boolean): () => void {
    this.type = take;
    return () => this.type = () => false;
  }
  /** Types a line out of turn; returns whether it was taken. */
  type: (line: string) => boolean = () => false;
  close(): void {
    this.isClosed = true;
  }
}

/** A report of a transfer that went well. */
export function fakeReport(name: string, changes: Partial<TransferReport> = {}): TransferReport {
  return {
    name,
    savedAs: name,
    sizeBytes: 2_000_000,
    reusedBytes: 0,
    serverSha256: "ab".repeat(32),
    localSha256: "ab".repeat(32),
    elapsedMs: 500,
    sentBytes: 2_100_000,
    receivedBytes: 10_000,
    retransmittedBytes: 0,
    packetsLost: 0,
    smoothedRttMs: 20,
    notKept: [],
    ...changes,
  };
}

/** A server in which a file named "missing" is not found, "stuck" waits for the abort, and the rest succeeds. */
export class FakeEngine {
  readonly calls: string[] = [];
  readonly connections: ClientOptions[] = [];
  files: FileInfo[] = [{ name: "a.txt", kind: "file", sizeBytes: 3, modifiedUs: 0 }];
  unlisted: UnlistedFiles | undefined;
  /** How much can be stored. */
  space: StoreSpace = {};
  /** Runs while a client connects. */
  onConnect: () => void = () => {};
  /** What connecting fails with. */
  connectError: Error | undefined;
  /** Runs when files are listed. */
  onList: () => void = () => {};
  /** What listing fails with. */
  listError: Error | undefined;
  /** Runs when a transfer waits for its abort. */
  onStuck: () => void = () => {};
  report: (name: string) => TransferReport = (name) => fakeReport(name);
  /** Of every file, as its progress tells. */
  sizeBytes = 2_000_000;
  /** What every server has proven to hold. */
  serverKey: Uint8Array = new Uint8Array(32);
  /** What every transfer of an engine fails with. */
  error: (name: string) => Error | undefined = () => undefined;
  /** What was sent from pipes. */
  readonly sentBytes: number[] = [];
  openCount = 0;
  running = 0;
  mostRunning = 0;

  readonly connect = (options: ClientOptions): Promise<Client> => {
    this.connections.push(options);
    this.onConnect();
    if (this.connectError !== undefined) return Promise.reject(this.connectError);
    this.openCount++;
    return Promise.resolve({
      serverKey: this.serverKey,
      send: (path, sendOptions = {}) => this.#transfer("send", path, sendOptions),
      sendFrom: async (source, sendOptions) => {
        for await (const bytes of source) this.sentBytes.push(...bytes);
        return await this.#transfer("send from a pipe", sendOptions.as, sendOptions);
      },
      get: (name, getOptions = {}) => this.#transfer("get", name, getOptions),
      getTo: async (name, writer, getOptions = {}) => {
        await writer.write(new TextEncoder().encode(name));
        return await this.#transfer("get to a pipe", name, getOptions);
      },
      list: (listOptions = {}) => {
        this.calls.push("list");
        this.onList();
        if (this.unlisted !== undefined) listOptions.onUnlisted?.(this.unlisted);
        return this.listError === undefined
          ? Promise.resolve(this.#listed(listOptions))
          : Promise.reject(this.listError);
      },
      setRateLimit: ({ bytesPerSecond }) => void this.calls.push(`limit ${bytesPerSecond}`),
      setSendPolicy: (policy) =>
        this.calls.push(policy.kind === "fixed" ? `rate ${policy.rateBytesPerSecond}` : policy.kind),
      stat: (name) => {
        const file = this.files.find((file) => file.name === name);
        return file === undefined
          ? Promise.reject(new SluiceError("not-found", `"${name}" does not exist on the server`))
          : Promise.resolve(file);
      },
      makeFolder: (name) => this.#act(`make ${name}`),
      makeLink: (name, target) => this.#act(`link ${name} -> ${target}`),
      remove: async (name) => {
        await this.#act(`remove ${name}`);
        return 1;
      },
      move: (name, newName) => this.#act(`move ${name} to ${newName}`),
      space: () => Promise.resolve(this.space),
      close: () => {
        this.openCount--;
        return Promise.resolve();
      },
    });
  };

  async #transfer(kind: string, name: string, options: SendOptions & GetOptions): Promise<TransferReport> {
    const target = options.as ?? options.output;
    this.calls.push(
      `${kind} ${name}${target === undefined ? "" : ` -> ${target}`}${
        options.overwrite === true || options.ifExists === "replace" ? " (force)" : ""
      }${options.followUntil === undefined ? "" : " (follow)"}`,
    );
    this.mostRunning = Math.max(this.mostRunning, ++this.running);
    try {
      const { sizeBytes: totalBytes } = this;
      options.onProgress?.({ name, transferredBytes: totalBytes / 2, totalBytes, phase: "transferring" });
      await new Promise((resolve) => setTimeout(resolve, 0));
      const error = this.error(name);
      if (error !== undefined) throw error;
      if (name.includes("missing")) throw new SluiceError("not-found", `"${name}" does not exist`);
      if (name.includes("refused")) throw new SluiceError("refused", `"${name}" exists already`);
      if (name.includes("stuck")) await this.#stuck(options.signal!);
      if (options.followUntil !== undefined) await this.#followed(options.followUntil, options.signal!);
      return this.report(name);
    } finally {
      this.running--;
    }
  }

  #listed({ path = "", recursive = false, pattern }: ListOptions): FileInfo[] {
    const prefix = path === "" ? "" : `${path}/`;
    const glob = pattern === undefined ? undefined : new Glob(pattern);
    return this.files.filter(({ name }) => {
      const below = name.slice(prefix.length);
      if (!name.startsWith(prefix) || (!recursive && below.includes("/"))) return false;
      return glob === undefined || glob.matches(glob.hasFolders ? below : below.slice(below.lastIndexOf("/") + 1));
    });
  }

  /** A file that grows until it is completed, or given up. */
  async #followed(until: AbortSignal, signal: AbortSignal): Promise<void> {
    const stuck = this.#stuck(signal);
    stuck.catch(() => {});
    if (!until.aborted) {
      await Promise.race([stuck, new Promise((resolve) => until.addEventListener("abort", resolve))]);
    }
  }

  async #act(call: string): Promise<void> {
    this.calls.push(call);
    await Promise.resolve();
    const error = this.error(call);
    if (error !== undefined) throw error;
  }

  #stuck(signal: AbortSignal): Promise<never> {
    return new Promise((_resolve, reject) => {
      const onAbort = () => reject(new SluiceError("interrupted", "interrupted; no partial file was left behind"));
      if (signal.aborted) onAbort();
      signal.addEventListener("abort", onAbort);
      this.onStuck();
    });
  }
}

/** A view that keeps the names that its bars bore. */
export class FakeView implements ProgressView {
  readonly shown: string[] = [];
  bars = 0;
  start(): ProgressTask {
    this.bars++;
    return {
      update: ({ name }) => {
        this.shown.push(name);
      },
      finish: () => {
        this.bars--;
      },
    };
  }
  busy(text: string): Pick<ProgressTask, "finish"> {
    this.bars++;
    this.shown.push(text);
    return { finish: () => void this.bars-- };
  }
  print(write: () => void): void {
    write();
  }
  close(): void {}
}

/** A side of a tree that has what a test gives it, and notes what it is asked for. */
export class FakeSide implements TreeSide {
  readonly calls: string[] = [];
  /** What a call fails with. */
  failing: (call: string) => Error | undefined = () => undefined;
  readonly #root: string;
  readonly #found: readonly Found[];

  constructor(root: string, found: readonly Found[]) {
    this.#root = root;
    this.#found = found;
  }
  read(select: Select): Promise<TreeContent | undefined> {
    if (this.#found.length === 0) return Promise.resolve(undefined);
    const isExcluded = (entry: Found) =>
      select(entry.path, { isFolder: "kind" in entry && entry.kind === "folder" }) === "excluded";
    const excluded = this.#found.filter(isExcluded).map(({ path }) => path);
    return Promise.resolve({ found: this.#found.filter((entry) => !isExcluded(entry)), excluded, gaps: [] });
  }
  digest(path: string): Promise<string> {
    return Promise.resolve(`digest of "${path}"`);
  }
  readonly nameRules = "posix";
  whyUnstorable(): undefined {}
  makeFolder({ path }: TreeEntry): Promise<void> {
    return this.#note(`make ${path}`);
  }
  finishFolder({ path }: TreeEntry): Promise<void> {
    return this.#note(`finish ${path}`);
  }
  makeLink({ entry: { path, target } }: Step): Promise<void> {
    return this.#note(`link ${path} -> ${target}`);
  }
  remove({ path }: ExistingEntry): Promise<void> {
    return this.#note(`remove ${path}`);
  }
  locationOf(path: string): string {
    return path === "" ? this.#root : `${this.#root}/${path}`;
  }
  #note(call: string): Promise<void> {
    this.calls.push(call);
    const error = this.failing(call);
    return error === undefined ? Promise.resolve() : Promise.reject(error);
  }
}

/** A context of fakes, for either program. */
export class FakeContext implements CliContext {
  readonly engine = new FakeEngine();
  readonly console = new FakeConsole();
  readonly clock = new FakeClock();
  /** Processor time used. */
  cpu = 0;
  readonly cpuUs = () => this.cpu;
  /** Minutes since midnight. */
  minute = 0;
  readonly minuteOfDay = () => this.minute;
  readonly signals = new FakeSignals();
  readonly onStopSignal = this.signals.listen;
  lines = new FakeLines([]);
  readonly variables = new Map<string, string>();
  readonly exits: number[] = [];
  readonly confined: FileNeeds[] = [];
  /** The host of each {@link confined} program's server. */
  readonly confinedTo: (string | undefined)[] = [];
  /** What `confine` returns. */
  isConfinable = true;
  readonly knownHosts = new FakeKnownHosts();
  /** Made by `openIdentity`. */
  identity: Identity | undefined;
  identityError: Error | undefined;
  /** That of this user's own server, as `findIdentity` finds it. */
  serverIdentity: Identity | undefined;
  /** The state folders of `openIdentity`. */
  readonly stateFolders: (string | undefined)[] = [];
  access: AccessFromFiles | undefined;

  readonly openLineReader = () => Promise.resolve(this.lines);
  readonly environment = (name: string) => this.variables.get(name);
  readonly build = (): BuildInfo => ({ commit: "0123456789", deno: "2.9.6", target: "x86_64-unknown-linux-gnu" });
  /** What the config file contains; undefined if there is none. */
  config: string | undefined;
  readonly readConfig = () =>
    this.config === undefined ? undefined : { path: "config.toml", text: this.config, home: "/me" };
  readonly exit = (code: number) => void this.exits.push(code);
  readonly connect = this.engine.connect;
  startServer: StartServer = () => Promise.reject(new Error("no server is expected"));
  nameRules: NameRules = "posix";
  entryAt = (path: string) => path === "dir" || path === "dir/" ? "folder" : path === "taken" ? "other" : undefined;
  sizeOf = (_path: string): number | undefined => undefined;
  localSide = (root: string): TreeSide => new FakeSide(root, []);
  readonly readText = (file: string): string => {
    if (file === "none") throw new SluiceError("local-disk", `cannot read "${file}": ENOENT`);
    return `# patterns of ${file}\n*.o\n`;
  };
  isPipe = (path: string) => path.endsWith("fifo") || path === "/dev/fd/63";
  /** What pipes contain. */
  readonly readPipe = async function* (path: string | undefined): AsyncIterable<Uint8Array> {
    yield new TextEncoder().encode(path ?? "stdin");
  };
  readonly openIdentity = (_owner: "server" | "client", stateFolder: string | undefined): Identity => {
    this.stateFolders.push(stateFolder);
    if (this.identityError !== undefined) throw this.identityError;
    return this.identity ??= { privateKey: new Uint8Array(32).fill(7), publicKey: new Uint8Array(32).fill(8) };
  };
  readonly findIdentity = (owner: "server" | "client") => owner === "server" ? this.serverIdentity : this.identity;
  readonly openKnownHosts = (stateFolder: string | undefined) => {
    this.knownHosts.folder = stateFolder ?? this.knownHosts.folder;
    return this.knownHosts;
  };
  readonly openAccess = () => this.access;
  readonly readToken = (file: string): Uint8Array => {
    if (file === "none") throw new SluiceError("local-disk", "there is no token in none");
    return new TextEncoder().encode(`token of ${file}`);
  };
  readonly confine = (needs: FileNeeds, { host }: NetworkUse) => {
    if (this.engine.openCount > 0) throw new Error("permissions are given up before the network is touched");
    this.confined.push(needs);
    this.confinedTo.push(host);
    return this.isConfinable;
  };
}
