/**
 * A file that is got as one of the requests of a batch, or piece by piece for a pipe: inline GET, answered by FILE, CHUNKs
 * and DIGEST.
 *
 * Its bytes go to a sink in order. Only when the checksum has been compared they are known to be right, so a sink either
 * keeps them back until then, or tells its user afterwards.
 *
 * @module
 */

import { createHash, timingSafeEqual } from "node:crypto";
import { storeFailure, type TransferFailure } from "../failure.ts";
import { type FileInfo, StoreError } from "../file_store.ts";
import { encodeMessage } from "../message_encoder.ts";
import type { ChunkMessage, DigestMessage, Message } from "../messages.ts";
import type { AnswerState, ShortRequest } from "./short_request.ts";

/** Takes a file in order. May throw StoreError; then it is given nothing more. */
export interface ContentSink {
  /** Whether it takes bytes now; when it does again, `ClientBatch.resume` is to be called. Absent: always. */
  readonly hasRoom?: boolean;
  /** The file exists; its bytes follow. */
  begin(info: FileInfo): void;
  /** The next bytes, at most 64 KiB, which belong to the sink from now on. */
  write(bytes: Uint8Array): void;
}

/** A file that arrived whole: its checksum is the server's. */
export interface ShortGetOutcome {
  readonly kind: "done";
  readonly info: FileInfo;
  /** SHA-256 of what arrived, hex, and the same on the server. */
  readonly sha256: string;
}

/** What to get. */
export interface ShortGetOptions {
  readonly name: string;
  readonly sink: ContentSink;
  readonly onDone: (outcome: ShortGetOutcome | TransferFailure) => void;
}

/** Gets one file. */
export class ShortGet implements ShortRequest {
  readonly #options: ShortGetOptions;
  readonly #hash = createHash("sha256");
  #info: FileInfo | undefined;
  #receivedBytes = 0;
  #hasFailed = false;

  constructor(options: ShortGetOptions) {
    this.#options = options;
  }

  /** The file's size; 0 until it is known. */
  get sizeBytes(): number {
    return this.#info?.sizeBytes ?? 0;
  }

  /** Bytes that the sink was given. */
  get transferredBytes(): number {
    return this.#receivedBytes;
  }

  get hasRoom(): boolean {
    return this.#hasFailed || this.#options.sink.hasRoom !== false;
  }

  encode(): Uint8Array {
    return encodeMessage({ type: "get", name: this.#options.name, inline: true });
  }

  onMessage(message: Message): AnswerState {
    const info = this.#info;
    if (info === undefined) {
      if (message.type !== "file") return "malformed";
      const { type: _type, ...attributes } = message;
      const found: FileInfo = this.#info = { kind: "file", name: this.#options.name, ...attributes };
      this.#give((sink) => sink.begin(found));
      return "more";
    }
    if (message.type === "chunk") return this.#takeChunk(message, info);
    return message.type === "digest" && this.#receivedBytes === info.sizeBytes
      ? this.#finish(message, info)
      : "malformed";
  }

  fail(failure: TransferFailure): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.#options.onDone(failure);
  }

  #takeChunk({ offset, plainBytes, content }: ChunkMessage, info: FileInfo): AnswerState {
    const endBytes = offset + content.length;
    if (plainBytes !== undefined || offset !== this.#receivedBytes || endBytes > info.sizeBytes) return "malformed";
    this.#receivedBytes = endBytes;
    this.#hash.update(content);
    this.#give((sink) => sink.write(content));
    return "more";
  }

  #finish({ sha256 }: DigestMessage, info: FileInfo): AnswerState {
    if (this.#hasFailed) return "done";
    const local = new Uint8Array(this.#hash.digest());
    if (timingSafeEqual(local, sha256)) {
      this.#options.onDone({ kind: "done", info, sha256: local.toHex() });
    } else {
      const message = `the checksums differ (here ${local.toHex()}, on the server ${sha256.toHex()}); get it again`;
      this.fail({ kind: "failed", message, retry: "once" });
    }
    return "done";
  }

  /** What the sink does not take is dropped, so that the answers behind it can be read. */
  #give(give: (sink: ContentSink) => void): void {
    if (this.#hasFailed) return;
    try {
      give(this.#options.sink);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.fail(storeFailure(error));
    }
  }
}
