/**
 * The nodes of a simulated network, and the trace of its events.
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

/** A host on the network. */
export interface SimNode {
  /** As the node itself knows them, such as "10.0.0.1:4000". Read once, when the node is added. */
  readonly addresses: readonly string[];
  /** A datagram arrived; the bytes are valid only during the call. */
  receive(nowUs: number, datagram: Uint8Array, from: string, to: string): void;
  /** Writes the next datagram to `buffer`; undefined if there is none to send now. */
  pollTransmit(nowUs: number, buffer: Uint8Array): Transmit | undefined;
  /** When {@link handleTimeout} is due, in microseconds; Infinity for never. */
  pollTimeout(): number;
  handleTimeout(nowUs: number): void;
  /** Called when the node is added: `send` sends from its first address at any time. */
  attach?(send: SendDatagram): void;
}

/** Sends a datagram; the bytes are copied. */
export type SendDatagram = (datagram: Uint8Array, to: string) => void;

/** Identifies a node of one network. */
export type NodeId = number;

/** An event of the network, for debugging. The bytes are valid only during the call. */
export interface TraceEvent {
  /**
   * `transmit`: a node sent a datagram; `deliver`: a node received one; `timeout`: a node's deadline passed;
   * `unroutable`: a datagram to an address that no node has, or that no link leads to.
   */
  readonly kind: "transmit" | "deliver" | "timeout" | "unroutable";
  readonly nowUs: number;
  /** The node that sent, received or timed out; -1 for `unroutable`. */
  readonly node: NodeId;
  /** As the network sees it, after rebinding; as is `to`. Empty for `timeout`. */
  readonly from: string;
  readonly to: string;
  readonly bytes: Uint8Array;
  /** For `transmit`: how many copies will arrive; 0 if the link loses it. */
  readonly copies: number;
}
