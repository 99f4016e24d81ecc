import assert from "node:assert/strict";
import type { FaultOptions } from "../../../app/api.ts";
import fc from "fast-check";
import {
  describeFault,
  FaultInjector,
  formatFaults,
  type InjectedFault,
  parseFaults,
} from "../../../io/fault_injector.ts";

const NONE: FaultOptions = { drop: 0, corrupt: 0, duplicate: 0, reorder: 0, delayUs: 0, jitterUs: 0 };

/** Resolves once the injector holds nothing more. */
async function drained(injector: FaultInjector): Promise<void> {
  while (injector.heldCount > 0) await new Promise((resolve) => setTimeout(resolve, 1));
}

/** Numbered datagrams of 4 bytes. */
function datagram(n: number): Uint8Array {
  return Uint8Array.of(n / 256, n, 0xaa, 0x55);
}

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

Deno.test("FaultInjector drops, corrupts and duplicates about as often as asked, and reports each", () => {
  const reported: InjectedFault[] = [];
  const injector = new FaultInjector({
    faults: { ...NONE, drop: 0.1, corrupt: 0.05, duplicate: 0.05, seed: 1 },
    onFault: (fault) => reported.push(fault),
  });
  let delivered = 0;
  let damaged = 0;
  for (let n = 0; n < 10_000; n++) {
    injector.outgoing(datagram(n), (bytes) => {
      delivered++;
      if (!bytes.every((byte, at) => byte === datagram(n)[at])) damaged++;
    });
  }
  const count = (fault: string) => reported.filter((report) => report.fault === fault).length;
  assert.ok(Math.abs(count("drop") - 1000) < 200 && Math.abs(count("corrupt") - 450) < 150, `${count("drop")}`);
  assert.ok(count("duplicate") > 300);
  assert.equal(delivered, 10_000 - count("drop") + count("duplicate"));
  assert.ok(damaged >= count("corrupt"));
  assert.ok(reported.every(({ direction, bytes }) => direction === "outgoing" && bytes === 4));
  assert.equal(injector.heldCount, 0);
  injector.close();
});

Deno.test("FaultInjector leaves the caller's buffer as it is", () => {
  const injector = new FaultInjector({ faults: { ...NONE, corrupt: 1, duplicate: 1, seed: 1 } });
  const bytes = datagram(7);
  const got: Uint8Array[] = [];
  injector.incoming(bytes, (delivered) => got.push(delivered));
  assert.deepEqual(bytes, datagram(7));
  assert.equal(got.length, 2);
  assert.notEqual(got[0]!.buffer, got[1]!.buffer);
  assert.deepEqual(got[0], got[1]);
  assert.notDeepEqual(got[0], bytes);
  injector.incoming(new Uint8Array(0), (delivered) => assert.equal(delivered.length, 0));
  injector.close();
});

Deno.test("FaultInjector decides the same for the same seed, each direction by itself", () => {
  const decisions = (seed: number, mixed: boolean): string => {
    let log = "";
    const injector = new FaultInjector({ faults: { ...NONE, drop: 0.5, seed } });
    for (let n = 0; n < 100; n++) {
      if (mixed) injector.incoming(datagram(n), () => {});
      injector.outgoing(datagram(n), () => log += `${n} `);
    }
    injector.close();
    return log;
  };
  assert.equal(decisions(5, false), decisions(5, true));
  assert.notEqual(decisions(5, false), decisions(6, false));
});

Deno.test("FaultInjector replays a run that drew its own seed", () => {
  const first = new FaultInjector({ faults: { ...NONE, drop: 0.5 } });
  const again = new FaultInjector({ faults: { ...NONE, drop: 0.5, seed: first.seed } });
  for (let n = 0; n < 100; n++) {
    let balance = 0;
    first.outgoing(datagram(n), () => balance++);
    again.outgoing(datagram(n), () => balance--);
    assert.equal(balance, 0);
  }
});

Deno.test("FaultInjector delays in order, not before the time, copying what it holds", async () => {
  const injector = new FaultInjector({ faults: { ...NONE, delayUs: 5000, jitterUs: 3000, seed: 1 } });
  const reused = new Uint8Array(4);
  const got: number[] = [];
  const startMs = performance.now();
  let firstMs = 0;
  for (let n = 0; n < 50; n++) {
    reused.set(datagram(n));
    injector.incoming(reused, (bytes) => {
      if (firstMs === 0) firstMs = performance.now();
      got.push(bytes[1]!);
    });
  }
  assert.equal(got.length, 0);
  assert.equal(injector.heldCount, 50);
  await drained(injector);
  assert.ok(firstMs - startMs >= 5, `${firstMs - startMs} ms`);
  assert.deepEqual(got, Array.from({ length: 50 }, (_, n) => n));
});

Deno.test("FaultInjector lets later datagrams overtake the reordered", async () => {
  const reported: InjectedFault[] = [];
  const injector = new FaultInjector({
    faults: { ...NONE, reorder: 0.3, seed: 3 },
    onFault: (fault) => reported.push(fault),
  });
  const got: number[] = [];
  for (let n = 1; n <= 50; n++) injector.outgoing(datagram(n), (bytes) => got.push(bytes[1]!));
  await drained(injector);
  const late = reported.map(({ packet }) => packet);
  assert.ok(late.length > 5 && late.length < 30);
  const punctual = Array.from({ length: 50 }, (_, n) => n + 1).filter((n) => !late.includes(n));
  assert.deepEqual(got, [...punctual, ...late]);
});

Deno.test("FaultInjector drops and reports what is too much to hold", () => {
  const reported: InjectedFault[] = [];
  const injector = new FaultInjector({
    faults: { ...NONE, delayUs: 60_000_000, seed: 1 },
    onFault: (fault) => reported.push(fault),
  });
  const big = new Uint8Array(16 * 1024 * 1024);
  for (let n = 0; n < 5; n++) injector.outgoing(big, () => {});
  assert.deepEqual(reported, [{ fault: "overflow", direction: "outgoing", bytes: big.length, packet: 5 }]);
  assert.equal(injector.heldCount, 4);
  injector.close();
});

Deno.test("FaultInjector.close leaves no timer and delivers nothing more, even from within a delivery", async () => {
  const injector = new FaultInjector({ faults: { ...NONE, delayUs: 1000, seed: 1 } });
  let delivered = 0;
  for (let n = 0; n < 10; n++) {
    injector.outgoing(datagram(n), () => {
      delivered++;
      injector.close();
    });
  }
  await drained(injector);
  assert.equal(delivered, 1);
  injector.outgoing(datagram(1), () => delivered++);
  injector.close();
  assert.equal(injector.heldCount, 0);
  assert.equal(delivered, 1);
});

Deno.test("describeFault says what was done to which datagram", () => {
  assert.equal(
    describeFault({ fault: "drop", direction: "outgoing", bytes: 1200, packet: 17 }),
    "simulated fault: dropped outgoing datagram 17 (1200 bytes)",
  );
});
