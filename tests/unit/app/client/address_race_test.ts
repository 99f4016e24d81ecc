import assert from "node:assert/strict";
import {
  AllAttemptsFailed,
  ATTEMPT_DELAY_US,
  interleaveFamilies,
  raceAddresses,
} from "../../../../app/client/address_race.ts";
import { NetAddress } from "../../../../base/net_address.ts";
import { FakeClock } from "../../../../testing/fake_clock.ts";

const ADDRESSES = ["[::1]:1", "10.0.0.1:1", "[::2]:1", "10.0.0.2:1"].map((text) => NetAddress.parse(text));

/** An attempt under way. */
interface Attempt extends PromiseWithResolvers<Connection> {
  readonly atUs: number;
  readonly signal: AbortSignal;
}

class Connection {
  isClosed = false;
  constructor(readonly name: string) {}
  close(): Promise<void> {
    this.isClosed = true;
    return Promise.resolve();
  }
}

/** A race whose attempts do what the test says; one that is cancelled rejects. */
class Rig {
  readonly clock = new FakeClock();
  readonly abort = new AbortController();
  readonly attempts = new Map<string, Attempt>();
  readonly result: Promise<Connection>;
  readonly #startUs = this.clock.nowUs();

  constructor(addresses: readonly NetAddress[] = ADDRESSES) {
    const platform = {
      timer: (action: () => void) => this.clock.timer(action),
      defer: <Value>() => Promise.withResolvers<Value>(),
    };
    this.result = raceAddresses(addresses, {
      platform,
      signal: this.abort.signal,
      attempt: ({ host }, signal) => {
        const attempt = { ...Promise.withResolvers<Connection>(), signal, atUs: this.clock.nowUs() - this.#startUs };
        signal.addEventListener("abort", () => attempt.reject(new Error("cancelled")));
        this.attempts.set(host, attempt);
        return attempt.promise;
      },
    });
    // Some tests look at it late.
    this.result.catch(() => {});
  }

  /** Lets promises settle, then has time pass. */
  async pass(us: number): Promise<void> {
    await settled();
    this.clock.pass(us);
    await settled();
  }

  begun(): [string, number][] {
    return [...this.attempts].map(([host, { atUs }]) => [host, atUs]);
  }
}

async function settled(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

Deno.test("interleaveFamilies alternates from IPv6 on, keeps the order within a family, and drops duplicates", () => {
  const order = (...hosts: string[]) =>
    interleaveFamilies(hosts.map((host) => NetAddress.of(host, 1))).map(({ host }) => host);
  assert.deepEqual(order("10.0.0.9", "10.0.0.1", "::9", "::1"), ["::9", "10.0.0.9", "::1", "10.0.0.1"]);
  assert.deepEqual(order("10.0.0.9", "10.0.0.1", "10.0.0.9"), ["10.0.0.9", "10.0.0.1"]);
  assert.deepEqual(order("10.0.0.1", "::3", "::2", "::1"), ["::3", "10.0.0.1", "::2", "::1"]);
  assert.deepEqual(order(), []);
});

Deno.test("raceAddresses tries one address where the first responds in time, and leaves no timer", async () => {
  const rig = new Rig();
  await rig.pass(ATTEMPT_DELAY_US - 1);
  rig.attempts.get("::1")!.resolve(new Connection("first"));
  const { name, isClosed } = await rig.result;
  assert.deepEqual([name, isClosed], ["first", false]);
  assert.equal(rig.clock.armed, 0);
  await rig.pass(10 * ATTEMPT_DELAY_US);
  assert.equal(rig.attempts.size, 1);
});

Deno.test("raceAddresses begins an attempt every 250 ms while none responds; the first response wins, the others end", async () => {
  const rig = new Rig();
  await rig.pass(3 * ATTEMPT_DELAY_US);
  assert.deepEqual(rig.begun(), [["::1", 0], ["10.0.0.1", 250_000], ["::2", 500_000], ["10.0.0.2", 750_000]]);
  assert.equal(rig.clock.armed, 0);
  rig.attempts.get("10.0.0.1")!.resolve(new Connection("second"));
  assert.equal((await rig.result).name, "second");
  for (const host of ["::1", "::2", "10.0.0.2"]) assert(rig.attempts.get(host)!.signal.aborted, host);
});

Deno.test("raceAddresses begins the next attempt as soon as one has failed, and waits 250 ms from then on", async () => {
  const rig = new Rig();
  rig.attempts.get("::1")!.reject(new Error("no route"));
  await rig.pass(100_000);
  rig.attempts.get("10.0.0.1")!.reject(new Error("no route"));
  await rig.pass(ATTEMPT_DELAY_US);
  assert.deepEqual(rig.begun(), [["::1", 0], ["10.0.0.1", 0], ["::2", 100_000], ["10.0.0.2", 350_000]]);
  rig.abort.abort();
  await assert.rejects(rig.result);
});

Deno.test("raceAddresses rejects with every failure when all addresses have failed", async () => {
  const rig = new Rig();
  await rig.pass(3 * ATTEMPT_DELAY_US);
  for (const [host, { reject }] of [...rig.attempts].reverse()) reject(new Error(`${host} is dead`));
  await assert.rejects(rig.result, (error) => {
    assert(error instanceof AllAttemptsFailed);
    assert.deepEqual(error.failures.map(({ address }) => address.host), ["::1", "10.0.0.1", "::2", "10.0.0.2"]);
    assert.deepEqual(error.failures.map(({ error }) => (error as Error).message), [
      "::1 is dead",
      "10.0.0.1 is dead",
      "::2 is dead",
      "10.0.0.2 is dead",
    ]);
    return true;
  });
  assert.equal(rig.clock.armed, 0);
});

Deno.test("raceAddresses closes a connection that comes second at the same moment", async () => {
  const rig = new Rig();
  await rig.pass(ATTEMPT_DELAY_US);
  const first = new Connection("first");
  const second = new Connection("second");
  rig.attempts.get("::1")!.resolve(first);
  rig.attempts.get("10.0.0.1")!.resolve(second);
  assert.equal(await rig.result, first);
  assert.deepEqual([first.isClosed, second.isClosed], [false, true]);
});

Deno.test("raceAddresses resolves when the other attempts have released what they hold", async () => {
  const clock = new FakeClock();
  const released = Promise.withResolvers<never>();
  const platform = { timer: (action: () => void) => clock.timer(action), defer: <V>() => Promise.withResolvers<V>() };
  let isOver = false;
  const winner = Promise.withResolvers<Connection>();
  const result = raceAddresses(ADDRESSES.slice(0, 2), {
    platform,
    attempt: ({ isIPv6 }) => isIPv6 ? released.promise : winner.promise,
  }).finally(() => isOver = true);
  clock.pass(ATTEMPT_DELAY_US);
  winner.resolve(new Connection("winner"));
  await settled();
  assert(!isOver);
  released.reject(new Error("cancelled"));
  assert.equal((await result).name, "winner");
});

Deno.test("raceAddresses that is cancelled ends all attempts and begins no other", async () => {
  const rig = new Rig();
  await rig.pass(ATTEMPT_DELAY_US);
  rig.abort.abort();
  await assert.rejects(rig.result, AllAttemptsFailed);
  assert.equal(rig.clock.armed, 0);
  await rig.pass(10 * ATTEMPT_DELAY_US);
  assert.equal(rig.attempts.size, 2);
});

Deno.test("raceAddresses that was cancelled before it began tries no address", async () => {
  const clock = new FakeClock();
  const platform = { timer: (action: () => void) => clock.timer(action), defer: <V>() => Promise.withResolvers<V>() };
  const attempt = () => assert.fail("an attempt began");
  await assert.rejects(raceAddresses(ADDRESSES, { platform, attempt, signal: AbortSignal.abort() }), AllAttemptsFailed);
});
