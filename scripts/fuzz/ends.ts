/**
 * One datagram for a live end: an endpoint that hears a stranger, a client that waits for its Retry, and both sides of
 * an established connection with requests under way. Each input finds the end in the same state; nothing may throw,
 * and afterwards the end must still find its own end.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type Connection, Endpoint, Random, Writer } from "../../protocol/mod.ts";
import { AMPLIFICATION_FACTOR } from "../../protocol/limits.ts";
import { Crc32Protection } from "../../protocol/protection/checksum.ts";
import { writeDataHeader } from "../../protocol/wire/packet.ts";
import { MemoryStore } from "../../tests/unit/transfer/memory_store.ts";
import { encodeFrames, encodePacket, type FrameValue, fromHex } from "../../tests/wire/wire_values.ts";
import { ClientSession } from "../../transfer/client_session.ts";
import { toHex } from "../../transfer/hex.ts";
import { encodeMessage } from "../../transfer/messages.ts";
import { ServerSession } from "../../transfer/server_session.ts";
import { anyFrame, anyFrames, anyMessage, anyPacket, anyParameters, resealed } from "./input.ts";
import { bucket, type InputTarget, withoutNumbers } from "./target.ts";

const CLIENT = "192.0.2.1:4000";
const SERVER = "192.0.2.2:5000";

/** No end sends more than this at one moment: a window of the beginning, and what answers to it. */
const MAX_SENT_AT_ONCE = 200;

/** More than a window of the beginning, so that both files are under way. */
const FILE_BYTES = 60_000;

/** The live ends by name. */
export const ENDS: readonly (readonly [string, InputTarget])[] = [
  ["stranger", {
    kind: "input",
    make: (random) => encodePacket(anyPacket(random)),
    finish: (random, input) => random.chance(0.8) ? resealed(input) : input,
    feed: feedStranger,
  }],
  ["handshake", {
    kind: "input",
    make: makeAnswer,
    finish: (random, input) => random.chance(0.9) ? resealed(input) : input,
    feed: feedHandshake,
  }],
  ["server", { kind: "input", make: makePayload, feed: (input) => Meeting.established().feed("server", input) }],
  ["client", { kind: "input", make: makePayload, feed: (input) => Meeting.established().feed("client", input) }],
];

function feedStranger(input: Uint8Array): Set<string> {
  const { server } = new Meeting();
  const result = server.endpoint.handleDatagram(server.nowUs, input.slice(), CLIENT);
  assert(result.kind === "answer" || result.kind === "drop", "a stranger has a connection");
  if (result.kind === "drop") return new Set([result.reason!]);
  assert(result.answer.length <= AMPLIFICATION_FACTOR * input.length, "an answer amplifies");
  return new Set([`answer ${result.answer[0]} to ${input[0]} of ${bucket(input.length)}`]);
}

/** What a client that has said Hello may hear. */
function makeAnswer(random: Random): Uint8Array {
  const { client } = new Meeting();
  const to = idOf(client.connection!);
  const packet = anyPacket(random);
  if (packet.packet === "hello") {
    return encodePacket({ packet: "retry", to, from: 5, token: "", parameters: anyParameters(random) });
  }
  return encodePacket({ ...packet, to });
}

function feedHandshake(input: Uint8Array): Set<string> {
  const meeting = new Meeting();
  return meeting.feedDatagram(meeting.client, input, SERVER);
}

/** Frames among which streams carry messages. */
function makePayload(random: Random): Uint8Array {
  const frames = anyFrames(random).map((frame): FrameValue => {
    if (!random.chance(0.5)) return frame;
    const message = toHex(encodeMessage(anyMessage(random)));
    return random.chance(0.2)
      ? anyFrame(random)
      : { frame: "stream", streamId: random.integer(0, 4), offset: 0, data: message, fin: random.chance(0.5) };
  });
  return encodeFrames(frames);
}

/** One side: an endpoint, its connection, and what the connection belongs to. */
interface End {
  readonly endpoint: Endpoint;
  readonly remote: string;
  connection?: Connection;
  session?: { process(): void; readonly activeCount: number };
  nowUs: number;
}

/** A client and a server, and nothing in between. */
class Meeting {
  readonly client: End;
  readonly server: End;
  readonly #stores = { client: new MemoryStore(), server: new MemoryStore() };
  readonly #features = new Set<string>();
  readonly #buffer = new Uint8Array(65_536);
  #outcomes = 0;

