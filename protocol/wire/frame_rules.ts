/**
 * Which frames which side may send in which packet (`docs/PROTOCOL.md`, section 7.2; RFC 9000, section 12.4, table 3). Any other
 * is a PROTOCOL_VIOLATION.
 *
 * A ClientFinish packet is like QUIC's 0-RTT packet (RFC 9000, section 12.5): the client has received no packet with frames
 * yet, so it can acknowledge none and answer no challenge.
 *
 * @module
 */

import { FrameType } from "./frame.ts";

/** The packets that carry frames, by sender. */
export type FrameSource = "clientFinish" | "clientData" | "serverData";

/** The packets in which each frame may be. */
const SOURCES: Readonly<Record<keyof typeof FrameType, readonly FrameSource[]>> = {
  padding: ["clientFinish", "clientData", "serverData"],
  ping: ["clientFinish", "clientData", "serverData"],
  ack: ["clientData", "serverData"],
  resetStream: ["clientFinish", "clientData", "serverData"],
  stopSending: ["clientFinish", "clientData", "serverData"],
  stream: ["clientFinish", "clientData", "serverData"],
  maxData: ["clientFinish", "clientData", "serverData"],
  maxStreamData: ["clientFinish", "clientData", "serverData"],
  maxStreams: ["serverData"],
  pathChallenge: ["serverData"],
  pathResponse: ["clientData"],
  connectionClose: ["clientFinish", "clientData", "serverData"],
  applicationClose: ["clientFinish", "clientData", "serverData"],
  parameters: ["clientFinish"],
  zeros: ["clientFinish", "clientData", "serverData"],
  rateLimit: ["clientFinish", "clientData", "serverData"],
};

/** First bytes of frames: STREAM's eight types are one frame. */
const TYPES = 0x40;
const STREAM_TYPES = 8;

/** For each source, by the frame's first byte: 0 where the frame is known and forbidden. */
export const FRAME_RULES: Readonly<Record<FrameSource, Uint8Array>> = {
  clientFinish: ruleOf("clientFinish"),
  clientData: ruleOf("clientData"),
  serverData: ruleOf("serverData"),
};

function ruleOf(source: FrameSource): Uint8Array {
  const rule = new Uint8Array(TYPES).fill(1);
  for (const [name, type] of Object.entries(FrameType)) {
    const isAllowed = SOURCES[name as keyof typeof FrameType].includes(source);
    rule.fill(isAllowed ? 1 : 0, type, type + (type === FrameType.stream ? STREAM_TYPES : 1));
  }
  return rule;
}
