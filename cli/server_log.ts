/**
 * The server's log: one line for each event, as text or, with `--json`, as an object.
 *
 * Names and reasons that a peer chose are escaped, so a file's name cannot forge a line. How many lines clients can cause
 * is limited: `log_rate_limit.ts`. So is the memory for lines that the reader of the log does not take: further ones are
 * left out. Lines left out, or lost because standard output could not be written, are counted, and the next line that can
 * be written tells how many.
 *
 * @module
 */

import { formatHostPort } from "../base/net_address.ts";
import type { CredentialKind } from "../app/server/access.ts";
import type { EventOrigin, ServerEvent } from "../app/server/api.ts";
import { DROP_REASONS, type DropReason } from "../protocol/mod.ts";
import { escapeUnprintable, quote, sanitizeForDisplay } from "../base/display_text.ts";
import { formatBytes, formatDuration } from "../base/units.ts";
import type { CliContext } from "./context.ts";
import { FaultCounter } from "./faults.ts";
import { counted, formatRate, formatShare } from "./format.ts";
import { describeNotKept } from "./report.ts";
import { LineLimit, LINES_PER_SECOND } from "./log_rate_limit.ts";
import { LOG_LEVELS, type LogLevel } from "./server_arguments.ts";

/** What the log looks like. */
export interface ServerLogOptions {
  readonly logLevel: LogLevel;
  readonly json: boolean;
}

/** The server's log. */
export interface ServerLog {
  event(event: ServerEvent): void;
  /** Writes what is still due. Nothing may be logged afterwards. */
  close(): void;
}

/** The most that waits for a reader: some ten thousand lines. */
export const MAX_WAITING_BYTES = 2 ** 20;

/** Opens a log on standard output. */
export function openServerLog(
  { clock, console }: Pick<CliContext, "clock" | "console">,
  { json, logLevel }: ServerLogOptions,
): ServerLog {
  const isLogged = (level: LogLevel) => LOG_LEVELS.indexOf(level) >= LOG_LEVELS.indexOf(logLevel);
  const format = json ? formatJson : (line: LogLine) => formatText(line, console.outHasColors);
  let lostLines = 0;
  let isFailureTold = false;
  const print = (line: Omit<LogLine, "time">, count: number) => {
    // Date and not the clock: a log shows the time of day.
    console.out(format({ time: new Date().toISOString(), ...line }), (reason) => {
      lostLines += count;
      if (reason === undefined || isFailureTold) return;
      isFailureTold = true;
      console.err(`error: could not write the log to standard output: ${reason}`);
    });
  };
  const reportLost = () => {
    if (lostLines === 0) return;
    const lines = lostLines;
    lostLines = 0;
    const text = `${counted(lines, "line")} lost: standard output could not be written, or was not read`;
    print({ level: "warning", text, event: { kind: "left-out", lines } }, lines);
  };
  const write = (level: LogLevel, text: string, event: LogLine["event"]) => {
    if (!isLogged(level)) return;
    if (console.outWaitingBytes() > MAX_WAITING_BYTES) return void lostLines++;
    reportLost();
    print({ level, text, event }, 1);
  };
  const limit = new LineLimit(clock, (lines) => {
    const text = `${counted(lines, "line")} left out: clients caused more than ${LINES_PER_SECOND} a second`;
    write("warning", text, { kind: "left-out", lines });
  });
  const faults = new FaultCounter();
  return {
    event(event) {
      if (event.kind === "fault") faults.add(event.line);
      if (event.kind === "stopped") {
        limit.flush();
        // Instead of a line for each.
        if (!isLogged("debug") && faults.summary !== undefined) {
          write("info", faults.summary, { kind: "fault", line: faults.summary });
        }
      }
      const level = levelOf(event);
      if (isLogged(level) && limit.admits(event)) write(level, describeEvent(event), event);
    },
    close() {
      limit.flush();
      reportLost();
    },
  };
}

