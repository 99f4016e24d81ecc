/**
 * A client: one socket, one connection, any number of transfers at once.
 *
 * @module
 */

import path from "node:path";
import { type Connection, Endpoint } from "../protocol/mod.ts";
import { ClientSession } from "../transfer/client_session.ts";
import type { TransferOutcome } from "../transfer/client_request.ts";
import type { TransferFailure } from "../transfer/failure.ts";
import { checkFileName } from "../transfer/file_name.ts";
import { StoreError } from "../transfer/file_store.ts";
import { ApplicationErrorCode } from "../transfer/handler.ts";
import { formatAddress, isLoopback, resolveHost } from "./address.ts";
import {
  type Client,
  type ClientOptions,
  type GetOptions,
  type Progress,
  type RemoteFile,
  type SendOptions,
  SluiceError,
  type TransferReport,
} from "./api.ts";
import { nowUs, randomBytes } from "./clock.ts";
import { DatagramSocket } from "./datagram_socket.ts";
import { Driver } from "./driver.ts";
import { describeFault } from "./fault_injector.ts";
import { createLocalFile, LocalFolders, openLocalFile } from "./local_file.ts";
import { linkOptions } from "./link.ts";
import { bytesPerSecond } from "./rate.ts";

/** How often a progress bar hears of its transfer. */
const PROGRESS_INTERVAL_MS = 100;

const INTERRUPTED: TransferFailure = { kind: "interrupted", message: "interrupted; nothing half-done was left behind" };

/** A transfer under way, as far as its progress goes. */
interface Measurable {
  readonly sizeBytes: number;
  readonly transferredBytes: number;
}

/** Connects to a server; rejects with SluiceError. */
export async function connect(options: ClientOptions): Promise<Client> {
  if (options.signal?.aborted) throw new SluiceError(INTERRUPTED.kind, INTERRUPTED.message);
  const rate = bytesPerSecond(options.rate);
  const hostname = await resolveHost(options.host);
  const { onFault, simulate } = options;
  const socket = DatagramSocket.open({
    hostname: localAddressFor(hostname),
    port: 0,
    simulate,
    onFault: (fault) => onFault?.(describeFault(fault)),
  });
  const client = new ConnectedClient(socket, options);
  await client.connect(formatAddress(hostname, options.port), { ...options, rate });
  return client;
}

/** The address to bind for reaching `hostname`: of the same family, and loopback for loopback. */
function localAddressFor(hostname: string): string {
  if (isLoopback(hostname)) return hostname.includes(":") ? "::1" : "127.0.0.1";
  return hostname.includes(":") ? "::" : "0.0.0.0";
}

class ConnectedClient implements Client {
  readonly #endpoint: Endpoint;
  readonly #driver: Driver;
  readonly #folders = new LocalFolders();
  #session!: ClientSession;
  #connection!: Connection;
  /** To be called when the connection was changed from here. */
  #wake!: () => void;
  #ended = Promise.withResolvers<void>();

