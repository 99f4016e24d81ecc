/**
 * What both ends of a transfer are told, and what a way to carry files has to do.
 *
 * @module
 */

import type { SenderStats } from "./lines.ts";

/** What carries the file. */
export type Protocol = "sluice" | "tcp" | "quic";

/** What both ends are told. What is to be set for the engine, such as its congestion control, goes here. */
interface PeerTask {
  readonly protocol: Protocol;
  /** The server's address, or whose it seems to be: an IP literal. */
  readonly host: string;
  /** There is a link between both ends, though they are on one machine: its datagrams are no larger than Ethernet's. */
  readonly isLink: boolean;
  /** The server's certificate, as PEM; of QUIC alone. */
  readonly certificate?: string;
}

/** What a server is told. */
export interface ServerTask extends PeerTask {
  /** The folder of its files. */
  readonly root: string;
  /** The certificate's private key, as PEM. */
  readonly privateKey?: string;
}

/** What a client is told. */
export interface ClientTask extends PeerTask {
  readonly port: number;
  readonly direction: "up" | "down";
  /** What it sends, or where it puts what it gets: a file of this name in the server's folder. */
  readonly file: string;
}

/** What a server says while it serves. */
export interface ServerHooks {
  readonly onListening: (port: number) => void;
  readonly onBegin: () => void;
  /** The transfer is verified. */
  readonly onEnd: (sender?: SenderStats) => void;
}

/** A way to carry files. */
export interface Peer {
  /** Serves from now on. */
  serve(task: ServerTask, hooks: ServerHooks): Promise<void>;
  /** Makes one transfer, from connecting to the verified end. Resolves with what the sender knows, if that is we. */
  transfer(task: ClientTask, onEnd: (sender?: SenderStats) => void): Promise<void>;
}
