/**
 * A client: one socket, one connection, any number of transfers at once.
 *
 * @module
 */

import { basename } from "node:path";
import {
  type CloseReason,
  type Connection,
  type ConnectionStats,
  Endpoint,
  KEY_BYTES,
  type RateLimit,
  type SendPolicy,
} from "../../protocol/mod.ts";
import { BackgroundWork } from "../../transfer/background_work.ts";
import { RESUMABLE_BYTES } from "../../transfer/content_sender.ts";
import type { QueryMessage, QueryOutcome } from "../../transfer/client/query_answer.ts";
import { ClientSession } from "../../transfer/client/session.ts";
import type { TransferOutcome } from "../../transfer/client/request.ts";
import { type TransferFailure } from "../../transfer/failure.ts";
import { checkLocalName, checkPath } from "../../transfer/file_name.ts";
import type { FileInfo, FolderAttributes, StoreSpace } from "../../transfer/file_store.ts";
import { ApplicationErrorCode } from "../../transfer/application_error.ts";
import { checkLinkTarget } from "../../transfer/link_target.ts";
import { settle } from "../../store/completion.ts";
import { WaitingDisk } from "../../store/waiting_disk.ts";
import { createLocalFile, LocalFolders, openLocalFile } from "../../store/local_file.ts";
import { quote } from "../../base/display_text.ts";
import type { NetAddress } from "../../base/net_address.ts";
import { SluiceError } from "../api.ts";
import type {
  ByteWriter,
  Client,
  ClientOptions,
  GetOptions,
  GetToOptions,
  ListOptions,
  MakeLinkOptions,
  Progress,
  SendOptions,
  StatOptions,
  StatResult,
  TransferReport,
} from "./api.ts";
import { withFollowedFile } from "./followed_source.ts";
import { type PipeOptions, startPipe } from "./pipe_feed.ts";
import { Driver } from "../driver.ts";
import { Operations } from "./operations.ts";
import { OutputFeed } from "./output_feed.ts";
import { connectError } from "./connect_error.ts";
import { errorOf, INTERRUPTED, interrupted, onDisk, requirePath } from "./errors.ts";
import type { DatagramSocket, Platform } from "../platform.ts";
import { requireRateLimit, requireSendPolicy } from "../rate.ts";
import { ProgressTicker } from "./progress_ticker.ts";
import { progressOf, type RunningTransfer } from "./running_transfer.ts";
import { LimitSampler } from "./limit_sampler.ts";
import { MAX_SMALL_BYTES, SmallFiles } from "./small_files.ts";
import { trafficBetween } from "./traffic.ts";

/** The IP literal to bind for reaching a server: of the same family, and loopback for loopback. */
function localHostFor({ isIPv6, isLoopback }: NetAddress): string {
  if (isLoopback) return isIPv6 ? "::1" : "127.0.0.1";
  return isIPv6 ? "::" : "0.0.0.0";
}

/** The least idle timeout, microseconds: shorter ones would end connections that are only slow. */
const MIN_IDLE_TIMEOUT_US = 1_000_000;

/** How to connect to one address. */
export interface AttemptOptions extends Omit<ClientOptions, "host" | "port"> {
  readonly signal: AbortSignal;
  /** How long the handshake may take. */
  readonly handshakeTimeoutUs: number;
}

/** See the module's description. */
export class ConnectedClient implements Client {
  readonly #platform: Platform;
  readonly #endpoint: Endpoint;
  readonly #driver: Driver;
  readonly #compresses: boolean;
  readonly #exactMode: boolean;
  readonly #folders: LocalFolders;
  readonly #progress: ProgressTicker;
  #sampler: LimitSampler | undefined;
  #session!: ClientSession;
  readonly #smallFiles = new SmallFiles((options) => this.#session.batch(options));
  #connection!: Connection;
  /** To be called when the connection was changed from here. */
  #wake!: () => void;
  readonly #operations = new Operations();

