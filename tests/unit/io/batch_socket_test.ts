import assert from "node:assert/strict";
import fc from "fast-check";
import type { DatagramSocket, SocketOptions } from "../../../app/platform.ts";
import { NetAddress } from "../../../base/net_address.ts";
import { BatchSocket } from "../../../io/batch_socket.ts";
import { type LibC, systemLibC } from "../../../io/libc.ts";
import { Inbox, patterned, SocketPair, testSocketCompliance } from "../../../testing/socket_compliance.ts";

const HOST = "127.0.0.1";
const OPTIONS: SocketOptions = { hostname: HOST, port: 0 };

const [EIO, EBADF, EAGAIN, EFAULT, EINVAL, EMSGSIZE, ENETUNREACH] = [5, 9, 11, 14, 22, 90, 101];
const [UDP_SEGMENT, UDP_GRO] = [103, 104];

const libc = systemLibC as LibC;

/** Other systems have no such calls. */
function test(what: string, run: () => Promise<void> | void): void {
  if (typeof systemLibC !== "string") Deno.test(`BatchSocket ${what}`, run);
}

Deno.test("BatchSocket is there on Linux", () => {
  assert.equal(typeof systemLibC === "object", Deno.build.os === "linux", String(systemLibC));
});

function open(libc: LibC, options: SocketOptions = OPTIONS): DatagramSocket {
  const socket = BatchSocket.open(options, libc);
  assert(typeof socket !== "string", socket as string);
  return socket;
}

/** Calls of which some fail: with the errno that `fail` returns, undefined for success. */
function failing(
  libc: LibC,
  fail: {
    readonly [Name in "sendmsg" | "recvmmsg" | "setsockopt" | "getsockopt"]?: (...args: number[]) => number | undefined;
  },
): LibC {
  let failed: number | undefined;
  const stub = (name: keyof typeof fail) => (...args: never[]) => {
    failed = fail[name]?.(...args);
    return failed === undefined ? (libc[name] as (...args: never[]) => number)(...args) : -1;
  };
  const stubs = Object.fromEntries(Object.keys(fail).map((name) => [name, stub(name as keyof typeof fail)]));
  return { ...libc, errno: () => failed ?? libc.errno(), ...stubs };
}

/** A batch, and the datagrams in it. */
function batchOf(
  count: number,
  segmentBytes: number,
  lastBytes: number,
): { bytes: Uint8Array; datagrams: Uint8Array[] } {
  const bytes = patterned((count - 1) * segmentBytes + lastBytes);
  const datagrams = Array.from(
    { length: count },
    (_, at) => bytes.subarray(at * segmentBytes, (at + 1) * segmentBytes),
  );
  return { bytes, datagrams };
}

async function checkBatch(pair: SocketPair, count: number, segmentBytes: number, lastBytes = segmentBytes) {
  const { bytes, datagrams } = batchOf(count, segmentBytes, lastBytes);
  const before = pair.inbox.all.length;
  await pair.sender.send(bytes, segmentBytes, pair.target);
  const received = (await pair.inbox.received(before + count)).slice(before);
  assert.deepEqual(received.map((one) => one.bytes), datagrams);
  assert(received.every(({ remote }) => remote.port === pair.sender.port));
}

if (typeof systemLibC !== "string") testSocketCompliance("BatchSocket", (options) => open(libc, options));

for (const [without, options] of [["", []], ["GRO", [UDP_GRO]], ["GSO", [UDP_SEGMENT]]] as const) {
  const kind = without === "" ? "with GSO and GRO" : `without ${without}`;
  test(`${kind} carries batches of any datagrams`, async () => {
    const refuse = (_fd?: number, _level?: number, option?: number) =>
      options.some((one) => one === option) ? 92 : undefined;
    const partial = failing(libc, { setsockopt: refuse, getsockopt: refuse });
    await using pair = new SocketPair(open(partial), open(partial));
    assert.equal(pair.sender.description.includes("GSO"), without !== "GSO");
    assert.equal(pair.receiver.description.includes("GRO"), without !== "GRO");
    await checkBatch(pair, 64, 1000);
    await checkBatch(pair, 64, 1, 1);
    await checkBatch(pair, 44, 1472, 3);
    await checkBatch(pair, 7, 8872, 8872);
    await checkBatch(pair, 2, 40_000, 25_507);
    const batch = fc.record({ count: fc.integer({ min: 1, max: 64 }), bytes: fc.integer({ min: 1, max: 1200 }) });
    await fc.assert(
      fc.asyncProperty(batch, fc.double({ min: 0, max: 1, noNaN: true }), async ({ count, bytes }, share) => {
        await checkBatch(
          pair,
          count,
          Math.min(bytes, Math.floor(65_507 / count)),
          1 + Math.floor(share * (Math.min(bytes, Math.floor(65_507 / count)) - 1)),
        );
      }),
      { numRuns: 60 },
    );
  });
}

