import assert from "node:assert/strict";
import { NetAddress } from "../../../base/net_address.ts";
import { UdpSocket, unreachableReason } from "../../../io/udp_socket.ts";
import type { FaultOptions } from "../../../app/api.ts";
import { parseFaults } from "../../../cli/faults.ts";

const HOST = "127.0.0.1";

function open(simulate?: string, onFault?: (line: string) => void): UdpSocket {
  const faults = simulate === undefined ? undefined : parseFaults(simulate) as FaultOptions;
  return UdpSocket.open({ hostname: HOST, port: 0, simulate: faults, onFault });
}

/** Resolves with the first datagram; `done` with the end of receiving. */
function receiveOne(socket: UdpSocket): { first: Promise<[Uint8Array, NetAddress]>; done: Promise<void> } {
  const first = Promise.withResolvers<[Uint8Array, NetAddress]>();
  const done = socket.receiveAll((bytes, remote) => first.resolve([bytes.slice(), remote]));
  return { first: first.promise, done };
}

Deno.test("UdpSocket carries datagrams, tells where they came from, and ends when it is closed", async () => {
  const sender = open();
  const receiver = open();
  const { first, done } = receiveOne(receiver);
  await sender.send(Uint8Array.of(1, 2, 3), NetAddress.of(HOST, receiver.port));
  assert.deepEqual(await first, [Uint8Array.of(1, 2, 3), NetAddress.of(HOST, sender.port)]);
  receiver.close();
  receiver.close();
  await done;
  assert.equal(receiver.isClosed, true);
  await sender.send(Uint8Array.of(1), NetAddress.of(HOST, receiver.port));
  sender.close();
  await sender.send(Uint8Array.of(1), NetAddress.of(HOST, receiver.port));
});

Deno.test("UdpSocket.open says which address cannot be used, and what to do", () => {
  const taken = open();
  try {
    assert.throws(() => UdpSocket.open({ hostname: HOST, port: taken.port }), {
      name: "SluiceError",
      message: /is in use by another program/,
    });
  } finally {
    taken.close();
  }
  assert.throws(() => UdpSocket.open({ hostname: "192.0.2.1", port: 0 }), {
    name: "SluiceError",
    message: /192\.0\.2\.1 is not an address of this machine/,
  });
});

Deno.test("UdpSocket injects the faults asked for, and lets what it holds back out before it is drained", async () => {
  const faults: string[] = [];
  const dropper = open("drop=100%", (line) => faults.push(line));
  const delayer = open("delay=20ms");
  const receiver = open();
  const { first, done } = receiveOne(receiver);
  const target = NetAddress.of(HOST, receiver.port);
  await dropper.send(Uint8Array.of(1), target);
  await delayer.send(Uint8Array.of(2), target);
  await delayer.drained();
  delayer.close();
  assert.deepEqual((await first)[0], Uint8Array.of(2));
  assert.deepEqual(faults, ["simulated fault: dropped outgoing datagram 1 (1 bytes)"]);
  dropper.close();
  receiver.close();
  await done;
});

Deno.test("unreachableReason knows an address without a route from a datagram that was lost", () => {
  const error = (code: string) => Object.assign(new Error(code), { code });
  assert.match(unreachableReason(error("ENETUNREACH"))!, /network is unreachable/);
  assert.match(unreachableReason(error("EHOSTUNREACH"))!, /host is unreachable/);
  for (const code of ["ECONNREFUSED", "ENOBUFS", "EPERM", "EMSGSIZE"]) {
    assert.equal(unreachableReason(error(code)), undefined);
  }
  assert.equal(unreachableReason(new Error("no code")), undefined);
});
