import assert from "node:assert/strict";
import fc from "fast-check";
import { formatHostPort } from "../../../base/net_address.ts";
import { DEFAULT_PORT, parseHost, parsePort, parseServer } from "../../../cli/address.ts";

Deno.test("parseServer reads names, IPv4 and bracketed IPv6 with a port", () => {
  assert.deepEqual(parseServer("files.example.org:7000"), { host: "files.example.org", port: 7000 });
  assert.deepEqual(parseServer("192.0.2.7:1"), { host: "192.0.2.7", port: 1 });
  assert.deepEqual(parseServer("[::1]:65432"), { host: "::1", port: 65432 });
});

Deno.test("parseServer takes the default port if none is given", () => {
  assert.deepEqual(parseServer("localhost"), { host: "localhost", port: DEFAULT_PORT });
  assert.deepEqual(parseServer("[2001:db8::7]"), { host: "2001:db8::7", port: DEFAULT_PORT });
});

Deno.test("parseServer gives the canonical text of an IPv6 address, with its zone, and IPv4 for an IPv4-mapped one", () => {
  assert.deepEqual(parseServer("[0:0::1]:7"), { host: "::1", port: 7 });
  assert.deepEqual(parseServer("[FE80::1%eth0]:7"), { host: "fe80::1%eth0", port: 7 });
  assert.deepEqual(parseServer("[::ffff:192.0.2.7]:7"), { host: "192.0.2.7", port: 7 });
});

Deno.test("parseServer says what is wrong with a text that names no server", () => {
  for (const text of ["", ":1", "a:", "a:0", "a:65536", "a:1e3", "a b:1", "::1", "[::1", "[x]:1", "::1:1", "a:b:1"]) {
    const result = parseServer(text);
    assert.ok("error" in result && result.error.length > 10, text);
  }
});

Deno.test("parseServer reads what formatHostPort wrote", () => {
  const address = fc.record({
    host: fc.oneof(fc.ipV4(), fc.constantFrom("::1", "2001:db8::7", "fe80::1"), fc.domain()),
    port: fc.integer({ min: 1, max: 65535 }),
  });
  fc.assert(
    fc.property(address, ({ host, port }) => {
      assert.deepEqual(parseServer(formatHostPort(host, port)), { host, port });
    }),
    { numRuns: 200 },
  );
});

Deno.test("parsePort lets only a server choose 0", () => {
  assert.equal(parsePort("0", { allowZero: true }), 0);
  assert.equal(typeof parsePort("0", { allowZero: false }), "object");
  assert.equal(parsePort("65535", { allowZero: false }), 65535);
  for (const text of ["-1", "65536", "1.5", "", " 1", "0x10", "999999"]) {
    assert.equal(typeof parsePort(text, { allowZero: true }), "object", text);
  }
});

Deno.test("parseHost takes an IPv6 address with or without brackets", () => {
  assert.equal(parseHost("::1"), "::1");
  assert.equal(parseHost("[::1]"), "::1");
  assert.equal(parseHost("0.0.0.0"), "0.0.0.0");
  assert.equal(typeof parseHost("a/b"), "object");
  assert.equal(typeof parseHost("-a"), "object");
});
