import assert from "node:assert/strict";
import { DEFAULT_CONFIG } from "../../../../protocol/config.ts";
import { localParameters } from "../../../../protocol/handshake/client_handshake.ts";
import { NoiseClientSuite, NoiseServerSuite } from "../../../../protocol/handshake/noise_suite.ts";
import { ResetTokens } from "../../../../protocol/handshake/reset_tokens.ts";
import { Random } from "../../../../base/random.ts";
import { Handshake } from "../../../../protocol/crypto/noise.ts";
import { KeyPair } from "../../../../protocol/crypto/x25519.ts";
import { Writer } from "../../../../base/bytes.ts";
import { MAX_HANDSHAKE_BYTES, MAX_REFUSAL_BYTES, MAX_TOKEN_BYTES } from "../../../../protocol/wire/packet.ts";
import { fromHex } from "../../../../testing/wire_values.ts";
import { decodePacket } from "../../../../testing/wire_decode.ts";

const PARAMETERS = localParameters(DEFAULT_CONFIG);
const CLIENT_ID = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 7);
const BINDING = { address: "192.0.2.1:5", clientId: CLIENT_ID, serverId: 9 };
const SERVER_KEY = new Uint8Array(32).fill(1);
const CLIENT_KEY = new Uint8Array(32).fill(2);
const LIFETIME_US = 1_000;

function makeServer({ seed = 1, staticKey = SERVER_KEY } = {}): NoiseServerSuite {
  const random = new Random(seed);
  const resetTokens = new ResetTokens(staticKey);
  return new NoiseServerSuite({
    staticKey,
    secret: random.bytes(32),
    tokenLifetimeUs: LIFETIME_US,
    parameters: PARAMETERS,
    randomBytes: (count) => random.bytes(count),
    resetTokenOf: (id) => resetTokens.of(id),
  });
}

function makeClient(localId = 7): NoiseClientSuite {
  return new NoiseClientSuite({ localId, staticKey: CLIENT_KEY, ephemeralKey: new Uint8Array(32).fill(3) });
}

Deno.test("NoiseClientSuite and NoiseServerSuite agree on keys, parameters and who the other is", () => {
  const [client, server] = [makeClient(), makeServer()];
  const answered = server.answer(5_000, client.hello, BINDING)!;
  assert.ok(answered.token.length <= MAX_TOKEN_BYTES);
  const taken = client.onServerHello(answered.payload)!;
  assert.deepEqual(taken.parameters, PARAMETERS);
  assert.deepEqual(taken.peer.key, new KeyPair(SERVER_KEY).publicKey);
  assert.ok(client.hello.length <= MAX_HANDSHAKE_BYTES && taken.handshake.length <= MAX_HANDSHAKE_BYTES);
  const proven = server.verify(5_300, answered.token, BINDING)!;
  assert.equal(proven.tokenAgeUs, 300);
  const agreed = proven.agree(taken.handshake)!;
  assert.deepEqual(agreed.peer.key, new KeyPair(CLIENT_KEY).publicKey);
  const buffer = new Uint8Array(60).fill(5, 0, 44);
  taken.protection.seal(buffer, 10, 44, 0);
  assert.equal(agreed.protection.open(buffer, 10, 0), 44);
  assert.deepEqual(buffer.subarray(0, 44), new Uint8Array(44).fill(5));
  agreed.protection.seal(buffer, 10, 44, 0);
  assert.equal(taken.protection.open(buffer, 10, 0), 44);
});

Deno.test("NoiseServerSuite makes a handshake of its own for each Hello, and the token of none is good for another", () => {
  const [client, server] = [makeClient(), makeServer()];
  const [one, other] = [server.answer(0, client.hello, BINDING)!, server.answer(0, client.hello, BINDING)!];
  assert.notDeepEqual(one.payload, other.payload);
  const { handshake } = client.onServerHello(one.payload)!;
  assert.equal(server.verify(1, other.token, BINDING)!.agree(handshake), undefined);
  assert.notEqual(server.verify(1, one.token, BINDING)!.agree(handshake), undefined);
});

