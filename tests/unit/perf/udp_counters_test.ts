import assert from "node:assert/strict";
import { parseReceiveDrops, receiveDropsOf } from "../../../perf/udp_counters.ts";

const TEXT = `Ip: Forwarding DefaultTTL
Ip: 1 64
Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors
Udp: 10 2 7 11 5 0
UdpLite: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors
UdpLite: 0 0 0 0 1 0
`;

Deno.test("parseReceiveDrops reads what full buffers dropped of UDP, by the name of its column", () => {
  assert.equal(parseReceiveDrops(TEXT), 5);
  assert.equal(parseReceiveDrops(TEXT.replaceAll("RcvbufErrors", "Other")), undefined);
  assert.equal(parseReceiveDrops(""), undefined);
});

Deno.test("receiveDropsOf asks behind a prefix, and leaves it open where that says nothing", async () => {
  const script = `console.log(${JSON.stringify(TEXT)}, Deno.args.length)`;
  const prefix = [Deno.execPath(), "eval", script];
  assert.equal(await receiveDropsOf(prefix), 5);
  assert.equal(await receiveDropsOf([Deno.execPath(), "eval", ""]), undefined);
  assert.equal(await receiveDropsOf(["no-such-command"]), undefined);
});
