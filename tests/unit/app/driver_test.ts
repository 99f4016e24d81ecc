import assert from "node:assert/strict";
import { NetAddress } from "../../../base/net_address.ts";
import { Driver, type Session } from "../../../app/driver.ts";
import type { DatagramReceiver, DatagramSocket, Platform } from "../../../app/platform.ts";
import { type Connection, Endpoint } from "../../../protocol/mod.ts";
import { Random } from "../../../base/random.ts";
import { FakeClock } from "../../../testing/fake_clock.ts";

const SILENT: Session = { process() {} };

interface Drive {
  readonly driver: Driver;
  readonly clock: FakeClock;
  readonly errors: unknown[];
  /** What its timers were set to, microseconds. */
  readonly delaysUs: readonly number[];
}

/** A driver of a client on a machine whose clock stands until it is told to go on. */
function drive(send: DatagramSocket["send"], onServed = (): void => {}): Drive {
  const random = new Random(1);
  const socket: DatagramSocket = {
    hostname: "127.0.0.1",
    port: 1,
    description: "of the test",
    maxSegments: 1,
    receiveBurstBytes: 65_536,
    receiveAll: () => Promise.resolve(),
    send,
    drained: () => Promise.resolve(),
    close() {},
  };
  const clock = new FakeClock();
  const delaysUs: number[] = [];
  const platform = {
    nowUs: () => clock.nowUs(),
    timer: (action: () => void) => {
      const timer = clock.timer(action);
      return { ...timer, set: (delayUs: number) => timer.set(delaysUs[delaysUs.length] = delayUs) };
    },
    watcher: { onEndpoint() {}, onServed },
  } as unknown as Platform;
  const randomBytes = (count: number): Uint8Array => random.bytes(count);
  const endpoint = new Endpoint({ isServer: false, staticKey: randomBytes(32), randomBytes });
  const errors: unknown[] = [];
  return {
    delaysUs,
    driver: new Driver({ platform, endpoint, socket, onFatal: (error) => errors.push(error) }),
    clock,
    errors,
  };
}

Deno.test("Driver sends at once all that a socket takes at once", () => {
  const sent: string[] = [];
  const { driver } = drive((_bytes, _segmentBytes, remote) => void sent.push(remote.text));
  driver.connect(NetAddress.parse("10.0.0.1:1"), () => SILENT);
  assert.deepEqual(sent, ["10.0.0.1:1"]);
  driver.connect(NetAddress.parse("10.0.0.2:1"), () => SILENT);
  assert.deepEqual(sent, ["10.0.0.1:1", "10.0.0.2:1"]);
});

Deno.test("Driver sets its timer once for all connections that it serves together", () => {
  const { driver, clock, delaysUs } = drive(() => undefined);
  const connect = (host: string) => driver.connect(NetAddress.parse(`${host}:1`), () => SILENT);
  connect("10.0.0.1");
  // Its Hellos are due at 300, 900 and 1,500 ms, those of the next at 1,000 and 1,600.
  clock.pass(700_000);
  connect("10.0.0.2");
  assert.deepEqual(delaysUs, [300_000, 600_000]);
  clock.pass(200_000);
  assert.deepEqual(delaysUs.slice(2), [100_000], "the second is due first, though the first was served before");
  clock.pass(600_000);
  assert.deepEqual(delaysUs.slice(3), [500_000, 100_000]);
});

Deno.test("Driver sends nothing while a socket makes it wait, and goes on then", async () => {
  const sent: string[] = [];
  const taken: (() => void)[] = [];
  const { driver } = drive((_bytes, _segmentBytes, remote) => {
    sent.push(remote.text);
    return new Promise((resolve) => taken.push(resolve));
  });
  driver.connect(NetAddress.parse("10.0.0.1:1"), () => SILENT);
  driver.connect(NetAddress.parse("10.0.0.2:1"), () => SILENT);
  let isFlushed = false;
  const flushed = driver.flushed().then(() => isFlushed = true);
  await Promise.resolve();
  assert.deepEqual([sent, isFlushed], [["10.0.0.1:1"], false]);
  taken.shift()!();
  await Promise.resolve();
  assert.deepEqual([sent, isFlushed], [["10.0.0.1:1", "10.0.0.2:1"], false]);
  taken.shift()!();
  await flushed;
  assert.equal(sent.length, 2);
});

Deno.test("Driver stops, and says why, where a socket fails and where serving does, at once or later", async () => {
  const error = new Error("dead");
  const fail = (): never => {
    throw error;
  };
  for (const { driver, errors } of [drive(() => Promise.reject(error)), drive(fail), drive(() => undefined, fail)]) {
    driver.connect(NetAddress.parse("10.0.0.1:1"), () => SILENT);
    await driver.flushed();
    assert.deepEqual(errors, [error]);
    driver.connect(NetAddress.parse("10.0.0.2:1"), () => SILENT);
    assert.equal(errors.length, 1, "a driver that has stopped serves nobody");
  }
});

const CONNECTIONS = ["idle", "sending", "queued"] as const;

