/**
 * One input for a live endpoint: a server that hears an unvalidated address, whose sender may know a valid token and a
 * cookie; a client that waits for its ServerHello, one that waits for the server's first Data packet, and one that is
 * connected; the inside of the server's handshake message; and, under the keys of both sides, hostile frames for an
 * established connection with requests under way. Each input finds the endpoint in the same state
 * (`testing/hostile/session.ts`).
 *
 * @module
 */

import assert from "node:assert/strict";
import { NetAddress } from "../../base/net_address.ts";
import type { Random } from "../../base/random.ts";
import { AMPLIFICATION_FACTOR } from "../../protocol/limits.ts";
import {
  MAC_BYTES,
  MAX_TOKEN_BYTES,
  PacketHeader,
  PacketType,
  RESET_TOKEN_BYTES,
  writeClientFinishHeader,
  writeCookie,
  writeHello,
  writeRefusal,
  writeReset,
} from "../../protocol/wire/packet.ts";
import { encodeParameters } from "../../protocol/wire/parameters.ts";
import type { Connection } from "../../protocol/mod.ts";
import { encodeMessage } from "../../transfer/message_encoder.ts";
import { encodeFrames, encodePacket, type FrameValue, fromHex } from "../wire_values.ts";
import { anyFrame, anyFrames, anyMessage, anyPacket, anyParameters, anyText, mutated } from "./input.ts";
import { idBytes, type ManInTheMiddle, type Opened } from "../hostile/man_in_the_middle.ts";
import { CLIENT, SERVER, Session } from "../hostile/session.ts";
import { bucket, type InputTarget, written } from "./target.ts";

/** A server that does one handshake a second asks the next client to validate its address. */
const CROWDED = { limits: { maxHandshakes: 1 } } as const;

/** The live endpoints by name. */
export const ENDPOINTS: readonly (readonly [string, InputTarget])[] = [
  ["unvalidated-address", { kind: "input", make: makeFromUnvalidated, feed: feedFromUnvalidated }],
  ["handshake", { kind: "input", make: makeAnswer, finish: finishAnswer, feed: feedHandshake }],
  ["server-hello-message", { kind: "input", make: makeServerHelloMessage, feed: feedServerHelloMessage }],
  ["server", { kind: "input", make: makePayload, feed: (input) => Session.established().feed("server", input) }],
  ["client", { kind: "input", make: makePayload, feed: (input) => Session.established().feed("client", input) }],
];

/** What a sender knows that has asked this server before: always the same. */
interface Known {
  readonly manInTheMiddle: ManInTheMiddle;
  /** In hex. */
  readonly clientId: string;
  readonly serverId: Uint8Array;
  readonly token: Uint8Array;
  readonly resetToken: Uint8Array;
  /** The server's ServerHello, to be sealed with another answer. */
  readonly serverHello: Opened;
  /** The first ClientFinish packet, to be sealed with other frames. */
  readonly clientFinish: Opened;
  /** The message of the handshake in it. */
  readonly message: Uint8Array;
  /** Of a server that is crowded. */
  readonly cookie: Uint8Array;
}

let known: Known | undefined;

function whatIsKnown(): Known {
  return known ??= askAround();
}

function askAround(): Known {
  const session = new Session();
  const { client, manInTheMiddle } = session;
  const answer = session.sayHello();
  const serverHello = manInTheMiddle.open(answer, "client")!;
  session.hearServerHello(answer);
  const clientFinish = manInTheMiddle.open(session.sayRequests()[0]!, "server")!;
  const { handshakeEnd, handshakeStart } = decoded(clientFinish.seal(clientFinish.body));
  const { sourceIdStart, tokenEnd, tokenStart } = decoded(answer);
  return {
    manInTheMiddle,
    clientId: idOf(client.connection!),
    serverId: answer.slice(sourceIdStart, sourceIdStart + 8),
    token: answer.slice(tokenStart, tokenEnd),
    resetToken: serverHello.body.slice(0, RESET_TOKEN_BYTES),
    serverHello,
    clientFinish,
    message: clientFinish.seal(clientFinish.body).slice(handshakeStart, handshakeEnd),
    cookie: askedForProof(),
  };
}

/** The cookie that a crowded server gives to the client of a session. */
function askedForProof(): Uint8Array {
  const answer = crowdedSession().sayHello();
  const { tokenEnd, tokenStart, type } = decoded(answer);
  assert.equal(type, PacketType.cookie);
  return answer.slice(tokenStart, tokenEnd);
}

/** A session with a server that validates addresses. */
function crowdedSession(): Session {
  const session = new Session(CROWDED);
  const handshake = new Uint8Array(32).fill(9);
  const hello = written((writer) => writeHello(writer, { sourceId: 5, handshake }));
  session.server.endpoint.handleDatagram(0, hello, NetAddress.parse("192.0.2.77:7000"));
  return session;
}

// --- unvalidated addresses ---

