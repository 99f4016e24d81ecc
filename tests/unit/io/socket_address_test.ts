import assert from "node:assert/strict";
import fc from "fast-check";
import { NetAddress } from "../../../base/net_address.ts";
import { decodeAddress, encodeAddress } from "../../../io/socket_address.ts";

const options = { isIPv6: false, interfaceIndex: (name: string) => name === "eth0" ? 3 : 0 };

Deno.test("encodeAddress writes sockaddr_in", () => {
  assert.deepEqual(
    [...encodeAddress(NetAddress.parse("192.0.2.7:258"), options)],
    [2, 0, 1, 2, 192, 0, 2, 7, 0, 0, 0, 0, 0, 0, 0, 0],
  );
});

Deno.test("encodeAddress writes sockaddr_in6, with IPv4-mapped addresses and zones", () => {
  const bytes = [...encodeAddress(NetAddress.parse("[2001:db8::7:ff]:258"), options)];
  const host = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0xff];
  assert.deepEqual(bytes, [10, 0, 1, 2, 0, 0, 0, 0, ...host, 0, 0, 0, 0]);
  const mapped = encodeAddress(NetAddress.parse("192.0.2.7:1"), { ...options, isIPv6: true });
  assert.deepEqual([...mapped.subarray(8, 24)], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 7]);
  const zone = (text: string) => encodeAddress(NetAddress.of(`fe80::1%${text}`, 1), options)[24];
  assert.deepEqual([zone("eth0"), zone("12"), zone("other")], [3, 12, 0]);
});

Deno.test("decodeAddress reads what encodeAddress wrote", () => {
  const host = fc.oneof(fc.ipV4(), fc.ipV6(), fc.constantFrom("::", "::1", "fe80::1%7", "2001:db8::"));
  fc.assert(fc.property(host, fc.integer({ min: 0, max: 65_535 }), fc.boolean(), (text, port, isIPv6) => {
    const address = NetAddress.of(text, port);
    assert.deepEqual(decodeAddress(encodeAddress(address, { ...options, isIPv6 })), address);
  }));
});
