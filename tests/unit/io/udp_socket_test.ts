import assert from "node:assert/strict";
import { NetAddress } from "../../../base/net_address.ts";
import { UdpSocket, unreachableReason } from "../../../io/udp_socket.ts";
import { testSocketCompliance } from "../../../testing/socket_compliance.ts";

const HOST = "127.0.0.1";

testSocketCompliance("UdpSocket", (options) => UdpSocket.open(options));

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
