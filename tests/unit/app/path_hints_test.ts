import assert from "node:assert/strict";
import { NetAddress } from "../../../base/net_address.ts";
import { configFor, linkOptions } from "../../../app/path_hints.ts";
import { resolveConfig } from "../../../protocol/mod.ts";

Deno.test("configFor knows loopback, IPv6 and everything else", () => {
  assert.equal(configFor(NetAddress.parse("127.0.0.1:5000")).maxDatagramBytes, 65_507);
  assert.equal(configFor(NetAddress.parse("[::1]:5000")).maxDatagramBytes, 65_507);
  assert.equal(configFor(NetAddress.parse("[2001:db8::1]:5000")).maxDatagramBytes, 1452);
  assert.equal(resolveConfig(configFor(NetAddress.parse("192.0.2.1:5000"))).maxDatagramBytes, 1472);
  assert.equal(resolveConfig(configFor(NetAddress.parse("12.7.0.1:127"))).maxDatagramBytes, 1472);
});

Deno.test("linkOptions keeps a simulated link to a real one's datagrams, in and out", () => {
  const { config, configFor: configForPeer } = linkOptions(true);
  assert.equal(config.maxReceivedBytes, 1472);
  assert.equal(
    resolveConfig({ ...config, ...configForPeer?.(NetAddress.parse("127.0.0.1:1")) }).maxDatagramBytes,
    1472,
  );
  assert.equal(linkOptions(false).configFor?.(NetAddress.parse("127.0.0.1:1")).maxDatagramBytes, 65_507);
});