/** The severity of an event. */
export function levelOf(event: ServerEvent): LogLevel {
  switch (event.kind) {
    case "exposed":
    case "unlisted":
    case "failed":
    case "access-denied":
      return "warning";
    case "refused":
      // A client that sends a folder asks first whether there is one.
      return event.operation === "stat" ? "info" : "warning";
    case "access-unreadable":
    case "folder-unavailable":
      return "error";
    case "sent":
      return event.verified === false ? "warning" : "info";
    case "address-changed":
    case "fault":
    case "socket":
      return "debug";
    default:
      return "info";
  }
}

/** An event in plain words. */
export function describeEvent(event: ServerEvent): string {
  switch (event.kind) {
    case "listening":
      return `listening on ${formatHostPort(event.host, event.port)}, files in ${sanitizeForDisplay(event.root)}, ` +
        `${accessOf(event)}, ` +
        `key ${sanitizeForDisplay(event.key)}`;
    case "socket":
      return `socket with ${sanitizeForDisplay(event.description)}`;
    case "unlisted":
      return `${counted(event.count, "file")} in ${sanitizeForDisplay(event.folder)} not listed, since ` +
        `${event.count === 1 ? "its name" : "their names"} cannot be sent: ${
          sanitizeForDisplay(event.examples)
        }; rename ` +
        `${event.count === 1 ? "it" : "them"}`;
    case "exposed":
      return sanitizeForDisplay(event.reason);
    case "root-created":
      return `created the folder ${sanitizeForDisplay(event.root)}`;
    case "connected":
      return `${origin(event)} connected` + (event.user === undefined ? "" : ` as ${sanitizeForDisplay(event.user)}`);
    case "access-denied":
      return `${sanitizeForDisplay(event.client)} access denied: ${sanitizeForDisplay(event.reason)}`;
    case "access-changed":
      return `access control reloaded: ${authorized(event.entries)}, ${counted(event.ended, "connection")} closed`;
    case "access-unreadable":
      return `${tableName(event.credentials)} not reloaded: ${sanitizeForDisplay(event.reason)}; ` +
        "the previous access list stays in force";
    case "folder-unavailable":
      return `folder unavailable, its users are refused: ${sanitizeForDisplay(event.reason)}`;
    case "address-changed":
      return `${origin(event)} address changed, was ${sanitizeForDisplay(event.previousClient)}`;
    case "receiving":
    case "sending": {
      const size = event.sizeBytes === undefined ? "a pipe, size unknown" : formatBytes(event.sizeBytes);
      return `${origin(event)} ${event.kind} ${quote(event.name)}, ${size}`;
    }
    case "received":
      return `${origin(event)} received ${quote(event.name)}, ${speed(event)}, verified and stored, ` +
        `sha256 ${event.sha256}` + (event.notKept.length === 0 ? "" : `, ${describeNotKept(event.notKept)}`);
    case "sent":
      return `${origin(event)} sent ${quote(event.name)}, ${speed(event)}, ${retransmitted(event)}` +
        `${verification(event.verified)}sha256 ${event.sha256}`;
    case "listed":
      return `${origin(event)} listed ${counted(event.count, "entry", "entries")}`;
    case "made":
      return `${origin(event)} made the ${event.what} ${quote(event.name)}`;
    case "removed":
      return `${origin(event)} removed ${quote(event.name)}` +
        (event.count === 1 ? "" : `, ${counted(event.count, "entry", "entries")} in all`);
    case "moved":
      return `${origin(event)} moved ${quote(event.name)} to ${quote(event.newName)}`;
    case "refused":
    case "failed":
      return `${origin(event)} ${request(event)} ${event.kind}: ${sanitizeForDisplay(event.reason)}`;
    case "disconnected":
      return `${origin(event)} disconnected: ${sanitizeForDisplay(event.reason)}`;
    case "dropped":
      return `${counted(event.count, "datagram")} dropped: ${dropReasons(event.reasons)}`;
    case "fault":
      return sanitizeForDisplay(event.line);
    case "draining":
      return `stopping, ${counted(event.transfers, "running transfer")} ${event.transfers === 1 ? "has" : "have"} ` +
        `${formatDuration(event.graceMs)} to finish`;
    case "stopped":
      return "stopped";
  }
}

