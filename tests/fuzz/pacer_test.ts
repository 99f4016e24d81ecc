/** Pacer against a list of all that was sent: how much may have left at any time follows from that alone. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { BURST_DATAGRAMS, BURST_US, MAX_OWED_US, MIN_BURST_DATAGRAMS, Pacer } from "../../protocol/recovery/pacer.ts";
import { checkModel, type Machine, type Seen, step, type StepOf } from "../../testing/model_check.ts";

const rate = fc.oneof(
  fc.constantFrom(1, 1_200, 1e5, 1e7, 1.25e9, 1e12, Infinity),
  fc.double({ min: 1, max: 1e9, noNaN: true }),
);
/** How long it takes a packet or a burst, or the platform. */
const us = fc.oneof(fc.nat(50), fc.nat(10_000), fc.nat(5_000_000));

/** Of a datagram. */
const share = fc.integer({ min: 1, max: 100 }).map((percent) => percent / 100);

const STEP = fc.oneof(
  step(3, "setRate", { rate, burstBytes: fc.oneof(fc.integer({ min: 1, max: 50_000 }), fc.constant(Infinity)) }),
  step(1, "resize", { datagramBytes: fc.integer({ min: 100, max: 65_507 }) }),
  step(10, "send", { share, count: fc.integer({ min: 1, max: 60 }) }),
  step(4, "obey", { share }),
  step(3, "look"),
  step(2, "probe", { share }),
  step(6, "wait", { us }),
);

/** The pacer's buckets: which share of the rate fills them, and what the rate is kept by or the bursts bounded by. */
const GAINS = { rate: 1, burst: 3 } as const;

type Bucket = keyof typeof GAINS;

class PacerMachine implements Machine<StepOf<typeof STEP>> {
  readonly #seen: Seen;
  readonly #pacer: Pacer;
  #datagramBytes = 1_200;
  #rate = Infinity;
  #burstBytes = Infinity;
  readonly #tickUs: number;
  /** What was sent since the buckets were looked at before the rate was last set, and what there was in each then. */
  #sends: { readonly atUs: number; readonly bytes: number }[] = [];
  #startUs = -Infinity;
  #startTokens = { rate: Infinity, burst: Infinity };
  #lookedUs = -Infinity;
  #nowUs = 1_000;
  #isWaiting = false;

  constructor({ tickUs, isWaiting }: { tickUs: number; isWaiting: boolean }, seen: Seen) {
    this.#seen = seen;
    this.#tickUs = tickUs;
    this.#pacer = new Pacer({ datagramBytes: this.#datagramBytes, timerTickUs: tickUs });
    this.#isWaiting = isWaiting;
    this.#pacer.setWaiting(isWaiting);
  }

