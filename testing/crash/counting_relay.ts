/**
 * Stands between a client and a server program and counts what passes: how many bytes a transfer has cost, however often
 * its programs were killed.
 *
 * @module
 */

import { Socket } from "../programs/relay.ts";

/** Forwards between the latest client and a server at a fixed port. */
export class CountingRelay implements Disposable {
  readonly #clientSide: Socket;
  readonly #serverSide: Socket;
  #clientPort = 0;

  constructor(serverPort: number) {
    this.#clientSide = new Socket((datagram, port) => {
      this.#clientPort = port;
      return this.#serverSide.send(datagram, serverPort);
    });
    this.#serverSide = new Socket((datagram) => this.#clientSide.send(datagram, this.#clientPort));
  }

  /** `HOST:PORT`, where clients connect. */
  get address(): string {
    return `127.0.0.1:${this.#clientSide.port}`;
  }

  /** Bytes of datagrams that clients have sent. */
  get toServerBytes(): number {
    return this.#clientSide.receivedBytes;
  }

  /** Bytes of datagrams that servers have sent. */
  get toClientBytes(): number {
    return this.#serverSide.receivedBytes;
  }

  [Symbol.dispose](): void {
    this.#clientSide[Symbol.dispose]();
    this.#serverSide[Symbol.dispose]();
  }
}
