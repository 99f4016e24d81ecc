import assert from "node:assert/strict";
import type { AckEvent } from "../../../../protocol/congestion/controller.ts";
import { HyStart } from "../../../../protocol/congestion/hystart.ts";

const SAMPLES = 8;

/** Rounds of a slow start, one after the other. */
class Rounds {
  readonly hyStart = new HyStart();
  #nowUs = 1_000_000;

  /** One round whose samples all have this RTT, or each its own. */
  add(rttUs: number | readonly number[], samples = SAMPLES): void {
    const each = typeof rttUs === "number" ? Array<number>(samples).fill(rttUs) : rttUs;
    this.#nowUs += 1_000_000;
    for (const sampleUs of each) {
      const event: AckEvent = {
        nowUs: this.#nowUs + sampleUs,
        ackedBytes: 1_200,
        lostBytes: 0,
        priorBytesInFlight: 12_000,
        bytesInFlight: 10_800,
        totalDeliveredBytes: 0,
        largestAckedSentUs: this.#nowUs,
        rttUs: sampleUs,
        minRttUs: 0,
        smoothedRttUs: 0,
        meanLatenessUs: 0,
        sample: {
          deliveryRate: 0,
          deliveredBytes: 0,
          intervalUs: 0,
          priorDeliveredBytes: 0,
          appLimited: false,
          txInFlightBytes: 0,
          lostBytes: 0,
        },
      };
      this.hyStart.onAck(event);
    }
  }
}

Deno.test("HyStart does not end slow start while the RTT is constant", () => {
  const rounds = new Rounds();
  for (let i = 0; i < 20; i++) rounds.add(50_000 + 100 * (i % 3));
  assert.equal(rounds.hyStart.growthDivisor, 1);
  assert.equal(rounds.hyStart.isDone, false);
});

Deno.test("HyStart detects an increase by an eighth of the RTT, bounded to 4 to 16 ms", () => {
  for (const [rttUs, riseUs] of [[1_000, 4_000], [80_000, 10_000], [500_000, 16_000]] as const) {
    const below = new Rounds();
    below.add(rttUs);
    below.add(rttUs + riseUs - 1);
    assert.equal(below.hyStart.growthDivisor, 1, `${rttUs} us, a little less`);
    const enough = new Rounds();
    enough.add(rttUs);
    enough.add(rttUs + riseUs);
    assert.equal(enough.hyStart.growthDivisor, 4, `${rttUs} us`);
  }
});

Deno.test("HyStart uses the minimum sample of a round, and needs eight samples", () => {
  const rounds = new Rounds();
  rounds.add(50_000);
  rounds.add([90_000, 90_000, 90_000, 51_000, 90_000, 90_000, 90_000, 90_000, 90_000]);
  assert.equal(rounds.hyStart.growthDivisor, 1);
  rounds.add(90_000, SAMPLES - 1);
  assert.equal(rounds.hyStart.growthDivisor, 1);
  assert.equal(rounds.hyStart.isDone, false);
});

Deno.test("HyStart ends slow start after five rounds with an increased RTT", () => {
  const rounds = new Rounds();
  rounds.add(50_000);
  for (let round = 1; round <= 5; round++) {
    rounds.add(70_000);
    assert.equal(rounds.hyStart.growthDivisor, 4);
    assert.equal(rounds.hyStart.isDone, false, `round ${round}`);
  }
  rounds.add(70_000, 1);
  assert.equal(rounds.hyStart.isDone, true);
});

Deno.test("HyStart resumes slow start if the RTT falls below that at which CSS began", () => {
  const rounds = new Rounds();
  rounds.add(50_000);
  rounds.add(70_000);
  rounds.add(70_000);
  assert.equal(rounds.hyStart.growthDivisor, 4);
  rounds.add(69_999);
  assert.equal(rounds.hyStart.growthDivisor, 1);
  for (let i = 0; i < 10; i++) rounds.add(60_000);
  assert.equal(rounds.hyStart.isDone, false);
  rounds.add(70_000);
  assert.equal(rounds.hyStart.growthDivisor, 4, "and watches on");
});

Deno.test("HyStart ignores ACK frames without an RTT sample", () => {
  const rounds = new Rounds();
  rounds.add(50_000);
  for (let i = 0; i < 5; i++) rounds.add(0);
  rounds.add(90_000);
  assert.equal(rounds.hyStart.growthDivisor, 1);
});
