import assert from "node:assert/strict";
import { SluiceError } from "../../../app/api.ts";
import type { Client } from "../../../app/client/api.ts";
import { formatKey } from "../../../app/keys.ts";
import { parseClientArguments } from "../../../cli/client_arguments.ts";
import { HostKeyVerifier } from "../../../cli/known_hosts.ts";
import { FakeConsole, FakeKnownHosts } from "../../../testing/cli_fakes.ts";

const KEY = new Uint8Array(32).fill(1);
const OTHER = new Uint8Array(32).fill(2);

function makeTrust(memory: FakeKnownHosts, ...args: string[]): HostKeyVerifier {
  const parsed = parseClientArguments(["list", "--server", "Host:7", ...args], {
    console: new FakeConsole(),
    defaultServer: undefined,
  });
  assert.ok("value" in parsed);
  return new HostKeyVerifier(parsed.value, memory);
}

function client(serverKey: Uint8Array): Client {
  return { serverKey } as Client;
}

Deno.test("HostKeyVerifier takes any key the first time, and only that one from then on", () => {
  const memory = new FakeKnownHosts();
  const trust = makeTrust(memory);
  assert.deepEqual([trust.expected, trust.foldersWritten], [undefined, ["/state"]]);
  assert.match(trust.onConnected(client(KEY))!, new RegExp(`^host:7 is new\\. Its key is ${formatKey(KEY)}`));
  assert.deepEqual(trust.expected?.key, KEY);
  const next = makeTrust(memory);
  assert.deepEqual(next.expected?.key, KEY);
  assert.match(next.expected!.source, /^The key of host:7 in \/state\/known_servers is$/);
  assert.deepEqual(next.foldersWritten, []);
  assert.equal(next.onConnected(client(KEY)), undefined);
});

Deno.test("HostKeyVerifier takes the key that it was given for the only one, whatever was known", () => {
  const memory = new FakeKnownHosts();
  memory.keys.set("host:7", OTHER);
  const trust = makeTrust(memory, "--server-key", formatKey(KEY));
  assert.deepEqual(trust.expected?.key, KEY);
  assert.match(trust.expected!.source, /--server-key/);
  assert.equal(trust.onConnected(client(KEY)), undefined);
  assert.deepEqual(memory.keys.get("host:7"), OTHER);
});

Deno.test("HostKeyVerifier goes on where it cannot remember, and says so", () => {
  const memory = new FakeKnownHosts();
  memory.error = new SluiceError("local-disk", "cannot remember");
  const news = makeTrust(memory).onConnected(client(KEY))!;
  assert.match(news, /it will be new the next time too: cannot remember/);
});
