/**
 * A client that goes on by itself: where a connection is lost, it connects anew and runs again what ran; where the
 * server is busy, it asks again.
 *
 * Participants: one {@link OneConnection} at a time, made by `connect_once.ts`; {@link Outage} and {@link Backoff}, which
 * say for how long and how often. Goals: operations that run at the same time share one attempt to connect; the server
 * is the one of the first connection, by its key; what cannot succeed ends at once. Non-goals: what is left of a
 * transfer that is run again, which is the transfer's own matter.
 *
 * ```
 *   connected --connection lost--> connecting --done--> connected
 *       ^                            |    ^ |
 *       +--- first connection -------+    +-+ failed: waits, and tries again until the outage has lasted too long
 * ```
 *
 * @module
 */

import { formatDuration } from "../../base/units.ts";
import { DEFAULT_CONFIG, KEY_BYTES, type RateLimit, type SendPolicy } from "../../protocol/mod.ts";
import { describeClose } from "../../transfer/failure.ts";
import type { FileInfo, FolderAttributes, StoreSpace } from "../../transfer/file_store.ts";
import { RefusalReason } from "../../transfer/messages.ts";
import { SluiceError } from "../api.ts";
import type { Platform } from "../platform.ts";
import { requireRateLimit, requireSendPolicy } from "../rate.ts";
import type {
  ByteWriter,
  Client,
  ClientOptions,
  GetOptions,
  GetToOptions,
  ListOptions,
  MakeLinkOptions,
  Progress,
  SendFromOptions,
  SendOptions,
  StatOptions,
  StatResult,
  TransferReport,
} from "./api.ts";
import { pause, unlessAborted } from "./cancellation.ts";
import { interrupted } from "./errors.ts";
import type { OneConnection, OneConnectionOptions } from "./connect_once.ts";
import { sendAgain } from "./send_again.ts";
import { ReplayableSource } from "./replayable_source.ts";
import { Backoff, DEFAULT_RETRY_FOR_MS, Outage } from "./retry_policy.ts";
import { addTraffic, NO_TRAFFIC, trafficBetween } from "./traffic.ts";

/** A connection that was unused for half of its idle timeout is replaced: it may have ended unnoticed. */
const DEFAULT_MAX_UNUSED_MS = DEFAULT_CONFIG.idleTimeoutUs / 2000;

/** A server that is busy for a shorter time is nothing to tell of, milliseconds. */
const TELL_BUSY_AFTER_MS = 2_000;

/** An attempt to connect has so long, milliseconds, even where the outage ends before. */
const MIN_CONNECT_MS = 1_000;

/** What an attempt is told of those before it. */
interface Attempt {
  /** A connection was lost since it began: the server may have done it all the same. */
  readonly mayBeDone: boolean;
}

/** What a client needs to go on by itself. */
export interface Dependencies {
  readonly platform: Pick<Platform, "defer" | "disk" | "nowUs" | "randomBytes" | "timer">;
  /** Connects once; rejects with SluiceError. */
  readonly connectOnce: (options: OneConnectionOptions) => Promise<OneConnection>;
}

/** See the module's description. */
export class ReconnectingClient implements Client {
  readonly #platform: Dependencies["platform"];
  readonly #connectOnce: Dependencies["connectOnce"];
  #options: ClientOptions;
  /** Undefined before the first connection, and while there is none. */
  #client: OneConnection | undefined;
  /** The connection that is being made; all operations wait for the same. */
  #connecting: Promise<OneConnection> | undefined;
  #abortConnecting = new AbortController();
  /** Operations that wait for it. */
  #waitingCount = 0;
  /** Resolves when the socket of the last connection is closed. */
  #released: Promise<void> = Promise.resolve();
  #outage: Outage | undefined;
  #serverKey: Uint8Array | undefined;
  #runningCount = 0;
  #lastUseUs: number;
  readonly #closed = new AbortController();

  private constructor(options: ClientOptions, { connectOnce, platform }: Dependencies) {
    this.#platform = platform;
    this.#connectOnce = connectOnce;
    // The server knows the client by its key: it is the same on all connections.
    this.#options = { ...options, identity: options.identity ?? platform.randomBytes(KEY_BYTES) };
    this.#lastUseUs = platform.nowUs();
  }

  /** Connects to a server; rejects with SluiceError. */
  static async connect(options: ClientOptions, dependencies: Dependencies): Promise<ReconnectingClient> {
    const client = new ReconnectingClient(options, dependencies);
    await client.#connected(options.signal);
    return client;
  }

  get serverKey(): Uint8Array {
    return this.#serverKey!;
  }

