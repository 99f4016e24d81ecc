import assert from "node:assert/strict";
import { SluiceError } from "../../../app/api.ts";
import type { Client } from "../../../app/client/api.ts";
import { formatKey } from "../../../app/keys.ts";
import { parseClientArguments } from "../../../cli/client_arguments.ts";
import type { Confirm } from "../../../cli/confirm.ts";
import { HostKeyVerifier } from "../../../cli/known_hosts.ts";
import { FakeContext } from "../../../testing/cli_fakes.ts";

const KEY = new Uint8Array(32).fill(1);
const OTHER = new Uint8Array(32).fill(2);

function makeVerifier(context: FakeContext, ...args: string[]): HostKeyVerifier {
  const parsed = parseClientArguments(["list", "--server", "Host:7", ...args], context);
  assert.ok("value" in parsed);
  return new HostKeyVerifier(parsed.value, context);
}

function client(serverKey: Uint8Array): Client {
  return { serverKey } as Client;
}

/** Where nobody can be asked. */
const noTerminal: Confirm = () => Promise.resolve(undefined);

/** Fails a test that asks. */
const noQuestion: Confirm = () => Promise.reject(new Error("nobody is to be asked"));

Deno.test("HostKeyVerifier accepts any key on first contact without a terminal, and only that one afterwards", async () => {
  const context = new FakeContext();
  const verifier = makeVerifier(context);
  assert.deepEqual([verifier.expected, verifier.foldersWritten], [undefined, ["/state"]]);
  const news = await verifier.verify(client(KEY), noTerminal);
  assert.match(news!, new RegExp(`^First connection to host:7\\. Its key is ${formatKey(KEY)} \\(saved\\)\\.`));
  assert.deepEqual(verifier.expected?.key, KEY);
  const next = makeVerifier(context);
  assert.deepEqual(next.expected?.key, KEY);
  assert.equal(next.expected!.source, "/state/known_servers");
  assert.equal(next.expected!.renewal, "run `sluice hosts forget host:7`");
  assert.deepEqual(verifier.expected, next.expected);
  assert.deepEqual(next.foldersWritten, []);
  assert.equal(await next.verify(client(KEY), noQuestion), undefined);
});

Deno.test("HostKeyVerifier asks on a terminal, and saves a key only if the answer is yes", async () => {
  const context = new FakeContext();
  const asked: string[] = [];
  const answer = (yes: boolean): Confirm => (shown, question) => {
    asked.push(...shown, question);
    return Promise.resolve(yes);
  };
  const refused = makeVerifier(context).verify(client(KEY), answer(false));
  await assert.rejects(
    refused,
    (error) =>
      error instanceof SluiceError && error.kind === "refused" &&
      error.message === "host:7 is not trusted; nothing was sent",
  );
  assert.deepEqual([...context.knownHosts.keys], []);
  assert.deepEqual(asked, [
    `First connection to host:7. Its key is ${formatKey(KEY)}.`,
    "To verify, run `sluice-server key` on that machine.",
    "Trust this server?",
  ]);
  assert.equal(await makeVerifier(context).verify(client(KEY), answer(true)), undefined, "it was shown already");
  assert.deepEqual([...context.knownHosts.keys], [["host:7", KEY]]);
});

Deno.test("HostKeyVerifier asks nothing with --accept-new", async () => {
  const context = new FakeContext();
  const news = await makeVerifier(context, "--accept-new").verify(client(KEY), noQuestion);
  assert.match(news!, /^First connection to host:7\. .* \(saved\)/);
  assert.deepEqual(context.knownHosts.keys.get("host:7"), KEY);
});

Deno.test("HostKeyVerifier knows this user's own server on this machine, and no other by it", async () => {
  const context = new FakeContext();
  context.serverIdentity = { privateKey: OTHER, publicKey: KEY };
  for (const own of ["localhost:7", "127.0.0.1:7", "[::1]:7"]) {
    assert.equal(await makeVerifier(context, "--server", own).verify(client(KEY), noQuestion), undefined, own);
  }
  assert.deepEqual([...context.knownHosts.keys], []);
  const other = await makeVerifier(context, "--server", "localhost:7").verify(client(OTHER), noTerminal);
  assert.match(other!, /^First connection to localhost:7/);
  const remote = await makeVerifier(context).verify(client(KEY), noTerminal);
  assert.match(remote!, /^First connection to host:7/);
});

Deno.test("HostKeyVerifier accepts only the key of --server-key, whatever is known", async () => {
  const context = new FakeContext();
  context.knownHosts.keys.set("host:7", OTHER);
  const verifier = makeVerifier(context, "--server-key", formatKey(KEY));
  assert.deepEqual(verifier.expected?.key, KEY);
  assert.equal(verifier.expected!.source, "--server-key");
  assert.equal(verifier.expected!.renewal, "pass the key that it has now", "there is nothing to remove");
  assert.equal(await verifier.verify(client(KEY), noQuestion), undefined);
  assert.deepEqual(context.knownHosts.keys.get("host:7"), OTHER);
});

Deno.test("HostKeyVerifier says when a key cannot be saved, and lets the client go on", async () => {
  const context = new FakeContext();
  context.knownHosts.error = new SluiceError("local-disk", "cannot write");
  const news = await makeVerifier(context).verify(client(KEY), noTerminal);
  assert.match(news!, /^First connection to host:7\. Its key is [\w-]{43} \(not saved: cannot write\)/);
  const yes = await makeVerifier(context).verify(client(KEY), () => Promise.resolve(true));
  assert.equal(yes, "The key was not saved: cannot write");
});
