/**
 * What every UDP socket of the programs does alike. Each implementation runs these tests.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { DatagramReceiver, DatagramSocket, SocketOptions } from "../app/platform.ts";
import { NetAddress } from "../base/net_address.ts";

const HOST = "127.0.0.1";

/** A datagram that was received. */
export interface Received {
  readonly bytes: Uint8Array;
  readonly remote: NetAddress;
  /** The number of its batch, from 0. */
  readonly batch: number;
}

/** Keeps what a socket receives. */
export class Inbox implements DatagramReceiver {
  readonly all: Received[] = [];
  #batches = 0;
  #wanted: { readonly count: number; readonly resolve: () => void } | undefined;

  datagram(bytes: Uint8Array, remote: NetAddress): void {
    this.all.push({ bytes: bytes.slice(), remote, batch: this.#batches });
    if (this.all.length === this.#wanted?.count) this.#wanted.resolve();
  }

  batchEnded(): void {
    this.#batches++;
  }

  /** Resolves when so many datagrams have come. */
  async received(count: number): Promise<readonly Received[]> {
    if (this.all.length < count) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wanted = { count, resolve };
      await promise;
    }
    return this.all;
  }
}

/** Two sockets, of which the second one receives. */
export class SocketPair implements AsyncDisposable {
  readonly inbox = new Inbox();
  readonly target: NetAddress;
  readonly #receiving: Promise<void>;

  constructor(readonly sender: DatagramSocket, readonly receiver: DatagramSocket) {
    this.target = NetAddress.of(receiver.hostname, receiver.port);
    this.#receiving = receiver.receiveAll(this.inbox);
  }

  /** Sends one datagram. */
  async send(bytes: Uint8Array): Promise<void> {
    await this.sender.send(bytes, bytes.length, this.target);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.sender.close();
    this.receiver.close();
    await this.#receiving;
  }
}

/** Bytes that show where they belong. */
export function patterned(length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, index) => index * 31 + (index >> 8));
}

/** Binds a socket to an address of this machine, and a port of the system's choice. */
type Open = (hostname: string, port?: number) => DatagramSocket;