  take(step: StepOf<typeof STEP>): void {
    switch (step.kind) {
      case "setRate":
        this.#change(() => {
          this.#rate = step.rate;
          this.#burstBytes = step.burstBytes;
          this.#pacer.setRate(step.rate, step.burstBytes);
        });
        break;
      case "resize":
        this.#change(() => {
          this.#datagramBytes = step.datagramBytes;
          this.#pacer.datagramBytes = step.datagramBytes;
        });
        break;
      case "send":
        for (let i = 0; i < step.count && this.#waitUs(this.#size(step.share)) === 0; i++) this.#send(step.share);
        break;
      case "obey":
        this.#execute(step.share);
        break;
      case "look":
        this.#waitUs(this.#datagramBytes);
        break;
      case "probe":
        this.#send(step.share);
        break;
      case "wait":
        this.#nowUs += step.us;
        break;
    }
  }

  #size(share: number): number {
    return Math.ceil(share * this.#datagramBytes);
  }

  #accrued(us: number): number {
    return this.#rate * us / 1e6;
  }

  /** The burst, if one packet is no more. */
  get #wantedBytes(): number {
    const fewBytes = Math.min(BURST_DATAGRAMS * this.#datagramBytes, this.#accrued(BURST_US));
    return Math.min(this.#burstBytes, Math.max(fewBytes, 1.05 * this.#accrued(this.#tickUs)));
  }

  #capacityBytes(bucket: Bucket): number {
    const burstBytes = Math.max(MIN_BURST_DATAGRAMS * this.#datagramBytes, this.#wantedBytes);
    return bucket === "rate" && this.#isWaiting ? burstBytes + this.#accrued(MAX_OWED_US) : burstBytes;
  }

  /** What is in a bucket: for no time before now was there more than it holds and what came in since. */
  #tokensIn(bucket: Bucket, nowUs: number): number {
    const since = (fromUs: number): number => this.#accrued(nowUs - fromUs) * GAINS[bucket];
    const capacityBytes = this.#capacityBytes(bucket);
    let sentAfter = 0;
    let least = capacityBytes;
    for (const { atUs, bytes } of this.#sends.toReversed()) {
      sentAfter += bytes;
      least = Math.min(least, capacityBytes + since(atUs) - sentAfter);
    }
    return Math.min(this.#startTokens[bucket] + since(this.#startUs) - sentAfter, least);
  }

  /** What may leave. */
  #tokens(nowUs: number): number {
    return Math.min(this.#tokensIn("rate", nowUs), this.#tokensIn("burst", nowUs));
  }

  /** The buckets as they were when they were last looked at go on at the new rate from then. */
  #change(change: () => void): void {
    const isUntouched = this.#rate === Infinity || this.#lookedUs === -Infinity;
    const tokens = (bucket: Bucket): number =>
      isUntouched ? this.#startTokens[bucket] : this.#tokensIn(bucket, this.#lookedUs);
    const [rate, burst] = [tokens("rate"), tokens("burst")];
    this.#startUs = Math.max(this.#startUs, this.#lookedUs);
    change();
    this.#sends = [];
    this.#startTokens = {
      rate: Math.min(rate, this.#capacityBytes("rate")),
      burst: Math.min(burst, this.#capacityBytes("burst")),
    };
  }

  /** When a packet of so many bytes may leave, checked; 0 for now. */
  #waitUs(bytes: number): number {
    const atUs = this.#pacer.nextSendUs(this.#nowUs, bytes);
    if (this.#rate === Infinity) {
      assert.equal(atUs, this.#nowUs);
      return 0;
    }
    this.#lookedUs = this.#nowUs;
    const burstBytes = this.#capacityBytes("burst");
    assert.ok(Math.abs(this.#pacer.burstBytes - burstBytes) <= 1e-9 * burstBytes);
    const tokens = this.#tokens(this.#nowUs);
    const neededBytes = Math.min(bytes, burstBytes);
    // Sums in another order differ in their last digits.
    const slackBytes = 0.01 + 1e-9 * this.#rate * this.#nowUs / 1e6;
    if (atUs === this.#nowUs) {
      assert.ok(tokens >= neededBytes - slackBytes, `${bytes} bytes may leave with ${tokens} in the bucket`);
      return 0;
    }
    assert.ok(tokens < neededBytes + slackBytes, `${bytes} bytes must wait with ${tokens} in the bucket`);
    const quantumBytes = Math.max(neededBytes, this.#wantedBytes - 0.6 * this.#accrued(this.#tickUs));
    const untilUs = (bucket: Bucket): number =>
      (quantumBytes - this.#tokensIn(bucket, this.#nowUs)) * 1e6 / (this.#rate * GAINS[bucket]);
    const wantedUs = Math.max(untilUs("rate"), untilUs("burst"));
    const waitUs = atUs - this.#nowUs;
    assert.ok(Math.abs(waitUs - wantedUs) <= 1.5 + slackBytes * 1e6 / this.#rate, `told ${waitUs} of ${wantedUs} us`);
    this.#seen("held back");
    return waitUs;
  }

  /** A sender that comes at the announced time may send: no timer fires in vain. */
  #execute(share: number): void {
    const bytes = this.#size(share);
    this.#nowUs += this.#waitUs(bytes);
    assert.equal(this.#waitUs(bytes), 0, "the time told was too early");
    this.#send(share);
  }

  #send(share: number): void {
    const bytes = this.#size(share);
    if (this.#rate !== Infinity) {
      this.#sends.push({ atUs: this.#nowUs, bytes });
      this.#lookedUs = this.#nowUs;
      if (this.#sends.length > 5) this.#seen("one of several packets at a rate");
      if (this.#tokens(this.#nowUs) < 0) this.#seen("in debt");
    }
    this.#pacer.onSent(this.#nowUs, bytes);
  }
}

Deno.test("Pacer lets leave what its rate and burst allow, no less and no more, and tells when", () => {
  checkModel({
    start: fc.record({ tickUs: fc.constantFrom(1, 100, 300, 2_100, 15_000), isWaiting: fc.boolean() }),
    step: STEP,
    make: (start, seen) => new PacerMachine(start, seen),
    runs: 300,
    maxSteps: 60,
    reaches: { "held back": 1_000, "one of several packets at a rate": 500, "in debt": 50 },
  });
});