  private constructor(platform: Platform, socket: DatagramSocket, options: AttemptOptions) {
    const {
      compress = true,
      exactModes = false,
      handshakeTimeoutUs,
      identity,
      sendPolicy,
      timeoutMs,
      simulate,
      token,
    } = options;
    this.#compresses = compress;
    this.#exactMode = exactModes;
    this.#platform = platform;
    this.#folders = new LocalFolders(new WaitingDisk(platform));
    this.#progress = new ProgressTicker(platform);
    const { config, ...linkOptions } = platform.linkOptions(simulate !== undefined);
    const ours = {
      handshakeTimeoutUs,
      ...(timeoutMs === undefined
        ? {}
        : { idleTimeoutUs: Math.max(Math.round(timeoutMs * 1000), MIN_IDLE_TIMEOUT_US) }),
      ...(sendPolicy === undefined ? {} : { sendPolicy }),
    };
    this.#endpoint = new Endpoint({
      isServer: false,
      staticKey: identity ?? platform.randomBytes(KEY_BYTES),
      ...(token === undefined ? {} : { token }),
      randomBytes: (count) => platform.randomBytes(count),
      ...linkOptions,
      config: { ...config, receiveBurstBytes: socket.receiveBurstBytes, ...ours },
    });
    this.#driver = new Driver({
      platform,
      endpoint: this.#endpoint,
      socket,
      onFatal: (error) => this.#operations.fail(error),
    });
    this.#driver.start();
  }

  /** Connects to the server at an address; rejects with SluiceError. */
  static async connect(server: NetAddress, options: AttemptOptions, platform: Platform): Promise<ConnectedClient> {
    const { native, onFault, simulate } = options;
    const unreachable = platform.defer<never>();
    const failed = (reason: string) =>
      new SluiceError("unreachable", `${server.text}: ${reason}`, { retry: "reconnect" });
    let socket: DatagramSocket;
    try {
      const onUnreachable = (reason: string) => unreachable.reject(failed(reason));
      const hostname = localHostFor(server);
      socket = platform.openSocket({ hostname, port: 0, simulate, native, onFault, onUnreachable });
    } catch (error) {
      // A machine without IPv6 has no sockets for it.
      throw error instanceof SluiceError ? failed(error.message) : error;
    }
    const client = new ConnectedClient(platform, socket, options);
    await client.#connect(server, options, unreachable.promise);
    return client;
  }

  /** Resolves when the server has responded. `unreachable` rejects if that is impossible. */
  async #connect(remote: NetAddress, options: AttemptOptions, unreachable: Promise<never>): Promise<void> {
    const { server, signal, onSample, onStats } = options;
    const connected = this.#platform.defer<void>();
    unreachable.catch((error) => connected.reject(error));
    const onAbort = () => connected.reject(interrupted());
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort);
    const workTimer = this.#platform.timer(() => work.step());
    const work = new BackgroundWork((delayUs) => workTimer.set(delayUs));
    this.#session = this.#driver.connect(remote, (connection, wake) => {
      this.#connection = connection;
      this.#wake = wake;
      return new ClientSession({
        connection,
        work,
        wake,
        onConnected: () => connected.resolve(),
        onClosed: (reason) => connected.reject(connectError(remote, reason, server)),
      });
    }, server?.key);
    if (options.rateLimit !== undefined) this.setRateLimit(options.rateLimit);
    try {
      await this.#operations.settled(connected);
      onStats?.(() => this.#connection.stats);
      if (onSample === undefined) return;
      const parts = { platform: this.#platform, ticker: this.#progress, onSample };
      this.#sampler = new LimitSampler({ connection: this.#connection, ...parts });
    } catch (error) {
      await this.close();
      throw error;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  get serverKey(): Uint8Array {
    return this.#connection.peer!.key;
  }

  /** Why the connection ended; undefined while it is open. */
  get closeReason(): CloseReason | undefined {
    return this.#connection.closeReason;
  }

  /** See {@link Connection.idleTimeoutUs}. */
  get idleTimeoutUs(): number {
    return this.#connection.idleTimeoutUs;
  }

  /** The connection's counters. */
  get stats(): ConnectionStats {
    return this.#connection.stats;
  }

  async send(filePath: string, options: SendOptions = {}): Promise<TransferReport> {
    const name = options.as ?? basename(filePath);
    // A path without a name, such as "/" or "..", is that of a folder: opening it says so.
    const reason = options.as === undefined && /^\.{0,2}$/.test(name) ? undefined : checkPath(name);
    if (reason !== undefined) {
      const advice = options.as === undefined ? "; use --as for another name" : "";
      throw new SluiceError("usage", `${quote(name)} cannot be a file's name on a server: ${reason}${advice}`);
    }
    const overwrite = options.overwrite ?? false;
    if (options.followUntil !== undefined) {
      const follow = { disk: this.#folders.disk, platform: this.#platform, until: options.followUntil };
      return await withFollowedFile(
        filePath,
        follow,
        ({ bytes, info: { mode } }) => this.sendFrom(bytes, { ...options, as: name, mode }),
      );
    }
    return await this.#transfer(filePath, options, async (onDone) => {
      const file = await onDisk(() => openLocalFile(filePath, { disk: this.#folders.disk }));
      const request = { file, name, overwrite, exactMode: this.#exactMode, onDone };
      if (file.info.sizeBytes <= MAX_SMALL_BYTES) return this.#smallFiles.send(request);
      return this.#session.put({ ...request, compresses: this.#compresses });
    });
  }

  async sendFrom(source: AsyncIterable<Uint8Array>, options: PipeOptions): Promise<TransferReport> {
    requirePath(options.as);
    const onBug = (error: unknown) => this.#operations.fail(error);
    return await this.#transfer(
      options.as,
      options,
      (onDone) => startPipe(source, { ...options, session: this.#session, platform: this.#platform, onDone, onBug }),
    );
  }

  async get(name: string, options: GetOptions = {}): Promise<TransferReport> {
    requirePath(name);
    const last = name.slice(name.lastIndexOf("/") + 1);
    const output = options.output ?? last;
    const localReason = options.output === undefined && checkLocalName(last, this.#platform.disk.nameRules);
    if (localReason) {
      throw new SluiceError("local-disk", `${quote(name)}: ${localReason}; use --output for another name`);
    }
    const ifExists = options.ifExists ?? "beside";
    const create = (info: FileInfo) => {
      const resume = info.sizeBytes < RESUMABLE_BYTES
        ? undefined
        : { purpose: this.serverKey.toHex(), reusesOld: ifExists === "replace" };
      return createLocalFile(output, { ...info, exactMode: this.#exactMode, ifExists, folders: this.#folders, resume });
    };
    return await this.#transfer(name, options, (onDone, onTransfer) => {
      const getWhole = () =>
        this.#session.get({
          name,
          compresses: this.#compresses,
          create: (info, done) => {
            onTransfer();
            settle(create(info), done);
          },
          onDone,
        });
      const { sizeBytes } = options;
      if (sizeBytes === undefined || sizeBytes > MAX_SMALL_BYTES) return getWhole();
      return this.#smallFiles.get(sizeBytes, { name, create, onDone, onLarge: () => onTransfer(getWhole()) });
    });
  }

  async getTo(name: string, writer: ByteWriter, options: GetToOptions = {}): Promise<TransferReport> {
    requirePath(name);
    let feed: OutputFeed | undefined;
    try {
      return await this.#transfer(name, options, (onDone, onSize) => {
        feed = new OutputFeed(writer, { name, session: this.#session, onSize, onDone });
        return feed;
      });
    } catch (error) {
      throw feed?.error === undefined ? error : feed.error.reason;
    }
  }

  async list(options: ListOptions = {}): Promise<FileInfo[]> {
    const { path = "", recursive = false, pattern } = options;
    if (path !== "") requirePath(path);
    const { entries, gaps, unlisted } = await this.#query({
      type: "list",
      path,
      recursive,
      ...(pattern === undefined ? {} : { pattern }),
    });
    if (unlisted !== undefined) options.onUnlisted?.(unlisted);
    if (gaps !== undefined) options.onGaps?.(gaps);
    return [...entries];
  }

  async stat(name: string, options: StatOptions = {}): Promise<StatResult> {
    requirePath(name);
    const { entries, sha256 } = await this.#query({ type: "stat", name, digest: options.digest ?? false });
    return { ...entries[0]!, ...(sha256 === undefined ? {} : { sha256: sha256.toHex() }) };
  }

  async makeFolder(name: string, attributes: FolderAttributes = {}): Promise<void> {
    requirePath(name);
    const { exactMode, mode, modifiedUs } = attributes;
    await this.#query({ type: "make", name, kind: "folder", sizeBytes: 0, mode, exactMode, modifiedUs });
  }

  async makeLink(name: string, target: string, options: MakeLinkOptions = {}): Promise<void> {
    requirePath(name);
    const reason = checkLinkTarget(name, target);
    if (reason !== undefined) throw new SluiceError("usage", `the link ${quote(name)} cannot be made: ${reason}`);
    await this.#query({
      type: "make",
      name,
      kind: "link",
      sizeBytes: 0,
      target,
      overwrite: options.overwrite ?? false,
      modifiedUs: options.modifiedUs,
    });
  }

  async remove(name: string, { recursive = false }: { readonly recursive?: boolean } = {}): Promise<number> {
    requirePath(name);
    return (await this.#query({ type: "remove", name, recursive })).count!;
  }

  async move(name: string, newName: string, options: { readonly overwrite?: boolean } = {}): Promise<void> {
    requirePath(name);
    requirePath(newName);
    await this.#query({ type: "move", name, newName, overwrite: options.overwrite ?? false });
  }

  async space(): Promise<StoreSpace> {
    const { type: _type, ...space } = (await this.#query({ type: "space" })).capacity!;
    return space;
  }

  setSendPolicy(policy: SendPolicy): void {
    requireSendPolicy(policy);
    this.#connection.setSendPolicy(this.#platform.nowUs(), policy);
    this.#wake();
  }

  setRateLimit(limit: RateLimit): void {
    requireRateLimit(limit);
    const nowUs = this.#platform.nowUs();
    this.#connection.limitSending(nowUs, limit);
    this.#connection.limitReceiving(nowUs, limit);
    this.#wake();
  }

  async close(): Promise<void> {
    const connection = this.#connection;
    // The last responses, which may have been written in this very turn: a close has room for twenty.
    await this.#driver.flushed();
    if (connection !== undefined && !connection.isClosed) {
      this.#driver.closeConnection(connection, { code: ApplicationErrorCode.noError, reason: "" });
      // The close is not retransmitted once the socket is gone, so it is sent several times, with all that is unacknowledged.
      await this.#driver.flushed();
    }
    await this.#driver.stop();
  }

  async #query(message: QueryMessage): Promise<QueryOutcome> {
    const done = this.#platform.defer<QueryOutcome | TransferFailure>();
    this.#session.query({ message, onDone: done.resolve });
    const outcome = await this.#operations.settled(done);
    if (outcome.kind === "done") return outcome;
    throw errorOf(outcome);
  }

  /** Runs one transfer to its end: reports its progress, and cancels it when the user gives up. */
  async #transfer(
    name: string,
    options: { onProgress?: (progress: Progress) => void; signal?: AbortSignal },
    start: (
      onDone: (outcome: TransferOutcome | TransferFailure) => void,
      onTransfer: (anew?: RunningTransfer) => void,
    ) => RunningTransfer | Promise<RunningTransfer>,
  ): Promise<TransferReport> {
    const { onProgress, signal } = options;
    const startedUs = this.#platform.nowUs();
    const before = this.#connection.stats;
    let transfer: RunningTransfer | undefined;
    const onAbort = () => transfer?.cancel(INTERRUPTED);
    const stopListening = this.#operations.onAbort(signal, onAbort);
    const report = () => {
      if (transfer !== undefined) onProgress?.(progressOf(name, transfer));
    };
    if (onProgress !== undefined) this.#progress.add(report);
    const stopSampling = this.#sampler?.begin(() => transfer);
    try {
      const done = this.#platform.defer<TransferOutcome | TransferFailure>();
      transfer = await start(done.resolve, (anew = transfer) => {
        transfer = anew;
        report();
      });
      if (signal?.aborted) onAbort();
      report();
      const outcome = await this.#operations.settled(done);
      if (outcome.kind !== "done") throw errorOf(outcome);
      report();
      const after = this.#connection.stats;
      return {
        name,
        ...outcome.file,
        elapsedMs: (this.#platform.nowUs() - startedUs) / 1000,
        ...trafficBetween(before, after),
        smoothedRttMs: after.smoothedRttUs / 1000,
      };
    } finally {
      this.#progress.remove(report);
      stopListening();
      stopSampling?.();
    }
  }
}
