import assert from "node:assert/strict";
import { ConnectionState } from "../../../../protocol/connection_state.ts";
import { DEFAULT_CONFIG } from "../../../../protocol/config.ts";
import { ClientHandshake, localParameters } from "../../../../protocol/handshake/client_handshake.ts";
import { PeerIdentity } from "../../../../protocol/handshake/peer_identity.ts";
import { PlaintextClientSuite } from "../../../../protocol/handshake/plaintext_suite.ts";
import { encodeParameters } from "../../../../protocol/wire/parameters.ts";
import { Writer } from "../../../../base/bytes.ts";
import {
  PacketHeader,
  PacketType,
  Version,
  writeServerHello,
  writeVersionNegotiation,
} from "../../../../protocol/wire/packet.ts";

const CLIENT_ID = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 7);
const TOKEN = Uint8Array.of(1, 2, 3);

function makeHandshake(nowUs: number): ClientHandshake {
  return new ClientHandshake({ localId: 7, nowUs, suite: new PlaintextClientSuite(), expectedKey: undefined });
}

function serverHello(): { datagram: Uint8Array; header: PacketHeader } {
  const buffer = new Uint8Array(512);
  const parameters = localParameters(DEFAULT_CONFIG);
  const length = writeServerHello(new Writer().reset(buffer), {
    version: Version.plaintext,
    destinationId: CLIENT_ID,
    sourceId: 9,
    token: TOKEN,
    payload: encodeParameters(parameters),
  });
  const datagram = buffer.slice(0, length);
  const header = new PacketHeader();
  assert.ok(header.decode(datagram));
  return { datagram, header };
}

Deno.test("ClientHandshake.pollHello sends a full-size Hello at once, then waits 300 ms, and 600 ms each time", () => {
  const handshake = makeHandshake(1_000);
  const buffer = new Uint8Array(1500);
  assert.equal(handshake.pollHello(999, buffer), 0);
  const waits: number[] = [];
  let nowUs = 1_000;
  for (let i = 0; i < 6; i++) {
    assert.equal(handshake.pollHello(nowUs, buffer), 1200);
    assert.equal(handshake.pollHello(nowUs, buffer), 0);
    waits.push(handshake.helloDueUs - nowUs);
    nowUs = handshake.helloDueUs;
  }
  assert.deepEqual(waits, [300_000, 600_000, 600_000, 600_000, 600_000, 600_000]);
  const header = new PacketHeader();
  assert.ok(header.decode(buffer.subarray(0, 1200)));
  assert.equal(header.type, PacketType.hello);
});

Deno.test("ClientHandshake.onServerHello gives token, ID, parameters, and the round trip of a Hello sent once", () => {
  const handshake = makeHandshake(0);
  handshake.pollHello(0, new Uint8Array(1500));
  const { datagram, header } = serverHello();
  const result = handshake.onServerHello(80_000, datagram, header);
  assert.ok(result !== undefined && "protection" in result);
  const { protection: _, ...rest } = result;
  assert.deepEqual(rest, {
    version: Version.plaintext,
    handshake: new Uint8Array(0),
    peer: new PeerIdentity(undefined),
    resetToken: undefined,
    serverId: Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 9),
    token: TOKEN,
    parameters: localParameters(DEFAULT_CONFIG),
    rttUs: 80_000,
    leastRttUs: 80_000,
  });
  handshake.pollHello(300_000, new Uint8Array(1500));
  const ambiguous = handshake.onServerHello(310_000, datagram, header);
  assert.ok(ambiguous !== undefined && "rttUs" in ambiguous);
  assert.equal(ambiguous.rttUs, 0, "which Hello it answers is not known");
  assert.equal(ambiguous.leastRttUs, 10_000, "but not a later one than the last");
});

Deno.test("ClientHandshake takes nothing from a damaged answer", () => {
  const handshake = makeHandshake(0);
  const { datagram, header } = serverHello();
  datagram[datagram.length - 6]! ^= 1;
  assert.equal(handshake.onServerHello(1, datagram, header), undefined);
  const buffer = new Uint8Array(128);
  const ids = { destinationId: CLIENT_ID, sourceId: new Uint8Array(8) };
  const length = writeVersionNegotiation(new Writer().reset(buffer), { ...ids, versions: [5, 6] });
  const negotiation = buffer.slice(0, length);
  assert.ok(header.decode(negotiation));
  const now = { state: ConnectionState.helloSent, isOutstanding: () => true };
  assert.deepEqual(handshake.onVerdict(negotiation, header, now), { kind: "version", supported: [5, 6] });
  negotiation[length - 1]! ^= 1;
  assert.equal(handshake.onVerdict(negotiation, header, now), "damaged");
});
