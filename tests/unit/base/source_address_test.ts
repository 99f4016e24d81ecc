import assert from "node:assert/strict";
import { sourceOf } from "../../../base/source_address.ts";

Deno.test("sourceOf is the address of IPv4, whatever the port", () => {
  assert.equal(sourceOf("192.0.2.7:50000"), "192.0.2.7");
  assert.equal(sourceOf("192.0.2.7:1"), sourceOf("192.0.2.7:2"));
  assert.notEqual(sourceOf("192.0.2.7:1"), sourceOf("192.0.2.8:1"));
});

Deno.test("sourceOf is the /64 of IPv6, in whatever form it is written", () => {
  const forms = ["[2001:db8::1]:1", "[2001:DB8:0:0:ffff::2]:2", "[2001:db8:0:0:1:2:3:4]:3", "[2001:0db8::192.0.2.7]:4"];
  for (const form of forms) assert.equal(sourceOf(form), "2001:db8:0:0::/64", form);
  assert.notEqual(sourceOf("[2001:db8:0:1::1]:1"), sourceOf(forms[0]!));
  assert.equal(sourceOf("[::1]:1"), "0:0:0:0::/64");
  assert.equal(sourceOf("[fe80::1%eth0]:1"), "fe80:0:0:0::/64");
});

Deno.test("sourceOf is the IPv4 address where that is written as IPv6", () => {
  assert.equal(sourceOf("[::ffff:192.0.2.7]:50000"), "192.0.2.7");
  assert.equal(sourceOf("[::ffff:c000:207]:50000"), "192.0.2.7");
  assert.equal(sourceOf("[0:0:0:0:0:FFFF:c000:0207]:1"), "192.0.2.7");
});

Deno.test("sourceOf takes what is no address for a source of its own", () => {
  for (
    const text of [
      "",
      "client",
      ":1",
      "[2001::db8::1]:1",
      "[1:2:3]:1",
      "[::g]:1",
      "[1:2:3:4:5:6:7:8:9]:1",
      "[::1.2.3.400]:1",
    ]
  ) {
    assert.equal(sourceOf(text), text);
  }
  assert.equal(sourceOf("client:1"), "client");
});