test("reads a batch before it says that the batch has ended", async () => {
  const [sender, receiver] = [open(libc), open(libc)];
  const target = NetAddress.of(HOST, receiver.port);
  await sender.send(batchOf(40, 1200, 1200).bytes, 1200, target);
  await using pair = new SocketPair(sender, receiver);
  assert.deepEqual(new Set((await pair.inbox.received(40)).map(({ batch }) => batch)), new Set([0]));
});

for (const errno of [EIO, EINVAL, EMSGSIZE]) {
  test(`sends one by one where a device refuses segmentation under way, error ${errno}`, async () => {
    let calls = 0;
    let isRefusing = false;
    let controlBytes = (): number => 0;
    const stub = failing(libc, {
      sendmsg: () => {
        calls++;
        return isRefusing && controlBytes() > 0 ? errno : undefined;
      },
    });
    const { sendmsg } = stub;
    const seen: LibC = {
      ...stub,
      sendmsg: (fd, header, flags) => {
        const words = header as Uint32Array;
        controlBytes = () => words[10]!;
        return sendmsg(fd, header, flags);
      },
    };
    await using pair = new SocketPair(open(seen), open(libc));
    await checkBatch(pair, 10, 1000);
    assert.equal(calls, 1);
    isRefusing = true;
    await checkBatch(pair, 10, 1000, 500);
    assert.equal(calls, 1 + 1 + 10, "refused, then one by one");
    await checkBatch(pair, 10, 1000);
    assert.equal(calls, 22, "not tried again");
    isRefusing = false;
    await checkBatch(pair, 10, 900);
    assert.equal(calls, errno === EIO ? 32 : 23, "a shorter length may fit into the path");
  });
}

test("waits for room in a full send buffer, and goes on where it stopped", async () => {
  let left = 3;
  const stub = failing(libc, { sendmsg: () => left-- > 0 ? undefined : (left = 4, EAGAIN) });
  const noGso = failing(stub, { getsockopt: (_fd, _level, option) => option === UDP_SEGMENT ? 92 : undefined });
  await using pair = new SocketPair(open({ ...noGso, errno: () => EAGAIN }), open(libc));
  const { bytes, datagrams } = batchOf(20, 1000, 7);
  const sending = pair.sender.send(bytes, 1000, pair.target);
  assert(sending instanceof Promise);
  await sending;
  assert.deepEqual((await pair.inbox.received(20)).map((one) => one.bytes), datagrams);
});

test("gives up waiting for room when it is closed", async () => {
  const socket = open(failing(libc, { sendmsg: () => EAGAIN }));
  const sending = socket.send(new Uint8Array(10), 10, NetAddress.of(HOST, 9));
  socket.close();
  await sending;
});

test("tells a lost datagram from an unreachable network and from a fault of its own", async () => {
  const reasons: string[] = [];
  let errno = ENETUNREACH;
  const socket = open(failing(libc, { sendmsg: () => errno }), {
    ...OPTIONS,
    onUnreachable: (reason) => reasons.push(reason),
  });
  const send = () => socket.send(new Uint8Array(10), 10, NetAddress.of(HOST, 9));
  assert.equal(send(), undefined);
  assert.deepEqual(reasons, ["the network is unreachable from this machine; check the network"]);
  for (errno of [1, 105, EMSGSIZE]) assert.equal(send(), undefined);
  assert.equal(reasons.length, 1);
  for (errno of [EBADF, EFAULT]) assert.throws(send, /a call of the socket failed: Bad /);
  socket.close();
  await socket.drained();
});