  constructor() {
    const random = new Random(1);
    const randomBytes = (count: number): Uint8Array => random.bytes(count);
    this.client = { endpoint: new Endpoint({ isServer: false, randomBytes }), remote: SERVER, nowUs: 0 };
    this.server = { endpoint: new Endpoint({ isServer: true, randomBytes }), remote: CLIENT, nowUs: 0 };
    this.#stores.server.put("there", new Uint8Array(FILE_BYTES));
    this.#stores.client.put("new", new Uint8Array(FILE_BYTES));
    this.#connect();
  }

  /** The handshake is done; the server has answered a list, and sends a file while it receives another. */
  static established(): Meeting {
    const meeting = new Meeting();
    const { client, server } = meeting;
    const [hello] = meeting.#take(client);
    const retry = server.endpoint.handleDatagram(server.nowUs = 10_000, hello!, CLIENT).answer.slice();
    client.endpoint.handleDatagram(client.nowUs = 20_000, retry, SERVER);
    meeting.#request();
    const [initial, next] = meeting.#take(client);
    meeting.#accept(server.endpoint.handleDatagram(server.nowUs = 30_000, initial!, CLIENT).connection!);
    server.endpoint.handleDatagram(server.nowUs, next!, CLIENT);
    const [first] = meeting.#take(server);
    client.endpoint.handleDatagram(client.nowUs = 40_000, first!, SERVER);
    meeting.#take(client);
    meeting.#features.clear();
    return meeting;
  }

  /** Feeds one side a Data packet with these bytes for frames. */
  feed(side: "client" | "server", payload: Uint8Array): Set<string> {
    const end = this[side];
    const writer = new Writer().reset(new Uint8Array(payload.length + 32));
    const headerEnd = writeDataHeader(writer, fromHex(idOf(end.connection!)), 100);
    writer.bytes(payload);
    const length = new Crc32Protection().seal(writer.buffer, headerEnd, writer.position, 100);
    return this.feedDatagram(end, writer.buffer.subarray(0, length), end.remote);
  }

  /** Feeds a datagram, has what follows from it happen, and waits until the connection is gone. */
  feedDatagram(end: End, datagram: Uint8Array, from: string): Set<string> {
    const features = this.#features;
    const result = end.endpoint.handleDatagram(end.nowUs, datagram.slice(), from);
    features.add(result.kind);
    if (result.reason !== undefined) features.add(result.reason);
    features.add(end.connection!.state);
    features.add(`sent ${bucket(this.#take(end).length)}`);
    this.#end(end);
    features.add(`outcomes ${this.#outcomes}`);
    return features;
  }

  #connect(): void {
    const { client } = this;
    const connection = client.endpoint.connect(0, SERVER);
    client.connection = connection;
    client.session = new ClientSession({
      connection,
      wake: () => {},
      onClosed: (reason) => {
        this.#features.add(
          "reason" in reason
            ? withoutNumbers(`${reason.kind} ${reason.kind === "peer" ? "" : reason.reason}`)
            : reason.kind,
        );
      },
    });
  }

  #request(): void {
    const { client } = this.#stores;
    const session = this.client.session as ClientSession;
    const onDone = ({ kind }: { readonly kind: string }): void => {
      this.#outcomes++;
      this.#features.add(kind);
    };
    session.get({ name: "there", create: (info) => client.create(info.name, { ...info, overwrite: false }), onDone });
    session.query({ onDone });
    session.put({ name: "new", file: client.open("new"), overwrite: false, onDone });
  }

  #accept(connection: Connection): void {
    this.server.connection = connection;
    this.server.session = new ServerSession({
      connection,
      store: this.#stores.server,
      nowUs: () => this.server.nowUs,
      wake: () => {},
      onEvent: (event) => this.#features.add(event.kind),
      onClosed: (reason) => {
        if (reason.kind === "violation") this.#features.add(withoutNumbers(reason.reason));
      },
    });
  }

  /** All that an end has to send now. */
  #take({ connection, session, nowUs }: End): Uint8Array[] {
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
  #end(end: End): void {
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

function idOf(connection: Connection): string {
  return connection.localId.toString(16).padStart(16, "0");
}
