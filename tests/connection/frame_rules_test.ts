// Which frames a connection accepts from which side and in which packet, and how it handles the client's parameters.

import assert from "node:assert/strict";
import type { Writer } from "../../base/bytes.ts";
import { DEFAULT_CONFIG } from "../../protocol/config.ts";
import { type CloseReason, TransportErrorCode } from "../../protocol/mod.ts";
import { localParameters } from "../../protocol/handshake/client_handshake.ts";
import { PacketHeader, PacketType } from "../../protocol/wire/packet.ts";
import type { TransportParameters } from "../../protocol/wire/parameters.ts";
import { LOST, Pair, type Side } from "../../testing/connection_pair.ts";
import { encodeFrames, type FrameValue, writeFrame } from "../../testing/wire_values.ts";

/** A pair in which the server has a connection, and the client still sends ClientFinish packets. */
function finishing(): { pair: Pair; clientFinish: Uint8Array } {
  const pair = new Pair();
  pair.server.wire.rule = ({ bytes }) => bytes[0] === PacketType.data ? LOST : undefined;
  pair.connect();
  assert(pair.runUntil(() => pair.server.connections.length > 0, { withinUs: 1_000_000 }));
  const sent = pair.client.wire.sent.find(({ bytes }) => bytes[0] === PacketType.clientFinish)!;
  return { pair, clientFinish: sent.bytes };
}

/** Injects a ClientFinish packet with these frames, with the header of a genuine one except for the packet number. */
function forgeFinish(pair: Pair, clientFinish: Uint8Array, frames: readonly FrameValue[]): void {
  const header = new PacketHeader();
  assert(header.decode(clientFinish) && header.packetNumber < 2 ** 6);
  const payload = encodeFrames(frames);
  const datagram = new Uint8Array(header.headerEnd + payload.length + 16);
  datagram.set(clientFinish.subarray(0, header.headerEnd));
  const packetNumber = 60;
  datagram[header.headerEnd - 1] = packetNumber;
  datagram.set(payload, header.headerEnd);
  const protection = pair.client.keys.get(pair.client.connection.localId)!;
  protection.seal(datagram, header.headerEnd, header.headerEnd + payload.length, packetNumber);
  pair.inject(pair.server, datagram);
}

function violationOf(side: Side): Extract<CloseReason, { kind: "violation" }> | undefined {
  const reason = side.connection.closeReason;
  return reason?.kind === "violation" ? reason : undefined;
}

function parameters(changes: Partial<TransportParameters> = {}): FrameValue {
  return { frame: "parameters", parameters: { ...localParameters(DEFAULT_CONFIG), ...changes } };
}

const DATA = "0102030405060708";

Deno.test("Connection closes on a frame that its sender may not send", () => {
  const cases: readonly (readonly [from: "client" | "server", frame: FrameValue])[] = [
    ["client", { frame: "maxStreams", value: 5 }],
    ["client", { frame: "pathChallenge", data: DATA }],
    ["client", parameters()],
    ["server", parameters()],
    ["server", { frame: "pathResponse", data: DATA }],
  ];
  for (const [from, frame] of cases) {
    const pair = Pair.connected();
    const [sender, receiver] = from === "client" ? [pair.client, pair.server] : [pair.server, pair.client];
    pair.forge(sender, (writer: Writer) => writeFrame(writer, frame));
    assert.equal(violationOf(receiver)?.code, TransportErrorCode.protocolViolation, `${frame.frame} from the ${from}`);
  }
});

Deno.test("Connection closes on an acknowledgement or a path response in a ClientFinish", () => {
  const frames: readonly FrameValue[] = [
    { frame: "ack", delayUs: 0, ranges: [[0, 1]] },
    { frame: "pathResponse", data: DATA },
  ];
  for (const frame of frames) {
    const { pair, clientFinish } = finishing();
    forgeFinish(pair, clientFinish, [parameters(), frame]);
    assert.equal(violationOf(pair.server)?.code, TransportErrorCode.protocolViolation, frame.frame);
  }
});

Deno.test("Connection accepts the same parameters again, and closes on others without applying them", () => {
  const { pair, clientFinish } = finishing();
  forgeFinish(pair, clientFinish, [parameters(), { frame: "ping" }]);
  assert.equal(violationOf(pair.server), undefined);
  const changed = finishing();
  forgeFinish(changed.pair, changed.clientFinish, [parameters({ maxIdleTimeoutMs: 5 }), { frame: "ping" }]);
  const violation = violationOf(changed.pair.server);
  assert.equal(violation?.code, TransportErrorCode.transportParameterError);
  assert.match(violation.reason, /differ from the first/);
});

Deno.test("Connection closes on any ClientFinish that does not begin with parameters, or with malformed ones", () => {
  const cases: readonly (readonly FrameValue[])[] = [
    [{ frame: "ping" }],
    [{ frame: "ping" }, parameters()],
    [parameters({ maxIdleTimeoutMs: 0 })],
  ];
  for (const frames of cases) {
    const { pair, clientFinish } = finishing();
    forgeFinish(pair, clientFinish, frames);
    assert.equal(violationOf(pair.server)?.code, TransportErrorCode.transportParameterError);
  }
});

Deno.test("Connection answers each path challenge of a packet", () => {
  const pair = Pair.connected();
  const responses: number[] = [];
  const before = pair.client.wire.sent.length;
  pair.forge(pair.server, (writer) => {
    for (const first of [1, 2, 3]) writeFrame(writer, { frame: "pathChallenge", data: `0${first}`.padEnd(16, "0") });
  });
  const header = new PacketHeader();
  for (const { bytes } of pair.client.wire.sent.slice(before)) {
    const datagram = bytes.slice();
    assert(header.decode(datagram));
    const end = pair.server.keys.get(pair.server.connection.localId)!.open(
      datagram,
      header.headerEnd,
      header.packetNumber,
    );
    for (let at = header.headerEnd; at < end; at++) {
      if (datagram[at] === 0x1b && datagram.subarray(at + 2, at + 9).every((byte) => byte === 0)) {
        responses.push(datagram[at + 1]!);
      }
    }
  }
  assert.deepEqual(responses, [1, 2, 3]);
});
