import assert from "node:assert/strict";
import { DEFAULT_CONFIG } from "../../../../protocol/config.ts";
import { localParameters } from "../../../../protocol/handshake/client_handshake.ts";
import { PlaintextClientSuite, PlaintextServerSuite } from "../../../../protocol/handshake/plaintext_suite.ts";
import { Writer } from "../../../../base/bytes.ts";
import { decodePacket } from "../../../../testing/wire_decode.ts";

const PARAMETERS = localParameters(DEFAULT_CONFIG);
const BINDING = { address: "192.0.2.1:5", clientId: Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 7), serverId: 9 };

function makeServer(): PlaintextServerSuite {
  return new PlaintextServerSuite({ secret: new Uint8Array(32), tokenLifetimeUs: 1_000, parameters: PARAMETERS });
}

Deno.test("PlaintextClientSuite takes the server's parameters as they are, and nothing that is more or less", () => {
  const { payload } = makeServer().answer(0, new Uint8Array(0), BINDING);
  const client = new PlaintextClientSuite();
  assert.deepEqual(client.onServerHello(payload)?.parameters, PARAMETERS);
  assert.equal(client.onServerHello(payload.subarray(1)), undefined);
  assert.equal(client.onServerHello(Uint8Array.of(...payload, 0)), undefined);
});

Deno.test("PlaintextServerSuite knows its token again, for the same client and its lifetime", () => {
  const server = makeServer();
  const { token } = server.answer(5_000, new Uint8Array(0), BINDING);
  assert.equal(server.verify(5_700, token, BINDING)?.tokenAgeUs, 700);
  assert.equal(server.verify(6_001, token, BINDING), undefined);
  assert.equal(server.verify(5_700, token, { ...BINDING, address: "192.0.2.1:6" }), undefined);
  assert.equal(server.verify(5_700, token, { ...BINDING, serverId: 10 }), undefined);
  assert.equal(server.verify(5_700, token, BINDING)?.agree(new Uint8Array(0))?.peer.key, undefined);
});

Deno.test("PlaintextServerSuite refuses with a packet that closes the connection", () => {
  const buffer = new Uint8Array(600);
  const length = makeServer().writeRefusal(new Writer().reset(buffer), BINDING, "full");
  assert.deepEqual(decodePacket(buffer.subarray(0, length)), {
    packet: "data",
    to: "0000000000000007",
    number: 0,
    frames: [{ frame: "close", isApplication: false, code: 2, reason: "full" }],
  });
});
