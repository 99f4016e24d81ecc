import assert from "node:assert/strict";
import { NetAddress } from "../../../../base/net_address.ts";
import { DEFAULT_CONFIG } from "../../../../protocol/config.ts";
import { localParameters } from "../../../../protocol/handshake/client_handshake.ts";
import { MAX_KEPT_PTO_US } from "../../../../protocol/limits.ts";
import { Path } from "../../../../protocol/connection/path.ts";

const CHALLENGE = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);

function makePath(): Path {
  const path = new Path({
    config: DEFAULT_CONFIG,
    remote: NetAddress.parse("192.0.2.1:1000"),
    randomBytes: () => CHALLENGE,
    seed: 1,
  });
  path.seedRtt(40_000);
  return path;
}

Deno.test("Path allows three times the received bytes to an unvalidated address, and any number to a validated one", () => {
  const path = makePath();
  assert.equal(path.sendableBytes, 1200);
  path.migrate(0, NetAddress.parse("192.0.2.1:2000"), 100);
  assert.equal(path.remote.text, "192.0.2.1:2000");
  assert.equal(path.sendableBytes, 300);
  path.onDatagramSent(250);
  assert.equal(path.sendableBytes, 50);
  path.onDatagramReceived(NetAddress.parse("192.0.2.1:1000"), 100);
  assert.equal(path.sendableBytes, 50, "bytes from elsewhere earn nothing");
  path.onDatagramReceived(NetAddress.parse("192.0.2.1:2000"), 100);
  assert.equal(path.sendableBytes, 350);
});

Deno.test("Path keeps its measurements when only the port changes, and resets them for another host", () => {
  const path = makePath();
  path.migrate(0, NetAddress.parse("192.0.2.1:2000"), 1200);
  assert.equal(path.rtt.smoothedUs, 40_000);
  path.migrate(0, NetAddress.parse("198.51.100.1:2000"), 1200);
  assert.equal(path.rtt.hasSample, false);
});

Deno.test("Path is restored when its peer returns from an address that was never validated", () => {
  const path = makePath();
  const controller = path.controller;
  path.migrate(0, NetAddress.parse("198.51.100.1:2000"), 1200);
  path.migrate(0, NetAddress.parse("198.51.100.2:2000"), 1200);
  assert.notEqual(path.controller, controller);
  path.migrate(5, NetAddress.parse("192.0.2.1:1000"), 1200);
  assert.equal(path.remote.text, "192.0.2.1:1000");
  assert.equal(path.validation.isValidated, true);
  assert.equal(path.validation.hasPending, false);
  assert.equal(path.validation.deadlineUs, Infinity);
  assert.equal(path.rtt.smoothedUs, 40_000);
  assert.equal(path.controller, controller);
  assert.equal(path.controllerSinceUs, 5, "packets sent to the other address do not count for this path");
});

Deno.test("Path validates an address again after its peer left it for a validated one", () => {
  const path = makePath();
  path.migrate(0, NetAddress.parse("198.51.100.1:2000"), 1200);
  path.validation.takeChallenge();
  path.validation.onResponse(CHALLENGE);
  path.migrate(0, NetAddress.parse("192.0.2.1:1000"), 1200);
  assert.equal(path.validation.isValidated, false);
  assert.equal(path.rtt.hasSample, false);
});

Deno.test("Path keeps a fixed rate that was set while its peer was at another address", () => {
  const path = makePath();
  path.migrate(0, NetAddress.parse("198.51.100.1:2000"), 1200);
  path.setSendPolicy(1, { kind: "fixed", rateBytesPerSecond: 500_000 });
  path.migrate(2, NetAddress.parse("192.0.2.1:1000"), 1200);
  assert.equal(path.controller.name, "fixed");
  assert.equal(path.pacer.rate, 500_000);
});

Deno.test("Path paces its first window, whether or not its RTT is known, and after a migration to another host", () => {
  const options = { config: DEFAULT_CONFIG, remote: NetAddress.parse("192.0.2.1:1000"), seed: 1 };
  const path = new Path({ ...options, randomBytes: () => CHALLENGE });
  // 32 datagrams in a quarter of the round trip that RFC 9002 assumes.
  const rateOf = (rttUs: number): number => 4 * 32 * 1200 * 1e6 / rttUs;
  assert.equal(path.pacer.rate, rateOf(333_000));
  path.seedPacing(60_000);
  assert.equal(path.pacer.rate, rateOf(60_000));
  assert.equal(path.rtt.hasSample, false);
  path.seedRtt(40_000);
  assert.equal(path.pacer.rate, rateOf(40_000));
  path.migrate(0, NetAddress.parse("198.51.100.1:2000"), 1200);
  assert.equal(path.pacer.rate, rateOf(333_000));
});

Deno.test("Path probes no size larger than its peer accepts", () => {
  const path = makePath();
  path.setPeerLimits({ ...localParameters(DEFAULT_CONFIG), maxDatagramBytes: 1300, maxAckDelayUs: 7_000 });
  assert.equal(path.mtu.probeSize(0), 1300);
  assert.equal(path.peerMaxAckDelayUs, 7_000);
});

