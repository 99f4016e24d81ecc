/**
 * A client and a server, always in the same state: live ends for one hostile datagram. Nothing may throw, and afterwards
 * the end must still find its own end.
 *
 * A {@link ManInTheMiddle} stands between them, so that the datagram can be sealed as it must be.
 *
 * @module
 */

import assert from "node:assert/strict";
import { NetAddress } from "../../base/net_address.ts";
import { invariant } from "../../base/invariant.ts";
import { Random } from "../../base/random.ts";
import { type AdmissionLimits, type Connection, Endpoint } from "../../protocol/mod.ts";
import { MemoryStore } from "../memory_store.ts";
import { promptWork } from "../prompt_work.ts";
import type { GetRequest } from "../../transfer/client/get.ts";
import { ClientSession } from "../../transfer/client/session.ts";
import { StoreError } from "../../transfer/file_store.ts";
import { ServerSession } from "../../transfer/server/session.ts";
import { CallQueue } from "../../transfer/server/call_queue.ts";
import { ListingCache } from "../../transfer/server/listing_cache.ts";
import { ResumablePuts } from "../../transfer/server/resumable_puts.ts";
import { RequestLimits } from "../../transfer/server/request_limits.ts";
import { idBytes, ManInTheMiddle, type Towards } from "./man_in_the_middle.ts";
import { bucket, withoutNumbers } from "../fuzz/target.ts";

/** The client's address. */
export const CLIENT = NetAddress.parse("192.0.2.1:4000");
/** The server's address. */
export const SERVER = NetAddress.parse("192.0.2.2:5000");

/** No end sends more than this at one moment: a window of the beginning, and what answers to it. */
const MAX_SENT_AT_ONCE = 200;

/** More than a window of the beginning, so that both files are under way. */
const FILE_BYTES = 60_000;

/** The number of the packet that is fed: above those that went before. */
const FED_NUMBER = 100;

/** Their private keys. */
const KEYS = { client: new Uint8Array(32).fill(1), server: new Uint8Array(32).fill(2) } as const;

/** One side: an endpoint, its connection, and what the connection belongs to. */
export interface SessionEndpoint {
  readonly endpoint: Endpoint;
  readonly remote: NetAddress;
  connection?: Connection;
  session?: { process(): void; readonly activeCount: number };
  nowUs: number;
}

/** How they meet. */
export interface SessionOptions {
  /** Of the server. */
  readonly limits?: Partial<AdmissionLimits>;
}

/** See the module's description. */
export class Session {
  readonly client: SessionEndpoint;
  readonly server: SessionEndpoint;
  readonly manInTheMiddle: ManInTheMiddle;
  readonly #stores = { client: new MemoryStore(), server: new MemoryStore() };
  readonly #features = new Set<string>();
  readonly #buffer = new Uint8Array(65_536);
  #clientSession: ClientSession | undefined;
  #outcomes = 0;

  /** The client is about to say Hello. */
  constructor({ limits = {} }: SessionOptions = {}) {
    const random = new Random(1);
    const randomBytes = (count: number): Uint8Array => random.bytes(count);
    this.manInTheMiddle = new ManInTheMiddle(new Random(2));
    const clientEndpoint = new Endpoint({ isServer: false, randomBytes, staticKey: KEYS.client });
    const serverEndpoint = new Endpoint({ isServer: true, randomBytes, limits, staticKey: KEYS.server });
    this.client = { endpoint: clientEndpoint, remote: SERVER, nowUs: 0 };
    this.server = { endpoint: serverEndpoint, remote: CLIENT, nowUs: 0 };
    this.#stores.server.put("there", new Uint8Array(FILE_BYTES));
    this.#stores.client.put("new", new Uint8Array(FILE_BYTES));
    this.#connect();
  }

  /** The handshake is done; the server has answered a list, and sends a file while it receives another. */
  static established(options?: SessionOptions): Session {
    const session = new Session(options);
    const { client, server } = session;
    session.hearServerHello(session.sayHello());
    const [clientFinish, next] = session.sayRequests().map((datagram) =>
      session.manInTheMiddle.pass(datagram, "server")
    );
    session.#accept(server.endpoint.handleDatagram(server.nowUs = 30_000, clientFinish!, CLIENT).connection!);
    server.endpoint.handleDatagram(server.nowUs, next!, CLIENT);
    const [first] = session.#take(server);
    client.endpoint.handleDatagram(client.nowUs = 40_000, session.manInTheMiddle.pass(first!, "client"), SERVER);
    session.#take(client);
    session.#features.clear();
    return session;
  }

  /** The client's Hello goes to the server; what that answers, as it leaves the server. */
  sayHello(): Uint8Array {
    const [hello] = this.#take(this.client);
    const { server } = this;
    server.nowUs = 10_000;
    return server.endpoint.handleDatagram(server.nowUs, this.manInTheMiddle.pass(hello!, "server"), CLIENT).answer
      .slice();
  }

  /** The client hears what the server has answered. */
  hearServerHello(serverHello: Uint8Array): void {
    const { client } = this;
    client.endpoint.handleDatagram(client.nowUs = 20_000, this.manInTheMiddle.pass(serverHello, "client"), SERVER);
  }

