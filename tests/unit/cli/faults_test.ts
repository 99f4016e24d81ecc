import assert from "node:assert/strict";
import fc from "fast-check";
import type { FaultOptions } from "../../../app/api.ts";
import { FaultCounter, formatFaults, parseFaults } from "../../../cli/faults.ts";

const NONE: FaultOptions = { drop: 0, corrupt: 0, duplicate: 0, reorder: 0, delayUs: 0, jitterUs: 0 };

Deno.test("parseFaults reads every key, percentages, fractions and units", () => {
  assert.deepEqual(parseFaults("drop=10%,corrupt=1%,duplicate=0.01,reorder=.05,delay=50ms,jitter=500us,seed=7"), {
    drop: 0.1,
    corrupt: 0.01,
    duplicate: 0.01,
    reorder: 0.05,
    delayUs: 50_000,
    jitterUs: 500,
    seed: 7,
  });
  assert.deepEqual(parseFaults(" delay = 1.5s , drop = 100% "), { ...NONE, delayUs: 1_500_000, drop: 1 });
  assert.deepEqual(parseFaults("drop=0"), NONE);
});

Deno.test("parseFaults says what is wrong", () => {
  const cases: [string, RegExp][] = [
    ["", /unknown fault ''.*drop, corrupt, duplicate, reorder, delay, jitter, seed/],
    ["drop=1%,", /unknown fault ''/],
    ["loss=10%", /unknown fault 'loss'/],
    ["toString=1", /unknown fault 'toString'/],
    ["drop", /'drop' needs a value, such as drop=10%/],
    ["delay=", /'delay' needs a value, such as delay=50ms/],
    ["seed=", /'seed' needs a value, such as seed=7/],
    ["drop=10%,drop=20%", /'drop' is given twice/],
    ["drop=101%", /more than 100%/],
    ["drop=10", /write drop=10% or less than 1/],
    ["drop=1", /write drop=1% or less than 1/],
    ["drop=-1%", /not a share/],
    ["drop=ten", /not a share/],
    ["delay=-5ms", /negative/],
    ["delay=50", /not a time.*delay=50ms/],
    ["delay=5min", /not a time/],
    ["jitter=61s", /more than 60s/],
    ["seed=-1", /not an integer/],
    ["seed=9007199254740992", /not an integer/],
  ];
  for (const [text, expected] of cases) {
    const result = parseFaults(text);
    assert.ok("error" in result, `${text} was accepted`);
    assert.match(result.error, expected);
  }
});

Deno.test("formatFaults writes what parseFaults reads", () => {
  assert.equal(
    formatFaults({ ...NONE, drop: 0.1, duplicate: 0.07, delayUs: 50_000, jitterUs: 1500, seed: 7 }),
    "drop=10%,duplicate=7%,delay=50ms,jitter=1500us,seed=7",
  );
  assert.equal(formatFaults(NONE), "");
  const share = fc.oneof(fc.constantFrom(0, 1e-9, 0.29, 0.57, 1), fc.double({ min: 0, max: 1, noNaN: true }));
  const timeUs = fc.oneof(fc.constantFrom(0, 1, 1000, 1_000_000), fc.nat(60_000_000));
  const record = fc.record({
    drop: share,
    corrupt: share,
    duplicate: share,
    reorder: share,
    delayUs: timeUs,
    jitterUs: timeUs,
    seed: fc.maxSafeNat(),
  }, { noNullPrototype: true });
  fc.assert(
    fc.property(record, (options) => {
      assert.deepEqual(parseFaults(formatFaults(options)), options);
    }),
    { seed: 1, numRuns: 300 },
  );
});

Deno.test("FaultCounter tells in one line how many datagrams had which fault", () => {
  const counter = new FaultCounter();
  assert.equal(counter.summary, undefined);
  for (const [fault, count] of [["held back", 2], ["dropped", 1], ["dropped (too much delayed already)", 1]] as const) {
    for (let i = 0; i < count; i++) counter.add(`simulated fault: ${fault} incoming datagram ${i + 1} (1200 bytes)`);
  }
  assert.equal(
    counter.summary,
    "simulated faults: 1 datagram dropped, 1 dropped (too much delayed already), 2 held back",
  );
});
