import assert from "node:assert/strict";
import { type Connection, type ConnectionConfig, DEFAULT_CONFIG, type SendPolicy } from "../../protocol/mod.ts";
import type { LinkOptions } from "../../netem/link.ts";
import { World } from "../../sim/world.ts";

const SECOND_US = 1_000_000;
const MBIT = 1_000_000;

/** 100 Mbit/s with a queue of one round trip. */
function link(roundTripUs: number, faults: LinkOptions = {}): LinkOptions {
  const queueBytes = 12_500_000 * roundTripUs / SECOND_US;
  return { rateBitsPerSecond: 100 * MBIT, delayUs: roundTripUs / 2, queueBytes, ...faults };
}

/** One transfer over a link, with changes of the sender's rate, Mbit/s, at their times. */
class Transfer {
  readonly world: World;
  readonly #kind: "put" | "get";
  /** The policy without a fixed rate. */
  readonly #policy: SendPolicy;
  /** The maximum in flight, bytes. */
  peakBytes = 0;
  /** Total sent at the end of each 10 ms. */
  readonly sentBytes: number[] = [];

  constructor(options: {
    both: LinkOptions;
    sizeBytes: number;
    kind?: "put" | "get";
    rates: readonly (readonly [atUs: number, rate: number | undefined])[];
    config?: Partial<ConnectionConfig>;
  }) {
    const { both, config = {}, kind = "put", rates, sizeBytes } = options;
    this.#kind = kind;
    this.#policy = config.sendPolicy ?? DEFAULT_CONFIG.sendPolicy;
    const goals = [{ kind, name: "file", sizeBytes }];
    this.world = new World({ seed: 3, up: both, down: both, config, clients: [{ goals }] });
    for (const [atUs, rate] of rates) this.world.at(atUs, () => this.#setRate(rate));
    for (let atUs = 0; atUs < 40 * SECOND_US; atUs += 10_000) this.world.at(atUs, () => this.#look());
  }

  /** Runs to the end, which must be reached in so many seconds. */
  async run(limitSeconds: number): Promise<void> {
    assert(await this.world.run(4 * limitSeconds * SECOND_US), `it was not done within ${4 * limitSeconds} s`);
    assert.equal(this.world.results[0]!.outcome.kind, "done");
    const seconds = this.world.endUs / SECOND_US;
    await this.world.finish();
    assert(seconds <= limitSeconds, `it took ${seconds} s of ${limitSeconds}`);
  }

  get #host() {
    return this.#kind === "put" ? this.world.clients[0]! : this.world.server;
  }

  get #connection(): Connection | undefined {
    return [...this.#host.connections][0];
  }

  #setRate(rate: number | undefined): void {
    this.#host.setSendPolicy(
      rate === undefined ? this.#policy : { kind: "fixed", rateBytesPerSecond: rate * MBIT / 8 },
    );
  }

  #look(): void {
    const stats = this.#connection?.stats;
    this.peakBytes = Math.max(this.peakBytes, stats?.bytesInFlight ?? 0);
    this.sentBytes.push(stats?.bytesSent ?? 0);
  }
}

Deno.test("World: a fixed rate is fully used over a long link, whatever the loss", async () => {
  for (const loss of [0, 0.1, 0.2]) {
    // The rate of a server can be set once its client is connected.
    for (const [kind, atUs] of [["put", 1], ["get", 1_000_000]] as const) {
      const both = link(100_000, { loss });
      const transfer = new Transfer({ both, sizeBytes: 20_000_000, rates: [[atUs, 80]], kind });
      // 20 MB at 80 Mbit/s take 2 s, divided by the share that arrives, and the handshake and the last retransmissions.
      await transfer.run(2 / (1 - loss) + 1.8 + 3 * loss);
      const rate = (transfer.sentBytes[160]! - transfer.sentBytes[120]!) * 8 / 0.4 / MBIT;
      assert(Math.abs(rate - 80) < 1.6, `${kind} at a loss of ${loss}: ${rate} Mbit/s`);
    }
  }
});

Deno.test("World: a transfer with a rate above the link's ends, with bounded bytes in flight", async () => {
  for (const rate of [200, 1_000, 10_000]) {
    const transfer = new Transfer({ both: link(50_000), sizeBytes: 10_000_000, rates: [[1, rate]] });
    await transfer.run(2.5);
    assert(transfer.peakBytes < 128 * 1024 * 1024, `${transfer.peakBytes}`);
  }
});

Deno.test("World: a rate above the link's with an infinite queue is limited by the bound in flight", async () => {
  const both = link(50_000, { queueBytes: 500_000_000 });
  const config = { maxCongestionWindowBytes: 8_000_000 };
  const transfer = new Transfer({ both, sizeBytes: 20_000_000, rates: [[1, 10_000]], config });
  await transfer.run(2);
  assert(transfer.peakBytes > 7_900_000 && transfer.peakBytes <= 8_000_000, `${transfer.peakBytes}`);
});

Deno.test("World: a rate changed during a transfer takes effect, up, down and back to congestion control", async () => {
  // 2 s at 10 Mbit/s are 2.5 MB, 2 s at 40 are 10 MB; the rest at about 100 Mbit/s.
  for (const algorithm of ["bbr", "cubic"] as const) {
    const rates = [[1, 10], [2 * SECOND_US, 40], [4 * SECOND_US, undefined]] as const;
    const transfer = new Transfer({
      both: link(50_000),
      sizeBytes: 30_000_000,
      rates,
      config: { sendPolicy: { kind: algorithm } },
    });
    await transfer.run(6.2);
    assert(transfer.world.endUs > 5.3 * SECOND_US, `${transfer.world.endUs}`);
  }
  const down = new Transfer({
    both: link(50_000),
    sizeBytes: 10_000_000,
    rates: [[1, 50], [SECOND_US, 20], [2 * SECOND_US, 5]],
  });
  await down.run(5.1);
  assert(down.world.endUs > 3.8 * SECOND_US, `${down.world.endUs}`);
});

Deno.test("World: congestion control finds the link's rate after a fixed rate far above it", async () => {
  for (const loss of [0, 0.05]) {
    const both = link(50_000, { loss });
    const rates = [[1, 300], [SECOND_US, undefined]] as const;
    // A second at 100 Mbit/s, and 12.5 MB more.
    await new Transfer({ both, sizeBytes: 25_000_000, rates }).run(2.9 / (1 - loss));
  }
});
