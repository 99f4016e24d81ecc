/**
 * What the server says while it works: one line for each event, for a person or, as JSON, for a program.
 *
 * Names and reasons that a peer chose are escaped, so that a file's name cannot write a line of its own. How many lines
 * clients can make it take has a bound: `line_limit.ts`.
 *
 * @module
 */

import { configureSync, disposeSync, getLogger, type Logger, type LogRecord } from "@logtape/logtape";
import { sanitizeForDisplay } from "../transfer/file_name.ts";
import { formatAddress } from "../app/address.ts";
import type { ServerEvent } from "../app/server/api.ts";
import type { Platform } from "../app/platform.ts";
import { DROP_REASONS, type DropReason } from "../protocol/mod.ts";
import { systemPlatform } from "../io/platform.ts";
import { formatDuration, formatRate, formatShare } from "./format.ts";
import { LineLimit, LINES_PER_SECOND } from "./log_rate_limit.ts";
import type { LogLevel } from "./server_arguments.ts";

/** How the log looks, and where it goes. */
export interface ServerLogOptions {
  readonly level: LogLevel;
  readonly json: boolean;
  readonly colors: boolean;
  /** Writes one line. */
  readonly write: (line: string) => void;
  /** The time by which clients' lines are limited; this machine's unless another is given. */
  readonly clock?: Pick<Platform, "nowUs" | "timer">;
}

/** The server's log. */
export interface ServerLog {
  event(event: ServerEvent): void;
  /** Ends it; nothing is written any more. */
  close(): void;
}

/** Opens the log of this process: there is one at a time. */
export function openServerLog(options: ServerLogOptions): ServerLog {
  const format = options.json ? formatJson : (record: LogRecord) => formatText(record, options.colors);
  configureSync({
    reset: true,
    sinks: { lines: (record) => options.write(format(record)) },
    loggers: [
      { category: ["sluice"], sinks: ["lines"], lowestLevel: options.level },
      { category: ["logtape", "meta"], sinks: ["lines"], lowestLevel: "error" },
    ],
  });
  const logger = getLogger(["sluice"]);
  const limit = new LineLimit(options.clock ?? systemPlatform, (lines) => {
    const text = `left out ${counted(lines, "line")} on what clients did: more than ${LINES_PER_SECOND} a second`;
    logger.warning("{text}", { text, event: { kind: "left-out", lines } });
  });
  return {
    event(event) {
      if (event.kind === "stopped") limit.flush();
      if (logger.isEnabledFor(levelOf(event)) && limit.admits(event)) logEvent(logger, event);
    },
    close() {
      limit.flush();
      disposeSync();
    },
  };
}

function logEvent(logger: Logger, event: ServerEvent): void {
  // The text is a property, not a template: braces in a file's name stay braces.
  const properties = { text: describeEvent(event), event };
  switch (levelOf(event)) {
    case "debug":
      return logger.debug("{text}", properties);
    case "info":
      return logger.info("{text}", properties);
    case "warning":
      return logger.warning("{text}", properties);
    case "error":
      return logger.error("{text}", properties);
  }
}

/** How grave an event is. */
export function levelOf(event: ServerEvent): LogLevel {
  switch (event.kind) {
    case "exposed":
    case "failed":
    case "refused":
    case "access-denied":
      return "warning";
    case "access-unreadable":
      return "error";
    case "sent":
      return event.verified ? "info" : "warning";
    default:
      return "info";
  }
}

/** An event in plain words. */
export function describeEvent(event: ServerEvent): string {
  switch (event.kind) {
    case "listening":
      return `listening on ${formatAddress(event.host, event.port)}, files in ${sanitizeForDisplay(event.root)}, ` +
        (event.entries === undefined ? "open to whoever reaches it, " : `${whoComesIn(event.entries)}, `) +
        `key ${sanitizeForDisplay(event.key)}`;
    case "exposed":
      return sanitizeForDisplay(event.reason);
    case "connected":
      return `${who(event)} new connection` + (event.user === undefined ? "" : ` of ${sanitizeForDisplay(event.user)}`);
    case "access-denied":
      return `${sanitizeForDisplay(event.client)} turned away: ${sanitizeForDisplay(event.reason)}`;
    case "access-changed":
      return `who may do what has changed: ${whoComesIn(event.entries)}; ` +
        `${event.ended} ${event.ended === 1 ? "connection ends" : "connections end"}`;
    case "access-unreadable":
      return `who may do what is not as it is written: ${sanitizeForDisplay(event.reason)}`;
    case "address-changed":
      return `${who(event)} goes on from here, was ${sanitizeForDisplay(event.previousClient)}`;
    case "receiving":
      return `${who(event)} receiving ${quote(event.name)}, a file of ${event.sizeBytes} bytes`;
    case "received":
      return `${who(event)} received ${quote(event.name)}, ${
        speed(event)
      }, verified and stored, sha256 ${event.sha256}`;
    case "sending":
      return `${who(event)} sending ${quote(event.name)}, a file of ${event.sizeBytes} bytes`;
    case "sent":
      return `${who(event)} sent ${quote(event.name)}, ${speed(event)}, ${again(event)}` +
        `${event.verified ? "verified by the client" : "NOT verified by the client"}, sha256 ${event.sha256}`;
    case "listed":
      return `${who(event)} listed ${counted(event.count, "file")}`;
    case "refused":
      return `${who(event)} ${subject(event)} refused: ${sanitizeForDisplay(event.reason)}`;
    case "failed":
      return `${who(event)} ${subject(event)} failed: ${sanitizeForDisplay(event.reason)}`;
    case "disconnected":
      return `${who(event)} disconnected: ${sanitizeForDisplay(event.reason)}`;
    case "dropped":
      return `dropped ${counted(event.count, "datagram")}: ${whyDropped(event.reasons)}`;
    case "fault":
      return sanitizeForDisplay(event.line);
    case "draining":
      return `stopping; ${event.transfers} running ${event.transfers === 1 ? "transfer has" : "transfers have"} ` +
        `${formatDuration(event.graceMs)} to finish`;
    case "stopped":
      return "stopped";
  }
}

