import assert from "node:assert/strict";
import fc from "fast-check";
import { divideRate, RateShares } from "../../../../app/server/rate_shares.ts";
import type { Connection, RateLimit } from "../../../../protocol/mod.ts";
import { FakeClock } from "../../../../testing/fake_clock.ts";

const SECOND_US = 1_000_000;

const rate = fc.double({ min: 1, max: 1e9, noNaN: true });
const demand = fc.oneof(rate, fc.constant(Infinity), fc.constant(0));

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

Deno.test("divideRate gives all of a total away, and nobody less than an equal share unless they want less", () => {
  fc.assert(fc.property(rate, fc.array(demand, { minLength: 1, maxLength: 20 }), (total, demands) => {
    const shares = divideRate(total, demands);
    assert.equal(shares.length, demands.length);
    assert(Math.abs(sum(shares) - total) < 1e-6 * total, `${shares}`);
    const equal = total / demands.length;
    shares.forEach((share, i) =>
      assert(share >= Math.min(demands[i]!, equal) * (1 - 1e-9), `${shares} for ${demands}`)
    );
  }));
  assert.deepEqual(divideRate(90, [Infinity, Infinity, Infinity]), [30, 30, 30]);
  assert.deepEqual(divideRate(90, [10, Infinity, Infinity]), [10, 40, 40]);
  assert.deepEqual(divideRate(90, [10, 20]), [40, 50], "each may grow into what is left");
  assert.deepEqual(divideRate(Infinity, [10, Infinity]), [Infinity, Infinity]);
});

/** A connection whose traffic a test makes. */
class FakeConnection {
  sent = 0;
  received = 0;
  sending = Infinity;
  receiving = Infinity;
  wakes = 0;
  get stats() {
    return { bytesSent: this.sent, bytesReceived: this.received };
  }
  limitSending(_nowUs: number, { bytesPerSecond }: RateLimit): void {
    this.sending = bytesPerSecond;
  }
  limitReceiving(_nowUs: number, { bytesPerSecond }: RateLimit): void {
    this.receiving = bytesPerSecond;
  }
}

class Setting {
  readonly clock = new FakeClock();
  readonly shares = new RateShares(this.clock);

  add(id: string, bytesPerSecond = Infinity): FakeConnection {
    const connection = new FakeConnection();
    this.shares.add(connection as unknown as Connection, () => void connection.wakes++, { id, bytesPerSecond });
    return connection;
  }

  /** Has time pass, in which each sends as much as it may, but no more than so many bytes per second. */
  run(seconds: number, uses: readonly (readonly [FakeConnection, number])[]): void {
    for (let i = 0; i < seconds; i++) {
      for (const [connection, most] of uses) connection.sent += Math.min(most, connection.sending);
      this.clock.pass(SECOND_US);
    }
  }
}

Deno.test("RateShares limits nothing, and sets no timer, without a limit", () => {
  const setting = new Setting();
  const one = setting.add("a");
  setting.add("b");
  assert.deepEqual([one.sending, one.receiving, one.wakes, setting.clock.armed], [Infinity, Infinity, 0, 0]);
});

Deno.test("RateShares divides the total among those that are there, in each direction", () => {
  const setting = new Setting();
  setting.shares.setTotal(1_200);
  const first = setting.add("a");
  assert.deepEqual([first.sending, first.receiving, first.wakes], [1_200, 1_200, 1]);
  const [second, third] = [setting.add("b"), setting.add("b")];
  for (const { sending, receiving } of [first, second, third]) assert.deepEqual([sending, receiving], [400, 400]);
  setting.shares.remove(third as unknown as Connection);
  assert.deepEqual([first.sending, second.sending], [600, 600]);
  setting.shares.setTotal(Infinity);
  assert.deepEqual([first.sending, second.receiving], [Infinity, Infinity]);
  setting.shares.stop();
  assert.equal(setting.clock.armed, 0);
});

Deno.test("RateShares gives what one does not use to the others, and back when it is wanted", () => {
  const setting = new Setting();
  setting.shares.setTotal(1_200);
  const [slow, fast] = [setting.add("a"), setting.add("b")];
  setting.run(5, [[slow, 100], [fast, Infinity]]);
  assert(fast.sending > 900, `${fast.sending}`);
  assert(slow.sending >= 150 && slow.sending + fast.sending <= 1_201, `${slow.sending}`);
  setting.run(10, [[slow, Infinity], [fast, Infinity]]);
  assert.deepEqual([Math.round(slow.sending), Math.round(fast.sending)], [600, 600]);
  setting.shares.stop();
});

Deno.test("RateShares bounds the connections of a user together, beside the total", () => {
  const setting = new Setting();
  const [one, two, other] = [setting.add("a", 200), setting.add("a", 200), setting.add("b")];
  assert.deepEqual([one.sending, two.sending, other.sending], [100, 100, Infinity]);
  setting.shares.setTotal(900);
  assert.deepEqual([one.sending, two.sending, other.sending], [100, 100, 700]);
  setting.shares.setTotal(150);
  assert.deepEqual([one.sending, two.sending, other.sending], [50, 50, 50]);
  setting.shares.stop();
});
