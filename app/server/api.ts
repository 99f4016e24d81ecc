/**
 * The server's interface: its options, the events that it reports, how it is stopped. `server.ts` implements it, the
 * command line writes the events to a log.
 *
 * @module
 */

import type { DropReason, SendPolicy } from "../../protocol/mod.ts";
import type { TransferEvent } from "../../transfer/events.ts";
import { describeUnlisted } from "../../transfer/server/listing.ts";
import type { FaultOptions, SendingOptions, StatsReader } from "../api.ts";
import type { AccessSource, CredentialKind } from "./access.ts";
import type { ServerLimits } from "./limits.ts";

/** What to serve, and where. */
export interface ServerOptions extends SendingOptions {
  /** Address to listen on. */
  readonly host: string;
  /** Port to listen on; 0 lets the system choose. */
  readonly port: number;
  /** Folder of the files; created if it is missing, but not the folders above it. */
  readonly root: string;
  /** Take no files. */
  readonly readOnly?: boolean;
  /** The private key by which clients know this server, 32 bytes; without one it has a new one with each start. */
  readonly identity?: Uint8Array;
  /**
   * Access control. "open" authorizes every client for everything, which is also the default on a loopback address; on any
   * other address it must be given, or startServer rejects (usage).
   */
  readonly access?: AccessSource | "open";
  /** The rate in each direction of all clients together, bytes of UDP payload per second. Default: no limit. */
  readonly rateLimit?: number;
  /** Faults to inject into this side's traffic, for testing. */
  readonly simulate?: FaultOptions;
  /** Whether the socket may use the system's own calls where Deno's are slower. Default: true. */
  readonly native?: boolean;
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
    /** The public key by which clients know it, see {@link formatKey}. */
    readonly key: string;
    /** The number of authorized keys and tokens; undefined without access control. */
    readonly entries: number | undefined;
    /** The only client is the user's own who runs the server. */
    readonly isOwnerOnly: boolean;
  }
  /** A socket was opened; `description` says of which kind it is, and why of no better one. Comes before "listening". */
  | { readonly kind: "socket"; readonly description: string }
  /** Others on this machine can change the folder; `reason` says how, and what to do. Comes before "listening". */
  | { readonly kind: "exposed"; readonly reason: string }
  /** The folder of the files was missing, and was created. */
  | { readonly kind: "root-created"; readonly root: string }
  /**
   * Files in a folder whose names cannot be sent, so that no list has them: found before "listening", or when a list
   * found others than before. `examples` are some of their names, quoted and escaped.
   */
  | { readonly kind: "unlisted"; readonly folder: string; readonly count: number; readonly examples: string }
  /** `user` is the name in the client's line; undefined without access control. */
  | { readonly kind: "connected"; readonly user: string | undefined } & EventOrigin
  /** A client was denied access. `key` is its public key, see {@link formatKey}. */
  | {
    readonly kind: "access-denied";
    readonly client: string;
    readonly key: string;
    readonly reason: string;
  }
  /** The access table was changed and is in force; `ended` connections were closed by it. */
  | { readonly kind: "access-changed"; readonly entries: number; readonly ended: number }
  /** The access table has changed and cannot be read; the previous one stays in force. */
  | {
    readonly kind: "access-unreadable";
    /** What the file holds that cannot be read; undefined if the table is in no file. */
    readonly credentials: CredentialKind | undefined;
    /** Names the file by its path, if there is one. */
    readonly reason: string;
  }
  /** A folder in the new access table cannot be opened; the connections of its users are refused. */
  | { readonly kind: "folder-unavailable"; readonly reason: string }
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
   * Sends to every client by another policy from now on, running transfers included. Throws SluiceError (usage) for one that is out of
   * bounds.
   */
  setSendPolicy(policy: SendPolicy): void;
  /** Reads the access list again at once; it is also read whenever it changes. */
  reloadAccess(): void;
  /**
   * Limits the rate in each direction, of all clients together, bytes of UDP payload per second; Infinity for no limit.
   * Throws SluiceError (usage) for one that is out of bounds.
   */
  setRateLimit(bytesPerSecond: number): void;
  /**
   * Stops taking new transfers, lets running ones finish for `graceMs`, then closes. Called again, the shorter
   * grace holds.
   */
  stop(options: { graceMs: number }): Promise<void>;
}

/** Starts a server; rejects with SluiceError when the address or the folder cannot be used. */
export type StartServer = (options: ServerOptions) => Promise<Server>;

/** The event of files that are not listed; there is at least one. */
export function unlistedEvent(folder: string, names: readonly string[]): ServerEvent {
  return { kind: "unlisted", folder, ...describeUnlisted(names).unlisted! };
}
