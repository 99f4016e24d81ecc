import assert from "node:assert/strict";
import { Coverage } from "../../../sim/coverage.ts";
import type { TraceEvent } from "../../../sim/node.ts";
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

Deno.test("Coverage counts the packets and frames that are delivered, and none that are only sent", () => {
  const coverage = new Coverage();
  const ping = encodePacket({
    packet: "data",
    to: "0000000000000001",
    number: 5,
    frames: [{ frame: "ping" }, { frame: "maxData", value: 9 }],
  });
  coverage.trace(delivered(ping));
  coverage.trace({ ...delivered(ping), kind: "transmit" });
  coverage.trace(delivered(new Uint8Array(3)));
  const { frames, packets } = coverage.tally;
  assert.deepEqual([frames!["ping"], frames!["max data"], frames!["ack"]], [1, 1, 0]);
  assert.deepEqual([packets!["data"], packets!["malformed"]], [1, 1]);
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
