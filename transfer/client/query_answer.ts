/**
 * The answers to requests without the content of a file: LIST, STAT, MAKE, REMOVE, MOVE and SPACE.
 *
 * @module
 */

import type { FileInfo } from "../file_store.ts";
import type {
  CapacityMessage,
  DigestMessage,
  DoneMessage,
  EndMessage,
  ListMessage,
  MakeMessage,
  Message,
  MoveMessage,
  RemoveMessage,
  SpaceMessage,
  StatMessage,
  UnlistedFiles,
} from "../messages.ts";

/** A request whose answer is short, or a list. */
export type QueryMessage = ListMessage | StatMessage | MakeMessage | RemoveMessage | MoveMessage | SpaceMessage;

/** The answer. What does not belong to the request is absent. */
export interface QueryOutcome {
  readonly kind: "done";
  /** Of LIST and STAT. */
  readonly entries: readonly FileInfo[];
  /** Files that a list has no entries for, if there are any. */
  readonly unlisted?: UnlistedFiles;
  /** Why a list lacks something else, for people. */
  readonly gaps?: string;
  /** The SHA-256 of a file, of STAT with that flag. */
  readonly sha256?: Uint8Array;
  /** How many entries were made, removed or moved. */
  readonly count?: number;
  /** Of SPACE. */
  readonly capacity?: CapacityMessage;
}

/** The messages that an answer may consist of. */
const ANSWERS: Readonly<Record<QueryMessage["type"], readonly Message["type"][]>> = {
  list: ["entry", "end"],
  stat: ["entry", "digest"],
  make: ["done"],
  remove: ["done"],
  move: ["done"],
  space: ["capacity"],
};

/** Puts an answer together from its messages. */
export class QueryAnswer {
  readonly #request: QueryMessage;
  readonly #entries: FileInfo[] = [];
  /** What follows the entries, and is the last of the answer. */
  #closing: EndMessage | DigestMessage | DoneMessage | CapacityMessage | undefined;

  constructor(request: QueryMessage) {
    this.#request = request;
  }

  /** Whether a part of it has arrived. */
  get hasBegun(): boolean {
    return this.#entries.length > 0 || this.#closing !== undefined;
  }

  /** Takes the next message; returns false if it does not belong to the answer. */
  take(message: Message): boolean {
    if (this.outcome !== undefined || !ANSWERS[this.#request.type].includes(message.type)) return false;
    if (message.type === "entry") {
      const { type: _type, ...info } = message;
      this.#entries.push(info);
      return true;
    }
    this.#closing = message as EndMessage | DigestMessage | DoneMessage | CapacityMessage;
    return this.outcome !== undefined;
  }

  /** The answer, once it is whole. */
  get outcome(): QueryOutcome | undefined {
    const closing = this.#closing;
    const whole = { kind: "done", entries: this.#entries } as const;
    switch (this.#request.type) {
      case "list": {
        if (closing?.type !== "end" || closing.count !== this.#entries.length) return undefined;
        const { unlisted, gaps } = closing;
        return { ...whole, ...(unlisted && { unlisted }), ...(gaps === undefined ? {} : { gaps }) };
      }
      case "stat": {
        const [entry] = this.#entries;
        if (entry === undefined) return undefined;
        const isHashed = this.#request.digest === true && entry.kind === "file";
        if (!isHashed) return closing === undefined ? whole : undefined;
        return closing?.type === "digest" ? { ...whole, sha256: closing.sha256 } : undefined;
      }
      case "space":
        return closing?.type === "capacity" ? { ...whole, capacity: closing } : undefined;
      default:
        return closing?.type === "done" ? { ...whole, count: closing.count } : undefined;
    }
  }
}
