/**
 * A client and a server with a store each, which meet as often as a test likes: a connection carries one file, until it is
 * there or the connection is cut.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { TransferFailure } from "../transfer/failure.ts";
import type { CreateOptions } from "../transfer/file_store.ts";
import type { TransferOutcome } from "../transfer/client/request.ts";
import { ClientSession } from "../transfer/client/session.ts";
import type { TransferEvent } from "../transfer/events.ts";
import type { Right } from "../transfer/rights.ts";
import { CallQueue } from "../transfer/server/call_queue.ts";
import { ListingCache } from "../transfer/server/listing_cache.ts";
import { RequestLimits } from "../transfer/server/request_limits.ts";
import { ResumablePuts } from "../transfer/server/resumable_puts.ts";
import { ServerSession } from "../transfer/server/session.ts";
import { Pair, type PairOptions, type Rule } from "./connection_pair.ts";
import { MemoryStore } from "./memory_store.ts";
import { promptWork } from "./prompt_work.ts";
import { atOnce } from "./promised_store.ts";

/** What goes which way, and when the connection ends. */
export interface Attempt {
  readonly kind: "put" | "get";
  readonly name: string;
  readonly overwrite?: boolean;
  /** Default: false. */
  readonly compresses?: boolean;
  readonly rights?: ReadonlySet<Right>;
  /** Closes the connection when the sender of the file has sent so many bytes. Default: when the transfer has ended. */
  readonly cutAfterBytes?: number;
  /** What becomes of the datagrams in both directions. */
  readonly rule?: Rule;
  readonly link?: PairOptions;
}

/** What came of it. */
export interface AttemptResult {
  readonly outcome: TransferOutcome | TransferFailure;
  /** Bytes that the sender of the file sent in datagrams. */
  readonly sentBytes: number;
  readonly events: readonly TransferEvent[];
}

/** See the module's description. */
export class TransferPair {
  readonly client = new MemoryStore();
  readonly server = new MemoryStore();
  readonly resumable = new ResumablePuts();

  /** One connection, and one file. Afterwards nothing may be open. */
  attempt(attempt: Attempt): AttemptResult {
    const { kind, name, cutAfterBytes = Infinity, rule = () => undefined, link = {} } = attempt;
    const pair = new Pair({ delayUs: 5_000, ...link });
    const events: TransferEvent[] = [];
    this.#serve(pair, { attempt, events });
    const connection = pair.connect();
    const { work, doWork } = promptWork();
    const session = new ClientSession({ connection, work, wake: () => {} });
    pair.client.makeSession = () => ({
      process: () => {
        session.process();
        doWork();
      },
    });
    assert(pair.runUntil(() => connection.state === "established", { withinUs: 5_000_000 }));
    pair.client.wire.rule = pair.server.wire.rule = rule;
    const outcomes: (TransferOutcome | TransferFailure)[] = [];
    const onDone = (outcome: TransferOutcome | TransferFailure): void => void outcomes.push(outcome);
    const { overwrite = false, compresses } = attempt;
    if (kind === "put") {
      session.put({ name, file: atOnce((done) => this.client.open(name, done)), overwrite, compresses, onDone });
    } else {
      const create = (info: CreateOptions | Omit<CreateOptions, "overwrite">): CreateOptions => ({
        ...info,
        overwrite,
        resume: { purpose: "server", reusesOld: overwrite },
      });
      session.get({ name, compresses, create: (info, done) => this.client.create(name, create(info), done), onDone });
    }
    pair.serve(pair.client);
    const sender = kind === "put" ? connection : pair.server.connection;
    pair.runUntil(() => outcomes.length > 0 || sender.stats.bytesSent >= cutAfterBytes, { withinUs: 600_000_000 });
    const sentBytes = sender.stats.bytesSent;
    connection.close(pair.nowUs, 0, "");
    pair.client.wire.rule = pair.server.wire.rule = () => undefined;
    pair.serve(pair.client);
    pair.run(200_000);
    for (const store of [this.client, this.server]) assert.deepEqual([store.openHandles, store.partialFiles], [0, 0]);
    assert.equal(outcomes.length, 1);
    return { outcome: outcomes[0]!, sentBytes, events };
  }

  #serve(pair: Pair, { attempt, events }: { attempt: Attempt; events: TransferEvent[] }): void {
    pair.server.makeSession = (connection) => {
      const { work, doWork } = promptWork();
      const waking = { nowUs: () => pair.nowUs, wakeIn: () => {} };
      const session = new ServerSession({
        connection,
        store: this.server,
        principal: "client",
        ...(attempt.rights === undefined ? {} : { rights: attempt.rights }),
        shared: {
          limits: new RequestLimits(),
          listings: new ListingCache(waking),
          calls: new CallQueue(waking),
          work,
          resumable: this.resumable,
        },
        ...waking,
        wake: () => {},
        onEvent: (event) => void events.push(event),
      });
      return {
        process: () => {
          session.process();
          doWork();
        },
      };
    };
  }
}
