import assert from "node:assert/strict";
import type { DatagramReceiver } from "../../../app/platform.ts";
import { NetAddress } from "../../../base/net_address.ts";
import { Random } from "../../../base/random.ts";
import { Machine } from "../../../sim/machine.ts";
import { Network } from "../../../sim/network.ts";
import type { Process } from "../../../sim/process.ts";
import type { ProcessorOptions } from "../../../sim/processor.ts";
import { Quiescence } from "../../../sim/quiescence.ts";

/** Takes each datagram by itself. */
function each(datagram: DatagramReceiver["datagram"]): DatagramReceiver {
  return { datagram, batchEnded() {} };
}

/** Two machines on a link of 1 ms. */
function twoMachines(
  { addresses = ["10.0.0.1:1000", "10.0.0.2:2000"], processor }: {
    addresses?: string[];
    processor?: ProcessorOptions;
  } = {},
): {
  network: Network;
  machines: Machine[];
  boot: (machine: number) => Process;
  quiescence: Quiescence;
} {
  const network = new Network({ seed: 1 });
  const quiescence = new Quiescence();
  const machines = addresses.map((address) =>
    new Machine({ address, random: new Random(1).fork(address), config: {}, quiescence, processor })
  );
  const [a, b] = machines.map((machine) => network.addNode(machine));
  network.connect(a!, b!, { ab: { delayUs: 1000 }, ba: { delayUs: 1000 } });
  return { network, machines, quiescence, boot: (machine) => machines[machine]!.boot(() => network.nowUs) };
}

Deno.test("Machine sends and receives its program's datagrams, even during a receive", () => {
  const { network, boot } = twoMachines();
  const sender = boot(0).openSocket({ hostname: "10.0.0.1", port: 0 });
  const receiver = boot(1).openSocket({ hostname: "10.0.0.2", port: 0 });
  assert.deepEqual([sender.hostname, sender.port], ["10.0.0.1", 1000]);
  const received: [number[], string, number][] = [];
  void receiver.receiveAll(each((bytes, remote) => {
    received.push([[...bytes], remote.text, network.nowUs]);
    if (bytes[0]! < 3) receiver.send(Uint8Array.of(bytes[0]! + 1), 1, NetAddress.parse("10.0.0.2:2000"));
  }));
  const bytes = Uint8Array.of(7);
  assert.equal(sender.send(bytes, 1, NetAddress.parse("10.0.0.2:2000")), undefined);
  bytes[0] = 9;
  network.run({});
  assert.deepEqual(received, [[[7], "10.0.0.1:1000", 1000]]);
});

Deno.test("Machine has its program send to an address with a zone, and hear from one", () => {
  const [a, b] = ["[fe80::1%eth0]:1000", "[fe80::2%eth1]:2000"] as const;
  const { network, boot } = twoMachines({ addresses: [a, b] });
  const sender = boot(0).openSocket({ hostname: "fe80::1%eth0", port: 0 });
  const receiver = boot(1).openSocket({ hostname: "fe80::2%eth1", port: 0 });
  assert.deepEqual([sender.hostname, sender.port], ["fe80::1%eth0", 1000]);
  const received: string[] = [];
  void receiver.receiveAll(each((_bytes, remote) => {
    received.push(remote.text);
    receiver.send(Uint8Array.of(2), 1, remote);
  }));
  void sender.receiveAll(each((_bytes, remote) => received.push(remote.text)));
  sender.send(Uint8Array.of(1), 1, NetAddress.parse(b));
  network.run({});
  assert.deepEqual(received, [a, b]);
});

Deno.test("Machine without its processor runs no timer and receives nothing; then timers come before what has waited", () => {
  const { network, boot } = twoMachines({
    processor: { runUs: { min: 10_000, max: 10_000 }, awayUs: { min: 5_000, max: 5_000 } },
  });
  const sender = boot(0).openSocket({ hostname: "10.0.0.1", port: 0 });
  const program = boot(1);
  const seen: [string, number][] = [];
  const timer = program.timer(() => {
    seen.push(["timer", network.nowUs]);
    timer.set(2_500);
  });
  timer.set(2_500);
  void program.openSocket({ hostname: "10.0.0.2", port: 0 }).receiveAll(
    each((bytes) => seen.push([`${bytes[0]}`, network.nowUs])),
  );
  // Both machines are away from 10 to 15 ms; a datagram takes one.
  for (const [n, atUs] of [8_000, 9_200, 9_400, 15_500].entries()) {
    network.at(atUs, () => void sender.send(Uint8Array.of(n), 1, NetAddress.parse("10.0.0.2:2000")));
  }
  network.run({ untilUs: 19_000 });
  assert.deepEqual(seen, [
    ["timer", 2_500],
    ["timer", 5_000],
    ["timer", 7_500],
    ["0", 9_000],
    ["timer", 15_000],
    ["1", 15_000],
    ["2", 15_000],
    ["3", 16_500],
    ["timer", 17_500],
  ]);
});

Deno.test("Process.timer fires once, in the order of time, unless it is cleared", () => {
  const { network, boot } = twoMachines();
  const program = boot(0);
  const fired: [string, number][] = [];
  const timer = (name: string) => program.timer(() => fired.push([name, network.nowUs]));
  const [late, early, cleared, moved] = ["late", "early", "cleared", "moved"].map(timer);
  late!.set(500);
  early!.set(99.5);
  cleared!.set(10);
  moved!.set(10);
  moved!.set(1000);
  cleared!.clear();
  network.run({});
  assert.deepEqual(fired, [["early", 100], ["late", 500], ["moved", 1000]]);
});

Deno.test("Machine.kill ends all datagrams and timers of its program", () => {
  const { network, machines, boot } = twoMachines();
  const program = boot(0);
  const socket = program.openSocket({ hostname: "10.0.0.1", port: 0 });
  let calls = 0;
  void socket.receiveAll(each(() => calls++));
  program.timer(() => calls++).set(5000);
  boot(1).openSocket({ hostname: "10.0.0.2", port: 0 }).send(Uint8Array.of(1), 1, NetAddress.parse("10.0.0.1:1000"));
  machines[0]!.kill();
  assert.equal(machines[0]!.isDown, true);
  network.run({});
  assert.equal(calls, 0);
  assert.equal(machines[0]!.pollTimeout(), Infinity);

  const next = boot(0);
  assert.equal(machines[0]!.isDown, false);
  next.timer(() => calls++).set(1);
  network.run({});
  assert.equal(calls, 1, "a program that is started again has its own timers");
});

Deno.test("Process.randomBytes depends on the seed and the start", () => {
  const draw = (): number[][] => {
    const { boot } = twoMachines();
    return [boot(0), boot(0), boot(1)].map((program) => [...program.randomBytes(8)]);
  };
  const drawn = draw();
  assert.deepEqual(draw(), drawn);
  assert.equal(new Set(drawn.map(String)).size, 3);
});

Deno.test("Process.crash records the first error", async () => {
  const { boot, quiescence } = twoMachines();
  const program = boot(0);
  await quiescence.reached();
  const bug = new Error("a bug");
  program.crash(bug);
  program.crash(new Error("what followed"));
  assert.equal(program.bug, bug);
  assert.equal(quiescence.isDisturbed, true);
});
