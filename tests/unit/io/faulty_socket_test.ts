import assert from "node:assert/strict";
import type { FaultOptions } from "../../../app/api.ts";
import type { SocketOptions } from "../../../app/platform.ts";
import { NetAddress } from "../../../base/net_address.ts";
import { parseFaults } from "../../../cli/faults.ts";
import { FaultySocket } from "../../../io/faulty_socket.ts";
import { openSystemSocket } from "../../../io/system_socket.ts";
import { UdpSocket } from "../../../io/udp_socket.ts";
import { patterned, SocketPair, testSocketCompliance } from "../../../testing/socket_compliance.ts";

const HOST = "127.0.0.1";
const ADDRESS: SocketOptions = { hostname: HOST, port: 0 };

function withFaults(faults: string, onFault?: (line: string) => void, options = ADDRESS): FaultySocket {
  return new FaultySocket(openSystemSocket(options), { faults: parseFaults(faults) as FaultOptions, onFault });
}

testSocketCompliance("FaultySocket", (options) => withFaults("drop=0%", undefined, options));
testSocketCompliance("FaultySocket around Deno's", (options) => {
  return new FaultySocket(UdpSocket.open(options), { faults: parseFaults("drop=0%") as FaultOptions });
});

Deno.test("FaultySocket injects the faults asked for, and lets what it holds back out before it is drained", async () => {
  const faults: string[] = [];
  const dropper = withFaults("drop=100%", (line) => faults.push(line));
  await using pair = new SocketPair(withFaults("delay=20ms"), openSystemSocket(ADDRESS));
  await dropper.send(Uint8Array.of(1), 1, pair.target);
  await pair.send(Uint8Array.of(2));
  await pair.sender.drained();
  pair.sender.close();
  assert.deepEqual((await pair.inbox.received(1))[0]!.bytes, Uint8Array.of(2));
  assert.deepEqual(faults, ["simulated fault: dropped outgoing datagram 1 (1 bytes)"]);
  dropper.close();
});

Deno.test("FaultySocket takes batches apart: a fault concerns one datagram", async () => {
  const faults: string[] = [];
  await using dropped = new SocketPair(
    openSystemSocket(ADDRESS),
    withFaults("drop=50%,seed=1", (line) => faults.push(line)),
  );
  for (let count = 1; faults.length === 0 || dropped.inbox.all.length === 0; count++) {
    assert(count <= 100, "half of the datagrams are dropped");
    await dropped.send(patterned(1200));
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  for (const line of faults) assert.match(line, /dropped incoming datagram \d+ \(1200 bytes\)/);
});

Deno.test("FaultySocket ends the batch of a datagram that comes late", async () => {
  const [sender, receiver] = [openSystemSocket(ADDRESS), withFaults("delay=5ms")];
  let isAnswered = true;
  const ended = Promise.withResolvers<void>();
  const receiving = receiver.receiveAll({
    datagram: () => isAnswered = false,
    batchEnded() {
      if (!isAnswered) ended.resolve();
    },
  });
  await sender.send(Uint8Array.of(1), 1, NetAddress.of(HOST, receiver.port));
  await ended.promise;
  sender.close();
  receiver.close();
  await receiving;
});

Deno.test("FaultySocket is of the kind that it stands before, and takes one datagram at a time", () => {
  const inner = openSystemSocket(ADDRESS);
  const { description, receiveBurstBytes, port } = inner;
  const socket = new FaultySocket(inner, { faults: parseFaults("drop=1%") as FaultOptions });
  assert.deepEqual(
    [socket.description, socket.receiveBurstBytes, socket.port, socket.maxSegments],
    [`${description}, with injected faults`, receiveBurstBytes, port, 1],
  );
  assert.throws(() => socket.send(new Uint8Array(4), 2, NetAddress.of(HOST, 9)), { name: "InvariantError" });
  socket.close();
});
