import assert from "node:assert/strict";
import { NetAddress } from "../../../base/net_address.ts";
import { UdpSocket, unreachableReason } from "../../../io/udp_socket.ts";
import type { FaultOptions } from "../../../app/api.ts";
import { parseFaults } from "../../../cli/faults.ts";
import { SocketPair, testSocketCompliance } from "../../../testing/socket_compliance.ts";

const HOST = "127.0.0.1";

function open(simulate?: string, onFault?: (line: string) => void): UdpSocket {
  const faults = simulate === undefined ? undefined : parseFaults(simulate) as FaultOptions;
  return UdpSocket.open({ hostname: HOST, port: 0, simulate: faults, onFault });
}

testSocketCompliance("UdpSocket", (options) => UdpSocket.open(options));

Deno.test("UdpSocket injects the faults asked for, and lets what it holds back out before it is drained", async () => {
  const faults: string[] = [];
  const dropper = open("drop=100%", (line) => faults.push(line));
  await using pair = new SocketPair(open("delay=20ms"), open());
  await dropper.send(Uint8Array.of(1), 1, pair.target);
  await pair.send(Uint8Array.of(2));
  await pair.sender.drained();
  pair.sender.close();
  assert.deepEqual((await pair.inbox.received(1))[0]!.bytes, Uint8Array.of(2));
  assert.deepEqual(faults, ["simulated fault: dropped outgoing datagram 1 (1 bytes)"]);
  dropper.close();
});

Deno.test("UdpSocket takes one datagram at a time, and says why it is not a better socket", async () => {
  const socket = UdpSocket.open({ hostname: HOST, port: 0 }, "no permission");
  assert.deepEqual([socket.maxSegments, socket.description], [1, "a call for each datagram (no permission)"]);
  await assert.rejects(socket.send(new Uint8Array(4), 2, NetAddress.of(HOST, 9)), { name: "InvariantError" });
  socket.close();
});

Deno.test("unreachableReason knows an address without a route from a datagram that was lost", () => {
  assert.match(unreachableReason("ENETUNREACH")!, /network is unreachable/);
  assert.match(unreachableReason("EHOSTUNREACH")!, /host is unreachable/);
  assert.match(unreachableReason("ECONNREFUSED")!, /connection refused/);
  for (const code of ["ENOBUFS", "EPERM", "EMSGSIZE", ""]) {
    assert.equal(unreachableReason(code), undefined);
  }
});