  /** The client's requests, as they leave the client: the first in a ClientFinish packet. */
  sayRequests(): Uint8Array[] {
    this.#request();
    return this.#take(this.client);
  }

  /** Feeds one side a Data packet with these bytes for frames. */
  feed(side: Towards, payload: Uint8Array): Set<string> {
    const end = this[side];
    const to = idBytes(end.connection!.localId);
    return this.feedDatagram(end, this.manInTheMiddle.data(side, payload, { to, number: FED_NUMBER })!, end.remote);
  }

  /** Feeds a datagram, has what follows from it happen, and waits until the connection is gone. */
  feedDatagram(end: SessionEndpoint, datagram: Uint8Array, from: NetAddress): Set<string> {
    const features = this.#features;
    const result = end.endpoint.handleDatagram(end.nowUs, datagram.slice(), from);
    features.add(result.kind);
    if (result.reason !== undefined) features.add(result.reason);
    return this.#conclude(end);
  }

  /** The server has a connection: what follows happens, until it is gone. */
  acceptAndEnd(connection: Connection): Set<string> {
    this.#accept(connection);
    return this.#conclude(this.server);
  }

  #conclude(end: SessionEndpoint): Set<string> {
    const features = this.#features;
    features.add(end.connection!.state);
    features.add(`streams ${end.connection!.openStreamCount}`);
    features.add(`sent ${bucket(this.#take(end).length)}`);
    this.#end(end);
    features.add(`outcomes ${this.#outcomes}`);
    return features;
  }

  #connect(): void {
    const { client } = this;
    const connection = client.endpoint.connect(0, SERVER);
    client.connection = connection;
    const { work, doWork } = promptWork();
    const session = new ClientSession({
      connection,
      work,
      wake: () => {},
      onClosed: (reason) => {
        this.#features.add(
          "reason" in reason
            ? withoutNumbers(`${reason.kind} ${reason.kind === "peer" ? "" : reason.reason}`)
            : reason.kind,
        );
      },
    });
    this.#clientSession = session;
    client.session = {
      get activeCount() {
        return session.activeCount;
      },
      process: () => {
        session.process();
        doWork();
      },
    };
  }

  #request(): void {
    const { client } = this.#stores;
    const session = this.#clientSession!;
    const onDone = ({ kind }: { readonly kind: string }): void => {
      this.#outcomes++;
      this.#features.add(kind);
    };
    const create: GetRequest["create"] = (info, done) => client.create(info.name, { ...info, overwrite: false }, done);
    session.get({ name: "there", create, onDone });
    session.query({ message: { type: "list" }, onDone });
    client.open("new", (file) => {
      invariant(!(file instanceof StoreError), "the client has the file that it sends");
      session.put({ name: "new", file, overwrite: false, onDone });
    });
  }

  #accept(connection: Connection): void {
    const waking = { nowUs: () => this.server.nowUs, wakeIn: () => {} };
    const listings = new ListingCache(waking);
    const calls = new CallQueue(waking);
    const { work, doWork } = promptWork();
    const session = new ServerSession({
      connection,
      store: this.#stores.server,
      shared: { limits: new RequestLimits(), listings, calls, work, resumable: new ResumablePuts() },
      nowUs: () => this.server.nowUs,
      wake: () => {},
      wakeIn: () => {},
      onEvent: (event) => this.#features.add(event.kind),
      onClosed: (reason) => {
        if (reason.kind === "violation") this.#features.add(withoutNumbers(reason.reason));
      },
    });
    this.server.connection = connection;
    this.server.session = {
      get activeCount() {
        return session.activeCount;
      },
      process: () => {
        listings.wake();
        calls.wake();
        session.process();
        doWork();
      },
    };
  }

  /** All that an end has to send now. */
  #take({ connection, session, nowUs }: SessionEndpoint): Uint8Array[] {
    const sent: Uint8Array[] = [];
    for (;;) {
      session?.process();
      const length = connection!.pollTransmit(nowUs, this.#buffer);
      if (length === 0) return sent;
      sent.push(this.#buffer.slice(0, length));
      assert(sent.length <= MAX_SENT_AT_ONCE, "an end sends without end");
    }
  }

  /** Nothing more is heard: the connection goes, and all that it held goes with it. */
  #end(end: SessionEndpoint): void {
    const { connection, session } = end;
    for (let steps = 0; !connection!.isClosed; steps++) {
      assert(steps < 1_000, "a connection does not end by itself");
      end.nowUs = Math.max(end.nowUs, connection!.pollTimeout());
      assert(end.nowUs < Infinity, "a connection that is not closed has no timer");
      connection!.handleTimeout(end.nowUs);
      this.#take(end);
    }
    session!.process();
    assert.equal(session!.activeCount, 0, "a request outlives its connection");
    const store = end === this.server ? this.#stores.server : this.#stores.client;
    assert.equal(store.openHandles + store.partialFiles, 0, "a file stays open, or half there");
  }
}
