import assert from "node:assert/strict";
import { Coverage } from "../../../sim/coverage.ts";
import type { TraceEvent } from "../../../sim/node.ts";
import { Pair } from "../../../testing/connection_pair.ts";
import { encodePacket } from "../../../testing/wire_values.ts";

function delivered(bytes: Uint8Array): TraceEvent {
  return { kind: "deliver", nowUs: 0, node: 0, from: "a", to: "b", bytes, copies: 1 };
}

Deno.test("Coverage names what was never reached, and no longer when it was", () => {
  const coverage = new Coverage();
  assert(coverage.missing.includes("frames: ping"));
  assert(coverage.missing.includes("connection states: closing"));
  coverage.count("connection states", "closing");
  assert(!coverage.missing.includes("connection states: closing"));
});

Deno.test("Coverage.trace counts the packets that are delivered, and none that are only sent", () => {
  const coverage = new Coverage();
  const packet = encodePacket({ packet: "data", to: "0000000000000001", number: 5, sealed: "00".repeat(20) });
  coverage.trace(delivered(packet));
  coverage.trace({ ...delivered(packet), kind: "transmit" });
  coverage.trace(delivered(new Uint8Array(3)));
  const { packets } = coverage.tally;
  assert.deepEqual([packets!["data"], packets!["malformed"]], [1, 1]);
});

Deno.test("Coverage counts the frames that connections received, and those alone", () => {
  const coverage = new Coverage();
  const pair = Pair.connected();
  const counted = (): Record<string, number> =>
    Object.fromEntries(Object.entries(coverage.tally["frames"]!).filter(([, times]) => times > 0));
  for (const { endpoint } of [pair.client, pair.server]) endpoint.observer = coverage;
  assert.deepEqual(counted(), {}, "connections made before are not looked into");
  pair.connect();
  pair.run(300_000);
  pair.send(new Uint8Array(3000));
  pair.run(100_000);
  const before = counted();
  // The first PING and that of a path MTU probe, and what three packets carry.
  assert.deepEqual([before["parameters"], before["ping"], before["stream"], before["stream end"]], [1, 2, 2, 1]);
  assert.deepEqual(
    Object.keys(before).filter((name) => !["ack", "parameters", "ping", "stream", "stream end"].includes(name)),
    [],
    "ciphertext is not read as frames",
  );
});

Deno.test("Coverage.add adds what another run reached", () => {
  const [sum, other] = [new Coverage(), new Coverage()];
  sum.count("outcomes", "done", 2);
  other.count("outcomes", "done", 3);
  other.count("weather", "fog");
  sum.add(other.tally);
  assert.equal(sum.tally["outcomes"]!["done"], 5);
  assert.equal(sum.tally["weather"]!["fog"], 1);
});
