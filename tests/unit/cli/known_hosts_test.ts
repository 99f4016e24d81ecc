import assert from "node:assert/strict";
import { SluiceError } from "../../../app/api.ts";
import type { Client } from "../../../app/client/api.ts";
import { formatKey } from "../../../app/keys.ts";
import { parseClientArguments } from "../../../cli/client_arguments.ts";
import { HostKeyVerifier } from "../../../cli/known_hosts.ts";
import { FakeContext, FakeKnownHosts } from "../../../testing/cli_fakes.ts";

const KEY = new Uint8Array(32).fill(1);
const OTHER = new Uint8Array(32).fill(2);

function makeVerifier(knownHosts: FakeKnownHosts, ...args: string[]): HostKeyVerifier {
  const parsed = parseClientArguments(["list", "--server", "Host:7", ...args], new FakeContext());
  assert.ok("value" in parsed);
  return new HostKeyVerifier(parsed.value, () => knownHosts);
}

function client(serverKey: Uint8Array): Client {
  return { serverKey } as Client;
}

Deno.test("HostKeyVerifier accepts any key on first contact, and only that one afterwards", () => {
  const knownHosts = new FakeKnownHosts();
  const verifier = makeVerifier(knownHosts);
  assert.deepEqual([verifier.expected, verifier.foldersWritten], [undefined, ["/state"]]);
  assert.match(
    verifier.onConnected(client(KEY))!,
    new RegExp(`^First connection to host:7\\. Its key is ${formatKey(KEY)} \\(saved\\)\\.`),
  );
  assert.deepEqual(verifier.expected?.key, KEY);
  const next = makeVerifier(knownHosts);
  assert.deepEqual(next.expected?.key, KEY);
  assert.equal(next.expected!.source, "/state/known_servers");
  assert.equal(next.expected!.renewal, "remove the line of host:7 from that file");
  assert.deepEqual(verifier.expected, next.expected);
  assert.deepEqual(next.foldersWritten, []);
  assert.equal(next.onConnected(client(KEY)), undefined);
});

Deno.test("HostKeyVerifier accepts only the key of --server-key, whatever is known", () => {
  const knownHosts = new FakeKnownHosts();
  knownHosts.keys.set("host:7", OTHER);
  const verifier = makeVerifier(knownHosts, "--server-key", formatKey(KEY));
  assert.deepEqual(verifier.expected?.key, KEY);
  assert.equal(verifier.expected!.source, "--server-key");
  assert.equal(verifier.expected!.renewal, "pass the key that it has now", "there is nothing to remove");
  assert.equal(verifier.onConnected(client(KEY)), undefined);
  assert.deepEqual(knownHosts.keys.get("host:7"), OTHER);
});

Deno.test("HostKeyVerifier says when a key cannot be saved, and lets the client go on", () => {
  const knownHosts = new FakeKnownHosts();
  knownHosts.error = new SluiceError("local-disk", "cannot write");
  const news = makeVerifier(knownHosts).onConnected(client(KEY))!;
  assert.match(news, /^First connection to host:7\. Its key is [\w-]{43} \(not saved: cannot write\)/);
});
