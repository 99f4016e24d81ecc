import assert from "node:assert/strict";
import { MIN_MOVED_BYTES, StallWatch } from "../../../transfer/stall_watch.ts";

const SECOND_US = 1_000_000;
const TIMEOUT_US = 60 * SECOND_US;

interface Moment {
  readonly isWaiting?: boolean;
  /** Bytes a second. */
  readonly movedBytes?: number;
  readonly isHeard?: boolean;
}

/** When a connection is found to stand still that is looked at each second; undefined where never within `forUs`. */
function stalledAtUs(at: (nowUs: number) => Moment, forUs = 10 * TIMEOUT_US): number | undefined {
  const watch = new StallWatch(TIMEOUT_US);
  watch.restart(0);
  let movedBytes = 0;
  let heardCount = 0;
  for (let nowUs = 0; nowUs < forUs; nowUs += SECOND_US) {
    const moment = at(nowUs);
    movedBytes += moment.movedBytes ?? 0;
    if (moment.isHeard ?? true) heardCount++;
    if (nowUs < watch.dueUs) continue;
    if (watch.isStalled(nowUs, { isWaiting: moment.isWaiting ?? true, movedBytes, heardCount })) return nowUs;
  }
  return undefined;
}

Deno.test("StallWatch.isStalled detects a peer that responds without progress, at the timeout", () => {
  const atUs = stalledAtUs(() => ({}))!;
  assert(atUs >= TIMEOUT_US && atUs <= TIMEOUT_US + SECOND_US, `${atUs}`);
});

Deno.test("StallWatch.isStalled finds a peer that moves a byte at times to keep its place", () => {
  assert(stalledAtUs(() => ({ movedBytes: 1 })) !== undefined);
});

Deno.test("StallWatch.isStalled spares a peer with slow progress", () => {
  assert.equal(stalledAtUs(() => ({ movedBytes: 2 * MIN_MOVED_BYTES / 60 })), undefined);
  assert.equal(
    stalledAtUs((nowUs) => ({ movedBytes: nowUs % (50 * SECOND_US) === 0 ? MIN_MOVED_BYTES : 0 })),
    undefined,
  );
});

Deno.test("StallWatch.isStalled spares a peer that has nothing under way, for however long", () => {
  assert.equal(stalledAtUs(() => ({ isWaiting: false })), undefined);
  const beganUs = 300 * SECOND_US;
  const atUs = stalledAtUs((nowUs) => ({ isWaiting: nowUs >= beganUs }))!;
  assert(atUs >= beganUs + TIMEOUT_US - 10 * SECOND_US, `${atUs}`);
});

Deno.test("StallWatch.isStalled does not count silence, which is left to the idle timeout", () => {
  assert.equal(stalledAtUs(() => ({ isHeard: false })), undefined);
  // A link that is dead for half a minute, again and again, and carries something between.
  const atUs = stalledAtUs((nowUs) => {
    const inCycleUs = nowUs % (45 * SECOND_US);
    return { isHeard: inCycleUs > 30 * SECOND_US, movedBytes: inCycleUs > 40 * SECOND_US ? MIN_MOVED_BYTES : 0 };
  });
  assert.equal(atUs, undefined);
});

Deno.test("StallWatch.isStalled begins anew once it has said so", () => {
  const watch = new StallWatch(TIMEOUT_US);
  const found: number[] = [];
  for (let nowUs = 0; nowUs < 5 * TIMEOUT_US; nowUs += SECOND_US) {
    if (nowUs < watch.dueUs) continue;
    if (watch.isStalled(nowUs, { isWaiting: true, movedBytes: 0, heardCount: nowUs + 1 })) found.push(nowUs);
  }
  assert(found.length >= 2 && found.every((nowUs, i) => i === 0 || nowUs - found[i - 1]! >= TIMEOUT_US), `${found}`);
});

Deno.test("StallWatch.isStalled keeps to its timeout, also if the peer sends something every two seconds", () => {
  for (const timeoutUs of [SECOND_US, 3 * SECOND_US, 10 * SECOND_US, TIMEOUT_US]) {
    const watch = new StallWatch(timeoutUs);
    watch.restart(0);
    let nowUs = 0;
    do {
      nowUs = watch.dueUs;
      assert(nowUs <= timeoutUs, `${nowUs} of ${timeoutUs}`);
    } while (!watch.isStalled(nowUs, { isWaiting: true, movedBytes: 0, heardCount: Math.floor(nowUs / 2e6) }));
    assert(nowUs >= timeoutUs - 1, `${nowUs} of ${timeoutUs}`);
  }
});
