/**
 * A client without manners: says on a stream whatever it is given, and hears what the server answers.
 *
 * @module
 */

import { NetAddress } from "../../base/net_address.ts";
import { Driver } from "../../app/driver.ts";
import { randomBytes } from "../../io/clock.ts";
import { configFor } from "../../app/path_hints.ts";
import { systemPlatform } from "../../io/platform.ts";
import { type Connection, Endpoint, KEY_BYTES, type Stream } from "../../protocol/mod.ts";
import { readMessage } from "../../transfer/message_reader.ts";
import type { Message } from "../../transfer/messages.ts";
import { inTime } from "./programs.ts";

/** How a stream ended, as the server sees to it. */
export type Answer = Message | { readonly type: "reset"; readonly code: number } | { readonly type: "closed" };

/** One connection. */
export class RawClient implements Disposable {
  readonly #driver: Driver;
  readonly #answers = new Map<Stream, (answer: Answer) => void>();
  readonly #connected = Promise.withResolvers<void>();
  #connection!: Connection;
  #wake!: () => void;

  private constructor(serverPort: number) {
    const endpoint = new Endpoint({ isServer: false, staticKey: randomBytes(KEY_BYTES), randomBytes, configFor });
    this.#driver = new Driver({
      platform: systemPlatform,
      endpoint,
      socket: systemPlatform.openSocket({ hostname: "127.0.0.1", port: 0 }),
      onFatal: (error) => this.#connected.reject(error),
    });
    this.#driver.start();
    this.#driver.connect(NetAddress.parse(`127.0.0.1:${serverPort}`), (connection, wake) => {
      this.#connection = connection;
      this.#wake = wake;
      return { process: () => this.#process() };
    });
  }

  /** Connects to the server at this port of this machine. */
  static async connect(serverPort: number): Promise<RawClient> {
    const client = new RawClient(serverPort);
    await inTime(client.#connected.promise, () => "a connection");
    return client;
  }

  /** Opens a stream and says this on it; `finish` ends it there. Resolves with the server's first answer. */
  say(bytes: Uint8Array, options: { finish: boolean }): Promise<Answer> {
    const stream = this.#connection.openStream();
    if (stream === undefined) throw new Error("the server allows no more streams");
    const { promise, resolve } = Promise.withResolvers<Answer>();
    this.#answers.set(stream, resolve);
    // The stream takes the bytes over.
    stream.write(bytes.slice());
    if (options.finish) stream.finish();
    this.#wake();
    return inTime(promise, () => "an answer");
  }

  /** Says goodbye. */
  async close(): Promise<void> {
    if (!this.#connection.isClosed) this.#driver.closeConnection(this.#connection, { code: 0, reason: "" });
    await this.#driver.flushed();
  }

  [Symbol.dispose](): void {
    this.#driver.stop();
  }

  #process(): void {
    for (let event = this.#connection.pollEvent(); event !== undefined; event = this.#connection.pollEvent()) {
      if (event.kind === "connected") {
        this.#connected.resolve();
      } else if (event.kind === "stream-readable") {
        const next = readMessage(event.stream);
        if (next.kind === "message") this.#answers.get(event.stream)?.(next.message);
      } else if (event.kind === "stream-reset") {
        this.#answers.get(event.stream)?.({ type: "reset", code: event.code });
      } else if (event.kind === "closed") {
        for (const resolve of this.#answers.values()) resolve({ type: "closed" });
        this.#connected.reject(new Error("the server did not take the connection"));
      }
    }
  }
}