const CHECKS: Readonly<Record<string, (open: Open) => Promise<void> | void>> = {
  "carries datagrams, tells where they came from, and ends when it is closed": async (open) => {
    const [sender, receiver] = [open(HOST), open(HOST)];
    const inbox = new Inbox();
    const receiving = receiver.receiveAll(inbox);
    const target = NetAddress.of(HOST, receiver.port);
    await sender.send(Uint8Array.of(1, 2, 3), 3, target);
    const [first] = await inbox.received(1);
    assert.deepEqual(first, { bytes: Uint8Array.of(1, 2, 3), remote: NetAddress.of(HOST, sender.port), batch: 0 });
    receiver.close();
    receiver.close();
    await receiving;
    await sender.send(Uint8Array.of(1), 1, target);
    sender.close();
    await sender.send(Uint8Array.of(1), 1, target);
    await sender.drained();
  },

  "says which address cannot be used, and what to do": (open) => {
    const taken = open(HOST);
    try {
      assert.throws(() => open(HOST, taken.port), {
        name: "SluiceError",
        message: `127.0.0.1:${taken.port} is in use by another program; stop it, or choose another port`,
      });
    } finally {
      taken.close();
    }
    assert.throws(() => open("192.0.2.1"), {
      name: "SluiceError",
      message: "192.0.2.1 is not an address of this machine; choose one that is, or 0.0.0.0",
    });
  },

  "carries datagrams of any length, and empty ones": async (open) => {
    await using pair = new SocketPair(open(HOST), open(HOST));
    const lengths = [0, 1, 63, 64, 65, 1023, 1024, 1025, 1472, 9000, 65_507];
    for (const [index, length] of lengths.entries()) {
      await pair.send(patterned(length));
      const received = await pair.inbox.received(index + 1);
      assert.deepEqual(received[index]!.bytes, patterned(length), `${length} bytes`);
    }
  },

  "counts a datagram that is too long as lost": async (open) => {
    await using pair = new SocketPair(open(HOST), open(HOST));
    await pair.send(patterned(65_508));
    await pair.send(Uint8Array.of(1));
    assert.deepEqual((await pair.inbox.received(1)).map(({ bytes }) => [...bytes]), [[1]]);
  },

  "carries datagrams of IPv6, and of IPv4 to a socket of both": async (open) => {
    await using own = new SocketPair(open("::1"), open("::1"));
    await own.send(Uint8Array.of(6));
    assert.equal((await own.inbox.received(1))[0]!.remote.text, `[::1]:${own.sender.port}`);
    const both = open("::");
    await using pair = new SocketPair(open(HOST), both);
    const receivingBack = new Inbox();
    const back = pair.sender.receiveAll(receivingBack);
    await pair.sender.send(Uint8Array.of(4), 1, NetAddress.of(HOST, both.port));
    const { remote } = (await pair.inbox.received(1))[0]!;
    assert.equal(remote.text, `${HOST}:${pair.sender.port}`);
    await both.send(Uint8Array.of(5), 1, remote);
    const answer = (await receivingBack.received(1))[0]!;
    assert.deepEqual([...answer.bytes, answer.remote.text], [5, `${HOST}:${both.port}`]);
    pair.sender.close();
    await back;
  },

  "tells many senders apart": async (open) => {
    const receiver = open(HOST);
    const inbox = new Inbox();
    const senders = Array.from({ length: 40 }, () => open(HOST));
    const target = NetAddress.of(HOST, receiver.port);
    for (let round = 0; round < 2; round++) {
      for (const [index, sender] of senders.entries()) await sender.send(Uint8Array.of(round, index), 2, target);
    }
    // Only now, so that many lie there at once.
    const receiving = receiver.receiveAll(inbox);
    const all = await inbox.received(80);
    for (const { bytes: [round, index], remote } of all) {
      assert.equal(remote.text, `${HOST}:${senders[index!]!.port}`);
      assert.equal(remote, all.find(({ bytes }) => bytes[1] === index)!.remote, `one address, round ${round}`);
    }
    for (const socket of [receiver, ...senders]) socket.close();
    await receiving;
  },

  "goes on where nobody listens": async (open) => {
    const gone = open(HOST);
    const target = NetAddress.of(HOST, gone.port);
    gone.close();
    await using pair = new SocketPair(open(HOST), open(HOST));
    for (let count = 0; count < 5; count++) {
      await pair.sender.send(Uint8Array.of(9), 1, target);
      await pair.receiver.send(Uint8Array.of(9), 1, target);
    }
    await pair.send(Uint8Array.of(1));
    assert.deepEqual([...(await pair.inbox.received(1))[0]!.bytes], [1]);
  },

  "stops when it is closed by what it receives, without passing on more": async (open) => {
    const [sender, receiver] = [open(HOST), open(HOST)];
    const target = NetAddress.of(HOST, receiver.port);
    for (let count = 0; count < 3; count++) await sender.send(Uint8Array.of(count), 1, target);
    let count = 0;
    await receiver.receiveAll({
      datagram() {
        count++;
        receiver.close();
      },
      batchEnded() {},
    });
    assert.equal(count, 1);
    sender.close();
  },

  "passes on what its receiver throws": async (open) => {
    const [sender, receiver] = [open(HOST), open(HOST)];
    const receiving = receiver.receiveAll({
      datagram() {
        throw new Error("a bug");
      },
      batchEnded() {},
    });
    await sender.send(Uint8Array.of(1), 1, NetAddress.of(HOST, receiver.port));
    await assert.rejects(receiving, { message: "a bug" });
    sender.close();
    receiver.close();
  },
};

/** Tests a kind of socket. `open` binds one. */
export function testSocketCompliance(name: string, open: (options: SocketOptions) => DatagramSocket): void {
  for (const [what, check] of Object.entries(CHECKS)) {
    Deno.test(`${name} ${what}`, () => check((hostname, port = 0) => open({ hostname, port })));
  }
}
