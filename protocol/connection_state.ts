/**
 * The states of a connection and what leads from one to the next, as data.
 *
 * ```
 *   client                                server
 *
 *   helloSent --ServerHello--> finishSent      (stateless until a ClientFinish's token is good)
 *                             |                    |
 *                    first Data packet        accepted
 *                             v                    v
 *                        established <-------------+
 *                         |        |
 *            close() or a |        | CONNECTION_CLOSE
 *            violation    v        v received
 *                      closing   draining
 *                         |        |
 *                     3 PTO later  |
 *                         v        v
 *                          closed <---- timeouts and Reset, from anywhere
 * ```
 *
 * @module
 */

import { invariant } from "../base/invariant.ts";

/** The states. */
export const ConnectionState = {
  /** Client: a Hello is out, no ServerHello has come. */
  helloSent: "hello-sent",
  /** Client: has the server's token, sends ClientFinish packets, has heard no Data packet. */
  finishSent: "finish-sent",
  /** Both sides may send Data packets. */
  established: "established",
  /** This side closed; it answers what still arrives with CONNECTION_CLOSE (RFC 9000, section 10.2.1). */
  closing: "closing",
  /** The peer closed; this side is silent (RFC 9000, section 10.2.2). */
  draining: "draining",
  /** Nothing is sent, nothing is heard, no timer runs. */
  closed: "closed",
} as const;

/** One of {@link ConnectionState}'s values. */
export type ConnectionState = (typeof ConnectionState)[keyof typeof ConnectionState];

const TRANSITIONS: Readonly<Record<ConnectionState, readonly ConnectionState[]>> = {
  "hello-sent": ["finish-sent", "closed"],
  "finish-sent": ["established", "closing", "draining", "closed"],
  "established": ["closing", "draining", "closed"],
  "closing": ["draining", "closed"],
  "draining": ["closed"],
  "closed": [],
};

/** Returns `to`, having checked that it follows from `from`. */
export function transition(from: ConnectionState, to: ConnectionState): ConnectionState {
  invariant(TRANSITIONS[from].includes(to), "a connection took a transition that its table does not have");
  return to;
}

/** Whether application data may be sent and received. */
export function isOpen(state: ConnectionState): boolean {
  return state === "finish-sent" || state === "established";
}