/** What a sender may send that may have talked to the server before. */
function makeFromUnvalidated(random: Random): Uint8Array {
  const { clientId, cookie, clientFinish, message, serverId, token } = whatIsKnown();
  switch (random.integer(0, 4)) {
    case 0:
    case 1: {
      const sourceId = parseInt(clientId, 16);
      const handshake = random.bytes(random.chance(0.8) ? 32 : random.integer(0, 100));
      const bytes = random.chance(0.5) ? cookie : random.bytes(random.integer(0, 60));
      return written((writer) => writeHello(writer, { sourceId, handshake, cookie: bytes }));
    }
    case 2:
      return clientFinish.seal(makePayload(random), random.integer(0, 3));
    case 3: {
      const header = {
        destinationId: serverId,
        sourceId: parseInt(clientId, 16),
        token: random.chance(0.7) ? token : random.bytes(random.integer(0, MAX_TOKEN_BYTES)),
        handshake: random.chance(0.5) ? message : mutated(random, message).subarray(0, 200),
        packetNumber: random.integer(0, 100),
      };
      return written((writer) => {
        writeClientFinishHeader(writer, header);
        writer.bytes(encodeFrames(anyFrames(random)));
      });
    }
    default:
      return encodePacket(anyPacket(random));
  }
}

/** To a server with time, and to one without. */
function feedFromUnvalidated(input: Uint8Array): Set<string> {
  const features = new Set<string>();
  for (const [name, session] of [["idle", new Session()], ["crowded", crowdedSession()]] as const) {
    // So that the token that is known is one of this server's.
    session.sayHello();
    const { server } = session;
    server.nowUs = 20_000;
    const result = server.endpoint.handleDatagram(server.nowUs, input.slice(), CLIENT);
    const { answer, kind, reason = "" } = result;
    features.add(`${name} ${kind} ${reason}`);
    if (kind === "answer") {
      assert(answer.length <= AMPLIFICATION_FACTOR * input.length, "an answer amplifies");
      features.add(`${name} answer ${answer[0]} to ${input[0]} of ${bucket(input.length)}`);
    }
    if (kind === "new-connection") {
      const { handshakeEnd, handshakeStart } = decoded(input);
      const said = input.subarray(handshakeStart, handshakeEnd);
      assert.deepEqual(said, whatIsKnown().message, "a forger has a connection");
      for (const feature of session.acceptAndEnd(result.connection!)) features.add(`${name} ${feature}`);
    }
  }
  return features;
}

// --- answers ---

/** What a client may hear from an attacker that knows what only the server can. */
function makeAnswer(random: Random): Uint8Array {
  const { clientId, resetToken, serverHello, serverId } = whatIsKnown();
  const to = fromHex(clientId);
  switch (random.integer(0, 4)) {
    case 0:
      return serverHello.seal(Uint8Array.of(...resetToken, ...encodeParameters(anyParameters(random))));
    case 1:
      return written((writer) => writeCookie(writer, to, random.bytes(random.integer(0, MAX_TOKEN_BYTES))));
    case 2: {
      const reason = new TextEncoder().encode(anyText(random)).subarray(0, 256);
      const mac = new Uint8Array(MAC_BYTES);
      return written((writer) =>
        writeRefusal(writer, { destinationId: to, mac, code: random.integer(0, 255), reason })
      );
    }
    case 3:
      return written((writer) => writeReset(writer, serverId, random.chance(0.7) ? resetToken : random.bytes(16)));
    default:
      return encodePacket({ ...anyPacket(random), to: clientId } as Parameters<typeof encodePacket>[0]);
  }
}

/** A Refusal has the MAC that it must have, so that the code behind the check is reached. */
function finishAnswer(random: Random, input: Uint8Array): Uint8Array {
  if (input[0] !== PacketType.refusal || random.chance(0.1)) return input;
  return whatIsKnown().manInTheMiddle.withRefusalMac(input);
}

/** To a client that has sent its Hello, to one that has sent its ClientFinish, and to one that is connected. */
function feedHandshake(input: Uint8Array): Set<string> {
  const features = new Set<string>();
  const greeting = new Session();
  greeting.sayHello();
  const asking = new Session();
  asking.hearServerHello(asking.sayHello());
  asking.sayRequests();
  for (
    const [name, session] of [["greeting", greeting], ["asking", asking], ["served", Session.established()]] as const
  ) {
    for (const feature of session.feedDatagram(session.client, input, SERVER)) features.add(`${name}: ${feature}`);
  }
  return features;
}

// --- inside of the server's message ---

/** A reset token and parameters. */
function makeServerHelloMessage(random: Random): Uint8Array {
  return Uint8Array.of(...random.bytes(RESET_TOKEN_BYTES), ...encodeParameters(anyParameters(random)));
}

function feedServerHelloMessage(input: Uint8Array): Set<string> {
  const session = new Session();
  const serverHello = session.manInTheMiddle.open(session.sayHello(), "client")!;
  // They wait for the answer, and what goes out then is what it allows.
  session.sayRequests();
  return session.feedDatagram(session.client, serverHello.seal(input), SERVER);
}

function decoded(datagram: Uint8Array): PacketHeader {
  const header = new PacketHeader();
  assert(header.decode(datagram), "a packet of ours does not decode");
  return header;
}

// --- frames ---

/** Frames among which streams carry messages. */
function makePayload(random: Random): Uint8Array {
  const frames = anyFrames(random).map((frame): FrameValue => {
    if (!random.chance(0.5)) return frame;
    const message = encodeMessage(anyMessage(random)).toHex();
    return random.chance(0.2)
      ? anyFrame(random)
      : { frame: "stream", streamId: random.integer(0, 4), offset: 0, data: message, fin: random.chance(0.5) };
  });
  return encodeFrames(frames);
}

/** A connection's own ID, in hex. */
function idOf(connection: Connection): string {
  return idBytes(connection.localId).toHex();
}
