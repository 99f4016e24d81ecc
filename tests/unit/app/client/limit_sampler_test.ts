import assert from "node:assert/strict";
import type { LimitSample } from "../../../../app/client/api.ts";
import { LimitSampler } from "../../../../app/client/limit_sampler.ts";
import type { RunningTransfer } from "../../../../app/client/running_transfer.ts";
import type { ConnectionStats, SendLimit } from "../../../../protocol/mod.ts";

const STATS: ConnectionStats = {
  duplicatesReceived: 1,
  retransmittedBytes: 0,
  packetsLost: 5,
  spuriousLosses: 1,
  bytesInFlight: 0,
  packetsRemembered: 0,
  largestReceived: 9,
  rangesRemembered: 0,
  datagramsSent: 100,
  datagramsReceived: 11,
  bytesSent: 1000,
  bytesReceived: 2000,
  smoothedRttUs: 30_000,
  minRttUs: 20_000,
  congestionWindowBytes: 0,
  datagramBytes: 1200,
};

/** A sampler with a connection whose counters a test changes, and a ticker that it drives. */
class Setting {
  stats = STATS;
  limit: SendLimit = "congestion";
  readonly samples: LimitSample[] = [];
  readonly ticking = new Set<() => void>();
  readonly sampler = new LimitSampler({
    connection: this.#connection(),
    platform: { nowUs: () => 7 },
    ticker: { add: (report) => this.ticking.add(report), remove: (report) => this.ticking.delete(report) },
    onSample: (sample) => this.samples.push(sample),
  });

  #connection() {
    // deno-lint-ignore no-this-alias -- a getter has its own
    const setting = this;
    return {
      get stats(): ConnectionStats {
        return setting.stats;
      },
      sendLimit: (nowUs: number) => {
        assert.equal(nowUs, 7);
        return setting.limit;
      },
    };
  }

  tick(): void {
    for (const report of this.ticking) report();
  }
}

function transfer(transferredBytes: number, sizeBytes = 100): () => RunningTransfer {
  return () => ({ sizeBytes, transferredBytes, cancel: () => {} });
}

Deno.test("LimitSampler tells what the connection did since the last sample", () => {
  const setting = new Setting();
  setting.stats = { ...STATS, datagramsSent: 150 };
  setting.sampler.begin(transfer(10));
  setting.stats = {
    ...setting.stats,
    datagramsSent: 250,
    packetsLost: 15,
    spuriousLosses: 3,
    largestReceived: 29,
    datagramsReceived: 28,
    duplicatesReceived: 3,
    bytesSent: 6000,
    bytesReceived: 2500,
  };
  setting.tick();
  const sample: LimitSample = {
    limit: "congestion",
    packetsSent: 100,
    packetsLost: 8,
    packetsReceived: 15,
    packetsMissing: 5,
    bytesSent: 5000,
    bytesReceived: 500,
    smoothedRttMs: 30,
  };
  assert.deepEqual(setting.samples, [sample]);
  setting.tick();
  assert.equal(setting.samples[1]!.packetsSent, 0);
});

Deno.test("LimitSampler says that the rest is being verified when all of all transfers has arrived", () => {
  const setting = new Setting();
  setting.sampler.begin(transfer(100));
  setting.tick();
  const end = setting.sampler.begin(transfer(99));
  setting.tick();
  end();
  setting.sampler.begin(transfer(0, 0));
  setting.tick();
  assert.deepEqual(setting.samples.map(({ limit }) => limit), ["verifying", "congestion", "congestion"]);
});

Deno.test("LimitSampler looks only while a transfer runs", () => {
  const setting = new Setting();
  const ends = [setting.sampler.begin(() => undefined), setting.sampler.begin(transfer(1))];
  assert.equal(setting.ticking.size, 1);
  for (const end of [...ends, ...ends]) end();
  assert.equal(setting.ticking.size, 0);
  const end = setting.sampler.begin(() => undefined);
  setting.tick();
  assert.deepEqual(setting.samples, []);
  end();
});
