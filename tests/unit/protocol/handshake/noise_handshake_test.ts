import assert from "node:assert/strict";
import { DEFAULT_CONFIG } from "../../../../protocol/config.ts";
import { localParameters } from "../../../../protocol/handshake/client_handshake.ts";
import {
  type Agreement,
  NoiseClient,
  NoiseServer,
  type ServerAnswer,
  type TokenBinding,
  writeRefusalFor,
} from "../../../../protocol/handshake/noise_handshake.ts";
import { isRefusalAuthentic, sealServerHello } from "../../../../protocol/handshake/packet_macs.ts";
import { ResetTokens } from "../../../../protocol/handshake/reset_tokens.ts";
import { Random } from "../../../../base/random.ts";
import { Handshake } from "../../../../protocol/crypto/noise.ts";
import { KeyPair } from "../../../../protocol/crypto/x25519.ts";
import { Writer } from "../../../../base/bytes.ts";
import {
  MAX_HANDSHAKE_BYTES,
  MAX_REFUSAL_BYTES,
  MAX_TOKEN_BYTES,
  PacketHeader,
  writeServerHello,
} from "../../../../protocol/wire/packet.ts";
import { fromHex } from "../../../../testing/wire_values.ts";
import { decodePacket } from "../../../../testing/wire_decode.ts";

const PARAMETERS = localParameters(DEFAULT_CONFIG);
const CLIENT_ID = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 7);
const BINDING = { address: "192.0.2.1:5", clientId: CLIENT_ID, serverId: 9 };
const SERVER_KEY = new Uint8Array(32).fill(1);
const CLIENT_KEY = new Uint8Array(32).fill(2);
const LIFETIME_US = 1_000;

function makeServer({ seed = 1, staticKey = SERVER_KEY } = {}): NoiseServer {
  const random = new Random(seed);
  const resetTokens = new ResetTokens(staticKey);
  return new NoiseServer({
    staticKey,
    secret: random.bytes(32),
    tokenLifetimeUs: LIFETIME_US,
    parameters: PARAMETERS,
    randomBytes: (count) => random.bytes(count),
    resetTokenOf: (id) => resetTokens.of(id),
  });
}

function makeClient(localId = 7): NoiseClient {
  return new NoiseClient({ localId, staticKey: CLIENT_KEY, ephemeralKey: new Uint8Array(32).fill(3) });
}

/** A ServerHello, and its token. */
interface Answered {
  readonly datagram: Uint8Array;
  readonly token: Uint8Array;
}

function answer(
  server: NoiseServer,
  client: NoiseClient,
  { nowUs = 0, binding = BINDING }: { nowUs?: number; binding?: TokenBinding } = {},
): Answered {
  const buffer = new Uint8Array(600);
  const length = server.writeServerHello(nowUs, new Writer().reset(buffer), client.hello, binding)!;
  const datagram = buffer.slice(0, length);
  const { tokenEnd, tokenStart } = decoded(datagram)!;
  return { datagram, token: datagram.slice(tokenStart, tokenEnd) };
}

function decoded(datagram: Uint8Array): PacketHeader | undefined {
  const header = new PacketHeader();
  return header.decode(datagram) ? header : undefined;
}

/** What the client takes from a datagram; undefined where it is no ServerHello. */
function take(client: NoiseClient, datagram: Uint8Array): ServerAnswer | undefined {
  const header = decoded(datagram);
  return header && client.onServerHello(datagram, header);
}

Deno.test("NoiseClient and NoiseServer agree on keys, parameters and each other's identity", () => {
  const [client, server] = [makeClient(), makeServer()];
  const { datagram, token } = answer(server, client, { nowUs: 5_000 });
  assert.ok(token.length <= MAX_TOKEN_BYTES);
  const taken = take(client, datagram)!;
  assert.deepEqual(taken.parameters, PARAMETERS);
  assert.deepEqual(taken.resetToken, new ResetTokens(SERVER_KEY).of(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 9)));
  assert.deepEqual(taken.peer.key, new KeyPair(SERVER_KEY).publicKey);
  assert.ok(client.hello.length <= MAX_HANDSHAKE_BYTES && taken.handshake.length <= MAX_HANDSHAKE_BYTES);
  const proven = server.verify(5_300, token, BINDING)!;
  assert.equal(proven.tokenAgeUs, 300);
  const agreed = proven.agree(taken.handshake)!;
  assert.deepEqual(agreed.peer.key, new KeyPair(CLIENT_KEY).publicKey);
  assert.deepEqual(agreed.refusalKey, taken.refusalKey);
  const buffer = new Uint8Array(60).fill(5, 0, 44);
  taken.protection.seal(buffer, 10, 44, 0);
  assert.equal(agreed.protection.open(buffer, 10, 0), 44);
  assert.deepEqual(buffer.subarray(0, 44), new Uint8Array(44).fill(5));
  agreed.protection.seal(buffer, 10, 44, 0);
  assert.equal(taken.protection.open(buffer, 10, 0), 44);
});

