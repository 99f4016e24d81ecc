import assert from "node:assert/strict";
import { ConnectionState } from "../../../../protocol/connection_state.ts";
import { DEFAULT_CONFIG } from "../../../../protocol/config.ts";
import { ClientHandshake, localParameters } from "../../../../protocol/handshake/client_handshake.ts";
import { NoiseClient, NoiseServer, writeRefusalFor } from "../../../../protocol/handshake/noise_handshake.ts";
import { KeyPair } from "../../../../protocol/crypto/x25519.ts";
import { Random } from "../../../../base/random.ts";
import { Writer } from "../../../../base/bytes.ts";
import {
  PacketHeader,
  PacketType,
  VERSION,
  writeCookie,
  writeRefusal,
  writeReset,
  writeVersionNegotiation,
} from "../../../../protocol/wire/packet.ts";

const CLIENT_ID = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 7);
const SERVER_ID = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 9);
const SERVER_KEY = new Uint8Array(32).fill(1);
const RESET_TOKEN = new Uint8Array(16).fill(4);
const PARAMETERS = localParameters(DEFAULT_CONFIG);

function makeNoise(): NoiseClient {
  return new NoiseClient({
    localId: 7,
    staticKey: new Uint8Array(32).fill(2),
    ephemeralKey: new Uint8Array(32).fill(3),
  });
}

function makeHandshake(nowUs: number, expectedKey?: Uint8Array): ClientHandshake {
  return new ClientHandshake({ localId: 7, nowUs, noise: makeNoise(), expectedKey });
}

interface Received {
  readonly datagram: Uint8Array;
  readonly header: PacketHeader;
}

function received(write: (writer: Writer) => number): Received {
  const buffer = new Uint8Array(600);
  const datagram = buffer.slice(0, write(new Writer().reset(buffer)));
  const header = new PacketHeader();
  assert.ok(header.decode(datagram));
  return { datagram, header };
}

const random = new Random(1);
const SERVER = new NoiseServer({
  staticKey: SERVER_KEY,
  secret: random.bytes(32),
  tokenLifetimeUs: 1_000_000,
  parameters: PARAMETERS,
  randomBytes: (count) => random.bytes(count),
  resetTokenOf: () => RESET_TOKEN,
});
const BINDING = { address: "192.0.2.1:5", clientId: CLIENT_ID, serverId: 9 };

function serverHello(): Received {
  return received((writer) => SERVER.writeServerHello(0, writer, makeNoise().hello, BINDING)!);
}

/** A handshake that has its ServerHello, and the key of the server's Refusal. */
function answered(): { handshake: ClientHandshake; refusalKey: Uint8Array } {
  const handshake = makeHandshake(0);
  const { datagram, header } = serverHello();
  const result = handshake.onServerHello(1, datagram, header);
  assert.ok(result !== undefined && "token" in result);
  return { handshake, refusalKey: SERVER.verify(1, result.token, BINDING)!.agree(result.handshake)!.refusalKey };
}

Deno.test("ClientHandshake.pollHello sends a full-size Hello immediately, then after 300 ms, then every 600 ms", () => {
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
  assert.ok(result !== undefined && "token" in result);
  assert.deepEqual(result.token, datagram.slice(header.tokenStart, header.tokenEnd));
  assert.deepEqual([result.serverId, result.parameters, result.resetToken], [SERVER_ID, PARAMETERS, RESET_TOKEN]);
  assert.deepEqual([result.rttUs, result.leastRttUs], [80_000, 80_000]);
  const twice = makeHandshake(0);
  twice.pollHello(0, new Uint8Array(1500));
  twice.pollHello(300_000, new Uint8Array(1500));
  const ambiguous = twice.onServerHello(310_000, datagram, header);
  assert.ok(ambiguous !== undefined && "rttUs" in ambiguous);
  assert.equal(ambiguous.rttUs, 0, "which Hello it answers is not known");
  assert.equal(ambiguous.leastRttUs, 10_000, "but not a later one than the last");
});

Deno.test("ClientHandshake.onServerHello ends the attempt if the server's key is not the expected one", () => {
  const expected = new Uint8Array(32).fill(9);
  const { datagram, header } = serverHello();
  const actual = new KeyPair(SERVER_KEY).publicKey;
  assert.deepEqual(makeHandshake(0, expected).onServerHello(1, datagram, header), {
    kind: "server-key",
    expected,
    actual,
  });
  const result = makeHandshake(0, actual).onServerHello(1, datagram, header);
  assert.ok(result !== undefined && "token" in result);
});

