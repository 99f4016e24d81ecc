/**
 * What makes a packet trustworthy, behind one interface: a checksum now, an AEAD once the handshake agrees on keys.
 *
 * @module
 */

/** Seals and opens the packets of one connection that carry frames (Data and ClientFinish). */
export interface PacketProtection {
  /** Bytes that {@link seal} adds after the payload. */
  readonly overheadBytes: number;
  /**
   * Seals the packet that starts at the beginning of `buffer`, with its header up to `headerEnd` and its frames up to
   * `payloadEnd`; the caller left {@link overheadBytes} of room after that. Returns the datagram's length.
   */
  seal(buffer: Uint8Array, headerEnd: number, payloadEnd: number, packetNumber: number): number;
  /**
   * Opens the packet that is the whole of `datagram`, in place. Returns where its frames end, or -1 where it is not
   * what was sealed.
   */
  open(datagram: Uint8Array, headerEnd: number, packetNumber: number): number;
  /** The connection is over: overwrites what is secret. */
  wipe(): void;
}
