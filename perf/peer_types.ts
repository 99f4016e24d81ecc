/**
 * The tasks of a transfer's endpoints, and the interface of a protocol under measurement.
 *
 * @module
 */

import type { SenderStats } from "./lines.ts";

/** The protocol that carries the file. */
export type Protocol = "sluice" | "tcp" | "quic";

/** The part that both endpoints have in common. */
interface PeerTask {
  readonly protocol: Protocol;
  /** The server's address, or the relay's: an IP literal. */
  readonly host: string;
  /** A link is emulated on this machine: datagrams are no larger than Ethernet's, as they are not on loopback. */
  readonly isLink: boolean;
  /** The server's certificate, as PEM; only for QUIC. */
  readonly certificate?: string;
}

/** The task of a server. */
export interface ServerTask extends PeerTask {
  /** The folder of its files. */
  readonly root: string;
  /** The certificate's private key, as PEM. */
  readonly privateKey?: string;
}

/** The task of a client. */
export interface ClientTask extends PeerTask {
  readonly port: number;
  readonly direction: "up" | "down";
  /** The file to send, or the path for the one to get, which has this name in the server's folder. */
  readonly file: string;
}

/** What a server calls. */
export interface ServerHooks {
  readonly onListening: (port: number) => void;
  readonly onBegin: () => void;
  /** The transfer is verified. */
  readonly onEnd: (sender?: SenderStats) => void;
}

/** The endpoints of a protocol. */
export interface Peer {
  /** Runs a server; does not resolve while it serves. */
  serve(task: ServerTask, hooks: ServerHooks): Promise<void>;
  /** Makes one transfer; `onEnd` is called when it is verified, with the sender's statistics if it has them. */
  transfer(task: ClientTask, onEnd: (sender?: SenderStats) => void): Promise<void>;
}