Deno.test("ClientHandshake.onServerHello ignores a corrupted ServerHello, and accepts the genuine one afterwards", () => {
  const handshake = makeHandshake(0);
  const { datagram, header } = serverHello();
  const damaged = datagram.slice();
  damaged[damaged.length - 1]! ^= 1;
  assert.equal(handshake.onServerHello(1, damaged, header), undefined);
  assert.notEqual(handshake.onServerHello(1, datagram, header), undefined);
});

Deno.test("ClientHandshake.onVerdict takes a VersionNegotiation without our version, while a Hello is out", () => {
  const negotiation = (...versions: number[]): Received =>
    received((writer) => writeVersionNegotiation(writer, { destinationId: CLIENT_ID, sourceId: CLIENT_ID, versions }));
  const handshake = makeHandshake(0);
  const { datagram, header } = negotiation(5, 6);
  const ours = negotiation(5, VERSION);
  assert.equal(handshake.onVerdict(ours.datagram, ours.header, ConnectionState.helloSent), "out of place");
  assert.equal(handshake.onVerdict(datagram, header, ConnectionState.finishSent), "out of place");
  assert.deepEqual(handshake.onVerdict(datagram, header, ConnectionState.helloSent), {
    kind: "version",
    supported: [5, 6],
  });
  assert.equal(handshake.onVerdict(datagram.subarray(0, -1), header, ConnectionState.helloSent), "malformed");
});

Deno.test("ClientHandshake.onVerdict takes a Refusal that only the server of this handshake can make", () => {
  const { handshake, refusalKey } = answered();
  const refusal = (key: Uint8Array, code = 2): Received =>
    received((writer) => writeRefusalFor(writer, { clientId: CLIENT_ID, code, reason: "full", refusalKey: key }));
  // Anyone can obtain the reset token, which authenticates only a Reset.
  for (const key of [RESET_TOKEN, new Uint8Array(32)]) {
    const { datagram, header } = refusal(key);
    assert.equal(handshake.onVerdict(datagram, header, ConnectionState.finishSent), "damaged");
  }
  const forged = received((writer) =>
    writeRefusal(writer, { destinationId: CLIENT_ID, mac: RESET_TOKEN, code: 2, reason: new Uint8Array(4) })
  );
  assert.equal(handshake.onVerdict(forged.datagram, forged.header, ConnectionState.finishSent), "damaged");
  const { datagram, header } = refusal(refusalKey);
  for (const state of [ConnectionState.helloSent, ConnectionState.established]) {
    assert.equal(handshake.onVerdict(datagram, header, state), "out of place");
  }
  const ending = { kind: "peer", isApplication: false, code: 2, reason: "full" };
  assert.deepEqual(handshake.onVerdict(datagram, header, ConnectionState.finishSent), ending);
  for (const [sent, code] of [[0x20, 0x20], [0, 2], [0xff, 2]] as const) {
    const { datagram, header } = refusal(refusalKey, sent);
    assert.deepEqual(handshake.onVerdict(datagram, header, ConnectionState.finishSent), { ...ending, code });
  }
});

Deno.test("ClientHandshake.onVerdict takes a Reset with the server's token, once it knows that", () => {
  const reset = (token: Uint8Array): Received => received((writer) => writeReset(writer, SERVER_ID, token));
  const { datagram, header } = reset(RESET_TOKEN);
  assert.equal(makeHandshake(0).onVerdict(datagram, header, ConnectionState.finishSent), "out of place");
  const { handshake } = answered();
  assert.deepEqual(handshake.onVerdict(datagram, header, ConnectionState.established), { kind: "reset" });
  const other = reset(RESET_TOKEN.map((byte, i) => i === 15 ? byte ^ 1 : byte));
  assert.equal(handshake.onVerdict(other.datagram, other.header, ConnectionState.established), "damaged");
});

Deno.test("ClientHandshake.onCookie takes one Cookie between two scheduled Hellos", () => {
  const handshake = makeHandshake(0);
  const { datagram, header } = received((writer) => writeCookie(writer, CLIENT_ID, Uint8Array.of(1, 2)));
  assert.equal(handshake.onCookie(datagram, header), "out of place", "no Hello was sent");
  const buffer = new Uint8Array(1500);
  handshake.pollHello(0, buffer);
  assert.equal(handshake.onCookie(datagram, header), undefined);
  assert.equal(handshake.onCookie(datagram, header), "out of place");
  assert.equal(handshake.pollHello(1, buffer), 1200, "it is sent at once");
  const hello = new PacketHeader();
  assert.ok(hello.decode(buffer.subarray(0, 1200)));
  assert.deepEqual(buffer.slice(hello.tokenStart, hello.tokenEnd), Uint8Array.of(1, 2));
  handshake.pollHello(300_000, buffer);
  assert.equal(handshake.onCookie(datagram, header), undefined);
});
