import assert from "node:assert/strict";
import { NetAddress } from "../../../base/net_address.ts";
import { Driver, type Session } from "../../../app/driver.ts";
import type { DatagramSocket, Platform } from "../../../app/platform.ts";
import { Endpoint } from "../../../protocol/mod.ts";
import { Random } from "../../../base/random.ts";

const SILENT: Session = { process() {} };

/** A driver of a client on a machine whose clock stands still and whose timers never fire. */
function drive(send: DatagramSocket["send"], onServed = (): void => {}): { driver: Driver; errors: unknown[] } {
  const random = new Random(1);
  const socket: DatagramSocket = {
    hostname: "127.0.0.1",
    port: 1,
    receiveAll: () => Promise.resolve(),
    send,
    drained: () => Promise.resolve(),
    close() {},
  };
  const platform = {
    nowUs: () => 1000,
    timer: () => ({ set() {}, clear() {} }),
    watcher: { onEndpoint() {}, onServed },
  } as unknown as Platform;
  const randomBytes = (count: number): Uint8Array => random.bytes(count);
  const endpoint = new Endpoint({ isServer: false, staticKey: randomBytes(32), randomBytes });
  const errors: unknown[] = [];
  return { driver: new Driver({ platform, endpoint, socket, onFatal: (error) => errors.push(error) }), errors };
}

Deno.test("Driver sends at once all that a socket takes at once", () => {
  const sent: string[] = [];
  const { driver } = drive((_bytes, remote) => void sent.push(remote.text));
  driver.connect(NetAddress.parse("10.0.0.1:1"), () => SILENT);
  assert.deepEqual(sent, ["10.0.0.1:1"]);
  driver.connect(NetAddress.parse("10.0.0.2:1"), () => SILENT);
  assert.deepEqual(sent, ["10.0.0.1:1", "10.0.0.2:1"]);
});

Deno.test("Driver sends nothing while a socket makes it wait, and goes on then", async () => {
  const sent: string[] = [];
  const taken: (() => void)[] = [];
  const { driver } = drive((_bytes, remote) => {
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
