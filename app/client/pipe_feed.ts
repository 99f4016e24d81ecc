/**
 * Joins a source of bytes, which is asynchronous, with the request that sends them: reads no more of it than the request
 * takes.
 *
 * @module
 */

import type { ClientPipePut, PipePutRequest } from "../../transfer/client/pipe_put.ts";
import type { ClientSession } from "../../transfer/client/session.ts";
import { storeFailure, type TransferFailure } from "../../transfer/failure.ts";
import { type FileInfo, StoreError } from "../../transfer/file_store.ts";
import { SluiceError } from "../api.ts";
import type { Platform } from "../platform.ts";
import type { SendFromOptions } from "./api.ts";

/** What to send, and its attributes. */
export interface PipeOptions extends SendFromOptions, Pick<FileInfo, "mode"> {}

/** Begins to send a source. `onBug` is told what must not happen. */
export function startPipe(
  source: AsyncIterable<Uint8Array>,
  options: PipeOptions & {
    readonly session: Pick<ClientSession, "pipe">;
    readonly platform: Pick<Platform, "defer">;
    readonly onDone: PipePutRequest["onDone"];
    readonly onBug: (error: unknown) => void;
  },
): ClientPipePut {
  const { as: name, mode, overwrite = false, session, platform, onDone, onBug } = options;
  const feed = new PipeFeed(source, platform);
  const put = session.pipe({
    name,
    overwrite,
    mode,
    onRoom: () => feed.onRoom(),
    onDone: (outcome) => {
      feed.end();
      onDone(outcome);
    },
  });
  feed.run(put).catch(onBug);
  return put;
}

/** Feeds one request. */
export class PipeFeed {
  readonly #iterator: AsyncIterator<Uint8Array>;
  readonly #platform: Pick<Platform, "defer">;
  #room: PromiseWithResolvers<void> | undefined;
  #hasEnded = false;

  constructor(source: AsyncIterable<Uint8Array>, platform: Pick<Platform, "defer">) {
    this.#iterator = source[Symbol.asyncIterator]();
    this.#platform = platform;
  }

  /** Reads the source to its end. A source that fails cancels the request; never rejects, but for a bug. */
  async run(put: Pick<ClientPipePut, "cancel" | "end" | "hasRoom" | "write">): Promise<void> {
    for (;;) {
      await this.#waitForRoom(put);
      if (this.#hasEnded) return;
      let next: IteratorResult<Uint8Array>;
      try {
        next = await this.#iterator.next();
      } catch (error) {
        return put.cancel(failureOf(error));
      }
      if (this.#hasEnded) return;
      if (next.done === true) return put.end();
      put.write(next.value);
    }
  }

  /** The request has room again. */
  onRoom(): void {
    this.#room?.resolve();
  }

  /** The request has ended: nothing more is read. */
  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#room?.resolve();
    // Not waited for: a source may first end the read that is under way. What it says then concerns nobody.
    this.#iterator.return?.()?.catch(() => {});
  }

  async #waitForRoom(put: Pick<ClientPipePut, "hasRoom">): Promise<void> {
    while (!this.#hasEnded && !put.hasRoom) {
      this.#room = this.#platform.defer<void>();
      await this.#room.promise;
    }
  }
}

function failureOf(error: unknown): TransferFailure {
  if (error instanceof StoreError) return storeFailure(error);
  if (error instanceof SluiceError && error.kind !== "usage") return { kind: error.kind, message: error.message };
  const words = error instanceof Error ? error.message : String(error);
  return { kind: "local-disk", message: `the source could not be read to its end: ${words}; nothing was stored` };
}
