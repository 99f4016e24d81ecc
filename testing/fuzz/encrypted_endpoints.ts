/**
 * One input for a live end that encrypts, as those of `ends.ts` that do not: a server that hears a stranger, who may know
 * a good token and a cookie; what a client hears before it has a server, and before that has answered it; what stands
 * inside of the server's message of the handshake; and, under the keys of both sides, hostile frames.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { Random } from "../../base/random.ts";
import { AMPLIFICATION_FACTOR } from "../../protocol/limits.ts";
import { refusalMac } from "../../protocol/handshake/reset_tokens.ts";
import { CRC32_BYTES } from "../../protocol/wire/crc32.ts";
import {
  MAX_TOKEN_BYTES,
  PacketHeader,
  PacketType,
  RESET_TOKEN_BYTES,
  Version,
  writeClientFinishHeader,
  writeCookie,
  writeHello,
  writeRefusal,
  writeTokenReset,
} from "../../protocol/wire/packet.ts";
import { encodeParameters } from "../../protocol/wire/parameters.ts";
import { encodeFrames, encodePacket, fromHex } from "../wire_values.ts";
import { idOf, makePayload } from "./endpoints.ts";
import { anyFrames, anyPacket, anyParameters, anyText, mutated, resealed } from "./input.ts";
import type { Opened } from "../hostile/man_in_the_middle.ts";
import { CLIENT, SERVER, Session } from "../hostile/session.ts";
import { bucket, type InputTarget, written } from "./target.ts";

/** A server that has one handshake a second asks the next stranger to prove his address. */
const CROWDED = { isEncrypted: true, limits: { maxHandshakes: 1 } } as const;
const SEALED = { isEncrypted: true } as const;

/** Of what a Refusal says before its MAC. */
const REFUSAL_HEADER_BYTES = 13;

/** The live ends by name. */
export const SEALED_ENDS: readonly (readonly [string, InputTarget])[] = [
  ["sealed-stranger", {
    kind: "input",
    make: makeStranger,
    finish: (random, input) => input[0] === PacketType.hello && random.chance(0.8) ? resealed(input) : input,
    feed: feedStranger,
  }],
  ["sealed-handshake", { kind: "input", make: makeAnswer, finish: finishAnswer, feed: feedHandshake }],
  ["server-hello-message", { kind: "input", make: makeServerHelloMessage, feed: feedServerHelloMessage }],
  ["sealed-server", { kind: "input", make: makePayload, feed: (input) => established().feed("server", input) }],
  ["sealed-client", { kind: "input", make: makePayload, feed: (input) => established().feed("client", input) }],
];

function established(): Session {
  return Session.established(SEALED);
}