function tableName(credentials: CredentialKind | undefined): string {
  if (credentials === undefined) return "access control";
  return credentials === "key" ? "authorized_keys" : "token file";
}

function accessOf({ entries, isOwnerOnly }: { readonly entries: number | undefined; readonly isOwnerOnly: boolean }) {
  if (isOwnerOnly) return "for your own client only (--open: for every user of this machine)";
  return entries === undefined ? "no access control" : authorized(entries);
}

function authorized(entries: number): string {
  return entries === 0
    ? "no client is authorized"
    : `${counted(entries, "key or token", "keys and tokens")} authorized`;
}

/** Each reason to drop a datagram, as it follows their number. */
const DROPPED: Readonly<Record<DropReason, string>> = {
  "malformed": "malformed",
  "damaged": "forged or damaged",
  "repeated": "repeated",
  "unknown connection": "unknown connection",
  "unknown version": "of an unknown version",
  "bad token": "with a bad token",
  "too many handshakes": "beyond the limit on handshakes",
  "out of place": "out of place",
  "late": "for a connection that has ended",
};

function dropReasons(reasons: Readonly<Partial<Record<DropReason, number>>>): string {
  const present = DROP_REASONS.filter((reason) => reasons[reason] !== undefined);
  return present.map((reason) => `${reasons[reason]} ${DROPPED[reason]}`).join(", ");
}

function origin(event: EventOrigin): string {
  return `[${event.id}] ${sanitizeForDisplay(event.client)}`;
}

function request(event: { readonly operation: string; readonly name: string }): string {
  return event.name === "" ? event.operation : `${event.operation} ${quote(event.name)}`;
}

function speed({ elapsedMs, sizeBytes }: { readonly sizeBytes: number; readonly elapsedMs: number }): string {
  return `${formatBytes(sizeBytes)} in ${formatDuration(elapsedMs)} (${formatRate(sizeBytes, elapsedMs)})`;
}

function verification(isVerified: boolean | undefined): string {
  if (isVerified === undefined) return "";
  return isVerified ? "verified by the client, " : "NOT verified by the client, ";
}

function retransmitted(event: { readonly sizeBytes: number; readonly retransmittedBytes: number }): string {
  const { sizeBytes, retransmittedBytes } = event;
  return retransmittedBytes === 0 ? "" : `${formatShare(retransmittedBytes, sizeBytes)} retransmitted, `;
}

/** One line before it is formatted. */
interface LogLine {
  /** ISO 8601. */
  readonly time: string;
  readonly level: LogLevel;
  /** Escaped. */
  readonly text: string;
  readonly event: ServerEvent | { readonly kind: "left-out"; readonly lines: number };
}

/** Names of one width, and ANSI colours. */
const LEVEL_STYLE: Readonly<Record<LogLevel, readonly [name: string, color: string]>> = {
  debug: ["DEBUG", "\x1b[2m"],
  info: ["INFO ", "\x1b[32m"],
  warning: ["WARN ", "\x1b[33m"],
  error: ["ERROR", "\x1b[31m"],
};

function formatText({ level, text, time }: LogLine, hasColors: boolean): string {
  const [name, color] = LEVEL_STYLE[level];
  return hasColors ? `\x1b[2m${time}\x1b[0m ${color}${name}\x1b[0m ${text}` : `${time} ${name} ${text}`;
}

/** The event as it was. JSON escapes only some of the control characters that a name may contain. */
function formatJson({ event, level, text, time }: LogLine): string {
  return escapeUnprintable(JSON.stringify({ time, level, text, event }));
}
