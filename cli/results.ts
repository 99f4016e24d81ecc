/**
 * What the client prints: results on standard output, everything else on standard error. With `--json` both are objects,
 * one a line, that docs/JSON.md describes; otherwise they are text for people.
 *
 * @module
 */

import { escapeUnprintable, sanitizeForDisplay } from "../base/display_text.ts";
import { type Console, describeError } from "./console.ts";
import type { CliSession } from "./context.ts";
import { ExitCode, exitCodeOf } from "./exit_codes.ts";
import { SluiceError } from "../app/api.ts";
import type { ResultRecord } from "./records.ts";

/** What is not a result. */
export interface Message {
  readonly severity: "error" | "warning" | "note";
  /** May hold names that a peer chose. */
  readonly text: string;
  /** What an error is about, if that is a file. */
  readonly name?: string | undefined;
  /** What was thrown. */
  readonly error?: unknown;
}

type Session = Pick<CliSession, "console" | "json" | "view">;

/** A value as one line of JSON. */
export function jsonLine(value: unknown): string {
  return escapeUnprintable(JSON.stringify(value));
}

/** Prints a result: an object with `--json`, else lines. `toErr`: standard output holds a file. */
export function tellResult(
  { console, json, view }: Session,
  record: ResultRecord,
  lines: readonly string[],
  { toErr = false }: { readonly toErr?: boolean } = {},
): void {
  const printed = json ? [jsonLine(record)] : lines;
  if (printed.length === 0) return;
  view.print(() => {
    for (const line of printed) {
      if (toErr) console.err(line);
      else console.out(line);
    }
  });
}

/** Prints a message; a note has no label, unless it is an object. */
export function tellMessage({ console, json, view }: Session, message: Message): void {
  view.print(() => console.err(json ? jsonLine(messageRecord(message)) : messageText(message)));
}

/** A console on which messages of the command line's parser are objects. */
export function usageRecords(console: Console): Console {
  const err = (text: string) => {
    const [, label, message] = /^(error: )?(.*)$/s.exec(text)!;
    const record = label === undefined
      ? { type: "note", message }
      : { type: "error", kind: "usage", exitCode: ExitCode.usage, message };
    console.err(jsonLine(record));
  };
  return Object.assign(Object.create(console), { err });
}

/** Prints what was thrown. */
export function tellError(session: Session, error: unknown): void {
  tellMessage(session, { severity: "error", text: describeError(error), error });
}

function messageText({ severity, text }: Message): string {
  // The stack of a bug has several lines.
  const shown = text.split("\n").map(sanitizeForDisplay).join("\n");
  return severity === "note" ? shown : `${severity}: ${shown}`;
}

function messageRecord({ severity, text, name, error }: Message) {
  return {
    type: severity,
    ...(error === undefined ? {} : errorFields(error)),
    ...(name === undefined ? {} : { name }),
    message: text,
  };
}

function errorFields(error: unknown): { readonly kind: string; readonly exitCode: ExitCode } {
  return { kind: error instanceof SluiceError ? error.kind : "internal", exitCode: exitCodeOf(error) };
}