function whoComesIn(entries: number): string {
  const who = entries === 0 ? "nobody" : `${entries} ${entries === 1 ? "key or token" : "keys and tokens"}`;
  return `${who} may come in`;
}

/** Each reason to drop a datagram, as it follows their number. */
const DROPPED: Readonly<Record<DropReason, string>> = {
  "malformed": "malformed",
  "damaged": "forged or damaged",
  "repeated": "repeated",
  "unknown connection": "for no connection known here",
  "unknown version": "of an unknown version",
  "bad token": "with a bad token",
  "too many handshakes": "beyond the limit on handshakes",
  "out of place": "out of place",
  "late": "for a connection that has ended",
};

function whyDropped(reasons: Readonly<Partial<Record<DropReason, number>>>): string {
  const present = DROP_REASONS.filter((reason) => reasons[reason] !== undefined);
  return present.map((reason) => `${reasons[reason]} ${DROPPED[reason]}`).join(", ");
}

function counted(count: number, noun: string): string {
  return `${count} ${count === 1 ? noun : `${noun}s`}`;
}

function who(event: { readonly client: string; readonly id: number }): string {
  return `[${event.id}] ${sanitizeForDisplay(event.client)}`;
}

function subject(event: { readonly operation: string; readonly name: string }): string {
  return event.name === "" ? event.operation : `${event.operation} ${quote(event.name)}`;
}

function speed(event: { readonly sizeBytes: number; readonly elapsedMs: number }): string {
  return `${event.sizeBytes} bytes in ${formatDuration(event.elapsedMs)} ` +
    `(${formatRate(event.sizeBytes, event.elapsedMs)})`;
}

/** What was sent more than once, if anything was. */
function again(event: { readonly sizeBytes: number; readonly retransmittedBytes: number }): string {
  const { sizeBytes, retransmittedBytes } = event;
  return retransmittedBytes === 0 ? "" : `${formatShare(retransmittedBytes, sizeBytes)} of it again, `;
}

function quote(name: string): string {
  return `"${sanitizeForDisplay(name)}"`;
}

/** Level names of one width, with their ANSI colours. */
const LEVEL_STYLE: Readonly<Record<string, readonly [name: string, color: string]>> = {
  trace: ["TRACE", "\x1b[2m"],
  debug: ["DEBUG", "\x1b[2m"],
  info: ["INFO ", "\x1b[32m"],
  warning: ["WARN ", "\x1b[33m"],
  error: ["ERROR", "\x1b[31m"],
  fatal: ["FATAL", "\x1b[31m"],
};

function formatText(record: LogRecord, colors: boolean): string {
  const time = new Date(record.timestamp).toISOString();
  const [name, color] = LEVEL_STYLE[record.level]!;
  return colors
    ? `\x1b[2m${time}\x1b[0m ${color}${name}\x1b[0m ${textOf(record)}`
    : `${time} ${name} ${textOf(record)}`;
}

/** One JSON object a line: time, level, text, and the event as it was. JSON escapes what a name may contain. */
function formatJson(record: LogRecord): string {
  const { event } = record.properties;
  return JSON.stringify({
    time: new Date(record.timestamp).toISOString(),
    level: record.level,
    text: textOf(record),
    ...(event === undefined ? {} : { event }),
  });
}

function textOf(record: LogRecord): string {
  const { text } = record.properties;
  return typeof text === "string" ? text : sanitizeForDisplay(record.message.map(String).join(""));
}
