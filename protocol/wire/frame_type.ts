/**
 * Frame types, and the sizes that bound frames (RFC 9000, section 19; `docs/PROTOCOL.md`, section 7).
 *
 * @module
 */

/**
 * Frame types. STREAM takes 0x08 to 0x0f: its low three bits say which fields follow.
 *
 * QUIC's DATA_BLOCKED, STREAM_DATA_BLOCKED and HANDSHAKE_DONE are left out of this protocol on purpose: a receiver
 * announces its limits reliably without being asked, and any Data packet confirms the handshake.
 */
export const FrameType = {
  padding: 0x00,
  ping: 0x01,
  ack: 0x02,
  resetStream: 0x04,
  stopSending: 0x05,
  stream: 0x08,
  maxData: 0x10,
  maxStreamData: 0x11,
  maxStreams: 0x12,
  pathChallenge: 0x1a,
  pathResponse: 0x1b,
  connectionClose: 0x1c,
  applicationClose: 0x1d,
  parameters: 0x20,
} as const;

/** What STREAM's low three type bits say (RFC 9000, section 19.8). */
export const StreamBit = {
  /** The frame ends the stream. */
  fin: 0x01,
  /** A length follows; without it the data run to the packet's end. */
  length: 0x02,
  /** An offset follows; without it the data start the stream. */
  offset: 0x04,
} as const;

/** Bytes of PATH_CHALLENGE's and PATH_RESPONSE's data. */
export const PATH_DATA_BYTES = 8;

/** The longest reason that CONNECTION_CLOSE carries, bytes of UTF-8. */
export const MAX_REASON_BYTES = 256;

/** No frame but ACK, STREAM, PARAMETERS and CONNECTION_CLOSE is longer: type and three 8-byte varints. */
export const MAX_CONTROL_FRAME_BYTES = 25;
