// Somebody on the way changes, repeats and forges packets. The files arrive as they are, and the server counts.

import assert from "node:assert/strict";
import { assertSameFile, writeRandomFile } from "../../testing/programs/files.ts";
import { type ServerProgram, Stage } from "../../testing/programs/programs.ts";
import { Relay } from "../../testing/programs/relay.ts";
import { Tampering } from "../../testing/programs/tampering.ts";

const FILE_BYTES = 4_000_000;

type Counts = Readonly<Record<string, number>>;

/** What the server says of datagrams that it dropped, over its whole log of JSON. */
function droppedBy(server: ServerProgram): Counts {
  const sums: Record<string, number> = {};
  for (const line of server.log.trimEnd().split("\n")) {
    const { event, text } = JSON.parse(line);
    if (event.kind !== "dropped") continue;
    assert.match(text, /^\d+ datagrams? dropped: \d+ /);
    assert.equal(event.count, Object.values<number>(event.reasons).reduce((sum, count) => sum + count, 0));
    for (const [reason, count] of Object.entries<number>(event.reasons)) sums[reason] = (sums[reason] ?? 0) + count;
  }
  return sums;
}

/** A Data packet of a connection of its own. */
async function foreignPacket(stage: Stage, server: ServerProgram): Promise<Uint8Array> {
  using relay = new Relay(server.port);
  assert.equal((await stage.client(["list", "--server", `127.0.0.1:${relay.port}`, "-q"])).code, 0);
  const packet = relay.recorded.find(([type]) => type === 0x40);
  assert(packet !== undefined, "a client that is done closes its connection in a Data packet");
  return packet.slice();
}

function connectionsOf(server: ServerProgram): number {
  return server.log.match(/"kind":"connected"/g)?.length ?? 0;
}

Deno.test("programs transfer files past an attacker on the path that changes, repeats and forges packets, and the server counts them", async () => {
  await using stage = await Stage.open();
  const server = await stage.startServer({ args: ["--json"] });
  const foreign = await foreignPacket(stage, server);
  const towardsServer = new Tampering("server", foreign);
  const towardsClient = new Tampering("client", foreign);
  using relay = new Relay(server.port, { toServer: towardsServer.mischief, toClient: towardsClient.mischief });
  const target = ["--server", `127.0.0.1:${relay.port}`, "-q"];
  await writeRandomFile(stage.path("up"), FILE_BYTES);
  const sent = await stage.client(["send", "up", ...target]);
  assert.equal(sent.code, 0, sent.stderr);
  const got = await stage.client(["get", "up", "-o", "down", ...target]);
  assert.equal(got.code, 0, got.stderr);
  await assertSameFile(stage.path("down"), stage.path("up"));
  for (const deeds of [towardsServer.deeds, towardsClient.deeds]) {
    for (const [deed, count] of Object.entries(deeds)) assert(count > 0, `nothing was ${deed}`);
  }
  // Much later: both clients are gone.
  const connections = connectionsOf(server);
  const clientFinish = relay.recorded.findLast(([type]) => type === 0xc3)!;
  for (const datagram of [clientFinish, ...towardsServer.kept]) await relay.toServer(datagram);
  await stage.client(["list", "--server", server.address, "-q"]);
  assert.equal(connectionsOf(server), connections + 1);
  assert.equal((await server.stop()).code, 0);

  const dropped = droppedBy(server);
  const { flipped, forged, repeated, truncated } = towardsServer.deeds;
  // Of what is sent to itself a machine may lose some.
  const between = (count: number | undefined, least: number, most: number): void =>
    assert(
      count !== undefined && least <= count && count <= most,
      `${JSON.stringify(dropped)} of ${JSON.stringify(towardsServer.deeds)}`,
    );
  between(dropped["damaged"], (flipped + forged) / 2, flipped + forged);
  // What is repeated when its connection has ended is for none that is known.
  const { kept } = towardsServer;
  between(dropped["repeated"], 1, repeated + 1);
  between(dropped["repeated"]! + (dropped["unknown connection"] ?? 0), repeated / 2, repeated + 1 + kept.length);
  between(dropped["malformed"], truncated / 2, truncated);
  between(dropped["bad token"], 1, 1);
});
