import assert from "node:assert/strict";
import { formatAddress, isLoopback, parseAddress } from "../../../app/address.ts";

Deno.test("parseAddress reads what formatAddress wrote", () => {
  for (const hostname of ["192.0.2.7", "::1", "2001:db8::7"]) {
    const text = formatAddress(hostname, 50_000);
    assert.deepEqual(parseAddress(text), { transport: "udp", hostname, port: 50_000 });
  }
  assert.equal(formatAddress("2001:db8::7", 1), "[2001:db8::7]:1");
});

Deno.test("isLoopback tells this machine from others, with or without a port", () => {
  for (const address of ["127.0.0.1", "127.9.9.9:80", "::1", "[::1]:80"]) assert.equal(isLoopback(address), true);
  for (const address of ["12.7.0.1", "10.0.0.1:127", "[2001:db8::1]:80"]) assert.equal(isLoopback(address), false);
});
