/**
 * MtuDiscovery on a path whose limit it is not told, and which may change: against lists of the probes and packets sent.
 * What it uses was shown to arrive; what the path no longer carries is found out in so many losses; the search ends, and
 * a better path is found in the end.
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import { BASE_DATAGRAM_BYTES } from "../../protocol/config.ts";
import {
  BLACK_HOLE_EVENTS,
  BLACK_HOLE_LOSSES,
  GRANULARITY_BYTES,
  MAX_PROBES,
  MtuDiscovery,
  RAISE_INTERVAL_US,
} from "../../protocol/recovery/mtu_discovery.ts";
import { checkModel, type Machine, type Seen, step, type StepOf } from "../../testing/model_check.ts";

const BASE = BASE_DATAGRAM_BYTES;
/** Sizes that are tried, largest first, and may so be found exactly. */
const COMMON = [8972, 1472, 1452, 1444, 1400, 1280];
/** Probes until a search has ended: three for each common size, and three for each halving of what is below. */
const MOST_PROBES = 80;

const size = fc.oneof(
  fc.integer({ min: BASE, max: 1_600 }),
  fc.constantFrom(BASE, ...COMMON, 65_507),
  fc.integer({ min: BASE, max: 65_507 }),
);

const STEP = fc.oneof(
  step(8, "probe", { isLate: fc.boolean() }),
  step(8, "answer", { pick: fc.nat(5), isLostByChance: fc.boolean() }),
  step(6, "data", { share: fc.nat(100).map((percent) => percent / 100), count: fc.integer({ min: 1, max: 15 }) }),
  step(4, "full", { count: fc.integer({ min: 1, max: 15 }) }),
  step(3, "path", { size }),
  step(1, "raiseCeiling", { size }),
  step(1, "limitCeiling", { size: fc.oneof(size, fc.constant(100)) }),
  step(4, "wait", { us: fc.oneof(fc.nat(1_000), fc.constant(RAISE_INTERVAL_US)) }),
);

class MtuMachine implements Machine<StepOf<typeof STEP>> {
  readonly #seen: Seen;
  readonly #mtu: MtuDiscovery;
  #ceiling: number;
  #pathBytes: number;
  #nowUs = 1;
  /** Probes whose fate is not known yet, or not rightly. */
  readonly #probes: { readonly size: number; readonly arrives: boolean; isTakenForLost: boolean }[] = [];
  /** Sizes of which a probe arrived, and at which a black hole was found since. */
  readonly #shown = new Set<number>();
  /** Large packets lost since one at least as large as the smallest of them arrived. */
  #losses: { readonly size: number; readonly atUs: number }[] = [];
  #blackHoles = 0;
  /** The size that is being tried, how many of its probes were lost, and whether one is out. */
  #tries: { readonly size: number; lost: number; isOut: boolean } | undefined;

  constructor({ ceilingBytes, pathBytes }: { ceilingBytes: number; pathBytes: number }, seen: Seen) {
    this.#seen = seen;
    this.#ceiling = ceilingBytes;
    this.#pathBytes = pathBytes;
    this.#mtu = new MtuDiscovery({ ceilingBytes });
  }