for (const first of CONNECTIONS) {
  for (const second of CONNECTIONS) {
    Deno.test(`Driver hears a connection that is woken after another, one waiting: ${first}, ${second}`, async () => {
      const taken: (() => void)[] = [];
      let isSlow = false;
      const { driver, clock } = drive(() => isSlow ? new Promise((resolve) => taken.push(resolve)) : undefined);
      const wakes = new Map<string, () => void>();
      const heard: string[] = [];
      for (const name of CONNECTIONS) {
        driver.connect(NetAddress.parse("10.0.0.1:1"), (_connection, wake) => {
          wakes.set(name, wake);
          return { process: () => void heard.push(name) };
        });
        // The first has nothing to send, the second waits for the socket, and the third for its turn.
        isSlow = true;
      }
      heard.length = 0;
      for (const name of [first, second]) {
        wakes.get(name)!();
        clock.pass(0);
      }
      assert.deepEqual([taken.length, heard], [1, []]);
      while (taken.length > 0) {
        taken.shift()!();
        await Promise.resolve();
      }
      assert(heard.includes(first) && heard.includes(second), `of ${first} and ${second} only these: ${heard}`);
    });
  }
}

/** A driver on a socket that takes 64 datagrams at once, and connections that have datagrams of these lengths to send. */
function driveBatches() {
  const sent: { readonly to: string; readonly bytes: number; readonly segmentBytes: number }[] = [];
  let receiver!: DatagramReceiver;
  let clockReadings = 0;
  const arrivalsUs: number[] = [];
  const socket: DatagramSocket = {
    hostname: "127.0.0.1",
    port: 1,
    description: "of the test",
    maxSegments: 64,
    receiveBurstBytes: 65_536,
    receiveAll(given) {
      receiver = given;
      return Promise.resolve();
    },
    send: (bytes, segmentBytes, { text: to }) => void sent.push({ to, bytes: bytes.length, segmentBytes }),
    drained: () => Promise.resolve(),
    close() {},
  };
  const connections = new Map<string, Connection>();
  const lengths = new Map<string, number[]>();
  const endpoint = {
    connect(_nowUs: number, remote: NetAddress): Connection {
      lengths.set(remote.text, []);
      const pollTransmit = () => lengths.get(remote.text)!.shift() ?? 0;
      const connection = { remote, pollTransmit, pollTimeout: () => Infinity, isClosed: false };
      connections.set(remote.text, connection as unknown as Connection);
      return connections.get(remote.text)!;
    },
    handleDatagram(nowUs: number, _bytes: Uint8Array, remote: NetAddress) {
      arrivalsUs.push(nowUs);
      return { kind: "connection", connection: connections.get(remote.text) };
    },
  } as unknown as Endpoint;
  const platform = {
    nowUs: () => ++clockReadings,
    timer: () => ({ set() {}, clear() {} }),
  } as unknown as Platform;
  const driver = new Driver({ platform, endpoint, socket, onFatal: (error) => assert.fail(error as Error) });
  driver.start();
  const remotes = ["10.0.0.1:1", "10.0.0.2:1"].map((text) => NetAddress.parse(text));
  for (const remote of remotes) driver.connect(remote, () => SILENT);
  return { sent, lengths, remotes, receiver, arrivalsUs };
}

Deno.test("Driver answers a batch of datagrams when it has ended, by one reading of the clock", () => {
  const { sent, lengths, remotes: [a, b], receiver, arrivalsUs } = driveBatches();
  lengths.get(a!.text)!.push(100);
  lengths.get(b!.text)!.push(200);
  for (const remote of [a!, b!, a!]) receiver.datagram(new Uint8Array(1), remote);
  assert.deepEqual(sent, []);
  receiver.batchEnded();
  assert.deepEqual(sent.map(({ to, bytes }) => [to, bytes]), [[a!.text, 100], [b!.text, 200]]);
  assert.equal(new Set(arrivalsUs).size, 1);
  receiver.datagram(new Uint8Array(1), a!);
  assert.equal(new Set(arrivalsUs).size, 2);
});

Deno.test("Driver sends datagrams of one length together, and gives each connection its turn", () => {
  const { sent, lengths, remotes: [a, b], receiver } = driveBatches();
  lengths.get(a!.text)!.push(...new Array<number>(120).fill(1000), 9000);
  lengths.get(b!.text)!.push(1200, 1200, 300, 50);
  for (const remote of [a!, b!]) receiver.datagram(new Uint8Array(1), remote);
  receiver.batchEnded();
  assert.deepEqual(sent, [
    { to: a!.text, bytes: 64_000, segmentBytes: 1000 },
    { to: a!.text, bytes: 32_000, segmentBytes: 1000 },
    { to: b!.text, bytes: 2700, segmentBytes: 1200 },
    { to: b!.text, bytes: 50, segmentBytes: 50 },
    { to: a!.text, bytes: 24_000, segmentBytes: 1000 },
    { to: a!.text, bytes: 9000, segmentBytes: 9000 },
  ]);
});
