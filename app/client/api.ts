/**
 * The client's interface: what can be asked of it, what it reports while it works. `client.ts` implements it, the
 * command line puts it on a terminal.
 *
 * @module
 */

import type { RateLimit, SendLimit, SendPolicy } from "../../protocol/mod.ts";
import type { TransferredFile } from "../../transfer/client/request.ts";
import type { FileInfo, FolderAttributes, IfExists, StoreSpace } from "../../transfer/file_store.ts";
import type { UnlistedFiles } from "../../transfer/messages.ts";
import type { FaultOptions, SendingOptions, StatsReader } from "../api.ts";

/** How far a transfer is. */
export interface Progress {
  /** The file as the caller named it. */
  readonly name: string;
  /** Bytes of the file that have arrived, as far as this side knows. */
  readonly transferredBytes: number;
  /** The file's size; 0 until known, which is at the end for a pipe. */
  readonly totalBytes: number;
  /** `connecting`: the client waits for a connection, or for a server that is busy; what was transferred may be again. */
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

/** The server that must answer. */
export interface ExpectedServer {
  /** Its public key, 32 bytes. */
  readonly key: Uint8Array;
  /** Where the key comes from, for the error: "known_servers", "--server-key". */
  readonly source: string;
  /** What the user must do if the server was reinstalled, for the error: "remove its line there". */
  readonly renewal: string;
}

/** A client goes on by itself. */
export type RetryEvent =
  /** The connection was lost: it connects anew, for up to `retryForMs`. */
  | { readonly kind: "connection-lost"; readonly reason: string; readonly retryForMs: number }
  /** The server cannot be reached, or is busy: it tries again, for up to `retryForMs`. */
  | { readonly kind: "unavailable"; readonly reason: string; readonly retryForMs: number }
  /** It is connected again, after so many milliseconds. */
  | { readonly kind: "connected"; readonly afterMs: number }
  /** The server is no longer busy, after so many milliseconds. */
  | { readonly kind: "resumed"; readonly afterMs: number };

/** What limits the running transfers of a connection at a moment, and what it did since the sample before. */
export interface LimitSample {
  /** "verifying": everything has arrived, and the receiver has yet to verify and store it. */
  readonly limit: SendLimit | "verifying";
  /** Packets that this side sent, and those of them that were lost on their way, which may have been sent before. */
  readonly packetsSent: number;
  readonly packetsLost: number;
  /** Packets that arrived, each counted once, and those that the server sent and that did not, or not yet. */
  readonly packetsReceived: number;
  readonly packetsMissing: number;
  /** UDP payload. */
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly smoothedRttMs: number;
}

/** How to connect. */
export interface ClientOptions extends SendingOptions {
  /** Limits the rate in each direction, beside congestion control. Default: no limit. */
  readonly rateLimit?: RateLimit;
  /** Host name, or an IP literal without brackets; a name is resolved by the engine. */
  readonly host: string;
  readonly port: number;
  /**
   * Gives up if nothing arrives from the server for this long, milliseconds: while connecting (default 10 s), and at least
   * a second, later on (default 60 s, which is also the limit of a server with default settings).
   */
  readonly timeoutMs?: number;
  /**
   * How long the client goes on by itself where a connection is lost or the server is busy, and nothing gets ahead,
   * milliseconds; 0: never. Default: 10 minutes, but no time at all where no server has responded yet.
   */
  readonly retryForMs?: number;
  /** Hears when the client begins to go on by itself, and when it succeeds. */
  readonly onRetry?: (event: RetryEvent) => void;
  /** The private key by which servers know this client, 32 bytes; without one it has a new one each time. */
  readonly identity?: Uint8Array;
  /** A token that the server knows, which is shown to it without being sent. */
  readonly token?: Uint8Array;
  /** The only server that may answer; without it any. */
  readonly server?: ExpectedServer;
  /** Whether files are compressed on the way if that makes them smaller, in either direction. Default: true. */
  readonly compress?: boolean;
  /** Whether files get exactly the mode of their source, whatever the umask and the receiver's rules are. Default: no. */
  readonly exactModes?: boolean;
  /** Faults to inject into this side's traffic, for testing. */
  readonly simulate?: FaultOptions;
  /** Whether the socket may use the system's own calls where Deno's are slower. Default: true. */
  readonly native?: boolean;
  /** Hears one line for each injected fault. */
  readonly onFault?: (line: string) => void;
  /** Hears ten times a second, while transfers run, what limits them. */
  readonly onSample?: (sample: LimitSample) => void;
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
  /**
   * Goes on as the file grows, until this is aborted, or the file is renamed, replaced or removed. It is stored when that
   * happens, as it is then; a file that becomes shorter meanwhile is a failure.
   */
  readonly followUntil?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
  /** Gives up: the server keeps what it has for the next try, the promise rejects with kind `interrupted`. */
  readonly signal?: AbortSignal;
}

/** How to send what is not a file: a pipe. */
export interface SendFromOptions extends Omit<SendOptions, "as" | "followUntil"> {
  /** Name to store it under. */
  readonly as: string;
}

/** How to get one file. */
export interface GetOptions {
  /** Path to save it at; its own name in the current folder without it. */
  readonly output?: string;
  /** The file's size, if a list has told it: small files are then got several in a datagram. A wrong one does no harm. */
  readonly sizeBytes?: number;
  /** What to do if there is a file. Default: "beside", so `savedAs` of the report may differ from `output`. */
  readonly ifExists?: IfExists;
  readonly onProgress?: (progress: Progress) => void;
  /** Gives up: what has arrived stays hidden for the next try, the promise rejects with kind `interrupted`. */
  readonly signal?: AbortSignal;
}

/** Where the bytes of a file go, one piece after the other. A `WritableStreamDefaultWriter` is one. */
export interface ByteWriter {
  /** Takes the next bytes, which belong to it from then on. The next call waits until the promise resolves. */
  write(bytes: Uint8Array): Promise<void>;
}

/** How to get a file into a pipe. */
export type GetToOptions = Pick<GetOptions, "onProgress" | "signal">;

/** What to list. */
export interface ListOptions {
  /** The folder. Default: the server's own. */
  readonly path?: string;
  /** Whether to list what is in the folders below, too. Default: false. */
  readonly recursive?: boolean;
  /**
   * Only entries that match: `*`, `?`, `[...]`, and `**` for any number of folders. Without "/" the last component of a
   * path is compared, otherwise the path below the listed folder. Default: all.
   */
  readonly pattern?: string;
  /** Hears of files on the server that are not in the list, since their names cannot be sent, if there are any. */
  readonly onUnlisted?: (unlisted: UnlistedFiles) => void;
  /** Hears why the list lacks something else, in words of the server, if it does. */
  readonly onGaps?: (reason: string) => void;
}

/** How to make a symbolic link. */
export interface MakeLinkOptions {
  /** Whether to replace a file or link of that name. Default: false. */
  readonly overwrite?: boolean | undefined;
  /** Its time of last modification, microseconds since 1970 UTC, as far as the server's disk keeps it. Default: now. */
  readonly modifiedUs?: number | undefined;
}

/** How to look up an entry. */
export interface StatOptions {
  /** Whether the server is to hash it, if it is a file. Default: false. */
  readonly digest?: boolean;
}

/** An entry on the server. */
export interface StatResult extends FileInfo {
  /** The SHA-256 of a file, hex, if it was asked for. */
  readonly sha256?: string;
}

/**
 * A connection to a server, and another one when it is lost; transfers on it may run at the same time. Every promise
 * rejects with {@link SluiceError}.
 */
export interface Client {
  /** The public key that the server has proven to hold. */
  readonly serverKey: Uint8Array;
  send(path: string, options?: SendOptions): Promise<TransferReport>;
  /**
   * Sends what a source yields, up to its end, however much that is: a pipe (`Deno.stdin.readable`). It is stored only if
   * the source comes to its end: one that throws leaves nothing on the server. Memory is bounded. What has been read
   * cannot be read again: if the connection is lost then, the promise rejects. Ends the source in any case.
   */
  sendFrom(source: AsyncIterable<Uint8Array>, options: SendFromOptions): Promise<TransferReport>;
  get(name: string, options?: GetOptions): Promise<TransferReport>;
  /**
   * Writes a file to `writer` as it arrives, no faster than that takes it and with bounded memory. What was written is
   * known to be right only when the promise has resolved. Rejects with what the writer rejects with; once something was
   * written, a connection that is lost ends it.
   */
  getTo(name: string, writer: ByteWriter, options?: GetToOptions): Promise<TransferReport>;
  list(options?: ListOptions): Promise<FileInfo[]>;
  stat(name: string, options?: StatOptions): Promise<StatResult>;
  /** Makes a folder, and those above it that are missing; one that exists gets the attributes. */
  makeFolder(name: string, attributes?: FolderAttributes): Promise<void>;
  /** Makes a symbolic link, and the folders above it that are missing. */
  makeLink(name: string, target: string, options?: MakeLinkOptions): Promise<void>;
  /**
   * Removes a file, a link, or a folder, which must be empty unless `recursive` is given; resolves to the number of
   * entries that were removed, 0 if it had been done before a connection was lost.
   */
  remove(name: string, options?: { readonly recursive?: boolean }): Promise<number>;
  /**
   * Gives an entry another name, and makes the folders above that one that are missing. `overwrite`: replaces a file or
   * link that has it, but never a folder.
   */
  move(name: string, newName: string, options?: { readonly overwrite?: boolean }): Promise<void>;
  /** How much can be stored. */
  space(): Promise<StoreSpace>;
  /**
   * Sends by another policy from now on, running transfers included. Throws SluiceError (usage) for one that is out of
   * bounds.
   */
  setSendPolicy(policy: SendPolicy): void;
  /** Limits the rate in each direction from now on. Throws SluiceError (usage) for one that is out of bounds. */
  setRateLimit(limit: RateLimit): void;
  /** Ends the connection, and what still runs on it. Idempotent. */
  close(): Promise<void>;
}

/** Connects to a server; rejects with SluiceError. */
export type Connect = (options: ClientOptions) => Promise<Client>;
