import assert from "node:assert/strict";
import { ProbeTimer } from "../../../../../protocol/congestion/bbr/probe_timer.ts";

/** How long it waits for a flow too large to be due by rounds. */
function waitUs(timer: ProbeTimer): number {
  timer.restart(0);
  let us = 0;
  while (!timer.isDue(us, Infinity)) us += 1_000;
  return us;
}

Deno.test("ProbeTimer waits 2 to 3 s, by its seed", () => {
  const timer = new ProbeTimer(1);
  const waits = Array.from({ length: 50 }, () => waitUs(timer));
  for (const us of waits) assert.ok(us >= 2_000_000 && us <= 3_001_000, `${us}`);
  assert.ok(new Set(waits).size > 40);
  const again = new ProbeTimer(1);
  assert.deepEqual(Array.from({ length: 50 }, () => waitUs(again)), waits);
  assert.notEqual(waitUs(new ProbeTimer(2)), waits[0]);
});

Deno.test("ProbeTimer waits twice as long after a fruitless probe, in time and in rounds", () => {
  const [timer, patient] = [new ProbeTimer(4), new ProbeTimer(4)];
  const roundsUntilDue = (probed: ProbeTimer): number => {
    probed.restart(0);
    for (let rounds = 0;; rounds++, probed.onRound()) if (probed.isDue(1, 10)) return rounds;
  };
  patient.onProbeEnd(true);
  assert.ok(Math.abs(waitUs(patient) - 2 * waitUs(timer)) <= 2_000);
  assert.equal(roundsUntilDue(patient), roundsUntilDue(timer) + 10);
  patient.onProbeEnd(false);
  assert.equal(waitUs(patient), waitUs(timer));
});

Deno.test("ProbeTimer is due after as many rounds as datagrams in flight, 63 at most", () => {
  for (const [datagrams, rounds] of [[10, 10], [63, 63], [1_000, 63]] as const) {
    const timer = new ProbeTimer(3);
    timer.restart(0);
    let counted = 0;
    while (!timer.isDue(1, datagrams)) {
      timer.onRound();
      counted++;
    }
    assert.ok(counted === rounds || counted === rounds - 1, `${counted} of ${rounds}`);
  }
});
