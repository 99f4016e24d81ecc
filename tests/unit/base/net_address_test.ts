import assert from "node:assert/strict";
import { isIP } from "node:net";
import fc from "fast-check";
import { InvariantError } from "../../../base/invariant.ts";
import {
  canonicalIp,
  formatHostPort,
  NetAddress,
  NetAddressCache,
  parsePortNumber,
  splitHostPort,
} from "../../../base/net_address.ts";

const sourceOf = (text: string): string => NetAddress.parse(text).source;

/** Texts of IPv6 addresses in many forms: with and without a run of zeros, or an IPv4 address at the end. */
const anyIPv6 = fc.oneof(
  fc.ipV6(),
  fc.array(fc.constantFrom("0", "00", "1", "ffff", "A0b"), { minLength: 8, maxLength: 8 }).map((groups) =>
    groups.join(":")
  ),
);

Deno.test("NetAddress.parse reads IPv4 and bracketed IPv6 with a port", () => {
  const { host, port, text, isIPv6 } = NetAddress.parse("192.0.2.7:50000");
  assert.deepEqual({ host, port, text, isIPv6 }, {
    host: "192.0.2.7",
    port: 50_000,
    text: "192.0.2.7:50000",
    isIPv6: false,
  });
  const other = NetAddress.parse("[2001:db8::7]:0");
  assert.deepEqual([other.host, other.port, other.text, other.isIPv6], ["2001:db8::7", 0, "[2001:db8::7]:0", true]);
});

Deno.test("NetAddress.parse throws for a text that is not an address with a port", () => {
  const bad = [
    "",
    ":1",
    "host:1",
    "192.0.2.7",
    "192.0.2.7:",
    "192.0.2.7:65536",
    "192.0.2.7:-1",
    "192.0.2.7:1e3",
    "192.0.2.7:1 ",
    "[192.0.2.7]:1",
    "192.0.2:1",
    "192.0.2.256:1",
    "192.0.2.07:1",
    "2001:db8::7",
    "2001:db8::7:1",
    "[2001:db8::7]",
    "[2001:db8::7]1",
    "[2001:db8::7:1",
    "[[2001:db8::7]]:1",
    "[2001::db8::1]:1",
    "[:::]:1",
    "[1:2:3]:1",
    "[:1:2:3:4:5:6:7]:1",
    "[1:2:3:4:5:6:7:]:1",
    "[1:2:3:4:5:6:7:8:9]:1",
    "[1:2:3:4::5:6:7:8]:1",
    "[::g]:1",
    "[::12345]:1",
    "[::1.2.3.400]:1",
    "[::1.2.3.4:5]:1",
    "[1.2.3.4::]:1",
    "[fe80::1%]:1",
    "[fe80::1%a b]:1",
    "[fe80::1%a%b]:1",
  ];
  for (const text of bad) assert.throws(() => NetAddress.parse(text), InvariantError, text);
});

Deno.test("NetAddress.of takes an IP literal without brackets, and throws for anything else", () => {
  assert.equal(NetAddress.of("::1", 7).text, "[::1]:7");
  for (const host of ["", "localhost", "[::1]", "192.0.2.7:1"]) {
    assert.throws(() => NetAddress.of(host, 7), InvariantError, host);
  }
});

Deno.test("NetAddress has one text for all forms of an IPv6 address, that of RFC 5952", () => {
  const forms = {
    "::": ["0::0", "0:0:0:0:0:0:0:0"],
    "::1": ["0:0:0:0:0:0:0:1", "0::1", "::0001"],
    "2001:db8::": ["2001:0DB8::", "2001:db8:0::0:0"],
    "2001:db8::1:0:0:1": ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    "1:0:0:2::3": ["1:0:0:2:0:0:0:3"],
    "1:0:2:3:4:5:6:7": ["1::2:3:4:5:6:7"],
    "::2:3:4:5:6:7": ["0:0:2:3:4:5:6:7"],
    "64:ff9b::c000:207": ["64:ff9b::192.0.2.7"],
    "::c000:207": ["::192.0.2.7"],
  };
  for (const [canonical, texts] of Object.entries(forms)) {
    for (const text of [canonical, ...texts]) assert.equal(canonicalIp(text), canonical, text);
  }
});

