import assert from "node:assert/strict";
import fc from "fast-check";
import { InvariantError } from "../../../base/invariant.ts";
import { Random } from "../../../base/random.ts";
import { Link, type LinkOptions } from "../../../netem/link.ts";
import { Network, type Route } from "../../../sim/network.ts";
import type { SimNode, TraceEvent, Transmit } from "../../../sim/node.ts";

const A = "10.0.0.1:1000";
const B = "10.0.0.2:2000";
const C = "10.0.0.3:3000";

/** Sends the datagrams in its outbox, records those that it receives, and has scripted deadlines. */
class Mailbox implements SimNode {
  readonly addresses: readonly string[];
  readonly outbox: { to: string; bytes: Uint8Array; from?: string }[] = [];
  readonly inbox: { nowUs: number; bytes: number[]; from: string; to: string }[] = [];
  readonly timeouts: number[] = [];
  dueUs = Infinity;
  onReceive: (from: string, bytes: Uint8Array) => void = () => {};
  onTimeout: (nowUs: number) => void = () => this.dueUs = Infinity;
  readonly #transmit = { length: 0, to: "", from: "" };

  constructor(...addresses: string[]) {
    this.addresses = addresses;
  }

  post(to: string, ...bytes: number[]): void {
    this.outbox.push({ to, bytes: Uint8Array.from(bytes) });
  }

  receive(nowUs: number, datagram: Uint8Array, from: string, to: string): void {
    this.inbox.push({ nowUs, bytes: [...datagram], from, to });
    this.onReceive(from, datagram);
  }

  pollTransmit(_nowUs: number, buffer: Uint8Array): Transmit | undefined {
    const letter = this.outbox.shift();
    if (letter === undefined) return undefined;
    buffer.set(letter.bytes);
    this.#transmit.length = letter.bytes.length;
    this.#transmit.to = letter.to;
    this.#transmit.from = letter.from ?? this.addresses[0]!;
    return this.#transmit;
  }

  pollTimeout(): number {
    return this.dueUs;
  }

  handleTimeout(nowUs: number): void {
    this.timeouts.push(nowUs);
    this.onTimeout(nowUs);
  }
}

/** Two mailboxes with a link of these options in each direction. */
function makePair(options: LinkOptions = {}, seed = 1) {
  const network = new Network({ seed });
  const a = new Mailbox(A);
  const b = new Mailbox(B);
  const [idA, idB] = [network.addNode(a), network.addNode(b)];
  const links = network.connect(idA, idB, { ab: options, ba: options });
  return { network, a, b, idA, idB, ...links };
}

Deno.test("Network delivers datagrams unchanged, with their addresses, after the link's delay", () => {
  const { network, a, b } = makePair({ delayUs: 500 });
  b.onReceive = (from, bytes) => b.post(from, bytes[0]! + 1);
  a.post(B, 1, 2, 3);
  a.post(B, 4);
  const result = network.run({});
  assert.deepEqual(b.inbox, [
    { nowUs: 500, bytes: [1, 2, 3], from: A, to: B },
    { nowUs: 500, bytes: [4], from: A, to: B },
  ]);
  assert.deepEqual(a.inbox.map(({ nowUs, bytes }) => [nowUs, ...bytes]), [[1000, 2], [1000, 5]]);
  assert.deepEqual(result, { reason: "idle", nowUs: 1000, events: 4 });
  assert.equal(network.delivered, 4);
  assert.equal(network.inTransit, 0);
});

Deno.test("Network.run calls handleTimeout when it is due, rounded up, or at once if it is overdue", () => {
  const { network, a } = makePair();
  const next = [40, 1e6];
  a.dueUs = 33.2;
  a.onTimeout = () => a.dueUs = next.shift() ?? Infinity;
  network.run({ untilUs: 100 });
  assert.deepEqual(a.timeouts, [34, 40]);
  a.dueUs = 50;
  network.run({ untilUs: 200 });
  assert.deepEqual(a.timeouts, [34, 40, 100]);
});

