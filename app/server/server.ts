/**
 * A server: one socket, one folder, any number of clients.
 *
 * @module
 */

import {
  type Connection,
  type ConnectionConfig,
  type DropCounts,
  Endpoint,
  KEY_BYTES,
  type SendPolicy,
} from "../../protocol/mod.ts";
import { describeClose } from "../../transfer/failure.ts";
import { StoreError } from "../../transfer/file_store.ts";
import { ApplicationErrorCode } from "../../transfer/application_error.ts";
import { BackgroundWork } from "../../transfer/background_work.ts";
import { ServerSession, type SharedByClients } from "../../transfer/server/session.ts";
import { CallQueue } from "../../transfer/server/call_queue.ts";
import { ListingCache } from "../../transfer/server/listing_cache.ts";
import { ResumablePuts } from "../../transfer/server/resumable_puts.ts";
import { RequestLimits } from "../../transfer/server/request_limits.ts";
import { DirectoryStore } from "../../store/directory_store.ts";
import { attemptAsync } from "../../store/disk_error.ts";
import { WaitingDisk } from "../../store/waiting_disk.ts";
import { NetAddress } from "../../base/net_address.ts";
import { SluiceError } from "../api.ts";
import { type Server, type ServerEvent, type ServerOptions, unlistedEvent } from "./api.ts";
import { Driver, type Session } from "../driver.ts";
import { DropReport } from "./drop_report.ts";
import { Authorizer } from "./authorizer.ts";
import { formatKey, publicKeyOf } from "../keys.ts";
import { resolveLimits, type ServerLimits } from "./limits.ts";
import { MemoryBudget } from "./memory_budget.ts";
import { type DatagramSocket, type Platform, sleep, type Timer } from "../platform.ts";
import { requireRateLimit, requireSendPolicy } from "../rate.ts";
import { RateShares } from "./rate_shares.ts";

/** After its transfers are done, a connection has so long to hear that it was closed. */
const LINGER_MS = 100;

const MIB = 1024 * 1024;

/** What a client may send at once: the socket's buffer is for all of them. */
const MAX_RECEIVE_BURST_BYTES = 256 * 1024;

interface Client {
  readonly id: number;
  readonly session: ServerSession;
  readonly connection: Connection;
  /** To be called when the connection was changed from here. */
  readonly wake: () => void;
  /** Wakes its session. */
  readonly timer: Timer;
  /** Its address now. */
  address: NetAddress;
}

/** Starts a server; rejects with SluiceError when the address or the folder cannot be used. */
export async function startServer(options: ServerOptions, platform: Platform): Promise<Server> {
  requireSendPolicy(options.sendPolicy);
  requireRateLimit({ bytesPerSecond: options.rateLimit ?? Infinity });
  const addresses = (await platform.resolveHost(options.host)).map((ip) => NetAddress.of(ip, options.port));
  // One socket listens on one address: IPv4 if the host has both, which every client can reach.
  const { host: hostname, isLoopback } = addresses.find(({ isIPv6 }) => !isIPv6) ?? addresses[0]!;
  if (options.access === undefined && !isLoopback) throw new SluiceError("usage", whyNotOpen(hostname));
  const { access, onEvent, readOnly = false } = options;
  const disk = new WaitingDisk(platform);
  let store: DirectoryStore;
  try {
    store = await DirectoryStore.open(options.root, {
      disk,
      readOnly,
      onUnlisted: (names) => onEvent(unlistedEvent(options.root, names)),
    });
    // Not with the first file: by then the program may have given up the right to look at the folders above.
    if (!readOnly) await store.makeDurable();
    for (const reason of await store.exposures()) onEvent({ kind: "exposed", reason });
  } catch (error) {
    if (error instanceof StoreError) throw new SluiceError("local-disk", error.message);
    throw error;
  }
  let authorizer: Authorizer;
  let socket: DatagramSocket;
  try {
    authorizer = await Authorizer.open({
      platform,
      disk,
      root: store,
      readOnly,
      access: access === "open" ? undefined : access,
      onEvent,
    });
    socket = platform.openSocket({
      hostname,
      port: options.port,
      simulate: options.simulate,
      native: options.native,
      onFault: (line) => onEvent({ kind: "fault", line }),
    });
  } catch (error) {
    // A start that fails leaves nothing behind.
    if (store.isNew) await attemptAsync(() => disk.rmdir(store.rootPath));
    throw error;
  }
  onEvent({ kind: "socket", description: socket.description });
  if (store.isNew) onEvent({ kind: "root-created", root: store.rootPath });
  // Nothing waits for it.
  if (!readOnly) void store.removeStaleBelow();
  return new RunningServer(options, { platform, root: store.rootPath, authorizer, socket });
}