test("tells at each datagram that a port is closed, and goes on", async () => {
  for (const hostname of [HOST, "::1"]) {
    const closed = open(libc, { hostname, port: 0 });
    closed.close();
    let told = Promise.withResolvers<string>();
    const socket = open(libc, { hostname, port: 0, onUnreachable: (reason) => told.resolve(reason) });
    const inbox = new Inbox();
    const receiving = socket.receiveAll(inbox);
    // More than a socket that is broken would get.
    for (let count = 0; count < 120; count++) {
      told = Promise.withResolvers();
      await socket.send(Uint8Array.of(1), 1, NetAddress.of(hostname, closed.port));
      assert.equal(await told.promise, "connection refused: no server listens on this port");
    }
    const other = open(libc, { hostname, port: 0 });
    await other.send(Uint8Array.of(2), 1, NetAddress.of(hostname, socket.port));
    assert.deepEqual((await inbox.received(1))[0]!.bytes, Uint8Array.of(2));
    other.close();
    socket.close();
    await receiving;
  }
});

test("is told nothing of a closed port where nobody asks", async () => {
  const closed = open(libc);
  closed.close();
  const server = open(libc);
  const inbox = new Inbox();
  const receiving = server.receiveAll(inbox);
  for (let count = 0; count < 120; count++) {
    await server.send(Uint8Array.of(1), 1, NetAddress.of(HOST, closed.port));
  }
  const other = open(libc);
  for (let count = 1; count <= 3; count++) {
    await other.send(Uint8Array.of(count), 1, NetAddress.of(HOST, server.port));
  }
  assert.equal((await inbox.received(3)).length, 3);
  other.close();
  server.close();
  await receiving;
});

test("loses a message whose control data or bytes were cut off", async () => {
  for (const flag of [0x8, 0x20]) {
    let cuts = 1;
    const cut: LibC = {
      ...libc,
      // The waiting call brings nothing, so that all comes from the other.
      recvmmsgWaiting: async (fd, header, ...rest) => {
        const count = await libc.recvmmsgWaiting(fd, header, ...rest);
        if (count > 0 && cuts-- > 0) (header as Uint32Array)[12]! |= flag;
        return count;
      },
    };
    await using pair = new SocketPair(open(libc), open(cut));
    await pair.send(Uint8Array.of(1));
    await pair.send(Uint8Array.of(2));
    await pair.send(Uint8Array.of(3));
    const received = await pair.inbox.received(1);
    assert(received.every(({ bytes: [first] }) => first! > 1));
  }
});

test("fails where its descriptor does, and where nothing ever comes", async () => {
  const broken = open(failing({ ...libc, recvmmsgWaiting: () => Promise.resolve(-1) }, {
    recvmmsg: (_fd, _vector, count) => count === 0 ? undefined : EBADF,
  }));
  await assert.rejects(broken.receiveAll({ datagram() {}, batchEnded() {} }), /Bad file descriptor/);
  broken.close();
  const idle = open(failing({ ...libc, recvmmsgWaiting: () => Promise.resolve(-1) }, {
    recvmmsg: (_fd, _vector, count) => count === 0 ? undefined : EAGAIN,
  }));
  await assert.rejects(idle.receiveAll({ datagram() {}, batchEnded() {} }), /nothing comes/);
  idle.close();
});

test("open says why a system has no such socket", () => {
  const socket = BatchSocket.open(OPTIONS, failing(libc, { recvmmsg: () => 38 }));
  assert.equal(socket, "recvmmsg: Function not implemented");
});

test("leaves no descriptor open, and no more than 64 threads waiting", async () => {
  // The process has descriptors of other tests, too.
  const opened: number[] = [];
  const watched: LibC = {
    ...libc,
    socket(...parameters) {
      const descriptor = libc.socket(...parameters);
      opened.push(descriptor);
      return descriptor;
    },
    close(descriptor) {
      assert(opened.includes(descriptor), "what is closed is a socket of ours");
      opened.splice(opened.indexOf(descriptor), 1);
      return libc.close(descriptor);
    },
  };
  for (let round = 0; round < 1000; round++) {
    const socket = open(watched);
    const receiving = round % 4 === 0 ? socket.receiveAll({ datagram() {}, batchEnded() {} }) : undefined;
    socket.close();
    await receiving;
  }
  BatchSocket.open(OPTIONS, failing(watched, { recvmmsg: () => 38 }));
  assert.throws(() => open(watched, { hostname: "192.0.2.1", port: 0 }));
  assert.deepEqual(opened, []);
  const sockets = Array.from({ length: 64 }, () => open(libc));
  assert.equal(BatchSocket.open(OPTIONS, libc), "64 sockets have batched calls already");
  for (const socket of sockets) socket.close();
  open(libc).close();
});

test("asks for a receive buffer that takes more than Deno's", () => {
  const socket = open(libc);
  assert(socket.receiveBurstBytes >= 65_536, `${socket.receiveBurstBytes} bytes`);
  socket.close();
});
