/**
 * The requests that one call to the store answers: STAT, MAKE, REMOVE, MOVE and SPACE.
 *
 * @module
 */

import type { TransferEvent } from "../events.ts";
import { type Done, type FileStore, StoreError } from "../file_store.ts";
import type { MakeMessage, Message, MoveMessage, RemoveMessage, SpaceMessage, StatMessage } from "../messages.ts";

/** A request that one call answers. */
export type ShortMessage = StatMessage | MakeMessage | RemoveMessage | MoveMessage | SpaceMessage;

/** What the client and the log are told. */
export interface ShortAnswer {
  readonly messages: readonly Message[];
  readonly event?: TransferEvent | undefined;
}

/** Calls the store for a request. */
export function callForShort(store: FileStore, request: ShortMessage, done: Done<ShortAnswer>): void {
  switch (request.type) {
    case "stat":
      return store.stat(
        request.name,
        answering(done, (info) => ({
          messages: [{ type: "entry", ...info }],
          event: { kind: "listed", count: 1 },
        })),
      );
    case "make":
      return make(store, request, done);
    case "remove": {
      const { name, recursive = false } = request;
      return store.remove(
        name,
        { recursive },
        answering(done, ({ count }) => ({
          messages: [{ type: "done", count }],
          event: { kind: "removed", name, count },
        })),
      );
    }
    case "move": {
      const { name, newName, overwrite = false } = request;
      return store.move(
        name,
        { newName, overwrite },
        answering(done, () => ({
          messages: [{ type: "done", count: 1 }],
          event: { kind: "moved", name, newName },
        })),
      );
    }
    case "space":
      return store.space(answering(done, ({ freeBytes, ...quota }) => ({
        messages: [{ type: "capacity", ...quota, ...(freeBytes === undefined ? {} : { freeBytes }) }],
      })));
  }
}

function make(store: FileStore, request: MakeMessage, done: Done<ShortAnswer>): void {
  const { name, kind: what, modifiedUs, mode, exactMode, target = "", overwrite = false } = request;
  const made = answering(done, (): ShortAnswer => ({
    messages: [{ type: "done", count: 1 }],
    event: { kind: "made", what, name },
  }));
  if (what === "folder") store.makeFolder(name, { modifiedUs, mode, exactMode }, made);
  else store.makeLink(name, { target, overwrite, modifiedUs }, made);
}

function answering<Result>(done: Done<ShortAnswer>, answer: (result: Result) => ShortAnswer): Done<Result> {
  return (result) => done(result instanceof StoreError ? result : answer(result));
}