  constructor(socket: DatagramSocket, options: ClientOptions) {
    const { congestion, timeoutMs, simulate } = options;
    const config = {
      ...(timeoutMs === undefined ? {} : { handshakeTimeoutUs: Math.round(timeoutMs * 1000) }),
      ...(congestion === undefined ? {} : { congestion }),
    };
    this.#endpoint = new Endpoint({ isServer: false, randomBytes, ...linkOptions(simulate !== undefined, config) });
    this.#driver = new Driver({
      endpoint: this.#endpoint,
      socket,
      onEnded: () => this.#ended.resolve(),
      onFatal: (error) => this.#ended.reject(error),
    });
    this.#driver.start();
  }

  /** Resolves when the server has answered. `rate` in bytes per second. */
  async connect(
    remote: string,
    { rate, signal, onStats }: { rate: number | undefined } & Pick<ClientOptions, "signal" | "onStats">,
  ): Promise<void> {
    const connected = Promise.withResolvers<void>();
    this.#ended.promise.catch((error) => connected.reject(error));
    const onAbort = () => connected.reject(new SluiceError(INTERRUPTED.kind, INTERRUPTED.message));
    signal?.addEventListener("abort", onAbort);
    this.#session = this.#driver.connect(remote, (connection, wake) => {
      this.#connection = connection;
      this.#wake = wake;
      connection.setRate(nowUs(), rate);
      onStats?.(() => connection.stats);
      return new ClientSession({
        connection,
        wake,
        onConnected: () => connected.resolve(),
        onClosed: () => connected.reject(new SluiceError("unreachable", `${remote}: ${this.#session.closedBecause}`)),
      });
    });
    try {
      await connected.promise;
    } catch (error) {
      await this.close();
      throw error;
    } finally {
      signal?.removeEventListener("abort", onAbort);
    }
  }

  async send(filePath: string, options: SendOptions = {}): Promise<TransferReport> {
    const name = options.as ?? path.basename(filePath);
    const badName = checkFileName(name);
    if (badName !== undefined) {
      throw new SluiceError("usage", `"${name}" cannot be a file's name on a server: ${badName}`);
    }
    const file = onDisk(() => openLocalFile(filePath));
    const overwrite = options.overwrite ?? false;
    return await this.#transfer(filePath, options, (onDone) => this.#session.put({ file, name, overwrite, onDone }));
  }

  async get(name: string, options: GetOptions = {}): Promise<TransferReport> {
    const output = options.output ?? name;
    const badName = options.output === undefined ? checkFileName(name) : undefined;
    if (badName !== undefined) {
      throw new SluiceError("usage", `"${name}" cannot be a file's name on a server: ${badName}`);
    }
    const overwrite = options.overwrite ?? false;
    return await this.#transfer(name, options, (onDone, onSize) =>
      this.#session.get({
        name,
        create: (info) => {
          onSize();
          return createLocalFile(output, { ...info, overwrite, folders: this.#folders });
        },
        onDone,
      }));
  }

  async list(): Promise<RemoteFile[]> {
    return [...await this.#query(undefined)];
  }

  async stat(name: string): Promise<RemoteFile> {
    return (await this.#query(name))[0]!;
  }

  setRate(bitsPerSecond: number | undefined): void {
    this.#connection.setRate(nowUs(), bytesPerSecond(bitsPerSecond));
    this.#wake();
  }

  async close(): Promise<void> {
    const connection = this.#connection;
    if (connection !== undefined && !connection.isClosed) {
      this.#driver.closeConnection(connection, { code: ApplicationErrorCode.noError, reason: "" });
      // Nobody stays to say it again: it is said often enough, and with all that the server may not know yet.
      await this.#driver.flushed();
    }
    await this.#driver.stop();
  }

  #query(name: string | undefined): Promise<readonly RemoteFile[]> {
    return new Promise((resolve, reject) => {
      this.#ended.promise.catch(reject);
      this.#session.query({
        ...(name === undefined ? {} : { name }),
        onDone: (outcome) => {
          if (outcome.kind === "done") resolve(outcome.entries);
          else reject(new SluiceError(outcome.kind, outcome.message));
        },
      });
    });
  }

  /** Runs one transfer to its end: reports its progress, and cancels it when the user gives up. */
  async #transfer(
    name: string,
    options: { onProgress?: (progress: Progress) => void; signal?: AbortSignal },
    start: (
      onDone: (outcome: TransferOutcome | TransferFailure) => void,
      onSize: () => void,
    ) => Measurable & { cancel(failure: TransferFailure): void },
  ): Promise<TransferReport> {
    const { onProgress, signal } = options;
    const startedUs = nowUs();
    const before = this.#connection.stats;
    const done = Promise.withResolvers<TransferOutcome | TransferFailure>();
    this.#ended.promise.catch((error) => done.reject(error));
    const transfer = start(done.resolve, () => report());
    const onAbort = () => transfer.cancel(INTERRUPTED);
    if (signal?.aborted) onAbort();
    signal?.addEventListener("abort", onAbort);
    const report = () => onProgress?.(progressOf(name, transfer));
    report();
    const interval = onProgress === undefined ? undefined : setInterval(report, PROGRESS_INTERVAL_MS);
    try {
      const outcome = await done.promise;
      if (outcome.kind !== "done") throw new SluiceError(outcome.kind, outcome.message);
      report();
      const after = this.#connection.stats;
      return {
        name,
        savedAs: outcome.savedAs,
        sizeBytes: outcome.sizeBytes,
        serverSha256: outcome.serverSha256,
        localSha256: outcome.localSha256,
        elapsedMs: (nowUs() - startedUs) / 1000,
        sentBytes: after.bytesSent - before.bytesSent,
        receivedBytes: after.bytesReceived - before.bytesReceived,
        retransmittedBytes: after.retransmittedBytes - before.retransmittedBytes,
        packetsLost: after.packetsLost - before.packetsLost,
        smoothedRttMs: after.smoothedRttUs / 1000,
      };
    } finally {
      clearInterval(interval);
      signal?.removeEventListener("abort", onAbort);
    }
  }
}

function progressOf(name: string, transfer: Measurable): Progress {
  const { sizeBytes: totalBytes, transferredBytes } = transfer;
  const phase = totalBytes > 0 && transferredBytes === totalBytes ? "verifying" : "transferring";
  return { name, transferredBytes, totalBytes, phase };
}

/** Runs what may throw StoreError, and throws SluiceError instead. */
function onDisk<Result>(action: () => Result): Result {
  try {
    return action();
  } catch (error) {
    if (error instanceof StoreError) {
      throw new SluiceError("local-disk", error.message);
    }
    throw error;
  }
}