Deno.test("Path sends long bursts if its peer receives them and the rate is high, and short ones after a loss", () => {
  const path = makePath();
  const burstAt = (rateBytesPerSecond: number): number => {
    path.setSendPolicy(0, { kind: "fixed", rateBytesPerSecond });
    return path.pacer.burstBytes;
  };
  assert.equal(burstAt(1e9), 65_536);
  path.setPeerLimits({ ...localParameters(DEFAULT_CONFIG), receiveBurstBytes: 1_000_000 });
  assert.equal(burstAt(100e6), 65_536, "100 MB/s take longer than 0.5 ms for more");
  assert.equal(burstAt(1e9), 500_000);
  assert.equal(burstAt(4e9), 1_000_000, "the peer's buffer holds no more");
  path.onPacketLost(5_000_000, 1_200);
  path.updatePacer();
  assert.equal(path.pacer.burstBytes, 65_536);
  path.onPacketAcked(5_999_999, 1_200);
  path.updatePacer();
  assert.equal(path.pacer.burstBytes, 65_536);
  path.onPacketAcked(6_000_000, 1_200);
  path.updatePacer();
  assert.equal(path.pacer.burstBytes, 1_000_000);
});

Deno.test("Path without a queue bounds its window by what its peer receives at once", () => {
  const bytesOf = (isQueueless: boolean, receiveBurstBytes: number): number => {
    const path = new Path({
      config: {
        ...DEFAULT_CONFIG,
        isQueueless,
        maxCongestionWindowBytes: 260_000,
        sendPolicy: { kind: "fixed", rateBytesPerSecond: 1e12 },
      },
      remote: NetAddress.parse("127.0.0.1:1000"),
      randomBytes: () => CHALLENGE,
      seed: 1,
    });
    path.seedPacing(40_000);
    path.setPeerLimits({ ...localParameters(DEFAULT_CONFIG), receiveBurstBytes });
    return path.controller.windowBytes;
  };
  assert.equal(bytesOf(false, 2_000_000), 260_000);
  assert.equal(bytesOf(true, 2_000_000), 2_000_000);
  assert.equal(bytesOf(true, 65_536), 260_000);
});

Deno.test("Path keeps what the handshake measured when it learns of its peer's buffer", () => {
  const config = { ...DEFAULT_CONFIG, isQueueless: true };
  const remote = NetAddress.parse("127.0.0.1:1000");
  const path = new Path({ config, remote, randomBytes: () => CHALLENGE, seed: 1 });
  path.seedRtt(40_000);
  const { rate } = path.pacer;
  path.setPeerLimits({ ...localParameters(DEFAULT_CONFIG), receiveBurstBytes: 2_000_000 });
  assert.equal(path.pacer.rate, rate);
});

Deno.test("Path counts datagrams and bytes both ways", () => {
  const path = makePath();
  path.onDatagramSent(100);
  path.onDatagramReceived(path.remote, 30);
  path.onDatagramReceived(path.remote, 30);
  const { datagramsSent, bytesSent, datagramsReceived, bytesReceived } = path.stats;
  assert.deepEqual([datagramsSent, bytesSent, datagramsReceived, bytesReceived], [1, 100, 2, 60]);
});

Deno.test("Path keeps a fixed rate: after the handshake's RTT sample and after migration to another host", () => {
  const path = makePath();
  path.setSendPolicy(5, { kind: "fixed", rateBytesPerSecond: 1_000_000 });
  assert.deepEqual([path.controller.name, path.controller.pacingRate, path.isRateFixed], ["fixed", 1_000_000, true]);
  assert.equal(path.controllerSinceUs, 5);
  path.pacer.setRate(1_000_000, 10_000);
  path.seedRtt(30_000);
  path.migrate(6, NetAddress.parse("198.51.100.1:2000"), 1200);
  assert.deepEqual([path.controller.name, path.pacer.rate], ["fixed", 1_000_000]);
  assert.equal(path.controllerSinceUs, 6, "packets sent to the other host do not count for this path");
  path.setSendPolicy(7, { kind: "bbr" });
  assert.deepEqual([path.controller.name, path.isRateFixed], ["bbr", false]);
});

Deno.test("Path restarts congestion control only if the policy changes", () => {
  const path = makePath();
  const { controller } = path;
  path.setSendPolicy(5, { kind: "bbr" });
  assert.equal(path.controller, controller);
  path.setSendPolicy(5, { kind: "fixed", rateBytesPerSecond: 1_000_000 });
  const fixed = path.controller;
  path.setSendPolicy(6, { kind: "fixed", rateBytesPerSecond: 1_000_000 });
  assert.equal(path.controller, fixed);
  assert.throws(() => path.setSendPolicy(7, { kind: "fixed", rateBytesPerSecond: 0 }), { name: "CallerError" });
  assert.equal(path.controller, fixed);
});

Deno.test("Path.ptoUs is bounded, however late a peer acknowledges, so that no connection is kept for hours", () => {
  const path = makePath();
  for (let n = 0; n < 100; n++) path.rtt.update(3_600_000_000, 0, 0);
  assert.equal(path.ptoUs, MAX_KEPT_PTO_US);
});
