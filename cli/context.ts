/**
 * What the two programs need of the machine that they run on. `system.ts` makes the real one, once, and `testing/` has a
 * fake; everything else in this folder gets it as an argument and touches nothing beyond it.
 *
 * @module
 */

import type { Connect } from "../app/client/api.ts";
import type { TreeSide } from "../app/client/tree/side.ts";
import type { Platform } from "../app/platform.ts";
import type { AccessSource } from "../app/server/access.ts";
import type { StartServer } from "../app/server/api.ts";
import type { BuildInfo } from "./command_line.ts";
import type { ConfigFile } from "./config.ts";
import type { Console, LineReader, OnStopSignal, ProgressView } from "./console.ts";
import type { NameRules } from "../transfer/file_name.ts";
import type { ExitCode } from "./exit_codes.ts";
import type { LimitTally } from "./limit.ts";

/** A program and the key pair by which its peers know it. */
export type KeyOwner = "server" | "client";

/** The key pair of a server or a client. */
export interface Identity {
  /** 32 bytes. */
  readonly privateKey: Uint8Array;
  readonly publicKey: Uint8Array;
}

/** Files that a program goes on to read and to write, or folders with everything in them. */
export interface FileNeeds {
  readonly read: readonly string[];
  readonly write: readonly string[];
}

/** The needs of the interactive shell: any file may be named later. */
export const WHOLE_DISK: FileNeeds = { read: ["/"], write: ["/"] };

/** Where access control is written down. */
export interface AccessLocation {
  readonly keysFile: string | undefined;
  readonly tokenFile: string | undefined;
  readonly stateFolder: string | undefined;
}

/** Access control as read from files. */
export interface AccessFromFiles extends AccessSource {
  /** The files, which must stay readable. */
  readonly paths: readonly string[];
}

/** The file of known servers and their keys. */
export interface KnownHosts {
  readonly file: string;
  /** The folder of the file. */
  readonly folder: string;
  /** The key that an address had on first contact; undefined for a new one. Throws SluiceError. */
  keyOf(address: string): Uint8Array | undefined;
  /** Throws SluiceError. */
  remember(address: string, key: Uint8Array): void;
  /** All of them, in the order of first contact. Throws SluiceError. */
  list(): readonly KnownHost[];
  /** Replaces the key of a server, or forgets the server if `key` is undefined. Throws SluiceError. */
  replace(address: string, key: Uint8Array | undefined): void;
}

/** A server that was talked to, `host:port`, and the key that it had. */
export interface KnownHost {
  readonly address: string;
  readonly key: Uint8Array;
}

/** How a program uses the network. */
export interface NetworkUse {
  readonly native?: boolean | undefined;
  /** What it will connect to, and again after a lost connection; nothing if it only listens. */
  readonly host?: string;
}

/** See the module's description. Where a `stateFolder` is undefined, it is the user's own. */
export interface CliContext {
  readonly console: Console;
  /** The clock of progress bars and of the log's rate limit. */
  readonly clock: Pick<Platform, "nowUs" | "timer">;
  /** Processor time that this process has used, of all threads, microseconds. */
  readonly cpuUs: () => number;
  /** Minutes since midnight, in local time. */
  readonly minuteOfDay: () => number;
  readonly onStopSignal: OnStopSignal;
  /** Opens standard input for the interactive shell. */
  readonly openLineReader: () => Promise<LineReader>;
  /** How this program was built. */
  readonly build: () => BuildInfo;
  /** The config file; undefined if there is none. Throws SluiceError if it cannot be read. */
  readonly readConfig: () => ConfigFile | undefined;
  /** The value of an environment variable. */
  readonly environment: (name: string) => string | undefined;
  /** Ends the process at once. */
  readonly exit: (code: ExitCode) => void;

  readonly connect: Connect;
  readonly startServer: StartServer;

  /** The rules for names on this machine's disks. */
  readonly nameRules: NameRules;
  /** What is at a path, through links: a folder, or anything else, such as a link that leads nowhere. */
  readonly entryAt: (path: string) => "folder" | "other" | undefined;
  /** The size of a file, bytes, through links; undefined if there is none, or it cannot be looked at. */
  readonly sizeOf: (path: string) => number | undefined;
  /** A folder or file of this machine, to send or to save in. */
  readonly localSide: (root: string) => TreeSide;
  /** The text of a small file. Throws SluiceError. */
  readonly readText: (file: string) => string;
  /** Whether a path leads to a pipe: a FIFO, or what a shell puts in place of `<(COMMAND)`. */
  readonly isPipe: (path: string) => boolean;
  /** The bytes of a pipe; of standard input if `path` is undefined. Its iterator throws SluiceError. */
  readonly readPipe: (path: string | undefined) => AsyncIterable<Uint8Array>;
  /** The key pair of this user's server or client, made on first use. Throws SluiceError, as do those below. */
  readonly openIdentity: (owner: KeyOwner, stateFolder: string | undefined) => Identity;
  /** The same, if it has been made. */
  readonly findIdentity: (owner: KeyOwner, stateFolder: string | undefined) => Identity | undefined;
  readonly openKnownHosts: (stateFolder: string | undefined) => KnownHosts;
  /** The files of access control; undefined if there are none. */
  readonly openAccess: (location: AccessLocation) => AccessFromFiles | undefined;
  readonly readToken: (file: string) => Uint8Array;
  /**
   * Gives up all permissions of Deno but those for these files, and for the network where this use of it requires that.
   * Returns false if none was given up, since one of the files requires all.
   */
  readonly confine: (needs: FileNeeds, network: NetworkUse) => boolean;
}

/** A context with what the command line adds to it. */
export interface CliSession extends CliContext {
  readonly view: ProgressView;
  /** Neither progress nor reports: only errors, warnings, and what was asked for. */
  readonly quiet: boolean;
  /** Also what goes on, and checksums. */
  readonly verbose: boolean;
  /** Results and messages are JSON objects. */
  readonly json: boolean;
  /** What limits the transfers. */
  readonly tally: LimitTally;
}

/** Milliseconds of a context's clock, from any origin. */
export function nowMs({ clock }: Pick<CliContext, "clock">): number {
  return clock.nowUs() / 1000;
}