  take(step: StepOf<typeof STEP>): void {
    switch (step.kind) {
      case "probe":
        this.#probe();
        if (!step.isLate) this.#answer(this.#probes.length - 1, false);
        break;
      case "answer":
        this.#answer(step.pick, step.isLostByChance);
        break;
      case "data":
        for (let i = 0; i < step.count; i++) this.#sendData(step.share);
        break;
      case "full":
        for (let i = 0; i < step.count; i++, this.#nowUs++) this.#sendData(1);
        break;
      case "path":
        this.#pathBytes = step.size;
        break;
      case "raiseCeiling":
        this.#resize(Math.max(this.#ceiling, step.size), () => this.#mtu.raiseCeiling(step.size));
        break;
      case "limitCeiling":
        this.#resize(Math.max(BASE, Math.min(this.#ceiling, step.size)), () => this.#mtu.limitCeiling(step.size));
        break;
      case "wait":
        this.#nowUs += step.us;
        break;
    }
    this.#check();
  }

  /** The path stays as it is, and loses nothing by chance: the size is right, at the next search at the latest. */
  finish(): void {
    for (const probe of this.#probes.splice(0)) if (!probe.isTakenForLost) this.#tell(probe.size, probe.arrives);
    this.#settle();
    assert.ok(this.#mtu.currentBytes <= this.#pathBytes, "what the path does not carry is in use");
    this.#nowUs += RAISE_INTERVAL_US;
    this.#settle();
    const best = Math.min(this.#pathBytes, this.#ceiling);
    const current = this.#mtu.currentBytes;
    assert.ok(current <= best, `${current} of ${best}`);
    assert.ok(current >= this.#leastFound(best), `${current} of ${best}`);
    this.#seen("found the size");
  }

  /** As good as a search is: the ceiling, a common size, or near by below Ethernet's. */
  #leastFound(best: number): number {
    if (best === this.#ceiling) return best;
    const common = COMMON.find((size) => size <= best) ?? BASE;
    return common >= 1452 ? common : Math.max(common, best - GRANULARITY_BYTES);
  }

  #settle(): void {
    for (let i = 0; i < BLACK_HOLE_LOSSES; i++, this.#nowUs++) this.#sendData(1);
    for (let probes = 0; this.#probe(); probes++) {
      assert.ok(probes < MOST_PROBES, "the search does not end");
      this.#answer(this.#probes.length - 1, false);
      this.#check();
    }
    assert.equal(this.#mtu.isComplete, true);
  }

  #probe(): boolean {
    const mtu = this.#mtu;
    const isNewSearch = mtu.isComplete;
    const size = mtu.probeSize(this.#nowUs);
    if (isNewSearch && size > 0) this.#startAnew();
    assert.equal(size > 0, this.#nowUs >= mtu.nextProbeUs);
    if (size === 0) return false;
    this.#checkPatience(size);
    assert.ok(size > mtu.currentBytes && size <= this.#ceiling, `a probe of ${size} of ${this.#ceiling}`);
    assert.equal(mtu.probeSize(this.#nowUs), size, "it is a question, not an order");
    mtu.onProbeSent(size, this.#nowUs);
    this.#tries = { size, lost: this.#tries?.lost ?? 0, isOut: true };
    this.#probes.push({ size, arrives: size <= this.#pathBytes, isTakenForLost: false });
    assert.equal(mtu.nextProbeUs, Infinity, "one probe at a time");
    return true;
  }

  /** One size is tried until so many probes of it are lost, as any may be by chance. */
  #checkPatience(size: number): void {
    const tries = this.#tries;
    if (tries === undefined || tries.size === size) return;
    assert.equal(tries.lost, MAX_PROBES, `${tries.size} was given up`);
    this.#tries = undefined;
    this.#seen("gave a size up");
  }

  /** The probe's fate is known: it arrived, or is declared lost, perhaps wrongly. */
  #answer(pick: number, isLostByChance: boolean): void {
    const index = pick % this.#probes.length;
    const probe = this.#probes[index];
    if (probe === undefined) return;
    if (probe.arrives && isLostByChance && !probe.isTakenForLost) {
      probe.isTakenForLost = true;
      this.#tell(probe.size, false);
      this.#seen("a probe is taken for lost");
      return;
    }
    this.#probes.splice(index, 1);
    if (probe.arrives && probe.isTakenForLost) this.#seen("...and had arrived");
    if (probe.arrives || !probe.isTakenForLost) this.#tell(probe.size, probe.arrives);
  }

  #tell(size: number, hasArrived: boolean): void {
    const before = this.#mtu.currentBytes;
    if (!hasArrived) {
      this.#mtu.onProbeLost(size);
      const tries = this.#tries;
      if (tries?.size === size && tries.isOut) {
        tries.lost++;
        tries.isOut = false;
      }
      assert.equal(this.#mtu.currentBytes, before);
      return;
    }
    this.#shown.add(size);
    this.#mtu.onProbeAcked(size);
    if (this.#mtu.currentBytes === before) return;
    assert.equal(this.#mtu.currentBytes, size);
    this.#startAnew();
  }

  /** A packet that fills so much of what there is between the base and the largest datagram. */
  #sendData(share: number): void {
    const mtu = this.#mtu;
    const size = Math.ceil(BASE - 50 + share * (mtu.currentBytes - BASE + 50));
    if (size <= this.#pathBytes) {
      mtu.onDataAcked(size);
      if (this.#losses.some((lost) => lost.size <= size)) this.#losses = [];
      return;
    }
    assert.ok(size > BASE, "every path carries the base");
    this.#losses.push({ size, atUs: this.#nowUs });
    const times = new Set(this.#losses.map(({ atUs }) => atUs));
    const isHole = this.#losses.length >= BLACK_HOLE_LOSSES && times.size >= BLACK_HOLE_EVENTS;
    const before = mtu.currentBytes;
    assert.equal(mtu.onDataLost(size, this.#nowUs), isHole);
    if (!isHole) return;
    assert.equal(mtu.currentBytes, BASE, "after a black hole the base alone is sure");
    assert.ok(before < 1_300 || !mtu.isComplete, "nothing between the base and what failed is looked for");
    this.#blackHoles++;
    this.#shown.clear();
    this.#startAnew();
    this.#seen("a black hole");
  }

  #resize(ceiling: number, change: () => void): void {
    const before = this.#mtu.currentBytes;
    const isChange = ceiling !== this.#ceiling;
    change();
    this.#ceiling = ceiling;
    if (isChange) this.#startAnew();
    assert.equal(this.#mtu.currentBytes, Math.min(before, ceiling));
    this.#shown.add(this.#mtu.currentBytes);
  }

  #startAnew(): void {
    this.#losses = [];
    this.#tries = undefined;
  }

  #check(): void {
    const current = this.#mtu.currentBytes;
    assert.ok(current >= BASE && current <= this.#ceiling, `${current} of ${this.#ceiling}`);
    assert.ok(current === BASE || this.#shown.has(current), `${current} is in use, and never was seen to arrive`);
    assert.equal(this.#mtu.blackHoles, this.#blackHoles);
  }
}

Deno.test("MtuDiscovery finds what a path carries, uses no more, and ends, however the path changes", () => {
  checkModel({
    start: fc.record({ ceilingBytes: size, pathBytes: size }, { noNullPrototype: true }),
    step: STEP,
    make: (start, seen) => new MtuMachine(start, seen),
    runs: 1_500,
    maxSteps: 60,
    reaches: {
      "found the size": 1_500,
      "a black hole": 100,
      "a probe is taken for lost": 100,
      "...and had arrived": 20,
      "gave a size up": 1_000,
    },
  });
});