Deno.test("Network.run cancels a deadline that a node no longer has", () => {
  const { network, a, b } = makePair({ delayUs: 10 });
  b.dueUs = 20;
  b.onReceive = () => b.dueUs = Infinity;
  a.post(B, 1);
  network.run({});
  assert.deepEqual(b.timeouts, []);
});

Deno.test("Network.run ends at its deadline, when done, or when idle, and can be continued", () => {
  const { network, a, b } = makePair({ delayUs: 100 });
  a.post(B, 1);
  assert.deepEqual(network.run({ untilUs: 99 }), { reason: "deadline", nowUs: 99, events: 0 });
  a.post(B, 2);
  assert.deepEqual(network.run({ untilUs: 100 }), { reason: "deadline", nowUs: 100, events: 1 });
  assert.deepEqual(network.run({ until: () => b.inbox.length === 2 }), { reason: "done", nowUs: 199, events: 1 });
  assert.deepEqual(network.run({ until: () => true }), { reason: "done", nowUs: 199, events: 0 });
  assert.deepEqual(network.run({ untilUs: 1000 }), { reason: "idle", nowUs: 1000, events: 0 });
  assert.deepEqual(network.run({}), { reason: "idle", nowUs: 1000, events: 0 });
  assert.deepEqual(network.run({ untilUs: 5 }), { reason: "idle", nowUs: 1000, events: 0 });
});

Deno.test("Network.at runs an action at its time, and lets all nodes send afterwards", () => {
  const { network, a, b, ab } = makePair({ delayUs: 10 });
  network.at(300, () => a.post(B, 3));
  network.at(100, () => a.post(B, 1));
  network.at(200, () => ab.change({ delayUs: 50 }));
  network.run({});
  assert.deepEqual(b.inbox.map(({ nowUs, bytes }) => [nowUs, ...bytes]), [[110, 1], [350, 3]]);
  let ran = 0;
  network.at(5, () => ran = network.nowUs);
  network.run({});
  assert.equal(ran, 350);
});

Deno.test("Network.wake lets a node send that was changed in until", () => {
  const { network, a, b, idA } = makePair({ delayUs: 10 });
  b.dueUs = 100;
  let isPosted = false;
  const until = () => {
    if (!isPosted && b.timeouts.length > 0) {
      isPosted = true;
      a.post(B, 1);
      network.wake(idA);
    }
    return false;
  };
  network.run({ until });
  assert.deepEqual(b.inbox.map(({ nowUs }) => nowUs), [110]);
});

Deno.test("Network.connect with an existing link shares its bottleneck and its queue", () => {
  const network = new Network({ seed: 1 });
  const [a, b, c] = [new Mailbox(A), new Mailbox(B), new Mailbox(C)];
  const [idA, idB, idC] = [network.addNode(a), network.addNode(b), network.addNode(c)];
  // 8 Mbit/s: one byte per microsecond.
  const { ab, ba } = network.connect(idA, idC, { ab: { rateBitsPerSecond: 8e6, queueBytes: 5 }, ba: {} });
  assert.deepEqual(network.connect(idB, idC, { ab, ba }), { ab, ba });
  a.post(C, 1, 1, 1);
  b.post(C, 2, 2);
  b.post(C, 3);
  network.run({});
  assert.deepEqual(c.inbox.map(({ nowUs, from }) => [nowUs, from]), [[3, A], [5, B]]);
  assert.equal(ab.stats.queueDropped, 1);
  assert.equal(network.link(idB, idC), ab);
  const other = new Link<Route>({}, { random: new Random(1) });
  const idD = network.addNode(new Mailbox("10.0.0.4:4000"));
  assert.throws(() => network.connect(idD, idC, { ab: other, ba: {} }), InvariantError);
});

