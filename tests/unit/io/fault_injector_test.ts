import assert from "node:assert/strict";
import type { FaultOptions } from "../../../app/api.ts";
import { describeFault, FaultInjector, type InjectedFault } from "../../../io/fault_injector.ts";

const NONE: FaultOptions = { drop: 0, corrupt: 0, duplicate: 0, reorder: 0, delayUs: 0, jitterUs: 0 };

/** Resolves when no datagram is in transit. */
async function drained(injector: FaultInjector): Promise<void> {
  while (injector.inTransit > 0) await new Promise((resolve) => setTimeout(resolve, 1));
}

/** A datagram of 4 bytes that begins with a number. */
function datagram(n: number): Uint8Array {
  return Uint8Array.of(n / 256, n, 0xaa, 0x55);
}

Deno.test("FaultInjector drops, corrupts and duplicates the configured shares, and reports each fault", () => {
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
  assert.equal(injector.inTransit, 0);
  injector.close();
});

Deno.test("FaultInjector does not change the caller's buffer", () => {
  const injector = new FaultInjector({ faults: { ...NONE, corrupt: 1, duplicate: 1, seed: 1 } });
  const bytes = datagram(7);
  const got: Uint8Array[] = [];
  injector.incoming(bytes, (delivered) => void got.push(delivered.slice()));
  assert.deepEqual(bytes, datagram(7));
  assert.equal(got.length, 2);
  for (const copy of got) assert.notDeepEqual(copy, bytes);
  injector.incoming(new Uint8Array(0), (delivered) => assert.equal(delivered.length, 0));
  injector.close();
});

Deno.test("FaultInjector repeats its decisions for the same seed, independently in each direction", () => {
  const decisions = (seed: number, mixed: boolean): string => {
    let log = "";
    const injector = new FaultInjector({ faults: { ...NONE, drop: 0.5, seed } });
    for (let n = 0; n < 100; n++) {
      if (mixed) injector.incoming(datagram(n), () => {});
      injector.outgoing(datagram(n), () => void (log += `${n} `));
    }
    injector.close();
    return log;
  };
  assert.equal(decisions(5, false), decisions(5, true));
  assert.notEqual(decisions(5, false), decisions(6, false));
});

Deno.test("FaultInjector.seed replays a run that drew its own seed", () => {
  const first = new FaultInjector({ faults: { ...NONE, drop: 0.5 } });
  const again = new FaultInjector({ faults: { ...NONE, drop: 0.5, seed: first.seed } });
  for (let n = 0; n < 100; n++) {
    let balance = 0;
    first.outgoing(datagram(n), () => void balance++);
    again.outgoing(datagram(n), () => void balance--);
    assert.equal(balance, 0);
  }
});

Deno.test("FaultInjector delays in order, for at least the delay, and copies what is in transit", async () => {
  const injector = new FaultInjector({ faults: { ...NONE, delayUs: 5000, jitterUs: 3000, seed: 1 } });
  const reused = new Uint8Array(4);
  const got: number[] = [];
  const startMs = performance.now();
  let firstMs = 0;
  atOneMoment(() => {
    for (let n = 0; n < 50; n++) {
      reused.set(datagram(n));
      injector.incoming(reused, (bytes) => {
        if (firstMs === 0) firstMs = performance.now();
        got.push(bytes[1]!);
      });
    }
    assert.equal(got.length, 0);
    assert.equal(injector.inTransit, 50);
  });
  await drained(injector);
  assert.ok(firstMs - startMs >= 5, `${firstMs - startMs} ms`);
  assert.deepEqual(got, Array.from({ length: 50 }, (_, n) => n));
});

/** Stops the clock during a call, however long it takes on a busy machine. */
function atOneMoment(run: () => void): void {
  const { now } = performance;
  const stoppedMs = performance.now();
  performance.now = () => stoppedMs;
  try {
    run();
  } finally {
    performance.now = now;
  }
}

Deno.test("FaultInjector lets later datagrams overtake reordered ones", async () => {
  const reported: InjectedFault[] = [];
  const injector = new FaultInjector({
    faults: { ...NONE, reorder: 0.3, seed: 3 },
    onFault: (fault) => reported.push(fault),
  });
  const got: number[] = [];
  atOneMoment(() => {
    for (let n = 1; n <= 50; n++) injector.outgoing(datagram(n), (bytes) => void got.push(bytes[1]!));
  });
  await drained(injector);
  const late = reported.map(({ packet }) => packet);
  assert.ok(late.length > 5 && late.length < 30);
  const onTime = Array.from({ length: 50 }, (_, n) => n + 1).filter((n) => !late.includes(n));
  assert.deepEqual(got, [...onTime, ...late]);
});

Deno.test("FaultInjector drops and reports datagrams beyond its memory", () => {
  const reported: InjectedFault[] = [];
  const injector = new FaultInjector({
    faults: { ...NONE, delayUs: 60_000_000, seed: 1 },
    onFault: (fault) => reported.push(fault),
  });
  const big = new Uint8Array(65_507);
  for (let n = 0; n <= 1024; n++) injector.outgoing(big, () => {});
  assert.deepEqual(reported, [{ fault: "overflow", direction: "outgoing", bytes: big.length, packet: 1025 }]);
  assert.equal(injector.inTransit, 1024);
  injector.close();
});

Deno.test("FaultInjector.close stops the timer and all deliveries, even when called during one", async () => {
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
  injector.outgoing(datagram(1), () => void delivered++);
  injector.close();
  assert.equal(injector.inTransit, 0);
  assert.equal(delivered, 1);
});

Deno.test("describeFault names the fault, the direction and the datagram", () => {
  assert.equal(
    describeFault({ fault: "drop", direction: "outgoing", bytes: 1200, packet: 17 }),
    "simulated fault: dropped outgoing datagram 17 (1200 bytes)",
  );
});
