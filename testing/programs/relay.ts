/**
 * A man in the middle between a client and a server program: forwards every datagram, records those of the client, and
 * attacks as a test wants. The relay of `perf/` is another one: it emulates a link, in a process of its own.
 *
 * @module
 */

const LOOPBACK = "127.0.0.1";

/** A bound socket, and counters of what it receives. */
export class Socket implements Disposable {
  readonly port: number;
  receivedBytes = 0;
  /** Size of the largest datagram received. */
  largestBytes = 0;
  readonly #connection: Deno.DatagramConn;

  constructor(onDatagram: (datagram: Uint8Array, port: number) => void | Promise<void> = () => {}) {
    this.#connection = Deno.listenDatagram({ transport: "udp", hostname: LOOPBACK, port: 0 });
    this.port = (this.#connection.addr as Deno.NetAddr).port;
    void this.#receive(onDatagram);
  }

  /** Sends a datagram to a port of this machine. If the port is closed, the datagram is lost, as on any network. */
  async send(datagram: Uint8Array, port: number): Promise<void> {
    try {
      await this.#connection.send(datagram, { transport: "udp", hostname: LOOPBACK, port });
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource || error instanceof Deno.errors.ConnectionRefused)) throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#connection.close();
  }

  async #receive(onDatagram: (datagram: Uint8Array, port: number) => void | Promise<void>): Promise<void> {
    for await (const [datagram, from] of this.#connection) {
      this.receivedBytes += datagram.length;
      this.largestBytes = Math.max(this.largestBytes, datagram.length);
      await onDatagram(datagram, (from as Deno.NetAddr).port);
    }
  }
}

/** What a {@link Relay} does in addition: called with each datagram before it is forwarded. */
export type Mischief = (datagram: Uint8Array, relay: Relay) => void | Promise<void>;

/** Forwards between one client and a server. */
export class Relay implements Disposable {
  /** The client's datagrams, in order. */
  readonly recorded: Uint8Array[] = [];
  /** The socket whose address the server sees as the client's. */
  readonly serverSide: Socket;
  readonly #clientSide: Socket;
  readonly #serverPort: number;
  #clientPort = 0;

  constructor(serverPort: number, mischief: { toServer?: Mischief; toClient?: Mischief } = {}) {
    this.#serverPort = serverPort;
    this.#clientSide = new Socket(async (datagram, port) => {
      this.#clientPort = port;
      this.recorded.push(datagram);
      await mischief.toServer?.(datagram, this);
      await this.toServer(datagram);
    });
    this.serverSide = new Socket(async (datagram) => {
      await mischief.toClient?.(datagram, this);
      await this.toClient(datagram);
    });
  }

  /** The port to which the client connects. */
  get port(): number {
    return this.#clientSide.port;
  }

  /** Sends the server a datagram from the address that it sees as the client's. */
  toServer(datagram: Uint8Array): Promise<void> {
    return this.serverSide.send(datagram, this.#serverPort);
  }

  /** Sends the client a datagram from the address that it sees as the server's. */
  toClient(datagram: Uint8Array): Promise<void> {
    return this.#clientSide.send(datagram, this.#clientPort);
  }

  [Symbol.dispose](): void {
    this.#clientSide[Symbol.dispose]();
    this.serverSide[Symbol.dispose]();
  }
}
