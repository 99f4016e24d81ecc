/**
 * Looks ten times a second at what limits the transfers of a connection: one moment says little, many of them say where
 * the time goes.
 *
 * @module
 */

import type { Connection, ConnectionStats } from "../../protocol/mod.ts";
import type { Platform } from "../platform.ts";
import type { LimitSample } from "./api.ts";
import type { ProgressTicker } from "./progress_ticker.ts";
import type { RunningTransfer } from "./running_transfer.ts";

/** What a sampler needs. */
export interface LimitSamplerOptions {
  readonly connection: Pick<Connection, "sendLimit" | "stats">;
  readonly platform: Pick<Platform, "nowUs">;
  readonly ticker: Pick<ProgressTicker, "add" | "remove">;
  readonly onSample: (sample: LimitSample) => void;
}

/** A transfer, once it has begun. */
type Running = () => RunningTransfer | undefined;

/** See the module's description. */
export class LimitSampler {
  readonly #options: LimitSamplerOptions;
  readonly #running = new Set<Running>();
  #last: ConnectionStats;

  constructor(options: LimitSamplerOptions) {
    this.#options = options;
    this.#last = options.connection.stats;
  }

  /** Takes samples while this transfer, or another one, runs. Returns what ends that. */
  begin(running: Running): () => void {
    const { ticker } = this.#options;
    if (this.#running.size === 0) {
      this.#last = this.#options.connection.stats;
      ticker.add(this.#sample);
    }
    this.#running.add(running);
    return () => {
      if (this.#running.delete(running) && this.#running.size === 0) ticker.remove(this.#sample);
    };
  }

  readonly #sample = (): void => {
    const transfers = [...this.#running].flatMap((running) => running() ?? []);
    if (transfers.length === 0) return;
    const { connection, onSample, platform } = this.#options;
    const before = this.#last;
    const stats = this.#last = connection.stats;
    const isVerifying = transfers.every(({ sizeBytes, transferredBytes }) =>
      sizeBytes > 0 && transferredBytes === sizeBytes
    );
    const packetsReceived = onceReceived(stats) - onceReceived(before);
    onSample({
      limit: isVerifying ? "verifying" : connection.sendLimit(platform.nowUs()),
      packetsSent: stats.datagramsSent - before.datagramsSent,
      packetsLost: trulyLost(stats) - trulyLost(before),
      packetsReceived,
      packetsMissing: stats.largestReceived - before.largestReceived - packetsReceived,
      bytesSent: stats.bytesSent - before.bytesSent,
      bytesReceived: stats.bytesReceived - before.bytesReceived,
      smoothedRttMs: stats.smoothedRttUs / 1000,
    });
  };
}

function onceReceived({ datagramsReceived, duplicatesReceived }: ConnectionStats): number {
  return datagramsReceived - duplicatesReceived;
}

function trulyLost({ packetsLost, spuriousLosses }: ConnectionStats): number {
  return packetsLost - spuriousLosses;
}
