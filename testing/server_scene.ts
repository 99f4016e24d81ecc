/**
 * A server's session with a store in memory, and a client that says on raw streams what a test wants.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { type Stream } from "../protocol/mod.ts";
import type { TransferEvent } from "../transfer/events.ts";
import { type Message } from "../transfer/messages.ts";
import { wholeContent } from "../transfer/file_sender.ts";
import { decodeMessage } from "../transfer/message_decoder.ts";
import { encodeMessage, encodeMessages } from "../transfer/message_encoder.ts";
import type { BackgroundWork } from "../transfer/background_work.ts";
import { ALL_RIGHTS, type Right } from "../transfer/rights.ts";
import { ServerSession } from "../transfer/server/session.ts";
import { CallQueue } from "../transfer/server/call_queue.ts";
import { ListingCache } from "../transfer/server/listing_cache.ts";
import { ResumablePuts } from "../transfer/server/resumable_puts.ts";
import { type RequestBounds, RequestLimits } from "../transfer/server/request_limits.ts";
import { MemoryStore } from "./memory_store.ts";
import { Pair } from "./connection_pair.ts";
import { promptWork } from "./prompt_work.ts";

/** How a scene is made. */
export interface SceneOptions {
  readonly rights?: ReadonlySet<Right>;
  /** Given what answers each look-up of the store. Default: at once. */
  readonly lookUp?: (run: () => void) => void;
  /** Given what completes each commit. Default: at once. */
  readonly schedule?: (run: () => void) => void;
  /** The background work, and what does that which is due. Default: all of it is done at once. */
  readonly work?: { readonly work: BackgroundWork; readonly doWork: () => void };
}

/** A server with a store, and a client that says what a test wants on raw streams. */
export class Scene {
  readonly store: MemoryStore;
  readonly events: TransferEvent[] = [];
  readonly pair = new Pair();
  readonly limits: RequestLimits;
  session: ServerSession | undefined;
  /** When the session asked to be woken. */
  wakeAtUs = 0;

  constructor(bounds: Partial<RequestBounds> = {}, options: SceneOptions = {}) {
    const { rights = ALL_RIGHTS, lookUp, schedule } = options;
    this.store = new MemoryStore({
      ...(lookUp === undefined ? {} : { lookUp }),
      ...(schedule === undefined ? {} : { schedule }),
    });
    this.limits = new RequestLimits(bounds);
    let listingsDueUs = Infinity;
    const nowUs = (): number => this.pair.nowUs;
    const listings = new ListingCache({ nowUs, wakeIn: (delayUs) => listingsDueUs = nowUs() + delayUs });
    const calls = new CallQueue({ nowUs, wakeIn: () => {} });
    const { work, doWork } = options.work ?? promptWork();
    this.pair.server.makeSession = (connection) => {
      this.session = new ServerSession({
        connection,
        store: this.store,
        rights,
        nowUs: () => this.pair.nowUs,
        shared: { limits: this.limits, listings, calls, work, resumable: new ResumablePuts() },
        wake: () => {},
        wakeIn: (delayUs) => this.wakeAtUs = this.pair.nowUs + delayUs,
        onEvent: (event) => this.events.push(event),
      });
      const { session } = this;
      return {
        process: () => {
          while (listingsDueUs <= nowUs()) {
            listingsDueUs = Infinity;
            listings.wake();
          }
          calls.wake();
          session.process();
          doWork();
        },
      };
    };
    this.pair.connect();
    assert(this.pair.runUntil(() => this.pair.client.connection.state === "established", { withinUs: 1_000_000 }));
  }

  /** Sends bytes on a new stream, and waits for what comes. */
  ask(bytes: Uint8Array, options: { finish?: boolean } = {}): { stream: Stream; answers: Message[]; rest: Uint8Array } {
    const stream = this.pair.send(bytes, options);
    this.pair.run(2_000_000);
    return { stream, ...this.answersOn(stream.id) };
  }

  /** The messages on a stream so far; file bytes stand in `rest`. */
  answersOn(streamId: number): { answers: Message[]; rest: Uint8Array } {
    let rest = this.pair.client.bytesOn(streamId);
    const answers: Message[] = [];
    for (let decoded = decodeMessage(rest); typeof decoded === "object" && "message" in decoded;) {
      answers.push(decoded.message);
      rest = rest.subarray(decoded.consumed);
      if (decoded.message.type === "data") break;
      decoded = decodeMessage(rest);
    }
    return { answers, rest };
  }

  /** Runs for so long, and wakes the session when it asks for that. */
  runWaking(forUs: number): void {
    const untilUs = this.pair.nowUs + forUs;
    while (this.pair.nowUs < untilUs) {
      const wakeAtUs = this.wakeAtUs > this.pair.nowUs ? this.wakeAtUs : untilUs;
      this.pair.run(Math.min(untilUs, wakeAtUs) - this.pair.nowUs);
      this.pair.serve(this.pair.server);
    }
  }

  /** Holds the server to keeping nothing of a transfer. */
  assertClean(): void {
    assert.equal(this.session!.activeCount, 0);
    assert.deepEqual([this.limits.countOf("transfer"), this.limits.countOf("list")], [0, 0]);
    assert.equal(this.store.openHandles, 0);
    assert.equal(this.store.partialFiles, 0);
  }
}

/** The SHA-256 of bytes. */
export function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(bytes).digest());
}

/** The bytes of all parts, one after the other. */
export function join(...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/** PUT and the bytes of a file, without its DIGEST. */
export function put(
  name: string,
  bytes: Uint8Array,
  options: { sizeBytes?: number; overwrite?: boolean } = {},
): Uint8Array {
  const { sizeBytes = bytes.length, overwrite = false } = options;
  const request: Message = { type: "put", name, sizeBytes, modifiedUs: 5, mode: 0o750, overwrite };
  return join(encodeMessages([request, ...wholeContent({ sizeBytes })]), bytes);
}

/** The DIGEST of a file with these bytes. */
export function digest(bytes: Uint8Array): Uint8Array {
  return encodeMessage({ type: "digest", sha256: sha256(bytes) });
}