Deno.test("NoiseServerSuite knows a token again for its client, connection and lifetime alone, whole, and if it made it", () => {
  const server = makeServer();
  const { token } = server.answer(5_000, makeClient().hello, BINDING)!;
  assert.notEqual(server.verify(5_000 + LIFETIME_US, token, BINDING), undefined);
  assert.equal(server.verify(5_001 + LIFETIME_US, token, BINDING), undefined);
  assert.equal(server.verify(4_999, token, BINDING), undefined);
  assert.equal(server.verify(5_000, token, { ...BINDING, address: "192.0.2.1:6" }), undefined);
  assert.equal(server.verify(5_000, token, { ...BINDING, serverId: 10 }), undefined);
  assert.equal(server.verify(5_000, token, { ...BINDING, clientId: CLIENT_ID.toReversed() }), undefined);
  assert.equal(makeServer({ seed: 2 }).verify(5_000, token, BINDING), undefined, "after a restart");
  for (let length = 0; length < token.length; length++) {
    assert.equal(server.verify(5_000, token.subarray(0, length), BINDING), undefined);
  }
  for (let bit = 0; bit < 8 * token.length; bit += 5) {
    const changed = token.slice();
    changed[bit >> 3]! ^= 1 << (bit & 7);
    assert.equal(server.verify(5_000, changed, BINDING), undefined, `bit ${bit}`);
  }
});

Deno.test("NoiseServerSuite takes no message that was changed, nor a Hello that is too short", () => {
  const [client, server] = [makeClient(), makeServer()];
  const { payload, token } = server.answer(0, client.hello, BINDING)!;
  const { handshake } = client.onServerHello(payload)!;
  for (let at = 0; at < handshake.length; at++) {
    const changed = handshake.slice();
    changed[at]! ^= 1;
    assert.equal(server.verify(1, token, BINDING)!.agree(changed), undefined);
  }
  assert.equal(server.answer(0, client.hello.subarray(1), BINDING), undefined);
});

Deno.test("NoiseClientSuite takes no answer that was changed on the way, or is for another connection", () => {
  const server = makeServer();
  const client = makeClient();
  const { payload } = server.answer(0, client.hello, BINDING)!;
  for (let at = 0; at < payload.length; at++) {
    const changed = payload.slice();
    changed[at]! ^= 1;
    assert.equal(client.onServerHello(changed), undefined, `byte ${at}`);
  }
  const ofAnother = server.answer(0, makeClient(8).hello, BINDING)!;
  assert.equal(
    makeClient(8).onServerHello(ofAnother.payload),
    undefined,
    "the connection ID is part of the transcript",
  );
  assert.notEqual(client.onServerHello(payload), undefined, "the genuine one still passes");
});

Deno.test("NoiseServerSuite refuses in words that its client can tell from anybody else's, cut where they are too long", () => {
  const buffer = new Uint8Array(600);
  const length = makeServer().writeRefusal(new Writer().reset(buffer), BINDING, "ä".repeat(200));
  const packet = decodePacket(buffer.subarray(0, length));
  assert.ok(packet?.packet === "refusal");
  assert.equal(packet.to, "0000000000000007");
  assert.equal(packet.text, "ä".repeat(MAX_REFUSAL_BYTES / 2));
});

Deno.test("NoiseClientSuite is not moved by a server of the right key that answers with nonsense, nor by a second answer", () => {
  const client = makeClient();
  const responder = new Handshake({
    role: "responder",
    prologue: Uint8Array.of(0x53, 0x4c, 0, 2, ...CLIENT_ID),
    staticKey: new KeyPair(SERVER_KEY),
    ephemeralKey: new Uint8Array(32).fill(4),
  });
  assert.notEqual(responder.readMessage(client.hello), undefined);
  assert.equal(client.onServerHello(responder.writeMessage(Uint8Array.of(1, 2, 3))!), undefined);
  const { payload } = makeServer().answer(0, client.hello, BINDING)!;
  assert.equal(client.onServerHello(payload), undefined);
});

Deno.test("NoiseServerSuite knows its cookie again, for the same client and not for long, and takes no token for one", () => {
  const server = makeServer();
  const client = { address: BINDING.address, clientId: CLIENT_ID };
  const buffer = new Uint8Array(200);
  const length = server.writeCookie(5_000, new Writer().reset(buffer), client);
  const packet = decodePacket(buffer.subarray(0, length));
  assert.ok(packet?.packet === "cookie");
  assert.equal(packet.to, "0000000000000007");
  const cookie = fromHex(packet.cookie);
  assert.equal(server.isCookie(5_100, cookie, client), true);
  assert.equal(server.isCookie(5_001 + LIFETIME_US, cookie, client), false);
  assert.equal(server.isCookie(5_100, cookie, { ...client, address: "192.0.2.1:6" }), false);
  assert.equal(server.isCookie(5_100, cookie, { ...client, clientId: CLIENT_ID.toReversed() }), false);
  assert.equal(server.isCookie(5_100, cookie.subarray(1), client), false);
  assert.equal(server.isCookie(5_100, new Uint8Array(0), client), false);
  const { token } = server.answer(5_000, makeClient().hello, { ...BINDING, serverId: 0 })!;
  assert.equal(server.isCookie(5_100, token, client), false);
});
