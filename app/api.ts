/**
 * What the programs know of the engine: what can be asked of a client and of a server, what they report while they
 * work, and how they fail. `app/server/server.ts` and `app/client/client.ts` implement it, `cli/` speaks it to a person.
 *
 * Types and {@link SluiceError} only: nothing here does anything.
 *
 * @module
 */

import type { CongestionName, ConnectionStats, DropReason } from "../protocol/mod.ts";
import type { TransferredFile } from "../transfer/client/request.ts";
import type { TransferEvent } from "../transfer/events.ts";
import type { FailureKind } from "../transfer/failure.ts";
import type { FileInfo } from "../transfer/file_store.ts";
import type { AccessSource } from "./server/access.ts";
import type { ServerLimits } from "./server/limits.ts";

/** An operation failed. The message says what happened, to what, and what to do next. */
export class SluiceError extends Error {
  override readonly name = "SluiceError";
  constructor(readonly kind: FailureKind, message: string) {
    super(message);
  }
}

/** How far a transfer is. */
export interface Progress {
  /** The file as the caller named it. */
  readonly name: string;
  /** Bytes of the file that have arrived, as far as this side knows. */
  readonly transferredBytes: number;
  /** The file's size; 0 until known. */
  readonly totalBytes: number;
  readonly phase: "connecting" | "transferring" | "verifying";
}

/** A transfer that is done, verified and durable. */
export interface TransferReport extends TransferredFile {
  /** The file as the caller named it. */
  readonly name: string;
  readonly elapsedMs: number;
  /** UDP payload bytes that this side sent while the transfer ran. */
  readonly sentBytes: number;
  /** UDP payload bytes that this side received while the transfer ran. */
  readonly receivedBytes: number;
  /** Stream bytes that this side sent more than once. */
  readonly retransmittedBytes: number;
  /** Packets of this side that were declared lost. */
  readonly packetsLost: number;
  readonly smoothedRttMs: number;
}

/** What to do to datagrams, to try out what a bad network does. */
export interface FaultOptions {
  /** Share of datagrams that vanish, 0 to 1. */
  readonly drop: number;
  /** Share of datagrams in which 1 to 8 random bits are flipped, 0 to 1. */
  readonly corrupt: number;
  /** Share of datagrams that arrive twice, 0 to 1. */
  readonly duplicate: number;
  /** Share of datagrams that later ones overtake, 0 to 1. */
  readonly reorder: number;
  /** What every datagram is late by. */
  readonly delayUs: number;
  /** At most this much more; it wanders between 0 and this. */
  readonly jitterUs: number;
  /** Makes the same decisions again, datagram by datagram. Without it each run draws its own. */
  readonly seed?: number;
}

/** The counters of a connection, as they are when it is called. */
export type StatsReader = () => ConnectionStats;

/** How a side sends, to whomever. */
export interface SendingOptions {
  /** What decides how fast to send, where no rate is set. Default "bbr". */
  readonly congestion?: CongestionName;
  /**
   * Sends at this rate, bits per second of UDP payload, whatever is lost and whoever else is on the link. From 8 kbit/s
   * to 100 Gbit/s.
   */
  readonly rate?: number;
}

/** The server that must answer. */
export interface ExpectedServer {
  /** Its public key, 32 bytes. */
  readonly key: Uint8Array;
  /** Who says so, for the error, followed by the key: "Its key in known_servers is". */
  readonly source: string;
}

/** How to connect. */
export interface ClientOptions extends SendingOptions {
  /** Host name, or an IP literal without brackets; a name is resolved by the engine. */
  readonly host: string;
  readonly port: number;
  /** How long to wait for the server to answer, milliseconds. */
  readonly timeoutMs?: number;
  /** Sends and takes everything in the clear, if the server does that too. */
  readonly plaintext?: boolean;
  /** The private key by which servers know this client, 32 bytes; without one it has a new one each time. */
  readonly identity?: Uint8Array;
  /** A token that the server knows, which is shown to it without being sent. */
  readonly token?: Uint8Array;
  /** The only server that may answer; without it any. */
  readonly server?: ExpectedServer;
  /** Faults to inject into this side's traffic, for trying things out. */
  readonly simulate?: FaultOptions;
  /** Hears one line for each injected fault. */
  readonly onFault?: (line: string) => void;
  /** Gives up connecting. */
  readonly signal?: AbortSignal;
  /** Is given what reads the connection's counters, as soon as there is one. For measuring. */
  readonly onStats?: (read: StatsReader) => void;
}

/** How to send one file. */
export interface SendOptions {
  /** Name to store it under; the file's own without it. */
  readonly as?: string;
  /** Replace a file of that name on the server. */
  readonly overwrite?: boolean;
  readonly onProgress?: (progress: Progress) => void;
  /** Gives up: the server drops what it has, the promise rejects with kind `interrupted`. */
  readonly signal?: AbortSignal;
}

/** How to get one file. */
export interface GetOptions {
  /** Path to save it at; its own name in the current folder without it. */
  readonly output?: string;
  /** Replace an existing file. Without it an existing file stays and the new one is saved beside it. */
  readonly overwrite?: boolean;
  readonly onProgress?: (progress: Progress) => void;
  /** Gives up: nothing of the file stays, the promise rejects with kind `interrupted`. */
  readonly signal?: AbortSignal;
}

/**
 * One connection to a server; transfers on it may run at the same time. Every promise rejects with
 * {@link SluiceError}.
 */
