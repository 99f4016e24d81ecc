/**
 * A small file that is sent as one of the requests of a batch: PUT, one CHUNK and DIGEST.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { invariant } from "../../base/invariant.ts";
import { storeFailure, type TransferFailure } from "../failure.ts";
import { type ReadableFile, StoreError } from "../file_store.ts";
import { encodeMessages } from "../message_encoder.ts";
import { MAX_PLAIN_CHUNK_BYTES, type Message } from "../messages.ts";
import { outcomeOfPut } from "./put_outcome.ts";
import type { TransferOutcome } from "./request.ts";
import type { AnswerState, ShortRequest } from "./short_request.ts";

/** The largest file that a batch sends, bytes. */
export const MAX_SHORT_PUT_BYTES: number = MAX_PLAIN_CHUNK_BYTES;

/** What to send. */
export interface ShortPutOptions {
  /** At most {@link MAX_SHORT_PUT_BYTES} long. The request owns it: it is read when the request is sent, and closed. */
  readonly file: ReadableFile;
  /** The name on the server. */
  readonly name: string;
  readonly overwrite: boolean;
  /** See `FileAttributes.exactMode`. */
  readonly exactMode?: boolean | undefined;
  readonly onDone: (outcome: TransferOutcome | TransferFailure) => void;
}

/** Sends one small file. */
export class ShortPut implements ShortRequest {
  readonly #options: ShortPutOptions;
  #localSha256 = "";

  constructor(options: ShortPutOptions) {
    invariant(options.file.info.sizeBytes <= MAX_SHORT_PUT_BYTES, "a batch sends small files");
    this.#options = options;
  }

  encode(): Uint8Array | undefined {
    const { exactMode, file, name, overwrite } = this.#options;
    let content: Uint8Array;
    try {
      content = readWhole(file);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.fail(storeFailure(error));
      return undefined;
    } finally {
      file.close();
    }
    const sha256 = new Uint8Array(createHash("sha256").update(content).digest());
    this.#localSha256 = sha256.toHex();
    const messages: Message[] = [{ ...file.info, type: "put", name, overwrite, exactMode }];
    if (content.length > 0) messages.push({ type: "chunk", offset: 0, content });
    return encodeMessages([...messages, { type: "digest", sha256 }]);
  }

  onMessage(message: Message): AnswerState {
    if (message.type !== "result") return "malformed";
    const { file: { info }, onDone } = this.#options;
    onDone(
      outcomeOfPut(message, {
        localSha256: this.#localSha256,
        sizeBytes: info.sizeBytes,
        reusedBytes: 0,
        isKept: false,
      }),
    );
    return "done";
  }

  fail(failure: TransferFailure): void {
    this.#options.file.close();
    this.#options.onDone(failure);
  }
}

/** Reads a small file at once. Throws StoreError, also if it changes meanwhile. */
function readWhole(file: ReadableFile): Uint8Array {
  const { name, sizeBytes } = file.info;
  const content = new Uint8Array(sizeBytes);
  let done = 0;
  while (done < sizeBytes) {
    const count = file.read(done, content.subarray(done));
    if (count === 0) break;
    done += count;
  }
  if (done === sizeBytes && !file.hasChanged()) return content;
  throw new StoreError("changed", `${name} changed while it was being sent; send it again when nothing changes it`);
}