Deno.test("NoiseServer makes a handshake of its own for each Hello, and the token of none is valid for another", () => {
  const [client, server] = [makeClient(), makeServer()];
  const [one, other] = [answer(server, client), answer(server, client)];
  assert.notDeepEqual(one.datagram, other.datagram);
  const { handshake } = take(client, one.datagram)!;
  assert.equal(server.verify(1, other.token, BINDING)!.agree(handshake), undefined);
  assert.notEqual(server.verify(1, one.token, BINDING)!.agree(handshake), undefined);
});

Deno.test("NoiseServer.verify accepts a whole token of its own, for its client, connection and lifetime alone", () => {
  const server = makeServer();
  const { token } = answer(server, makeClient(), { nowUs: 5_000 });
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

Deno.test("NoiseServer accepts no modified message, and no Hello that is too short", () => {
  const [client, server] = [makeClient(), makeServer()];
  const { datagram, token } = answer(server, client);
  const { handshake } = take(client, datagram)!;
  for (let at = 0; at < handshake.length; at++) {
    const changed = handshake.slice();
    changed[at]! ^= 1;
    assert.equal(server.verify(1, token, BINDING)!.agree(changed), undefined);
  }
  const writer = new Writer().reset(new Uint8Array(600));
  assert.equal(server.writeServerHello(0, writer, client.hello.subarray(1), BINDING), undefined);
});

Deno.test("NoiseClient accepts no ServerHello with any byte modified, and the genuine one afterwards", () => {
  const server = makeServer();
  const client = makeClient();
  const { datagram } = answer(server, client);
  for (let at = 0; at < datagram.length; at++) {
    const changed = datagram.slice();
    changed[at]! ^= 1;
    assert.equal(take(client, changed), undefined, `byte ${at}`);
  }
  assert.equal(take(client, Uint8Array.of(...datagram, 0)), undefined);
  assert.equal(take(client, datagram.slice(0, -1)), undefined);
  const ofAnother = answer(server, makeClient(8));
  assert.equal(take(makeClient(8), ofAnother.datagram), undefined, "the connection ID is part of the transcript");
  assert.notEqual(take(client, datagram), undefined, "the genuine one still passes");
});

Deno.test("NoiseClient reports malformed parameters in an authentic ServerHello", () => {
  const cases: readonly (readonly [body: readonly number[], malformed: RegExp])[] = [
    [[1, 2, 3], /reset token cut short/],
    [Array<number>(16).fill(1), /cut short/],
    [[...Array<number>(16).fill(1), 0], /parameter 1 missing/],
  ];
  for (const [body, expected] of cases) {
    const client = makeClient();
    const responder = new Handshake({
      role: "responder",
      prologue: Uint8Array.of(0x53, 0x4c, 0, 1, ...CLIENT_ID),
      staticKey: new KeyPair(SERVER_KEY),
      ephemeralKey: new Uint8Array(32).fill(4),
    });
    assert.notEqual(responder.readMessage(client.hello), undefined);
    const handshake = responder.writeMessage(Uint8Array.from(body))!;
    const buffer = new Uint8Array(600);
    const fields = { destinationId: CLIENT_ID, sourceId: 9, token: new Uint8Array(5), handshake };
    const length = writeServerHello(new Writer().reset(buffer), fields);
    const datagram = buffer.slice(0, sealServerHello(buffer, length, responder.chainingKey));
    const { parameters } = take(client, datagram)!;
    assert.ok("malformed" in parameters);
    assert.match(parameters.malformed, expected);
  }
});

/** Both sides' view of a handshake. */
function agreement(): { client: ServerAnswer; server: Agreement } {
  const [client, server] = [makeClient(), makeServer()];
  const { datagram, token } = answer(server, client);
  const taken = take(client, datagram)!;
  return { client: taken, server: server.verify(1, token, BINDING)!.agree(taken.handshake)! };
}

Deno.test("writeRefusalFor writes a Refusal that the client of the same handshake accepts, its reason truncated to fit", () => {
  const { client, server } = agreement();
  const buffer = new Uint8Array(600);
  const fields = { clientId: CLIENT_ID, code: 0x20, reason: "ä".repeat(200), refusalKey: server.refusalKey };
  const length = writeRefusalFor(new Writer().reset(buffer), fields);
  const datagram = buffer.slice(0, length);
  const packet = decodePacket(datagram);
  assert.ok(packet?.packet === "refusal");
  assert.equal(packet.to, "0000000000000007");
  assert.equal(packet.code, 0x20);
  assert.equal(packet.reason, "ä".repeat(MAX_REFUSAL_BYTES / 2));
  const macStart = decoded(datagram)!.headerEnd;
  assert.equal(isRefusalAuthentic(datagram, macStart, client.refusalKey), true);
  assert.equal(isRefusalAuthentic(datagram, macStart, client.resetToken), false);
});

Deno.test("NoiseServer.isCookie accepts its own cookie, for the same client and not for long, and no token", () => {
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
  const { token } = answer(server, makeClient(), { nowUs: 5_000, binding: { ...BINDING, serverId: 1 } });
  assert.equal(server.isCookie(5_100, token, client), false);
});
