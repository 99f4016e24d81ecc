import assert from "node:assert/strict";
import { resolveHost } from "../../../io/resolve_host.ts";

Deno.test("resolveHost gives IP literals in their canonical form, and says what is wrong with an unknown name", async () => {
  assert.deepEqual(await resolveHost("192.0.2.7"), ["192.0.2.7"]);
  assert.deepEqual(await resolveHost("::1"), ["::1"]);
  assert.deepEqual(await resolveHost("0:0::1"), ["::1"]);
  assert.deepEqual(await resolveHost("::ffff:192.0.2.7"), ["192.0.2.7"]);
  assert.deepEqual(await resolveHost("fe80::1%eth0"), ["fe80::1%eth0"]);
  assert((await resolveHost("localhost")).includes("127.0.0.1"));
  await assert.rejects(resolveHost("no-such-host.invalid"), { kind: "unreachable", message: /no-such-host\.invalid/ });
});