export interface Client {
  /** The public key that the server has proven to hold; undefined where nothing is encrypted. */
  readonly serverKey: Uint8Array | undefined;
  send(path: string, options?: SendOptions): Promise<TransferReport>;
  get(name: string, options?: GetOptions): Promise<TransferReport>;
  list(): Promise<FileInfo[]>;
  stat(name: string): Promise<FileInfo>;
  /**
   * Sends at this rate from now on, transfers under way included, bits per second; undefined leaves it to congestion
   * control. Throws SluiceError (usage) where there is no such rate.
   */
  setRate(bitsPerSecond: number | undefined): void;
  /** Ends the connection. Idempotent. */
  close(): Promise<void>;
}

/** What to serve, and where. */
export interface ServerOptions extends SendingOptions {
  /** Address to listen on. */
  readonly host: string;
  /** Port to listen on; 0 lets the system choose. */
  readonly port: number;
  /** Folder of the files; created when it is not there. */
  readonly root: string;
  /** Take no files. */
  readonly readOnly?: boolean;
  /** The private key by which clients know this server, 32 bytes; without one it has a new one with each start. */
  readonly identity?: Uint8Array;
  /**
   * Who may do what. By default everybody everything, which is refused (usage) on an address that others can reach unless it
   * is asked for: "open".
   */
  readonly access?: AccessSource | "open";
  /** Takes clients that ask for no encryption, too; without an identity only those. */
  readonly plaintext?: boolean;
  /** Faults to inject into this side's traffic, for trying things out. */
  readonly simulate?: FaultOptions;
  readonly onEvent: (event: ServerEvent) => void;
  /** Bounds on what clients can make it do; see `limits.ts` for what they are and their defaults. */
  readonly limits?: Partial<ServerLimits>;
  /** Is given what reads the counters of each connection that a client makes. For measuring. */
  readonly onStats?: (read: StatsReader) => void;
}

/** The connection that an event is about. */
export interface EventOrigin {
  /** The client's address: `192.0.2.7:50000`, `[2001:db8::7]:50000`. */
  readonly client: string;
  /** The connection's number, counted from 1. */
  readonly id: number;
}

/** What happens on a server. Names and reasons may come from a peer: escape them before showing them. */
export type ServerEvent =
  /** Of a client's request. */
  | TransferEvent & EventOrigin
  /** Ready. `root` is absolute. */
  | {
    readonly kind: "listening";
    readonly host: string;
    readonly port: number;
    readonly root: string;
    /** The public key by which clients know it, see {@link formatKey}; undefined where nothing is encrypted. */
    readonly key: string | undefined;
    /** How many keys and tokens let somebody in; undefined where everybody may come in. */
    readonly entries: number | undefined;
  }
  /** Others on this machine can change the folder; `reason` says how, and what to do. Comes before "listening". */
  | { readonly kind: "exposed"; readonly reason: string }
  /** `user` is what his line calls him; undefined where everybody may come in. */
  | { readonly kind: "connected"; readonly user: string | undefined } & EventOrigin
  /** A client is not let in. `key` is its public key, see {@link formatKey}, where it has one. */
  | {
    readonly kind: "access-denied";
    readonly client: string;
    readonly key: string | undefined;
    readonly reason: string;
  }
  /** The owner has changed who may do what; `ended` connections end for it. */
  | { readonly kind: "access-changed"; readonly entries: number; readonly ended: number }
  /** What the owner has changed there cannot be read, or a folder not be opened: it stays without effect. */
  | { readonly kind: "access-unreadable"; readonly reason: string }
  /** The client goes on from another address (its network changed). */
  | { readonly kind: "address-changed"; readonly previousClient: string } & EventOrigin
  | { readonly kind: "disconnected"; readonly reason: string } & EventOrigin
  /**
   * Datagrams that were not taken since the last of these events, which come a minute apart at least: how many, and how
   * many for each reason. Those that only came too late for their connection are not counted.
   */
  | {
    readonly kind: "dropped";
    readonly count: number;
    readonly reasons: Readonly<Partial<Record<DropReason, number>>>;
  }
  /** A fault was injected (`ServerOptions.simulate`); `line` says which, to what. */
  | { readonly kind: "fault"; readonly line: string }
  /** Stopping: `transfers` still run and have `graceMs` to finish. */
  | { readonly kind: "draining"; readonly transfers: number; readonly graceMs: number }
  | { readonly kind: "stopped" };

/** A running server. */
export interface Server {
  /** The folder of its files: absolute, without symbolic links. */
  readonly root: string;
  readonly host: string;
  /** The port listened on, also when the system chose it. */
  readonly port: number;
  /**
   * Sends to each client at this rate from now on, transfers under way included, bits per second; undefined leaves it
   * to congestion control. Throws SluiceError (usage) where there is no such rate.
   */
  setRate(bitsPerSecond: number | undefined): void;
  /**
   * Stops taking new transfers, lets running ones finish for `graceMs`, then closes. Called again, the shorter
   * grace holds.
   */
  stop(options: { graceMs: number }): Promise<void>;
}

/** Starts a server; rejects with {@link SluiceError} when the address or the folder cannot be used. */
export type StartServer = (options: ServerOptions) => Promise<Server>;

/** Connects to a server; rejects with {@link SluiceError}. */
export type Connect = (options: ClientOptions) => Promise<Client>;