Deno.test("Network links unconnected nodes by defaultLink, and drops their datagrams without one", () => {
  for (const defaultLink of [undefined, { delayUs: 70 }]) {
    const network = new Network(defaultLink === undefined ? { seed: 1 } : { seed: 1, defaultLink });
    const [a, b] = [new Mailbox(A), new Mailbox(B)];
    const [idA, idB] = [network.addNode(a), network.addNode(b)];
    a.post(B, 1);
    a.post(C, 1);
    network.run({});
    assert.deepEqual(b.inbox.map(({ nowUs }) => nowUs), defaultLink === undefined ? [] : [70]);
    assert.equal(network.unroutable, defaultLink === undefined ? 2 : 1);
    assert.equal(network.link(idA, idB)?.stats.sent, defaultLink === undefined ? undefined : 1);
  }
});

Deno.test("Network delivers to each address of a node", () => {
  const network = new Network({ seed: 1, defaultLink: {} });
  const a = new Mailbox(A);
  const b = new Mailbox(B, C);
  network.addNode(a);
  network.addNode(b);
  a.post(C, 1);
  b.outbox.push({ to: A, bytes: Uint8Array.of(2), from: C });
  network.run({});
  assert.equal(b.inbox[0]!.to, C);
  assert.equal(a.inbox[0]!.from, C);
});

Deno.test("Network.rebind changes an address for the other nodes only, and loses what is in transit to it", () => {
  const { network, a, b, idA } = makePair({ delayUs: 100 });
  a.post(B, 1);
  b.post(A, 2);
  network.at(50, () => network.rebind(idA, A, C));
  network.at(200, () => {
    a.post(B, 3);
    b.post(C, 4);
    b.post(A, 5);
  });
  network.run({});
  assert.deepEqual(b.inbox.map(({ bytes, from }) => [...bytes, from]), [[1, A], [3, C]]);
  assert.deepEqual(a.inbox, [{ nowUs: 300, bytes: [4], from: B, to: A }]);
  assert.equal(network.unroutable, 2);
  assert.equal(network.inTransit, 0);
  network.rebind(idA, C, A);
  b.post(A, 6);
  network.run({});
  assert.equal(a.inbox.length, 2);
});

Deno.test("Network rejects unknown nodes, duplicate addresses and links, and addresses of other nodes", () => {
  const { network, a, idA, idB } = makePair();
  const fails = (action: () => unknown) => assert.throws(action, InvariantError);
  fails(() => network.addNode(new Mailbox(A)));
  fails(() => network.connect(idA, idB, { ab: {}, ba: {} }));
  fails(() => network.connect(idA, idA, { ab: {}, ba: {} }));
  fails(() => network.connect(idA, 7, { ab: {}, ba: {} }));
  fails(() => network.rebind(idA, B, C));
  fails(() => network.rebind(idA, A, B));
  fails(() => network.wake(7));
  a.outbox.push({ to: B, bytes: Uint8Array.of(1), from: C });
  fails(() => network.run({}));
  a.dueUs = NaN;
  fails(() => network.run({}));
});

Deno.test("Network.run throws if a node hangs: repeated deadlines, endless datagrams, or a loop of datagrams", () => {
  const timer = makePair();
  timer.b.dueUs = 70;
  timer.b.onTimeout = () => {};
  assert.throws(() => timer.network.run({}), /node 1 \(10\.0\.0\.2:2000\) hangs at 70 us: its deadline is due again/);

  const network = new Network({ seed: 1, defaultLink: {} });
  const endless = new Mailbox(A);
  endless.pollTransmit = () => ({ length: 0, to: B, from: A });
  network.addNode(endless);
  assert.throws(() => network.run({}), /node 0 \(10\.0\.0\.1:1000\) hangs at 0 us: it sends without end/);

  const circle = makePair();
  circle.a.receive = () => circle.a.post(B, 1);
  circle.b.receive = () => circle.b.post(A, 1);
  circle.a.post(B, 1);
  assert.throws(() => circle.network.run({}), /hangs at 0 us: it sends without end/);

  const script = new Network({ seed: 1 });
  const again = () => script.at(0, again);
  again();
  assert.throws(() => script.run({}), InvariantError);
});

Deno.test("Network.run accepts any number of deadlines at different times", () => {
  const { network, a } = makePair();
  a.dueUs = 1;
  a.onTimeout = (nowUs) => a.dueUs = nowUs + 1;
  assert.equal(network.run({ untilUs: 100_002 }).events, 100_002);
});

