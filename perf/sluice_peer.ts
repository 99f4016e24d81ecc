/**
 * Both endpoints of a transfer with Sluice, through the API that the programs use.
 *
 * @module
 */

import path from "node:path";
import type { FaultOptions, StatsReader } from "../app/api.ts";
import { connect } from "../mod.ts";
import { startServer } from "../mod.ts";
import type { ConnectionStats } from "../protocol/mod.ts";
import type { SenderStats } from "./lines.ts";
import type { ClientTask, Peer, ServerHooks, ServerTask } from "./peer_types.ts";

/** Interval between samples of the round trip. */
const SAMPLE_MS = 10;

/** No faults; but with fault injection, loopback is treated like a link, with datagrams of its size. */
const LINK: FaultOptions = { drop: 0, corrupt: 0, duplicate: 0, reorder: 0, delayUs: 0, jitterUs: 0 };

/** Measures a sending connection from its construction. */
class SenderMeter {
  readonly #read: StatsReader;
  readonly #before: ConnectionStats;
  readonly #timer = setInterval(() => this.#sample(), SAMPLE_MS);
  #samples = 0;
  #sumUs = 0;
  #maxUs = 0;

  constructor(read: StatsReader) {
    this.#read = read;
    this.#before = read();
  }

  stop(): SenderStats {
    clearInterval(this.#timer);
    this.#sample();
    const before = this.#before;
    const after = this.#read();
    const leastUs = after.minRttUs;
    return {
      retransmittedBytes: after.retransmittedBytes - before.retransmittedBytes,
      sentBytes: after.bytesSent - before.bytesSent,
      datagramsSent: after.datagramsSent - before.datagramsSent,
      spuriousLosses: after.spuriousLosses - before.spuriousLosses,
      queueDelayMeanMs: Math.max(0, this.#sumUs / this.#samples - leastUs) / 1000,
      queueDelayMaxMs: Math.max(0, this.#maxUs - leastUs) / 1000,
    };
  }

  #sample(): void {
    const { smoothedRttUs } = this.#read();
    this.#samples++;
    this.#sumUs += smoothedRttUs;
    this.#maxUs = Math.max(this.#maxUs, smoothedRttUs);
  }
}

/** Sluice. */
export const sluicePeer: Peer = {
  async serve({ host, root, isLink }: ServerTask, { onListening, onBegin, onEnd }: ServerHooks): Promise<void> {
    let read: StatsReader | undefined;
    let sending: SenderMeter | undefined;
    await startServer({
      host,
      port: 0,
      root,
      access: "open",
      ...(isLink ? { simulate: LINK } : {}),
      onStats: (reader) => read = reader,
      onEvent: (event) => {
        if (event.kind === "listening") onListening(event.port);
        if (event.kind === "receiving" || event.kind === "sending") onBegin();
        if (event.kind === "sending") sending = new SenderMeter(read!);
        if (event.kind === "received" || event.kind === "sent") onEnd(sending?.stop());
      },
    });
  },

  async transfer(task: ClientTask, onEnd: (sender?: SenderStats) => void): Promise<void> {
    const { host, port, direction, file, isLink } = task;
    let read: StatsReader | undefined;
    const onStats = (reader: StatsReader) => read = reader;
    const client = await connect({ host, port, onStats, ...(isLink ? { simulate: LINK } : {}) });
    if (direction === "up") {
      const meter = new SenderMeter(read!);
      await client.send(file);
      onEnd(meter.stop());
    } else {
      await client.get(path.basename(file), { output: file });
      onEnd();
    }
    await client.close();
  },
};
