/**
 * What lives on a simulated network, and what a network tells of it.
 *
 * @module
 */

/** A datagram that a node sends. The object may be reused for the next. */
export interface Transmit {
  /** Bytes written to the buffer. */
  readonly length: number;
  readonly to: string;
  /** One of the node's addresses. */
  readonly from: string;
}

/** Something with addresses that lives on the network. */
export interface SimNode {
  /** As the node itself knows them, such as "10.0.0.1:4000". Read once, when it is added. */
  readonly addresses: readonly string[];
  /** A datagram arrived; the bytes are valid during the call alone. */
  receive(nowUs: number, datagram: Uint8Array, from: string, to: string): void;
  /** Writes the next datagram to `buffer`; undefined where there is none to send now. */
  pollTransmit(nowUs: number, buffer: Uint8Array): Transmit | undefined;
  /** When {@link handleTimeout} is due, in microseconds; Infinity for never. */
  pollTimeout(): number;
  handleTimeout(nowUs: number): void;
  /** Is given, when it is added, what sends from its first address in the middle of whatever it does. */
  attach?(send: SendDatagram): void;
}

/** Sends a datagram; the bytes are copied. */
export type SendDatagram = (datagram: Uint8Array, to: string) => void;

/** Names a node of one network. */
export type NodeId = number;

/** What happened, for debugging. The bytes are valid during the call alone. */
export interface TraceEvent {
  /**
   * `transmit`: a node sent a datagram; `deliver`: a node got one; `timeout`: a node's deadline came; `unroutable`:
   * a datagram to an address that is nobody's (any more), or that no link leads to.
   */
  readonly kind: "transmit" | "deliver" | "timeout" | "unroutable";
  readonly nowUs: number;
  /** The node that did it; -1 for `unroutable`. */
  readonly node: NodeId;
  /** As the network sees it, after rebinding; as is `to`. Empty for `timeout`. */
  readonly from: string;
  readonly to: string;
  readonly bytes: Uint8Array;
  /** For `transmit`: how many will arrive; 0 where the link loses it. */
  readonly copies: number;
}