  send(path: string, options: SendOptions = {}): Promise<TransferReport> {
    return this.#transfer(options, (client, changed, { mayBeDone }) => {
      const sendOptions = { ...options, ...changed };
      // A file that is followed has no size and time yet to be known by.
      return mayBeDone && options.followUntil === undefined
        ? sendAgain(path, { ...sendOptions, client, platform: this.#platform })
        : client.send(path, sendOptions);
    });
  }

  async sendFrom(source: AsyncIterable<Uint8Array>, options: SendFromOptions): Promise<TransferReport> {
    const replayable = new ReplayableSource(source);
    try {
      return await this.#transfer(options, async (client, changed) => {
        try {
          return await client.sendFrom(replayable, { ...options, ...changed });
        } catch (error) {
          throw isLostWith(replayable, error) ? pipeLost(error) : error;
        }
      });
    } finally {
      replayable.close();
    }
  }

  get(name: string, options: GetOptions = {}): Promise<TransferReport> {
    return this.#transfer(options, (client, changed) => client.get(name, { ...options, ...changed }));
  }

  getTo(name: string, writer: ByteWriter, options: GetToOptions = {}): Promise<TransferReport> {
    return this.#transfer(options, (client, changed) => client.getTo(name, writer, { ...options, ...changed }));
  }

  list(options: ListOptions = {}): Promise<FileInfo[]> {
    return this.#run((client) => client.list(options));
  }

  stat(name: string, options: StatOptions = {}): Promise<StatResult> {
    return this.#run((client) => client.stat(name, options));
  }

  makeFolder(name: string, attributes: FolderAttributes = {}): Promise<void> {
    return this.#run((client) => client.makeFolder(name, attributes));
  }

  makeLink(name: string, target: string, options: MakeLinkOptions = {}): Promise<void> {
    return this.#run(async (client, { mayBeDone }) => {
      try {
        await client.makeLink(name, target, options);
      } catch (error) {
        const exists = error instanceof SluiceError && error.refusal === RefusalReason.exists;
        if (!mayBeDone || !exists || (await client.stat(name)).target !== target) throw error;
      }
    });
  }

  remove(name: string, options: { readonly recursive?: boolean } = {}): Promise<number> {
    return this.#run(async (client, { mayBeDone }) => {
      try {
        return await client.remove(name, options);
      } catch (error) {
        if (mayBeDone && isNotFound(error)) return 0;
        throw error;
      }
    });
  }

  move(name: string, newName: string, options: { readonly overwrite?: boolean } = {}): Promise<void> {
    return this.#run(async (client, { mayBeDone }) => {
      try {
        await client.move(name, newName, options);
      } catch (error) {
        // It was moved before the connection was lost, if something has the new name.
        const isMoved = mayBeDone && isNotFound(error) && await isThere(newName, client);
        if (!isMoved) throw error;
      }
    });
  }

  space(): Promise<StoreSpace> {
    return this.#run((client) => client.space());
  }

  setSendPolicy(policy: SendPolicy): void {
    requireSendPolicy(policy);
    this.#options = { ...this.#options, sendPolicy: policy };
    this.#client?.setSendPolicy(policy);
  }

  setRateLimit(rateLimit: RateLimit): void {
    requireRateLimit(rateLimit);
    this.#options = { ...this.#options, rateLimit };
    this.#client?.setRateLimit(rateLimit);
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.#abortConnecting.abort();
    await this.#connecting?.catch(() => {});
    this.#drop();
    await this.#released;
  }

  // --- operations ---

  /** Runs a transfer, as often as it takes. Its report is that of all attempts together. */
  async #transfer(
    options: { readonly onProgress?: (progress: Progress) => void; readonly signal?: AbortSignal },
    start: (
      client: OneConnection,
      changed: { onProgress: (progress: Progress) => void },
      attempt: Attempt,
    ) => Promise<TransferReport>,
  ): Promise<TransferReport> {
    const { signal } = options;
    const startedUs = this.#platform.nowUs();
    let wasted = NO_TRAFFIC;
    let last: Progress | undefined;
    let furthestBytes = 0;
    const onProgress = (progress: Progress) => {
      last = progress;
      // What is transferred once more is no progress, or a transfer that fails each time would go on for ever.
      if (progress.transferredBytes > furthestBytes) {
        furthestBytes = progress.transferredBytes;
        this.#onProgress();
      }
      options.onProgress?.(progress);
    };
    const onWaiting = () => {
      if (last !== undefined) options.onProgress?.({ ...last, phase: "connecting" });
    };
    const report = await this.#run(async (client, attempt) => {
      const before = client.stats;
      try {
        return await start(client, { onProgress }, attempt);
      } catch (error) {
        wasted = addTraffic(wasted, trafficBetween(before, client.stats));
        throw error;
      }
    }, { signal, onWaiting });
    const elapsedMs = (this.#platform.nowUs() - startedUs) / 1000;
    return { ...report, elapsedMs, ...addTraffic(report, wasted) };
  }

  /** Runs an operation until it succeeds, cannot succeed, or was tried for long enough. */
  async #run<Result>(
    start: (client: OneConnection, attempt: Attempt) => Promise<Result>,
    { signal, onWaiting = () => {} }: { signal?: AbortSignal | undefined; onWaiting?: () => void } = {},
  ): Promise<Result> {
    const backoff = new Backoff(this.#platform);
    let mayBeDone = false;
    let isRepeated = false;
    if (this.#runningCount === 0) this.#beginAfresh();
    this.#runningCount++;
    try {
      for (;;) {
        const client = await this.#connected(signal);
        try {
          const result = await start(client, { mayBeDone });
          this.#onProgress();
          return result;
        } catch (error) {
          if (!(error instanceof SluiceError) || error.retry === undefined) throw error;
          if (error.retry === "reconnect") this.#onLost(client, error);
          const isLast = error.retry === "once" && isRepeated;
          if (isLast || this.#retryForMs === 0 || signal?.aborted || this.#closed.signal.aborted) throw error;
          isRepeated ||= error.retry === "once";
          mayBeDone ||= error.retry === "reconnect";
          // Connections that are made and lost, one after the other, are no progress.
          if (error.retry === "reconnect" && this.#outage?.leftMs === 0) throw this.#outage.giveUp(error);
          onWaiting();
          if (error.retry === "later") await this.#waitBeforeRepeating(error, { backoff, signal });
        }
      }
    } finally {
      this.#runningCount--;
      this.#lastUseUs = this.#platform.nowUs();
    }
  }

  /** The first of the operations that run at the same time: it may find a connection that has ended meanwhile. */
  #beginAfresh(): void {
    this.#outage = undefined;
    const unusedMs = (this.#platform.nowUs() - this.#lastUseUs) / 1000;
    const isUnused = unusedMs > Math.min(DEFAULT_MAX_UNUSED_MS, (this.#options.timeoutMs ?? Infinity) / 2);
    if (isUnused || this.#client?.closeReason !== undefined) this.#drop();
  }

  /** The server is busy: waits, or throws if it has been so for too long. */
  async #waitBeforeRepeating(
    error: SluiceError,
    { backoff, signal }: { backoff: Backoff; signal: AbortSignal | undefined },
  ): Promise<void> {
    const outage = this.#outage ??= new Outage(this.#platform, this.#retryForMs);
    outage.failures++;
    if (outage.leftMs === 0) throw outage.giveUp(error);
    if (outage.elapsedMs >= TELL_BUSY_AFTER_MS) this.#tellUnavailable(outage, error);
    const delayMs = Math.min(backoff.next(), outage.leftMs);
    await pause(delayMs, { platform: this.#platform, signals: [signal, this.#closed.signal] });
    if (signal?.aborted) throw interrupted();
  }

  /** An operation got ahead, or was done. */
  #onProgress(): void {
    const outage = this.#outage;
    this.#outage = undefined;
    if (outage?.told === "unavailable") this.#options.onRetry?.({ kind: "resumed", afterMs: outage.elapsedMs });
  }

  // --- the connection ---

  get #retryForMs(): number {
    return this.#options.retryForMs ?? DEFAULT_RETRY_FOR_MS;
  }

  /** The connection, which is made if there is none. Rejects if that fails, or if the user cancels meanwhile. */
  async #connected(signal: AbortSignal | undefined): Promise<OneConnection> {
    // An attempt that nobody waited for any more ends first.
    while (this.#connecting !== undefined && this.#abortConnecting.signal.aborted) {
      await this.#connecting.catch(() => {});
    }
    if (this.#closed.signal.aborted) throw new SluiceError("failed", "this side closed the connection");
    if (signal?.aborted) throw interrupted();
    if (this.#client !== undefined) return this.#client;
    this.#connecting ??= this.#connect();
    this.#waitingCount++;
    try {
      return await unlessAborted(this.#connecting, { platform: this.#platform, signal, whenAborted: interrupted });
    } finally {
      this.#waitingCount--;
      // Nobody waits for it any more.
      if (this.#waitingCount === 0 && this.#connecting !== undefined) {
        this.#abortConnecting.abort();
        await this.#connecting.catch(() => {});
      }
    }
  }

  /** Tries to connect until it succeeds, cannot succeed, or was tried for long enough. */
  async #connect(): Promise<OneConnection> {
    const { signal } = this.#abortConnecting = new AbortController();
    const platform = this.#platform;
    let outage = this.#outage;
    try {
      for (;;) {
        await this.#released;
        // After a loss the first attempt comes at once; where connections are lost one after the other, the next waits.
        if (outage !== undefined && outage.connects++ > 0) {
          await pause(Math.min(outage.backoff.next(), outage.leftMs), { platform, signals: [signal] });
        }
        try {
          const withinMs = Math.max(outage?.leftMs ?? Infinity, MIN_CONNECT_MS);
          const client = await this.#connectOnce({ ...this.#options, signal, withinMs });
          this.#onConnected(client, outage);
          return client;
        } catch (error) {
          if (!(error instanceof SluiceError) || error.retry === undefined || signal.aborted) throw error;
          outage ??= this.#outage = this.#outageFrom(error);
          outage.failures++;
          if (outage.leftMs === 0) throw outage.giveUp(error);
          this.#tellUnavailable(outage, error);
        }
      }
    } finally {
      this.#connecting = undefined;
    }
  }

  /** A first attempt to connect has failed. A wrong address is said at once, unless the user asked for more. */
  #outageFrom(error: SluiceError): Outage {
    const isWrongAddress = this.#serverKey === undefined && error.kind === "unreachable";
    const retryForMs = isWrongAddress ? this.#options.retryForMs ?? 0 : this.#retryForMs;
    const outage = new Outage(this.#platform, retryForMs);
    outage.connects = 1;
    return outage;
  }

  #onConnected(client: OneConnection, outage: Outage | undefined): void {
    this.#client = client;
    this.#lastUseUs = this.#platform.nowUs();
    this.#serverKey = client.serverKey;
    // Trust on first use: no other server may take its place.
    const server = { key: client.serverKey, source: "the first connection of this run", renewal: "start again" };
    this.#options = { server, ...this.#options };
    if (outage?.told === undefined) return;
    outage.told = undefined;
    this.#options.onRetry?.({ kind: "connected", afterMs: outage.elapsedMs });
  }

  /** An operation has failed with its connection. */
  #onLost(client: OneConnection, error: SluiceError): void {
    if (this.#client !== client) return;
    this.#drop();
    if (this.#retryForMs === 0 || this.#closed.signal.aborted) return;
    const outage = this.#outage ??= new Outage(this.#platform, this.#retryForMs);
    outage.failures++;
    const reason = describeLoss(client) ?? error.message;
    outage.loss = { error, reason };
    if (outage.told === "connection-lost") return;
    outage.told = "connection-lost";
    this.#options.onRetry?.({ kind: "connection-lost", reason, retryForMs: outage.retryForMs });
  }

  /** Ends the connection, if there is one. */
  #drop(): void {
    const client = this.#client;
    this.#client = undefined;
    if (client !== undefined) this.#released = client.close();
  }

  #tellUnavailable(outage: Outage, { message }: SluiceError): void {
    if (outage.told !== undefined) return;
    outage.told = "unavailable";
    this.#options.onRetry?.({ kind: "unavailable", reason: message, retryForMs: outage.retryForMs });
  }
}

async function isThere(name: string, client: OneConnection): Promise<boolean> {
  try {
    await client.stat(name);
    return true;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}

function isNotFound(error: unknown): boolean {
  return error instanceof SluiceError && error.kind === "not-found";
}

/** Why a connection was lost, in a few words. */
function describeLoss({ closeReason, idleTimeoutUs }: OneConnection): string | undefined {
  if (closeReason === undefined) return undefined;
  switch (closeReason.kind) {
    case "idle-timeout":
      return `no response for ${formatDuration(idleTimeoutUs / 1000)}`;
    case "peer":
      return closeReason.reason === "" ? "the server closed it" : closeReason.reason;
    case "reset":
      return "the server was restarted, or this machine was suspended";
    default:
      return describeClose(closeReason);
  }
}

/** Whether what an attempt has read of a pipe is lost with it, so that there cannot be another one. */
function isLostWith(source: ReplayableSource, error: unknown): error is SluiceError {
  if (!(error instanceof SluiceError) || error.retry === undefined) return false;
  // Where the connection was lost, the server may have stored it.
  return error.retry === "reconnect" ? !source.isUnread : !source.isReplayable;
}

function pipeLost(error: SluiceError): SluiceError {
  const message = `${error.message}; what was read of the pipe cannot be read again: run the whole command again`;
  return new SluiceError(error.kind, message);
}
