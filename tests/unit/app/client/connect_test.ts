/** Real sockets on loopback; only the resolver is a fake. */

import assert from "node:assert/strict";
import { SluiceError } from "../../../../app/api.ts";
import type { ClientOptions } from "../../../../app/client/api.ts";
import { connect } from "../../../../app/client/connect.ts";
import type { DatagramSocket, Platform, SocketOptions } from "../../../../app/platform.ts";
import { startServer } from "../../../../app/server/server.ts";
import { systemPlatform } from "../../../../io/platform.ts";

/** Loopback addresses at which no server listens. */
const DEAD = ["127.77.0.1", "127.77.0.2"];
const LIVE = "127.0.0.1";

/** A machine whose resolver knows one name, and whose sockets are counted. */
class Machine {
  readonly sockets: DatagramSocket[] = [];
  openSocket: Platform["openSocket"] = (options) => systemPlatform.openSocket(options);

  constructor(readonly resolveHost: Platform["resolveHost"]) {}

  static resolving(...addresses: string[]): Machine {
    return new Machine(() => Promise.resolve(addresses));
  }

  connect(port: number, options: Partial<ClientOptions> = {}) {
    return connect({ host: "server.example", port, timeoutMs: 30_000, ...options }, {
      ...systemPlatform,
      resolveHost: this.resolveHost,
      openSocket: (socketOptions) => {
        const socket = this.openSocket(socketOptions);
        this.sockets.push(socket);
        return socket;
      },
    });
  }

  /** Its sockets that are open. */
  get openCount(): number {
    return this.sockets.filter((socket) => !(socket as unknown as { isClosed: boolean }).isClosed).length;
  }
}

async function withServer(run: (port: number) => Promise<void>): Promise<void> {
  const root = await Deno.makeTempDir();
  const identity = new Uint8Array(32).fill(7);
  const options = { host: LIVE, port: 0, root, identity, access: "open", onEvent: () => {} } as const;
  const server = await startServer(options, systemPlatform);
  try {
    await run(server.port);
  } finally {
    await server.stop({ graceMs: 0 });
    await Deno.remove(root, { recursive: true });
  }
}

Deno.test("connect goes on to the next address where the first does not respond, and keeps one socket", async () => {
  await withServer(async (port) => {
    const machine = Machine.resolving(DEAD[0]!, LIVE);
    const client = await machine.connect(port);
    assert.equal(machine.sockets.length, 2);
    assert.equal(machine.openCount, 1);
    assert.deepEqual(await client.list(), []);
    await client.close();
    assert.equal(machine.openCount, 0);
  });
});

Deno.test("connect goes on at once where the system has no socket or no route for an address", async () => {
  await withServer(async (port) => {
    const machine = Machine.resolving("2001:db8::1", LIVE, ...DEAD);
    machine.openSocket = (options: SocketOptions) => {
      if (options.hostname === "::") throw new SluiceError("failed", "no IPv6");
      return systemPlatform.openSocket(options);
    };
    await (await machine.connect(port)).close();
    assert.equal(machine.sockets.length, 1);

    const unrouted = Machine.resolving(DEAD[0]!, LIVE, DEAD[1]!);
    unrouted.openSocket = (options: SocketOptions) => {
      const socket = systemPlatform.openSocket(options);
      if (unrouted.sockets.length > 0) return socket;
      return Object.assign(Object.create(socket), {
        receiveAll: () => socket.receiveAll({ datagram() {}, batchEnded() {} }),
        close: () => socket.close(),
        send: () => {
          options.onUnreachable!("the network is unreachable");
          return Promise.resolve();
        },
      });
    };
    await (await unrouted.connect(port)).close();
    assert.equal(unrouted.sockets.length, 2);
  });
});

Deno.test("connect names every address that was tried when none responds", async () => {
  const machine = Machine.resolving(...DEAD);
  // Deno's own sockets are not told of a closed port.
  await assert.rejects(machine.connect(9, { timeoutMs: 500, native: false }), {
    kind: "unreachable",
    message:
      "no response from 127.77.0.1:9 or 127.77.0.2:9 after 500 ms: is the server running, the port right, and UDP " +
      "allowed by the firewall?",
  });
  assert.equal(machine.sockets.length, 2);
  assert.equal(machine.openCount, 0);
});

Deno.test("connect reports the refusal of a server rather than the silence of another address", async () => {
  await withServer(async (port) => {
    const server = { key: new Uint8Array(32).fill(1), source: "--server-key", renewal: "pass the new one" };
    const machine = Machine.resolving(DEAD[0]!, LIVE);
    await assert.rejects(machine.connect(port, { timeoutMs: 1000, server }), {
      kind: "refused",
      message: /IMPERSONATING/,
    });
    assert.equal(machine.openCount, 0);
  });
});

Deno.test("connect that is cancelled closes the sockets of all attempts", async () => {
  const machine = Machine.resolving(...DEAD);
  const abort = new AbortController();
  const { openSocket } = machine;
  machine.openSocket = (options) => {
    if (machine.sockets.length === 1) abort.abort();
    return openSocket(options);
  };
  await assert.rejects(machine.connect(9, { signal: abort.signal }), { kind: "interrupted" });
  assert.equal(machine.openCount, 0);
});

Deno.test("connect gives up a resolver that does not answer: after its timeout, or when cancelled", async () => {
  const machine = new Machine(() => new Promise(() => {}));
  await assert.rejects(machine.connect(9, { timeoutMs: 100 }), {
    kind: "unreachable",
    message: /"server\.example" was not resolved within 100 ms/,
  });
  const abort = new AbortController();
  const connecting = machine.connect(9, { signal: abort.signal });
  abort.abort();
  await assert.rejects(connecting, { kind: "interrupted" });
  assert.equal(machine.sockets.length, 0);
});