function whyNotOpen(hostname: string): string {
  return `other machines can reach ${hostname}, and no client is authorized: write the keys that "sluice key" prints on ` +
    "the clients into a file for --authorized-keys, or a token into one for --token-file. To accept every client, use " +
    "--open";
}

class RunningServer implements Server {
  readonly root: string;
  readonly host: string;
  readonly port: number;
  readonly #onEvent: (event: ServerEvent) => void;
  readonly #onStats: ServerOptions["onStats"];
  readonly #platform: Platform;
  readonly #authorizer: Authorizer;
  readonly #shared: SharedByClients;
  readonly #listingTimer: Timer;
  readonly #callTimer: Timer;
  readonly #workTimer: Timer;
  readonly #memory: MemoryBudget;
  readonly #endpoint: Endpoint;
  readonly #driver: Driver;
  readonly #drops: DropReport;
  readonly #clients = new Map<Connection, Client>();
  #clientCount = 0;
  /** Set while the server ran, so that it holds for new connections as well. */
  #sendPolicy: SendPolicy | undefined;
  readonly #shares: RateShares;
  #deadlineUs = Infinity;
  #stopping: Promise<void> | undefined;
  /** While the server drains: to be called when all transfers have ended. */
  #onDrained: (() => void) | undefined;
  #drainDeadline: Timer | undefined;
  #fatal: unknown;

