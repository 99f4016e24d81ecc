import assert from "node:assert/strict";
import type { FaultOptions } from "../../../app/api.ts";
import { parseFaults } from "../../../cli/faults.ts";
import { needsNetworkPermission, openSystemSocket } from "../../../io/system_socket.ts";
import { systemLibC } from "../../../io/libc.ts";
import type { SocketOptions } from "../../../app/platform.ts";

function describe(options: Partial<SocketOptions>, libc = systemLibC): string {
  const socket = openSystemSocket({ hostname: "127.0.0.1", port: 0, ...options }, libc);
  socket.close();
  return socket.description;
}

Deno.test("openSystemSocket takes the calls of Linux where they are to be had", () => {
  const expected = Deno.build.os === "linux"
    ? /^batched calls \(GSO, GRO, receive buffer /
    : /^a call for each datagram/;
  assert.match(describe({}), expected);
});

Deno.test("openSystemSocket takes Deno's socket otherwise, and says why", () => {
  assert.equal(describe({ native: false }), "a call for each datagram (--no-native)");
  const simulate = parseFaults("drop=10%") as FaultOptions;
  assert.equal(describe({ native: false, simulate }), "a call for each datagram (--no-native), with injected faults");
  assert.equal(describe({ simulate }), `${describe({})}, with injected faults`);
  assert.equal(describe({}, "no permission"), "a call for each datagram (no permission)");
  if (typeof systemLibC === "string") return;
  const forbidden = { ...systemLibC, recvmmsg: () => -1, errno: () => 1 };
  assert.equal(describe({}, forbidden), "a call for each datagram (recvmmsg: Operation not permitted)");
});

Deno.test("needsNetworkPermission is true of Deno's sockets and of host names", () => {
  const isOurs = typeof systemLibC !== "string";
  assert.equal(needsNetworkPermission({}), !isOurs);
  for (const host of ["127.0.0.1", "::1", "2001:db8::1"]) assert.equal(needsNetworkPermission({ host }), !isOurs);
  assert.equal(needsNetworkPermission({ host: "localhost" }), true);
  assert.equal(needsNetworkPermission({ native: false }), true);
  assert.equal(needsNetworkPermission({}, "no permission"), true);
  if (typeof systemLibC === "string") return;
  assert.equal(needsNetworkPermission({}, { ...systemLibC, recvmmsg: () => -1, errno: () => 1 }), true);
  assert.equal(needsNetworkPermission({}, { ...systemLibC, bind: () => -1, errno: () => 99 }), true);
});
