import assert from "node:assert/strict";
import fc from "fast-check";
import { parsePlace, readNames } from "../../../cli/places.ts";

Deno.test("parsePlace reads a host, a port if a colon follows it, and a path", () => {
  const places: [string, string, string][] = [
    ["host:", "host", ""],
    ["host:.", "host", ""],
    ["host:a/b", "host", "a/b"],
    ["host:a:b", "host", "a:b"],
    ["host:7000", "host", "7000"],
    ["host:7000:", "host:7000", ""],
    ["192.0.2.7:a", "192.0.2.7", "a"],
    ["[::1]:a", "[::1]", "a"],
    ["[::1]:7000:a b", "[::1]:7000", "a b"],
  ];
  for (const [text, server, path] of places) assert.deepEqual(parsePlace(text), { server, path }, text);
});

Deno.test("parsePlace leaves alone what is a path, a drive or a time of day", () => {
  for (const text of ["a", "", "./a:b", "/a:b", "c:a", "c:\\a", "12:30.log", "a b:c", "a/b:c", ":a", "host:70000:a"]) {
    assert.equal(parsePlace(text), undefined, text);
  }
});

Deno.test("parsePlace says what to write instead", () => {
  for (const text of ["http://host/a", "sftp://host", "me@host:a", "host:/a", "[::x]:a"]) {
    const place = parsePlace(text);
    assert.ok(place !== undefined && "error" in place, text);
  }
});

Deno.test("parsePlace reads any path behind a host", () => {
  const path = fc.string({ unit: "binary" }).filter((text) => !/^[/.\d]/.test(text));
  fc.assert(fc.property(path, (text) => {
    assert.deepEqual(parsePlace(`host:${text}`), { server: "host", path: text });
  }));
});

Deno.test("readNames takes all names as they are, or all from one server", () => {
  assert.deepEqual(readNames(["a", "b"], "."), { names: ["a", "b"], server: undefined });
  assert.deepEqual(readNames(["h1:a", "h1:"], "."), { names: ["a", "."], server: "h1" });
  for (const mixed of [["a", "h1:b"], ["h1:a", "b"], ["h1:a", "h2:b"], ["h1:a", "h1:/b"], ["me@h1:a"]]) {
    assert.ok("error" in readNames(mixed, "."), mixed.join(" "));
  }
});