Deno.test("Network calls its trace for each event", () => {
  const log: string[] = [];
  const trace = ({ kind, nowUs, node, from, to, bytes, copies }: TraceEvent) =>
    log.push(`${nowUs} ${kind} ${node} ${from}>${to} ${bytes.length} x${copies}`);
  const network = new Network({ seed: 1, trace, defaultLink: { delayUs: 5, mtuBytes: 3 } });
  const [a, b] = [new Mailbox(A), new Mailbox(B)];
  network.addNode(a);
  network.addNode(b);
  a.post(B, 1, 2, 3);
  a.post(B, 1, 2, 3, 4);
  a.post(C, 1);
  b.dueUs = 9;
  network.run({});
  assert.deepEqual(log, [
    `0 transmit 0 ${A}>${B} 3 x1`,
    `0 transmit 0 ${A}>${B} 4 x0`,
    `0 unroutable -1 ${A}>${C} 1 x0`,
    `5 deliver 1 ${A}>${B} 3 x1`,
    "9 timeout 1 > 0 x0",
  ]);
});

/** Three nodes that send at random over links with every impairment. Returns the digest and every delivery as text. */
function randomRun(seed: number): { digest: string; log: string } {
  const random = new Random(seed).fork("scenario");
  const defaultLink: LinkOptions = {
    rateBitsPerSecond: random.integer(1e6, 1e9),
    delayUs: random.integer(0, 20_000),
    randomWalkUs: random.integer(0, 5000),
    loss: random.float() * 0.3,
    duplicate: 0.1,
    corrupt: 0.1,
    reorder: { probability: 0.1, extraDelayUs: 3000 },
    queueBytes: 20_000,
  };
  let log = "";
  const network = new Network({
    seed,
    defaultLink,
    trace: ({ kind, nowUs, from, to, bytes }) => {
      if (kind === "deliver") log += `${nowUs} ${from} ${to} ${bytes}\n`;
    },
  });
  const mailboxes = [A, B, C].map((address) => new Mailbox(address));
  for (const mailbox of mailboxes) {
    network.addNode(mailbox);
    mailbox.onReceive = (from) => {
      if (random.chance(0.9)) mailbox.post(from, ...random.bytes(random.integer(0, 30)));
    };
    mailbox.dueUs = 0;
    mailbox.onTimeout = (nowUs) => {
      mailbox.post(random.pick([A, B, C]), ...random.bytes(random.integer(0, 30)));
      mailbox.dueUs = nowUs + 1 + random.integer(0, 6000);
    };
  }
  network.run({ untilUs: 200_000 });
  return { digest: network.digest, log };
}

Deno.test("Network repeats a run exactly for the same seed, and its digest differs for another", () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (seed) => {
      const [first, again, other] = [randomRun(seed), randomRun(seed), randomRun(seed === 0 ? 1 : seed - 1)];
      assert.deepEqual(again, first);
      assert.ok(first.log.length > 0);
      assert.notEqual(other.digest, first.digest);
    }),
    { seed: 1, numRuns: 15 },
  );
});

Deno.test("Network.digest depends on every bit, address and microsecond", () => {
  const digest = (delayUs: number, from: string, bytes: number[]): string => {
    const network = new Network({ seed: 1, defaultLink: { delayUs } });
    const a = new Mailbox(A, C);
    network.addNode(a);
    network.addNode(new Mailbox(B));
    a.outbox.push({ to: B, bytes: Uint8Array.from(bytes), from });
    network.run({});
    return network.digest;
  };
  const digests = [
    digest(10, A, [1, 2]),
    digest(11, A, [1, 2]),
    digest(10 + 2 ** 32, A, [1, 2]),
    digest(10, C, [1, 2]),
    digest(10, A, [1, 3]),
    digest(10, A, [1, 2, 0]),
  ];
  assert.equal(new Set(digests).size, digests.length);
  assert.equal(digest(10, A, [1, 2]), digests[0]);
});