/** What somebody knows who has asked this server before: always the same. */
interface Known {
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
  const meeting = new Session(SEALED);
  const { client, interceptor } = meeting;
  const answer = meeting.sayHello();
  const serverHello = interceptor.open(answer, "client")!;
  meeting.hearServerHello(answer);
  const clientFinish = interceptor.open(meeting.sayRequests()[0]!, "server")!;
  const { handshakeEnd, handshakeStart } = decoded(clientFinish.seal(clientFinish.body));
  const { sourceIdStart, tokenEnd, tokenStart } = decoded(answer);
  return {
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

/** The cookie that a crowded server gives to the client of a meeting. */
function askedForProof(): Uint8Array {
  const answer = crowdedMeeting().sayHello();
  const { tokenEnd, tokenStart, type } = decoded(answer);
  assert.equal(type, PacketType.cookie);
  return answer.slice(tokenStart, tokenEnd);
}

/** A meeting with a server that has no time for strangers. */
function crowdedMeeting(): Session {
  const meeting = new Session(CROWDED);
  const handshake = new Uint8Array(32).fill(9);
  const hello = written((writer) => writeHello(writer, { version: Version.encrypted, sourceId: 5, handshake }));
  meeting.server.endpoint.handleDatagram(0, hello, "192.0.2.77:7000");
  return meeting;
}

// --- strangers ---

/** What a stranger may say, who may have talked to the server before. */
function makeStranger(random: Random): Uint8Array {
  const { clientId, cookie, clientFinish, message, serverId, token } = whatIsKnown();
  switch (random.integer(0, 4)) {
    case 0:
    case 1: {
      const sourceId = parseInt(clientId, 16);
      const handshake = random.bytes(random.chance(0.8) ? 32 : random.integer(0, 100));
      const bytes = random.chance(0.5) ? cookie : random.bytes(random.integer(0, 60));
      return written((writer) =>
        writeHello(writer, { version: Version.encrypted, sourceId, handshake, cookie: bytes })
      );
    }
    case 2:
      return clientFinish.seal(makePayload(random), random.integer(0, 3));
    case 3: {
      const header = {
        version: Version.encrypted,
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
function feedStranger(input: Uint8Array): Set<string> {
  const features = new Set<string>();
  for (const [name, meeting] of [["idle", new Session(SEALED)], ["crowded", crowdedMeeting()]] as const) {
    // So that the token that is known is one of this server's.
    meeting.sayHello();
    const { server } = meeting;
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
      assert.deepEqual(said, whatIsKnown().message, "a stranger has a connection");
      for (const feature of meeting.acceptAndEnd(result.connection!)) features.add(`${name} ${feature}`);
    }
  }
  return features;
}

// --- answers ---

/** What a client may hear in the server's place, from somebody who knows what only the server can. */
function makeAnswer(random: Random): Uint8Array {
  const { clientId, resetToken, serverHello, serverId } = whatIsKnown();
  const to = fromHex(clientId);
  switch (random.integer(0, 4)) {
    case 0:
      return serverHello.seal(Uint8Array.of(...resetToken, ...encodeParameters(anyParameters(random))));
    case 1:
      return written((writer) => writeCookie(writer, to, random.bytes(random.integer(0, MAX_TOKEN_BYTES))));
    case 2: {
      const text = new TextEncoder().encode(anyText(random)).subarray(0, 256);
      return written((writer) => writeRefusal(writer, { destinationId: to, mac: refusalMac(resetToken, text), text }));
    }
    case 3:
      return written((writer) => writeTokenReset(writer, serverId, random.chance(0.7) ? resetToken : random.bytes(16)));
    default:
      return encodePacket({ ...anyPacket(random), to: clientId } as Parameters<typeof encodePacket>[0]);
  }
}

/** Checks that are right, so that what is behind them is reached. */
function finishAnswer(random: Random, input: Uint8Array): Uint8Array {
  if (random.chance(0.1)) return input;
  const [type] = input;
  const textStart = REFUSAL_HEADER_BYTES + RESET_TOKEN_BYTES;
  if (type === PacketType.refusal && input.length >= textStart) {
    const out = input.slice();
    out.set(refusalMac(whatIsKnown().resetToken, out.subarray(textStart)), REFUSAL_HEADER_BYTES);
    return out;
  }
  const hasChecksum = type !== PacketType.reset && type !== PacketType.data;
  return hasChecksum && input.length > CRC32_BYTES ? resealed(input) : input;
}

/** To a client that has said Hello, to one that has said all that a ClientFinish packet carries, and to one that is served. */
function feedHandshake(input: Uint8Array): Set<string> {
  const features = new Set<string>();
  const greeting = new Session(SEALED);
  greeting.sayHello();
  const asking = new Session(SEALED);
  asking.hearServerHello(asking.sayHello());
  asking.sayRequests();
  for (const [name, meeting] of [["greeting", greeting], ["asking", asking], ["served", established()]] as const) {
    for (const feature of meeting.feedDatagram(meeting.client, input, SERVER)) features.add(`${name}: ${feature}`);
  }
  return features;
}

// --- inside of the server's message ---

/** A reset token and parameters. */
function makeServerHelloMessage(random: Random): Uint8Array {
  return Uint8Array.of(...random.bytes(RESET_TOKEN_BYTES), ...encodeParameters(anyParameters(random)));
}

function feedServerHelloMessage(input: Uint8Array): Set<string> {
  const meeting = new Session(SEALED);
  const serverHello = meeting.interceptor.open(meeting.sayHello(), "client")!;
  // They wait for the answer, and what goes out then is what it allows.
  meeting.sayRequests();
  return meeting.feedDatagram(meeting.client, serverHello.seal(input), SERVER);
}

function decoded(datagram: Uint8Array): PacketHeader {
  const header = new PacketHeader();
  assert(header.decode(datagram), "a packet of ours does not decode");
  return header;
}
