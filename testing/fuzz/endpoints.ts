/**
 * One datagram for a live end that does not encrypt: an endpoint that hears a stranger, a client that waits for its
 * ServerHello, and both sides of an established connection with requests under way. Each input finds the end in the same
 * state (`meeting.ts`). Those that encrypt are in `sealed_ends.ts`.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { Random } from "../../base/random.ts";
import type { Connection } from "../../protocol/mod.ts";
import { AMPLIFICATION_FACTOR } from "../../protocol/limits.ts";
import { encodeFrames, encodePacket, type FrameValue } from "../wire_values.ts";
import { toHex } from "../../transfer/hex.ts";
import { encodeMessage } from "../../transfer/messages.ts";
import { anyFrame, anyFrames, anyMessage, anyPacket, anyParameters, resealed } from "./input.ts";
import { idBytes } from "../hostile/man_in_the_middle.ts";
import { CLIENT, SERVER, Session } from "../hostile/session.ts";
import { bucket, type InputTarget } from "./target.ts";

/** The live ends by name. */
export const ENDS: readonly (readonly [string, InputTarget])[] = [
  ["stranger", {
    kind: "input",
    make: (random) => encodePacket(anyPacket(random)),
    finish: (random, input) => random.chance(0.8) ? resealed(input) : input,
    feed: feedStranger,
  }],
  ["handshake", {
    kind: "input",
    make: makeAnswer,
    finish: (random, input) => random.chance(0.9) ? resealed(input) : input,
    feed: feedHandshake,
  }],
  ["server", { kind: "input", make: makePayload, feed: (input) => Session.established().feed("server", input) }],
  ["client", { kind: "input", make: makePayload, feed: (input) => Session.established().feed("client", input) }],
];

function feedStranger(input: Uint8Array): Set<string> {
  const { server } = new Session();
  const result = server.endpoint.handleDatagram(server.nowUs, input.slice(), CLIENT);
  assert(result.kind === "answer" || result.kind === "drop", "a stranger has a connection");
  if (result.kind === "drop") return new Set([result.reason!]);
  assert(result.answer.length <= AMPLIFICATION_FACTOR * input.length, "an answer amplifies");
  return new Set([`answer ${result.answer[0]} to ${input[0]} of ${bucket(input.length)}`]);
}

/** What a client that has said Hello may hear. */
function makeAnswer(random: Random): Uint8Array {
  const { client } = new Session();
  const to = idOf(client.connection!);
  const packet = anyPacket(random);
  if (packet.packet === "hello") {
    return encodePacket({ packet: "server-hello", to, from: 5, token: "", parameters: anyParameters(random) });
  }
  return encodePacket({ ...packet, to });
}

function feedHandshake(input: Uint8Array): Set<string> {
  const meeting = new Session();
  return meeting.feedDatagram(meeting.client, input, SERVER);
}

/** Frames among which streams carry messages. */
export function makePayload(random: Random): Uint8Array {
  const frames = anyFrames(random).map((frame): FrameValue => {
    if (!random.chance(0.5)) return frame;
    const message = toHex(encodeMessage(anyMessage(random)));
    return random.chance(0.2)
      ? anyFrame(random)
      : { frame: "stream", streamId: random.integer(0, 4), offset: 0, data: message, fin: random.chance(0.5) };
  });
  return encodeFrames(frames);
}

/** A connection's own ID, in hex. */
export function idOf(connection: Connection): string {
  return toHex(idBytes(connection.localId));
}