Deno.test("canonicalIp takes the IPv6 addresses that node:net takes, and its text is one of the same address", () => {
  fc.assert(fc.property(anyIPv6, (text) => {
    const canonical = canonicalIp(text)!;
    assert.equal(canonicalIp(canonical), canonical);
    if (isIP(canonical) === 6) assert.equal(`[${canonical}]`, new URL(`http://[${text}]`).hostname);
    else assert.match(new URL(`http://[${text}]`).hostname, /^\[::ffff:/);
  }));
});

Deno.test("canonicalIp is undefined for exactly the texts that node:net takes for none", () => {
  const part = fc.constantFrom("", ":", "::", "0", "1", "ffff", "12345", "1.2.3.4", "256", ".", "07", "g");
  fc.assert(
    fc.property(fc.array(part, { maxLength: 12 }).map((parts) => parts.join("")), (text) => {
      assert.equal(canonicalIp(text) !== undefined, isIP(text) !== 0, text);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("NetAddress takes an IPv4-mapped IPv6 address for the IPv4 address", () => {
  for (const host of ["::ffff:192.0.2.7", "::ffff:c000:207", "0:0:0:0:0:FFFF:c000:0207", "::ffff:192.0.2.7%eth0"]) {
    const address = NetAddress.of(host, 50_000);
    assert.deepEqual(
      [address.text, address.source, address.isIPv6, address.isLoopback],
      ["192.0.2.7:50000", "192.0.2.7", false, false],
    );
    assert.equal(address.equals(NetAddress.parse("192.0.2.7:50000")), true);
  }
  assert.equal(NetAddress.of("::ffff:127.0.0.1", 1).isLoopback, true);
});

Deno.test("NetAddress.source is the address of IPv4, whatever the port", () => {
  assert.equal(sourceOf("192.0.2.7:50000"), "192.0.2.7");
  assert.equal(sourceOf("192.0.2.7:1"), sourceOf("192.0.2.7:2"));
  assert.notEqual(sourceOf("192.0.2.7:1"), sourceOf("192.0.2.8:1"));
});

Deno.test("NetAddress.source is the /64 of IPv6, in whatever form it is written, and whatever its zone", () => {
  const forms = ["[2001:db8::1]:1", "[2001:DB8:0:0:ffff::2]:2", "[2001:db8:0:0:1:2:3:4]:3", "[2001:0db8::192.0.2.7]:4"];
  for (const form of forms) assert.equal(sourceOf(form), "2001:db8:0:0::/64", form);
  assert.notEqual(sourceOf("[2001:db8:0:1::1]:1"), sourceOf(forms[0]!));
  assert.equal(sourceOf("[::1]:1"), "0:0:0:0::/64");
  assert.equal(sourceOf("[fe80::1%eth0]:1"), "fe80:0:0:0::/64");
});

Deno.test("NetAddress.isLoopback tells loopback of both families from other addresses", () => {
  for (const text of ["127.0.0.1:1", "127.9.9.9:80", "[::1]:80", "[0::0:1]:80", "[::1%lo]:80"]) {
    assert.equal(NetAddress.parse(text).isLoopback, true, text);
  }
  for (const text of ["12.7.0.1:1", "10.0.0.1:127", "[2001:db8::1]:80", "[::127.0.0.1]:1", "[::1:1]:1", "0.0.0.0:1"]) {
    assert.equal(NetAddress.parse(text).isLoopback, false, text);
  }
});

Deno.test("NetAddress keeps the zone of an IPv6 address for the socket, and tells zones apart", () => {
  for (const zone of ["eth0", "4", "br-lan", "eth0.100", "wg_0"]) {
    const address = NetAddress.parse(`[FE80:0::1%${zone}]:65432`);
    assert.deepEqual([address.host, address.text], [`fe80::1%${zone}`, `[fe80::1%${zone}]:65432`]);
    assert.equal(NetAddress.parse(address.text).equals(address), true);
  }
  assert.equal(NetAddress.parse("[fe80::1%eth0]:1").equals(NetAddress.parse("[fe80::1%eth1]:1")), false);
});

Deno.test("NetAddress.hostFor writes an IPv4 address as an IPv6 socket takes it, and every other address as it is", () => {
  const [ipv4, ipv6] = [NetAddress.parse("192.0.2.7:1"), NetAddress.parse("[fe80::1%eth0]:1")];
  assert.equal(ipv4.hostFor({ isIPv6: false }), "192.0.2.7");
  assert.equal(ipv4.hostFor({ isIPv6: true }), "::ffff:192.0.2.7");
  assert.equal(ipv6.hostFor({ isIPv6: true }), "fe80::1%eth0");
});

Deno.test("NetAddress.equals compares host and port", () => {
  const address = NetAddress.of("2001:db8::1", 1);
  assert.equal(address.equals(address), true);
  assert.equal(address.equals(NetAddress.parse("[2001:DB8:0::1]:1")), true);
  assert.equal(address.equals(NetAddress.of("2001:db8::1", 2)), false);
  assert.equal(address.equals(NetAddress.of("2001:db8::2", 1)), false);
});

Deno.test("NetAddressCache makes an address once, and tells hosts and ports apart", () => {
  const cache = new NetAddressCache();
  const address = cache.of("192.0.2.7", 1);
  assert.equal(address.text, "192.0.2.7:1");
  assert.equal(cache.of("192.0.2.7", 1), address);
  assert.equal(cache.of("192.0.2.7", 2).text, "192.0.2.7:2");
  assert.equal(cache.of("192.0.2.8", 2).text, "192.0.2.8:2");
  assert.equal(cache.of("::ffff:192.0.2.7", 1).text, "192.0.2.7:1");
  assert.equal(cache.of("192.0.2.7", 1), address);
  assert.equal(cache.count, 4);
});

Deno.test("NetAddressCache holds a bounded number of addresses, of one host or of many", () => {
  const cache = new NetAddressCache(10);
  for (let n = 0; n < 1000; n++) {
    assert.equal(cache.of("192.0.2.7", n).port, n);
    assert.equal(cache.of(`198.51.100.${n % 256}`, n).host, `198.51.100.${n % 256}`);
    assert(cache.count <= 10);
  }
});

Deno.test("splitHostPort reads what formatHostPort wrote, of names and of addresses", () => {
  const hosts = fc.oneof(fc.ipV4(), anyIPv6, fc.domain(), fc.constant("fe80::1%eth0"));
  fc.assert(fc.property(hosts, fc.integer({ min: 0, max: 65_535 }), (host, port) => {
    assert.deepEqual(splitHostPort(formatHostPort(host, port)), { host, port: String(port) });
  }));
});

Deno.test("splitHostPort tells a text without a port, and leaves an IPv6 address without brackets whole", () => {
  for (const text of ["", "localhost", "::1", "2001:db8::1:80", "[::1", "[::1]x"]) {
    assert.deepEqual(splitHostPort(text), { host: text, port: undefined });
  }
  assert.deepEqual(splitHostPort("[::1]"), { host: "::1", port: undefined });
  assert.deepEqual(splitHostPort("[::1]:"), { host: "::1", port: "" });
  assert.deepEqual(splitHostPort("[x]:1"), { host: "[x]", port: "1" });
});

Deno.test("parsePortNumber reads whole decimal numbers up to 65535", () => {
  assert.deepEqual(["0", "1", "65535"].map(parsePortNumber), [0, 1, 65_535]);
  for (const text of ["", "-1", "65536", "1.5", " 1", "0x10", "999999"]) assert.equal(parsePortNumber(text), undefined);
});