  constructor(
    options: ServerOptions,
    parts: {
      platform: Platform;
      root: string;
      authorizer: Authorizer;
      socket: DatagramSocket;
    },
  ) {
    const { identity, limits: given = {}, sendPolicy, simulate } = options;
    const limits = resolveLimits(given);
    const { authorizer, platform, root, socket } = parts;
    const { config, ...linkOptions } = platform.linkOptions(simulate !== undefined);
    this.root = root;
    this.host = socket.hostname;
    this.port = socket.port;
    this.#onEvent = options.onEvent;
    this.#onStats = options.onStats;
    this.#platform = platform;
    this.#authorizer = authorizer;
    this.#listingTimer = platform.timer(() => this.#shared.listings.wake());
    this.#callTimer = platform.timer(() => this.#shared.calls.wake());
    this.#workTimer = platform.timer(() => this.#shared.work.step());
    this.#shared = {
      limits: new RequestLimits({ ...limits, stallTimeoutUs: limits.stallTimeoutS * 1e6 }),
      listings: new ListingCache({
        nowUs: () => platform.nowUs(),
        wakeIn: (delayUs) => this.#listingTimer.set(delayUs),
      }),
      calls: new CallQueue({
        nowUs: () => platform.nowUs(),
        wakeIn: (delayUs) => this.#callTimer.set(delayUs),
      }),
      work: new BackgroundWork((delayUs) => this.#workTimer.set(delayUs)),
      resumable: new ResumablePuts(),
    };
    const { maxMemoryMiB, maxMemoryPerConnectionMiB } = limits;
    this.#memory = new MemoryBudget({ maxBytes: maxMemoryMiB * MIB, maxEachBytes: maxMemoryPerConnectionMiB * MIB });
    const staticKey = identity ?? platform.randomBytes(KEY_BYTES);
    this.#endpoint = new Endpoint({
      isServer: true,
      staticKey,
      authorize: (peer, remote) => authorizer.refusalFor(peer, remote),
      randomBytes: (count) => platform.randomBytes(count),
      ...linkOptions,
      config: { ...config, ...configOf(given, socket), ...(sendPolicy === undefined ? {} : { sendPolicy }) },
      limits,
    });
    this.#shares = new RateShares(platform);
    this.#shares.setTotal(options.rateLimit ?? Infinity);
    this.#drops = new DropReport(platform, (counts) => this.#onEvent(droppedEvent(counts)));
    this.#driver = new Driver({
      platform,
      endpoint: this.#endpoint,
      socket,
      accept: (connection, wake) => this.#accept(connection, wake),
      onDropped: (reason) => this.#drops.add(reason),
      onEnded: (connection) => this.#onEnded(connection),
      onFatal: (error) => this.#onFatal(error),
    });
    this.#driver.start();
    authorizer.watch((connection) => this.#revoke(connection));
    const key = staticKey && formatKey(publicKeyOf(staticKey));
    const { entryCount: entries, isOwnerOnly } = authorizer;
    this.#onEvent({ kind: "listening", host: this.host, port: this.port, root, key, entries, isOwnerOnly });
  }

  #onEnded(connection: Connection): void {
    this.#clients.get(connection)?.timer.clear();
    this.#clients.delete(connection);
    this.#noteDrained();
    this.#authorizer.release(connection);
    this.#shares.remove(connection);
    this.#memory.forget(connection);
  }

  setSendPolicy(policy: SendPolicy): void {
    requireSendPolicy(policy);
    this.#sendPolicy = policy;
    for (const { connection, wake } of this.#clients.values()) {
      connection.setSendPolicy(this.#platform.nowUs(), policy);
      wake();
    }
  }

  reloadAccess(): void {
    if (this.#stopping === undefined) this.#authorizer.reload();
  }

  setRateLimit(bytesPerSecond: number): void {
    requireRateLimit({ bytesPerSecond });
    this.#shares.setTotal(bytesPerSecond);
  }

  stop(options: { graceMs: number }): Promise<void> {
    this.#deadlineUs = Math.min(this.#deadlineUs, this.#platform.nowUs() + options.graceMs * 1000);
    this.#drainDeadline?.set(this.#deadlineUs - this.#platform.nowUs());
    this.#stopping ??= this.#stop(options.graceMs);
    return this.#stopping;
  }

  #accept(connection: Connection, wake: () => void): Session {
    const id = ++this.#clientCount;
    if (this.#sendPolicy !== undefined) connection.setSendPolicy(this.#platform.nowUs(), this.#sendPolicy);
    const { bytesPerSecond, rights, store, user, principal } = this.#authorizer.authorize(connection);
    this.#shares.add(connection, wake, { id: principal, bytesPerSecond });
    const timer = this.#platform.timer(wake);
    const session = new ServerSession({
      connection,
      store,
      rights,
      principal,
      nowUs: () => this.#platform.nowUs(),
      shared: this.#shared,
      wake,
      wakeIn: (delayUs) => timer.set(delayUs),
      onEvent: (event) => this.#onEvent({ ...event, client: client.address.text, id }),
      onAddressChanged: (address) => this.#onAddressChanged(client, address),
      onClosed: (reason) => {
        this.#onEvent({ kind: "disconnected", client: client.address.text, id, reason: describeClose(reason) });
      },
    });
    const client: Client = { id, session, connection, wake, timer, address: connection.remote };
    this.#clients.set(connection, client);
    this.#onEvent({ kind: "connected", client: client.address.text, id, user });
    this.#onStats?.(() => connection.stats);
    if (this.#stopping !== undefined) session.drain();
    return {
      process: () => {
        session.process();
        this.#holdToMemory(connection);
        this.#noteDrained();
      },
    };
  }

  #revoke(connection: Connection): void {
    const reason = "what you may do on this server has changed; if you still may, try again";
    this.#driver.closeConnection(connection, { code: ApplicationErrorCode.forbidden, reason });
  }

  #holdToMemory(connection: Connection): void {
    const bytes = this.#memory.excessOf(connection);
    if (bytes === 0 || connection.closeReason !== undefined) return;
    const reason = `the server is short of memory, and this connection takes ${Math.ceil(bytes / MIB)} MiB of it; ` +
      "try again later";
    this.#driver.closeConnection(connection, { code: ApplicationErrorCode.busy, reason });
  }

  #onAddressChanged(client: Client, address: NetAddress): void {
    const previousClient = client.address.text;
    client.address = address;
    this.#onEvent({ kind: "address-changed", client: address.text, previousClient, id: client.id });
  }

  async #stop(graceMs: number): Promise<void> {
    this.#endpoint.refuseNew();
    for (const client of this.#clients.values()) client.session.drain();
    if (this.#busyCount > 0) this.#onEvent({ kind: "draining", transfers: this.#busyCount, graceMs });
    await this.#drained();
    // The last responses; a close has room for twenty.
    await this.#driver.flushed();
    for (const client of this.#clients.values()) {
      this.#driver.closeConnection(client.connection, {
        code: ApplicationErrorCode.shuttingDown,
        reason: "the server is shutting down",
      });
    }
    this.#authorizer.stop();
    this.#listingTimer.clear();
    this.#callTimer.clear();
    this.#workTimer.clear();
    await this.#driver.flushed();
    if (this.#clients.size > 0) await sleep(this.#platform, LINGER_MS);
    for (const { timer } of this.#clients.values()) timer.clear();
    await this.#driver.stop();
    this.#drops.flush();
    this.#shares.stop();
    this.#onEvent({ kind: "stopped" });
    if (this.#fatal !== undefined) throw this.#fatal;
  }

  /** Resolves when no transfer is under way any more, or at the deadline. */
  async #drained(): Promise<void> {
    const { promise, resolve } = this.#platform.defer<void>();
    this.#onDrained = resolve;
    this.#drainDeadline = this.#platform.timer(resolve);
    this.#drainDeadline.set(this.#deadlineUs - this.#platform.nowUs());
    this.#noteDrained();
    await promise;
    this.#drainDeadline.clear();
    this.#onDrained = undefined;
  }

  #noteDrained(): void {
    if (this.#onDrained !== undefined && this.#busyCount === 0) this.#onDrained();
  }

  /** Transfers under way, and answers that have not arrived yet. */
  get #busyCount(): number {
    let count = 0;
    for (const client of this.#clients.values()) {
      if (!client.connection.isClosed) count += Math.max(client.session.activeCount, client.connection.openStreamCount);
    }
    return count;
  }

  #onFatal(error: unknown): void {
    this.#fatal = error;
    this.#platform.crash(error);
  }
}

function droppedEvent(counts: DropCounts): ServerEvent {
  const count = [...counts.values()].reduce((sum, each) => sum + each, 0);
  return { kind: "dropped", count, reasons: Object.fromEntries(counts) };
}

/** What of the bounds concerns each connection alone. A machine may have values of its own, where none are given. */
function configOf(
  { idleTimeoutS, maxStreams }: Partial<ServerLimits>,
  { receiveBurstBytes }: DatagramSocket,
): Partial<ConnectionConfig> {
  return {
    receiveBurstBytes: Math.min(receiveBurstBytes, MAX_RECEIVE_BURST_BYTES),
    ...(idleTimeoutS === undefined ? {} : { idleTimeoutUs: idleTimeoutS * 1e6 }),
    ...(maxStreams === undefined ? {} : { maxStreams }),
  };
}
